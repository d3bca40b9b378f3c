"""Chapter 1 as a student meets it: in a real JupyterLab, in a real browser.

One server serves a copy of the students' notebooks from a temporary folder. Skipped where there is no Chromium.
"""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from live_pages import TOKEN, chromium, jupyter, needs_chromium

from autograder.lesson import chapters, read_lesson

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ROOT = Path(__file__).resolve().parent.parent
CHAPTER = chapters(ROOT)[0].stem
FIGURES = sorted(path.stem for path in (ROOT / "images" / CHAPTER).iterdir())

pytestmark = needs_chromium

SETTINGS = {
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A student's work folder: the first chapter untouched, and the same with every exercise solved."""
    folder = tmp_path_factory.mktemp("work")
    shutil.copytree(ROOT / "notebooks" / CHAPTER, folder / CHAPTER)
    notebook = nbformat.read(folder / CHAPTER / f"{CHAPTER}.ipynb", 4)
    answers = {exercise.grade_id: exercise.solution.source for exercise in read_lesson(chapters(ROOT)[0]).exercises}
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in answers:
            cell.source = answers[grade_id]
        elif cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = "No, and then yes: see the boundary."
    nbformat.write(notebook, folder / CHAPTER / "solved.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(work, tmp_path_factory):
    """The address of a JupyterLab that serves `work`, with the settings of this course's environment."""
    settings = tmp_path_factory.mktemp("settings")
    for name, values in SETTINGS.items():
        (settings / name).parent.mkdir(parents=True, exist_ok=True)
        (settings / name).write_text(json.dumps(values))
    with jupyter("jupyterlab", work, ROOT, JUPYTERLAB_SETTINGS_DIR=str(settings)) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def open_notebook(lab, browser):
    """A function that opens a notebook of the chapter in a new page and waits until its kernel is idle."""

    def open_it(name):
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.goto(f"{lab}/lab/tree/{CHAPTER}/{name}.ipynb?token={TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
        page.wait_for_selector("text=/Python 3.*Idle/", timeout=60_000)
        return page

    return open_it


@pytest.fixture(scope="module")
def page(open_notebook):
    """The untouched notebook, after Run All Cells; the tests below use it in their order."""
    page = open_notebook(CHAPTER)
    run_all(page)
    return page


def run_all(page):
    """Choose Run, Run All Cells, and wait until every figure of the chapter is there."""
    page.click(".lm-MenuBar-itemLabel >> text=/^Run$/")
    page.click("text='Run All Cells'")
    for figure in FIGURES:
        page.wait_for_selector(f'.jp-OutputArea img[data-figure="{figure}"]', timeout=90_000)


def errors(page):
    """Return the texts of all errors that cells show."""
    return page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]').all_inner_texts()


def test_an_untouched_lesson_runs_to_its_end_and_shows_everything(page):
    tests = sum(len(exercise.tests) for exercise in read_lesson(chapters(ROOT)[0]).exercises)
    found = errors(page)
    assert len(found) == tests
    assert all("NotImplementedError: Exercise 1." in text for text in found)

    figures = page.locator(".jp-OutputArea img[data-figure]")
    seen = figures.evaluate_all("all => all.map(one => [one.getAttribute('data-figure'), one.naturalWidth, one.alt])")
    assert sorted(name for name, _, _ in seen) == FIGURES
    assert all(width > 300 and len(alt) > 20 for _, width, alt in seen)

    page.wait_for_selector("mjx-container")
    assert page.locator(".jp-RenderedMarkdown mjx-container").count() > 50
    assert not any("$" in text for text in page.locator(".jp-RenderedMarkdown").all_inner_texts())


def test_the_slider_moves_through_the_epochs(page):
    picture = page.locator(".widget-html img")
    assert "epoch 4:" in picture.get_attribute("alt")
    handle = page.locator(".widget-slider .noUi-handle")
    handle.focus()
    handle.press("ArrowRight")
    playwright.expect(picture).to_have_attribute("alt", re.compile("epoch 5:"), timeout=10_000)


def test_a_student_turns_a_check_from_red_to_green_by_typing(page):
    before = len(errors(page))
    cell = page.locator(".jp-CodeCell", has_text="def sigmoid(z):").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("def sigmoid(z):\n    return np.exp(-np.logaddexp(0, -np.asarray(z)))")
    for _ in range(3):
        page.keyboard.press("Shift+Enter")
    playwright.expect(
        page.locator('.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]')
    ).to_have_count(before - 2, timeout=20_000)


@pytest.mark.parametrize(
    ("name", "said"), [("solved", "Success! Your notebook passes all the tests."), (CHAPTER, "Exercise 1.1, sigmoid")]
)
def test_the_validate_button_tells(open_notebook, name, said):
    page = open_notebook(name)
    page.click(".jp-NotebookPanel-toolbar >> text=Validate")
    dialog = page.locator(".jp-Dialog")
    playwright.expect(dialog).to_contain_text(said, timeout=90_000)
