"""Marks of whole notebooks: each exercise on its own, and the student's own cells where they are needed."""

import copy
from pathlib import Path

import pytest
from sandboxed import needs_sandbox

from autograder import marking
from autograder.lesson import read_lesson, stub
from autograder.marking import MISSING, mark
from autograder.warm import WarmLesson

LESSON = read_lesson(Path(__file__).parent / "attacks" / "lesson.py")
FIRST = "def first(x):\n    return SCALE[0] + x"
APPLY = "def apply(function, values):\n    return np.array([function(value) for value in values])"
HELPED = "def apply(function, values):\n    return helper(function, values)"
RELIES_ON_FIRST = "def apply(function, values):\n    assert first(1.0) == 3.0\n    return {}(function, values)"
HELPER = "def helper(function, values):\n    return np.array([function(value) for value in values])"

pytestmark = needs_sandbox


@pytest.fixture(scope="module")
def ready():
    with WarmLesson(LESSON) as lesson:
        yield lesson


@pytest.fixture
def tries(ready, monkeypatch):
    """The answers that are tried while a test runs, as (exercise, number of cells before)."""
    noted, try_answer = [], ready.try_answer

    def note(exercise, cells, key, *rest):
        noted.append((exercise.grade_id, len(cells) - 1))
        return try_answer(exercise, cells, key, *rest)

    monkeypatch.setattr(ready, "try_answer", note)
    return noted


def code(source, grade_id=None):
    return {"cell_type": "code", "source": source, "metadata": {"nbgrader": {"grade_id": grade_id}} if grade_id else {}}


def notebook(first=None, apply=None, start=(), between=(), after=()):
    """The students' version with these answers, and with own cells at the start, between the exercises, and at last."""
    answers, cells = {"first": first, "apply": apply}, [code(source) for source in start]
    for cell in LESSON.cells:
        exercise = next((exercise for exercise in LESSON.exercises if exercise.grade_id == cell.grade_id), None)
        if cell.kind == "code":
            if cell.grade_id == "apply":
                cells += [code(source) for source in between]
            source = answers[cell.grade_id] or stub(cell, exercise.number) if exercise else cell.source
            cells.append(code(source, cell.grade_id))
            if cell.grade_id == "apply":
                cells += [code(source) for source in after]
    return {"cells": cells}


def points(ready, notebook):
    results, _ = mark(ready, notebook, "key")
    return [result.points for result in results]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, [0, 0]),
        ({"first": FIRST, "apply": APPLY}, [2, 10]),
        ({"apply": APPLY}, [0, 10]),
        ({"first": FIRST}, [2, 0]),
        ({"first": "def first(x): return 0", "apply": APPLY}, [0, 10]),
    ],
)
def test_an_answer_that_is_wrong_or_left_out_costs_its_own_points_only(ready, case, expected):
    assert points(ready, notebook(**case)) == expected


FAIR = {
    "a helper in a cell of its own": {"between": [HELPER], "apply": HELPED},
    "a helper right at the start": {"start": [HELPER], "apply": HELPED},
    "a helper between the answer and its tests": {"after": [HELPER], "apply": HELPED},
    "a helper while an earlier answer is wrong": {"first": "def first(x): return 0", "between": [HELPER],
                                                 "apply": RELIES_ON_FIRST.format("helper")},
    "the whole answer in a cell below the stub": {"after": [APPLY]},
    "a helper that an earlier answer defines": {"first": f"{FIRST}\n{HELPER}", "apply": HELPED},
    "a value that an earlier answer, which is wrong, puts in place of the lesson's": {
        "first": "def first(x):\n    return 0\nSCALE = [1.0]",
        "apply": APPLY.replace("    return", "    assert SCALE == [1.0]\n    return"),
    },
    "a name that was changed": {"first": FIRST.replace("SCALE", "FACTOR"), "start": ["FACTOR = [2.0]"], "apply": APPLY},
    "a helper with another signature": {
        "first": "def first(x, offset=2.0):\n    return x + offset",
        "apply": APPLY.replace("    return", "    assert first(1, offset=5) == 6\n    return"),
    },
    "a module in a cell of its own": {"between": ["import itertools as tools"], "apply":
        "def apply(function, values):\n    return np.array(list(tools.starmap(function, zip(values))))"},
    "modules of every size": {"apply": "import scipy.special, pandas, sklearn.linear_model, torch, matplotlib.pyplot\n"
                                       f"from tqdm.auto import tqdm\nlist(tqdm(range(3)))\n{APPLY}"},
    "magics": {"start": ["%matplotlib inline", "%load_ext autoreload\n%autoreload 2", "%%time\nstarted = True",
                         "!ls\n%pip install nothing\n%timeit -n 1 first(1)", "np?", "files = !ls"],
               "apply": f"%timeit 1\n{APPLY}\n!ls"},
    "output on every way, and warnings": {"apply": "import sys, warnings\nprint('a')\nprint('b', file=sys.stderr)\n"
        f"warnings.warn('c')\ndisplay(np.pi)\n{APPLY}"},
    "cells that fail": {"start": ["1 / 0", "this is no Python"], "between": [HELPER, "undefined"], "apply": HELPED},
    "an answer that fails in its last line": {"apply": f"{APPLY}\napply(abs, 3)"},
}  # fmt: skip


