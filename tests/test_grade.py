"""`python -m autograder grade`: marks, words, exit codes, and that no submission stops another one's grading."""

import csv
import html
import re
import shutil
import sqlite3

import pytest
from nbgrader.api import Gradebook
from sandboxed import needs_sandbox
from small_course import CHAPTER, DOUBLE_VALUES, SCRIPT, cells_by_id, hand_in, make_course, write_script

from autograder import course as course_module
from autograder import grade as grade_module
from autograder import sandbox
from autograder.__main__ import main
from autograder.course import Refusal, open_course
from autograder.grade import Moved, grade, standing
from autograder.marks import Row, table, write_csv
from autograder.secret import course_secret, submission_key
from autograder.submissions import find_submissions

pytestmark = needs_sandbox

RIGHT = "def double(x):\n    return x + x"
WRONG = "def double(x):\n    return 6.0 if x else 0.0"
BROKEN = "def double(x:\n    return"
DEADLY = "import os\ndef double(x):\n    os._exit(0)"


def repeat(notebook, grade_id):
    notebook.cells.append(cells_by_id(notebook)[grade_id])


def swap_two_ids(notebook):
    cells = cells_by_id(notebook)
    cells["double"].metadata.nbgrader.grade_id = "double_values"
    cells["double_values"].metadata.nbgrader.grade_id = "double"


def delete(notebook, grade_id):
    notebook.cells.remove(cells_by_id(notebook)[grade_id])


@pytest.fixture(scope="module")
def empty_course(tmp_path_factory):
    """A course in which nobody handed anything in."""
    return make_course(tmp_path_factory.mktemp("courses") / "empty")


@pytest.fixture
def course(empty_course, tmp_path):
    """A copy of the empty course that a test may change."""
    return shutil.copytree(empty_course, tmp_path / "course")


@pytest.fixture(scope="module")
def graded_once(empty_course):
    """A class with every kind of submission, graded; (the course's folder, its rows by student)."""
    root = shutil.copytree(empty_course, empty_course.parent / "class")
    hand_in(root, "=right()", RIGHT, "Since x + x is 2 x.")
    hand_in(root, "wrong", WRONG)
    hand_in(root, "untouched")
    hand_in(root, "syntax_error", BROKEN)
    hand_in(root, "deadly", DEADLY)
    hand_in(root, "not_json").write_text("{ this is not JSON")
    hand_in(root, "repeated_test", RIGHT, change=lambda notebook: repeat(notebook, "double_values"))
    hand_in(root, "repeated_answer", RIGHT, change=lambda notebook: repeat(notebook, "double"))
    hand_in(root, "swapped_ids", RIGHT, change=swap_two_ids)
    hand_in(root, "deleted_test", RIGHT, change=lambda notebook: delete(notebook, "double_values"))
    hand_in(root, "deleted_answer", RIGHT, change=lambda notebook: delete(notebook, "double"))
    rows = grade(root).rows
    return root, {row.student: row for row in rows}


@pytest.fixture
def graded(graded_once, tmp_path):
    """A copy of the graded course that a test may change, with its gradebook inside."""
    return shutil.copytree(graded_once[0], tmp_path / "class")


def gradebook(root):
    return Gradebook(f"sqlite:///{root / 'gradebook.db'}")


def give_by_hand(root, student, cell, points):
    """Mark a cell as formgrader does."""
    with gradebook(root) as book:
        found = book.find_grade(cell, CHAPTER, CHAPTER, student)
        found.manual_score, found.needs_manual_grade = points, False
        book.db.commit()


def page(root, student):
    """The text of a feedback page as one reads it."""
    text = (root / "feedback" / student / CHAPTER / f"{CHAPTER}.html").read_text()
    return " ".join(html.unescape(re.sub("<[^>]+>", "", text[text.index("<body") :])).split())


