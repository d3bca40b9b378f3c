"""The way of a chapter through a class, as an instructor goes it: changed, released, marked, given back, exported.

One walk in the order of the tests, in a copy of the course, with nbgrader's exchange between instructor and students,
and with a real JupyterLab, its Create Assignment panel and formgrader, in a real browser.
"""

import csv
import json
import re
import shutil
import tempfile
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from instructor_course import CHAPTER, WRITTEN, Commands, Person, bank, make_course, solve, two_students
from live_pages import TOKEN, chromium, jupyter, needs_chromium
from sandboxed import needs_sandbox

from autograder.lesson import chapters

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [needs_chromium, needs_sandbox]

OLD_CHECK = 'check.close(sigmoid(0.0), 0.5, call="sigmoid(0.0)")\n'
NEW_CHECK = OLD_CHECK + 'check.close(sigmoid(-1.0), 0.2689414, call="sigmoid(-1.0)")\n'
OLD_WORDS, NEW_WORDS = "Two to six sentences.", "Three to six sentences."
WRONG = "nll"
POINTS = {"nll_values": 1, "nll_finite": 2}  # two and one before
ANSWERS = ["**No**, it stays finite: $x = 1$ is on the wrong side. With an intercept, yes.", "I am not sure."]
HAND_MARKS = [2.5, 1]
COMMENTS = ["Well seen. <b>Where</b> does it stay?", "Draw the five points & try again."]


class Walk:
    """The course that is walked through: its folder, its instructor, two students, and how they run commands."""

    def __init__(self, closed: Path, open_to_all: Path):
        """Make the course in a folder that is closed to students, and an exchange in one that is open to them."""
        self.commands = Commands(open_to_all)
        self.root = make_course(closed / "course")
        self.instructor = Person("instructor", closed)
        self.students = two_students(open_to_all)
        self.script = chapters(self.root)[0]
        answer = next(one for one in bank()[WRONG]["wrong"] if one["name"] == "infinite where the model was sure")
        self.wrong_answer = answer["code"]

    def course(self, module: str, *arguments: str) -> tuple[int, str]:
        """Run one of the course's commands; returns its exit code and what it printed."""
        return self.commands.run(self.instructor, self.root, module, *arguments)

    def nbgrader(self, *arguments: str, student: Person | None = None) -> str:
        """Run nbgrader as the instructor, or as a student; returns what it printed."""
        if student:
            return self.commands.nbgrader(student, student.home, *arguments, *student.option)
        return self.commands.nbgrader(self.instructor, self.root, *arguments)

    def released(self):
        """The students' notebook."""
        return nbformat.read(self.root / "notebooks" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)

    def page(self, number: int) -> str:
        """The text of a student's feedback page."""
        student = self.students[number].name
        return text_of(self.root / "feedback" / student / CHAPTER / f"{CHAPTER}.html")


