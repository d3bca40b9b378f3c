"""tools/mutants.py and the table that tools/check_exercises.py makes with it."""

import re

import check_exercises
import pytest
import yaml
from extent import EVERYTHING
from mutants import mutants
from sandboxed import needs_sandbox

from autograder.lesson import chapters, read_lesson

LESSONS = [read_lesson(script) for script in chapters(check_exercises.ROOT)]


@pytest.mark.parametrize(
    ("source", "mutated"),
    [
        ("x = a + b", "x = a - b"),
        ("x = a @ b", "x = a * b"),
        ("x = a.sum(axis=0)", "x = a.mean(axis=0)"),
        ("x = a.sum(axis=0)", "x = a.sum()"),
        ("x = np.sum(a, axis=0, keepdims=True)", "x = np.sum(a, axis=0)"),
        ("x = a.T @ b", "x = a @ b"),
        ("x = a.copy()", "x = a"),
        ("x = a[1]", "x = a[ 2]"),
        ("x = a < b", "x = a <= b"),
        ("x = -a", "x = a"),
        ("if a:\n    x = 1", "if not a:\n    x = 1"),
        ("for i in a:\n    x = i", "for i in []:\n    x = i"),
        ("x = a and b", "x = a or b"),
    ],
)
def test_a_mutant_is_one_change(source, mutated):
    found = [mutant.code for mutant in mutants(source)]
    assert mutated in found
    assert source not in found and len(found) == len(set(found))


def test_messages_names_and_layout_are_left_alone():
    assert mutants('raise ValueError(f"expected {n + 1} of {m}")') == []
    assert mutants("x = y") == []


def test_a_mutant_says_what_changed():
    changes = [mutant.change for mutant in mutants("def f(a, b):\n    return a * b")]
    assert "- return a * b\n+ return a / b" in changes


def page_counts():
    """The numbers of mutants in tests/MUTATION.md, by chapter and grade_id."""
    counts, chapter = {}, None
    for line in check_exercises.TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            chapter = line[3:]
        elif found := re.match(r"\| \d+\.\d+ (\w+) \| (\d+) \| (\d+) \|", line):
            counts[chapter, found[1]] = int(found[2])
    return counts


def test_the_table_is_of_the_exercises_as_they_are():
    here = {(one.name, exercise.grade_id): exercise.solution.source for one in LESSONS for exercise in one.exercises}
    there = page_counts()
    assert there.keys() == here.keys(), "run `make check-exercises`"
    for place, source in here.items():
        assert there[place] == len(mutants(source)), f"{place}: run `make check-exercises`"


def test_every_reason_belongs_to_a_mutant():
    reasons = yaml.safe_load(check_exercises.REASONS.read_text(encoding="utf-8"))
    for lesson in LESSONS:
        for name, known in reasons.pop(lesson.name, {}).items():
            (exercise,) = (exercise for exercise in lesson.exercises if exercise.grade_id == name)
            assert known.keys() <= {mutant.change for mutant in mutants(exercise.solution.source)}
    assert reasons == {}


@needs_sandbox
@pytest.mark.parametrize("lesson", LESSONS[: None if EVERYTHING else 1], ids=lambda lesson: lesson.name)
def test_the_table_is_what_comes_out(lesson):
    reasons = yaml.safe_load(check_exercises.REASONS.read_text(encoding="utf-8"))
    outcomes = list(check_exercises.check(lesson, reasons.get(lesson.name, {})))
    assert check_exercises.complaints(outcomes) == []
    assert check_exercises.section(lesson.name, outcomes) in check_exercises.TABLE.read_text(encoding="utf-8")


def test_a_survivor_without_a_reason_and_too_many_survivors_are_told():
    exercise = LESSONS[0].exercises[0]
    [first, second, *_] = mutants(exercise.solution.source)
    outcome = check_exercises.Outcome("01_name", exercise, 10, ((first, "It does not matter."), (second, "")))
    low, missing = check_exercises.complaints([outcome])
    assert low == "01_name: only 80.0% of the mutants lose points, 95% should: add tests."
    assert missing.startswith("01_name, sigmoid keeps all its points with: - ")
    assert "It does not matter." in check_exercises.section("01_name", [outcome])
