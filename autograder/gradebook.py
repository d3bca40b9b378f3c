"""nbgrader's gradebook, opened once for a class, and one submission's marks recorded in one transaction.

`open_gradebook` also gives the tables the indexes that nbgrader leaves out, without which each submission costs more
the larger the class is. Marks and comments by hand stay as they are. The rest reads, a whole class in one question.
"""

import contextlib
import warnings
from collections.abc import Iterator
from copy import deepcopy

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    SubmittedAssignment,
    SubmittedNotebook,
    TaskCell,
)
from nbgrader.preprocessors import AssignLatePenalties, SaveAutoGrades
from sqlalchemy import func, select, text
from sqlalchemy.orm import scoped_session, sessionmaker

from autograder.course import Course

CELLS = BaseCell.__table__
INDEXES = {
    "grade": "notebook_id",
    "comment": "notebook_id",
    "submitted_notebook": "assignment_id",
    "submitted_assignment": "student_id",
}


@contextlib.contextmanager
def open_gradebook(course: Course) -> Iterator[Gradebook]:
    """The course's gradebook, with indexes; raises SQLAlchemyError where it cannot be used."""
    with Gradebook(course.db_url, course.coursedir().course_id) as gradebook:
        with gradebook.engine.begin() as connection:
            for table, column in INDEXES.items():
                connection.execute(text(f"CREATE INDEX IF NOT EXISTS autograder_{table} ON {table} ({column})"))
        yield gradebook


def save_marks(
    course: Course,
    gradebook: Gradebook,
    chapter: str,
    student: str,
    graded,
    unchanged: frozenset[str] = frozenset(),
    **submission,
) -> None:
    """Record the marks that stand in the notebook `graded`, and what being late costs, by nbgrader's own steps.

    unchanged: grade_ids of written answers that are as they were; who has read them need not read them again.
    submission: fields of nbgrader's submission, such as `timestamp`. All of it is recorded, or nothing.
    """
    with warnings.catch_warnings(), _transaction(gradebook):
        warnings.simplefilter("ignore")  # nbgrader's own, about the order in which it fills a new submission
        gradebook.update_or_create_student(student)
        gradebook.update_or_create_submission(chapter, student, **submission)
        marks = _SaveAutoGrades(config=deepcopy(course.config))
        marks.gradebook = gradebook
        marks.notebook_id = marks.assignment_id = chapter
        marks.student_id = student
        marks.unchanged = unchanged
        marks.preprocess(graded, {})
        gradebook.db.expire_all()
        _save_late_penalty(AssignLatePenalties(config=deepcopy(course.config)), gradebook, chapter, student)


class _SaveAutoGrades(SaveAutoGrades):
    """nbgrader's step, in the gradebook that it is given instead of one that it opens.

    nbgrader asks for every mark by hand again; this does not where the written answer is `unchanged`.
    """

    unchanged = frozenset()

    def preprocess(self, nb, resources):
        return super(SaveAutoGrades, self).preprocess(nb, resources)

    def _add_score(self, cell, resources):
        name, is_read = cell.metadata["nbgrader"]["grade_id"], False
        if name in self.unchanged:
            grade = self.gradebook.find_grade(name, self.notebook_id, self.assignment_id, self.student_id)
            is_read = grade.manual_score is not None and not grade.needs_manual_grade
        super()._add_score(cell, resources)
        if is_read:
            grade.needs_manual_grade = False
            self.gradebook.db.commit()


def _save_late_penalty(step: AssignLatePenalties, gradebook: Gradebook, chapter: str, student: str) -> None:
    """Do what the step does, in this gradebook."""
    step.init_plugin()
    submission = gradebook.find_submission(chapter, student)
    notebook = gradebook.find_submission_notebook(chapter, chapter, student)
    notebook.late_submission_penalty, late = None, submission.total_seconds_late
    penalty = step.plugin_inst.late_submission_penalty(student, notebook.score, late) if late > 0 else None
    if penalty is not None:
        notebook.late_submission_penalty = step._check_late_penalty(notebook, penalty)
    gradebook.db.commit()


@contextlib.contextmanager
def _transaction(gradebook: Gradebook) -> Iterator[None]:
    """Have nbgrader's many commits wait for the end, and a failure undo all of them."""
    lasting = gradebook.db
    with gradebook.engine.begin() as connection:
        options = {"join_transaction_mode": "rollback_only", "expire_on_commit": False, "future": True}
        gradebook.db = scoped_session(sessionmaker(bind=connection, **options))
        try:
            yield
            gradebook.db.flush()
        finally:
            gradebook.db.remove()
            gradebook.db = lasting


def grades(gradebook: Gradebook) -> dict[tuple[str, str], list]:
    """The marks of each submission, by (chapter, student), sorted by the cell's name.

    Each has name, max_score, auto_score, manual_score, needs_manual_grade, and score: what counts, extra credit in it.
    """
    most = func.coalesce(GradeCell.__table__.c.max_score, TaskCell.__table__.c.max_score).label("max_score")
    fields = (CELLS.c.name, most, Grade.auto_score, Grade.manual_score, Grade.needs_manual_grade, Grade.score)
    return _by_submission(gradebook, Grade, fields)


def comments(gradebook: Gradebook) -> dict[tuple[str, str], dict[str, str]]:
    """The comments on each submission, by (chapter, student) and then by the cell's name; "" where there is none."""
    found = _by_submission(gradebook, Comment, (CELLS.c.name, Comment.comment))
    return {key: {row.name: row.comment or "" for row in rows} for key, rows in found.items()}


def late_penalties(gradebook: Gradebook) -> dict[tuple[str, str], float]:
    """The points that submissions lose for being late, by (chapter, student); only those that lose some."""
    found = {}
    for chapter, student, penalty in gradebook.db.execute(_submitted(SubmittedNotebook.late_submission_penalty)):
        if penalty:
            found[chapter, student] = found.get((chapter, student), 0.0) + penalty
    return found


def _by_submission(gradebook: Gradebook, kind, fields) -> dict[tuple[str, str], list]:
    statement = _submitted(*fields).join(kind, kind.notebook_id == SubmittedNotebook.id)
    statement = statement.join(CELLS, CELLS.c.id == kind.cell_id)
    for table in (GradeCell.__table__, TaskCell.__table__) if kind is Grade else ():
        statement = statement.outerjoin(table, table.c.id == kind.cell_id)
    found = {}
    for row in gradebook.db.execute(statement.order_by(CELLS.c.name)):
        found.setdefault((row.chapter, row.student), []).append(row)
    return found


def _submitted(*fields):
    """A question for fields of each submission, chapter and student before them."""
    statement = select(Assignment.name.label("chapter"), SubmittedAssignment.student_id.label("student"), *fields)
    statement = statement.select_from(Assignment).join(
        SubmittedAssignment, SubmittedAssignment.assignment_id == Assignment.id
    )
    return statement.join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