def text_of(path: Path) -> str:
    """The text of a page as one reads it."""
    return " ".join(BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").body.get_text().split())


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    """The walk; what everybody may see lies outside pytest's own folder, which is closed to other accounts."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Walk(tmp_path_factory.mktemp("instructor"), Path(folder))


@pytest.fixture(scope="module")
def lab(walk, tmp_path_factory):
    """A page with JupyterLab in the course's folder, as README.md tells instructors to open it."""
    settings = tmp_path_factory.mktemp("settings") / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    environment = walk.commands.environment(walk.instructor)
    environment["JUPYTERLAB_SETTINGS_DIR"] = str(settings.parents[1])
    with jupyter("jupyterlab", walk.root, walk.root, **environment) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(60_000)
        playwright.expect.set_options(timeout=60_000)
        page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
        page.goto(f"{address}/lab/tree/source/{CHAPTER}/{CHAPTER}.ipynb?token={TOKEN}&reset")
        yield page
        playwright.expect.set_options(timeout=5_000)


def choose(page, menu: str, entry: str) -> None:
    """Choose an entry of one of JupyterLab's menus."""
    page.click(f".lm-MenuBar-itemLabel >> text=/^{menu}$/")
    page.click(f".lm-Menu-itemLabel >> text=/^{entry}$/")


def open_panel(page) -> None:
    """Nbgrader, Create assignment, once the notebook is there."""
    page.wait_for_selector("text=/Python 3.*Idle/")
    choose(page, "Nbgrader", "Create assignment")


def set_points(page, grade_id: str, points: int) -> None:
    """Enter points in the Create Assignment panel."""
    names = "[...document.querySelectorAll('.nbgrader-CellId input')].map(one => one.value)"
    page.wait_for_function(f"wanted => {names}.includes(wanted)", arg=grade_id)
    field = page.locator(".nbgrader-CellPoints input").nth(page.evaluate(names).index(grade_id))
    field.fill(str(points))
    field.press("Enter")


def save(page) -> None:
    """File, Save Notebook, and wait until the server has it."""
    with page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents/" in answer.url) as put:
        choose(page, "File", "Save Notebook")
    assert put.value.ok


def test_a_changed_script_is_built(walk):
    text = walk.script.read_text(encoding="utf-8")
    assert text.count(OLD_CHECK) == text.count(OLD_WORDS) == 1
    walk.script.write_text(text.replace(OLD_CHECK, NEW_CHECK).replace(OLD_WORDS, NEW_WORDS), encoding="utf-8")
    code, said = walk.course("build_course", "--root", str(walk.root))
    assert code == 0 and "Everything is up to date with source/." in said, said
    text = "\n".join(cell.source for cell in walk.released().cells)
    assert NEW_CHECK in text and NEW_WORDS in text and OLD_WORDS not in text and "HIDDEN" not in text


def test_points_that_are_changed_in_the_create_assignment_panel_reach_script_and_students(walk, lab):
    build = ("build_course", "--root", str(walk.root))
    script, metadata = walk.script.read_text(encoding="utf-8"), metadata_of(walk.released())
    open_panel(lab)
    set_points(lab, "nll_values", POINTS["nll_values"])
    playwright.expect(lab.locator(".nbgrader-TotalPointsInput")).to_have_value("15")
    save(lab)
    code, said = walk.course(*build)
    assert code == 1 and "was edited since it was generated: `make sync` takes the edit into" in said
    code, said = walk.course(*build, "--sync")
    assert code == 0 and "Where JupyterLab has the notebook open, reload the page before you go on." in said

    code, said = walk.course(*build)
    assert code == 1 and "the heading of Exercise 1.3 says 3 points, its cells sum to 2; change one of them" in said
    lab.reload()
    open_panel(lab)
    set_points(lab, "nll_finite", POINTS["nll_finite"])
    playwright.expect(lab.locator(".nbgrader-TotalPointsInput")).to_have_value("16")
    save(lab)
    assert [walk.course(*build, *how)[0] for how in (["--sync"], [], ["--check"])] == [0, 0, 0]
    expected = re.sub(
        r'("grade_id": "(nll_values|nll_finite)", "locked": true, "points": )\d',
        lambda found: f"{found[1]}{POINTS[found[2]]}",
        script,
    )
    assert walk.script.read_text(encoding="utf-8") == expected != script
    for grade_id, points in POINTS.items():
        metadata[grade_id]["points"] = points
    assert metadata_of(walk.released()) == metadata


def metadata_of(notebook) -> dict[str, dict]:
    """nbgrader's fields of every cell that has some, but for the checksum, by grade_id."""
    fields = [dict(cell.metadata.nbgrader) for cell in notebook.cells if "nbgrader" in cell.metadata]
    return {one["grade_id"]: {name: value for name, value in one.items() if name != "checksum"} for one in fields}


def test_two_students_fetch_solve_and_hand_in_through_the_exchange(walk):
    walk.nbgrader("release_assignment", CHAPTER)
    for student, words, wrong in zip(walk.students, ANSWERS, ({}, {WRONG: walk.wrong_answer}), strict=True):
        walk.nbgrader("fetch_assignment", CHAPTER, student=student)
        assert [path.name for path in (student.home / CHAPTER).iterdir()] == [f"{CHAPTER}.ipynb"]
        solve(student, words, wrong)
        said = walk.nbgrader("submit", CHAPTER, student=student)
        assert f"Submitted as: embeddings_from_scratch {CHAPTER}" in said
    said = walk.nbgrader("collect", CHAPTER)
    assert "Processing 2 submissions" in said
    assert not walk.students[0].user_id or "cheating" not in said
    assert {path.name for path in (walk.root / "submitted").iterdir()} == {one.name for one in walk.students}


def test_the_class_is_graded(walk):
    code, said = walk.course("autograder.__main__", "grade")
    assert code == 0, said
    for student, score in zip(walk.students, (13, 11), strict=True):
        assert re.search(rf"{student.name} +{CHAPTER} +{score} +16  graded; to be marked by hand: {WRITTEN}\n", said)
    assert "Submissions with answers to be read: 2." in said
    assert "11 of 16 points so far" in walk.page(1) and "Exercise 1.6: in your own words Not marked yet" in walk.page(1)


def test_the_written_question_is_marked_in_formgrader(walk, lab):
    choose(lab, "Nbgrader", "Formgrader")
    frame = lab.frame_locator("iframe")
    row = frame.locator("tr", has_text=CHAPTER)
    playwright.expect(row).to_contain_text("released")
    playwright.expect(row.locator(".num-submissions")).to_have_text("2")
    for student, points, comment in zip(walk.students, HAND_MARKS, COMMENTS, strict=True):
        open_list(frame)
        row = frame.locator("tr", has=frame.locator("a.name-shown", has_text=re.compile(f"^{student.name}$")))
        row.locator(".glyphicon-eye-open").click()
        row.locator("a.name-shown").click()
        enter(lab, frame.locator(f"#{WRITTEN}.needs_manual_grade"), str(points), "/api/grade/")
        enter(lab, frame.locator(f"#{WRITTEN}-comment[placeholder]"), comment, "/api/comment/")
        playwright.expect(frame.locator(f"#{WRITTEN}")).not_to_have_class(re.compile("needs_manual_grade"))


def test_formgrader_shows_the_marks_on_all_its_pages(walk, lab):
    frame = lab.frame_locator("iframe")
    open_list(frame)
    assert_rows(frame, walk, ["15.5 / 16", "12 / 16"], "2.5 / 3", "1 / 3")
    frame.locator("a", has_text="Manage Assignments").first.click()
    frame.locator("tr", has_text=CHAPTER).locator(".num-submissions a").click()
    assert_rows(frame, walk, ["15.5 / 16", "12 / 16"], "graded", "graded")
    frame.locator("a", has_text="Manage Students").first.click()
    assert_rows(frame, walk, ["15.5 / 16", "12 / 16"], "", "")


def assert_rows(frame, walk, scores: list[str], *others: str) -> None:
    """Assert that formgrader's table has a row for each student, with these words in it."""
    for student, score, other in zip(walk.students, scores, others, strict=True):
        named = frame.get_by_text(student.name, exact=True)
        row = frame.locator("tbody tr", has=named)
        playwright.expect(row.locator(".score")).to_have_text(score)
        playwright.expect(row).to_contain_text(other)


def open_list(frame) -> None:
    """In formgrader: Manual Grading, the chapter, its notebook."""
    frame.locator("a", has_text="Manual Grading").first.click()
    for address in (CHAPTER, f"{CHAPTER}/{CHAPTER}"):
        frame.locator(f'a[href$="/gradebook/{address}"]').first.click()
    frame.locator("a.name-shown").first.wait_for(state="attached")


def enter(page, field, text: str, address: str) -> None:
    """Fill in one of formgrader's fields, which has to be ready, leave it, and wait until the server has saved it."""
    field.fill(text)
    with page.expect_response(lambda answer: address in answer.url and answer.request.method == "PUT") as saved:
        field.press("Tab")
    assert saved.value.ok


def check_pages(walk) -> None:
    """Assert that the feedback pages have the marks and comments by hand."""
    for number, total in ((0, "15.5 of 16 points"), (1, "12 of 16 points")):
        page = walk.page(number)
        assert total in page and "so far" not in page
        assert f"Exercise 1.6: in your own words {HAND_MARKS[number]:g} of 3 points" in page
        assert f"Comment {COMMENTS[number]}" in page


def test_feedback_has_the_mark_and_the_comment_and_comes_back_through_the_exchange(walk):
    code, said = walk.course("autograder.__main__", "feedback")
    assert code == 0, said
    check_pages(walk)
    walk.nbgrader("release_feedback", CHAPTER)
    for number, student in enumerate(walk.students):
        walk.nbgrader("fetch_feedback", CHAPTER, student=student)
        (fetched,) = (student.home / CHAPTER / "feedback").glob(f"*/{CHAPTER}.html")
        assert text_of(fetched) == walk.page(number)


def test_the_marks_are_exported_for_every_platform(walk):
    for kind, column in (("csv", "student"), ("moodle", "Username"), ("canvas", "SIS Login ID")):
        code, said = walk.course("autograder.__main__", "export", "--format", kind)
        assert code == 0, said
        with open(walk.root / f"marks-{kind}.csv", encoding="utf-8", newline="") as file:
            marks = {row[column]: row[CHAPTER] for row in csv.DictReader(file) if row[column]}
        assert marks == {walk.students[0].name: "15.5", walk.students[1].name: "12"}


def test_stock_nbgrader_exports_and_writes_feedback_too(walk):
    walk.nbgrader("export", "--to", "stock.csv")
    with open(walk.root / "stock.csv", encoding="utf-8", newline="") as file:
        marks = {row["student_id"]: (row["score"], row["max_score"]) for row in csv.DictReader(file)}
    assert marks == {walk.students[0].name: ("15.5", "16.0"), walk.students[1].name: ("12.0", "16.0")}
    walk.nbgrader("generate_feedback", CHAPTER, "--force")
    page = walk.page(0)
    assert "Score: 15.5 / 16.0" in page and COMMENTS[0].split("<")[0].strip() in page and "HIDDEN" not in page
    walk.nbgrader("release_feedback", CHAPTER)
    assert walk.course("autograder.__main__", "feedback")[0] == 0
    check_pages(walk)


def test_a_regrade_keeps_marks_and_comments_by_hand(walk):
    pages = [walk.page(number) for number in range(2)]
    shutil.rmtree(walk.root / "feedback")
    code, said = walk.course("autograder.__main__", "grade", "--force")
    assert code == 0 and "Moved" not in said, said
    for student, score in zip(walk.students, ("15.5", "12"), strict=True):
        assert re.search(rf"{student.name} +{CHAPTER} +{score} +16  graded\n", said)
    assert pages == [walk.page(number) for number in range(2)]
    check_pages(walk)
