"""Make the gradebook know a chapter's cells as they are in source/ today.

`check_build` changes nothing. `register` writes the gradebook and nothing else: what nbgrader generates on the way lies
in a temporary folder. Marks that a person gave are never deleted: where a cell that has some was removed, it refuses.
"""

import os
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    MissingEntry,
    SolutionCell,
    SourceCell,
    TaskCell,
)
from nbgrader.utils import is_grade, is_locked, is_solution, is_task
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from autograder import stock
from autograder.course import Course, Refusal
from autograder.lesson import Lesson
from autograder.stubs import content


def check_build(course: Course, lesson: Lesson) -> None:
    """Raise Refusal unless the students' version of the lesson is what its script gives today."""
    path = course.folder("release") / lesson.name / f"{lesson.name}.ipynb"
    try:
        built = content(nbformat.read(path, as_version=4))
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: run `make build` first.") from None
    except Exception:
        raise Refusal(f"{path} is no readable notebook: delete it and run `make build`.") from None
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        try:
            fresh = stock.release(course, lesson, Path(folder).resolve(), save=False)
        except RuntimeError as error:
            raise Refusal(f"{lesson.path}: {error}. Mend the lesson, then run `make build`.") from None
    if content(fresh) != built:
        raise Refusal(f"{lesson.path.name} and {path} no longer agree: run `make build`, then grade again.")


def check_gradebook(course: Course) -> None:
    """Raise Refusal when the gradebook cannot be opened and written."""
    try:
        url = make_url(course.db_url)
    except SQLAlchemyError:
        raise Refusal(f"{course.db_url!r} is no database URL: write one such as sqlite:///gradebook.db.") from None
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database and not Path(url.database).exists():
        if os.access(Path(url.database).parent, os.W_OK):
            return
        raise Refusal(
            f"The gradebook cannot be made in {Path(url.database).parent}: make that folder, writable for you."
        )
    try:
        engine = create_engine(url, connect_args={"timeout": 2} if sqlite else {})
        with engine.connect() as connection:
            connection.execute(text("BEGIN IMMEDIATE" if sqlite else "SELECT 1"))
            connection.rollback()
        engine.dispose()
        with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
            assert gradebook.assignments is not None
    except (SQLAlchemyError, ImportError) as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        shown = url.render_as_string(hide_password=True)
        if "locked" in reason:
            sentence = f"The gradebook {shown} is locked by another program: close it there, then grade again."
        elif "no such column" in reason or "no such table" in reason:
            sentence = f"The gradebook {shown} is of another nbgrader: back it up and run `nbgrader db upgrade`."
        else:
            sentence = f"The gradebook {shown} cannot be used ({reason}): check the URL and your rights."
        raise Refusal(sentence) from None


def register(course: Course, lesson: Lesson) -> None:
    """Record the lesson's graded cells, points and tests in the gradebook; Refusal if marks by hand would be lost."""
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        try:
            notebook = gradebook.find_notebook(lesson.name, lesson.name)
        except MissingEntry:
            notebook = None
        if notebook is not None and notebook.submissions:
            _migrate(gradebook, notebook, lesson)
    with tempfile.TemporaryDirectory(prefix="grade-") as folder:
        try:
            stock.release(course, lesson, Path(folder).resolve(), save=True)
        except RuntimeError as error:
            raise Refusal(f"{lesson.name} cannot be recorded in the gradebook: {error}.") from None


def _migrate(gradebook, notebook, lesson: Lesson) -> None:
    """Add and remove cells of a notebook that has submissions, so that nbgrader finds the cells that it expects.

    nbgrader itself then updates points, tests and checksums; it refuses to add or remove.
    """
    wanted = {GradeCell: {}, SolutionCell: {}, TaskCell: {}, SourceCell: {}}
    for cell in jupytext.read(lesson.path, fmt="py:percent").cells:
        if not cell.metadata.get("nbgrader"):
            continue
        fields = cell.metadata.nbgrader
        graded = {"max_score": float(fields.get("points") or 0), "cell_type": cell.cell_type}
        if is_grade(cell):
            wanted[GradeCell][fields.grade_id] = graded
        if is_solution(cell):
            wanted[SolutionCell][fields.grade_id] = {}
        if is_task(cell):
            wanted[TaskCell][fields.grade_id] = graded
        if is_grade(cell) or is_solution(cell) or is_locked(cell) or is_task(cell):
            wanted[SourceCell][fields.grade_id] = {"cell_type": cell.cell_type, "locked": is_locked(cell)}
    database = gradebook.db
    for kind, cells in wanted.items():
        known = database.query(kind).filter(kind.notebook_id == notebook.id).all()
        for cell in known:
            if cell.name not in cells:
                _remove(database, cell, lesson)
        for name in cells.keys() - {cell.name for cell in known}:
            database.add(cell := kind(name=name, notebook_id=notebook.id, **cells[name]))
            database.flush()
            for submission in notebook.submissions:
                if kind in (GradeCell, TaskCell):
                    database.add(Grade(cell_id=cell.id, notebook=submission))
                if kind in (SolutionCell, TaskCell):
                    database.add(Comment(cell_id=cell.id, notebook=submission))
    database.commit()


def _remove(database, cell, lesson: Lesson) -> None:
    """Delete a cell with its automatic marks and comments; Refusal where a person gave some."""
    for kind, by_hand in ((Grade, ("manual_score", "extra_credit")), (Comment, ("manual_comment",))):
        if isinstance(cell, SourceCell):
            break
        entries = database.query(kind).filter(kind.cell_id == cell.id).all()
        kept = [entry for entry in entries if any(getattr(entry, field) is not None for field in by_hand)]
        if kept:
            database.rollback()
            raise Refusal(
                f"{lesson.path.name} no longer has the cell {cell.name!r}, for which {len(kept)} marks or comments "
                "were given by hand: put the cell back, or clear them in formgrader first."
            )
        for entry in entries:
            database.delete(entry)
    database.flush()
    database.delete(cell)
