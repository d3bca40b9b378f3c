"""Every chapter after the first, run from beginning to end in a real JupyterLab and a real browser.

What the page shows is compared with the lesson's file: errors in red, formulas, figures. Chapter 1 is walked through in
tests/test_student.py. Skipped where there is no Chromium.
"""

import pytest
from lab_pages import OpenLesson, course_for_students
from live_pages import ROOT, chromium, needs_chromium

from autograder.lesson import chapters, read_lesson

pytestmark = needs_chromium

LESSONS = [read_lesson(path) for path in chapters(ROOT)[1:]]
SHORT = 2
"""How many of them `make test` runs unsolved; the others take up to a minute each, and are left to `make test-all`."""


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """What opens an untouched lesson."""
    with course_for_students(tmp_path_factory.mktemp("untouched")) as (address, work), chromium() as browser:
        yield lambda name: OpenLesson(browser, address, work, name)


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """What opens a lesson in which every exercise has its reference answer."""
    answers = {lesson.name: {e.grade_id: e.solution.source for e in lesson.exercises} for lesson in LESSONS}
    with course_for_students(tmp_path_factory.mktemp("solved"), answers) as (address, work), chromium() as browser:
        yield lambda name: OpenLesson(browser, address, work, name)


def assert_readable(opened):
    """Assert that all prose, formulas and figures of a lesson that has run are as its file has them."""
    assert opened.badly_rendered() == {}
    names = sorted(path.stem for path in (ROOT / "images" / opened.path.stem).iterdir())
    figures = opened.figures(len(names))
    assert sorted(figure["name"] for figure in figures) == names
    assert [figure["name"] for figure in figures if figure["width"] < 300 or len(figure["alt"]) < 20] == []


@pytest.mark.parametrize(
    "lesson",
    [
        pytest.param(lesson, id=lesson.name, marks=[pytest.mark.test_all] if number >= SHORT else [])
        for number, lesson in enumerate(LESSONS)
    ],
)
def test_an_untouched_lesson_runs_to_its_end_and_each_red_check_names_its_exercise(untouched, lesson):
    opened = untouched(lesson.name)
    opened.run_all(seconds=600)
    names = {
        opened.place(test.grade_id): f"Exercise {e.number}, {e.grade_id}" for e in lesson.exercises for test in e.tests
    }
    red = opened.all_errors()
    assert red.keys() == names.keys()
    assert {place: red[place] for place, name in names.items() if f"{name}: replace this line" not in red[place]} == {}
    assert_readable(opened)
    opened.close()


@pytest.mark.test_all
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_solved_lesson_runs_to_its_end_and_every_check_is_green(solved, lesson):
    opened = solved(lesson.name)
    opened.run_all(seconds=600)
    assert opened.all_errors() == {}
    for exercise in lesson.exercises:
        for test in exercise.tests:
            assert "passed" in opened.cell(test.grade_id).locator(".jp-OutputArea").inner_text()
    assert_readable(opened)
    opened.close()
