"""Files from a mirror or a public host: checked, kept whole or not at all, and every error is one sentence."""

import errno
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from data_hosts import OTHER, PACKED, PARTS, WHOLE, cache, fails_with, files_in, git_blob, host, mirror, put, zipped

from embedlab.data import files


def test_a_public_file_is_downloaded_once(cache, host):
    [path] = files.locate("small/whole.txt")
    assert path == cache / "small/whole.txt" and path.read_bytes() == WHOLE
    assert files.locate("small/whole.txt") == [path]
    assert files.fetch(files.all_files()["small/whole.txt"]) == path
    assert host.asked == ["/public/small.txt"] and files_in(cache) == ["small/whole.txt"]
    assert host.encodings == {"identity"}, "else the progress bar counts compressed bytes"


def test_a_file_known_by_its_git_blob_is_checked(cache, host):
    [path] = files.locate("other.txt")
    assert path.read_bytes() == OTHER
    path.unlink()
    host.files["/public/other.txt"] = OTHER.replace(b"\r", b"")
    with fails_with("git_blob begins with"):
        files.locate("other.txt")


def test_git_itself_prints_the_same_checksum(tmp_path):
    path = tmp_path / "other.txt"
    path.write_bytes(OTHER)
    assert files.digest(path, "git_blob") == git_blob(OTHER)
    assert git_blob(b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_a_damaged_copy_in_the_cache_is_replaced(cache, host):
    for damaged in (WHOLE[:-1], b"W" + WHOLE[1:]):
        put(cache, "small/whole.txt", damaged)
        [path] = files.locate("small/whole.txt")
        assert path.read_bytes() == WHOLE
    assert len(host.asked) == 2


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_address_as_mirror_replaces_the_public_host(cache, host, monkeypatch, slash):
    monkeypatch.setenv("EMBEDLAB_MIRROR", f"{host.address}/class{slash}")
    host.files = {"/class/small/whole.txt": WHOLE}
    assert [path.read_bytes() for path in files.locate("small/whole.txt")] == [WHOLE]
    assert host.asked == ["/class/small/whole.txt"]


def test_a_folder_as_mirror_replaces_the_public_host(cache, host, mirror):
    put(mirror, "small/whole.txt", WHOLE)
    assert [path.read_bytes() for path in files.locate("small/whole.txt")] == [WHOLE]
    assert host.asked == [] and files_in(cache) == ["small/whole.txt"]


def test_a_mirror_may_hold_the_subset_only(cache, host, mirror):
    for name, content in PARTS.items():
        put(mirror, name, content)
    paths = files.locate("small/whole.txt")
    assert [path.read_bytes() for path in paths] == list(PARTS.values())
    mirror.rename(mirror.with_name("unplugged"))
    assert files.locate("small/whole.txt") == paths, "the cache serves them without the mirror"
    assert host.asked == []
    put(cache, "small/whole.txt", WHOLE)
    assert files.locate("small/whole.txt") == [cache / "small/whole.txt"], "the whole file comes first"


def test_an_address_as_mirror_may_hold_the_subset_only(host, monkeypatch):
    monkeypatch.setenv("EMBEDLAB_MIRROR", host.address)
    host.files = {f"/{name}": content for name, content in PARTS.items()}
    assert [path.read_bytes() for path in files.locate("small/whole.txt")] == list(PARTS.values())


def test_a_mirror_may_hold_a_file_in_a_zip(cache, host, mirror):
    put(mirror, "packs/all.zip", zipped())
    [path] = files.locate("packs/folder/packed.txt")
    assert path == cache / "packs/folder/packed.txt" and path.read_bytes() == PACKED
    mirror.rename(mirror.with_name("unplugged"))
    assert files.locate("packs/folder/packed.txt") == [path] and host.asked == []
    assert files_in(cache) == ["packs/all.zip", "packs/folder/packed.txt"]


def test_an_address_as_mirror_may_hold_a_file_in_a_zip(host, monkeypatch):
    monkeypatch.setenv("EMBEDLAB_MIRROR", host.address)
    host.files = {"/packs/all.zip": zipped()}
    assert [path.read_bytes() for path in files.locate("packs/folder/packed.txt")] == [PACKED]


def test_a_zip_whose_file_is_another_one_is_refused(cache, mirror, monkeypatch):
    known = {name: replace(file, sha256="0" * 64) for name, file in files.all_files().items() if "packed" in name}
    known["packs/all.zip"] = files.all_files()["packs/all.zip"]
    monkeypatch.setattr(files, "all_files", lambda: known)
    put(mirror, "packs/all.zip", zipped())
    with fails_with("is not the registered file packs/folder/packed.txt"):
        files.locate("packs/folder/packed.txt")
    assert files_in(cache) == ["packs/all.zip"]


def test_without_a_mirror_a_zip_is_not_taken(cache, host):
    put(cache, "packs/all.zip", zipped())
    assert [path.read_bytes() for path in files.locate("packs/folder/packed.txt")] == [PACKED]
    assert host.asked == ["/public/packed.txt"]
    (cache / "packs/folder/packed.txt").unlink()
    host.files = {}
    with fails_with("does not have packs/folder/packed.txt"):
        files.locate("packs/folder/packed.txt")


def test_a_mirror_with_neither_file_nor_zip(cache, mirror, host):
    with fails_with("mirror lacks both packs/folder/packed.txt and its zip packs/all.zip: add one of them"):
        files.locate("packs/folder/packed.txt")
    assert files_in(cache) == [] and host.asked == []


def test_without_a_mirror_the_whole_set_is_taken_though_the_subset_is_there(cache, mirror, monkeypatch):
    for name, content in PARTS.items():
        put(mirror, name, content)
    files.locate("small/whole.txt")
    monkeypatch.delenv("EMBEDLAB_MIRROR")
    assert [path.read_bytes() for path in files.locate("small/whole.txt")] == [WHOLE]


def test_a_damaged_whole_file_in_a_mirror_is_an_error_and_no_reason_to_take_the_subset(cache, mirror):
    put(mirror, "small/whole.txt", WHOLE[:-1] + b"!")
    for name, content in PARTS.items():
        put(mirror, name, content)
    with fails_with("is not the registered file small/whole.txt .its sha256 begins with .{8} and not with .{8}"):
        files.locate("small/whole.txt")
    assert files_in(cache) == []


def test_a_filled_cache_is_a_mirror_and_needs_no_source_any_more(cache, host, tmp_path, monkeypatch):
    files.locate("small/whole.txt")
    monkeypatch.setenv("EMBEDLAB_CACHE", str(tmp_path / "second"))
    monkeypatch.setenv("EMBEDLAB_MIRROR", str(cache))
    assert [path.read_bytes() for path in files.locate("small/whole.txt")] == [WHOLE]
    monkeypatch.setenv("EMBEDLAB_MIRROR", str(tmp_path / "unplugged"))
    assert [path.read_bytes() for path in files.locate("small/whole.txt")] == [WHOLE]
    assert len(host.asked) == 1


def test_a_file_that_is_gone_from_its_host(cache, host):
    host.files = {}
    with fails_with("127.0.0.1:.* does not have small/whole.txt: .*/public/small.txt answers 404 Not Found"):
        files.locate("small/whole.txt")
    assert files_in(cache) == []


def test_a_host_that_is_busy(cache, host):
    host.behaviour = "busy"
    with fails_with(r"\(503 Service Unavailable\): try again later"):
        files.locate("small/whole.txt")
    assert files_in(cache) == []


def test_no_network(cache, host, monkeypatch):
    host.server.shutdown()
    host.server.server_close()
    with fails_with("whole.txt could not be downloaded, because 127.0.0.1:.* cannot be reached: check the network"):
        files.locate("small/whole.txt")
    assert files_in(cache) == []
    monkeypatch.setenv("EMBEDLAB_MIRROR", "http://user:secret@127.0.0.1:9/x")
    with fails_with("because 127.0.0.1:9 cannot be reached"):
        files.locate("small/whole.txt")


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [
        ("broken off", r"download of small/whole.txt from .* broke off after [\d,]+ bytes and nothing was kept"),
        ("silent half-way", "broke off after"),
        ("cut short without saying the length", "it has 110,000 bytes and not 220,000.*nothing was kept"),
    ],
)
def test_an_interrupted_download_leaves_nothing(cache, host, monkeypatch, behaviour, sentence):
    monkeypatch.setattr(files, "TIMEOUT", 0.5)
    monkeypatch.setattr(files, "CHUNK", 1000)
    host.behaviour = behaviour
    start = time.monotonic()
    with fails_with(sentence):
        files.locate("small/whole.txt")
    assert files_in(cache) == [] and time.monotonic() - start < 2.5


