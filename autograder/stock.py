"""nbgrader's own converters, run on one chapter or one submission at a time in this process.

`autograde` executes a submission in a kernel of its own and writes autograded/STUDENT/CHAPTER and the gradebook;
`feedback` writes feedback/STUDENT/CHAPTER; `release` converts a lesson, with or without the gradebook. None of them
prints; each returns what went wrong in words, or "". Nothing here protects from what a notebook does when executed.
"""

import contextlib
import logging
import os
import tempfile
import warnings
from copy import deepcopy
from pathlib import Path

import jupytext
import nbformat
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde, GenerateAssignment, GenerateFeedback
from traitlets.log import get_logger

import embedlab
from autograder.course import Course
from autograder.lesson import Lesson
from autograder.submissions import Submission

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
CHANGED = "its cells' nbgrader metadata was changed: paste the answers into a fresh copy of the chapter's notebook"
REASONS = {
    "DeadKernelError": "its kernel died: an answer ended the process or used up the memory",
    "UnresponsiveKernelError": "a cell ran for ever and could not be interrupted",
    "ValidationError": CHANGED,
    "Inconsistent checksums": CHANGED,
    "database is locked": "the gradebook was locked by another program: close that and grade again",
}


def release(course: Course, lesson: Lesson, folder: Path, save: bool):
    """The students' version of a lesson, a notebook; `folder`, a temporary one, takes the files.

    save: also record the lesson's cells in the course's gradebook. Raises RuntimeError with nbgrader's reason.
    """
    notebook = jupytext.read(lesson.path, fmt="py:percent")
    notebook.metadata["kernelspec"] = dict(KERNELSPEC)
    source = folder / "source" / lesson.name
    source.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, source / f"{lesson.name}.ipynb")
    coursedir = course.coursedir(lesson.name)
    coursedir.source_directory, coursedir.release_directory = str(folder / "source"), str(folder / "release")
    converter = GenerateAssignment(coursedir=coursedir, config=course.config, force=True)
    if not save:
        converter.no_database = True
        converter.config.SaveCells.enabled = False
    reason = _run(converter)
    if reason:
        raise RuntimeError(reason)
    return nbformat.read(folder / "release" / lesson.name / f"{lesson.name}.ipynb", as_version=4)


def autograde(course: Course, submission: Submission, key: str) -> str:
    """Autograde a submission under the check key `key`; returns why it could not be done, or ""."""
    coursedir = course.coursedir(submission.chapter, submission.student)
    config = deepcopy(course.config)
    config.Execute.extra_arguments = ["--log-level=ERROR"]
    with tempfile.TemporaryDirectory(prefix="grade-") as profile, _environment(key, profile):
        reason = _run(Autograde(coursedir=coursedir, config=config, force=True))
    if not reason and submission.missing:
        _give_zero(course, submission)
    return reason


def feedback(course: Course, submission: Submission) -> str:
    """Write the feedback page of an autograded submission; returns why it could not be done, or ""."""
    coursedir = course.coursedir(submission.chapter, submission.student)
    return _run(GenerateFeedback(coursedir=coursedir, config=course.config, force=True))


def _give_zero(course: Course, submission: Submission) -> None:
    """Set the marks of graded cells that the notebook lacks to 0, which nbgrader leaves as they were."""
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        for name in submission.missing:
            grade = gradebook.find_grade(name, submission.chapter, submission.chapter, submission.student)
            grade.auto_score, grade.needs_manual_grade = 0, grade.manual_score is not None
        gradebook.db.commit()


@contextlib.contextmanager
def _environment(key: str, profile: str):
    """Environment variables of the kernels: the key, one thread, fixed hashes, no files of whoever grades."""
    changes = {
        "EMBEDLAB_CHECK_KEY": key,
        "IPYTHONDIR": profile,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(Path(embedlab.__file__).parents[1]),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    }
    before = dict(os.environ)
    os.environ.update(changes)
    for name in ("MPLBACKEND", "MATPLOTLIBRC"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(converter) -> str:
    """Run one of nbgrader's converters with its log kept to ourselves; returns why it failed, or ""."""
    log, kept = get_logger(), _Keep()
    handlers, level, propagate = log.handlers, log.level, log.propagate
    log.handlers, log.propagate = [kept], False
    log.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converter.start()
    except Exception as error:
        return _reason([*kept.errors, f"{type(error).__name__}: {error}"])
    finally:
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)
    return ""


class _Keep(logging.Handler):
    """Keeps the errors that are logged."""

    def __init__(self):
        super().__init__(logging.ERROR)
        self.errors = []

    def emit(self, record):
        self.errors.append(record.getMessage())


def _reason(errors: list[str]) -> str:
    """The first traceback among nbgrader's errors in words."""
    text = next((error for error in errors if "Traceback" in error), errors[-1]).strip()
    for mark, words in REASONS.items():
        if any(mark in error for error in errors):
            return words
    return f"nbgrader could not handle it ({text.splitlines()[-1]})"
