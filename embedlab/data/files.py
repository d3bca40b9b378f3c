"""Files that are too large to ship: kept in a cache, taken from a mirror or from their public hosts.

What it does to the world: `fetch` and `locate` may download (only when called) and write below the cache folder, which
is the user's cache or the folder that the environment variable EMBEDLAB_CACHE names. EMBEDLAB_MIRROR, a folder or an
http(s) address, replaces the public hosts. A mirror is laid out as the cache is, so a filled cache can serve as one.

A file gets its name only after its checksum was found right; until then its name ends in ".partial", and it is removed
when anything goes wrong. Which files there are and what their checksums are stands in registry.toml.
"""

import errno
import hashlib
import os
import re
import secrets
import tomllib
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

ALGORITHMS = ("sha256", "md5", "git_blob")
TIMEOUT = 30  # seconds without any answer or data
CHUNK = 1 << 18  # bytes


class DataError(RuntimeError):
    """A file could not be had; the message is one sentence that says why and what to do."""


class MissingFile(DataError):
    """The mirror or the public host answers, and does not have the file."""


@dataclass(frozen=True)
class File:
    """One entry of the registry; registry.toml explains the fields."""

    name: str
    url: str | None = None
    sha256: str | None = None
    md5: str | None = None
    git_blob: str | None = None
    size: int | None = None
    title: str | None = None
    subset_of: str | None = None
    packed_in: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set of the registry: what it is, its terms in a line, its home page and its files in order."""

    about: str
    licence: str
    home: str
    files: tuple[File, ...]


def parse(text):
    """Return the data sets of a registry in TOML, a dict from name to Dataset."""
    entries = tomllib.loads(text)
    return {
        name: Dataset(**{**entry, "files": tuple(File(**file) for file in entry["files"])})
        for name, entry in entries.items()
    }


@cache
def registry():
    """Return the data sets that the course knows, a dict from name to Dataset."""
    return parse(resources.files("embedlab.data").joinpath("registry.toml").read_text(encoding="utf-8"))


def all_files():
    """Return every file of the registry, a dict from name to File."""
    return {file.name: file for dataset in registry().values() for file in dataset.files}


def cache_folder():
    """Return the folder that downloads are kept in: EMBEDLAB_CACHE, or the user's own cache."""
    return Path(os.environ.get("EMBEDLAB_CACHE") or pooch.os_cache("embedlab")).expanduser()


def mirror():
    """Return EMBEDLAB_MIRROR as a Path or as an address without the last slash; None where it is not set.

    Raises DataError if it is neither an http(s) address nor a folder.
    """
    value = os.environ.get("EMBEDLAB_MIRROR", "").strip()
    if not value:
        return None
    if re.match(r"https?://[\w.@:\[\]-]+(/|$)", value, re.IGNORECASE):
        return value.rstrip("/")
    folder = Path(value).expanduser()
    if os.path.isdir(folder):
        return folder
    raise DataError(
        f"EMBEDLAB_MIRROR is {value}, which is neither a folder that can be read nor an http or https address: "
        "correct it, or unset it to download from the public hosts."
    )


def digest(path, algorithm):
    """Return the checksum of the file at `path` in hexadecimal; `algorithm` is one of ALGORITHMS."""
    name = "sha1" if algorithm == "git_blob" else algorithm
    state = hashlib.new(name, usedforsecurity=False)
    if algorithm == "git_blob":
        state.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: state).hexdigest()


def problem(path, file):
    """Return what is wrong with the copy of `file` at `path`, in words, or "" where size and checksum are right."""
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"it has {size:,} bytes and not {file.size:,}"
    algorithm = next(name for name in ALGORITHMS if getattr(file, name))
    found = digest(path, algorithm)
    if found != getattr(file, algorithm):
        return f"its {algorithm} begins with {found[:8]} and not with {getattr(file, algorithm)[:8]}"
    return ""


def cached(file):
    """Return whether a sound copy of `file` is in the cache."""
    path = cache_folder() / file.name
    return path.is_file() and not problem(path, file)


def locate(name):
    """Return the paths of the file `name`, fetched if needed: one path, or those of the subsets that stand in for it.

    Subsets, and the zip that a file is packed in, are taken only where a mirror is set and does not hold the file
    itself. Raises DataError as `fetch` does.
    """
    file = all_files()[name]
    if _cached_or_fail(file):
        return [cache_folder() / name]
    has_mirror = bool(os.environ.get("EMBEDLAB_MIRROR", "").strip())
    subsets = [other for other in all_files().values() if has_mirror and other.subset_of == name]
    if subsets and all(map(_cached_or_fail, subsets)):
        return [cache_folder() / other.name for other in subsets]
    try:
        return [fetch(file)]
    except MissingFile:
        if has_mirror and file.packed_in:
            return [_unpack(file)]
        if not subsets:
            raise
    try:
        return [fetch(other) for other in subsets]
    except MissingFile:
        names = " and ".join(other.name for other in subsets)
        raise MissingFile(f"The mirror {mirror()} lacks both {name} and its subset {names}: add one of them.") from None


