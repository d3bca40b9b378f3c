"""Derive everything that students and readers get from the lesson scripts in source/: what `make build` runs.

    python tools/build_course.py [CHAPTER …]          build what is out of date
    python tools/build_course.py --check [CHAPTER …]  change nothing; say what is out of date, end with 1 if any is
    python tools/build_course.py --sync [CHAPTER …]   take JupyterLab's edits of source/NN/NN.ipynb into the script

For each chapter it writes, each file whole or not at all, and only where its bytes change:

- source/NN/NN.ipynb: the script as a notebook, for JupyterLab and for stock nbgrader commands (git-ignored);
- notebooks/NN/: the students' version, by nbgrader's generate_assignment in a temporary folder, without a gradebook;
- solutions/NN/: the lesson with its solutions, executed, where its source changed since it was (or with --force);
- images/NN/: the figures that the solutions draw; pictures that none draws any longer are removed.

It never overwrites a notebook that was edited since it was generated, and opens no gradebook. `--sync` writes the
script and its .ipynb only. Exit code 0 when all is up to date, 1 when something needs a hand, 2 for wrong use.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from execute_lessons import execute, figures, solved_notebook, without_volatile_parts
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log
from sync_notebooks import (
    BuildError,
    edited,
    notebook_of,
    read_notebook,
    serialize,
    sync,
    write_bytes,
    write_pair,
)
from traitlets.config.loader import PyFileConfigLoader

from autograder.lesson import chapters, read_lesson
from autograder.stubs import content

IGNORED_FOLDERS = {".ipynb_checkpoints", "__pycache__"}


def release_files(script: Path, root: Path) -> dict[str, bytes]:
    """The students' version of a lesson: what lies in notebooks/NN/, by name; BuildError if nbgrader fails."""
    chapter = script.stem
    with tempfile.TemporaryDirectory(prefix="build-") as scratch:
        course = Path(scratch).resolve()
        for path in files_below(script.parent):
            if path != f"{chapter}.ipynb":
                write_bytes(course / "source" / chapter / path, (script.parent / path).read_bytes())
        write_bytes(course / "source" / chapter / f"{chapter}.ipynb", serialize(notebook_of(script)).encode())
        config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
        config.CourseDirectory.root = str(course)
        config.GenerateAssignment.no_database = True
        config.SaveCells.enabled = False
        coursedir = CourseDirectory(config=config)
        coursedir.assignment_id = chapter
        result = capture_log(GenerateAssignment(coursedir=coursedir, config=config))
        if not result["success"]:
            raise BuildError(f"{script}: nbgrader could not make the students' version:\n{result.get('log', '')}")
        released = course / coursedir.release_directory / chapter
        return {path: (released / path).read_bytes() for path in files_below(released)}


def files_below(folder: Path) -> list[str]:
    """Names of the files below `folder`, relative to it, without Jupyter's and Python's own."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in paths if not IGNORED_FOLDERS & set(path.parts))


class Chapter:
    """One chapter of the course in folder `root`: what should lie in each folder, according to its script."""

    def __init__(self, script: Path, root: Path):
        """Raises BuildError when the script breaks a rule of the lesson format."""
        try:
            read_lesson(script)
        except ValueError as error:
            raise BuildError(str(error)) from None
        self.script, self.root, self.name = script, root, script.stem
        self.pair = script.with_suffix(".ipynb")
        self.notebooks, self.solutions, self.images = self.folders = [
            root / folder / self.name for folder in ("notebooks", "solutions", "images")
        ]
        self.notebook, self.solution = self.notebooks / self.pair.name, self.solutions / self.pair.name
        self.release = release_files(script, root)
        self.extras = {name: data for name, data in self.release.items() if name != self.pair.name}

    def edits(self) -> list[str]:
        """A sentence for each notebook with an edit that a build would overwrite."""
        found = []
        if edited(self.pair, notebook_of(self.script)):
            found.append(
                f"{self.pair} was edited since it was generated: `make sync` takes the edit into {self.script.name}; "
                "deleting the .ipynb drops it."
            )
        fresh = nbformat.reads(self.release[self.pair.name].decode(), as_version=4)
        for path, wanted in ((self.notebook, fresh), (self.solution, solved_notebook(self.script))):
            if edited(path, wanted):
                found.append(
                    f"{path} is generated, and was edited since: make the change in {self.script.name} instead, "
                    "then delete or move this file."
                )
        return found

    def solution_is_stale(self) -> bool:
        """Whether the executed solution is missing, or was made from another source than today's."""
        if not self.solution.exists():
            return True
        found, fresh = read_notebook(self.solution), solved_notebook(self.script)
        return found.metadata.get("embedlab") != fresh.metadata["embedlab"] or content(found) != content(fresh)

    def expected(self) -> dict[Path, bytes]:
        """Every generated file but the solution's notebook, with the bytes that it should have."""
        pictures = figures(read_notebook(self.solution)) if self.solution.exists() else {}
        return (
            {self.images / name: data for name, (data, _) in pictures.items()}
            | {self.solutions / name: data for name, data in self.extras.items()}
            | {self.notebooks / name: data for name, data in self.release.items()}
        )

    def stale(self) -> list[Path]:
        """The generated files that are missing, differ from what they should be, or should not be there."""
        expected = self.expected()
        old = [path for path, data in expected.items() if not path.is_file() or path.read_bytes() != data]
        if self.solution_is_stale():
            old.append(self.solution)
        there = {folder / name for folder in self.folders for name in files_below(folder)}
        return sorted({*old, *(there - expected.keys() - {self.solution})})

    def execute(self) -> None:
        """Execute the lesson with its solutions and write solutions/NN/NN.ipynb."""
        start = time.monotonic()
        try:
            solved = execute(solved_notebook(self.script), self.root, self.extras)
            figures(solved)
        except BuildError as error:
            raise BuildError(f"{self.name}: {error}") from None
        write_bytes(self.solution, serialize(without_volatile_parts(solved)).encode())
        print(f"{self.name}: executed in {time.monotonic() - start:.1f} s")

    def build(self, force: bool = False) -> list[str]:
        """Write what is stale; returns a sentence for each file that should not be there and is not ours to delete."""
        if force or self.solution_is_stale():
            self.execute()
        write_pair(self.script)
        expected, left = self.expected(), []
        for path in self.stale():
            if path in expected:
                write_bytes(path, expected[path])
                print(f"wrote {path.relative_to(self.root)}")
            elif path.parent == self.images and path.suffix in (".png", ".gif"):
                path.unlink()
                print(f"removed {path.relative_to(self.root)}: no solution draws it")
            else:
                left.append(f"{path} is not made from source/: delete it or move it elsewhere.")
        return left


