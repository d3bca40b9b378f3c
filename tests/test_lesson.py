"""Reading lesson scripts: cells, exercises, what students see, and the sentence for each broken rule."""

from pathlib import Path

import pytest

from autograder.lesson import chapters, read_lesson, stub, visible

ROOT = Path(__file__).parent.parent


def metadata(grade_id, **fields):
    fields = {"grade": False, "locked": False, "schema_version": 3, "solution": False, "task": False} | fields
    fields["grade_id"] = grade_id
    text = ", ".join(f'"{k}": {str(v).lower() if isinstance(v, bool) else repr(v)}' for k, v in fields.items())
    return ("nbgrader={" + text + "}").replace("'", '"')


HEADING = "# %% [markdown]\n# ## Exercise 1.1: double a number (3 points)\n"
SOLUTION = f"""
# %% {metadata("double", solution=True)}
OFFSET, (LOW, HIGH) = 0, (1, 2)
def double(x):
    \"\"\"Return 2 x.\"\"\"
    ### BEGIN SOLUTION
    inner = x + x
    return inner
    ### END SOLUTION
"""
TEST = f"""
# %% {metadata("double_values", grade=True, locked=True, points=2)}
assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(5) == 10
### END HIDDEN TESTS
assert double(0) == 0
"""
SECOND_TEST = f"""
# %% {metadata("double_arrays", grade=True, locked=True, points=1)} tags=["slow", "kept"]
assert double(np.ones(3)).sum() == 6
"""
WRITTEN = f"""
# %% [markdown]
# ## Exercise 1.2: why? (2 points)

# %% [markdown] {metadata("why", grade=True, solution=True, points=2)}
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION
"""
GOOD = "# %%\nimport numpy as np\n\n" + HEADING + SOLUTION + TEST + SECOND_TEST + WRITTEN


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "01_doubling.py"
    path.write_text(GOOD, encoding="utf-8")
    return read_lesson(path)


def test_cells_have_their_roles_points_and_tags(lesson):
    assert lesson.name == "01_doubling"
    assert [cell.role for cell in lesson.cells] == [
        "lesson", "lesson", "solution", "test", "test", "lesson", "written",
    ]  # fmt: skip
    assert [cell.points for cell in lesson.cells] == [0, 0, 0, 2, 1, 0, 2]
    assert lesson.cells[4].tags == ("slow", "kept")
    assert lesson.cells[0].grade_id is None and lesson.cells[6].kind == "markdown"


def test_an_exercise_knows_its_number_tests_and_names(lesson):
    (exercise,) = lesson.exercises
    assert (exercise.grade_id, exercise.number, exercise.position) == ("double", "1.1", 2)
    assert [test.grade_id for test in exercise.tests] == ["double_values", "double_arrays"]
    assert exercise.names == {"double", "OFFSET", "LOW", "HIGH"}


def test_visible_leaves_out_hidden_tests_only(lesson):
    assert visible(lesson.cells[3].source) == "assert double(2) == 4\nassert double(0) == 0"
    assert visible(lesson.cells[4].source) == lesson.cells[4].source


def test_stub_replaces_the_reference_and_keeps_the_indentation(lesson):
    source = stub(lesson.exercises[0].solution, "1.1")
    assert source.endswith(
        '    """Return 2 x."""\n    # YOUR CODE HERE\n'
        '    raise NotImplementedError("Exercise 1.1, double: replace this line with your answer")'
    )
    assert "inner" not in source and "###" not in source
    assert stub(lesson.cells[6], "1.2") == "YOUR ANSWER HERE"


def test_chapters_are_the_scripts_named_like_their_folder(tmp_path):
    for name in ("02_second", "01_first", "notes", "03_empty"):
        (tmp_path / "source" / name).mkdir(parents=True)
    for name in ("02_second", "01_first", "notes"):
        (tmp_path / "source" / name / f"{name}.py").touch()
    assert [path.stem for path in chapters(tmp_path)] == ["01_first", "02_second"]


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (GOOD + TEST, "grade_id 'double_values' is used by more than one cell"),
        (TEST + HEADING + SOLUTION, "test 'double_values' comes before any solution cell"),
        (SOLUTION + TEST, "'double' needs a heading of its own"),
        (HEADING + SOLUTION, "says 3 points, its cells sum to 0"),
        (HEADING.replace(" (3 points)", "") + SOLUTION, "'double' has no test cell"),
        (GOOD.replace("(3 points)", "(4 points)"), "Exercise 1.1 says 4 points, its cells sum to 3"),
        (GOOD.replace("Exercise 1.2", "Exercise 1.1"), "Exercise 1.1 appears twice"),
        (GOOD.replace('"grade_id": "double"', '"grade_id": ""'), "without a grade_id"),
        (GOOD.replace('"points": 1', '"points": -1'), "'double_arrays' needs points from 0 up"),
        (GOOD.replace(', "points": 1', ""), "'double_arrays' needs points from 0 up"),
        (GOOD.replace("### END HIDDEN TESTS", ""), "'### BEGIN HIDDEN TESTS' is never closed"),
        (GOOD.replace("### BEGIN HIDDEN TESTS", ""), "'### END HIDDEN TESTS' has no partner"),
        (GOOD.replace("    ### BEGIN SOLUTION\n", "").replace("    ### END SOLUTION\n", ""), "'double' has no ###"),
        (GOOD.replace("OFFSET, (", "OFFSET, (("), "'double' is not valid Python"),
    ],
)
def test_a_broken_rule_is_named_with_the_file(tmp_path, broken, sentence):
    path = tmp_path / "01_broken.py"
    path.write_text(broken, encoding="utf-8")
    with pytest.raises(ValueError, match="01_broken.py: ") as caught:
        read_lesson(path)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("path", chapters(ROOT), ids=lambda path: path.stem)
def test_every_chapter_follows_the_rules(path):
    lesson = read_lesson(path)
    assert len(lesson.exercises) >= 5
    assert any(cell.role == "written" for cell in lesson.cells)
