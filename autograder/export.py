"""Export marks as a file for a spreadsheet (`csv`), Canvas' gradebook (`canvas`) or Moodle's (`moodle`).

What it does to the world: reads the roster in nbgrader's gradebook and writes one file, whole or not at all.

All three have a line for each student and a column for each chapter, in UTF-8 with commas between. Marks are those of
the rows, from which late penalties are already taken. Text that a spreadsheet would run as a formula gets a ' in front.

canvas: the columns that Canvas itself exports, and its line of points possible. Canvas looks a student up by ID (the
roster's lms_user_id where it is a number), then by SIS User ID (an lms_user_id that is no number), then by SIS Login ID
(nbgrader's id), then by name. Source: lib/gradebook_importer.rb of instructure/canvas-lms.

moodle: named as Moodle's own export is; whoever imports chooses Username (nbgrader's id), ID number (lms_user_id) or
Email address to find students by. Two things of Moodle's importer (grade/import/csv/classes/load_data.php) decide how
gaps are written. A line whose identifier is empty goes to the student of the line before: so a missing one becomes a
sentence, at which Moodle stops and shows it. An empty mark becomes 0 in a new grade item: so no mark is written "-",
which means no grade, as in Moodle's own files.
"""

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from nbgrader.api import Gradebook

from autograder.course import Course, Refusal
from autograder.marks import Row, harmless


@dataclass(frozen=True)
class Person:
    """A student as the roster has them; "" for what it does not know. lms_id: the id in a learning platform."""

    student: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_id: str = ""


@dataclass(frozen=True)
class Marks:
    """The marks of a class: people and chapters in order, points by (chapter, student), points possible by chapter."""

    people: list[Person]
    chapters: list[str]
    points: dict[tuple[str, str], float | None]
    possible: dict[str, float | None]

    def of(self, person: Person) -> list[str]:
        """The marks of one student as text, one for each chapter; "" where there is none."""
        return [number(self.points.get((chapter, person.student))) for chapter in self.chapters]


def export(course: Course, rows: list[Row], format: str, path: Path) -> Path:
    """Write the marks of `rows` to the file `path`, in the format "csv", "canvas" or "moodle"; returns `path`.

    Rows without a student or a chapter, which come from notebooks in a wrong place, are left out. Raises Refusal for
    an unknown format and where the file cannot be written; what was there before stays then.
    """
    path = Path(path)
    if format not in FORMATS:
        raise Refusal(f"There is no format {format!r}; choose one of: {', '.join(FORMATS)}.")
    if path.is_dir() or path.exists() and not path.is_file():
        raise Refusal(f"{path} is no file: name the file to write, such as {path / f'{format}.csv'}.")
    if not path.absolute().parent.is_dir():
        raise Refusal(f"There is no folder {path.parent}: make it first, or name a file in one that is there.")
    lines = FORMATS[format](_marks(course, rows))
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(lines)
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Refusal(f"{path} cannot be written ({error.strerror}): name a file in a folder of yours.") from None
    return path


def _marks(course: Course, rows: list[Row]) -> Marks:
    """The rows as a table of marks, with names and addresses from the gradebook's roster."""
    rows = [row for row in rows if row.student and row.chapter]
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        fields = [(s.id, s.first_name, s.last_name, s.email, s.lms_user_id) for s in gradebook.students]
    roster = {student: Person(student, *(str(field or "") for field in rest)) for student, *rest in fields}
    possible = {}
    for row in rows:
        possible[row.chapter] = possible.get(row.chapter) if row.max_score is None else row.max_score
    people = [roster.get(student, Person(student)) for student in sorted({row.student for row in rows})]
    return Marks(people, sorted(possible), {(row.chapter, row.student): row.score for row in rows}, possible)


def number(points: float | None) -> str:
    """Points as people write them, to four decimals and never in powers of ten; "" for None."""
    return "" if points is None else f"{points:.4f}".rstrip("0").rstrip(".")


def line(text: str) -> str:
    """Harmless text on one line, without the backslash, which PHP's reader takes for an escape."""
    return harmless(" ".join(text.replace("\\", "/").split()))


def _spreadsheet(marks: Marks) -> list[list[str]]:
    header = ["student", "last_name", "first_name", "email", "lms_user_id", *marks.chapters]
    people = [(p, (p.student, p.last_name, p.first_name, p.email, p.lms_id)) for p in marks.people]
    return [header, *([*map(harmless, texts), *marks.of(person)] for person, texts in people)]


def _canvas(marks: Marks) -> list[list[str]]:
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *marks.chapters]
    lines = [header, ["    Points Possible", "", "", "", "", *(number(marks.possible[c]) for c in marks.chapters)]]
    for person in marks.people:
        name = ", ".join(filter(None, (person.last_name, person.first_name))) or person.student
        name = line(name).replace("Points Possible", "Points possible")  # Canvas would take it for that line
        is_number = person.lms_id.isascii() and person.lms_id.isdigit()
        ids = [person.lms_id, ""] if is_number else ["", line(person.lms_id)]
        lines.append([name, *ids, line(person.student), "", *marks.of(person)])
    return lines


def _moodle(marks: Marks) -> list[list[str]]:
    header = ["Username", "First name", "Last name", "ID number", "Email address", *marks.chapters]
    lines = [header]
    for person in marks.people:
        texts = [person.student, person.first_name, person.last_name]
        texts += [person.lms_id or f"no ID number is known for {person.student}"]
        texts += [person.email or f"no email address is known for {person.student}"]
        lines.append([*map(line, texts), *(mark or "-" for mark in marks.of(person))])
    return lines


FORMATS = {"csv": _spreadsheet, "canvas": _canvas, "moodle": _moodle}
