"""Write report/index.html: what the marks and answers of a class look like, on one page for the instructor.

What it does to the world: reads the results beside the autograded notebooks, and writes one file below report/, whole
or not at all. The page needs nothing else, asks no server for anything and runs no script; its policy forbids both.

What students wrote, their names among it, is text on it and nothing more: Jinja escapes it, and `readable` shortens it
and shows the characters that would hide or turn text around as �. No test's source is read.
"""

import os
import unicodedata
from collections import Counter
from pathlib import Path
from statistics import fmean, median

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from autograder import results
from autograder.analysis import ENOUGH, distribution, exercise_numbers, failures
from autograder.course import Course, Refusal
from autograder.marks import Row
from autograder.results import SubmissionResult
from autograder.words import message_html

MOST_FAILURES = 12
LOW = 0.2
"""Below this discrimination an exercise is worth a look: R. Ebel and D. Frisbie, Essentials of Educational Measurement
(5th edition, 1991), chapter 13."""
JOINERS = "\u200c\u200d"  # invisible, but names in Persian and emoji need them


def write_report(course: Course, rows: list[Row]) -> Path:
    """Write the report on `rows`, as grading returns them; returns the page's path. The same input gives the same page.

    Raises Refusal where it cannot be written; an earlier report stays then.
    """
    page = _environment().get_template("report.html").render(_page(course, rows))
    path = course.root / "report" / "index.html"
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        temporary.write_text(page, encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        sentence = f"The report {path} cannot be written ({error.strerror}): "
        raise Refusal(f"{sentence}see that {path.parent} is a folder of yours and that the disk has room.") from None
    finally:
        if path.parent.is_dir():
            temporary.unlink(missing_ok=True)
    return path


def readable(text, most: int = 200) -> str:
    """`text` on one line of at most `most` characters, without characters that are invisible or reorder others."""
    words = " ".join(str(text)[: 4 * most].split())
    shown = "".join(
        "�" if unicodedata.category(sign) in ("Cc", "Cf", "Cs") and sign not in JOINERS else sign for sign in words
    )
    return shown if len(shown) <= most else f"{shown[: most - 1].rstrip()}…"


def points(value: float | None) -> str:
    """Points to two decimals, as short as they are; a dash for None."""
    return "–" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def share(part: float | None) -> str:
    """A share from 0 to 1 in per cent; a dash for None."""
    return "–" if part is None else f"{100 * part:.0f} %"


def duration(seconds: float | None) -> str:
    """Seconds in words: "under 1 ms", "12 ms", "1.5 s"."""
    if seconds is None:
        return "–"
    if seconds < 0.001:
        return "under 1 ms"
    return f"{1000 * seconds:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def _environment() -> Environment:
    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(readable=readable, points=points, share=share, duration=duration, in_words=message_html)
    return environment


def _page(course: Course, rows: list[Row]) -> dict:
    """Everything that the template shows."""
    names = sorted({row.chapter for row in rows if row.chapter})
    marked = {name: [row for row in rows if row.chapter == name and row.score is not None] for name in names}
    found = {name: _results(course, marked[name]) for name in names}
    flagged = [(row, _reasons(row, found.get(row.chapter, {}).get(row.student))) for row in rows]
    return {
        "course": course.coursedir().course_id,
        "chapters": [_chapter(course, name, rows, list(found[name].values())) for name in names],
        "flagged": [(row, reasons) for row, reasons in flagged if reasons],
        "enough": ENOUGH,
        "low": LOW,
    }


def _results(course: Course, rows: list[Row]) -> dict[str, SubmissionResult]:
    """The saved results by student, of those who have a mark: without one, a result is of an earlier notebook."""
    loaded = {row.student: results.load(course.folder("autograded"), row.student, row.chapter) for row in rows}
    return {student: result for student, result in loaded.items() if result is not None}


def _reasons(row: Row, result: SubmissionResult | None) -> list[str]:
    """Why a human has to look at a submission, in sentences; none where nobody has to."""
    flags = [flag for flag in result.flags if flag not in row.status] if result else []
    return [row.status, *flags] if row.needs_human else flags


def _chapter(course: Course, name: str, rows: list[Row], found: list[SubmissionResult]) -> dict:
    """What the template shows of one chapter."""
    rows = [row for row in rows if row.chapter == name and row.student]
    scores = [row.score for row in rows if row.score is not None]
    most = max((row.max_score for row in rows if row.max_score is not None), default=0)
    reasons = failures(found)
    return {
        "name": name,
        "most": most,
        "graded": len(scores),
        "mean": fmean(scores) if scores else None,
        "median": median(scores) if scores else None,
        "lowest": min(scores, default=None),
        "highest": max(scores, default=None),
        "bars": distribution(scores, most) if scores and most > 0 else [],
        "whole": all(score == int(score) for score in scores),
        "unmarked": sum(row.score is None and row.needs_human for row in rows),
        "absent": [row.student for row in rows if row.score is None and not row.needs_human],
        "waiting": sorted(Counter(cell for row in rows for cell in row.written).items()),
        "explained": len(found),
        "exercises": exercise_numbers(course.lessons[name], found) if found and name in course.lessons else [],
        "failures": reasons[:MOST_FAILURES],
        "rarer": len(reasons[MOST_FAILURES:]),
    }
