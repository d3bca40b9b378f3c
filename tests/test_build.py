"""`make build`: deterministic, complete or not at all, and never over an edit."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from lessons import (
    ROOT,
    TINY,
    build_course,
    execute_lessons,
    tiny_course,
)
from nbformat import v4

CHAPTER = "01_tiny"


@pytest.fixture(scope="module")
def built_once(tmp_path_factory):
    """A course of one tiny chapter, built."""
    root = tmp_path_factory.mktemp("course")
    tiny_course(root)
    assert build_course.main(["--root", str(root)]) == 0
    return root


@pytest.fixture
def course(built_once, tmp_path):
    """A copy of the built course that a test may change."""
    return shutil.copytree(built_once, tmp_path / "course")


@pytest.fixture
def no_execution(monkeypatch):
    """Let no lesson be executed."""
    monkeypatch.setattr(build_course, "execute", lambda *_: pytest.fail("executed a lesson that is up to date"))


def build(course, *options):
    """Run the build's command line; returns its exit code."""
    return build_course.main(["--root", str(course), *options])


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def script_of(course: Path) -> Path:
    return course / "source" / CHAPTER / f"{CHAPTER}.py"


def notebook_in(course: Path, folder: str):
    return nbformat.read(course / folder / CHAPTER / f"{CHAPTER}.ipynb", as_version=4)


def edit_pair(course: Path, edit):
    """Let `edit(notebook)` change source/01_tiny/01_tiny.ipynb."""
    notebook = notebook_in(course, "source")
    edit(notebook)
    nbformat.write(notebook, script_of(course).with_suffix(".ipynb"))


def cell_called(notebook, grade_id):
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


# What a build makes.


def test_students_get_stubs_that_name_their_exercise(course):
    notebook = notebook_in(course, "notebooks")
    assert cell_called(notebook, "double").source.splitlines()[-2:] == [
        "    # YOUR CODE HERE",
        '    raise NotImplementedError("Exercise 1.1, double: replace this line with your answer")',
    ]
    assert cell_called(notebook, "double_values").source == "assert double(2) == 4"
    assert cell_called(notebook, "why").source == "YOUR ANSWER HERE"


def test_solutions_are_executed_and_show_no_markers(course):
    notebook = notebook_in(course, "solutions")
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3, 4]
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "return x * 2 + 0" in text and "two halves" in text and "a hidden value" in text
    assert "SOLUTION" not in text and "nbgrader" not in json.dumps(notebook)


def test_images_are_those_that_the_solution_shows(course):
    shown = execute_lessons.figures(notebook_in(course, "solutions"))
    assert snapshot(course / "images") == {f"{CHAPTER}/band.png": shown["band.png"][0]}
    assert shown["band.png"][1] == "A band from black to white"


@pytest.mark.parametrize("folder", ["source", "notebooks", "solutions"])
def test_cell_ids_are_valid_and_come_from_grade_ids(course, folder):
    ids = [cell.id for cell in notebook_in(course, folder).cells]
    assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[a-zA-Z0-9-_]{1,64}", name) for name in ids)
    assert {"01-000", "01-double", "01-double_values", "01-why"} <= set(ids)


def test_two_cells_of_one_id_are_refused(course, capsys):
    script_of(course).write_text(TINY.replace('"why"', '"000"'))
    assert build(course) == 1
    assert "give each a grade_id of its own" in capsys.readouterr().err


def test_building_again_changes_no_byte(course, no_execution):
    before = snapshot(course)
    assert build(course) == 0
    for folder in ("notebooks", "images"):
        shutil.rmtree(course / folder)
    script_of(course).with_suffix(".ipynb").unlink()
    assert build(course, CHAPTER) == 0
    assert snapshot(course) == before


def test_executing_again_changes_no_byte(course):
    before = snapshot(course)
    assert build(course, "--force") == 0
    assert snapshot(course) == before


def test_stock_nbgrader_makes_the_same(course):
    before = snapshot(course / "notebooks")
    shutil.rmtree(course / "notebooks")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", CHAPTER],
        cwd=course,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert snapshot(course / "notebooks") == before


def test_build_opens_no_gradebook(course):
    assert not list(course.rglob("*.db"))


def test_data_beside_a_lesson_are_copied_and_scripts_are_not(tmp_path):
    script = tiny_course(tmp_path, TINY.replace("import base64, io", "import base64, io\nopen('table.csv').read()"))
    for name in ("table.csv", "helper.py", "01_tiny.py~", "01_tiny.py.orig", ".01_tiny.py.swp"):
        (script.parent / name).write_text("x,y\n")
    assert build(tmp_path) == 0
    assert set(snapshot(tmp_path / "notebooks")) == {f"{CHAPTER}/{CHAPTER}.ipynb", f"{CHAPTER}/table.csv"}
    assert (tmp_path / "solutions" / CHAPTER / "table.csv").is_file()


# What it says when something is out of date, wrong or in the way.


def change_script(course):
    script_of(course).write_text(TINY.replace("Numbers", "More numbers"))


def edit_picture(course):
    (course / "images" / CHAPTER / "band.png").write_bytes(b"")


def leave_a_picture(course):
    (course / "images" / CHAPTER / "old.png").write_bytes(b"")


