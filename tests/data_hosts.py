"""A tiny registry with a host, a cache and a mirror of its own: what tests of the data files share."""

import contextlib
import hashlib
import http.server
import io
import re
import threading
import zipfile

import pytest

from embedlab.data import DataError, files

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
