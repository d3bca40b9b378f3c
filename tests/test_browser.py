"""Every chapter after the first, run from beginning to end in a real JupyterLab and a real browser.

What the page shows is compared with the lesson's file: what is red, formulas, figures. Chapter 1 is walked through in
tests/test_student.py. Skipped where there is no Chromium.
"""

import nbformat
import pytest
from lab_pages import OpenLesson, course_for_students
from live_pages import ROOT, chromium, needs_chromium

from autograder.lesson import chapters, read_lesson

pytestmark = needs_chromium

LESSONS = [read_lesson(path) for path in chapters(ROOT)[1:]]
SHORT = 1
"""How many of them `make test` runs; the others take up to a minute each, and it only opens them."""


@pytest.fixture(scope="module")
def open_lesson(tmp_path_factory):
    """A function that opens a lesson, with these answers in it; only one lesson at a time is open."""
    with course_for_students(tmp_path_factory.mktemp("students")) as (address, work), chromium() as browser:
        opened = []

        def open_it(lesson, answers=None):
            while opened:
                opened.pop().close()
            path = work / lesson.name / f"{lesson.name}.ipynb"
            opened.append(OpenLesson(browser, address, with_answers(path, answers) if answers else path))
            return opened[0]

        yield open_it


def with_answers(path, answers):
    """Put these answers, {grade_id: text}, into a copy of the notebook file beside it; returns the copy."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    nbformat.write(notebook, path.with_stem("with_answers"))
    return path.with_stem("with_answers")


def assert_readable(opened, lesson):
    """Assert that all prose, formulas and figures of a lesson that has run are there, and as its file has them."""
    assert opened.badly_rendered() == {}
    names = sorted(path.stem for path in (ROOT / "images" / lesson.name).iterdir())
    figures = opened.figures(len(names))
    assert sorted(figure["name"] for figure in figures) == names
    assert [figure["name"] for figure in figures if figure["width"] < 300 or len(figure["alt"]) < 20] == []


@pytest.mark.parametrize("lesson", LESSONS[SHORT:], ids=lambda lesson: lesson.name)
def test_all_prose_and_formulas_of_a_lesson_can_be_read(open_lesson, lesson):
    assert open_lesson(lesson).badly_rendered() == {}


@pytest.mark.parametrize(
    "lesson",
    [
        pytest.param(lesson, id=lesson.name, marks=[pytest.mark.test_all] if number >= SHORT else [])
        for number, lesson in enumerate(LESSONS)
    ],
)
def test_an_untouched_lesson_runs_to_its_end_and_each_red_check_names_its_exercise(open_lesson, lesson):
    opened = open_lesson(lesson)
    opened.run_all(seconds=600)
    stubs = {
        opened.place(test.grade_id): f"Exercise {exercise.number}, {exercise.grade_id}"
        for exercise in lesson.exercises
        for test in exercise.tests
    }
    red = opened.all_errors()
    assert [red[place] for place in red.keys() - stubs.keys()] == []
    assert {place: red.get(place, "green").strip() for place in stubs} == {
        place: f"NotImplementedError: {name}: replace this line with your answer" for place, name in stubs.items()
    }
    assert_readable(opened, lesson)


@pytest.mark.test_all
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_solved_lesson_runs_to_its_end_and_every_check_is_green(open_lesson, lesson):
    opened = open_lesson(lesson, {exercise.grade_id: exercise.solution.source for exercise in lesson.exercises})
    opened.run_all(seconds=600)
    assert opened.all_errors() == {}
    tests = [test.grade_id for exercise in lesson.exercises for test in exercise.tests]
    green = {test: opened.cell(test).locator(".ansi-green-fg").all_text_contents() for test in tests}
    assert {test: said for test, said in green.items() if len(said) != 1 or "passed" not in said[0]} == {}
    assert_readable(opened, lesson)
