"""Attempts of one student at one chapter: the newest in its place, whatever was there before and in whatever order."""

import hashlib
import itertools
import os

import pytest

from autograder.attempts import Attempt, file_attempts, looks_like_notebook, recorded

DAYS = {"1": "2026-03-01", "2": "2026-03-02", "3": "2026-03-03"}


@pytest.fixture
def folder(tmp_path):
    """Where Ada's attempts at a chapter go."""
    return tmp_path / "submitted" / "ada" / "01_small"


def attempt(text, day, is_known=True, is_notebook=True):
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    time = f"{DAYS[day]} 12:00:00.000000 UTC"
    return {Attempt(is_notebook, time, 0, (), 0, sha256, is_known, f"{text}.ipynb", ""): text.encode}


def in_place(folder):
    return (folder / "01_small.ipynb").read_text()


def kept(folder):
    return sorted(path.read_text() for path in (folder / ".earlier").glob("*"))


def test_any_order_and_any_portions_end_alike(tmp_path):
    attempts = [attempt("a", "1"), attempt("b", "2"), attempt("c", "3")]
    for number, order in enumerate(itertools.permutations(attempts)):
        folder = tmp_path / str(number) / "01_small"
        file_attempts(folder, order[0])
        file_attempts(folder, order[1] | order[2])
        assert in_place(folder) == "c" and kept(folder) == ["a", "b"]
        assert (folder / "timestamp.txt").read_text() == "2026-03-03 12:00:00.000000 UTC"


def test_earlier_attempts_are_named_by_their_time(folder):
    file_attempts(folder, attempt("a", "1") | attempt("b", "2"))
    (path,) = (folder / ".earlier").iterdir()
    assert path.name.startswith("2026-03-01_120000_")


def test_the_old_time_does_not_stay_with_a_new_notebook(folder):
    file_attempts(folder, attempt("a", "1"))
    file_attempts(folder, attempt("b", "2", is_known=False))
    assert in_place(folder) == "b" and not (folder / "timestamp.txt").exists()


def test_a_time_mended_by_hand_stays(folder):
    file_attempts(folder, attempt("a", "1"))
    (folder / "timestamp.txt").write_text("2026-02-01 12:00:00 UTC")
    file_attempts(folder, attempt("a", "1") | attempt("a", "2"))
    assert (folder / "timestamp.txt").read_text() == "2026-02-01 12:00:00 UTC"


def test_by_hand_with_a_timestamp(folder):
    folder.mkdir(parents=True)
    by_hand = '{"cells": ["by hand"]}'
    (folder / "01_small.ipynb").write_text(by_hand)
    (folder / "timestamp.txt").write_text("2026-03-02 12:00:00 UTC")
    file_attempts(folder, attempt("a", "1"))
    assert in_place(folder) == by_hand and kept(folder) == ["a"]
    file_attempts(folder, attempt("c", "3"))
    assert in_place(folder) == "c" and kept(folder) == ["a", by_hand]


@pytest.mark.parametrize("damage", [b"", b"[1]", b'{"a": 1}', b"\xff", b"["])
def test_a_damaged_record_loses_nothing(folder, damage):
    file_attempts(folder, attempt("a", "1") | attempt("b", "2"))
    os.utime(folder / "01_small.ipynb", (0, 0))
    (folder / ".attempts.json").write_bytes(damage)
    file_attempts(folder, attempt("c", "3"))
    assert in_place(folder) == "c" and kept(folder) == ["a", "b"]
    assert len(recorded(folder)) == 2


def test_a_deleted_notebook_comes_back(folder):
    file_attempts(folder, attempt("a", "1") | attempt("b", "2"))
    (folder / "01_small.ipynb").unlink()
    file_attempts(folder, attempt("b", "2"))
    assert in_place(folder) == "b"
    (folder / "01_small.ipynb").unlink()
    filed = file_attempts(folder, attempt("a", "1"))
    assert in_place(folder) == "a" and filed.is_new and not filed.replaced


def test_other_files_stay(folder):
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    file_attempts(folder, attempt("a", "1"))
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"cells": []}', True), (' \n{"cells": []}\n', True), ("", False), ('{"cells": [', False), ("%PDF", False)],
)
def test_looks_like_notebook(text, expected):
    assert looks_like_notebook(text.encode()) is expected
