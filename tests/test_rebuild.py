"""The autograded notebook: the lesson's cells and the verdict's points, whatever the submission says of itself.

And nothing of it is live where an instructor looks at it: in formgrader, which a real server serves to a real browser,
and in the pages of stock `nbgrader generate_feedback`.
"""

import json
import random
import shutil
import warnings

import nbformat
import pytest
from bs4 import BeautifulSoup
from hostile import HOSTILE, ONERROR, PWN, SCRIPT
from live_pages import Watched, chromium, formgrader, needs_chromium, save
from nbgrader.converters import GenerateFeedback
from nbgrader.utils import determine_grade
from small_course import CHAPTER, cells_by_id, hand_in, make_course
from sync_notebooks import notebook_of

from autograder.course import open_course
from autograder.lesson import chapters, read_lesson
from autograder.rebuild import ADDED, ADDED_CODE, ADDED_WORDS, AS_SUBMITTED, MOST_ADDED, message_for_student, rebuild
from autograder.register import register
from autograder.results import ExerciseResult, SubmissionResult, Verdict
from autograder.sanitize import UNSEEN

ANSWER = "def double(x):\n    return x + x"
WORDS = "Since **x + x** is $2x$."


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course in whose gradebook the small chapter is registered."""
    course = open_course(make_course(tmp_path_factory.mktemp("courses") / "course"))
    register(course, course.lessons[CHAPTER])
    return course


@pytest.fixture(scope="module")
def lesson(course):
    return course.lessons[CHAPTER]


@pytest.fixture
def submitted(course):
    """A function that gives the JSON of a notebook with these answers, changed by `change`."""

    def hand(double=ANSWER, why=WORDS, change=None):
        path = hand_in(course.root, "ada", double, why, change)
        notebook = json.loads(path.read_text())
        shutil.rmtree(course.root / "submitted")
        return notebook

    return hand


def result_of(*verdicts, **fields):
    tests = verdicts or (Verdict("double_values", 1.0, 1.0), Verdict("double_random", 1.0, 1.0))
    return SubmissionResult("ada", CHAPTER, "", (ExerciseResult("double", "1.1", tests, **fields),))


def test_cells_are_those_of_the_students_version_with_the_tests_of_the_source(root):
    for script in chapters(root)[:3]:
        lesson = read_lesson(script)
        released = nbformat.read(root / "notebooks" / lesson.name / f"{lesson.name}.ipynb", as_version=4)
        rebuilt = rebuild(lesson, json.loads(json.dumps(released)), SubmissionResult("a", lesson.name, "", ()))
        nbformat.validate(rebuilt)
        assert [cell.id for cell in rebuilt.cells] == [cell.id for cell in released.cells]
        assert [cell.id for cell in rebuilt.cells] == [cell.id for cell in notebook_of(script).cells]
        for new, old, cell in zip(rebuilt.cells, released.cells, lesson.cells, strict=True):
            assert new.cell_type == old.cell_type
            assert new.source == (cell.source if cell.role == "test" else old.source)
            fields, known = dict(new.metadata.get("nbgrader", {})), dict(old.metadata.get("nbgrader", {}))
            if cell.role == "test":
                assert fields.pop("checksum") and known.pop("checksum")
            assert fields == known


def test_answers_stand_in_it_and_hidden_tests_too(lesson, submitted):
    cells = cells_by_id(rebuild(lesson, submitted(), result_of()))
    assert cells["double"].source == ANSWER and cells["why"].source == WORDS
    assert "secret_input" in cells["double_random"].source
    assert [output for cell in cells.values() for output in cell.get("outputs", [])] == []


@pytest.mark.parametrize("points", [0.0, 0.25, 1.0])
def test_nbgrader_makes_the_verdicts_points_of_it(lesson, submitted, points):
    failed = Verdict("double_values", points, 1.0, *(("expected `6`", "CheckFailure") if not points else ()))
    printed = Verdict("double_random", 1.0, 1.0, printed="so far so good\n")
    cells = cells_by_id(rebuild(lesson, submitted(), result_of(failed, printed)))
    assert determine_grade(cells["double_values"]) == (points, 1.0)
    assert determine_grade(cells["double_random"]) == (1.0, 1.0)
    assert cells["double_random"].outputs[0].text == "so far so good\n"
    if not points:
        (error,) = cells["double_values"].outputs
        assert (error.ename, error.evalue, error.traceback) == ("CheckFailure", "expected `6`", ["expected `6`"])


def test_a_test_that_was_not_run_counts_nothing(lesson, submitted):
    cells = cells_by_id(rebuild(lesson, submitted(), SubmissionResult("ada", CHAPTER, "", ())))
    assert determine_grade(cells["double_values"]) == (0, 1.0)


def test_written_answers_wait_and_untouched_or_missing_ones_do_not(lesson, submitted):
    def without_words(notebook):
        notebook.cells.remove(cells_by_id(notebook)["why"])

    grades = [
        determine_grade(cells_by_id(rebuild(lesson, notebook, result_of()))["why"])
        for notebook in (submitted(), submitted(why=None), submitted(change=without_words))
    ]
    assert grades == [(None, 3.0), (0, 3.0), (0, 3.0)]


def delete_tests(notebook):
    for name in ("double_values", "double_random"):
        notebook.cells.remove(cells_by_id(notebook)[name])


def delete_the_lesson(notebook):
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]


def repeat_everything(notebook):
    notebook.cells = notebook.cells * 2


def shuffle(notebook):
    random.Random(0).shuffle(notebook.cells)


def retype(notebook):
    for cell in notebook.cells:
        cell.cell_type = "raw"


def claim_more(notebook):
    notebook.metadata = {"kernelspec": {"name": "bash", "display_name": SCRIPT}, "widgets": {"x": SCRIPT}}
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution", f'"{ONERROR}']
        cell.attachments = {"a.svg": {"image/svg+xml": "PHN2Zz4="}}
        cell.id = SCRIPT
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.update(points=1000, grade=True, checksum="0", comment=SCRIPT, score=9, locked=False)
        if cell.cell_type == "code":
            cell.outputs = [{"output_type": "display_data", "data": {"text/html": SCRIPT}, "metadata": {}}]


def write_lists_of_lines(notebook):
    for cell in notebook.cells:
        cell["source"] = cell.source.splitlines(keepends=True)


@pytest.mark.parametrize(
    "change",
    [delete_tests, delete_the_lesson, repeat_everything, shuffle, retype, claim_more, write_lists_of_lines],
)
def test_what_a_submission_says_of_itself_changes_nothing(lesson, submitted, change):
    honest = rebuild(lesson, submitted(), result_of())
    assert nbformat.writes(rebuild(lesson, submitted(change=change), result_of())) == nbformat.writes(honest)


def test_added_cells_stay_in_their_place_and_are_marked(lesson, submitted):
    def add(notebook):
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell("first"))
        place = notebook.cells.index(cells_by_id(notebook)["double"])
        notebook.cells.insert(place, nbformat.v4.new_code_cell("helper = 1"))
        cells_by_id(notebook)["double_values"].source = "pass"
        notebook.cells.append(nbformat.v4.new_raw_cell("last"))
        notebook.cells.append(nbformat.v4.new_code_cell(" \n"))

    notebook = rebuild(lesson, submitted(change=add), result_of())
    nbformat.validate(notebook)
    shown = [
        (cell.metadata.get("nbgrader", {}).get("grade_id"), cell.cell_type, cell.source)
        for cell in notebook.cells
        if "nbgrader" in cell.metadata or ADDED in cell.metadata.get("tags", ())
    ]
    names = [name or (kind, source) for name, kind, source in shown]
    assert names == [
        ("markdown", ADDED_WORDS + "first"),
        ("code", ADDED_CODE + "helper = 1"),
        "double",
        "double_values",
        ("code", ADDED_CODE + "pass"),
        "double_random",
        "why",
        ("markdown", ADDED_WORDS + "last"),
    ]
    again = rebuild(lesson, submitted(change=add), result_of())
    assert nbformat.writes(notebook) == nbformat.writes(again)


def test_a_second_answer_is_shown_too(lesson, submitted):
    def repeat(notebook):
        notebook.cells.append(json.loads(json.dumps(cells_by_id(notebook)["double"])))
        notebook.cells[-1] = nbformat.from_dict({**notebook.cells[-1], "source": "def double(x):\n    return 3"})

    notebook = rebuild(lesson, submitted(change=repeat), result_of())
    assert cells_by_id(notebook)["double"].source.endswith("return 3")
    assert ADDED_CODE + ANSWER in [cell.source for cell in notebook.cells]


def test_thousands_of_cells_become_a_few_and_a_note(lesson, submitted):
    def add(notebook):
        notebook.cells += [nbformat.v4.new_code_cell(f"x = {number}") for number in range(3000)]

    cells = rebuild(lesson, submitted(change=add), result_of()).cells
    assert sum(ADDED in cell.metadata.get("tags", ()) for cell in cells) == MOST_ADDED + 1
    assert f"{3000 - MOST_ADDED} more cells" in cells[-1].source


def test_text_that_cannot_be_saved_is_mended(lesson, submitted, tmp_path):
    odd = "x = '\ud800\x00'"
    verdict = Verdict("double_values", 0.0, 1.0, f"\ud800{odd}", "Odd\x00Error", "\udfff")
    notebook = rebuild(lesson, submitted(double=odd, why=odd), result_of(verdict))
    nbformat.write(notebook, tmp_path / "notebook.ipynb")
    assert "�" in (tmp_path / "notebook.ipynb").read_text(encoding="utf-8")


def test_a_hidden_line_is_not_quoted(lesson):
    test = next(cell for cell in lesson.cells if cell.grade_id == "double_random")

    def said(message, error="ZeroDivisionError"):
        return message_for_student(Verdict("double_random", 0.0, 1.0, message, error), test)

    assert (
        said("`double(secret_input)` raised ZeroDivisionError: x") == "A call of the answer raised ZeroDivisionError: x"
    )
    for message in ("`double(0.0)` raised ZeroDivisionError: x", "`double(…)` raised ZeroDivisionError: x"):
        assert said(message) == message
    assert said("`double(x) for some x` returned `3`", "CheckFailure").startswith("`double(x) for some x`")


def test_where_the_mark_comes_from_is_said(lesson, submitted):
    cells = cells_by_id(rebuild(lesson, submitted(), result_of(as_submitted=True)))
    assert cells["double_values"].outputs[0].text.startswith(AS_SUBMITTED) and not cells["double_random"].outputs
    assert determine_grade(cells["double_values"]) == (1.0, 1.0)


HALVES = {"mallory": list(HOSTILE)[::2], "trudy": list(HOSTILE)[1::2]}


def hostile_notebook(student, hand):
    """What `student` hands in: half of tests/hostile.py in cells of its own, the rest everywhere else."""

    def change(notebook):
        claim_more(notebook)
        kinds = (nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell, nbformat.v4.new_raw_cell)
        for number, name in enumerate(HALVES[student]):
            notebook.cells.append(kinds[0](HOSTILE[name]))
            if number < 2:
                notebook.cells += [kind(HOSTILE[name] + " again") for kind in kinds[1:]]
                notebook.cells[-1].metadata["raw_mimetype"] = "text/html"

    words = f"{SCRIPT}\n\n{ONERROR}\n\n[x](javascript:{PWN.replace(' ', '')}) ![x](attachment:a.svg)"
    return hand(f"# {SCRIPT}\ndef double(x):\n    '''{ONERROR}'''\n    return x", words, change)


HOSTILE_VERDICTS = (
    Verdict("double_values", 0.0, 1.0, f"`double(3.0)` returned {SCRIPT}{ONERROR}", f"E{ONERROR}", SCRIPT + ONERROR),
    Verdict("double_random", 0.0, 1.0, f"\x1b]8;;https://attacker.test\x07{ONERROR}", SCRIPT),
)


@pytest.fixture(scope="module")
def hostile_course(course, tmp_path_factory):
    """The course with three hostile submissions, one of which was saved as it came."""

    def hand(double, why, change):
        notebook = json.loads(hand_in(course.root, "x", double, why, change).read_text())
        shutil.rmtree(course.root / "submitted")
        return notebook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for student in HALVES:
            rebuilt = rebuild(course.lessons[CHAPTER], hostile_notebook(student, hand), result_of(*HOSTILE_VERDICTS))
            save(course, student, CHAPTER, rebuilt)
        unguarded = rebuild(course.lessons[CHAPTER], hand(ANSWER, WORDS, None), result_of())
        cells_by_id(unguarded)["why"].source = ONERROR
        save(course, "unguarded", CHAPTER, unguarded)
    return course


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


ALLOWED = set(
    "p em strong del code pre div span ul ol li table thead tbody tr th td blockquote h1 h2 h3 h4 h5 h6 hr br sub sup "
    "kbd details summary dl dt dd a input".split()
)


def assert_shows_but_does_nothing(watched, cells):
    watched.assert_dead()
    for name, attributes in watched.elements(cells):
        assert name in ALLOWED and not any(attribute.startswith("on") for attribute in attributes), (name, attributes)
        assert attributes.get("href", "#").startswith("#") and "src" not in attributes
    text = watched.page.locator("body").inner_text().replace(UNSEEN, "")
    assert SCRIPT in text and ONERROR in text
    watched.page.close()


@needs_chromium
def test_nothing_is_live_in_formgrader(hostile_course, browser):
    with formgrader(hostile_course) as address:
        for student in HALVES:
            watched = Watched(browser, address(student, CHAPTER))
            assert watched.page.locator(".nbgrader_cell").count() == 4
            assert watched.page.locator("[id='double_values'], [id='why']").count() == 2
            assert_shows_but_does_nothing(watched, ".rendered_html, .input_area, .output_area")
        unguarded = Watched(browser, address("unguarded", CHAPTER))
        assert unguarded.page.evaluate("window.pwned") == 1  # the test would see it
        unguarded.page.close()


@needs_chromium
def test_nothing_is_live_in_stock_feedback_and_no_hidden_test_is_shown(hostile_course, browser):
    for student in HALVES:
        coursedir = hostile_course.coursedir(CHAPTER, student)
        GenerateFeedback(coursedir=coursedir, config=hostile_course.config, force=True).start()
        page = hostile_course.folder("feedback") / student / CHAPTER / f"{CHAPTER}.html"
        assert "secret_input" not in BeautifulSoup(page.read_text(), "html.parser").get_text()
        assert_shows_but_does_nothing(
            Watched(browser, page.as_uri()), ".rendered_html, .input_area, .output_area, .panel-footer"
        )