def selected(root: Path, names: list[str]) -> list[Path]:
    """The scripts of the chapters called `names`, or of all; ends the program with 2 where there is none."""
    scripts = {script.stem: script for script in chapters(root)}
    if not scripts:
        wrong_use(f"no lesson found: {root / 'source'} should hold folders such as 01_name with 01_name.py in each.")
    for name in names:
        if name not in scripts:
            wrong_use(f"there is no chapter {name!r} below {root / 'source'}; there are: {', '.join(scripts)}.")
    return [script for name, script in scripts.items() if not names or name in names]


def wrong_use(message: str):
    """End the program with exit code 2 and a sentence."""
    print(message, file=sys.stderr)
    sys.exit(2)


def build(scripts: list[Path], root: Path, force: bool) -> list[str]:
    """Build the chapters, or nothing if an edit would be lost; returns what needs a hand."""
    course = [Chapter(script, root) for script in scripts]
    problems = [sentence for chapter in course for sentence in chapter.edits()]
    if not problems:
        for chapter in course:
            problems += chapter.build(force)
    return problems


def check(scripts: list[Path], root: Path) -> list[str]:
    """Say what a build would change; changes nothing."""
    stale = [path for script in scripts for path in Chapter(script, root).stale()]
    problems = [f"{path.relative_to(root)} is out of date with source/." for path in stale]
    return [*problems, "Run `make build`."] if problems else []


def sync_all(scripts: list[Path]) -> list[str]:
    """Take the edits of every chapter's .ipynb into its script and print them as diffs; returns what needs a hand."""
    problems, changed = [], False
    for script in scripts:
        try:
            diff = sync(script)
            print(diff or f"{script.name}: nothing to sync")
            changed = changed or bool(diff)
        except BuildError as error:
            problems.append(str(error))
    if changed:
        print("Run `make build` now. Where JupyterLab has the notebook open, reload the page before you go on.")
    return problems


def main(arguments: list[str] | None = None) -> int:
    """Run the command line `arguments` (the process's own by default); returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="such as 01_logistic_regression; all by default")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="change nothing; say what is out of date")
    what.add_argument("--sync", action="store_true", help="take edits made in JupyterLab into the scripts")
    what.add_argument("--force", action="store_true", help="execute every solution again")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the course's folder")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    scripts = selected(root, options.chapters)
    if not (root / "nbgrader_config.py").is_file():
        wrong_use(f"{root} is not a course: it has no nbgrader_config.py.")
    try:
        if options.sync:
            problems, done = sync_all(scripts), ""
        else:
            problems = check(scripts, root) if options.check else build(scripts, root, options.force)
            done = "Everything is up to date with source/."
    except BuildError as error:
        problems = [str(error)]
    except OSError as error:
        problems = [f"{error.filename}: {error.strerror}; free the file or folder, then run `make build` again."]
    if problems or done:
        print("\n".join(problems) or done, file=sys.stderr if problems else sys.stdout)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
