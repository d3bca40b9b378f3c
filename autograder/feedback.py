"""Write a student's feedback page: the answers, what the checks said of them, and where the points come from.

What it does to the world: writes feedback/STUDENT/CHAPTER/CHAPTER.html, whole or not at all. The page needs nothing
else, asks no server for anything and runs no script; its policy forbids both. Of a test it shows the part that students
have in their notebooks, and its message; of a hidden test nothing, unless the instructor asks for it.
"""

import base64
import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder.course import Course
from autograder.lesson import EXERCISE_HEADING, HEADING_POINTS, Cell, Exercise, Lesson, visible
from autograder.rebuild import message_for_student
from autograder.results import ExerciseResult, SubmissionResult, Verdict
from autograder.sanitize import LONGEST, plain
from autograder.words import code_html, markdown_html, message_html

ALONE = "This exercise was marked on its own, after the reference solutions of the earlier ones."
AS_SUBMITTED = "The mark comes from a run as submitted: after your own earlier answers and cells."
MISSING = "The notebook that you handed in has no cell for this exercise."


@dataclass(frozen=True)
class Check:
    """One test cell: points of max_points, the message of a failed one, the visible part of its source.

    has_more: it also has hidden checks. by_hand: a person gave these points.
    """

    name: str
    points: float
    max_points: float
    message: Markup
    source: Markup
    has_more: bool
    printed: str
    by_hand: bool

    @property
    def passed(self) -> bool:
        """Whether it got all its points."""
        return self.points >= self.max_points and not (self.message and not self.by_hand)


@dataclass(frozen=True)
class Part:
    """One exercise on the page; points None where a person has not marked it yet."""

    number: str
    title: str
    points: float | None
    max_points: float
    how: str
    answer: Markup
    is_code: bool
    checks: tuple[Check, ...]
    comment: str


def write_feedback(
    course: Course,
    lesson: Lesson,
    notebook,
    result: SubmissionResult,
    written: dict[str, tuple[float | None, float, str]],
    late_penalty: float = 0.0,
    show_tests: bool = False,
) -> Path:
    """Write the page for the autograded `notebook`, as `rebuild` made it; returns its path. Same input, same page.

    written: points (None: not marked yet), most points and comment that a person gave, by grade_id: for written
    questions, for a test whose mark was changed by hand, and for an exercise's solution cell, of which only the comment
    counts. late_penalty: points taken off. show_tests: the hidden parts of the tests are on the page too.
    Raises OSError where the page cannot be written; an earlier one stays then.
    """
    path = course.folder("feedback") / result.student / lesson.name / f"{lesson.name}.html"
    page = page_html(lesson, notebook, result, written, late_penalty, show_tests)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_text(page, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def page_html(
    lesson: Lesson,
    notebook,
    result: SubmissionResult,
    written: dict,
    late_penalty: float = 0.0,
    show_tests: bool = False,
) -> str:
    """The page as a string; the arguments are those of `write_feedback`."""  # fmt: skip
    parts = _parts(lesson, notebook, result, written, show_tests)
    marked = sum(part.points for part in parts if part.points is not None)
    environment = _environment()
    style = environment.get_template("feedback.css").render()
    return environment.get_template("feedback.html").render(
        title=_title(lesson),
        chapter=lesson.name,
        student=" ".join(plain(result.student, 200).split()),
        parts=parts,
        points=max(0.0, marked - late_penalty),
        max_points=sum(part.max_points for part in parts),
        late_penalty=late_penalty,
        waiting=[part for part in parts if part.points is None],
        flags=[plain(flag, 1000) for flag in result.flags],
        style=Markup(style),
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def _parts(lesson: Lesson, notebook, result: SubmissionResult, written: dict, show_tests: bool) -> list[Part]:
    """The exercises and written questions, in the lesson's order."""
    answers = {cell.metadata.nbgrader.grade_id: cell.source for cell in notebook.cells if "nbgrader" in cell.metadata}
    exercises = {exercise.grade_id: exercise for exercise in lesson.exercises}
    results = {one.grade_id: one for one in result.exercises}
    heading, parts = ("", ""), []
    for cell in lesson.cells:
        if cell.kind == "markdown":
            for found in EXERCISE_HEADING.finditer(cell.source):
                heading = (found[1], HEADING_POINTS.sub("", found[2]).strip())
        if cell.grade_id in exercises:
            exercise = exercises[cell.grade_id]
            found = results.get(cell.grade_id) or ExerciseResult(cell.grade_id, exercise.number, ())
            shown = str if show_tests else visible
            parts.append(_exercise(heading, exercise, found, answers[cell.grade_id], written, shown, not parts))
        elif cell.role == "written":
            parts.append(_written(heading, cell, answers[cell.grade_id], written))
    return parts


def _exercise(heading, exercise: Exercise, result: ExerciseResult, answer, written: dict, shown, is_first) -> Part:
    """`shown` takes the source of a test and returns what of it the page shows."""
    verdicts = {test.grade_id: test for test in result.tests}
    checks = tuple(
        _check(test, verdicts.get(test.grade_id), written.get(test.grade_id), shown) for test in exercise.tests
    )
    how = MISSING if result.missing else AS_SUBMITTED if result.as_submitted else "" if is_first else ALONE
    points, most = sum(check.points for check in checks), sum(check.max_points for check in checks)
    comment = _comment(written.get(exercise.grade_id))
    return Part(*heading, points, most, how, code_html(answer), True, checks, comment)


def _check(test: Cell, verdict: Verdict | None, by_hand: tuple | None, shown) -> Check:
    verdict = verdict or Verdict(test.grade_id, 0.0, test.points, "This test was not run.", "NotRun")
    failed = verdict.message or verdict.error or verdict.points < test.points
    message = message_html(message_for_student(verdict, test)) if failed else Markup("")
    source = shown(test.source).strip()
    changed = by_hand is not None and by_hand[0] is not None and by_hand[0] != verdict.points
    return Check(
        name=test.grade_id,
        points=by_hand[0] if changed else verdict.points,
        max_points=test.points,
        message=message,
        source=code_html(source) if source else Markup(""),
        has_more=source != test.source.strip(),
        printed=plain(verdict.printed, LONGEST).strip("\n"),
        by_hand=changed,
    )


def _written(heading, cell: Cell, answer: str, written: dict) -> Part:
    points, most, _ = written.get(cell.grade_id, (None, cell.points, ""))
    is_code = cell.kind == "code"
    shown = code_html(answer) if is_code else markdown_html(answer)
    return Part(*heading, points, most, "", shown, is_code, (), _comment(written.get(cell.grade_id)))


def _comment(by_hand: tuple | None) -> str:
    return plain(by_hand[2] or "", LONGEST) if by_hand else ""


def _title(lesson: Lesson) -> str:
    """The lesson's first heading, or its name."""
    lines = (line for cell in lesson.cells if cell.kind == "markdown" for line in cell.source.split("\n"))
    return next((line[2:].strip() for line in lines if line.startswith("# ")), lesson.name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["points"] = lambda value: f"{value:.2f}".rstrip("0").rstrip(".")
    return environment