@pytest.mark.parametrize("case", FAIR)
def test_what_honest_students_do_costs_nothing(ready, case):
    assert points(ready, notebook(**FAIR[case]))[1] == 10


def test_marks_over_own_cells_are_said_to_be_such(ready):
    (first, apply), flags = mark(ready, notebook(FIRST, HELPED, between=[HELPER]), "key")
    assert not first.as_submitted and apply.as_submitted and flags == ()


def test_an_answer_that_goes_on_with_a_wrong_one_is_marked_with_the_right_one(ready):
    """Follow-through: the reference stands in for the wrong answer, not the other way round."""
    wrong = "def first(x):\n    raise ValueError"
    relies = f"{HELPER}\n{RELIES_ON_FIRST.format('helper')}"
    assert points(ready, notebook(wrong, relies)) == [0, 10]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({"first": FIRST, "apply": APPLY}, [("first", 0), ("apply", 0)]),
        ({}, [("first", 0), ("apply", 0)]),
        ({"first": FIRST, "apply": "def apply(function, values): return 0"}, [("first", 0), ("apply", 0)]),
        ({"first": "def first(x): return 0", "apply": "def apply(*_): return 0"}, [("first", 0), ("apply", 0)]),
        ({"first": "def first(x): return 0", "apply": "def apply(*_): return first(0)"},
         [("first", 0), ("apply", 0), ("apply", 1)]),
        ({"first": FIRST, "apply": "def apply(*_): return first(0)"}, [("first", 0), ("apply", 0)]),
        ({"first": FIRST, "apply": HELPED}, [("first", 0), ("apply", 0), ("apply", 1)]),
        ({"first": FIRST, "apply": HELPED, "start": ["x = 1"]}, [("first", 0), *[("apply", n) for n in (0, 1, 2)]]),
        ({"start": [HELPER], "apply": APPLY}, [("first", 0), ("first", 1), ("apply", 0)]),
        ({"start": ["x = 1"], "apply": "import os; os._exit(0)"}, [("first", 0), ("first", 1), *[("apply", 0)]]),
    ],
)  # fmt: skip
def test_nothing_is_tried_again_where_that_cannot_help(ready, tries, case, expected):
    mark(ready, notebook(**case), "key")
    assert tries == expected


def test_a_lost_cell_counts_nothing_and_asks_for_a_human(ready):
    lost = notebook(FIRST, APPLY)
    lost["cells"] = [cell for cell in lost["cells"] if cell["source"] != APPLY]
    (_, apply), flags = mark(ready, lost, "key")
    assert apply.missing and apply.points == 0 and {test.message for test in apply.tests} == {MISSING}
    assert flags == (f"Exercise 1.2 (apply): {MISSING}, it counts 0",)


def test_an_answer_whose_cell_lost_its_id_counts_and_asks_for_a_human(ready):
    lost = notebook(FIRST, APPLY)
    next(cell for cell in lost["cells"] if cell["source"] == APPLY)["metadata"] = {}
    (_, apply), flags = mark(ready, lost, "key")
    assert apply.missing and apply.as_submitted and apply.points == 10
    assert flags == (f"Exercise 1.2 (apply): {MISSING}, what other cells define counts",)


def test_an_emptied_answer_gains_nothing(ready):
    assert points(ready, notebook(" ", "pass")) == [0, 0]


def test_a_notebook_without_cells_is_marked(ready):
    results, flags = mark(ready, {"cells": []}, "key")
    assert [result.points for result in results] == [0, 0] and len(flags) == 2


def test_the_same_notebook_gets_the_same_results_and_is_not_changed(ready):
    handed_in = notebook("def first(x): return 0", HELPED, between=[HELPER])
    before = copy.deepcopy(handed_in)
    (one, flags), (other, same_flags) = (mark(ready, handed_in, "key") for _ in range(2))
    assert [result.tests for result in one] == [result.tests for result in other] and flags == same_flags
    assert handed_in == before


def test_a_submission_that_took_too_long_is_left_to_a_human(ready, tries, monkeypatch):
    monkeypatch.setattr(marking, "SUBMISSION_SECONDS", -1)
    results, flags = mark(ready, notebook(FIRST, APPLY), "key")
    assert tries == [] and [result.points for result in results] == [0, 0]
    assert len(flags) == 2 and "a human has to look at it" in flags[0]
