"""Know whether a submission's marks, or its feedback page, were made from what is there now.

Reads files and hashes them; writes only the small file beside a feedback page that says what it was made from.
"""

from pathlib import Path

from autograder import results
from autograder.course import Course
from autograder.results import SubmissionResult
from autograder.secret import submission_key
from autograder.submissions import Submission
from autograder.version import digest, environment, file_digest


class Fingerprints:
    """Hashes of all that marks depend on; what all submissions share is read once."""

    def __init__(self, course: Course, secret: str, deadlines: dict[tuple[str, str], str]):
        """deadlines: what the gradebook knows of when a submission was due, as text, by (chapter, student)."""
        self.course, self.secret, self.deadlines = course, secret, deadlines
        self.lessons = {}

    def of(self, submission: Submission) -> str:
        """SHA-256, in hexadecimal, of the submission, its key and deadline, the lesson, the grader, the libraries."""
        key = (submission.chapter, submission.student)
        parts = [
            environment(),
            self._lesson(submission.chapter),
            submission_key(self.secret, submission.student, submission.chapter),
            self.deadlines.get(key) or self.deadlines.get((submission.chapter, ""), ""),
            [file_digest(submission.folder / name) for name in (f"{submission.chapter}.ipynb", "timestamp.txt")],
        ]
        return digest(parts)

    def is_current(self, submission: Submission) -> bool:
        """Whether the marks of the submission were made from what is there now."""
        result = results.load(self.course.folder("autograded"), submission.student, submission.chapter)
        return result is not None and result.fingerprint == self.of(submission)

    def _lesson(self, chapter: str) -> str:
        if chapter not in self.lessons:
            lesson = self.course.lessons[chapter]
            self.lessons[chapter] = digest([repr(cell) for cell in lesson.cells if cell.kind == "code"])
        return self.lessons[chapter]


def feedback_is_current(page: Path, result: SubmissionResult, by_hand, show_tests: bool) -> bool:
    """Whether the feedback page was made from this result and these marks by hand, with or without hidden tests."""
    made = page.with_name(".made")
    return (
        page.is_file()
        and made.is_file()
        and made.read_text(encoding="ascii") == _made_from(result, by_hand, show_tests)
    )


def remember_feedback(page: Path, result: SubmissionResult, by_hand, show_tests: bool) -> None:
    """Note beside the feedback page what it was made from."""
    page.with_name(".made").write_text(_made_from(result, by_hand, show_tests), encoding="ascii")


def _made_from(result, by_hand, show_tests):
    return digest([repr(result), repr(by_hand), show_tests])