def test_a_login_page_in_place_of_the_file(cache, host):
    host.files["/public/small.txt"] = b"<html>log in first</html>"
    with fails_with("is not the registered file small/whole.txt .it has 25 bytes and not 220,000.: nothing was kept"):
        files.locate("small/whole.txt")
    assert files_in(cache) == []


@pytest.mark.parametrize("source", ["host", "folder"])
@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "has no room for the 0.2 MB of small/whole.txt: free some space"),
        (errno.EROFS, "cannot be kept in the cache .*Read-only file system"),
    ],
)
def test_a_full_or_read_only_disk(cache, request, monkeypatch, source, number, sentence):
    if source == "folder":
        put(request.getfixturevalue("mirror"), "small/whole.txt", WHOLE)
    opened = Path.open

    class Full:
        def __init__(self, stream):
            self.stream = stream

        def write(self, chunk):
            self.stream.write(chunk[:100])
            raise OSError(number, os.strerror(number))

        def __getattr__(self, name):
            return getattr(self.stream, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.stream.close()

    def open_full(path, mode="r", *arguments, **options):
        stream = opened(path, mode, *arguments, **options)
        return Full(stream) if "x" in mode else stream

    monkeypatch.setattr(Path, "open", open_full)
    with fails_with(sentence):
        files.locate("small/whole.txt")
    assert files_in(cache) == []


def test_a_cache_that_is_no_folder(cache, host):
    cache.write_text("a file")
    with fails_with("cannot be kept in the cache"):
        files.locate("small/whole.txt")
    assert cache.read_text() == "a file"


def test_ctrl_c_leaves_nothing(cache, mirror, monkeypatch):
    put(mirror, "small/whole.txt", WHOLE)

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "problem", stop)
    with pytest.raises(KeyboardInterrupt):
        files.locate("small/whole.txt")
    assert files_in(cache) == []


