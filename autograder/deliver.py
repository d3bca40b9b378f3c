"""Put what was found out about one submission where nbgrader keeps it: the autograded notebook, the gradebook.

Writes autograded/STUDENT/CHAPTER/ and the gradebook; the result beside the notebook comes last, so that a run which is
interrupted does this submission again. Marks and comments by hand stay as they are.

Submissions that came through nbgrader's exchange have a time and a secret beside them, under which `nbgrader
release_feedback` leaves a page for its student; both go along, into autograded/ and feedback/.
"""

import re
import shutil
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.utils import is_grade, is_solution, parse_utc

from autograder import results
from autograder.course import Course
from autograder.gradebook import save_marks
from autograder.rebuild import rebuild
from autograder.results import SubmissionResult
from autograder.submissions import Submission

TIMESTAMP, SECRET = "timestamp.txt", "submission_secret.txt"
A_SECRET = re.compile(rb"[0-9a-f]{1,1000}")


def deliver(
    course: Course, gradebook: Gradebook, submission: Submission, notebook: dict, result: SubmissionResult
) -> None:
    """Write the autograded notebook, the marks and the result of the submission, whose notebook (JSON) was marked.

    gradebook: as `autograder.gradebook.open_gradebook` gives it.

    Raises OSError or SQLAlchemyError where something cannot be written.
    """
    graded = rebuild(course.lessons[submission.chapter], notebook, result)
    autograded = course.folder("autograded")
    folder = autograded / submission.student / submission.chapter
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    nbformat.write(graded, fresh / f"{submission.chapter}.ipynb")
    copy_address(submission.folder, fresh)
    stamp, when = fresh / TIMESTAMP, {}
    if stamp.is_file():
        text = stamp.read_text(encoding="utf-8").strip()
        when = {"timestamp": parse_utc(text)} if text else {}
    unchanged = _unchanged(course, submission, graded)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    save_marks(course, gradebook, submission.chapter, submission.student, graded, unchanged, **when)
    results.save(autograded, result)


def copy_address(source: Path, target: Path) -> None:
    """Copy from folder to folder what tells nbgrader's exchange whose feedback it is, where it is there and sound.

    The time of handing in was found readable by `autograder.submissions`. Raises OSError.
    """
    secret = source / SECRET
    is_sound = secret.is_file() and secret.stat().st_size <= 1000 and A_SECRET.fullmatch(secret.read_bytes())
    for path in [source / TIMESTAMP, *([secret] if is_sound else [])]:
        if path.is_file():
            shutil.copyfile(path, target / path.name)


def _unchanged(course: Course, submission: Submission, graded) -> frozenset[str]:
    """The written answers in `graded`, by grade_id, that were the same, and worth as much, when it was graded before.

    Where that grading was interrupted, or its notebook is gone or damaged, nothing is known of it.
    """
    if results.load(course.folder("autograded"), submission.student, submission.chapter) is None:
        return frozenset()
    try:
        same = _written(graded) & _written(autograded_notebook(course, submission))
    except Exception:  # nbformat raises what it likes for a file that is no notebook
        return frozenset()
    return frozenset(grade_id for grade_id, _, _ in same)


def _written(notebook) -> set[tuple]:
    cells = [cell for cell in notebook.cells if is_grade(cell) and is_solution(cell)]
    return {(cell.metadata.nbgrader.grade_id, cell.metadata.nbgrader.points, cell.source) for cell in cells}


def autograded_notebook(course: Course, submission: Submission):
    """The autograded notebook of the submission, as `deliver` wrote it."""
    folder = course.folder("autograded") / submission.student / submission.chapter
    return nbformat.read(folder / f"{submission.chapter}.ipynb", as_version=4)
