"""Downloads as learning platforms give them, and a course of two chapters to collect them into, for the tests."""

import json
import shutil
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from small_course import CHAPTER, ROOT, SCRIPT

from autograder.collect import Collected
from autograder.course import open_course

OTHER = "02_other"
OTHER_SCRIPT = SCRIPT.replace("double", "triple").replace('"why"', '"why_not"').replace("Exercise 1.", "Exercise 2.")
FILE = f"{CHAPTER}.ipynb"
NOON = datetime(2026, 3, 1, 12, 0, 0)


def make_two_chapters(root: Path) -> Path:
    """Make a course of two lesson scripts in folder `root`, without notebooks; returns `root`."""
    for chapter, script in ((CHAPTER, SCRIPT), (OTHER, OTHER_SCRIPT)):
        (root / "source" / chapter).mkdir(parents=True)
        (root / "source" / chapter / f"{chapter}.py").write_text(script)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    return root


def notebook(answer: str = "", grade_id: str = "double") -> bytes:
    """A notebook of one cell, with this answer."""
    cell = {"cell_type": "code", "metadata": {"nbgrader": {"grade_id": grade_id}}, "source": answer, "outputs": []}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def zipped(path: Path, files: dict[str, bytes] | list[tuple[str, bytes]], times: dict[str, datetime] | None = None):
    """Write a zip with these files; `times` says when some were changed, in this computer's time. Returns `path`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items() if isinstance(files, dict) else files:
            info = zipfile.ZipInfo(name, (times or {}).get(name, NOON).timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def everything_in(folder: Path) -> dict[str, bytes]:
    """The bytes of each file below a folder, by its path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def course(tmp_path):
    """A course of two chapters in which nothing was handed in."""
    return open_course(make_two_chapters(tmp_path / "course"))


@pytest.fixture
def submitted(course):
    """Where the course's submissions lie."""
    return course.folder("submitted")


@pytest.fixture
def download(tmp_path):
    """Makes a zip from names and contents."""

    def make(files, times=None, name="submissions.zip"):
        return zipped(tmp_path / name, files, times)

    return make


def by_source(rows):
    return {row.source: row for row in rows}


def only(rows) -> Collected:
    (row,) = rows
    return row
