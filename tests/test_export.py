"""Exported marks: what a spreadsheet, Canvas' importer and Moodle's importer read out of the files."""

import csv
import sqlite3

import pytest
from nbgrader.api import Gradebook
from small_course import make_course

from autograder.course import Refusal, open_course
from autograder.export import export, number
from autograder.marks import Row, harmless

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img onerror=',
    'Ada "A", the first',
    "Łukasz Ångström 王",
    "two\nlines",
    "a\\",
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "Ada;=1", "Ada\n=1", "Ada,=1"]
ROSTER = {
    "ada": {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org", "lms_user_id": "4711"},
    "bob": {"first_name": "Bob", "last_name": 'O"Brien, the 2nd', "email": "bob@example.org", "lms_user_id": "S-12"},
    "cem": {},
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with a roster of three."""
    course = open_course(make_course(tmp_path_factory.mktemp("courses") / "course"))
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        for student, fields in ROSTER.items():
            gradebook.add_student(student, **fields)
    return course


ROWS = [
    Row("01_small", "ada", 4.5, 5.0, (), "graded, 0.5 off for being late"),
    Row("01_small", "bob", None, 5.0, (), "01_small.ipynb is an empty file: ask for it again", True),
    Row("01_small", "cem", 0.0, 5.0, ("why",), "graded"),
    Row("02_other", "ada", 1 / 3, 12.5),
    Row("02_other", "", None, 12.5, (), "lies in no student's folder", True),
    Row("", "eve", None, None, (), "submitted/eve is empty", True),
]


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_csv_has_a_line_for_each_student_and_a_column_for_each_chapter(course, tmp_path):
    path = export(course, ROWS, "csv", tmp_path / "marks.csv")
    assert path == tmp_path / "marks.csv"
    assert read(path) == [
        ["student", "last_name", "first_name", "email", "lms_user_id", "01_small", "02_other"],
        ["ada", "Lovelace", "Ada", "ada@example.org", "4711", "4.5", "0.3333"],
        ["bob", 'O"Brien, the 2nd', "Bob", "bob@example.org", "S-12", "", ""],
        ["cem", "", "", "", "", "0", ""],
    ]


def test_canvas_has_the_columns_and_the_points_possible_of_its_own_export(course, tmp_path):
    header, possible, *lines = read(export(course, ROWS, "canvas", tmp_path / "canvas.csv"))
    assert header == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "01_small", "02_other"]
    assert possible == ["    Points Possible", "", "", "", "", "5", "12.5"]
    assert lines == [
        ["Lovelace, Ada", "4711", "", "ada", "", "4.5", "0.3333"],
        ['O"Brien, the 2nd, Bob', "", "S-12", "bob", "", "", ""],
        ["cem", "", "", "cem", "", "0", ""],
    ]


def test_moodle_has_no_empty_identifier_and_no_empty_mark(course, tmp_path):
    header, *lines = read(export(course, ROWS, "moodle", tmp_path / "moodle.csv"))
    assert header == ["Username", "First name", "Last name", "ID number", "Email address", "01_small", "02_other"]
    assert lines[0] == ["ada", "Ada", "Lovelace", "4711", "ada@example.org", "4.5", "0.3333"]
    assert lines[1] == ["bob", "Bob", 'O"Brien, the 2nd', "S-12", "bob@example.org", "-", "-"]
    assert lines[2][3:] == ["no ID number is known for cem", "no email address is known for cem", "0", "-"]


@pytest.mark.parametrize("format", ["csv", "canvas", "moodle"])
@pytest.mark.parametrize("size", [0, 1, 30])
def test_every_line_has_every_column_whatever_the_names(course, tmp_path, format, size):
    names = [*HOSTILE, *FORMULAS, *(f"student{i:02}" for i in range(30))][:size]
    rows = [Row("01_small", name, 1.0, 5.0) for name in names]
    lines = read(export(course, rows, format, tmp_path / "marks.csv"))
    assert len(lines) == size + (2 if format == "canvas" else 1)
    assert len({len(line) for line in lines}) == 1
    marks = [line[-1] for line in lines[-size:]] if size else []
    assert marks == ["1"] * size
    assert not [cell for line in lines for cell in line if cell.lstrip().startswith(tuple("=+-@＝＋－＠"))]


def test_csv_keeps_names_as_they_are(course, tmp_path):
    rows = [Row("01_small", name, 1.0, 5.0) for name in HOSTILE]
    assert {line[0] for line in read(export(course, rows, "csv", tmp_path / "marks.csv"))[1:]} == set(HOSTILE)


@pytest.mark.parametrize("format", ["canvas", "moodle"])
def test_platforms_get_one_line_of_text_without_backslashes(course, tmp_path, format):
    rows = [Row("01_small", name, 1.0, 5.0) for name in HOSTILE]
    text = export(course, rows, format, tmp_path / "marks.csv").read_text(encoding="utf-8")
    assert "\\" not in text and "two lines" in text
    assert len(text.splitlines()) == len(HOSTILE) + (2 if format == "canvas" else 1)


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_is_made_text(text):
    assert "'" in harmless(text) and harmless(text).replace("'", "") == text


@pytest.mark.parametrize("text", ["Müller-Lüdenscheid", "ada+1@example.org", "a=b", "", "O'Neil"])
def test_what_is_no_formula_stays(text):
    assert harmless(text) == text


def test_a_name_that_no_text_file_can_hold_is_written_all_the_same(course, tmp_path):
    rows = [Row("01_small", "ad\udce9", 1.0, 5.0)]
    assert read(export(course, rows, "csv", tmp_path / "marks.csv"))[1][0] == "ad?"


def test_no_student_poses_as_the_line_of_points_possible(course, tmp_path):
    rows = [Row("01_small", "x Points Possible", 99.0, 5.0)]
    lines = read(export(course, rows, "canvas", tmp_path / "marks.csv"))
    assert [line[0] for line in lines if "Points Possible" in line[0]] == ["    Points Possible"]


@pytest.mark.parametrize(
    ("points", "words"), [(None, ""), (0.0, "0"), (10.0, "10"), (2 / 3, "0.6667"), (1234567.5, "1234567.5")]
)
def test_numbers_are_written_out(points, words):
    assert number(points) == words


def test_the_points_possible_are_found_where_one_row_knows_them(course, tmp_path):
    rows = [Row("01_small", "ada", None, None), Row("01_small", "bob", 1.0, 5.0), Row("01_small", "cem", None, None)]
    assert read(export(course, rows, "canvas", tmp_path / "marks.csv"))[1][-1] == "5"


def test_the_same_marks_give_the_same_bytes(course, tmp_path):
    first = export(course, ROWS, "canvas", tmp_path / "a.csv").read_bytes()
    assert export(course, ROWS[::-1], "canvas", tmp_path / "b.csv").read_bytes() == first


@pytest.mark.parametrize("format", ["csv", "canvas", "moodle"])
def test_a_late_penalty_is_not_taken_off_a_second_time(course, tmp_path, format):
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        gradebook.update_or_create_assignment("01_small")
        late = gradebook.update_or_create_submission("01_small", "ada")
        late.late_submission_penalty = 0.5
        gradebook.db.commit()
    assert read(export(course, ROWS[:1], format, tmp_path / "marks.csv"))[-1][-1] == "4.5"


def test_an_unknown_format_is_refused_with_those_that_there_are(course, tmp_path):
    with pytest.raises(Refusal, match="There is no format 'xlsx'; choose one of: csv, canvas, moodle."):
        export(course, ROWS, "xlsx", tmp_path / "marks.xlsx")
    assert not list(tmp_path.iterdir())


def test_a_path_that_is_no_file_or_in_no_folder_is_refused(course, tmp_path):
    with pytest.raises(Refusal, match="is no file: name the file to write, such as .*csv"):
        export(course, ROWS, "csv", tmp_path)
    with pytest.raises(Refusal, match="There is no folder .*absent: make it first"):
        export(course, ROWS, "csv", tmp_path / "absent" / "marks.csv")


def test_a_file_that_cannot_be_written_is_refused_and_the_old_one_stays(course, tmp_path, monkeypatch):
    path = tmp_path / "marks.csv"
    path.write_text("of yesterday")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("autograder.export.os.replace", full)
    with pytest.raises(Refusal, match=r"cannot be written \(No space left on device\): name a file"):
        export(course, ROWS, "csv", path)
    assert path.read_text() == "of yesterday" and list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(course, tmp_path):
    (tmp_path / "real.csv").write_text("")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    export(course, ROWS, "csv", tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink() and "Lovelace" in (tmp_path / "real.csv").read_text()


def test_exporting_changes_nothing_in_the_gradebook(course, tmp_path):
    def content():
        with sqlite3.connect(course.db_url.removeprefix("sqlite:///")) as database:
            return list(database.iterdump())

    before = content()
    export(course, ROWS, "moodle", tmp_path / "marks.csv")
    assert content() == before