def delete_release(course):
    shutil.rmtree(course / "notebooks")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (change_script, [f"notebooks/{CHAPTER}/{CHAPTER}.ipynb", f"solutions/{CHAPTER}/{CHAPTER}.ipynb"]),
        (edit_picture, [f"images/{CHAPTER}/band.png"]),
        (leave_a_picture, [f"images/{CHAPTER}/old.png"]),
        (delete_release, [f"notebooks/{CHAPTER}/{CHAPTER}.ipynb"]),
    ],
)
def test_check_names_what_is_stale_and_build_mends_it(course, capsys, change, named):
    assert build(course, "--check") == 0
    change(course)
    before = snapshot(course)
    capsys.readouterr()
    assert build(course, "--check") == 1
    assert capsys.readouterr().err.splitlines() == [
        *(f"{n} is out of date with source/." for n in named),
        "Run `make build`.",
    ]
    assert snapshot(course) == before
    assert build(course) == 0 and build(course, "--check") == 0


def test_a_file_of_unknown_origin_is_named_and_kept(course, capsys):
    notes = course / "notebooks" / CHAPTER / "notes.txt"
    notes.write_text("mine")
    assert build(course, "--check") == 1 and build(course) == 1
    assert f"{notes} is not made from source/: delete it or move it" in capsys.readouterr().err
    assert notes.read_text() == "mine"


def test_unknown_chapter(course, capsys):
    with pytest.raises(SystemExit) as stop:
        build(course, "02_none")
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"there is no chapter '02_none' below {course}/source; there are: {CHAPTER}.\n"


@pytest.mark.parametrize("missing", ["source", "nbgrader_config.py"])
def test_a_folder_that_is_no_course(course, capsys, missing):
    shutil.move(course / missing, course / "elsewhere")
    with pytest.raises(SystemExit) as stop:
        build(course)
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"grade_id": "double_values"', '"grade_id": "double"', "used by more than one cell"),
        ("    ### END SOLUTION\n", "", "never closed"),
        (
            "import base64, io",
            "1 / 0",
            "01_tiny: the cell that begins '1 / 0' failed: ZeroDivisionError: division by zero",
        ),
        ("return x * 2 + 0", "return x", "the cell that begins 'assert double(2) == 4' failed: AssertionError"),
        ("import base64, io", "import os; os._exit(1)", "failed: its kernel died"),
        ('data-figure="band"', 'data-figure="a/b"', "must have a plain name"),
        ("image/png", "image/webp", "be a PNG or GIF"),
    ],
)
def test_a_lesson_that_cannot_be_built_leaves_everything_as_it_was(course, capsys, old, new, message):
    assert old in TINY
    script_of(course).write_text(TINY.replace(old, new))
    before = snapshot(course)
    assert build(course) == 1
    assert message in capsys.readouterr().err
    assert snapshot(course) == before


@pytest.mark.parametrize("writes_before_crash", range(5))
def test_a_crash_while_writing_leaves_old_files_or_new_ones(course, tmp_path, monkeypatch, capsys, writes_before_crash):
    old = snapshot(course)
    script_of(course).write_text(TINY.replace("Numbers", "More numbers").replace('"band"', '"ramp"'))
    wanted = shutil.copytree(course, tmp_path / "wanted")
    assert build(wanted) == 0
    new, replace, left = snapshot(wanted), os.replace, [writes_before_crash]

    def replace_or_crash(source, target):
        if Path(target).is_relative_to(course):
            if not left[0]:
                raise OSError(28, "No space left on device", str(target))
            left[0] -= 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_or_crash)
    crashed = build(course) == 1
    for name, data in snapshot(course).items():
        assert data in (old.get(name), new.get(name)), name
    assert not crashed or "No space left on device" in capsys.readouterr().err
    assert crashed == (writes_before_crash < 4)
    monkeypatch.undo()
    assert build(course) == 0
    assert snapshot(course) == new


@pytest.mark.parametrize("folder", ["source", "notebooks", "solutions"])
def test_an_edited_notebook_is_never_overwritten(course, capsys, folder):
    path = course / folder / CHAPTER / f"{CHAPTER}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source += "\n\nMy own work."
    nbformat.write(notebook, path)
    change_script(course)
    before = snapshot(course)
    assert build(course) == 1 and build(course, "--force") == 1
    assert str(path) in capsys.readouterr().err
    assert snapshot(course) == before
    path.unlink()
    assert build(course) == 0


@pytest.mark.parametrize("folder", ["source", "notebooks", "solutions"])
def test_an_unreadable_notebook_is_named(course, capsys, folder):
    path = course / folder / CHAPTER / f"{CHAPTER}.ipynb"
    path.write_text("<<<<<<< HEAD\n{}")
    assert build(course) == 1
    assert f"{path} is no readable notebook" in capsys.readouterr().err


def save_as_jupyterlab_does(notebook):
    """Run and save without editing: outputs, counts, view state, an empty cell at the end, a full language_info."""
    for count, cell in enumerate(notebook.cells):
        cell.metadata["trusted"] = True
        cell.source += "\n" if count == 2 else ""
        if cell.cell_type == "code":
            cell.execution_count = count
            cell.outputs = [v4.new_output("stream", text="42")]
            cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01"}
            cell.metadata["jupyter"] = {"outputs_hidden": True}
    notebook.metadata["language_info"]["version"] = "3.12.1"
    notebook.metadata["orig_nbformat"] = 4
    cell_called(notebook, "double_values").metadata.nbgrader["points"] = 3.0
    notebook.cells.append(v4.new_code_cell())


def test_running_and_saving_the_notebook_is_no_edit(course, no_execution):
    edit_pair(course, save_as_jupyterlab_does)
    before = snapshot(course)
    assert build(course, "--sync") == 0 and build(course) == 0
    assert snapshot(course) == before


# This course.


def test_what_is_committed_is_up_to_date(capsys):
    assert build_course.main(["--check"]) == 0, capsys.readouterr().err
