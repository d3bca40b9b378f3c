"""One class with every breakdown in it that was thought of: each gets a mark or a sentence, honest ones full marks.

The rows of "robustness" that stock nbgrader stumbled over, and damage of every kind to files, folders and names.
"""

import csv
import os
import re
import shutil
import time

import pytest
from sandboxed import WHY_NOT
from small_course import CHAPTER, cells_by_id, hand_in, make_course

from autograder import warm, workers
from autograder.__main__ import main
from autograder.grade import grade

RIGHT = "def double(x):\n    return x + x"
BODIES = {
    "dies": "    import os; os._exit(0)",
    "4 GB": "    return float(np.ones(4 * 2**27).sum())\nimport numpy as np",
    "50 MB file": "    open('big', 'wb').write(bytes(50_000_000))",
    "forks": "    import os\n    while True: os.fork()",
    "loops": "    while True: pass",
    "prints 100 MB": "    for _ in range(100): print('x' * 1_000_000)",
    "sleeps": "    import time; time.sleep(10**6)",
    "throws 100 MB": "    raise ValueError('x' * 100_000_000)",
    "warns": "    import sys, warnings; warnings.warn('slow'); print('!', file=sys.stderr)\n    return x + x",
}


def swap_two_ids(notebook):
    cells = cells_by_id(notebook)
    cells["double"].metadata.nbgrader.grade_id = "double_values"
    cells["double_values"].metadata.nbgrader.grade_id = "double"


def delete_tests(notebook):
    notebook.cells = [cell for cell in notebook.cells if cell is not cells_by_id(notebook)["double_random"]]


def forge_points(notebook):
    test = cells_by_id(notebook)["double_values"]
    test.metadata.nbgrader.points, test.source = 10**400, "1e999"


def hurt_metadata(notebook):
    for number, cell in enumerate(notebook.cells):
        cell.metadata |= {"tags": {"x": number}, "deletable": [None], "nbgrader": cell.metadata.get("nbgrader", {})}
        cell.attachments, cell.id = {"a": {"b": 3}}, number
    notebook.metadata = {"kernelspec": "bash", "language_info": None}


CHANGES = {
    "duplicated test": lambda notebook: notebook.cells.append(cells_by_id(notebook)["double_values"]),
    "swapped ids": swap_two_ids,
    "deleted test": delete_tests,
    "no cells": lambda notebook: notebook.cells.clear(),
    "5000 cells": lambda notebook: notebook.cells.extend([{**notebook.cells[0], "source": "x = 1"}] * 5000),
    "points above the maximum": forge_points,
    "hurt metadata": hurt_metadata,
    "half a surrogate pair": lambda notebook: notebook.cells.append({**notebook.cells[0], "source": "a\ud800b\0"}),
}
TEXTS = {
    "empty": b"",
    "no JSON": b"{ this is not JSON",
    "NUL bytes": b"\0" * 1000,
    "format 3": b'{"nbformat": 3, "worksheets": []}',
    "nested": b"[" * 1_000_000,
    "long number": b'{"nbformat": 4, "cells": [' + b"1" * 10_000 + b"]}",
    "another encoding": '{"nbformat": 4, "cells": ["é"]}'.encode("utf-16"),
    "too large": b" " * (26 * 2**20),
}
NAMES = ["Zoë 東京 🙂 'x' \"y\" <b>", "-rf", "; rm", "%s{0}$HOME", "a[b]*", "new\nline", "n" * 200]
EXPECTED = {
    "dies": (0, "^graded$"),
    "4 GB": (0, "^graded$"),
    "50 MB file": (0, "^graded$"),
    "forks": (0, "^graded$"),
    "loops": (0, "^graded$"),
    "prints 100 MB": (0, "^graded$"),
    "sleeps": (0, "kept the check waiting and was stopped: a human has to look at it"),
    "throws 100 MB": (0, "^graded$"),
    "warns": (2, "^graded$"),
    "duplicated test": (2, "^graded$"),
    "swapped ids": (0, "^graded$"),
    "deleted test": (2, "^graded$"),
    "no cells": (0, "the notebook has no cell for this exercise, it counts 0"),
    "5000 cells": (2, "^graded$"),
    "points above the maximum": (2, "^graded$"),
    "hurt metadata": (2, "^graded$"),
    "half a surrogate pair": (2, "^graded$"),
    "NUL in the answer": (0, "^graded$"),
    "empty": (None, "is an empty file: ask for it again"),
    "no JSON": (None, "not valid JSON, line 1"),
    "NUL bytes": (None, "not valid JSON"),
    "format 3": (None, "is in notebook format 3: open it in JupyterLab"),
    "nested": (None, "is not a notebook"),
    "long number": (None, "is not a notebook"),
    "another encoding": (None, "is not a notebook"),
    "too large": (None, "is larger than 25 MB"),
    "link to a folder": (None, "is a link to somewhere else"),
    "link to a file": (None, "is a link to somewhere else"),
    "link beside": (None, "is a link to somewhere else"),
    "pipe": (None, "is no file"),
    "folder for a file": (None, "is no file"),
    "bad time": (None, "timestamp.txt holds no date"),
    "wrong name": (None, f"rename it to {CHAPTER}.ipynb"),
    "wrong folder": (None, "lies in the wrong place: move it to"),
    "nothing inside": (None, "is empty"),
    "Zoë 東京 🙂 'x' \"y\" <b>": (2, "^graded$"),
    "-rf": (2, "^graded$"),
    "; rm": (2, "^graded$"),
    "%s{0}$HOME": (2, "^graded$"),
    "a[b]*": (None, "rename it, without"),
    "new\\nline": (None, "rename it, without"),
    "n" * 200: (None, "is longer than 128 characters"),
    "\\xff\\xfe": (None, "rename it, without"),
}
HONEST = ("0 honest", "l honest", "zzz honest")


