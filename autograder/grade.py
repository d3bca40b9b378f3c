"""Grade what lies in submitted/: autograde, write feedback, write grades.csv.

What it does to the world: starts a kernel for each submission that is new or changed, in a folder of autograded/, where
the student's code runs with the rights of whoever grades; writes autograded/, feedback/, the gradebook, grades.csv and,
once, .course_secret. It refuses before it writes anything; after that, no submission stops another one's grading.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from autograder import marks, stock
from autograder.course import Course, Refusal, open_course
from autograder.marks import Row
from autograder.record import is_current, remember
from autograder.register import check_build, check_gradebook, register
from autograder.secret import course_secret, submission_key
from autograder.submissions import Submission, find_submissions

PLACE = "put the notebooks into submitted/STUDENT/CHAPTER/CHAPTER.ipynb, such as submitted/ada/01_name/01_name.ipynb."


def grade(
    root: Path,
    chapters: Iterable[str] = (),
    students: Iterable[str] = (),
    db_url: str | None = None,
    force: bool = False,
) -> list[Row]:
    """Grade the chapters and students named, or all, of the course in folder `root`, and write grades.csv.

    db_url: the gradebook, if not the one that nbgrader_config.py names. force: grade unchanged submissions again.
    Returns a row for each of those students and chapters, sorted; grades.csv has the others too, as they stand.
    Raises Refusal, a sentence on what to do, when it cannot start.
    """
    course, chapters, students = open_course(root, db_url), list(chapters), list(students)
    found, scope = _in_scope(course, chapters, students)
    for name in sorted({submission.chapter for submission in scope} - {""}):
        check_build(course, course.lessons[name])
    check_gradebook(course)
    secret = course_secret(course.root)
    gradable = [submission for submission in scope if not submission.fault]
    for name in sorted({submission.chapter for submission in gradable}):
        register(course, course.lessons[name])
    known, failures, notes = marks.read_marks(course), {}, {}
    with tqdm(gradable, desc="grading", unit="submission", disable=None) as progress:
        for submission in progress:
            key = (submission.chapter, submission.student)
            progress.set_postfix_str(submission.student)
            if force or key not in known or not is_current(course, submission, secret):
                reason = stock.autograde(course, submission, submission_key(secret, *reversed(key)))
                if reason:
                    failures[key] = reason
                    continue
                remember(course, submission, secret)
            reason = stock.feedback(course, submission)
            if reason:
                notes[key] = f"no feedback page could be written: {reason}"
    rows = _rows(course, found, secret, failures, notes)
    marks.write_csv(course.root / "grades.csv", rows)
    return [row for row in rows if _is_named(row, chapters, students)]


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


def _rows(course: Course, found: list[Submission], secret: str, failures: dict, notes: dict) -> list[Row]:
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
        for note in (*submission.notes, *filter(None, [notes.get(key)])):
            row = row.with_note(note)
        if not is_current(course, submission, secret):
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
