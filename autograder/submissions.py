"""What lies in submitted/: which notebooks can be graded, and in words what is wrong with the others.

Reads files; changes nothing. A submission is submitted/STUDENT/CHAPTER/CHAPTER.ipynb. Whatever else is there is
reported for a human to look at, and stops nobody else's grading.
"""

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from nbgrader.utils import parse_utc

from autograder.course import UNUSABLE_NAME
from autograder.lesson import Lesson
from autograder.notebook_file import read_notebook

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
LONGEST_NAME = 128
LONGEST_TIMESTAMP = 1000


@dataclass(frozen=True)
class Submission:
    """What one student handed in for one chapter.

    student: the folder's name, as it can be printed; fault: why it cannot be graded, a sentence; "" if it can.
    notes: sentences for a human, about a submission that can be graded.
    """

    student: str
    chapter: str
    folder: Path
    fault: str = ""
    notes: tuple[str, ...] = ()


def find_submissions(submitted: Path, lessons: dict[str, Lesson]) -> list[Submission]:
    """Everything handed in, sorted by chapter and student, at most one Submission for each pair of them.

    A notebook in a wrong place becomes a faulty submission of the chapter that its name tells, or of chapter "".
    """
    found, strays = {}, []
    for entry in _entries(submitted):
        name = printable(entry.name)
        if not entry.is_dir():
            sentence = f"{name} lies in no student's folder: move it to submitted/STUDENT/CHAPTER/"
            strays.append(Submission("", _guess(entry, lessons), entry, sentence))
        elif entry.name in lessons:
            sentence = f"submitted/{name} is in a student's place: it has to be submitted/STUDENT/{name}/"
            strays.append(Submission("", name, entry, sentence))
        else:
            children = _entries(entry)
            for child in children:
                if child.name in lessons and child.is_dir():
                    found[name, child.name] = inspect(lessons[child.name], child)
                else:
                    strays += _strays(name, child, lessons)
            if not children:
                strays.append(Submission(name, "", entry, f"submitted/{name} is empty"))
    for stray in strays:
        key = (stray.student, stray.chapter)
        known = found.get(key)
        if known is None:
            found[key] = stray
        elif known.fault:
            found[key] = replace(known, fault=f"{known.fault}; {stray.fault}")
        else:
            found[key] = replace(known, notes=(*known.notes, stray.fault))
    return sorted(found.values(), key=lambda submission: (submission.chapter, submission.student))


def printable(name: str) -> str:
    """A file's name as it can be written anywhere: escapes for control characters and for bytes that are no UTF-8."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def inspect(lesson: Lesson, folder: Path) -> Submission:
    """The submission in `folder`, submitted/STUDENT/CHAPTER, with what is wrong with its files and cells."""
    expected, student = f"{lesson.name}.ipynb", printable(folder.parent.name)
    notebooks = sorted(path.name for path in folder.glob("*.ipynb"))
    others = ", ".join(printable(name) for name in notebooks if name != expected)
    links = [path.relative_to(folder) for path in folder.rglob("*") if path.is_symlink()]
    fault = ""
    if student != folder.parent.name or UNUSABLE_NAME.search(student):
        fault = (
            "nbgrader cannot handle this folder's name: "
            "rename it, without *, ? or [, without spaces at its ends, with letters and digits of any script"
        )
    elif len(student) > LONGEST_NAME:
        fault = f"this folder's name is longer than {LONGEST_NAME} characters: rename it"
    elif folder.is_symlink() or folder.parent.is_symlink() or links:
        link = printable(str(links[0])) if links else "the folder"
        fault = f"{link} is a link to somewhere else: put the file itself there"
    elif expected not in notebooks and others:
        fault = f"the notebook is called {others}: if it is the one that was meant, rename it to {expected}"
    elif expected not in notebooks:
        fault = f"there is no notebook in {student}/{lesson.name}: ask for {expected}"
    else:
        _, fault = read_notebook(folder / expected)
    fault = fault or _timestamp_fault(folder / "timestamp.txt")
    notes = ()
    if others and not fault:
        notes = (f"{others} was handed in too and is not graded: see which one counts",)
    return Submission(student, lesson.name, folder, fault, notes)


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, without hidden files."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _strays(student: str, path: Path, lessons) -> list[Submission]:
    """Faulty submissions for the notebooks at or below `path`, which is no chapter's folder."""
    notebooks = [path] if path.suffix == ".ipynb" else sorted(path.rglob("*.ipynb")) if path.is_dir() else []
    found = []
    for notebook in notebooks:
        chapter, place = _guess(notebook, lessons), printable(str(notebook.relative_to(path.parents[1])))
        target = f"{student}/{chapter}/{chapter}.ipynb" if chapter else f"{student}/CHAPTER/CHAPTER.ipynb"
        found.append(Submission(student, chapter, notebook, f"{place} lies in the wrong place: move it to {target}"))
    if path.is_dir() and not notebooks:
        chapter = _guess(path, lessons)
        sentence = f"{student}/{printable(path.name)} is no chapter's folder and holds no notebook"
        found.append(Submission(student, chapter, path, sentence))
    return found


def _guess(path: Path, lessons) -> str:
    """The chapter whose name the file's name or one of the two folders above it starts with; "" if none."""
    names = [path.stem, path.parent.name, path.parents[1].name]
    return next((chapter for name in names for chapter in lessons if name.startswith(chapter)), "")


def _timestamp_fault(path: Path) -> str:
    """What is wrong with the time of handing in; "" if it is readable or not there."""
    fault = "timestamp.txt holds no date: write one such as 2026-03-01 12:00:00 UTC, or delete it"
    try:
        if not path.exists():
            return ""
        if not path.is_file() or path.stat().st_size > LONGEST_TIMESTAMP:
            return fault
        text = path.read_text(encoding="utf-8").strip()
        if text:
            parse_utc(text)
    except (OSError, ValueError, OverflowError):
        return fault
    return ""
