"""The course that is to be graded: its folders, its lessons and nbgrader's settings for it.

Opening a course reads files only; it also puts this interpreter's folder of programs on PATH, because nbgrader starts
`alembic` by its name.
"""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import Config, PyFileConfigLoader

from autograder.lesson import Lesson, chapters, read_lesson

# nbgrader finds folders with glob and regular expressions, and takes spaces off both ends of a name.
UNUSABLE_NAME = re.compile(r"[*?\[\]\x00-\x1f\x7f]|^\s|\s$")


class Refusal(Exception):
    """Grading cannot start; the message says in one sentence what to do, and nothing was written."""


@dataclass(frozen=True)
class Course:
    """A course folder; `config` is nbgrader's, `lessons` maps a chapter's name to its lesson."""

    root: Path
    config: Config
    lessons: dict[str, Lesson]

    def folder(self, step: str) -> Path:
        """The course's folder for one of nbgrader's steps: source, release, submitted, autograded or feedback."""
        return self._folders[step]

    def coursedir(self, chapter: str = "", student: str = "*") -> CourseDirectory:
        """nbgrader's view of the course, for one chapter and student."""
        coursedir = CourseDirectory(config=self.config)
        coursedir.assignment_id, coursedir.student_id = chapter, student
        return coursedir

    @cached_property
    def _folders(self) -> dict[str, Path]:
        steps, coursedir = ("source", "release", "submitted", "autograded", "feedback"), self.coursedir()
        return {step: self.root / getattr(coursedir, f"{step}_directory") for step in steps}

    @cached_property
    def db_url(self) -> str:
        """The gradebook, as an SQLAlchemy URL."""
        return self.coursedir().db_url


def open_course(root: Path, db_url: str | None = None) -> Course:
    """The course in folder `root`, with its gradebook at `db_url` if given; raises Refusal when it cannot be graded."""
    root = Path(root).resolve()
    if not (root / "nbgrader_config.py").is_file():
        raise Refusal(f"{root} is not a course, it has no nbgrader_config.py: go to the course's folder or use --root.")
    if UNUSABLE_NAME.search(str(root)):
        raise Refusal(f"nbgrader cannot work in {root}: move the course to a folder without *, ? or [ in its path.")
    programs = [str(Path(sys.executable).parent), *os.environ.get("PATH", "").split(os.pathsep)]
    os.environ["PATH"] = os.pathsep.join(dict.fromkeys(programs))
    if shutil.which("alembic") is None:
        raise Refusal("nbgrader needs the program alembic, which is missing here: run `python3.11 tools/install.py`.")
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root)
    if db_url:
        config.CourseDirectory.db_url = db_url
    try:
        lessons = {script.stem: read_lesson(script) for script in chapters(root)}
    except ValueError as error:
        raise Refusal(f"{error}. Mend the lesson, then run `make build`.") from None
    if not lessons:
        raise Refusal(f"No lesson found: {root / 'source'} should hold folders like 01_name with 01_name.py in each.")
    return Course(root, config, lessons)
