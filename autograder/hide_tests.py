"""An nbgrader preprocessor for feedback pages: a failed test shows its message, a hidden test nothing of its code.

It changes the notebook that becomes the feedback page, in memory; the graded notebook keeps its hidden tests.
"""

import re
import textwrap

from nbconvert.filters import strip_ansi
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_solution

from autograder.lesson import visible

CELL_FRAME = re.compile(r"^\s*Cell\s+In\s*\[(\d+)\]")
EXPLAINED = re.compile(r"^\w+: `(.+?)` (?:raised|is not defined)")
WIDTH = 88  # what a feedback page shows of a line without scrolling
HIDDEN_MARKER = "### BEGIN HIDDEN TESTS"


class HideTests(NbGraderPreprocessor):
    """Take hidden tests out of test cells, and every test's own lines out of tracebacks."""

    def preprocess_cell(self, cell, resources, index):
        """Keep of a test cell: its visible source, error messages, and the student's own lines in a traceback."""
        if cell.cell_type == "code" and is_grade(cell) and not is_solution(cell):
            hidden = HIDDEN_MARKER in cell.source
            cell.source = visible(cell.source)
            if hidden:  # what an answer prints while a hidden test calls it would show the test's inputs
                cell.outputs = [output for output in cell.outputs if output.output_type == "error"]
            for output in cell.outputs:
                if output.output_type == "error":
                    output.traceback = self._students_lines(output, cell)
        return cell, resources

    @staticmethod
    def _students_lines(error, cell):
        """The traceback's frames in notebook cells other than the test `cell`, then the message."""
        plain = [strip_ansi(part) for part in error.traceback]
        frames = [CELL_FRAME.match(part) for part in plain]
        test = cell.execution_count
        own = [part for part, frame in zip(plain, frames, strict=True) if frame and int(frame[1]) != test]
        sentence = _sentence(plain, cell.source) or f"{error.ename}: {error.evalue}"
        return [*own, "\n".join(textwrap.wrap(sentence, WIDTH, break_long_words=False))]


def _sentence(plain, source):
    """The sentence of `embedlab.explain` at the head of a traceback, if the call that it quotes stands in `source`."""
    called = EXPLAINED.match(plain[0]) if plain else None
    return plain[0] if called and called[1] in " ".join(source.split()) else None
