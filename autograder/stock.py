"""nbgrader's own converter from a lesson to the students' version, run in this process and without printing.

`release` writes files into the folder that it is given and, if asked to, the lesson's cells into the gradebook.
"""

import logging
import warnings
from pathlib import Path

import jupytext
import nbformat
from nbgrader.converters import GenerateAssignment
from traitlets.log import get_logger

from autograder.course import Course
from autograder.lesson import Lesson

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LOCKED = "database is locked"


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
    if LOCKED in text:
        return "the gradebook was locked by another program: close that and try again"
    return f"nbgrader could not handle it ({text.splitlines()[-1]})"
