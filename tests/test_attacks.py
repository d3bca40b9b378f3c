"""Hostile answers: none gains a point, none stops the grading, and the next answer finds everything as it was.

tests/attacks/ holds a small lesson and the answers: forgeries that want marks and breakdowns that want to stop the
grader. These run against the sandbox itself; they are skipped, with the reason, where none can be had.
"""

import re
from pathlib import Path

import pytest
import yaml
from sandboxed import needs_sandbox

from autograder import warm
from autograder.lesson import read_lesson
from autograder.warm import NEEDS_HUMAN, WarmLesson

FOLDER = Path(__file__).parent / "attacks"
LESSON = read_lesson(FOLDER / "lesson.py")
FIRST, APPLY = LESSON.exercises
RIGHT = "def apply(function, values):\n    return np.array([function(value) for value in values])"

pytestmark = needs_sandbox


def attacks(name):
    entries = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return [pytest.param(entry, id=entry["name"]) for entry in entries]


@pytest.fixture(scope="module")
def ready():
    budgets = warm.LEAST_CPU_SECONDS, warm.WALL_SECONDS
    warm.LEAST_CPU_SECONDS, warm.WALL_SECONDS = 2, 20
    with WarmLesson(LESSON) as lesson:
        yield lesson
    warm.LEAST_CPU_SECONDS, warm.WALL_SECONDS = budgets


def points(trial):
    return sum(verdict.points for verdict in trial.verdicts)


def test_the_right_answer_gets_full_points_under_every_key(ready):
    for key in ("", "a", "b"):
        assert points(ready.try_answer(APPLY, [RIGHT], key)) == 10


@pytest.mark.parametrize("attack", attacks("forgeries"))
def test_a_forgery_gains_nothing(ready, attack):
    trial = ready.try_answer(APPLY, [attack["code"]], "a secret key")
    assert points(trial) == 0, trial.verdicts
    assert all(verdict.message and verdict.error for verdict in trial.verdicts)
    assert attack.get("says", "") in trial.verdicts[0].message
    assert points(ready.try_answer(APPLY, [RIGHT], "a secret key")) == 10


@pytest.mark.parametrize("attack", attacks("breakdowns"))
def test_a_breakdown_stops_nobody_else(ready, attack):
    trial = ready.try_answer(APPLY, [attack["code"]], "a secret key")
    assert points(trial) == 0 and len(trial.verdicts) == 3
    for verdict in trial.verdicts:
        assert re.search(attack["says"], verdict.message)
        assert (verdict.error in NEEDS_HUMAN) == attack.get("human", False)
    assert points(ready.try_answer(APPLY, [RIGHT], "a secret key")) == 10
