"""A student's first chapter, from `make lab` to the saved notebook: one walk, in a real JupyterLab and a real browser.

The tests stand in the order of the walk and share one page, so a step that fails takes later ones with it. The walk has
a wrong answer in its middle, which is mended at its end. Skipped where there is no Chromium.
"""

import base64
import io
import re

import nbformat
import pytest
import yaml
from lab_pages import FORMULA, SECONDS, OpenLesson, course_for_students
from live_pages import ROOT, chromium, needs_chromium
from PIL import Image

from autograder.lesson import chapters, read_lesson

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

pytestmark = needs_chromium

LESSON = read_lesson(chapters(ROOT)[0])
BANK = yaml.safe_load((ROOT / "tests" / "answers" / f"{LESSON.name}.yaml").read_text(encoding="utf-8"))
ANSWERS = {e.grade_id: BANK[e.grade_id]["right"][-1]["code"].strip() for e in LESSON.exercises}
TESTS = {e.grade_id: [test.grade_id for test in e.tests] for e in LESSON.exercises}
MISTAKEN = next(e for e in LESSON.exercises if e.number == "1.3")
OTHERS = [e for e in LESSON.exercises if e is not MISTAKEN]
MISTAKE = next(wrong for wrong in BANK[MISTAKEN.grade_id]["wrong"] if wrong["name"] == "sum instead of mean")
FIGURES = sorted(path.stem for path in (ROOT / "images" / LESSON.name).iterdir())
WRITTEN = next(cell.grade_id for cell in LESSON.cells if cell.role == "written")
OPINION = "It stops growing: without an intercept, no weight gets all five right."


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The lesson that JupyterLab opens by itself, and what the tests before have done to it."""
    expect.set_options(timeout=60 * SECONDS)
    with course_for_students(tmp_path_factory.mktemp("student")) as (address, work), chromium() as browser:
        yield OpenLesson(browser, address, work / LESSON.name / f"{LESSON.name}.ipynb", door="/?")
    expect.set_options(timeout=5 * SECONDS)


def assert_green(lesson, *exercises):
    """Assert that every check of these exercises comes to say, in green, that it passed."""
    for exercise in exercises:
        for test in exercise.tests:
            passed = lesson.cell(test.grade_id).locator(".ansi-green-fg")
            expect(passed).to_have_text(re.compile("^✓ [0-9]+ checks? passed$"))
            expect(lesson.red(test.grade_id)).to_have_count(0)


def test_the_course_opens_on_its_first_lesson_with_nothing_in_the_way(lesson):
    assert f"/lab/tree/{LESSON.name}/{LESSON.name}.ipynb" in lesson.page.url
    expect(lesson.page.get_by_role("heading", level=1)).to_contain_text("1. One weight")
    assert lesson.page.locator(".jp-Dialog, .Toastify__toast").count() == 0


def test_all_prose_and_formulas_can_be_read(lesson):
    for place, cell in enumerate(lesson.cells):
        if cell.cell_type == "markdown":
            shown = lesson.cell(place)
            shown.scroll_into_view_if_needed()
            expect(shown).to_have_class(re.compile("jp-mod-rendered"))
            expect(shown.locator("mjx-container")).to_have_count(len(FORMULA.findall(cell.source)))
    assert "What this chapter builds on" in shown.inner_text()
    assert lesson.badly_rendered() == {}


def test_hints_open_on_a_click(lesson):
    hints = lesson.page.locator(".jp-RenderedMarkdown details")
    assert hints.count() >= 2 * len(LESSON.exercises)
    for hint in hints.all():
        inside = hint.locator("code, mjx-container, p").last
        expect(inside).not_to_be_visible()
        hint.locator("summary").click()
        expect(inside).to_be_visible()


def test_run_all_shows_every_figure_and_red_checks_that_name_their_exercise(lesson):
    lesson.run_all()
    exercises = {lesson.place(test): e for e in LESSON.exercises for test in TESTS[e.grade_id]}
    red = lesson.all_errors()
    assert red.keys() == exercises.keys()
    for place, exercise in exercises.items():
        stub = f"Exercise {exercise.number}, {exercise.grade_id}: replace this line with your answer"
        assert red[place].strip() == f"NotImplementedError: {stub}"
    figures = lesson.figures(len(FIGURES))
    assert sorted(figure["name"] for figure in figures) == FIGURES
    assert all(figure["width"] > 300 and len(figure["alt"]) > 20 for figure in figures)


def test_the_animation_moves(lesson):
    [source] = [
        figure["source"] for figure in lesson.figures(len(FIGURES)) if figure["source"].startswith("data:image/gif")
    ]
    assert Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).n_frames > 30


def test_the_slider_moves_through_the_epochs(lesson):
    picture = lesson.page.locator(".widget-html img")
    assert "epoch 4:" in picture.get_attribute("alt")
    handle = lesson.page.locator(".widget-slider .noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    expect(picture).to_have_attribute("alt", re.compile("epoch 5:"))


def test_the_validate_button_names_an_exercise_that_is_not_solved(lesson):
    assert "Exercise 1.1, sigmoid: replace this line with your answer" in lesson.validate()


def test_a_wrong_answer_is_met_with_one_sentence_on_what_came_back(lesson):
    lesson.type_answer(MISTAKEN.grade_id, MISTAKE["code"].strip())
    lesson.run_on(1 + len(MISTAKEN.tests))
    expect(lesson.red(TESTS[MISTAKEN.grade_id][0])).to_have_text(f"CheckFailure: {MISTAKE['message']}")


@pytest.mark.parametrize("exercise", OTHERS, ids=lambda e: e.grade_id)
def test_typing_an_answer_turns_its_checks_from_red_to_green(lesson, exercise):
    for test in exercise.tests:
        expect(lesson.red(test.grade_id)).to_contain_text("NotImplementedError")
    lesson.type_answer(exercise.grade_id, ANSWERS[exercise.grade_id])
    lesson.run_on(1 + len(exercise.tests))
    assert_green(lesson, exercise)


def test_with_one_wrong_answer_the_lesson_still_runs_to_its_end(lesson):
    lesson.restart_and_run_all()
    expect(lesson.red(TESTS[MISTAKEN.grade_id][0])).to_have_text(f"CheckFailure: {MISTAKE['message']}")
    assert lesson.all_errors().keys() <= {lesson.place(test) for test in TESTS[MISTAKEN.grade_id]}
    assert_green(lesson, *OTHERS)


def test_the_validate_button_says_what_is_wrong_with_the_wrong_answer(lesson):
    assert MISTAKE["message"] in lesson.validate()


def test_the_wrong_answer_can_be_mended(lesson):
    lesson.type_answer(MISTAKEN.grade_id, ANSWERS[MISTAKEN.grade_id])
    lesson.run_on(1 + len(MISTAKEN.tests))
    assert_green(lesson, MISTAKEN)


def test_the_question_is_answered_in_words(lesson):
    cell = lesson.cell(WRITTEN)
    cell.locator(".jp-RenderedMarkdown").dblclick()
    lesson.type_answer(WRITTEN, OPINION)
    lesson.page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-RenderedMarkdown")).to_have_text(OPINION)


def test_the_validate_button_says_that_all_is_well(lesson):
    assert "Success! Your notebook passes all the tests." in lesson.validate()


def test_after_a_restart_everything_is_green(lesson):
    lesson.restart_and_run_all()
    assert lesson.all_errors() == {}
    assert_green(lesson, *LESSON.exercises)


def test_the_saved_file_holds_what_was_typed_and_no_error(lesson):
    lesson.save()
    cells = nbformat.read(lesson.path, as_version=4).cells
    typed = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }
    assert typed == {**ANSWERS, WRITTEN: OPINION}
    assert not [output for cell in cells for output in cell.get("outputs", []) if output.output_type == "error"]
