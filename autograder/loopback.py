"""Grade one answer in this process: for trying tests and answers, not for marks.

Runs the lesson's code, the answer and the tests right here, without any protection. Changes the process only while it
runs: standard output goes nowhere, EMBEDLAB_CHECK_KEY is set, the working folder is an empty temporary one, the global
random generators start from 0, and matplotlib draws without a display. The lesson up to an exercise is executed once
per process; each run starts from copies of its plain data (methods of classes still see the shared namespace).
"""

import contextlib
import copy
import functools
import io
import os
import sys
import tempfile
import types
import warnings

import numpy as np

from autograder.answers import Answers, error_lines, run_cell
from autograder.lesson import Exercise, Lesson
from autograder.protocol import is_mutable
from autograder.proxies import RemoteAnswer
from autograder.results import Verdict
from autograder.verdict import STOPS, blame, cell_failed, remote, verdict
from embedlab import check
from embedlab.describe import raised


def run_exercise(lesson: Lesson, exercise: Exercise, answer: str, *, proxied: bool, key: str = "") -> list[Verdict]:
    """Run the tests of `exercise` on the source `answer`, after the lesson so far with its reference solutions.

    proxied: keep the answer's objects on their own side of the wire, as the grader does; otherwise run the tests in
    the answer's namespace, as a notebook does. key: the secret that `check.rng` draws from.
    Raises RuntimeError when the lesson itself fails before the exercise.
    """
    with _contained(key):
        prepared = _prepared(lesson)
        answer_side = _copied(prepared.before(exercise))
        test_side = _copied(prepared.before(exercise)) if proxied else answer_side
        check.seed(0)
        filename = f"<answer {exercise.grade_id}>"
        answers, tests = Answers(answer_side, filename), RemoteAnswer(test_side)
        answers.exchange, tests.exchange = tests.serve, answers.serve
        failure = None
        try:
            answers.run(answer)
        except STOPS as error:
            failure = type(error).__name__, cell_failed(error, error_lines(error, filename))
        through = tests if proxied else None
        with remote(through):
            found = [verdict(test, test_side, through, exercise.names) for test in exercise.tests]
        return [blame(one, failure) for one in found]


class _Prepared:
    """A lesson that is executed with its reference solutions as far as it was needed."""

    def __init__(self, lesson):
        self.lesson, self.position = lesson, 0
        self.namespace = {"__name__": "__main__"}
        self.snapshots = {}

    def before(self, exercise):
        """The namespace just before the solution cell of `exercise`: copy it before use."""
        while exercise.position not in self.snapshots:
            cell = self.lesson.cells[self.position]
            if cell.role == "solution":
                self.snapshots[self.position] = _copied(self.namespace)
            if cell.kind == "code" and cell.role in ("lesson", "solution"):
                filename = f"<{self.lesson.name}, cell {self.position}>"
                try:
                    run_cell(cell.source, self.namespace, filename)
                except STOPS as error:
                    where = error_lines(error, filename)
                    raise RuntimeError(f"{self.lesson.path}: a cell raised {raised(error)}\n{where}") from error
            self.position += 1
        return self.snapshots[exercise.position]


_prepared = functools.lru_cache(maxsize=None)(_Prepared)


def _copied(namespace):
    """A namespace whose plain mutable data are copies, and whose functions use the copies."""
    copied, memo = {}, {}
    for name, value in namespace.items():
        if isinstance(value, types.FunctionType) and value.__globals__ is namespace:
            function = types.FunctionType(value.__code__, copied, name, value.__defaults__, value.__closure__)
            function.__kwdefaults__ = value.__kwdefaults__
            functools.update_wrapper(function, value)
            del function.__wrapped__
            value = function
        elif is_mutable(value):
            value = copy.deepcopy(value, memo)
        copied[name] = value
    return copied


@contextlib.contextmanager
def _contained(key):
    """What the module's docstring says of the process while a cell runs; all of it is put back."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(np.errstate())
        stack.callback(_restore_environment, dict(os.environ))
        os.environ |= {"EMBEDLAB_CHECK_KEY": key, "MPLBACKEND": "Agg"}
        stack.callback(_close_figures)
        yield


def _restore_environment(before):
    os.environ.clear()
    os.environ.update(before)


def _close_figures():
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
