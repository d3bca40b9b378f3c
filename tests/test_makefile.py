"""The commands of the Makefile: each is listed, runs its tool in the activated environment, and refuses wrong input."""

import re
import shutil
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")

SHOW = """\
import os, sys
print(*sys.argv)
print(os.environ["VIRTUAL_ENV"], os.environ["PATH"].split(os.pathsep)[0], sep="\\n")
"""
TOOLS = {
    "lab": "tools/open_lab.py",
    "test": "tools/run_tests.py",
    "test-all": "tools/run_tests.py --all",
    "build": "tools/build_course.py",
    "sync": "tools/build_course.py --sync",
    "grade": "autograder/__main__.py grade",
    "demo": "tools/make_demo.py",
    "release": "tools/make_release.py",
    "site": "tools/make_site.py",
    "bench": "tools/run_benchmarks.py",
    "vectors": "tools/train_vectors.py",
    "check-exercises": "tools/check_exercises.py",
    "messages": "tools/list_messages.py",
}


@pytest.fixture
def course(tmp_path, root):
    """The real Makefile over tools that only print how they were called, in a folder with a space in its name."""
    folder = tmp_path / "my course"
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    shutil.copy(root / "Makefile", folder)
    for tool in TOOLS.values():
        path = folder / tool.split()[0]
        path.parent.mkdir(exist_ok=True)
        path.write_text(SHOW, encoding="utf-8")
    (folder / "tools" / "install.py").write_text("print('installed')\n", encoding="utf-8")
    return folder


@pytest.fixture
def make(course, plain_environment):
    """Runs make in the course: make("lab", "PORT=1") gives the finished process."""

    def run(*arguments, **variables):
        environment = {**plain_environment, **variables}
        return subprocess.run(["make", *arguments], cwd=course, env=environment, capture_output=True, text=True)

    return run


def targets(root) -> list[str]:
    """The commands that the Makefile declares."""
    return re.search(r"^\.PHONY: (.*)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()


def test_every_command_is_listed(root, make):
    listed = re.findall(r"^  ([\w-]+) +\w", make("help").stdout, re.MULTILINE)
    assert listed == targets(root)
    assert set(listed) == {*TOOLS, "help", "clean"}


def test_make_alone_lists_the_commands(make):
    assert make().stdout == make("help").stdout


@pytest.mark.parametrize("command", TOOLS)
def test_a_command_runs_its_tool_in_the_activated_environment(course, make, command):
    done = make(command, "ARGS=--one two")
    assert done.returncode == 0, done.stderr
    installed, called, virtual_env, first_on_path = done.stdout.splitlines()
    assert installed == "installed"
    assert called.removeprefix(f"{course}/") == f"{TOOLS[command]} --one two"
    assert (virtual_env, first_on_path) == (f"{course}/.venv", f"{course}/.venv/bin")


def test_the_port_is_passed_on(make):
    assert "tools/open_lab.py --port 8899\n" in make("lab", "PORT=8899").stdout


def test_a_failed_install_stops_the_command(course, make):
    (course / "tools" / "install.py").write_text("import sys; sys.exit('no network')\n", encoding="utf-8")
    done = make("lab")
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr.startswith("no network\n")


def test_a_python_that_is_not_there_is_one_sentence(make):
    done = make("lab", "PYTHON=python3.99")
    assert done.returncode == 2
    assert done.stderr.startswith("No program called python3.99 here: install Python 3.11, 3.12 or 3.13")


def test_a_python_that_is_too_old_is_passed_over(course, make, tmp_path):
    (course / ".venv" / "bin" / "python").unlink()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, content in {"python3.11": "exit 1", "python3.12": f'exec "{sys.executable}" "$@"'}.items():
        (programs / name).write_text(f"#!/bin/sh\n{content}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    (course / "tools" / "install.py").write_text("import sys; sys.exit('came this far')\n", encoding="utf-8")
    assert "came this far" in make("lab", PATH=f"{programs}:/usr/bin:/bin").stderr


def test_clean_keeps_work_marks_and_the_environment(course, make):
    kept = ["work/a/__pycache__/x", "submitted/s/a/a.ipynb", "autograded/a", "feedback/a", "gradebook.db", "grades.csv"]
    removed = ["dist/a.zip", "build/x", "embedlab/__pycache__/a.pyc", ".pytest_cache/x", "x.egg-info/y"]
    for name in [*kept, *removed]:
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).touch()
    assert make("clean").returncode == 0
    assert [name for name in kept if not (course / name).exists()] == []
    assert [name for name in removed if (course / name).exists()] == []
    assert (course / ".venv" / "bin" / "python").exists()


@pytest.mark.parametrize(
    ("command", "wrong", "sentence"),
    [
        ("lab", "09_nothing", "There is no lesson '09_nothing': open one of"),
        ("lab", "--port=many", "'many' is no port: give a number"),
        ("build", "09_nothing", "there is no chapter '09_nothing'"),
        ("sync", "09_nothing", "there is no chapter '09_nothing'"),
        ("grade", "09_nothing", "09_nothing|no folder .*submitted: put the notebooks into"),
        ("demo", "--nonsense", "--nonsense"),
        ("release", "--nonsense", "takes no arguments, and got '--nonsense': run it alone"),
        ("site", "teachers", "There is no site 'teachers': choose from students, solutions"),
        ("vectors", "--nonsense", "--nonsense"),
        ("bench", "nonsense", "There is no benchmark 'nonsense': choose from"),
    ],
)
def test_wrong_input_ends_in_a_sentence(root, plain_environment, command, wrong, sentence):
    tool = TOOLS[command].replace("autograder/__main__.py", "-m autograder").split()
    done = subprocess.run(
        [sys.executable, *tool, wrong], cwd=root, env=plain_environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert re.search(sentence, done.stderr.splitlines()[-1])
