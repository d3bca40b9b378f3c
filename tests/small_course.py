"""A course of one small chapter, with one exercise, one hidden test and one written question, for the grading tests."""

import json
import shutil
from pathlib import Path

import nbformat

from autograder import stock
from autograder.course import open_course

ROOT = Path(__file__).parents[1]
CHAPTER = "01_small"


def metadata(grade_id, **fields):
    """nbgrader's metadata of a cell, as a percent script has it."""
    defaults = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return "nbgrader=" + json.dumps({**defaults, "grade_id": grade_id, **fields})


DOUBLE_VALUES = f"""
# %% {metadata("double_values", grade=True, locked=True, points=1)}
check.close(double(3.0), 6.0, call="double(3.0)")
"""
DOUBLE_RANDOM = f"""
# %% {metadata("double_random", grade=True, locked=True, points=1)}
check.close(double(0.0), 0.0, call="double(0.0)")
### BEGIN HIDDEN TESTS
secret_input = check.rng("double_random").normal()
check.close(double(secret_input), 2 * secret_input, call="double(x) for some x")
### END HIDDEN TESTS
"""
SCRIPT = f'''
# %% [markdown]
# # A small chapter

# %%
from embedlab import check

# %% [markdown]
# ## Exercise 1.1: twice (2 points)

# %% {metadata("double", solution=True)}
def double(x):
    """Return twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION
{DOUBLE_VALUES}{DOUBLE_RANDOM}
# %% [markdown]
# ## Exercise 1.2: why? (3 points)

# %% [markdown] {metadata("why", grade=True, solution=True, points=3)}
# ### BEGIN SOLUTION
# Because addition is enough.
# ### END SOLUTION
'''


def make_course(root: Path) -> Path:
    """Make the course in folder `root`, with its students' notebooks; returns `root`."""
    (root / "source" / CHAPTER).mkdir(parents=True)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    write_script(root, SCRIPT)
    return root


def write_script(root: Path, text: str) -> None:
    """Write the chapter's script, and the students' notebook that belongs to it."""
    (root / "source" / CHAPTER / f"{CHAPTER}.py").write_text(text)
    course = open_course(root)
    notebook = stock.release(course, course.lessons[CHAPTER], root / "scratch", save=False)
    shutil.rmtree(root / "scratch")
    path = root / "notebooks" / CHAPTER / f"{CHAPTER}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def hand_in(root: Path, student: str, double=None, why=None, change=None, name=f"{CHAPTER}.ipynb") -> Path:
    """Put a notebook with these answers into submitted/; `change` is called with it first. Returns its path."""
    notebook = nbformat.read(root / "notebooks" / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)
    answers = {"double": double, "why": why}
    for cell in notebook.cells:
        answer = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        if answer:
            cell.source = answer
    if change:
        change(notebook)
    path = root / "submitted" / student / CHAPTER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook))
    return path


def cells_by_id(notebook) -> dict:
    """The cells that have a grade_id, by it."""
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
