"""Hostile notebooks, handed in to a course and graded as `make grade` does: none gains a point, nothing is taken.

The answers here act on what surrounds them: the notebook's own metadata, files beside it, the course's folders, the
gradebook, other students' work. Answers that act on the grader's processes are in tests/test_attacks.py.
"""

import hashlib
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from sandboxed import needs_sandbox
from small_course import CHAPTER, cells_by_id, hand_in, make_course

import autograder
from autograder.grade import grade
from autograder.secret import course_secret, submission_key
from embedlab import check

pytestmark = needs_sandbox

WRONG = "def double(x):\n    return 6.0 if x else 0.0"
WRONG_POINTS = 1  # double(3.0) is 6, so one of its two tests holds
TOP_SECRET = "the neighbour's own answer"


def skipped_tests(notebook):
    """Tags that tell nbgrader's executor to leave the tests out."""
    for name in ("double_values", "double_random"):
        cells_by_id(notebook)[name].metadata["tags"] = ["skip-execution"]


def more_points(notebook):
    """The submission's own metadata says that a test is worth a thousand."""
    cells_by_id(notebook)["double_values"].metadata.nbgrader["points"] = 1000


def own_tests(notebook):
    """Locked cells rewritten, and unlocked."""
    for name in ("double_values", "double_random"):
        cell = cells_by_id(notebook)[name]
        cell.source, cell.metadata.nbgrader["locked"] = "pass", False


def answer_as_test(notebook):
    """The answer's cell says that it is an autograded test."""
    cells_by_id(notebook)["double"].metadata.nbgrader.update(grade=True, points=2)


def other_kernel(notebook):
    """A kernel that would run whatever it names."""
    notebook.metadata["kernelspec"] = {"name": "bash", "display_name": "bash", "language": "bash"}


def recorded_outputs(notebook):
    """Outputs that look as if nbgrader had scored the cells."""
    data = {"output_type": "execute_result", "data": {"text/plain": "2"}, "metadata": {}, "execution_count": 1}
    cells_by_id(notebook)["double_random"]["outputs"] = [data]


def extra_graded_cell(notebook):
    """A further graded cell, which the source does not know."""
    cell = cells_by_id(notebook)["double_values"].copy()
    cell["metadata"] = {"nbgrader": {**cell["metadata"]["nbgrader"], "grade_id": "bonus", "points": 50}}
    cell["id"], cell["source"] = "bonus", "1"
    notebook.cells.append(cell)


NOTEBOOKS = [
    skipped_tests, more_points, own_tests, answer_as_test, other_kernel, recorded_outputs, extra_graded_cell,
]  # fmt: skip

# Each answer raises when what it tries is refused, and would be right where it succeeds.
THEFTS = {
    "the gradebook": "import sqlite3\nsqlite3.connect('{root}/gradebook.db').execute('UPDATE grade SET auto_score=9')",
    "the source": "assert 'return 2 * x' in open('{root}/source/01_small/01_small.py').read()",
    "the course secret": "assert len(open('{root}/.course_secret').read()) > 60",
    "another submission": "assert open('{root}/submitted/neighbour/01_small/01_small.ipynb').read()",
    "the folder of submissions": "import os\nassert 'neighbour' in os.listdir('{root}/submitted')",
    "its own folder": "import os\nassert os.listdir('.')",
    "the environment": "import os\nassert os.environ['GRADER_PASSWORD']",
    "the network": "import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)",
    "the home folder": "import os\nopen(os.path.expanduser('{home}/.profile_of_the_grader')).read()",
    "the packages": "import numpy\nopen(numpy.__file__, 'a').write('#')",
    "the checks": "import embedlab.check as c\nopen(c.__file__, 'a').write('#')",
    "the grader": "import autograder\nopen(autograder.__file__, 'a').write('#')",
}


@pytest.fixture(scope="module")
def class_(tmp_path_factory):
    """A graded class of hostile students around an honest one: (root, rows by student, digests before)."""
    root = make_course(tmp_path_factory.mktemp("courses") / "course")
    home = tmp_path_factory.mktemp("home")
    (home / ".profile_of_the_grader").write_text("private")
    hand_in(root, "neighbour", "def double(x):\n    return x + x", TOP_SECRET)
    grade(root)  # so that there is a gradebook and a secret to take
    for forge in NOTEBOOKS:
        hand_in(root, forge.__name__, WRONG, change=forge)
    beside = hand_in(root, "modules_beside", WRONG)
    for name in ("numpy", "embedlab", "sitecustomize", "usercustomize", "IPython"):
        beside.with_name(f"{name}.py").write_text("raise SystemExit('imported from the submission')")
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_PASSWORD", "open sesame")
        for number, code in enumerate(THEFTS.values()):
            code = code.format(root=root, home=home, port=server.getsockname()[1])
            hand_in(root, f"theft_{number}", f"{code}\ndef double(x):\n    return x + x")
        before = digests()
        rows = {row.student: row for row in grade(root).rows}
    return root, rows, before, home


def digests():
    """Hashes of what no answer may change: NumPy, the checks and the grader."""
    files = [np.__file__, check.__file__, autograder.__file__]
    return [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files]


@pytest.mark.parametrize("student", [*(forge.__name__ for forge in NOTEBOOKS), "modules_beside"])
def test_what_a_notebook_says_of_itself_gains_nothing(class_, student):
    row = class_[1][student]
    assert (row.score, row.max_score) == (WRONG_POINTS, 5)


@pytest.mark.parametrize("number", range(len(THEFTS)), ids=list(THEFTS))
def test_nothing_is_there_to_take_or_to_change(class_, number):
    root, rows, _, _ = class_
    assert rows[f"theft_{number}"].score == 0
    page = (root / "feedback" / f"theft_{number}" / CHAPTER / f"{CHAPTER}.html").read_text()
    assert "the cell raised" in page


def test_the_honest_neighbour_has_full_marks_and_nothing_was_left(class_):
    root, rows, before, home = class_
    assert rows["neighbour"].score == 2
    assert digests() == before
    assert [path.name for path in home.iterdir()] == [".profile_of_the_grader"]
    hostile = [path for path in (root / "feedback").rglob("*.html") if "neighbour" not in str(path)]
    assert hostile and not any(TOP_SECRET in path.read_text() for path in hostile)


def test_answers_that_leaked_from_another_submission_are_worth_nothing(class_, monkeypatch):
    root = shutil.copytree(class_[0], class_[0].with_name("replayed"))
    drawn = {}
    for student in ("neighbour", "replay"):
        monkeypatch.setenv("EMBEDLAB_CHECK_KEY", submission_key(course_secret(root), student, CHAPTER))
        drawn[student] = check.rng("double_random").normal()
    for source, points in (("neighbour", WRONG_POINTS), ("replay", 2)):
        leaked = {drawn[source]: 2 * drawn[source]}
        hand_in(root, "replay", f"LEAKED = {leaked!r}\ndef double(x):\n    return LEAKED.get(x, 6.0 if x else 0.0)")
        (row,) = grade(root, students=["replay"]).rows
        assert row.score == points, f"knows the numbers drawn for {source}"


def test_a_link_in_a_submission_is_not_followed(class_):
    root = shutil.copytree(class_[0], class_[0].with_name("linked"))
    path = hand_in(root, "linker", WRONG)
    path.with_name("data.txt").symlink_to(root / "gradebook.db")
    (row,) = grade(root, students=["linker"]).rows
    assert row.score is None and "is a link" in row.status and row.needs_human
    assert not (root / "autograded" / "linker").exists() and not (root / "feedback" / "linker").exists()
