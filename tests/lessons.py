"""What the tests of the built course share: this course's chapters, each executed at most once per run, and a tiny one.

Executing happens in a temporary folder; nothing in the course is changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import build_course  # noqa: E402, F401 (tools/ is no package; tests import its modules from here)
import execute_lessons  # noqa: E402
import sync_notebooks  # noqa: E402, F401

from autograder.lesson import chapters  # noqa: E402

SCRIPTS = chapters(ROOT)
assert SCRIPTS, "there is no lesson below source/"

TINY = """\
# %% [markdown]
# # Numbers
#
# A lesson of one exercise.

# %%
import base64, io
from IPython.display import HTML, display
from PIL import Image

# %% [markdown]
# ## Exercise 1.1: twice as much (3 points)
#
# Write `double(x)`.

# %% nbgrader={"grade": false, "grade_id": "double", "locked": false, "schema_version": 3, "solution": true, "task": false}
def double(x):
    '''Return twice x.'''
    ### BEGIN SOLUTION
    return x * 2 + 0
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "double_values", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(-1.5) == -3, "a hidden value"
### END HIDDEN TESTS

# %% tags=["hide-input"]
file = io.BytesIO()
Image.linear_gradient("L").save(file, "PNG")
source = base64.b64encode(file.getvalue()).decode()
display(HTML(f'<img alt="A band from black to white" data-figure="band" src="data:image/png;base64,{source}">'))

# %% [markdown]
# ## Exercise 1.2: why? (1 point)

# %% [markdown] nbgrader={"grade": true, "grade_id": "why", "locked": false, "points": 1, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# Because two halves make a whole.
# ### END SOLUTION
"""  # noqa: E501 (a cell's metadata stands on one line)


def tiny_course(folder: Path, text: str = TINY) -> Path:
    """Make a course of one chapter, 01_tiny, in `folder`; returns the chapter's script."""
    script = folder / "source" / "01_tiny" / "01_tiny.py"
    script.parent.mkdir(parents=True)
    script.write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return script


def student_notebook(script: Path):
    """The committed students' version of a chapter."""
    return nbformat.read(ROOT / "notebooks" / script.stem / f"{script.stem}.ipynb", as_version=4)


def committed_solution(script: Path):
    """The committed, executed solution of a chapter."""
    return nbformat.read(ROOT / "solutions" / script.stem / f"{script.stem}.ipynb", as_version=4)


def lesson_data(script: Path) -> dict[str, bytes]:
    """The data files that students get beside a chapter's notebook, by name."""
    folder = ROOT / "notebooks" / script.stem
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".ipynb"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@cache
def execute_solved(script: Path):
    """Execute the chapter's reference solution: (notebook, CPU seconds, tracked files that changed meanwhile)."""
    before, start = tracked_files(), children_seconds()
    executed = execute_lessons.execute(execute_lessons.solved_notebook(script), ROOT, lesson_data(script))
    seconds = children_seconds() - start
    after = tracked_files()
    return executed, seconds, sorted(name for name in before | after if before.get(name) != after.get(name))


def children_seconds() -> float:
    """Processor time of the children of this process that have ended; a busy machine hardly makes it longer."""
    used = os.times()
    return used.children_user + used.children_system


def tracked_files() -> dict[str, str]:
    """The hash of every file that git tracks in this course; empty where this is no git checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    paths = {name: ROOT / name for name in listed.stdout.split("\0") if name}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items() if path.is_file()}
