"""Remember from what a submission's marks were made, so that unchanged work is not graded twice.

`remember` writes autograded/STUDENT/CHAPTER/.graded; nbgrader copies no hidden files, and takes this one away with the
folder when it grades again.
"""

import hashlib
import json
from pathlib import Path

import nbgrader

import embedlab
from autograder.course import Course
from autograder.marks import standing
from autograder.secret import submission_key
from autograder.submissions import Submission


def is_current(course: Course, submission: Submission, secret: str) -> bool:
    """Whether the submission's marks were made from what is there now: its files, the tests, the checks, the secret."""
    record = _record(course, submission)
    return record.is_file() and record.read_text() == fingerprint(course, submission, secret)


def remember(course: Course, submission: Submission, secret: str) -> None:
    """Record that the submission's marks are made from what is there now."""
    _record(course, submission).write_text(fingerprint(course, submission, secret))


def _record(course: Course, submission: Submission) -> Path:
    return course.folder("autograded") / submission.student / submission.chapter / ".graded"


def fingerprint(course: Course, submission: Submission, secret: str) -> str:
    """SHA-256, in hexadecimal, of all that a submission's marks depend on."""
    lesson = course.lessons[submission.chapter]
    parts = [
        nbgrader.__version__,
        submission_key(secret, submission.student, submission.chapter),
        standing(course, submission.chapter, submission.student),
        [repr(cell) for cell in lesson.cells if cell.grade_id],
        _digests(submission.folder, "*"),
        _digests(lesson.path.parent, "*", without=(lesson.path.name, lesson.path.with_suffix(".ipynb").name)),
        _digests(Path(embedlab.__file__).parent, "*.py"),
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _digests(folder: Path, pattern: str, without: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Name and SHA-256 of the files below `folder`, without hidden ones and caches."""
    paths = sorted(path for path in folder.rglob(pattern) if path.is_file() and path.name not in without)
    names = [(path, path.relative_to(folder)) for path in paths]
    return [
        (name.as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path, name in names
        if not any(part.startswith(".") or part == "__pycache__" for part in name.parts)
    ]
