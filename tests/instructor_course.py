"""What an instructor's walk needs: a course of one chapter, people with accounts, and the commands that they run.

Every command runs as its command line does, in a process of its own, with the working folder, the home and the user of
whoever calls it. These processes are forked from one that has imported nbgrader and the autograder, which saves two
seconds for each. Files are written below the folder that is given, and nowhere in this course.
"""

import functools
import importlib
import multiprocessing
import os
import pwd
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from live_pages import ROOT

from autograder.lesson import chapters

CHAPTER = chapters(ROOT)[0].stem
WRITTEN = "five_points"
PRELOADED = ["nbgrader.apps", "autograder.grade", "autograder.report", "autograder.export", "build_course"]
SITE = """
c = get_config()
c.CourseDirectory.course_id = "embeddings_from_scratch"
c.Exchange.root = {!r}
"""


@dataclass(frozen=True)
class Person:
    """Somebody with a home of their own; user_id: the account that their commands run under, None for the tests' own.

    Where tests run as root, students are real accounts of this machine, as on a shared server. Elsewhere they share one
    account, and nbgrader's own option --student says who hands in.
    """

    name: str
    home: Path
    user_id: int | None = None

    @property
    def option(self) -> list[str]:
        """What to put behind nbgrader's commands."""
        return [] if self.user_id else [f"--student={self.name}"]


def two_students(homes: Path) -> list[Person]:
    """Two students, with empty homes below `homes`."""
    if os.geteuid() == 0:
        accounts = [(one.pw_name, one.pw_uid) for one in pwd.getpwall() if one.pw_uid and one.pw_name != "nobody"][:2]
    else:
        accounts = [("ada", None), ("ben", None)]
    students = [Person(name, homes / name, user_id) for name, user_id in accounts]
    for student in students:
        student.home.mkdir()
        if student.user_id:
            os.chown(student.home, student.user_id, -1)
    return students


def make_course(root: Path) -> Path:
    """Make a copy of this course with its first chapter only, as a fresh clone has it; returns `root`."""
    for folder in ("source", "notebooks", "solutions", "images"):
        shutil.copytree(ROOT / folder / CHAPTER, root / folder / CHAPTER, ignore=shutil.ignore_patterns("*checkpoints"))
    (root / "source" / CHAPTER / f"{CHAPTER}.ipynb").unlink(missing_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    return root


class Commands:
    """Runs command lines; `exchange` is the folder of nbgrader's exchange, which everybody's nbgrader is told of."""

    def __init__(self, folder: Path):
        """Make the exchange, and the settings that an administrator makes for all accounts, below `folder`."""
        self.exchange, self.settings, self.output = folder / "exchange", folder / "settings", folder / "output.txt"
        self.exchange.mkdir()
        self.exchange.chmod(0o777)
        self.settings.mkdir(mode=0o755)
        (self.settings / "nbgrader_config.py").write_text(SITE.format(str(self.exchange)))
        self.processes = multiprocessing.get_context("forkserver")
        self.processes.set_forkserver_preload(PRELOADED)

    def environment(self, person: Person) -> dict[str, str]:
        """The environment of a person who is logged in, with the course's Python activated."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        named = {"HOME": str(person.home), "JUPYTER_CONFIG_PATH": str(self.settings), "PYTHONPATH": str(ROOT)}
        return {"PATH": path, "LANG": "C.UTF-8", **named}

    def run(self, person: Person, folder: Path, module: str, *arguments: str) -> tuple[int, str]:
        """Run `main` of a module with these arguments, in a folder; returns the exit code and what was printed."""
        who = (self.environment(person), person.user_id, str(folder), str(self.output))
        process = self.processes.Process(target=_run, args=(module, arguments, *who))
        process.start()
        process.join()
        return process.exitcode, self.output.read_text(encoding="utf-8")

    def nbgrader(self, person: Person, folder: Path, *arguments: str) -> str:
        """Run an nbgrader command, which has to succeed; returns what it printed."""
        code, said = self.run(person, folder, "nbgrader.apps.nbgraderapp", *arguments)
        assert code == 0 and "ERROR" not in said, said
        return said


def _run(module, arguments, environment, user_id, folder, output):
    """Become this user, and run this module's `main`; called in the new process."""
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(target, 1)
    os.dup2(target, 2)
    if user_id:
        os.setgroups([])
        os.setgid(pwd.getpwuid(user_id).pw_gid)
        os.setuid(user_id)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = [module, *arguments]
    raise SystemExit(importlib.import_module(module).main())


@functools.cache
def bank() -> dict:
    """The known answers to the chapter's exercises, by grade_id."""
    return yaml.safe_load((ROOT / "tests" / "answers" / f"{CHAPTER}.yaml").read_text(encoding="utf-8"))


def solve(student: Person, words: str, wrong: dict[str, str]) -> None:
    """Fill in the notebook that a student fetched: words, the answers of `wrong`, and else right ones."""
    path = student.home / CHAPTER / f"{CHAPTER}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in bank():
            cell.source = wrong.get(grade_id) or bank()[grade_id]["right"][0]["code"]
        elif grade_id == WRITTEN:
            cell.source = words
    nbformat.write(notebook, path)
