"""The marks that are in the gradebook, as rows for grades.csv and for a table.

`write_csv` writes grades.csv whole or not at all. The rest reads the gradebook and changes nothing.
"""

import csv
import math
import os
import re
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from nbgrader.api import Assignment, Gradebook, Student, SubmittedAssignment
from sqlalchemy import select

from autograder.course import Course
from autograder.gradebook import comments, grades, late_penalties

# The signs at which spreadsheets start a formula, also in full width, at the start of a cell or of what another
# separator than ours would make a cell.
FORMULA = re.compile(r"(^|[;,|\t\r\n])(?=\s*[=+\-@\t\r＝＋－＠])")


@dataclass(frozen=True)
class Row:
    """One student's mark for one chapter; score None where there is no mark.

    written: grade_ids that wait to be marked by hand. needs_human: something is wrong with the submission; an answer
    that waits to be read is nothing wrong.
    """

    chapter: str
    student: str
    score: float | None
    max_score: float | None
    written: tuple[str, ...] = ()
    status: str = ""
    needs_human: bool = False

    def with_note(self, note: str) -> "Row":
        """The same row, flagged for a human with a further sentence."""
        return replace(self, status=f"{self.status}; {note}" if self.status else note, needs_human=True)


def read_marks(course: Course) -> dict[tuple[str, str], Row]:
    """A row for each submission in the gradebook that was autograded, by (chapter, student); late penalties are off."""
    rows = {}
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        most = {assignment.name: assignment.max_score for assignment in gradebook.assignments}
        penalties, found = late_penalties(gradebook), grades(gradebook)
    for key, marks in found.items():
        if any(mark.auto_score is not None or mark.manual_score is not None for mark in marks):
            penalty = penalties.get(key, 0.0)
            score = max(0.0, math.fsum(mark.score for mark in marks) - penalty)
            waiting = tuple(sorted(mark.name for mark in marks if mark.needs_manual_grade))
            rows[key] = Row(*key, score, most[key[0]], waiting, _words(marks, penalty))
    return rows


def _words(marks, penalty: float) -> str:
    """How a submission stands, in words."""
    words = f"graded, {penalty:g} off for being late" if penalty else "graded"
    waiting = [mark for mark in marks if mark.needs_manual_grade]
    unread = sorted(mark.name for mark in waiting if mark.manual_score is None)
    again = sorted(mark.name for mark in waiting if mark.manual_score is not None)
    if unread:
        words += f"; to be marked by hand: {', '.join(unread)}"
    if again:
        words += f"; marked by hand before this grading, look again: {', '.join(again)}"
    return words


def students(course: Course) -> list[str]:
    """The students that the gradebook knows."""
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        return sorted(gradebook.db.scalars(select(Student.id)))


@dataclass(frozen=True)
class ByHand:
    """What a person decided about one submission, and what being late costs it.

    written: points (None: not marked yet), most points and comment by grade_id, for what is or was marked by hand.
    """

    written: dict[str, tuple[float | None, float, str]]
    late_penalty: float = 0.0


def read_by_hand(course: Course) -> dict[tuple[str, str], ByHand]:
    """Marks and comments by hand of every submission in the gradebook, by (chapter, student)."""
    found = {}
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        penalties, remarks = late_penalties(gradebook), comments(gradebook)
        for key, marks in grades(gradebook).items():
            left, written = remarks.get(key, {}), {}
            for mark in marks:
                if mark.manual_score is not None or mark.auto_score is None or left.get(mark.name):
                    points = mark.manual_score if mark.manual_score is not None else mark.auto_score
                    written[mark.name] = (points, mark.max_score, left.pop(mark.name, ""))
            written |= {name: (None, 0.0, comment) for name, comment in left.items() if comment}
            found[key] = ByHand(written, penalties.get(key, 0.0))
    return found


def deadlines(course: Course) -> dict[tuple[str, str], str]:
    """When each submission in the gradebook was due, extensions included, as text, by (chapter, student).

    (chapter, "") has what holds for students without a submission.
    """
    due = select(Assignment.name, Assignment.duedate)
    extended = select(*due.selected_columns, SubmittedAssignment.student_id, SubmittedAssignment.extension).join(
        Assignment, Assignment.id == SubmittedAssignment.assignment_id
    )
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        found = {(chapter, ""): f"{date} None" for chapter, date in gradebook.db.execute(due)}
        for chapter, date, student, extension in gradebook.db.execute(extended):
            found[chapter, student] = f"{date} {extension}"
    return found


def write_csv(path: Path, rows: list[Row]) -> None:
    """Write the rows as comma-separated values, for any spreadsheet; a text that would be a formula there gets a '."""
    names = [field.name for field in fields(Row) if field.name not in ("written", "needs_human")]
    names.insert(names.index("status"), "needs_manual_grading")
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, names, extrasaction="ignore")
            table.writeheader()
            for row in rows:
                values = dict(zip([field.name for field in fields(Row)], astuple(row), strict=True))
                values["needs_manual_grading"] = "yes" if row.written or row.needs_human else "no"
                table.writerow({name: _cell(value) for name, value in values.items()})
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _cell(value):
    """A value for a spreadsheet: numbers short, missing ones empty, text harmless."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:g}"
    return harmless(value) if isinstance(value, str) else value


def harmless(text: str) -> str:
    """`text` with a ' before whatever a spreadsheet would run as a formula; what UTF-8 cannot write becomes a ?."""
    return FORMULA.sub(r"\1'", in_utf8(text))


def in_utf8(text: str) -> str:
    """`text` with a ? for each character that UTF-8 cannot write, as in the name of a folder made elsewhere."""
    return text.encode("utf-8", "replace").decode("utf-8")


def table(rows: list[Row]) -> str:
    """The rows as a table for a terminal."""
    lines = [("student", "chapter", "score", "of", "")]
    for row in rows:
        score = "no mark" if row.score is None else f"{row.score:g}"
        most = "" if row.max_score is None else f"{row.max_score:g}"
        lines.append((row.student or "?", row.chapter or "?", score, most, row.status))
    return aligned(lines, right=(2, 3))


def aligned(lines: list[tuple[str, ...]], right: tuple[int, ...] = ()) -> str:
    """Lines of cells with their columns under each other; the columns in `right` end together."""
    lines = [tuple(" ".join(in_utf8(cell).split()) for cell in line) for line in lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if position in right else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
