"""`open_uploads`: files of a zip or a folder with their times, and what must not be read."""

import os
import struct
import zipfile
from datetime import UTC, datetime

import pytest
from downloads import NOON, zipped

from autograder.uploads import Unreadable, open_uploads, shown


def read_all(source):
    with open_uploads(source) as uploads:
        return {upload.name: upload.read() for upload in uploads}


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_names_and_contents(tmp_path, kind):
    files = {"a/b.ipynb": b"1", "c.txt": b"22", "a/d/e": b""}
    source = zipped(tmp_path / "x.zip", files)
    if kind == "folder":
        zipfile.ZipFile(source).extractall(tmp_path / "x")
        source = tmp_path / "x"
    assert read_all(source) == files


def test_folders_are_no_files(tmp_path):
    source = zipped(tmp_path / "x.zip", {"a/": b"", "b\\": b"", "a/c": b"1"})
    assert list(read_all(source)) == ["a/c"]


def test_local_and_exact_times(tmp_path):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("local", NOON.timetuple()[:6]), b"")
        exact = zipfile.ZipInfo("exact", NOON.timetuple()[:6])
        exact.extra = struct.pack("<HHHHHBi", 1, 2, 0, 0x5455, 5, 1, 1_000_000_000)
        archive.writestr(exact, b"")
        archive.writestr(zipfile.ZipInfo("none"), b"")
        archive.writestr(zipfile.ZipInfo("impossible", (2026, 13, 32, 25, 0, 0)), b"")
    with open_uploads(path) as uploads:
        times = {upload.name: upload.time for upload in uploads}
    assert times == {
        "local": NOON.astimezone(UTC),
        "exact": datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),
        "none": None,
        "impossible": None,
    }


def test_time_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    os.utime(tmp_path / "a", (1_000_000_000, 1_000_000_000))
    with open_uploads(tmp_path) as uploads:
        assert uploads[0].time == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


def test_a_link_is_not_followed_even_when_it_came_later(tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_bytes(b"1")
    with open_uploads(tmp_path / "folder") as uploads:
        assert uploads[0].fault == ""
        (tmp_path / "folder" / "a").unlink()
        (tmp_path / "folder" / "a").symlink_to(tmp_path / "secret")
        with pytest.raises(Unreadable, match="cannot be read"):
            uploads[0].read()


def test_a_very_long_name(tmp_path):
    with open_uploads(zipped(tmp_path / "x.zip", {"x" * 60_000: b""})) as uploads:
        assert "very long name" in uploads[0].fault


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Zoë's work.ipynb", "Zoë's work.ipynb"),
        ("\x1b[31m\r\n\u202e\udcff", "?[31m????"),
        ("a" * 60 + "b" * 60, "a" * 45 + "…" + "b" * 45),
    ],
)
def test_shown(name, expected):
    assert shown(name) == expected