@pytest.mark.parametrize(
    ("student", "score", "words"),
    [
        ("=right()", 2, "to be marked by hand: why"),
        ("wrong", 1, "graded"),
        ("untouched", 0, "graded"),
        ("syntax_error", 0, "graded"),
        ("deadly", 0, "graded"),
        ("not_json", None, "not valid JSON"),
        ("deleted_test", 2, "graded"),
        ("repeated_test", 2, "graded"),
        ("repeated_answer", 2, "the cell double is there 2 times, the last one that was filled in counts"),
        ("swapped_ids", 0, "graded"),
        ("deleted_answer", 0, "Exercise 1.1 (double): the notebook has no cell for this exercise, it counts 0"),
    ],
)
def test_each_submission_gets_its_mark_or_a_sentence(graded_once, student, score, words):
    row = graded_once[1][student]
    assert (row.score, row.max_score) == (score, 5)
    assert words in row.status
    assert row.needs_human == (score is None or student in ("repeated_answer", "deleted_answer"))


def test_written_answers_wait_and_untouched_ones_do_not(graded_once):
    rows = graded_once[1]
    assert {student for student, row in rows.items() if row.written} == {"=right()"}


def test_csv_has_every_submission_once_sorted_and_without_formulas(graded_once):
    root, rows = graded_once
    with open(root / "grades.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [line["student"] for line in table] == ["'=right()", *sorted(set(rows) - {"=right()"})]
    first = table[0]
    assert (first["chapter"], first["score"], first["max_score"]) == (CHAPTER, "2", "5")
    assert first["needs_manual_grading"] == "yes"
    assert next(line for line in table if line["student"] == "not_json")["score"] == ""


def test_csv_quotes_what_it_has_to(tmp_path):
    row = Row(CHAPTER, 'Ada "A", the first', 1.5, 2.0, (), "graded,\nwith care; \udcff is ? here")
    write_csv(tmp_path / "grades.csv", [row])
    with open(tmp_path / "grades.csv", newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert (line["student"], line["score"]) == (row.student, "1.5")
    assert line["status"] == row.status.replace("\udcff", "?")
    assert "? is ? here" in table([row])
    assert [path.name for path in tmp_path.iterdir()] == ["grades.csv"]


def test_feedback_says_what_failed_and_shows_no_hidden_test(graded_once):
    root, rows = graded_once
    text = page(root, "wrong")
    assert "double(x) for some x returned 6, expected" in text
    for student in (student for student, row in rows.items() if row.score is not None):
        text = page(root, student)
        assert "secret_input" not in text and "HIDDEN" not in text and "Traceback" not in text
    assert "the answer ended its own process" in page(root, "deadly")


def test_regrading_gives_the_same_again_under_the_same_secret(graded):
    before, text = (graded / "grades.csv").read_text(), page(graded, "wrong")
    grading = grade(graded, students=["wrong"], force=True)
    assert [(row.student, row.score) for row in grading.rows] == [("wrong", 1)] and grading.moved == []
    assert page(graded, "wrong") == text
    assert (graded / "grades.csv").read_text() == before


def test_unchanged_submissions_are_not_executed_again_and_changed_ones_are(graded, monkeypatch):
    executed = []
    mark_all = grade_module.mark_all

    def noting(tasks, *options):
        executed.extend(task.identity[1] for task in tasks)
        return mark_all(tasks, *options)

    monkeypatch.setattr(grade_module, "mark_all", noting)
    grade(graded)
    assert executed == []
    hand_in(graded, "untouched", RIGHT)
    grading = grade(graded)
    assert executed == ["untouched"]
    assert {row.student: row.score for row in grading.rows}["untouched"] == 2
    assert grading.moved == [Moved(CHAPTER, "untouched", 0, 2)]


def test_marks_that_moved_before_an_interruption_are_told_when_the_grading_goes_on(graded, monkeypatch):
    hand_in(graded, "untouched", RIGHT)
    hand_in(graded, "wrong", RIGHT)
    deliver, students = grade_module.deliver, ["untouched", "wrong"]

    def one(*what):
        deliver(*what)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(grade_module, "deliver", one)
        grade(graded, students=students)
    assert grade(graded, students=["=right()"]).moved == []
    assert grade(graded).moved == [Moved(CHAPTER, "untouched", 0, 2), Moved(CHAPTER, "wrong", 1, 2)]
    assert grade(graded).moved == [] and not (graded / "autograded" / ".before.json").exists()


def test_another_course_secret_is_refused(graded, capsys):
    (graded / ".course_secret").write_text("a" * 64)
    assert main(["grade", "--root", str(graded)]) == 2
    assert "made under another course secret" in capsys.readouterr().err


def test_marks_by_hand_survive_a_regrade(graded):
    give_by_hand(graded, "=right()", "why", 2.5)
    (row,) = grade(graded, students=["=right()"]).rows
    assert (row.score, row.written) == (4.5, ())
    (row,) = grade(graded, students=["=right()"], force=True).rows
    assert (row.score, row.written, row.status) == (4.5, (), "graded")
    assert "2.5 of 3" in page(graded, "=right()")


def test_an_answer_that_was_marked_is_to_be_read_again_where_it_changed(graded):
    give_by_hand(graded, "=right()", "why", 2.5)
    hand_in(graded, "=right()", RIGHT, "Since 2 x is x + x.")
    (row,) = grade(graded, students=["=right()"]).rows
    assert (row.score, row.written) == (4.5, ("why",))
    assert row.status == "graded; marked by hand before this grading, look again: why"
    (row,) = grade(graded, students=["=right()"], force=True).rows
    assert row.written == ("why",)


def test_after_an_interrupted_grading_nobody_knows_whether_an_answer_changed(graded):
    give_by_hand(graded, "=right()", "why", 2.5)
    (graded / "autograded" / "=right()" / CHAPTER / ".result.json").unlink()
    (row,) = grade(graded, students=["=right()"]).rows
    assert (row.score, row.written) == (4.5, ("why",))


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}"], ids=["gone", "empty", "cut off", "a list", "no cells"])
def test_an_autograded_notebook_that_is_damaged_is_made_anew(graded, content):
    notebook = graded / "autograded" / "wrong" / CHAPTER / f"{CHAPTER}.ipynb"
    before = notebook.read_bytes()
    notebook.unlink() if content is None else notebook.write_text(content)
    (row,) = grade(graded, students=["wrong"], force=True).rows
    assert row.score == 1 and notebook.read_bytes() == before


def test_feedback_is_renewed_on_demand_and_shows_hidden_tests_only_when_asked(graded, capsys):
    give_by_hand(graded, "=right()", "why", 2.5)
    assert "2.5 of 3" not in page(graded, "=right()")
    assert main(["feedback", "--root", str(graded), "--student", "=right()", "--student", "wrong"]) == 0
    assert "up to date" in capsys.readouterr().out
    assert "2.5 of 3" in page(graded, "=right()")
    assert main(["feedback", "--root", str(graded), "--show-tests"]) == 1
    assert "No page for not_json, 01_small: " in capsys.readouterr().out
    assert "secret_input" in page(graded, "wrong")
    grade(graded)
    assert "secret_input" not in page(graded, "wrong")


def test_tests_that_are_added_or_removed_reach_the_gradebook_and_marks_by_hand_stay(graded):
    give_by_hand(graded, "=right()", "why", 2)
    more = DOUBLE_VALUES.replace("double_values", "double_negative").replace("3.0", "-1.0").replace("6.0", "-2.0")
    script = SCRIPT.replace(DOUBLE_VALUES, more.replace('"points": 1', '"points": 4')).replace(
        "(2 points)", "(5 points)"
    )
    write_script(graded, script)
    hand_in(graded, "=right()", RIGHT, "Since x + x is 2 x.")
    (row,) = grade(graded, students=["=right()"]).rows
    assert (row.score, row.max_score) == (1 + 4 + 2, 8)


def test_a_removed_cell_with_marks_by_hand_is_refused_and_nothing_is_lost(graded):
    give_by_hand(graded, "=right()", "double_values", 0.5)
    write_script(graded, SCRIPT.replace(DOUBLE_VALUES, "").replace("(2 points)", "(1 point)"))
    with pytest.raises(Refusal, match="no longer has the cell 'double_values', for which 1 marks"):
        grade(graded)
    with gradebook(graded) as book:
        assert book.find_grade("double_values", CHAPTER, CHAPTER, "=right()").manual_score == 0.5
        assert book.find_assignment(CHAPTER).max_score == 5


def test_the_students_notebooks_are_not_touched(graded_once, empty_course):
    released = f"notebooks/{CHAPTER}/{CHAPTER}.ipynb"
    assert (graded_once[0] / released).read_bytes() == (empty_course / released).read_bytes()


def test_the_secret_is_private_and_gives_each_submission_a_key_of_its_own(graded_once, tmp_path):
    path = graded_once[0] / ".course_secret"
    assert path.stat().st_mode & 0o777 == 0o600
    secret = course_secret(graded_once[0])
    assert secret == path.read_text().strip() and secret != course_secret(tmp_path)
    keys = {submission_key(secret, student, chapter) for student in "ab" for chapter in "xy"}
    assert len(keys) == 4 and submission_key(secret, "a", "x") in keys


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (f"ada/{CHAPTER}.ipynb", f"move it to ada/{CHAPTER}/{CHAPTER}.ipynb"),
        (f"ada/homework/{CHAPTER}.ipynb", f"move it to ada/{CHAPTER}/{CHAPTER}.ipynb"),
        (f"ada/{CHAPTER}/{CHAPTER} (1).ipynb", f"rename it to {CHAPTER}.ipynb"),
        (f"ada/{CHAPTER}/notes.txt", "there is no notebook"),
        (f"{CHAPTER}.ipynb", "lies in no student's folder"),
        (f"{CHAPTER}/ada/{CHAPTER}.ipynb", "in a student's place"),
        (f"a[d]a/{CHAPTER}/{CHAPTER}.ipynb", "rename it, without"),
    ],
)
def test_a_notebook_in_the_wrong_place_is_told_where_to_go(course, place, words):
    path = course / "submitted" / place
    path.parent.mkdir(parents=True)
    shutil.copy(course / "notebooks" / CHAPTER / f"{CHAPTER}.ipynb", path)
    (found,) = find_submissions(course / "submitted", open_course(course).lessons)
    assert words in found.fault and found.chapter == CHAPTER


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty file"),
        ("[]", "JSON of another kind"),
        ('{"nbformat": 4, "cells": [3]}', "JSON of another kind"),
        ('{"nbformat": 3, "worksheets": []}', "notebook format 3"),
        ("[" * 100_000, "not a notebook"),
    ],
)
def test_a_damaged_notebook_is_named_for_what_it_is(course, text, words):
    hand_in(course, "ada").write_text(text)
    (found,) = find_submissions(course / "submitted", open_course(course).lessons)
    assert words in found.fault


