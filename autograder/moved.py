"""Whose mark moved, from before a grading to after it, also where the grading was interrupted and goes on later.

`remember` writes autograded/.before.json when a grading begins, and `forget` removes it when that grading has told what
moved; nbgrader copies no hidden files.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from autograder.course import Course
from autograder.marks import Row

Key = tuple[str, str]


@dataclass(frozen=True)
class Moved:
    """A mark that is another one than before this grading."""

    chapter: str
    student: str
    before: float
    after: float


def remember(course: Course, scores: dict[Key, float]) -> dict[Key, float]:
    """Keep the marks that stand now, by (chapter, student); returns them as they stood before interrupted gradings."""
    known = scores | _read(course)
    _write(course, known)
    return known


def moved(before: dict[Key, float], rows: list[Row]) -> list[Moved]:
    """The marks that were there before and are others now, in the order of the rows."""
    return [
        Moved(row.chapter, row.student, before[row.chapter, row.student], row.score)
        for row in rows
        if row.score is not None and before.get((row.chapter, row.student), row.score) != row.score
    ]


def forget(course: Course, keys: Iterable[Key]) -> None:
    """Keep no longer what stood before for these; what an interrupted grading of others left stays."""
    done = set(keys)
    _write(course, {key: score for key, score in _read(course).items() if key not in done})


def _path(course: Course) -> Path:
    return course.folder("autograded") / ".before.json"


def _read(course: Course) -> dict[Key, float]:
    try:
        text = _path(course).read_text(encoding="utf-8")
        return {(chapter, student): float(score) for chapter, student, score in json.loads(text)}
    except (OSError, ValueError, TypeError):
        return {}


def _write(course: Course, scores: dict[Key, float]) -> None:
    path = _path(course)
    if not scores:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps([[*key, score] for key, score in sorted(scores.items())]), encoding="utf-8")
    os.replace(temporary, path)
