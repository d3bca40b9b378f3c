"""The chapters as the grader sees them, in the sandbox: marks of whole notebooks, and the answer banks again.

The first three chapters are always tried, with a few answers of each exercise; by `make test-all` all chapters, with
all answers of their banks.
"""

import functools
import json

import pytest
import yaml
from extent import EVERYTHING
from lessons import ROOT
from sandboxed import needs_sandbox

from autograder.lesson import chapters, read_lesson
from autograder.loopback import run_exercise
from autograder.marking import mark
from autograder.warm import WarmLesson

SCRIPTS = chapters(ROOT)[: None if EVERYTHING else 3]
OWN_CELLS = [
    "import statistics as st\ndef my_helper(x):\n    return st.fmean([x])",
    "%matplotlib inline\n%timeit -n 1 my_helper(1.0)\n!ls\n%pip install nothing",
    "my_helper(2.0) / 0",
]

pytestmark = needs_sandbox


class Remembering:
    """A warm lesson that tries no answer twice under the same key: the same answer gets the same verdicts."""

    def __init__(self, warm):
        self.warm, self.lesson = warm, warm.lesson
        self.known = {}

    def try_answer(self, exercise, cells, key, after=()):
        """See `WarmLesson.try_answer`."""
        case = (exercise.grade_id, *cells, None, *after, key)
        if case not in self.known:
            self.known[case] = self.warm.try_answer(exercise, cells, key, after)
        return self.known[case]


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda script: script.stem)
def warm(request):
    with WarmLesson(read_lesson(request.param)) as lesson:
        yield Remembering(lesson)


@functools.cache
def bank(name):
    return yaml.safe_load((ROOT / "tests" / "answers" / f"{name}.yaml").read_text(encoding="utf-8"))


def right_answers(lesson):
    """A right answer to each exercise, by grade_id: that of the bank which looks least like the reference, its last."""
    return {grade_id: kinds["right"][-1]["code"] for grade_id, kinds in bank(lesson.name).items()}


def handed_in(lesson, answers):
    """The students' version of a chapter as JSON, with these answers."""
    path = ROOT / "notebooks" / lesson.name / f"{lesson.name}.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = answers.get(name, cell["source"])
    return notebook


def full_points(lesson):
    return {exercise.grade_id: sum(test.points for test in exercise.tests) for exercise in lesson.exercises}


def marks(warm, notebook):
    results, flags = mark(warm, notebook, "key")
    assert flags == ()
    return {result.grade_id: result.points for result in results}


def test_everything_right_gets_every_point_and_nothing_gets_none(warm):
    assert marks(warm, handed_in(warm.lesson, right_answers(warm.lesson))) == full_points(warm.lesson)
    assert set(marks(warm, handed_in(warm.lesson, {})).values()) == {0}


def test_an_exercise_that_is_left_out_costs_its_own_points_only(warm):
    answers, full = right_answers(warm.lesson), full_points(warm.lesson)
    for name in full:
        others = {other: answer for other, answer in answers.items() if other != name}
        assert marks(warm, handed_in(warm.lesson, others)) == full | {name: 0}, f"without {name}"


def test_an_exercise_that_is_wrong_costs_its_own_points_only(warm):
    answers, full = right_answers(warm.lesson), full_points(warm.lesson)
    for name in full:
        wrong = bank(warm.lesson.name)[name]["wrong"][0]
        expected = full | {name: wrong["points"]}
        assert marks(warm, handed_in(warm.lesson, answers | {name: wrong["code"]})) == expected, f"{name} wrong"


def test_own_cells_with_helpers_magics_and_errors_cost_nothing(warm):
    notebook = handed_in(warm.lesson, right_answers(warm.lesson))
    own = [{"cell_type": "code", "source": source, "metadata": {}, "outputs": []} for source in OWN_CELLS]
    notebook["cells"] = [new for cell in notebook["cells"] for new in (*own, cell)]
    assert marks(warm, notebook) == full_points(warm.lesson)


def test_answers_that_need_a_renamed_helper_of_an_own_cell_are_right(warm):
    """Each right answer's code in a cell of its own under another name, which the answer's cell then gives back."""
    notebook, full = handed_in(warm.lesson, right_answers(warm.lesson)), full_points(warm.lesson)
    names = {exercise.grade_id: sorted(exercise.names) for exercise in warm.lesson.exercises}
    cells = []
    for cell in notebook["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if grade_id in names:
            kept = "".join(f"\nmine_{name} = {name}\ndel {name}" for name in names[grade_id])
            cells.append({"cell_type": "code", "source": cell["source"] + kept, "metadata": {}, "outputs": []})
            cell["source"] = "\n".join(f"{name} = mine_{name}" for name in names[grade_id])
        cells.append(cell)
    assert marks(warm, notebook | {"cells": cells}) == full


def outcome(verdicts):
    return [(verdict.grade_id, verdict.points, verdict.error, verdict.message) for verdict in verdicts]


def test_known_answers_get_the_verdicts_in_the_sandbox_that_they_get_without(warm):
    most, key = None if EVERYTHING else 1, "key"
    for exercise in warm.lesson.exercises:
        kinds = bank(warm.lesson.name)[exercise.grade_id]
        for answer in kinds["right"][:most]:
            found = warm.try_answer(exercise, [answer["code"]], key).verdicts
            assert [verdict.points for verdict in found] == [test.points for test in exercise.tests], answer
        for answer in kinds["wrong"][:most]:
            confined = warm.try_answer(exercise, [answer["code"]], key).verdicts
            direct = run_exercise(warm.lesson, exercise, answer["code"], proxied=True, key=key)
            assert outcome(confined) == outcome(direct), answer
            assert any(answer["message"] in verdict.message for verdict in confined)
        assert not any(verdict.points for verdict in warm.try_answer(exercise, ["pass"], key).verdicts)