def test_a_second_attempt_and_a_link_are_seen(course):
    hand_in(course, "ada", RIGHT)
    hand_in(course, "ada", WRONG, name=f"{CHAPTER} (1).ipynb")
    hand_in(course, "bob").with_name("data").symlink_to("/etc")
    ada, bob = find_submissions(course / "submitted", open_course(course).lessons)
    assert not ada.fault and "(1).ipynb was handed in too" in ada.notes[0]
    assert "is a link" in bob.fault


def no_submitted(root, _):
    shutil.rmtree(root / "submitted")


def empty_submitted(root, _):
    shutil.rmtree(root / "submitted" / "ada")


def changed_script(root, _):
    script = root / "source" / CHAPTER / f"{CHAPTER}.py"
    script.write_text(script.read_text().replace("A small chapter", "A changed chapter"))


def changed_hidden_solution(root, _):
    script = root / "source" / CHAPTER / f"{CHAPTER}.py"
    script.write_text(script.read_text().replace("### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION", "pass"))


def no_notebooks(root, _):
    shutil.rmtree(root / "notebooks")


def no_config(root, _):
    (root / "nbgrader_config.py").unlink()


def no_lessons(root, _):
    shutil.rmtree(root / "source")


def no_alembic(_, monkeypatch):
    monkeypatch.setattr(course_module.shutil, "which", lambda program: None)


