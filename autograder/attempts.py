"""The attempts of one student at one chapter: the newest in its place, the others kept beside it, none lost.

Writes submitted/STUDENT/CHAPTER: the newest attempt as CHAPTER.ipynb, the time of handing in, where it is known, in
timestamp.txt, older attempts in .earlier/, and what is known of each in .attempts.json, by which the same files
collected again change nothing. Each file is written whole or not at all, and a notebook is kept before its successor
takes its place. A notebook that was put or changed there by hand is an attempt too.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

from nbgrader.utils import parse_utc

from autograder.uploads import Unreadable

TIME_FORMAT = "%Y-%m-%d %H:%M:%S.%f UTC"


@dataclass(frozen=True, order=True)
class Attempt:
    """One file handed in; of two, the greater one is the newer.

    is_notebook: whether it looks like one, which an upload that broke off does not. time: UTC, in nbgrader's format;
    is_known: whether it is the time of handing in, or only serves to tell old from new. attachment, copies and
    position decide between files of one time. person: the learning platform's number for the student, "" if none.
    """

    is_notebook: bool
    time: str
    attachment: int
    copies: tuple[int, ...]
    position: int
    sha256: str
    is_known: bool
    source: str
    person: str


@dataclass(frozen=True)
class Filed:
    """What `file_attempts` found: the newest attempt, whether it is new in its place and whether it replaced another.

    since: the time when the newest was first handed in, "" if unknown. kept: where each older attempt lies, by hash.
    """

    newest: Attempt
    is_new: bool
    replaced: bool
    since: str
    kept: dict[str, Path]


def looks_like_notebook(data: bytes) -> bool:
    """Whether this is a JSON object with cells, as far as can be said without parsing it."""
    return data.lstrip()[:1] == b"{" and data.rstrip()[-1:] == b"}" and b'"cells"' in data


def file_attempts(folder: Path, incoming: dict[Attempt, Callable[[], bytes]]) -> Filed:
    """File the attempts in submitted/STUDENT/CHAPTER, which is `folder`; the values of `incoming` read the files.

    Raises Unreadable, with the newest attempt as it was, where `folder` is not what it should be or a file cannot be
    read again.
    """
    target, earlier = folder / f"{folder.name}.ipynb", folder / ".earlier"
    _check(folder, target, earlier)
    present = _sha256(target.read_bytes()) if target.exists() else ""
    kept = {_sha256(path.read_bytes()): path for path in sorted(earlier.glob("*.ipynb"))}
    known = [attempt for attempt in recorded(folder) if attempt.sha256 in {present, *kept}]
    if present and present not in {attempt.sha256 for attempt in known}:
        known.append(_by_hand(folder, target, present, alone=not known))
    everything = sorted({*known, *incoming})
    newest = everything[-1]
    first = list(takewhile(lambda attempt: attempt.sha256 == newest.sha256, reversed(everything)))[-1]
    readers = {attempt.sha256: read for attempt, read in incoming.items()}
    readers |= {sha256: path.read_bytes for sha256, path in kept.items()}
    older = {attempt.sha256: attempt for attempt in everything if attempt.sha256 != newest.sha256}
    data = _read(readers[newest.sha256], newest) if newest.sha256 != present else b""
    for sha256, attempt in older.items():
        if sha256 not in kept:
            kept[sha256] = earlier / f"{attempt.time[:19].replace(' ', '_').replace(':', '')}_{sha256[:12]}.ipynb"
            text = target.read_bytes() if sha256 == present else _read(readers[sha256], attempt)
            _write(kept[sha256], text)
    _record(folder, everything)
    timestamp = folder / "timestamp.txt"
    if newest.sha256 != present:
        if first.is_known:
            _write(timestamp, first.time.encode())
        else:
            timestamp.unlink(missing_ok=True)
        _write(target, data)
    elif first.is_known and not timestamp.exists():
        _write(timestamp, first.time.encode())
    since = first.time if first.is_known else ""
    return Filed(newest, newest.sha256 != present, bool(present), since, {name: kept[name] for name in older})


def recorded(folder: Path) -> list[Attempt]:
    """The attempts that were filed in the folder submitted/STUDENT/CHAPTER; none where the record cannot be read."""
    try:
        entries = json.loads((folder / ".attempts.json").read_text(encoding="utf-8"))
        return [Attempt(**{**entry, "copies": tuple(entry["copies"])}) for entry in entries]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _record(folder: Path, attempts: Iterable[Attempt]) -> None:
    path = folder / ".attempts.json"
    text = (json.dumps([asdict(attempt) for attempt in attempts], indent=1) + "\n").encode()
    if not path.exists() or path.read_bytes() != text:
        _write(path, text)


def _check(folder: Path, target: Path, earlier: Path) -> None:
    """Raise Unreadable where a link would lead elsewhere, or a file stands where a folder has to be."""
    files = [target, folder / "timestamp.txt", folder / ".attempts.json"]
    for path in (folder.parent, folder, earlier, *files, *(earlier.iterdir() if earlier.is_dir() else ())):
        place = path.relative_to(folder.parents[1]).as_posix()
        if path.is_symlink():
            raise Unreadable(f"was not filed, because {place} in submitted/ is a link: remove the link")
        expected = path.is_dir() if path in (folder.parent, folder, earlier) else path.is_file()
        if path.exists() and not expected:
            raise Unreadable(f"was not filed, because {place} in submitted/ is in its way: move that away")


def _by_hand(folder: Path, target: Path, sha256: str, alone: bool) -> Attempt:
    """The notebook that somebody put or changed in its place; `alone` says that none was collected before."""
    time, is_known = datetime.fromtimestamp(target.stat().st_mtime, UTC), False
    if alone:
        try:
            time = parse_utc((folder / "timestamp.txt").read_text(encoding="utf-8").strip()).replace(tzinfo=UTC)
            is_known = True
        except (OSError, ValueError, OverflowError):
            pass
    looks = looks_like_notebook(target.read_bytes())
    return Attempt(looks, time.strftime(TIME_FORMAT), 0, (), 0, sha256, is_known, "by hand", "")


def _read(read: Callable[[], bytes], attempt: Attempt) -> bytes:
    data = read()
    if _sha256(data) != attempt.sha256:
        raise Unreadable("changed while it was read: collect it again")
    return data


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:80]}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
