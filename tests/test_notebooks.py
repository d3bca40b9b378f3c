"""The students' notebooks run from top to bottom with nothing solved: only the exercises' own tests fail."""

import pytest
from lessons import SCRIPTS, execute_solved, execute_unsolved
from nbformat import v4

from autograder.lesson import read_lesson

SECONDS = 30


def test_cells(lesson) -> dict[str, str]:
    """The grade_id of each exercise's tests, and what their failure must name while the exercise is unsolved."""
    return {t.grade_id: f"Exercise {e.number}, {e.grade_id}" for e in lesson.exercises for t in e.tests}


test_cells.__test__ = False


def wrong_outcomes(notebook, expected: dict[str, str]) -> list[str]:
    """What an executed unsolved notebook does that it should not: one line for each cell that is not as `expected`."""
    wrong, seen = [], set()
    for cell in notebook.cells:
        errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in expected:
            seen.add(grade_id)
            if not errors:
                wrong.append(f"{grade_id} passes unsolved")
            elif expected[grade_id] not in errors[0].evalue:
                wrong.append(f"{grade_id} does not name its exercise: {errors[0].evalue}")
        elif errors:
            wrong.append(f"{cell.source.splitlines()[0]!r} fails: {errors[0].evalue}")
    return wrong + [f"{grade_id} is not in the notebook" for grade_id in expected.keys() - seen]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_unsolved_only_the_exercises_tests_fail(script):
    assert wrong_outcomes(execute_unsolved(script), test_cells(read_lesson(script))) == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_solved_lesson_is_quick(script):
    _, seconds, _ = execute_solved(script)
    assert seconds < SECONDS, f"{script.stem} takes {seconds:.0f} s solved"


def executed_cell(source, grade_id=None, error=None):
    cell = v4.new_code_cell(source, metadata={"nbgrader": {"grade_id": grade_id}} if grade_id else {})
    if error:
        cell.outputs.append(v4.new_output("error", ename="E", evalue=error, traceback=[]))
    return cell


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ([executed_cell("assert f()", "t")], "t passes unsolved"),
        ([executed_cell("assert f()", "t", "name f is not defined")], "t does not name its exercise"),
        (
            [executed_cell("assert f()", "t", "Exercise 1.1, f: …"), executed_cell("g(f)", error="oh")],
            "'g(f)' fails: oh",
        ),
        ([], "t is not in the notebook"),
    ],
)
def test_the_check_can_fail(cells, complaint):
    [wrong] = wrong_outcomes(v4.new_notebook(cells=cells), {"t": "Exercise 1.1, f"})
    assert wrong.startswith(complaint)