def no_sandbox(_, monkeypatch):
    which = shutil.which
    monkeypatch.setattr(sandbox.shutil, "which", lambda program: None if program == "bwrap" else which(program))


def damaged_secret(root, _):
    (root / ".course_secret").write_text("")


def gradebook_of_nonsense(root, _):
    (root / "gradebook.db").write_text("this is no database, " * 100)


@pytest.mark.parametrize(
    ("condition", "arguments", "words"),
    [
        (no_submitted, [], "There is no folder"),
        (empty_submitted, [], "is empty: put the notebooks into"),
        (None, ["02_other"], "There is no chapter '02_other'; there are: 01_small."),
        (None, ["--student", "eve"], "did you spell"),
        (None, ["--db", "gradebook.db"], "no database URL"),
        (None, ["--db", "sqlite:////nowhere/at/all.db"], "cannot be made in /nowhere/at"),
        (changed_script, [], "no longer agree: run `make build`"),
        (changed_hidden_solution, [], "solution 'double' has no ### BEGIN SOLUTION"),
        (no_notebooks, [], "is missing: run `make build` first."),
        (no_config, [], "is not a course"),
        (no_lessons, [], "No lesson found"),
        (no_alembic, [], "needs the program alembic"),
        (damaged_secret, [], "is damaged"),
        (no_sandbox, [], "Grading needs bubblewrap"),
        (gradebook_of_nonsense, [], "cannot be used (file is not a database)"),
    ],
)
def test_it_says_no_in_one_sentence_and_writes_nothing(course, monkeypatch, capsys, condition, arguments, words):
    hand_in(course, "ada", RIGHT)
    if condition:
        condition(course, monkeypatch)
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    assert main(["grade", "--root", str(course), *arguments]) == 2
    output = capsys.readouterr()
    assert words in output.err and output.err.count("\n") == 1 and output.out == ""
    made = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    assert made == before


