"""The files in a download from a learning platform, a zip or a folder, of which nothing is trusted.

Reads; writes nothing and unpacks nothing to the disk. A file is read when it is asked for, piece by piece, and reading
stops at limits on what really comes out, whatever a zip's header says. Only the two compressions that learning
platforms use are read: for others, some versions of Python unpack without a limit.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from autograder.course import Refusal

MOST_FILES = 20_000
MEGABYTE = 1 << 20
MOST_BYTES = 64 * MEGABYTE
MOST_BYTES_IN_ALL = 8192 * MEGABYTE
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    RuntimeError,
    NotImplementedError,
)
LONGEST_NAME = 1000
NO_TIME = (1980, 1, 1, 0, 0, 0)
TIMES_FIELD = 0x5455


class Unreadable(Exception):
    """One file cannot be had; the message goes on after the file's name and says what to do."""


@dataclass(frozen=True)
class Upload:
    """One file of the download.

    name: its path in the download, parted by "/". time: when it was last changed, in UTC, if that is known.
    fault: why it must not be read, "" if it may. read: returns its bytes; raises Unreadable.
    """

    name: str
    time: datetime | None
    fault: str
    read: Callable[[], bytes] = field(compare=False, repr=False)


def shown(name: str, most: int = 90) -> str:
    """A name that may hold anything, fit for a terminal: control characters as ?, the middle of a long one left out."""
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 2 :]}"


@contextmanager
def open_uploads(source: Path) -> Iterator[list[Upload]]:
    """The files in the zip or folder `source`, which stays open meanwhile; Refusal where it is neither of the two."""
    source, budget = Path(source), _Budget()
    if source.is_dir():
        yield list(_in_folder(source, budget))
    elif source.is_file():
        try:
            archive = zipfile.ZipFile(source)
        except DAMAGE as error:
            reason = getattr(error, "strerror", None) or "it is of another kind or its end is missing"
            raise Refusal(f"{source} is no readable zip file ({reason}): download it again.") from None
        with archive:
            entries = archive.infolist()
            if len(entries) > MOST_FILES:
                raise Refusal(f"{source} holds more than {MOST_FILES:,} files: this is no class's download.")
            yield [_entry(archive, info, budget) for info in entries if info.orig_filename[-1:] not in ("/", "\\")]
    else:
        raise Refusal(f"There is no zip file or folder {source}: give the path of what you downloaded.")


class _Budget:
    """What may still be unpacked, in bytes."""

    def __init__(self):
        self.left = MOST_BYTES_IN_ALL

    def read(self, stream) -> bytes:
        """All of a stream; Unreadable when it is too much."""
        data = bytearray()
        while piece := stream.read(MEGABYTE):
            data += piece
            self.left -= len(piece)
            if len(data) > MOST_BYTES:
                raise Unreadable(f"unpacks to more than {MOST_BYTES // MEGABYTE} MB: ask for it with outputs cleared")
            if self.left < 0:
                raise Unreadable(f"was not read, after {MOST_BYTES_IN_ALL // MEGABYTE} MB in all: collect it apart")
        return bytes(data)


def _entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> Upload:
    """A file of a zip. Some programs part folders by a backslash."""
    name = info.orig_filename.replace("\\", "/")
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    fault = _name_fault(name)
    if kind == stat.S_IFLNK:
        fault = "is a link to somewhere else: ask for the file itself"
    elif kind not in (0, stat.S_IFREG):
        fault = "is no ordinary file: ask for the notebook itself"
    elif info.flag_bits & 0x1:
        fault = "is encrypted: ask for it without a password"
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        fault = "is compressed in an unusual way: unpack the zip yourself and collect the folder"
    return Upload(name, _entry_time(info), fault, partial(_read_entry, archive, info, budget))


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, budget: _Budget) -> bytes:
    try:
        with archive.open(info) as stream:
            return budget.read(stream)
    except DAMAGE:
        raise Unreadable("is damaged in the zip: download the zip again") from None


def _name_fault(name: str) -> str:
    """Why a path in a zip is not to be trusted, "" where it is harmless."""
    parts = name.split("/")
    if "\0" in name:
        return "has a name with a NUL in it: ask for it under another name"
    if len(name) > LONGEST_NAME:
        return "has a very long name: ask for it under a shorter one"
    if name.startswith("/") or ".." in parts or (parts[0][1:2] == ":" and parts[0][0].isalpha()):
        return "has a name that leads out of its folder: ask for it under another name"
    return ""


def _entry_time(info: zipfile.ZipInfo) -> datetime | None:
    """When a file of a zip was changed: the exact time if there is one, else the zip's, which is local time."""
    extra = info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == TIMES_FIELD and length >= 5 and len(extra) >= 9 and extra[4] & 1:
            return datetime.fromtimestamp(struct.unpack("<i", extra[5:9])[0], UTC)
        extra = extra[4 + length :]
    try:
        return None if info.date_time == NO_TIME else datetime(*info.date_time).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _in_folder(folder: Path, budget: _Budget) -> Iterator[Upload]:
    """The files below a folder, sorted; links are not followed."""
    waiting, found = [folder], []
    while waiting:
        current = waiting.pop()
        try:
            with os.scandir(current) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    else:
                        found.append((Path(entry.path), entry.stat(follow_symlinks=False), ""))
        except OSError as error:
            fault = f"cannot be opened ({error.strerror}): give yourself the right to read it"
            found.append((current, None, fault))
        if len(found) > MOST_FILES:
            raise Refusal(f"{folder} holds more than {MOST_FILES:,} files: this is no class's download.")
    for path, status, fault in sorted(found, key=lambda file: file[0]):
        if status and stat.S_ISLNK(status.st_mode):
            fault = "is a link to somewhere else: ask for the file itself"
        elif status and not stat.S_ISREG(status.st_mode):
            fault = "is no ordinary file: ask for the notebook itself"
        time = datetime.fromtimestamp(status.st_mtime, UTC) if status else None
        yield Upload(path.relative_to(folder).as_posix(), time, fault, partial(_read_file, path, budget))


def _read_file(path: Path, budget: _Budget) -> bytes:
    try:
        with open(path, "rb", opener=_without_following) as stream:
            return budget.read(stream)
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror}): give yourself the right to read it") from None


def _without_following(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
