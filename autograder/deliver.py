"""Put what was found out about one submission where nbgrader keeps it: the autograded notebook, the gradebook.

Writes autograded/STUDENT/CHAPTER/ and the gradebook; the result beside the notebook comes last, so that a run which is
interrupted does this submission again. Marks and comments by hand stay as they are.
"""

import shutil
import warnings
from copy import deepcopy

import nbformat
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from nbgrader.utils import parse_utc

from autograder import results
from autograder.course import Course
from autograder.rebuild import rebuild
from autograder.results import SubmissionResult
from autograder.submissions import Submission


def deliver(course: Course, submission: Submission, notebook: dict, result: SubmissionResult) -> None:
    """Write the autograded notebook, the marks and the result of the submission, whose notebook (JSON) was marked.

    Raises OSError or SQLAlchemyError where something cannot be written.
    """
    graded = rebuild(course.lessons[submission.chapter], notebook, result)
    autograded = course.folder("autograded")
    folder = autograded / submission.student / submission.chapter
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    nbformat.write(graded, fresh / f"{submission.chapter}.ipynb")
    stamp = submission.folder / "timestamp.txt"
    if stamp.is_file():
        shutil.copyfile(stamp, fresh / stamp.name)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    save_marks(course, submission, graded)
    results.save(autograded, result)


def autograded_notebook(course: Course, submission: Submission):
    """The autograded notebook of the submission, as `deliver` wrote it."""
    folder = course.folder("autograded") / submission.student / submission.chapter
    return nbformat.read(folder / f"{submission.chapter}.ipynb", as_version=4)


def save_marks(course: Course, submission: Submission, graded) -> None:
    """Record the marks that stand in the notebook `graded`, and what being late costs, by nbgrader's own steps."""
    chapter, student = submission.chapter, submission.student
    stamp = submission.folder / "timestamp.txt"
    text = stamp.read_text(encoding="utf-8").strip() if stamp.is_file() else ""
    with warnings.catch_warnings(), Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        warnings.simplefilter("ignore")  # nbgrader's own, about the order in which it fills a new submission
        gradebook.update_or_create_student(student)
        when = {"timestamp": parse_utc(text)} if text else {}
        gradebook.update_or_create_submission(chapter, student, **when)
    names = {"notebook": chapter, "assignment": chapter, "student": student, "db_url": course.db_url}
    for step in (SaveAutoGrades, AssignLatePenalties):
        step(config=deepcopy(course.config)).preprocess(graded, {"nbgrader": dict(names), "unique_key": chapter})
