"""The students' zip: what it holds, what it must not hold, and that its notebook runs with nothing else of the course.

The test that runs each notebook installs no packages: it uses those of the environment that runs it, but takes embedlab
from the zip.
"""

import io
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import make_release
import nbformat
import pytest
from lessons import SCRIPTS
from nbformat import v4

RUN_NOTEBOOK = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], as_version=4)
notebook.cells.insert(0, nbformat.v4.new_code_cell(
    "import importlib.util, embedlab; print(embedlab.__file__, importlib.util.find_spec('autograder'))"))
nbclient.NotebookClient(notebook, allow_errors=True, timeout=120).execute(cwd=sys.argv[2])
cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
nbformat.write(notebook, sys.argv[1])
print(cells[0].outputs[0].text)
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The zip of this course."""
    return make_release.make_release(make_release.ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture
def unpacked(release, tmp_path):
    """The folder that students get by unpacking the zip."""
    shutil.unpack_archive(release, tmp_path)
    return tmp_path / release.name.removesuffix(".zip")


def repacked(release, change):
    """The opened zip after `change` was made to its {path: bytes}."""
    folder = release.name.removesuffix(".zip")
    with zipfile.ZipFile(release) as archive:
        files = {name.removeprefix(f"{folder}/"): archive.read(name) for name in archive.namelist()}
    change(files)
    return zipfile.ZipFile(io.BytesIO(make_release.zip_bytes(files, folder)))


def test_it_holds_what_students_need_and_no_more(release, unpacked):
    files = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    lessons = {f"notebooks/{script.stem}/{script.stem}.ipynb" for script in SCRIPTS}
    assert lessons | {*make_release.FILES, *make_release.MADE, "embedlab/check.py"} <= files
    assert {name.split("/")[0] for name in files} <= {
        "Makefile", "README.md", "data", "embedlab", "environment.yml", "nbgrader_config.py", "notebooks",
        "pyproject.toml", "requirements.lock", "tools",
    }  # fmt: skip
    assert {name for name in files if name.startswith("tools/")} == {"tools/install.py", "tools/open_lab.py"}
    with zipfile.ZipFile(release) as archive:
        assert make_release.problems(archive, make_release.ROOT) == []


def test_the_same_sources_give_the_same_bytes(release, tmp_path):
    again = make_release.make_release(make_release.ROOT, tmp_path)
    assert again.read_bytes() == release.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [release.name]


def plant_file(name):
    return lambda files: files.update({name: b"x"})


def plant_in_notebook(role):
    def change(files):
        path, lesson = next(name for name in files if name.endswith(".ipynb")), make_release.read_lesson(SCRIPTS[0])
        notebook = nbformat.reads(files[path].decode(), as_version=4)
        exercise = lesson.exercises[0]
        secret = exercise.solution if role == "solution" else exercise.tests[0]
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("grade_id") == secret.grade_id:
                cell.source = "\n".join(line for line in secret.source.splitlines() if "###" not in line)
        if role == "marker":
            notebook.cells.append(v4.new_code_cell("### BEGIN SOLUTION"))
        files[path] = nbformat.writes(notebook).encode()

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (plant_file("source/01/01.py"), "source/01/01.py is not for students"),
        (plant_file("autograder/lesson.py"), "autograder/lesson.py is not for students"),
        (plant_file("tools/make_demo.py"), "tools/make_demo.py is not for students"),
        (plant_file("tests/answers/01.yaml"), "tests/answers/01.yaml is not for students"),
        (plant_file("notebooks/01/01.py"), "notebooks/01/01.py is a script"),
        (plant_in_notebook("solution"), "is not its stub or its visible tests"),
        (plant_in_notebook("marker"), "contains BEGIN SOLUTION"),
        (lambda files: [files.pop(name) for name in list(files) if name.endswith(".ipynb")], "is missing"),
    ],
)
def test_what_should_not_go_out_is_found(release, change, problem):
    with repacked(release, change) as archive:
        assert problem in " ".join(make_release.problems(archive, make_release.ROOT))


def test_a_zip_with_a_problem_is_not_left_there(tmp_path, monkeypatch):
    monkeypatch.setattr(make_release, "problems", lambda archive, root: ["secret.py is not for students."])
    with pytest.raises(make_release.ReleaseError, match="No zip was written: secret.py is not for students"):
        make_release.make_release(make_release.ROOT, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_notebook_is_one_sentence(tmp_path):
    (tmp_path / "source" / "01_a").mkdir(parents=True)
    (tmp_path / "source" / "01_a" / "01_a.py").touch()
    with pytest.raises(make_release.ReleaseError, match=r"01_a\.ipynb is missing: run `make build` first"):
        make_release.contents(tmp_path)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_its_makefile_offers_what_works_there(unpacked, plain_environment):
    done = subprocess.run(["make"], cwd=unpacked, env=plain_environment, capture_output=True, text=True)
    assert [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")] == ["help", "lab"]


def test_its_readme_names_every_lesson_and_no_folder_that_is_not_there(unpacked):
    readme = (unpacked / "README.md").read_text(encoding="utf-8")
    assert all(script.stem in readme for script in SCRIPTS)
    assert "source/" not in readme and "solutions/" not in readme and max(map(len, readme.splitlines())) <= 120


@pytest.fixture
def students_python(unpacked, plain_environment):
    """A Python that finds the locked packages and the zip's folder, and not this course."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", unpacked / ".venv"], check=True)
    python = unpacked / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site_packages = subprocess.run(where, capture_output=True, text=True, check=True, env=plain_environment).stdout
    # A folder on this list is only searched: the link to this course, which is a .pth file in it, is not followed.
    found = f"{sysconfig.get_path('purelib')}\n{unpacked}\n"
    with open(f"{site_packages.strip()}/course.pth", "w", encoding="utf-8") as links:
        links.write(found)
    return python


