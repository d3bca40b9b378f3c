"""Files from a mirror or a public host: checked, kept whole or not at all, and every error is one sentence."""

import contextlib
import errno
import hashlib
import http.server
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from embedlab.data import DataError, files
from embedlab.data.__main__ import main

WHOLE = b"whole file\n" * 20_000
PARTS = {"small/part1.txt": b"first\n", "small/part2.txt": b"second\n"}
OTHER = b"another file\r\n"
PACKED = b"a file that a mirror may hold in a zip\n"


def git_blob(content):
    """The checksum that `git hash-object` prints."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def zipped():
    """The bytes of the zip that holds PACKED."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("folder/packed.txt"), PACKED)
    return buffer.getvalue()


def tiny_registry(host):
    """A registry of three data sets whose files lie at the address `host`."""
    part = '[[small.files]]\nname = "{}"\nsubset_of = "small/whole.txt"\nsha256 = "{}"\n'
    parts = "".join(part.format(name, hashlib.sha256(text).hexdigest()) for name, text in PARTS.items())
    return f"""
[small]
about = "a small set"
licence = "free"
home = "https://example.org"
[[small.files]]
name = "small/whole.txt"
url = "{host}/public/small.txt"
sha256 = "{hashlib.sha256(WHOLE).hexdigest()}"
size = {len(WHOLE)}
{parts}
[other]
about = "one file, known by its git blob"
licence = "free"
home = "https://example.org"
[[other.files]]
name = "other.txt"
url = "{host}/public/other.txt"
git_blob = "{git_blob(OTHER)}"
[packs]
about = "a file and the zip that holds it"
licence = "free"
home = "https://example.org"
[[packs.files]]
name = "packs/folder/packed.txt"
url = "{host}/public/packed.txt"
sha256 = "{hashlib.sha256(PACKED).hexdigest()}"
size = {len(PACKED)}
packed_in = "packs/all.zip"
[[packs.files]]
name = "packs/all.zip"
sha256 = "{hashlib.sha256(zipped()).hexdigest()}"
"""


class Host:
    """A web server on loopback: `files` maps paths to bytes, `behaviour` is how it fails, `asked` holds the paths."""

    def __init__(self):
        self.files, self.behaviour, self.asked, self.encodings = {}, "well", [], set()
        host = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                host.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request):
        """Answer one request as `behaviour` says."""
        self.asked.append(request.path)
        self.encodings.add(request.headers["Accept-Encoding"])
        content = self.files.get(request.path)
        if self.behaviour == "busy" or content is None:
            request.send_error(503 if self.behaviour == "busy" else 404)
            return
        request.send_response(200)
        if self.behaviour != "cut short without saying the length":
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content if self.behaviour == "well" else content[: len(content) // 2])
        if self.behaviour == "silent half-way":
            request.wfile.flush()
            threading.Event().wait(3)


@pytest.fixture
def host():
    server = Host()
    threading.Thread(target=server.server.serve_forever, args=[0.02], daemon=True).start()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, host):
    """An empty cache of the test's own, and a registry whose public host is on this machine and has all files."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("EMBEDLAB_CACHE", str(folder))
    for name in ("EMBEDLAB_MIRROR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    known = files.parse(tiny_registry(host.address))
    monkeypatch.setattr(files, "registry", lambda: known)
    host.files = {"/public/small.txt": WHOLE, "/public/other.txt": OTHER, "/public/packed.txt": PACKED}
    return folder


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """An empty mirror folder that EMBEDLAB_MIRROR names."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    monkeypatch.setenv("EMBEDLAB_MIRROR", str(folder))
    return folder


def put(folder, name, content):
    """Write a file below `folder`."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def files_in(folder):
    """The names of all files below `folder`."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def fails_with(pattern):
    """The block must raise DataError with one sentence that `pattern` matches."""
    with pytest.raises(DataError) as caught:
        yield
    message = str(caught.value)
    assert re.search(pattern, message), message
    assert message.endswith(".") and "\n" not in message and ". " not in message


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


def test_list_names_size_terms_and_what_is_there(capsys, host):
    files.locate("small/whole.txt")
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "small: a small set\n    0.2 MB; in the cache: 1 of 1 files\n    terms: free; https://example.org" in shown
    assert "size unknown; in the cache: 0 of 1 files" in shown


def test_fetch_goes_on_after_a_failure_and_reports_it(cache, host, capsys):
    assert main(["fetch", "small", "other"]) == 0
    assert files_in(cache) == ["other.txt", "small/whole.txt"]
    capsys.readouterr()
    (cache / "small/whole.txt").unlink()
    (cache / "other.txt").unlink()
    del host.files["/public/small.txt"]
    assert main(["fetch", "small", "other"]) == 1
    assert "404 Not Found" in capsys.readouterr().err and files_in(cache) == ["other.txt"]


def test_verify_finds_a_damaged_file_in_the_cache_and_in_the_mirror(cache, mirror, capsys):
    assert main(["verify"]) == 0
    put(mirror, "small/part1.txt", PARTS["small/part1.txt"])
    put(mirror, "other.txt", OTHER)
    files.locate("other.txt")
    assert main(["verify"]) == 0
    assert "3 files are as registered, 0 are not." in capsys.readouterr().out
    put(cache, "other.txt", OTHER + b"x")
    put(mirror, "small/part1.txt", b"")
    assert main(["verify"]) == 1
    shown = capsys.readouterr()
    assert "1 files are as registered, 2 are not." in shown.out
    assert f"{cache / 'other.txt'} is not" in shown.err and f"{mirror / 'small/part1.txt'} is not" in shown.err


def test_wrong_use_has_its_own_exit_code(monkeypatch, capsys):
    assert main(["fetch", "small", "big"]) == 2
    assert "There is no data set big: choose from small, other, packs." in capsys.readouterr().err
    for arguments in ([], ["fetch"], ["drop"], ["list", "small"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
    monkeypatch.setenv("EMBEDLAB_MIRROR", "nowhere")
    assert main(["verify"]) == 1
    assert "EMBEDLAB_MIRROR is nowhere" in capsys.readouterr().err


def test_the_command_runs_from_anywhere(root, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(root), "EMBEDLAB_CACHE": str(tmp_path / "none")}
    command = [sys.executable, "-m", "embedlab.data"]
    done = subprocess.run([*command, "list"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "tiny_shakespeare" in done.stdout
    done = subprocess.run([*command, "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "EMBEDLAB_MIRROR" in done.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_a_killed_fetch_leaves_nothing(root, tmp_path):
    listening = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    address = f"http://127.0.0.1:{listening.server_port}"
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    environment |= {"PYTHONPATH": str(root), "EMBEDLAB_CACHE": str(tmp_path / "c"), "EMBEDLAB_MIRROR": address}
    with listening:
        listening.socket.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "embedlab.data", "fetch", "tiny_shakespeare"],
            env=environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        connection, _ = listening.socket.accept()
        with connection:
            assert [path.suffix for path in (tmp_path / "c").rglob("*.partial")] == [".partial"]
            process.send_signal(signal.SIGTERM)
            _, words = process.communicate(timeout=30)
    assert process.returncode == 1 and words.startswith("Stopped: ")
    assert files_in(tmp_path / "c") == []
