"""Grade what lies in submitted/: mark it in the sandbox, write feedback, write grades.csv.

What it does to the world: writes autograded/, feedback/, the gradebook, grades.csv and, once, .course_secret. What
students wrote runs in the sandbox of `autograder.warm` and nowhere else, unless `unsafe` is asked for. It refuses
before it writes anything; after that, no submission stops another one's grading, and a run that was interrupted goes on
where it was.
"""

import contextlib
import platform
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from autograder import marks, results, sandbox
from autograder.course import Course, Refusal, open_course
from autograder.deliver import autograded_notebook, copy_address, deliver
from autograder.feedback import write_feedback
from autograder.gradebook import open_gradebook
from autograder.marks import ByHand, Row
from autograder.moved import Moved, forget, moved, remember
from autograder.record import Fingerprints, feedback_is_current, remember_feedback
from autograder.register import check_build, check_gradebook, register
from autograder.results import SubmissionResult
from autograder.secret import check_secret, course_secret, submission_key
from autograder.submissions import Submission, find_submissions
from autograder.workers import Task, mark_all

PLACE = "put the notebooks into submitted/STUDENT/CHAPTER/CHAPTER.ipynb, such as submitted/ada/01_name/01_name.ipynb."


@dataclass(frozen=True)
class Grading:
    """What a run came to: a row for each student and chapter named, and the marks that moved."""

    rows: list[Row]
    moved: list[Moved]


def grade(
    root: Path,
    chapters: Iterable[str] = (),
    students: Iterable[str] = (),
    db_url: str | None = None,
    force: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    unsafe: bool = False,
) -> Grading:
    """Grade the chapters and students named, or all, of the course in folder `root`, and write grades.csv.

    db_url: the gradebook, if not the one that nbgrader_config.py names. force: grade unchanged submissions again.
    workers, scheduler: see `autograder.workers.mark_all`. unsafe: without a sandbox, in this process alone.
    Rows are sorted; grades.csv has the other students and chapters too, as they stand.
    Raises Refusal, a sentence on what to do, when it cannot start.
    """
    course, chapters, students = open_course(root, db_url), list(chapters), list(students)
    found, scope = _in_scope(course, chapters, students)
    for name in sorted({submission.chapter for submission in scope} - {""}):
        check_build(course, course.lessons[name])
    check_gradebook(course)
    obstacle = _why_not(scheduler, unsafe)
    if obstacle:
        raise Refusal(obstacle)
    secret = course_secret(course.root)
    check_secret(course, secret)
    gradable = [submission for submission in scope if not submission.fault]
    for name in sorted({submission.chapter for submission in gradable}):
        register(course, course.lessons[name])
    before = marks.read_marks(course)
    keys = [(submission.chapter, submission.student) for submission in gradable]
    stood = remember(course, {key: before[key].score for key in keys if key in before})
    fingerprints = Fingerprints(course, secret, marks.deadlines(course))
    with sandbox.left_out() if unsafe else contextlib.nullcontext():
        failures = _mark(course, gradable, before, fingerprints, force, 1 if unsafe else workers, scheduler)
    notes = _write_feedback(course, gradable)
    rows = _rows(course, found, fingerprints, failures, notes)
    marks.write_csv(course.root / "grades.csv", rows)
    rows = [row for row in rows if _is_named(row, chapters, students)]
    changes = moved(stood, rows)
    forget(course, keys)
    return Grading(rows, changes)


def _why_not(scheduler: str | None, unsafe: bool) -> str:
    """Why nothing can be marked on this machine, or by the workers of the Dask scheduler; "" where it can."""
    if unsafe:
        return sandbox.NOT_LINUX if platform.system() != "Linux" else ""
    if scheduler is None:
        return sandbox.why_not()
    from autograder import cluster

    return cluster.why_not(scheduler)


def standing(root: Path, db_url: str | None = None) -> tuple[Course, list[Row]]:
    """The course in folder `root`, and its marks as they stand, sorted; raises Refusal where nothing was graded yet."""
    course = open_course(root, db_url)
    check_gradebook(course)
    secret = course.root / ".course_secret"
    if not secret.is_file():
        raise Refusal("Nothing was graded here yet: run `make grade` first.")
    submitted = course.folder("submitted")
    found = find_submissions(submitted, course.lessons) if submitted.is_dir() else []
    fingerprints = Fingerprints(course, course_secret(course.root), marks.deadlines(course))
    return course, _rows(course, found, fingerprints, {}, {})


def _mark(course, gradable, before, fingerprints, force, workers, scheduler) -> dict[tuple[str, str], str]:
    """Mark what is new or changed; returns why a submission could not be marked, by (chapter, student)."""
    todo, tasks, failures = {}, [], {}
    for submission in gradable:
        key = (submission.chapter, submission.student)
        if force or key not in before or not fingerprints.is_current(submission):
            secret = submission_key(fingerprints.secret, submission.student, submission.chapter)
            path = submission.folder / f"{submission.chapter}.ipynb"
            tasks.append(Task(key, course.lessons[submission.chapter], path, secret))
            todo[key] = submission, fingerprints.of(submission)
    if not tasks:
        return failures
    with (
        tqdm(total=len(tasks), desc="grading", unit="submission", disable=None) as progress,
        open_gradebook(course) as gradebook,
    ):
        for marked in mark_all(tasks, workers, scheduler):
            submission, fingerprint = todo[marked.identity]
            if marked.problem:
                failures[marked.identity] = marked.problem
            else:
                names = (submission.student, submission.chapter)
                result = SubmissionResult(*names, fingerprint, marked.exercises, marked.flags)
                deliver(course, gradebook, submission, marked.notebook, result)
            progress.set_postfix_str(submission.student)
            progress.update()
    return failures


