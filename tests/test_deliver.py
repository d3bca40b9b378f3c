"""What is recorded of a submission: whole or not at all, with what being late costs, and at the same cost for all."""

import shutil
from datetime import datetime, timedelta

import pytest
from gradebooks import dump
from nbgrader.api import Gradebook
from small_course import CHAPTER, hand_in, make_course
from sqlalchemy import event

from autograder import deliver as deliver_module
from autograder import marks
from autograder.course import open_course
from autograder.deliver import deliver
from autograder.gradebook import open_gradebook
from autograder.notebook_file import read_notebook
from autograder.register import register
from autograder.results import ExerciseResult, SubmissionResult, Verdict, load
from autograder.submissions import find_submissions

PLUGIN = """
from nbgrader.plugins import LateSubmissionPlugin

class OnePointAnHour(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return total_seconds_late / 3600

c.AssignLatePenalties.plugin_class = OnePointAnHour
"""
RIGHT = "def double(x):\n    return x + x"


@pytest.fixture(scope="module")
def empty_course(tmp_path_factory):
    """A course whose gradebook knows the chapter, in which being late costs a point an hour."""
    root = make_course(tmp_path_factory.mktemp("courses") / "empty")
    with open(root / "nbgrader_config.py", "a", encoding="utf-8") as file:
        file.write(PLUGIN)
    course = open_course(root)
    register(course, course.lessons[CHAPTER])
    return root


@pytest.fixture
def course(empty_course, tmp_path):
    """A copy of it that a test may change."""
    return open_course(shutil.copytree(empty_course, tmp_path / "course"))


def delivered(course, student, points=1.0, gradebook=None):
    """Deliver a submission with these points for each test; returns it."""
    path = hand_in(course.root, student, RIGHT)
    found = {submission.student: submission for submission in find_submissions(path.parents[2], course.lessons)}
    tests = tuple(Verdict(name, points, 1.0) for name in ("double_values", "double_random"))
    result = SubmissionResult(student, CHAPTER, "a hash", (ExerciseResult("double", "1.1", tests),))
    if gradebook is not None:
        deliver(course, gradebook, found[student], read_notebook(path)[0], result)
    else:
        with open_gradebook(course) as opened:
            deliver(course, opened, found[student], read_notebook(path)[0], result)
    return result


def due(course, when):
    with Gradebook(course.db_url) as gradebook:
        gradebook.update_or_create_assignment(CHAPTER, duedate=when)


def at(course, student, when):
    """Note when a student handed in."""
    path = hand_in(course.root, student, RIGHT)
    path.with_name("timestamp.txt").write_text(f"{when:%Y-%m-%d %H:%M:%S} UTC")


def test_marks_and_result_are_recorded(course):
    result = delivered(course, "ada")
    assert load(course.folder("autograded"), "ada", CHAPTER) == result
    row = marks.read_marks(course)[CHAPTER, "ada"]
    assert (row.score, row.max_score, row.status) == (2, 5, "graded")


def test_being_late_costs_what_the_plugin_says_and_never_more_than_the_score(course):
    noon = datetime(2026, 3, 1, 12)
    due(course, noon)
    for student, hours in (("early", -1), ("late", 0.5), ("days_late", 48)):
        at(course, student, noon + timedelta(hours=hours))
        delivered(course, student)
    rows = {student: row for (_, student), row in marks.read_marks(course).items()}
    assert {student: row.score for student, row in rows.items()} == {"early": 2, "late": 1.5, "days_late": 0}
    assert rows["late"].status == "graded, 0.5 off for being late"
    by_hand = marks.read_by_hand(course)
    assert {student: one.late_penalty for (_, student), one in by_hand.items()} == {
        "early": 0, "late": 0.5, "days_late": 2,
    }  # fmt: skip


def test_deadlines_and_extensions_are_what_marks_depend_on(course):
    noon = datetime(2026, 3, 1, 12)
    due(course, noon)
    delivered(course, "ada")
    with Gradebook(course.db_url) as gradebook:
        gradebook.grant_extension(CHAPTER, "ada", hours=2)
    found = marks.deadlines(course)
    assert set(found) == {(CHAPTER, ""), (CHAPTER, "ada")}
    assert "12:00:00" in found[CHAPTER, ""] and found[CHAPTER, "ada"].endswith("2:00:00")


def test_what_fails_in_the_middle_is_undone(course, monkeypatch):
    delivered(course, "ada", points=1.0)
    before = dump(course.root)
    monkeypatch.setattr("autograder.gradebook._save_late_penalty", lambda *what: 1 / 0)
    for student in ("ada", "bob"):
        with pytest.raises(ZeroDivisionError):
            delivered(course, student, points=0.0)
        assert load(course.folder("autograded"), student, CHAPTER) is None
    assert dump(course.root) == before


def test_comments_of_an_untouched_and_of_a_written_answer(course):
    hand_in(course.root, "ada", RIGHT)
    delivered(course, "ada")
    found = {entry[4]: entry[5] for entry in dump(course.root) if entry[0] == "comment"}
    assert found == {"double": None, "why": "No response."}


def test_the_sixth_submission_asks_the_gradebook_no_more_than_the_second(course):
    statements = []
    with open_gradebook(course) as gradebook:
        event.listen(gradebook.engine, "before_cursor_execute", lambda *what: statements.append(what[2]))
        counts = []
        for number in range(6):
            delivered(course, f"student{number}", gradebook=gradebook)
            counts.append(len(statements))
            statements.clear()
        plans = []
        with gradebook.engine.connect() as connection:
            for table in ("grade", "comment"):
                question = f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE notebook_id = 'x'"
                plans += [row[-1] for row in connection.exec_driver_sql(question)]
    assert len(set(counts[1:])) == 1 and counts[1] < 100
    assert all("USING INDEX" in plan for plan in plans), plans


def test_the_result_is_written_last(course, monkeypatch):
    order = []
    monkeypatch.setattr(deliver_module, "save_marks", lambda *what, **fields: order.append("marks"))
    monkeypatch.setattr(deliver_module.results, "save", lambda *what: order.append("result"))
    delivered(course, "ada")
    assert order == ["marks", "result"]


@pytest.mark.parametrize(
    ("secret", "goes_along"), [(b"0a1b" * 32, True), (b"../../x", False), (b"\xff", False), (b"a" * 2000, False)]
)
def test_the_secret_of_the_exchange_goes_along_and_nothing_else_does(course, secret, goes_along):
    at(course, "ada", datetime(2026, 3, 1))
    folder = course.folder("submitted") / "ada" / CHAPTER
    (folder / "submission_secret.txt").write_bytes(secret)
    (folder / "helper.py").write_text("double = None")
    delivered(course, "ada")
    copied = course.folder("autograded") / "ada" / CHAPTER
    assert (copied / "timestamp.txt").read_bytes() == (folder / "timestamp.txt").read_bytes()
    assert (copied / "submission_secret.txt").exists() == goes_along
    assert not goes_along or (copied / "submission_secret.txt").read_bytes() == secret
    assert not (copied / "helper.py").exists()
