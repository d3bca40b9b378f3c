"""Run one test cell against an answer and say in a sentence what came of it.

Runs the test's code in this process, in the namespace that it is given, and defines the answer's names there.
"""

import contextlib
from dataclasses import replace

from autograder.answers import run_cell
from autograder.lesson import Cell
from autograder.proxies import RemoteAnswer
from autograder.results import Verdict
from embedlab import check
from embedlab.describe import raised

STOPS = (Exception, SystemExit, GeneratorExit)


@contextlib.contextmanager
def remote(tests: RemoteAnswer | None):
    """Let the few checks that happen on the answer's side go through `tests`."""
    before, check.remote = check.remote, tests
    try:
        yield
    finally:
        check.remote = before


def verdict(test: Cell, namespace: dict, tests: RemoteAnswer | None, names) -> Verdict:
    """Run the cell `test` in `namespace`; `tests`, if given, supplies the answer's `names`."""
    try:
        for name in names if tests else ():
            namespace.pop(name, None)
            with contextlib.suppress(NameError):
                namespace[name] = tests.name(name)
        run_cell(test.source, namespace, f"<test {test.grade_id}>")
    except STOPS as error:
        message = str(error) if isinstance(error, check.CheckFailure) else check.explain(error, test.source)
        return Verdict(test.grade_id, 0.0, test.points, message, type(error).__name__)
    return Verdict(test.grade_id, test.points, test.points)


def no_verdict(test: Cell, error: str, reason: str) -> Verdict:
    """The verdict on an answer that could not be tested: no points, and `reason` in words."""
    return Verdict(test.grade_id, 0.0, test.points, reason, error)


def blame(found: Verdict, failure: tuple[str, str] | None) -> Verdict:
    """The verdict on an answer whose cell raised: a test that holds holds, one that fails fails for that reason.

    failure: (name of the error, sentence) for the cell, None where it ran to its end. As in a notebook, what a cell
    defined before it raised counts.
    """
    return replace(found, message=failure[1], error=failure[0]) if failure and found.error else found


def cell_failed(error: BaseException, lines: str) -> str:
    """The sentence on an answer's cell that raised `error` when it was executed, at these lines of it."""
    return f"the cell raised {raised(error)}" + (f" ({lines.splitlines()[-1]})" if lines else "")
