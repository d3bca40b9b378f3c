"""Feedback shows messages and the student's own lines of a traceback, and nothing of a test's code that was hidden."""

import copy

import pytest
from lessons import ROOT, execute_lessons
from nbconvert.filters import strip_ansi
from nbformat import v4

from autograder.hide_tests import HideTests

ANSWER = """\
def double(x):
    print("called with", x)
    return x + missing if x < 0 else 2 * x
"""
TEST = """\
assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(-1234.5) == -2469
### END HIDDEN TESTS"""


def graded_cell(source, **nbgrader):
    metadata = {"grade": True, "solution": False, "locked": True, "grade_id": "t", "points": 1, **nbgrader}
    return v4.new_code_cell(source, metadata={"nbgrader": metadata})


@pytest.fixture(scope="module")
def executed():
    """Real outputs of an answer and of three tests: failing in the hidden part, failing in the visible one, passing."""
    tests = [
        graded_cell(TEST),
        graded_cell("assert double(2) == 5, 'double(2) is not 5'"),
        graded_cell("assert double(2) == 4"),
    ]
    cells = [v4.new_code_cell(ANSWER), *tests]
    return execute_lessons.execute(v4.new_notebook(cells=cells), ROOT, allow_errors=True)


@pytest.fixture
def feedback(executed):
    notebook, _ = HideTests().preprocess(copy.deepcopy(executed), {})
    return notebook


def test_hidden_tests_are_there_before(executed):
    assert "-1234.5" in executed.cells[1].source and "-1234.5" in str(executed.cells[1].outputs)


def test_nothing_of_a_hidden_test_remains(feedback):
    assert feedback.cells[1].source == "assert double(2) == 4"
    assert "1234" not in str(feedback) and "HIDDEN" not in str(feedback)


def test_the_message_and_the_students_own_line_remain(feedback):
    [error] = feedback.cells[1].outputs
    own, message = (strip_ansi(part) for part in error.traceback)
    assert "return x + missing if x < 0 else 2 * x" in own
    assert message == "NameError: name 'missing' is not defined"


def test_visible_tests_keep_prints_and_messages_without_their_traceback(feedback):
    printed, error = feedback.cells[2].outputs
    assert printed.text == "called with 2\n"
    assert error.traceback == ["AssertionError: double(2) is not 5"]


@pytest.mark.parametrize(
    ("called", "shown"),
    [("double(2)", "TypeError: `double(2)` raised TypeError: no"), ("double(-1234.5)", "TypeError: no")],
)
def test_the_call_that_raised_is_named_if_it_stands_in_the_visible_test(called, shown):
    cell = graded_cell(TEST)
    explained = f"\x1b[0;31mTypeError\x1b[0m: `{called}` raised TypeError: no"
    cell.outputs = [v4.new_output("error", ename="TypeError", evalue="no", traceback=[explained, "Cell In[9]"])]
    HideTests().preprocess_cell(cell, {}, 0)
    assert cell.outputs[0].traceback[-1] == shown


def test_a_long_message_is_wrapped():
    cell = graded_cell(TEST)
    cell.outputs = [v4.new_output("error", ename="CheckFailure", evalue="expected more words " * 20, traceback=[])]
    HideTests().preprocess_cell(cell, {}, 0)
    lines = cell.outputs[0].traceback[-1].splitlines()
    assert len(lines) > 4 and max(map(len, lines)) <= 88


def test_other_cells_are_untouched(executed, feedback):
    assert feedback.cells[0] == executed.cells[0]
    assert feedback.cells[3].outputs == executed.cells[3].outputs
