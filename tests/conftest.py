"""What the tests share: the course's folder, and its tools as modules (tools/ is no package)."""

import os
import re
import sys
from pathlib import Path

import pytest
from extent import EVERYTHING
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).resolve().parent.parent
CHAPTER = re.compile(r"\[((\d\d)_[a-z_]+)")
LONG = """test_attacks test_batch test_release test_figures test_student test_instructor test_accessibility
    test_exercises test_feedback test_resume test_site test_browser test_same_as_stock""".split()
sys.path.insert(0, str(ROOT / "tools"))


@pytest.fixture
def root() -> Path:
    """The course's folder."""
    return ROOT


@pytest.fixture
def plain_environment() -> dict[str, str]:
    """The environment without what an outer make or a PYTHONPATH would hand on to a program under test."""
    left_out = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "PYTHONPATH", "PYTHON", "PORT", "ARGS"}
    return {name: value for name, value in os.environ.items() if name not in left_out}


@pytest.fixture(scope="session")
def sites(tmp_path_factory) -> Path:
    """The folder with both sites of the course, students/ and solutions/; no test changes it."""
    import make_site

    folder = tmp_path_factory.mktemp("sites")
    for site in make_site.SITES:
        make_site.make_site(ROOT, site, folder)
    return folder


def pytest_configure(config):
    """Called by pytest."""
    config.addinivalue_line("markers", "test_all: run by `make test-all` only, because it takes long")


def pytest_collection_modifyitems(config, items):
    """Called by pytest."""
    if not EVERYTHING:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("test_all")])
        items[:] = [item for item in items if not item.get_closest_marker("test_all")]
    items.sort(key=place_in_line)


def place_in_line(item) -> tuple[int, int]:
    """Where a test stands: those that take long begin, so that no process waits for another one at the end."""
    if item.path.stem not in LONG:
        return len(LONG), 0
    chapter = CHAPTER.search(item.nodeid)
    return LONG.index(item.path.stem), -int(chapter[2]) if chapter else 0


class ByFileAndChapter(LoadFileScheduling):
    """Give one process all tests of a file, for they share what they set up; or all of a file and chapter."""

    def _split_scope(self, nodeid: str) -> str:
        chapter = CHAPTER.search(nodeid)
        return super()._split_scope(nodeid) + (f"::{chapter[1]}" if chapter else "")


def pytest_xdist_make_scheduler(config, log):
    """Called by pytest-xdist."""
    return ByFileAndChapter(config, log)