def fetch(file, source=None):
    """Return the path of `file` in the cache; where no sound copy is there, take it from the mirror or its public host.

    file: a File of the registry. source: where to take it from instead, a path on this machine or in an open zip.
    Raises MissingFile where the source does not have it, and DataError where there is no connection, the download
    breaks off, its checksum is wrong, the disk is full, or a folder cannot be read or written. Nothing of the
    download is left then.
    """
    path = cache_folder() / file.name
    if _cached_or_fail(file):
        return path
    source = source or _source(file)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as stream:
            _copy(file, source, stream)
        wrong = problem(partial, file)
        if wrong:
            raise DataError(
                f"What {source} holds is not the registered file {file.name} ({wrong}): nothing was kept; try again, "
                "and if that does not help, report it to whoever looks after the course or the mirror."
            )
        partial.replace(path)
    except OSError as error:
        raise _cache_error(file, error) from error
    finally:
        _remove(partial)
    return path


def _unpack(file):
    """Return the path of `file` in the cache, taken out of the zip of a mirror that it is packed in."""
    try:
        pack = fetch(all_files()[file.packed_in])
    except MissingFile:
        raise MissingFile(
            f"The mirror {mirror()} lacks both {file.name} and its zip {file.packed_in}: add one of them."
        ) from None
    with zipfile.ZipFile(pack) as archive:
        return fetch(file, zipfile.Path(archive, file.name.partition("/")[2]))


def _cached_or_fail(file):
    """`cached`, with DataError where the cache cannot be read."""
    try:
        return cached(file)
    except OSError as error:
        raise _cache_error(file, error) from error


def _cache_error(file, error):
    """Return the DataError for an OSError of the cache."""
    folder = cache_folder()
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        needed = f"{file.size / 1e6:,.1f} MB" if file.size else "its bytes"
        return DataError(
            f"The disk that holds {folder} has no room for the {needed} of {file.name}: free some space, or set "
            "EMBEDLAB_CACHE to a folder on another disk."
        )
    return DataError(
        f"{file.name} cannot be kept in the cache {folder} ({error.strerror or error}): make that folder readable and "
        "writable, or set EMBEDLAB_CACHE to another one."
    )


def _remove(path):
    """Remove a file if it is there; a disk that refuses even that is not what the user should read about."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        pass


def _source(file):
    """Return where `file` comes from: a Path in the mirror, or an address. DataError if from nowhere."""
    place = mirror()
    if isinstance(place, Path):
        return place / file.name
    if place:
        return f"{place}/{file.name}"
    if file.url is None:
        raise DataError(f"{file.name} is only in mirrors: set EMBEDLAB_MIRROR to a folder or address that holds it.")
    return file.url


def _copy(file, source, stream):
    """Write the bytes at `source` to the open file `stream`; errors of the source are DataErrors."""
    if not isinstance(source, str):
        for chunk in _chunks(file, source):
            stream.write(chunk)
        return
    host = urlsplit(source).netloc.rpartition("@")[2]
    try:
        # Without compression on the way the progress bar knows how much there is.
        options = {"headers": {"Accept-Encoding": "identity"}, "timeout": TIMEOUT}
        # pooch corrects the total, which must not be zero before; None: the bar is for terminals only.
        with tqdm(desc=file.name, total=file.size or 1, unit="B", unit_scale=True, disable=None) as bar:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, **options)(source, stream, None)
    except requests.HTTPError as error:
        status = f"{error.response.status_code} {error.response.reason}"
        if error.response.status_code in (404, 410):
            raise MissingFile(f"{host} does not have {file.name}: {source} answers {status}.") from error
        raise DataError(f"{host} does not give out {file.name} ({status}): try again later.") from error
    except requests.exceptions.SSLError as error:
        raise DataError(
            f"{file.name} was not downloaded, because the certificate of {host} could not be checked: correct this "
            "machine's clock or certificates, or set EMBEDLAB_MIRROR to a folder that holds the file."
        ) from error
    except requests.RequestException as error:
        if stream.tell():
            raise DataError(
                f"The download of {file.name} from {host} broke off after {stream.tell():,} bytes and nothing was "
                "kept: run it again."
            ) from error
        raise DataError(
            f"{file.name} could not be downloaded, because {host} cannot be reached: check the network, or set "
            "EMBEDLAB_MIRROR to a folder or address that holds the file."
        ) from error


def _chunks(file, path):
    """Yield the bytes of the mirror's file at `path`; DataError where it cannot be read."""
    try:
        with path.open("rb") as original:
            while chunk := original.read(CHUNK):
                yield chunk
    except (FileNotFoundError, NotADirectoryError):
        raise MissingFile(f"The mirror does not have {file.name}: there is no file {path}.") from None
    except OSError as error:
        raise DataError(
            f"The mirror's file {path} cannot be read ({error.strerror}): mend its permissions or the drive."
        ) from error
