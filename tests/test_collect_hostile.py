"""`collect` of archives made to harm: paths, links, bombs, damage. Nothing outside is touched, the rest is filed."""

import os
import stat
import struct
import zipfile

import pytest
from downloads import (
    FILE,
    course,
    download,
    everything_in,
    notebook,
    only,
    submitted,
)
from small_course import CHAPTER

from autograder import uploads
from autograder.collect import collect
from autograder.course import Refusal

HOSTILE = {
    "../../evil.ipynb": "out of its folder",
    "/etc/evil.ipynb": "out of its folder",
    "C:\\evil.ipynb": "out of its folder",
    f"ada/../alan/{FILE}": "out of its folder",
    f"ada/@{FILE}": "NUL",
}


def test_hostile_paths(course, submitted, download, tmp_path):
    source = download([*((name, notebook("evil")) for name in HOSTILE), (f"good/{FILE}", notebook())])
    source.write_bytes(source.read_bytes().replace(b"ada/@", b"ada/\0"))
    before = everything_in(tmp_path)
    rows = collect(course, source)
    after = everything_in(tmp_path)
    assert {name for name in after if name not in before} == {
        f"course/submitted/good/{CHAPTER}/{name}" for name in (FILE, "timestamp.txt", ".attempts.json")
    }
    refused = [row for row in rows if row.status == "not collected"]
    assert len(refused) == len(HOSTILE)
    assert all("\0" not in row.source for row in refused)
    for name, reason in HOSTILE.items():
        row = only(row for row in refused if row.source == name.replace("\\", "/").replace("@", "?"))
        assert reason in row.sentence


def test_links_and_devices_in_a_zip_or_folder(course, submitted, tmp_path):
    (tmp_path / "secret.ipynb").write_bytes(notebook("secret"))
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        for student, kind in (("ada", stat.S_IFLNK), ("alan", stat.S_IFIFO), ("eve", stat.S_IFCHR)):
            info = zipfile.ZipInfo(f"{student}/{FILE}")
            info.external_attr = (kind | 0o777) << 16
            archive.writestr(info, str(tmp_path / "secret.ipynb"))
    folder = tmp_path / "folder"
    for student in ("ada", "alan"):
        (folder / student).mkdir(parents=True)
    (folder / "ada" / FILE).symlink_to(tmp_path / "secret.ipynb")
    os.mkfifo(folder / "alan" / FILE)
    (folder / "bob").symlink_to(tmp_path)
    for source, count in ((tmp_path / "links.zip", 3), (folder, 3)):
        rows = collect(course, source)
        assert [row.status for row in rows] == ["not collected"] * count
    assert not submitted.exists()


def test_bombs_are_not_unpacked(course, submitted, download, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_BYTES", 3 * uploads.MEGABYTE)
    monkeypatch.setattr(uploads, "MOST_BYTES_IN_ALL", 8 * uploads.MEGABYTE)
    big = b" " * (4 * uploads.MEGABYTE) + notebook()
    files = {f"{name}/{FILE}": big for name in ("a", "c", "d")} | {f"b/{FILE}": notebook(), f"e/{FILE}": notebook()}
    rows = {row.student: row for row in collect(course, download(files))}
    assert rows["a"].status == "not collected" and "more than 3 MB" in rows["a"].sentence
    assert "8 MB in all" in rows["e"].sentence
    assert not (submitted / "a").exists()


def test_a_bomb_whose_header_lies(course, submitted, download):
    source = download({f"ada/{FILE}": b" " * (100 * uploads.MEGABYTE), f"alan/{FILE}": notebook()})
    data = bytearray(source.read_bytes())
    for signature, place in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        start = data.index(signature)
        data[start + place : start + place + 4] = struct.pack("<I", 1000)
    source.write_bytes(data)
    rows = {row.student: row for row in collect(course, source)}
    assert rows["ada"].status == "not collected" and rows["alan"].status == "new"


def test_too_many_files(course, submitted, download, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_FILES", 3)
    with pytest.raises(Refusal, match="more than 3 files"):
        collect(course, download({f"{student}/{FILE}": notebook() for student in "abcd"}))
    assert not submitted.exists()


def test_entries_of_one_name(course, submitted, download):
    with pytest.warns(UserWarning, match="Duplicate name"):
        source = download([(f"ada/{FILE}", notebook("1")), (f"ada/{FILE}", notebook("2"))])
    rows = collect(course, source)
    assert sorted(row.status for row in rows) == ["earlier attempt", "new"]
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook("2")


def test_encrypted_and_unusually_compressed_entries(course, submitted, tmp_path):
    source = tmp_path / "mixed.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr(f"ada/{FILE}", notebook())
        archive.writestr(f"alan/{FILE}", notebook(), compress_type=zipfile.ZIP_LZMA)
        archive.writestr(f"bob/{FILE}", notebook(), compress_type=zipfile.ZIP_BZIP2)
    data = bytearray(source.read_bytes())
    data[data.index(b"PK\3\4") + 6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    source.write_bytes(data)
    rows = {row.student: row.sentence for row in collect(course, source)}
    assert "encrypted" in rows["ada"] and "unusual" in rows["alan"] and "unusual" in rows["bob"]
    assert not submitted.exists()


def test_damaged_entry(course, submitted, download):
    source = download({f"ada/{FILE}": notebook("x" * 50), f"alan/{FILE}": notebook()})
    data = bytearray(source.read_bytes())
    data[len(FILE) + 45] ^= 0xFF
    source.write_bytes(data)
    rows = {row.student: row for row in collect(course, source)}
    assert rows["ada"].status == "not collected" and "damaged" in rows["ada"].sentence
    assert rows["alan"].status == "new"


@pytest.mark.parametrize("keep", [0, 10, 200, -1, -30])
def test_truncated_zip(course, submitted, download, keep):
    source = download({f"ada/{FILE}": notebook()})
    source.write_bytes(source.read_bytes()[:keep])
    with pytest.raises(Refusal, match="download it again"):
        collect(course, source)
    assert not submitted.exists()
