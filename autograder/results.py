"""What grading one submission found out, exercise by exercise: beside its marks, for feedback, the report and regrades.

`save` writes autograded/STUDENT/CHAPTER/.result.json whole or not at all; nbgrader copies no hidden files. The marks
themselves live in nbgrader's gradebook; this file explains them.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Verdict:
    """What one test cell says of an answer: all its points and no message, or 0 points and the reason.

    error: the name of the exception's type, such as "CheckFailure" or "NameError"; "" where the test passed.
    printed: what the answer printed while the visible tests ran; capped.
    """

    grade_id: str
    points: float
    max_points: float
    message: str = ""
    error: str = ""
    printed: str = ""


@dataclass(frozen=True)
class ExerciseResult:
    """One exercise of one submission.

    seconds: CPU time of the answer. as_submitted: the mark comes from a run over the student's own earlier cells,
    because the answer did not work after the reference solutions. missing: the submission has no cell for this
    exercise.
    """

    grade_id: str
    number: str
    tests: tuple[Verdict, ...]
    seconds: float = 0.0
    as_submitted: bool = False
    missing: bool = False

    @property
    def points(self) -> float:
        """The sum of the tests' points."""
        return sum(test.points for test in self.tests)

    @property
    def max_points(self) -> float:
        """What the exercise is worth."""
        return sum(test.max_points for test in self.tests)


@dataclass(frozen=True)
class SubmissionResult:
    """One submission. fingerprint: a hash of all that the marks depend on. flags: sentences for a human."""

    student: str
    chapter: str
    fingerprint: str
    exercises: tuple[ExerciseResult, ...]
    flags: tuple[str, ...] = field(default=())


def path_of(autograded: Path, student: str, chapter: str) -> Path:
    """Where the result of a submission lies below the folder `autograded`."""
    return autograded / student / chapter / ".result.json"


def save(autograded: Path, result: SubmissionResult) -> None:
    """Write the result beside the autograded notebook, in a folder that exists."""
    path = path_of(autograded, result.student, result.chapter)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(asdict(result), indent=1), encoding="utf-8")
    os.replace(temporary, path)


def load(autograded: Path, student: str, chapter: str) -> SubmissionResult | None:
    """The saved result of a submission; None where there is none that can be read."""
    try:
        data = json.loads(path_of(autograded, student, chapter).read_text(encoding="utf-8"))
        exercises = tuple(
            ExerciseResult(**{**exercise, "tests": tuple(Verdict(**test) for test in exercise["tests"])})
            for exercise in data["exercises"]
        )
        return SubmissionResult(**{**data, "exercises": exercises, "flags": tuple(data["flags"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None