def test_a_mirror_without_the_file(cache, mirror, host):
    with fails_with("The mirror does not have other.txt: there is no file .*other.txt"):
        files.locate("other.txt")
    with fails_with("The mirror .*mirror lacks both small/whole.txt and its subset small/part1.txt and .*part2"):
        files.locate("small/whole.txt")
    assert files_in(cache) == [] and host.asked == []


def test_a_mirror_with_half_of_the_subset(cache, mirror, host):
    put(mirror, "small/part1.txt", PARTS["small/part1.txt"])
    with fails_with("lacks both"):
        files.locate("small/whole.txt")
    assert "small/whole.txt" not in files_in(cache) and host.asked == []


def test_a_mirror_that_cannot_be_read(cache, mirror):
    (mirror / "other.txt").mkdir()
    with fails_with(r"The mirror's file .*other.txt cannot be read \("):
        files.locate("other.txt")
    assert files_in(cache) == []


def test_a_mirror_file_without_permission(cache, mirror, monkeypatch):
    put(mirror, "other.txt", OTHER)
    opened = Path.open

    def refuse(path, *arguments, **options):
        if mirror in path.parents:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with fails_with("mirror/other.txt cannot be read .Permission denied.: mend its permissions"):
        files.locate("other.txt")
    assert files_in(cache) == []


@pytest.mark.parametrize("value", ["no/such/folder", "ftp://example.org/data", "http://", "file:///tmp", "https:/typo"])
def test_a_mirror_that_is_none(cache, host, monkeypatch, value):
    monkeypatch.setenv("EMBEDLAB_MIRROR", value)
    with fails_with(f"EMBEDLAB_MIRROR is {value}, which is neither a folder that can be read nor an http"):
        files.locate("other.txt")
    assert files_in(cache) == [] and host.asked == []


def test_a_subset_has_no_public_host(cache, host):
    with fails_with("part1.txt is only in mirrors"):
        files.fetch(files.all_files()["small/part1.txt"])
    assert files_in(cache) == [] and host.asked == []


def test_the_cache_is_the_users_where_nothing_else_is_named(monkeypatch):
    monkeypatch.delenv("EMBEDLAB_CACHE")
    assert files.cache_folder().is_absolute() and "embedlab" in files.cache_folder().parts


def test_progress_is_shown_on_a_terminal_only(cache, host, monkeypatch, capsys):
    files.locate("small/whole.txt")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    files.locate("other.txt")
    assert "other.txt: " in capsys.readouterr().err
