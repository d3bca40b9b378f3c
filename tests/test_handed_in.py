"""What of a submitted notebook counts, and which of the student's own cells belong to which answer."""

from pathlib import Path

import pytest

from autograder.handed_in import read_answers, text_of
from autograder.lesson import read_lesson, stub

LESSON = read_lesson(Path(__file__).parent / "attacks" / "lesson.py")
FIRST, APPLY = LESSON.exercises
GIVEN = next(cell.source for cell in LESSON.cells if cell.kind == "code")


def code(source, grade_id=None):
    return {"cell_type": "code", "source": source, "metadata": {"nbgrader": {"grade_id": grade_id}} if grade_id else {}}


def answer_of(grade_id):
    return code(f"def {grade_id}(): pass", grade_id)


def read(*cells):
    return read_answers(LESSON, {"cells": list(cells)})


STUB = code(stub(FIRST.solution, FIRST.number), "first")
FIRST_CELLS = (answer_of("first"), code("", "first_values"))
APPLY_TESTS = tuple(code("assert apply", test.grade_id) for test in APPLY.tests)


def test_answers_are_found_by_grade_id_wherever_they_are():
    found = read(*APPLY_TESTS, answer_of("apply"), code("x = 1"), answer_of("first"))
    assert found.answers == {"apply": "def apply(): pass", "first": "def first(): pass"}
    assert found.notes == ()


def test_a_notebook_as_it_was_given_out_has_nothing_of_the_students_own():
    given = [code(cell.source, cell.grade_id) for cell in LESSON.cells if cell.kind == "code" and not cell.grade_id]
    found = read(*given, STUB, *FIRST_CELLS[1:], answer_of("apply"), *APPLY_TESTS)
    assert found.own == found.before == found.after == {"first": (), "apply": ()}


@pytest.mark.parametrize("spoiled", ["{}   ", "\n{}\n", "{}\n\n\n"])
def test_blanks_at_the_ends_do_not_make_a_given_cell_the_students_own(spoiled):
    assert read(code(spoiled.format(GIVEN)), *FIRST_CELLS).own == {"first": ()}


def test_changed_and_added_cells_are_the_students_own_and_text_is_not():
    changed, added = GIVEN + "\nSCALE = 3", "helper = 1"
    text = {"cell_type": "markdown", "source": "# mine", "metadata": {}}
    found = read(code(changed), text, *FIRST_CELLS, code(added), code("  \n"), answer_of("apply"))
    assert found.own == {"first": (changed,), "apply": (changed, added)}
    assert found.before == {"first": (changed,), "apply": (changed, "def first(): pass", added)}


def test_cells_between_an_answer_and_its_tests_belong_to_it():
    found = read(*FIRST_CELLS[:1], code("mine = 1"), code(GIVEN), *FIRST_CELLS[1:], code("later = 1"))
    assert found.after == {"first": ("mine = 1",)} and found.own == found.before == {"first": ()}


def test_cells_after_an_answer_whose_tests_were_deleted_end_at_the_next_exercise():
    found = read(*FIRST_CELLS[:1], code("mine = 1"), answer_of("apply"), code("yours = 1"))
    assert found.after == {"first": ("mine = 1",), "apply": ("yours = 1",)}


def test_earlier_answers_that_were_left_untouched_are_left_to_the_references():
    assert read(STUB, answer_of("apply")).before["apply"] == ()


def test_tests_in_the_notebook_are_never_run():
    found = read(*FIRST_CELLS, *APPLY_TESTS, answer_of("apply"))
    assert found.before["apply"] == ("def first(): pass",)


def test_an_answer_without_its_cell_is_looked_for_before_its_tests():
    found = read(*FIRST_CELLS, code("def apply(): pass"), *APPLY_TESTS)
    assert "apply" not in found.answers and found.own["apply"] == ("def apply(): pass",)
    assert "apply" not in read(*FIRST_CELLS, code("def apply(): pass")).before


def test_of_a_repeated_answer_the_last_one_that_was_filled_in_counts():
    found = read(answer_of("first"), code("def first(): return 2", "first"), STUB)
    assert found.answers["first"] == "def first(): return 2"
    assert found.notes == ("the cell first is there 3 times, the last one that was filled in counts",)
    assert read(STUB, STUB).answers["first"] == STUB["source"]


def test_a_cell_in_two_parts_keeps_both():
    found = read(code("def helper(): pass", "first"), code("def first(): helper()", "first"))
    assert found.answers["first"] == "def first(): helper()" and found.before["first"] == ("def helper(): pass",)


@pytest.mark.parametrize(
    ("source", "text"), [("a\nb", "a\nb"), (["a\n", "b"], "a\nb"), (["a", 3, None, "b"], "ab"), ([], "")]
)
def test_a_source_is_text_or_lines(source, text):
    assert text_of({"source": source}) == text