def renew_feedback(
    root: Path,
    chapters: Iterable[str] = (),
    students: Iterable[str] = (),
    db_url: str | None = None,
    show_tests: bool = False,
) -> tuple[int, list[str]]:
    """Write the feedback pages of what was graded again, as marks by hand stand now; nothing is marked.

    show_tests: with the source of hidden tests, until the next grading. Returns how many pages there are, and a
    sentence for each submission that has none. Raises Refusal, as `grade` does.
    """  # fmt: skip
    course, _ = standing(root, db_url)
    _, scope = _in_scope(course, list(chapters), list(students))
    graded, missing = [], [f"{one.student or '?'}, {one.chapter or '?'}: {one.fault}" for one in scope if one.fault]
    for submission in scope:
        if not submission.fault:
            found = results.load(course.folder("autograded"), submission.student, submission.chapter)
            if found:
                graded.append(submission)
            else:
                missing.append(f"{submission.student}, {submission.chapter}: not graded yet")
    notes = _write_feedback(course, graded, show_tests)
    missing += [f"{student}, {chapter}: {note}" for (chapter, student), note in notes.items()]
    return len(graded) - len(notes), missing


def _write_feedback(course: Course, gradable: list[Submission], show_tests: bool = False) -> dict[tuple[str, str], str]:
    """Write the feedback pages that are not current; returns why one could not be written, by (chapter, student)."""
    notes, by_hand = {}, marks.read_by_hand(course)
    for submission in gradable:
        key = (submission.chapter, submission.student)
        result = results.load(course.folder("autograded"), submission.student, submission.chapter)
        hand = by_hand.get(key, ByHand({}))
        page = course.folder("feedback") / submission.student / submission.chapter / f"{submission.chapter}.html"
        if result is None or feedback_is_current(page, result, hand, show_tests):
            continue
        lesson, notebook = course.lessons[submission.chapter], autograded_notebook(course, submission)
        try:
            write_feedback(course, lesson, notebook, result, hand.written, hand.late_penalty, show_tests)
            copy_address(course.folder("autograded") / submission.student / submission.chapter, page.parent)
            remember_feedback(page, result, hand, show_tests)
        except OSError as error:
            notes[key] = f"no feedback page could be written ({error.strerror})"
    return notes


def _is_named(item: Row | Submission, chapters: list[str], students: list[str]) -> bool:
    """Whether a row or a submission is among the chapters and students named, where none named means all."""
    return (not chapters or item.chapter in (*chapters, "")) and (not students or item.student in students)


def _in_scope(course: Course, chapters: list[str], students: list[str]) -> tuple[list[Submission], list[Submission]]:
    """Everything that was handed in, and the part of it that is to be graded; Refusal when that is nothing."""
    submitted = course.folder("submitted")
    if not submitted.is_dir():
        raise Refusal(f"There is no folder {submitted}: {PLACE}")
    for name in chapters:
        if name not in course.lessons:
            raise Refusal(f"There is no chapter {name!r}; there are: {', '.join(course.lessons)}.")
    found = find_submissions(submitted, course.lessons)
    if not found:
        raise Refusal(f"{submitted} is empty: {PLACE}")
    for name in students:
        if not any(submission.student == name for submission in found):
            raise Refusal(f"There is no folder {submitted / name}: did you spell the student's name as the folder's?")
    scope = [submission for submission in found if _is_named(submission, chapters, students)]
    if not any(submission.chapter in chapters or not chapters for submission in scope):
        whom = f"by {' or '.join(students)} " if students else ""
        raise Refusal(f"Nothing was handed in {whom}for {' or '.join(chapters)}: look into {submitted}.")
    return found, scope


def _rows(course: Course, found: list[Submission], fingerprints: Fingerprints, failures, notes) -> list[Row]:
    """A row for each submission, and for each student who handed in nothing for a chapter that others handed in."""
    graded, rows = marks.read_marks(course), {}
    for submission in found:
        key = (submission.chapter, submission.student)
        row = graded.pop(key, None)
        reason = submission.fault or failures.get(key)
        if reason:
            earlier = f" (the gradebook still has {row.score:g}, from an earlier notebook)" if row else ""
            rows[key] = Row(*key, None, _points(course, submission.chapter), (), reason + earlier, True)
            continue
        if row is None:
            rows[key] = Row(*key, None, _points(course, submission.chapter), (), "not graded yet", True)
            continue
        result = results.load(course.folder("autograded"), submission.student, submission.chapter)
        flags = result.flags if result else ()
        for note in (*submission.notes, *flags, *filter(None, [notes.get(key)])):
            row = row.with_note(note)
        if not fingerprints.is_current(submission):
            row = row.with_note("the notebook or the chapter changed since: grade again")
        rows[key] = row
    for key, row in graded.items():
        rows[key] = replace(row, status=f"{row.status}; nothing is in submitted/ any more")
    everyone = {student for _, student in rows if student} | set(marks.students(course))
    for chapter in {chapter for chapter, _ in rows if chapter}:
        for student in everyone:
            rows.setdefault(
                (chapter, student), Row(chapter, student, None, _points(course, chapter), (), "nothing was handed in")
            )
    return [rows[key] for key in sorted(rows)]


def _points(course: Course, chapter: str) -> float | None:
    """What a chapter is worth; None where it is not known which one."""
    return sum(cell.points for cell in course.lessons[chapter].cells) if chapter in course.lessons else None
