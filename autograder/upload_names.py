"""Whose file it is and for which chapter, as its name in a download tells.

Changes nothing. Known are

- Canvas, `NAME_USERID_FILEID_FILE` or `NAME_LATE_USERID_FILEID_FILE`, all in one folder; NAME is family and given name
  without spaces and in lower case, and is missing, or is `anon_` and letters, where grading is anonymous;
- Moodle, a folder `NAME_NUMBER_assignsubmission_file_` for each student, or the same in front of each file's name;
  NUMBER is another one in each assignment;
- plain folders, `STUDENT/CHAPTER/FILE`, `STUDENT/FILE` and `CHAPTER/STUDENT/FILE`, also below one more folder.

The part that a learning platform wrote comes first, so no student can claim another's name by what a file is called.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from autograder.lesson import Lesson

CANVAS = re.compile(
    r"(?:(?P<name>\w+?)_)??(?P<late>LATE_)?(?:(?P<number>\d+)|(?P<anonymous>anon_[^\W_]+))_(?P<file>\d+)_(?P<rest>.+)",
    re.IGNORECASE | re.DOTALL,
)
MOODLE = re.compile(r"(?P<name>[^_]+)(_(?P<number>\d+))?_assignsubmission_[a-z]+(?:_(?P<rest>.*))?", re.DOTALL)
NOTEBOOK = re.compile(r"\.ipynb(\.txt|\.json)?$", re.IGNORECASE)
COPY = re.compile(r"\((\d{1,4})\)$|-(\d{1,4})$|[ _-]copy ?(\d{0,4})$", re.IGNORECASE)
GRADE_ID = re.compile(rb'"grade_id"\s*:\s*"([^"\\]{1,200})"')
JUNK = ("__MACOSX", "Thumbs.db", "desktop.ini", "timestamp.txt")


@dataclass(frozen=True)
class Named:
    """What a name tells.

    platform: "Canvas", "Moodle" or "". student: the name of whoever handed it in, "" if not told. number: the
    platform's number for them, "" if none. late: Canvas's mark. attachment: Canvas's number of the file, which grows.
    file: the file's name as the student had it. folders: the folders around it that may be a chapter's.
    """

    platform: str
    student: str
    number: str
    late: bool
    attachment: int
    file: str
    folders: tuple[str, ...]

    @property
    def is_junk(self) -> bool:
        """Whether it is a file that programs leave behind."""
        return any(part.startswith((".", "~")) or part in JUNK for part in (*self.folders, self.file))

    @property
    def copies(self) -> tuple[int, ...]:
        """The numbers that programs put behind a name to tell copies apart: (2,) in `name (2).ipynb`."""
        return _without_copies(self.file)[1]


def plain(text: str) -> str:
    """Letters and digits only, all lower case: what is left of a name when people and programs spell it."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def names(paths: Iterable[str], lessons: dict[str, Lesson], is_student: Callable[[str], bool]) -> list[Named]:
    """What each path in a download tells; `is_student` says whether a folder's name is one on the course's list."""
    chapters = {plain(name) for name in lessons}
    parts = [tuple(part for part in path.split("/") if part not in ("", ".")) or ("?",) for path in paths]
    notebooks = [part for part in parts if NOTEBOOK.search(part[-1]) and part[0] not in JUNK]
    outermost = {part[0] if len(part) > 1 else "" for part in notebooks}
    wrapped = len(outermost) == 1 and "" not in outermost
    inside = {part[1] for part in notebooks if len(part) > 2 and plain(part[1]) not in chapters}
    around = int(wrapped and len(inside) > 1 and not is_student(*outermost))
    return [_named(part, wrapped, around, chapters) for part in parts]


def _named(parts: tuple[str, ...], wrapped: bool, around: int, chapters: set[str]) -> Named:
    """What one path tells. Only the outermost folders count, because those further in are made by students.

    wrapped: all notebooks lie in one folder. around: 1 where that folder holds more than one student's.
    """
    *folders, file = parts
    for position, folder in enumerate(folders[: 1 + wrapped]):
        if match := MOODLE.fullmatch(folder):
            return _moodle(match, file, tuple(folders[position + 1 :]))
    if len(folders) <= wrapped:
        if match := MOODLE.fullmatch(file):
            return _moodle(match, match["rest"] or "?", ())
        if match := CANVAS.fullmatch(file):
            student = match["name"] or match["anonymous"] or match["number"]
            number = match["number"] or match["anonymous"]
            return Named("Canvas", student, number, bool(match["late"]), int(match["file"]), match["rest"], ())
    owners = [folder for folder in (folders[around:] or folders)[:2] if plain(folder) not in chapters]
    student = unicodedata.normalize("NFC", owners[0]) if owners else ""
    return Named("", student, "", False, 0, file, tuple(folders))


def _moodle(match: re.Match, file: str, folders: tuple[str, ...]) -> Named:
    name, number = unicodedata.normalize("NFC", match["name"]), match["number"] or ""
    student = f"{name}_{number}" if name == "Participant" else name
    return Named("Moodle", student, number, False, 0, file, folders)


def _without_copies(file: str) -> tuple[str, tuple[int, ...]]:
    """A file's name without its ending and without the numbers of copies, and these, the last one last."""
    stem, numbers = NOTEBOOK.sub("", file).strip(), ()
    while match := COPY.search(stem):
        number = next((group for group in match.groups() if group is not None), "")
        stem, numbers = stem[: match.start()].rstrip(" _-"), (int(number or 1), *numbers)
    return stem, numbers


def named_chapter(named: Named, lessons: dict[str, Lesson]) -> str:
    """The chapter that the file's name holds, or the nearest folder's; "" if none or more than one."""
    for text in (_without_copies(named.file)[0], *reversed(named.folders)):
        exact = [chapter for chapter in lessons if plain(chapter) == plain(text)]
        held = exact or [chapter for chapter in lessons if plain(chapter) in plain(text)]
        if len(held) == 1:
            return held[0]
    return ""


def contained_chapters(data: bytes, lessons: dict[str, Lesson]) -> dict[str, int]:
    """How many of each chapter's cells a notebook holds, by their grade_ids; without parsing it."""
    wanted = {cell.grade_id.encode() for lesson in lessons.values() for cell in lesson.cells if cell.grade_id}
    found = {match[1] for match in GRADE_ID.finditer(data) if match[1] in wanted}
    return {
        name: count
        for name, lesson in lessons.items()
        if (count := sum(cell.grade_id is not None and cell.grade_id.encode() in found for cell in lesson.cells))
    }
