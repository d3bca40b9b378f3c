"""Running one exercise in this process: verdicts, and runs that do not see each other."""

import textwrap

import pytest
from two_sides import EVIL

from autograder.lesson import Cell, Exercise, Lesson
from autograder.loopback import run_exercise
from embedlab import check

LESSON = """
import numpy as np
from embedlab import check
X = np.array([1.0, 2.0])
def double_lesson(x): return 2 * X
"""
TEST = 'check.close(scaled(X), [3.0, 6.0], call="scaled(X)")\ncheck.close(X, [1.0, 2.0], call="X")'


@pytest.fixture(autouse=True)
def no_remote_left_behind():
    yield
    assert check.remote is None


@pytest.fixture
def tiny():
    """A lesson with one exercise, and that exercise: scale X by 3; worth 2 points."""
    solution = Cell("code", "def scaled(x):\n    return 3 * x", "scaled", "solution", 0.0, ())
    test = Cell("code", TEST, "scaled_values", "test", 2.0, ())
    exercise = Exercise("scaled", "1.1", 1, solution, (test,), frozenset({"scaled"}))
    cells = (Cell("code", LESSON, None, "lesson", 0.0, ()), solution, test)
    return Lesson("01_tiny", "01_tiny.py", cells, (exercise,)), exercise


@pytest.mark.parametrize("proxied", [False, True])
@pytest.mark.parametrize(
    ("answer", "points", "message"),
    [
        ("def scaled(x): return 3 * x", 2, ""),
        ("def scaled(x): return 2 * x", 0, "`scaled(X)` returned `[2., 4.]`, expected `[3., 6.]`"),
        ("def scaled(x): return double_lesson(x) + X", 2, ""),
        ("def scaled(x):\n    x *= 3\n    return x", 0, "`X` returned `[3., 6.]`, expected `[1., 2.]`"),
        ("X[:] = 0", 0, "`scaled` is not defined"),
        ("def scaled(x) return", 0, "the cell raised SyntaxError"),
        ("1 / 0", 0, "the cell raised ZeroDivisionError: division by zero (line 1: 1 / 0)"),
        ("raise SystemExit", 0, "the cell raised SystemExit"),
        ("def scaled(x): raise SystemExit(1)", 0, "`scaled(X)` raised SystemExit: 1"),
        ("def scaled(x): return {}[0]", 0, "`scaled(X)` raised KeyError: 0"),
        ("class scaled: pass", 0, "scaled"),
        (textwrap.dedent(EVIL) + "scaled = sigmoid", 0, "`scaled(X)` returned an object of type Evil"),
        ("def scaled(x): return undefined", 0, "`undefined` is not defined"),
        ("def scaled(x):\n    check.close = lambda *a, **k: None\n    raise ValueError", 0, "ValueError"),
    ],
)
def test_verdicts_are_the_same_directly_and_through_proxies(tiny, answer, points, message, proxied, monkeypatch):
    monkeypatch.setattr(check, "close", check.close)
    (verdict,) = run_exercise(*tiny, answer, proxied=proxied)
    assert (verdict.grade_id, verdict.points, verdict.max_points) == ("scaled_values", points, 2)
    assert message in verdict.message and bool(verdict.message) == (points == 0)


def test_runs_do_not_see_what_earlier_runs_did_to_the_lessons_data(tiny):
    spoil = "X[:] = 0\ndef scaled(x): return 3 * x"
    assert run_exercise(*tiny, spoil, proxied=False)[0].points == 0
    assert run_exercise(*tiny, spoil, proxied=True)[0].points == 2, "the tests have data of their own"
    assert run_exercise(*tiny, "def scaled(x): return 3 * X", proxied=False)[0].points == 2


def test_the_lessons_functions_use_the_data_of_their_own_side(tiny):
    answer = "X += 1\nassert double_lesson(0)[0] == 4\ndef scaled(x): return 3 * np.array([1.0, 2.0])"
    assert run_exercise(*tiny, answer, proxied=True)[0].message == ""


def test_a_lesson_that_fails_before_the_exercise_is_said_to(tiny):
    lesson, exercise = tiny
    broken = Lesson(
        "01_broken", "01_broken.py", (Cell("code", "1 / 0", None, "lesson", 0.0, ()), *lesson.cells[1:]), ()
    )
    with pytest.raises(RuntimeError, match="01_broken.py: a cell raised ZeroDivisionError"):
        run_exercise(broken, exercise, "pass", proxied=True)