def make_class(root):
    """Hand in everything."""
    for student in HONEST:
        hand_in(root, student, RIGHT)
    for student, body in BODIES.items():
        hand_in(root, student, f"def double(x):\n{body}")
    for student, change in CHANGES.items():
        hand_in(root, student, RIGHT, change=change)
    for student, data in TEXTS.items():
        hand_in(root, student).write_bytes(data)
    for student in NAMES:
        hand_in(root, student, RIGHT)
    hand_in(root, "NUL in the answer", "def double(x):\n    return 2 * x # \0")
    submitted, outside = root / "submitted", root / "outside"
    shutil.copytree(submitted / HONEST[0], outside)
    (submitted / "link to a folder").symlink_to(outside)
    for student in ("link to a file", "pipe", "folder for a file"):
        (submitted / student / CHAPTER).mkdir(parents=True)
    notebook = f"{CHAPTER}/{CHAPTER}.ipynb"
    (submitted / "link to a file" / notebook).symlink_to(outside / notebook)
    os.mkfifo(submitted / "pipe" / notebook)
    (submitted / "folder for a file" / notebook).mkdir()
    hand_in(root, "link beside", RIGHT).with_name("gradebook.txt").symlink_to(root / "gradebook.db")
    hand_in(root, "bad time", RIGHT).with_name("timestamp.txt").write_bytes(b"\xff yesterday")
    hand_in(root, "wrong name", RIGHT, name="homework.ipynb")
    (submitted / "wrong folder").mkdir()
    hand_in(root, "wrong folder", RIGHT).rename(submitted / "wrong folder" / f"{CHAPTER} (2).ipynb")
    (submitted / "wrong folder" / CHAPTER).rmdir()
    (submitted / "nothing inside").mkdir()
    os.rename(os.fsencode(hand_in(root, "other bytes", RIGHT).parents[1]), os.fsencode(submitted) + b"/\xff\xfe")
    (submitted / "loose.ipynb").write_text("{}")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The class, graded with short budgets; (folder, a row by student, seconds that it took)."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    root = make_course(tmp_path_factory.mktemp("courses") / "class")
    make_class(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warm, "LEAST_CPU_SECONDS", 1)
        patch.setattr(warm, "WALL_SECONDS", 4)
        begin = time.monotonic()
        rows = sorted(grade(root).rows, key=lambda row: row.needs_human)
    return root, {row.student: row for row in rows}, time.monotonic() - begin


@pytest.mark.parametrize("student", HONEST)
def test_honest_submissions_get_full_marks(graded, student):
    row = graded[1][student]
    assert (row.score, row.status, row.needs_human) == (2, "graded", False)


@pytest.mark.parametrize("student", EXPECTED)
def test_each_gets_a_mark_or_a_sentence(graded, student):
    score, words = EXPECTED[student]
    row = graded[1][student]
    assert row.score == score and re.search(words, row.status), row
    assert row.needs_human == (words != "^graded$")


def test_nobody_is_missing_and_nobody_is_made_up(graded):
    root, rows, _ = graded
    assert set(rows) == {*HONEST, *EXPECTED, ""}
    assert "lies in no student's folder" in rows[""].status
    with open(root / "grades.csv", newline="", encoding="utf-8") as file:
        assert {line["student"].removeprefix("'") for line in csv.DictReader(file)} == set(rows)
    assert not (root / "outside" / "gradebook.txt").exists()


def test_the_time_is_bounded_and_what_is_written_is_small(graded):
    root, rows, seconds = graded
    assert seconds < 300  # nothing waits without an end; alone on two cores it takes some 20
    written = [path for folder in ("autograded", "feedback") for path in (root / folder).rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in written) < 2_000_000
    assert sum(path.suffix == ".html" for path in written) == sum(row.score is not None for row in rows.values())


def test_every_name_can_be_printed_and_unchanged_work_is_not_marked_again(graded, capfd, monkeypatch):
    monkeypatch.setattr(workers, "run", None)
    assert main(["grade", "--root", str(graded[0])]) == 1
    printed = capfd.readouterr()
    assert "zzz honest" in printed.out and "\\xff\\xfe" in printed.out and printed.err == ""