def test_without_a_sandbox_only_who_asks_for_it_grades(course, monkeypatch, capfd):
    hand_in(course, "right", f"import os\nassert os.path.isdir({str(course)!r})\n{RIGHT}")
    hand_in(course, "wrong", WRONG)
    no_sandbox(course, monkeypatch)
    assert main(["grade", "--root", str(course)]) == 2
    assert not (course / "gradebook.db").exists()
    assert main(["grade", "--root", str(course), "--unsafe"]) == 0
    assert "answers run with your rights" in capfd.readouterr().err
    assert [row.score for row in standing(course)[1]] == [2, 1]


def test_a_locked_gradebook_is_refused(graded, capsys):
    before = (graded / "grades.csv").read_bytes()
    lock = sqlite3.connect(graded / "gradebook.db")
    lock.execute("BEGIN EXCLUSIVE")
    try:
        assert main(["grade", "--root", str(graded), "--force"]) == 2
    finally:
        lock.close()
    assert "is locked by another program" in capsys.readouterr().err
    assert (graded / "grades.csv").read_bytes() == before


def test_exit_codes_and_the_table(graded, capfd):
    assert main(["grade", CHAPTER, "--root", str(graded), "--student", "wrong"]) == 0
    output = capfd.readouterr()
    assert "wrong    01_small      1   5  graded" in output.out and output.err == ""
    assert main(["grade", "--root", str(graded), "--student", "not_json", "--student", "wrong"]) == 1
    assert "Submissions that a human has to look at: 1." in capfd.readouterr().out


def test_wrong_use_of_the_command_line_ends_with_2():
    with pytest.raises(SystemExit) as ended:
        main(["collect"])  # of what?
    assert ended.value.code == 2


def test_students_of_the_roster_who_handed_nothing_in_have_a_row(graded):
    with gradebook(graded) as book:
        book.update_or_create_student("absent")
    rows = {row.student: row for row in grade(graded).rows}
    assert (rows["absent"].score, rows["absent"].status, rows["absent"].needs_human) == (
        None,
        "nothing was handed in",
        False,
    )
    assert "absent" in table(list(rows.values()))
