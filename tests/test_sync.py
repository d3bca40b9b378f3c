"""`make sync`: what was edited in JupyterLab is taken into the lesson's script, all of it and nothing else."""

import json
from pathlib import Path

import nbformat
import pytest
from lessons import SCRIPTS, TINY, build_course, sync_notebooks, tiny_course
from nbformat import v4

from autograder.stubs import content


@pytest.fixture
def script(tmp_path) -> Path:
    """A tiny lesson with its notebook beside it."""
    script = tiny_course(tmp_path)
    sync_notebooks.write_pair(script)
    return script


def run_sync(script: Path) -> int:
    """Run the command line; returns its exit code."""
    return build_course.main(["--root", str(script.parents[2]), "--sync"])


def both(script: Path) -> tuple[bytes, bytes]:
    return script.read_bytes(), script.with_suffix(".ipynb").read_bytes()


def notebook_of_pair(script: Path):
    return nbformat.read(script.with_suffix(".ipynb"), as_version=4)


def edit_pair(script: Path, edit):
    """Let `edit(notebook)` change the notebook beside the script."""
    notebook = notebook_of_pair(script)
    edit(notebook)
    nbformat.write(notebook, script.with_suffix(".ipynb"))


def cell_called(notebook, grade_id):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def change_script(script: Path):
    script.write_text(TINY.replace("Numbers", "More numbers"))


def sync(script) -> str:
    """Sync, and return the script; its notebook must then hold the same, and no edit."""
    assert run_sync(script) == 0
    fresh = sync_notebooks.notebook_of(script)
    assert content(notebook_of_pair(script)) == content(fresh)
    assert not sync_notebooks.edited(script.with_suffix(".ipynb"), fresh)
    return script.read_text()


def test_without_an_edit_no_byte_changes(script):
    before = both(script)
    assert run_sync(script) == 0
    assert both(script) == before


@pytest.mark.parametrize("lesson", SCRIPTS, ids=lambda lesson: lesson.stem)
def test_every_lesson_survives_being_taken_apart_and_put_together(lesson):
    text, notebook = lesson.read_text(encoding="utf-8"), sync_notebooks.notebook_of(lesson)
    assert sync_notebooks.merge(lesson, text, notebook, notebook) == text


@pytest.mark.parametrize("lesson", SCRIPTS, ids=lambda lesson: lesson.stem)
def test_an_edit_of_one_cell_of_a_lesson_changes_its_lines_only(lesson, tmp_path):
    copy = tiny_course(tmp_path, lesson.read_text(encoding="utf-8"))
    sync_notebooks.write_pair(copy)
    notebook = nbformat.read(copy.with_suffix(".ipynb"), as_version=4)
    for cell in notebook.cells:
        cell.source += "\n# edited" if cell.cell_type == "code" else "\nedited"
    nbformat.write(notebook, copy.with_suffix(".ipynb"))
    diff = sync_notebooks.sync(copy).splitlines()[2:]
    assert not [line for line in diff if line.startswith("-")]
    assert {line for line in diff if line.startswith("+")} == {"+# edited"}
    assert sum(line.startswith("+") for line in diff) == len(notebook.cells)


def test_a_changed_cell_is_synced_and_the_others_keep_their_bytes(script):
    unusual = TINY.replace("import base64, io\n", "import base64,io   # as written\n\n\n")
    script.write_text(unusual)
    sync_notebooks.write_pair(script)

    def edit(notebook):
        double = cell_called(notebook, "double")
        double.source = double.source.replace("x * 2 + 0", "2 * x")

    edit_pair(script, edit)
    assert sync(script) == unusual.replace("x * 2 + 0", "2 * x")


def test_it_says_what_to_do_next(script, capsys):
    assert run_sync(script) == 0
    assert capsys.readouterr().out == "01_tiny.py: nothing to sync\n"
    edit_pair(script, lambda notebook: notebook.cells[0].update(source="# Letters"))
    assert run_sync(script) == 0
    said = capsys.readouterr().out
    assert "+# # Letters" in said and "Run `make build` now." in said and "up to date" not in said


def test_an_edit_in_the_create_assignment_panel_is_synced(script):
    def edit(notebook):
        test = cell_called(notebook, "double_values").metadata.nbgrader
        test.update(points=5, grade_id="double_numbers")

    edit_pair(script, edit)
    assert sync(script) == TINY.replace('"double_values"', '"double_numbers"').replace('"points": 3', '"points": 5')


def test_a_cell_marked_in_the_panel_is_synced(script):
    metadata = {
        "grade": False,
        "grade_id": "numbers",
        "locked": True,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }

    def edit(notebook):
        notebook.cells[0].metadata["nbgrader"] = metadata

    edit_pair(script, edit)
    assert sync(script) == TINY.replace("# %% [markdown]\n", f"# %% [markdown] nbgrader={json.dumps(metadata)}\n", 1)


def test_added_moved_and_removed_cells_and_tags_are_synced(script):
    def edit(notebook):
        notebook.cells[0].metadata["tags"] = ["intro"]
        notebook.cells[1:1] = [v4.new_markdown_cell("New text."), v4.new_code_cell("%matplotlib inline\n1 + 1")]
        del notebook.cells[-3]  # the figure
        why = notebook.cells[-2:]
        notebook.cells[-2:] = []
        notebook.cells[3:3] = why

    edit_pair(script, edit)
    text = sync(script)
    blocks = text.split("\n# %%")
    assert blocks[0].startswith('# %% [markdown] tags=["intro"]')
    assert blocks[1:3] == [" [markdown]\n# New text.\n", "\n# %matplotlib inline\n1 + 1\n"]
    assert blocks[3].startswith(" [markdown]\n# ## Exercise 1.2") and "hide-input" not in text
    assert text.endswith("### END HIDDEN TESTS\n") and not text.endswith("\n\n")


def test_edits_on_both_sides_are_refused_and_kept(script, capsys):
    def edit(notebook):
        notebook.cells[0].source += " Edited in JupyterLab."

    edit_pair(script, edit)
    change_script(script)
    before = both(script)
    assert run_sync(script) == 1
    assert "were both edited" in capsys.readouterr().err
    assert both(script) == before


def test_the_same_edit_on_both_sides_is_no_conflict(script):
    def edit(notebook):
        notebook.cells[0].source = notebook.cells[0].source.replace("Numbers", "More numbers")

    edit_pair(script, edit)
    change_script(script)
    assert run_sync(script) == 0 and sync_notebooks.write_pair(script)
    assert notebook_of_pair(script).cells[0].source.startswith("# More numbers")


def paste_a_picture(notebook):
    notebook.cells[0]["attachments"] = {"a.png": {"image/png": "iVBORw0="}}


def write_a_cell_marker(notebook):
    notebook.cells[1].source += "\n# %% this would be a cell of its own"


@pytest.mark.parametrize("edit", [paste_a_picture, write_a_cell_marker])
def test_what_a_script_cannot_hold_is_refused_and_kept(script, capsys, edit):
    edit_pair(script, edit)
    before = both(script)
    assert run_sync(script) == 1
    assert "something that a script cannot hold" in capsys.readouterr().err
    assert both(script) == before
