"""Nothing of a reference solution, a model answer or a hidden test is in what students get."""

import re

import pytest
from lessons import ROOT, SCRIPTS, student_notebook
from nbformat import v4

from autograder.lesson import read_lesson

MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
REGION = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)[ \t]*\n(.*?)### END \1", re.DOTALL)
OPERATOR = re.compile(r"[\w)\]] *(\*\*|//|[-+*/@%]|[<>]=?|==|!=) *[\w(\[-]")
DATA_FILES = {".ipynb", ".csv", ".tsv", ".txt", ".json", ".npz", ".png", ".gif"}


def secrets(cells) -> list[str]:
    """The telling lines of every region that students must not see.

    What a line's value is assigned to or returned from is left out: the same expression in another place gives as much
    away. What remains tells something when it computes, or is long; not when it only opens a block or a bracket or sets
    an option, as any answer may. Of a region without such a line (`return E[codes]`), its whole lines are looked for.
    """
    return [secret for cell in cells for _, body in REGION.findall(cell.source) for secret in telling(body)]


def telling(body: str) -> list[str]:
    """The lines of one region that tell something."""
    lines = [line.strip() for line in body.strip().split("\n")]
    values = [re.sub(r"^(return|yield|[\w, ]+ [-+*/]?=) ", "", line) for line in lines]
    return [
        value
        for value in values
        if value[-1:] not in tuple(":([{")
        and not re.fullmatch(r"\w+=[-\w.]+,?", value)
        and (len(value) >= 24 or OPERATOR.search(value))
    ] or [line for line in lines if len(line) >= 12]


def leaks(notebook, cells) -> list[str]:
    """What of the lesson's `cells` should not be in the students' `notebook`, and is."""
    text = "\n".join(cell.source for cell in notebook.cells)
    return [secret for secret in (*MARKERS, *secrets(cells)) if secret in text]


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.stem)
def script(request):
    return request.param


def test_no_solution_or_hidden_test_in_the_notebook(script):
    assert leaks(student_notebook(script), read_lesson(script).cells) == []


def test_every_solution_and_hidden_test_was_looked_for(script):
    lesson = read_lesson(script)
    for cell in lesson.cells:
        if REGION.search(cell.source):
            assert secrets([cell]), f"no line of {cell.grade_id} is telling: the leak test would not see it"
    assert sum("### BEGIN" in cell.source for cell in lesson.cells) >= 2 * len(lesson.exercises)


def test_students_get_no_outputs(script):
    for cell in student_notebook(script).cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        assert "attachments" not in cell


def test_students_get_a_notebook_and_data_and_no_more(script):
    folder = ROOT / "notebooks" / script.stem
    files = [path for path in folder.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts]
    assert {path.suffix for path in files} <= DATA_FILES
    assert [path.name for path in files if path.suffix == ".ipynb"] == [f"{script.stem}.ipynb"]


@pytest.mark.parametrize("leak", ["whole solution cell", "one line", "one expression", "model answer", "marker"])
def test_the_check_can_fail(script, leak):
    lesson, notebook = read_lesson(script), student_notebook(script)
    solution = lesson.exercises[-1].solution
    written = next(cell for cell in lesson.cells if cell.role == "written")
    planted = {
        "whole solution cell": solution.source,
        "one line": f"# {REGION.search(solution.source)[2].strip().splitlines()[-2].strip()}",
        "one expression": f"otherwise=lambda: {secrets([solution])[0]}",
        "model answer": f"*{max(REGION.search(written.source)[2].splitlines(), key=len).strip()}*",
        "marker": "    ### END SOLUTION",
    }[leak]
    notebook.cells.append(v4.new_markdown_cell(planted))
    assert leaks(notebook, lesson.cells)
