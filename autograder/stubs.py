"""nbgrader preprocessors for the students' version: stubs that name their exercise, a tag, a record of what was made.

They change the notebook that nbgrader is converting, in memory, and nothing else. nbgrader_config.py puts them into
`nbgrader generate_assignment`, so `make build`, the stock command and the Create Assignment panel all give the same.
"""

import hashlib
import json

from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution

from autograder.lesson import EXERCISE_HEADING, WRITTEN_STUB, Cell, stub

NBGRADER_FIELDS = ("grade", "grade_id", "locked", "points", "solution", "task")


class NamedStubs(NbGraderPreprocessor):
    """Replace each reference solution by `autograder.lesson.stub`; stands where nbgrader's ClearSolutions was."""

    def preprocess(self, nb, resources):
        """Clear `nb`'s solutions; ValueError for one that has no heading, or lies outside a solution cell."""
        number = None
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                for heading in EXERCISE_HEADING.finditer(cell.source):
                    number = heading[1]
            if is_solution(cell):
                cell.source = self._student_source(cell, number)
            if "BEGIN SOLUTION" in cell.source:
                raise ValueError(f"this cell shows a solution but is not marked as one: {cell.source[:60]!r}")
        return nb, resources

    @staticmethod
    def _student_source(cell, number):
        grade_id = cell.metadata.nbgrader.grade_id
        if cell.cell_type == "markdown" and "### BEGIN SOLUTION" not in cell.source:
            return WRITTEN_STUB
        if number is None:
            raise ValueError(f"{grade_id!r} needs a heading before it such as '## Exercise 1.1: …'")
        return stub(Cell(cell.cell_type, cell.source, grade_id, "solution", 0.0, ()), number)


class RunToTheEnd(NbGraderPreprocessor):
    """Tag every exercise's cells `raises-exception`, so that JupyterLab's Run All goes on behind an unsolved one."""

    def preprocess(self, nb, resources):
        """Add the tag to `nb`'s solution and test cells."""
        for cell in nb.cells:
            if cell.cell_type == "code" and (is_grade(cell) or is_solution(cell)):
                cell.metadata["tags"] = sorted({*cell.metadata.get("tags", []), "raises-exception"})
        return nb, resources


class RecordContent(NbGraderPreprocessor):
    """Record the hash of what students are given, so that an edit made since can be told from an old release."""

    def preprocess(self, nb, resources):
        """Put `content_hash` into `nb`'s metadata in place of what the source notebook recorded."""
        nb.metadata["embedlab"] = {"content_sha256": content_hash(nb)}
        return nb, resources


def content(nb) -> list:
    """What a person edits in a notebook: its cells' type, text, nbgrader fields, tags and attachments.

    Not outputs, counts, view state, kernel or trailing blank lines, all of which JupyterLab changes on its own; nor an
    empty cell, which it likes to append.
    """
    return [cell_content(cell) for cell in written_cells(nb)]


def written_cells(nb) -> list:
    """The notebook's cells without the empty ones that nothing refers to."""
    return [cell for cell in nb.cells if cell.source.strip() or cell.metadata.get("nbgrader")]


def cell_content(cell) -> list:
    """One cell's share of `content`."""
    nbgrader = cell.metadata.get("nbgrader", {})
    fields = {name: nbgrader[name] for name in NBGRADER_FIELDS if name in nbgrader}
    if "points" in fields:
        fields["points"] = float(fields["points"] or 0) if is_grade(cell) else 0.0
    tags = list(cell.metadata.get("tags", []))
    return [cell.cell_type, cell.source.rstrip(), fields, tags, cell.get("attachments", {})]


def content_hash(nb) -> str:
    """SHA-256 of the notebook's `content`, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(content(nb), sort_keys=True).encode()).hexdigest()


def recorded_hash(nb) -> str | None:
    """The content hash that was recorded when the notebook was generated; None where there is none."""
    return nb.metadata.get("embedlab", {}).get("content_sha256")