def failures_expected(lesson) -> dict[str, str]:
    """The grade_id of each exercise's tests, and what their failure must name while the exercise is unsolved."""
    return {t.grade_id: f"Exercise {e.number}, {e.grade_id}" for e in lesson.exercises for t in e.tests}


def wrong_outcomes(notebook, expected: dict[str, str]) -> list[str]:
    """What an executed unsolved notebook does that it should not: one line for each cell that is not as `expected`."""
    wrong, seen = [], set()
    for cell in notebook.cells:
        errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in expected:
            seen.add(grade_id)
            if not errors:
                wrong.append(f"{grade_id} passes unsolved")
            elif expected[grade_id] not in errors[0].evalue:
                wrong.append(f"{grade_id} does not name its exercise: {errors[0].evalue}")
        elif errors:
            wrong.append(f"{cell.source.splitlines()[0]!r} fails: {errors[0].evalue}")
    return wrong + [f"{grade_id} is not in the notebook" for grade_id in expected.keys() - seen]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_unsolved_with_nothing_else_of_the_course_only_the_exercises_tests_fail(
    script, unpacked, students_python, plain_environment
):
    copied = subprocess.run(
        [students_python, unpacked / "tools" / "open_lab.py", "--copy-only"],
        cwd=unpacked, env=plain_environment, capture_output=True, text=True,
    )  # fmt: skip
    assert f"Copied {script.stem} into work/." in copied.stdout
    folder = unpacked / "work" / script.stem
    ran = subprocess.run(
        [students_python, "-c", RUN_NOTEBOOK, folder / f"{script.stem}.ipynb", folder],
        cwd=folder, env=plain_environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split()[-2:] == [str(unpacked / "embedlab" / "__init__.py"), "None"]
    executed = nbformat.read(folder / f"{script.stem}.ipynb", as_version=4)
    assert wrong_outcomes(executed, failures_expected(make_release.read_lesson(script))) == []


def executed_cell(source, grade_id=None, error=None):
    cell = v4.new_code_cell(source, metadata={"nbgrader": {"grade_id": grade_id}} if grade_id else {})
    if error:
        cell.outputs.append(v4.new_output("error", ename="E", evalue=error, traceback=[]))
    return cell


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ([executed_cell("assert f()", "t")], "t passes unsolved"),
        ([executed_cell("assert f()", "t", "name f is not defined")], "t does not name its exercise"),
        (
            [executed_cell("assert f()", "t", "Exercise 1.1, f: …"), executed_cell("g(f)", error="oh")],
            "'g(f)' fails: oh",
        ),
        ([], "t is not in the notebook"),
    ],
)
def test_the_check_can_fail(cells, complaint):
    [wrong] = wrong_outcomes(v4.new_notebook(cells=cells), {"t": "Exercise 1.1, f"})
    assert wrong.startswith(complaint)
