"""The report's numbers, against ones that were worked out by hand or by NumPy."""

import random
from pathlib import Path

import numpy as np
import pytest

from autograder.analysis import ENOUGH, discrimination, distribution, exercise_numbers, failures, pattern
from autograder.lesson import Cell, Exercise, Lesson
from autograder.results import ExerciseResult, SubmissionResult, Verdict


def lesson(*points):
    """A lesson with one exercise for each number of points, called a, b, c …, with one test each."""
    exercises = []
    for i, worth in enumerate(points):
        name = "abcdef"[i]
        test = Cell("code", "", f"{name}_test", "test", worth, ())
        solution = Cell("code", "", name, "solution", 0.0, ())
        exercises.append(Exercise(name, f"1.{i + 1}", i, solution, (test,), frozenset()))
    return Lesson("01_small", Path("01_small.py"), (), tuple(exercises))


def result(student, messages=(), error="CheckFailure", seconds=0.1, **fields):
    """A submission to exercises a, b, c … of 2 points; an exercise with a message failed."""
    exercises = [
        ExerciseResult(
            "abcdef"[i],
            f"1.{i + 1}",
            (Verdict(f"{'abcdef'[i]}_test", 0 if message else 2, 2, message, error if message else ""),),
            seconds,
            **fields,
        )
        for i, message in enumerate(messages)
    ]
    return SubmissionResult(student, "01_small", "fingerprint", tuple(exercises))


@pytest.mark.parametrize("most", [0.5, 1, 5, 12, 13, 23, 24.5, 100, 3000])
def test_every_mark_is_in_one_bar_and_full_marks_have_their_own(most):
    scores = [most * i / 50 for i in range(51)] + [most + 1]
    bars = distribution(scores, most)
    assert sum(bar.count for bar in bars) == len(scores)
    assert (bars[0].low, bars[-1].low, bars[-1].high, bars[-1].count) == (0, most, None, 2)
    assert [bar.high for bar in bars[:-1]] == [bar.low for bar in bars[1:]]
    assert len(bars) <= 13


def test_bars_count_marks_from_their_low_end_up():
    bars = distribution([0, 0.5, 1, 4, 4.99, 5], 5)
    assert [bar.count for bar in bars] == [2, 1, 0, 0, 2, 1]


def test_discrimination_is_the_correlation_with_the_points_for_the_others():
    rng = random.Random(3)
    own = [rng.choice([0.0, 1.0, 2.0]) for _ in range(40)]
    others = [rng.gauss(2 * points, 1) for points in own]
    totals = [points + rest for points, rest in zip(own, others, strict=True)]
    assert discrimination(own, totals) == pytest.approx(np.corrcoef(own, others)[0, 1])
    assert discrimination(own, totals) < np.corrcoef(own, totals)[0, 1]


@pytest.mark.parametrize(
    ("own", "totals"),
    [
        ([1.0] * 30, list(range(30))),
        (list(range(30)), list(range(30))),
        ([0.0, 1.0] * (ENOUGH // 2 - 1), list(range(ENOUGH - 2))),
        ([], []),
    ],
)
def test_discrimination_is_not_said_where_there_is_none(own, totals):
    assert discrimination(own, totals) is None


def test_an_exercise_in_numbers():
    results = [
        result("ada", ["", ""], seconds=0.2),
        result("bob", ["wrong", ""], seconds=0.4),
        result("cem", ["Exercise 1.1", "Exercise 1.2"], "NotImplementedError", seconds=9.0, missing=True),
        result("dot", ["Exercise 1.1", ""], "NotImplementedError", seconds=0.1, as_submitted=True),
    ]
    first, second = exercise_numbers(lesson(2, 2), results)
    assert (first.number, first.submissions, first.right, first.points) == ("1.1", 4, 0.25, 0.5)
    assert (first.seconds, first.untouched, first.missing, first.as_submitted) == (0.2, 1, 1, 1)
    assert (second.right, second.points, second.max_points, second.discrimination) == (0.75, 1.5, 2, None)


def test_an_exercise_that_nobody_was_graded_on_has_no_numbers():
    (added,) = exercise_numbers(lesson(2, 2, 3), [result("ada", ["", ""])])[2:]
    assert (added.submissions, added.right, added.points, added.seconds, added.max_points) == (0, None, None, None, 3)
    assert exercise_numbers(lesson(2), [])[0].right is None


def test_similar_messages_are_one_and_the_commonest_of_them_is_shown():
    results = [
        result("ada", ["`f(1.5)` returned `2`, expected 3"]),
        result("bob", ["`f(-7)` returned `1e-3`, expected 0"]),
        result("cem", ["`f(-7)` returned `1e-3`, expected 0"]),
        result("dot", ["name 'x' is not defined"], "NameError"),
        result("eve", ["", "`f(1)` returned `2`, expected 3"]),
        result("fay", [""]),
    ]
    found = failures(results)
    assert [(one.number, one.message, len(one.students), one.variants) for one in found] == [
        ("1.1", "`f(-7)` returned `1e-3`, expected 0", 3, 2),
        ("1.1", "name 'x' is not defined", 1, 1),
        ("1.2", "`f(1)` returned `2`, expected 3", 1, 1),
    ]
    assert failures(results[::-1]) == found


def test_a_student_counts_once_for_a_message_of_two_tests():
    tests = tuple(Verdict(f"t{i}", 0, 1, f"wrong by {i}", "CheckFailure") for i in range(2))
    answer = SubmissionResult("ada", "01_small", "", (ExerciseResult("a", "1.1", tests),))
    (found,) = failures([answer])
    assert found.students == {"ada"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("shape (3, 4), expected (4,)", "shape (3,), expected (4, 5)"),
        ("got [[1. 2.]\n [3. 4.]]", "got [1 2 3]"),
        ("<A object at 0x7f12ab>", "<A object at 0x55>"),
        ("key 'a' is missing", 'key "long one" is missing'),
        ("returned nan", "returned -1.5e-07"),
    ],
)
def test_patterns_that_are_alike(one, other):
    assert pattern(one) == pattern(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("it doesn't return what isn't there", "it doesn't take what isn't there"),
        ("returned a list", "returned a tuple"),
        ("information 3", "nano 3"),
    ],
)
def test_patterns_that_are_not(one, other):
    assert pattern(one) != pattern(other)
