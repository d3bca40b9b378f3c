"""Who is in the course, and when their chapters are due: what the gradebook knows, or a list that is given instead.

`read_roster` reads the gradebook, where there is one, and changes nothing. A student is known by their id, and by name,
e-mail address and number in the learning platform, as far as the gradebook has them, where no two share it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nbgrader.api import Gradebook
from sqlalchemy.engine import make_url

from autograder.course import Course
from autograder.register import check_gradebook
from autograder.upload_names import plain


@dataclass(frozen=True)
class Roster:
    """The course's list of students; an empty one says nothing about anybody.

    aliases: the id that belongs to a name, spelled as `plain` does, "" where more than one does. numbers: the same for
    the learning platform's numbers. due: when a chapter is due, in UTC; extensions: by chapter and student.
    """

    students: frozenset[str] = frozenset()
    aliases: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    due: dict[str, datetime] = field(default_factory=dict)
    extensions: dict[tuple[str, str], timedelta] = field(default_factory=dict)

    def find(self, name: str, number: str = "") -> str:
        """The id of the student with this number or, failing that, of this name; "" if nobody or more than one."""
        if number in self.numbers:
            return self.numbers[number]
        return name if name in self.students else self.aliases.get(plain(name), "")

    def knows(self, name: str) -> bool:
        """Whether a name is a student's."""
        return bool(self.find(name))

    def deadline(self, chapter: str, student: str) -> datetime | None:
        """When a student's work on a chapter is due, with their extension; None if it is never late."""
        due = self.due.get(chapter)
        return due and due + self.extensions.get((chapter, student), timedelta())


def read_roster(course: Course, students: Iterable[str] | Mapping[str, str] | None = None) -> Roster:
    """The course's list; `students`, ids or a mapping of names and numbers to ids, counts instead of the gradebook's.

    Raises Refusal when there is a gradebook that cannot be read.
    """
    check_gradebook(course)
    ids, names, numbers, due, extensions = [], [], [], {}, {}
    url = make_url(course.db_url)
    if url.get_backend_name() != "sqlite" or (url.database and Path(url.database).is_file()):
        with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
            for student in gradebook.students:
                ids.append(student.id)
                first, last = student.first_name or "", student.last_name or ""
                told = (student.id, student.email or "", first + last if first and last else "", last + first)
                names += [(plain(name), student.id) for name in told]
                numbers.append((student.lms_user_id or "", student.id))
            for assignment in gradebook.assignments:
                if assignment.duedate:
                    due[assignment.name] = assignment.duedate.replace(tzinfo=UTC)
                for submission in assignment.submissions:
                    if submission.extension:
                        extensions[assignment.name, submission.student.id] = submission.extension
    if students is not None:
        pairs = students.items() if isinstance(students, Mapping) else [(name, name) for name in students]
        pairs = [(str(name), str(student)) for name, student in pairs]
        ids = [student for _, student in pairs]
        names = [(plain(name), student) for pair in pairs for name, student in (pair, (pair[1], pair[1]))]
        numbers = [(name, student) for name, student in pairs if name.isdigit() and name != student]
    return Roster(frozenset(ids), _unique(names), _unique(numbers), due, extensions)


def _unique(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The student of each name that is not empty, "" where more than one student has it."""
    found = {}
    for name, student in pairs:
        if name:
            found[name] = student if found.get(name, student) == student else ""
    return found
