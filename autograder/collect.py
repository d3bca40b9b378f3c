"""Put what a learning platform gives to download into submitted/STUDENT/CHAPTER/CHAPTER.ipynb.

`collect` writes below the course's submitted/ and nowhere else; it overwrites no attempt (see `attempts`), and the same
download collected twice changes nothing. It reads the gradebook, where there is one, for the list of students and the
dates when chapters are due, and does not change it.

nbgrader has a command for this, `nbgrader zip_collect`. It unpacks archives and the archives in them to the disk,
without a limit; it wants one regular expression from the instructor for all names, one chapter at a time, and a folder
tree of its own; it leaves `name (1).ipynb` under that name, which is not graded; it stops at two files of one name
without times; and on a second run it refuses, or deletes what was collected before. This one reads the names of Canvas,
Moodle and plain folders by itself, files every chapter at once, keeps every attempt, and says of each file what became
of it.

A time is written into timestamp.txt, from which nbgrader counts late penalties, only where it is that of handing in:
Canvas, and Moodle with its usual settings, give every file in a download the time of the download.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from autograder.attempts import TIME_FORMAT, Attempt, Filed, file_attempts, looks_like_notebook, recorded
from autograder.course import UNUSABLE_NAME, Course, Refusal
from autograder.marks import aligned
from autograder.roster import Roster, read_roster
from autograder.upload_names import NOTEBOOK, Named, contained_chapters, named_chapter, names
from autograder.uploads import Unreadable, Upload, open_uploads, shown

NEW, NEWER, EARLIER, UNCHANGED = "new", "newer attempt", "earlier attempt", "unchanged"
LATE, GUESSED, UNKNOWN = "late", "guessed", "unknown student"
NO_NOTEBOOK, REFUSED, IGNORED = "no notebook", "not collected", "ignored"
ARCHIVE = re.compile(r"\.(zip|7z|rar|tar|tgz|gz|bz2|xz)$", re.IGNORECASE)
DOWNLOAD_TAKES = timedelta(minutes=10)
MANY = 8
LONGEST_NAME = 100


@dataclass(frozen=True)
class Collected:
    """What became of one file of a download.

    source: the file's name in the download, fit for a terminal. target: where it lies now, None if nowhere. status: one
    of the words above; sentence: what happened and, where something is to be done, what.
    """

    student: str
    chapter: str
    source: str
    target: Path | None
    status: str
    sentence: str

    @property
    def needs_human(self) -> bool:
        """Whether somebody should look at it."""
        return self.status in (LATE, GUESSED, UNKNOWN, NO_NOTEBOOK, REFUSED)


@dataclass(frozen=True)
class Owner:
    """Whose a file is: the name of their folder, "" if it cannot be told, and sentences on what is not sure of it."""

    student: str
    is_unknown: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A notebook that can be filed; `guesses` are sentences on what is not sure of its chapter."""

    upload: Upload
    named: Named
    owner: Owner
    chapter: str
    attempt: Attempt
    guesses: tuple[str, ...]


def collect(
    course: Course, source: Path, *, students: Iterable[str] | Mapping[str, str] | None = None
) -> list[Collected]:
    """File the notebooks in the zip or folder `source`; returns what became of each file, sorted by student.

    students: the course's list, instead of the gradebook's; a mapping leads from names or numbers of the learning
    platform to students. Work of somebody who is not on the list is filed under the name that it came with.
    Raises Refusal, before anything is written, when `source` or the gradebook cannot be read.
    """
    source, submitted = Path(source), course.folder("submitted")
    ours, theirs = submitted.resolve(), source.resolve()
    if ours == theirs or ours in theirs.parents or theirs in ours.parents:
        raise Refusal(f"{source} is the course's own folder or in it: give the download that is to be collected.")
    roster = read_roster(course, students)
    rows, groups = [], defaultdict(list)
    with open_uploads(source) as uploads:
        told = names([upload.name for upload in uploads], course.lessons, roster.knows)
        times = _times(uploads, told, source)
        numbers = defaultdict(set)
        for named in told:
            numbers[named.platform, named.student].add(named.number)
        for position, (upload, named, time) in enumerate(zip(uploads, told, times, strict=True)):
            owner = _owner(named, numbers[named.platform, named.student], roster, course)
            found = _examine(course, upload, named, owner, (*time, position))
            if isinstance(found, Candidate):
                groups[owner.student, found.chapter].append(found)
            else:
                rows.append(found)
        for (student, chapter), candidates in groups.items():
            rows += _file(submitted / student / chapter, candidates, roster.deadline(chapter, student))
    return sorted(rows, key=lambda row: (row.student, row.chapter, row.source))


def _times(uploads: list[Upload], told: list[Named], source: Path) -> list[tuple[datetime, bool]]:
    """For each file a time that tells old from new, and whether it is that of handing in.

    Files that a learning platform packed within some minutes, or one after the other, have the time of packing; a
    single one is compared with the download itself.
    """
    made = datetime.fromtimestamp(source.stat().st_mtime, UTC)
    packed = [upload.time for upload, named in zip(uploads, told, strict=True) if upload.time and named.platform]
    span = [*packed, made] if len(packed) == 1 else packed
    in_turn = len(packed) >= MANY and packed == sorted(packed)
    at_once = bool(span) and (max(span) - min(span) <= DOWNLOAD_TAKES or in_turn)
    return [
        (max(packed), False) if at_once and named.platform else (upload.time or made, upload.time is not None)
        for upload, named in zip(uploads, told, strict=True)
    ]


def _owner(named: Named, numbers: set[str], roster: Roster, course: Course) -> Owner:
    """Whose a file is; `numbers` are those of all people of that name in the download.

    Namesakes are told apart by the platform's number, on Canvas also from those whose work was collected before.
    """
    if not named.student:
        return Owner("")
    student = roster.find("", named.number)
    notes = ()
    if not student:
        student = roster.find(named.student) or named.student
        apart = f"{named.student}_{named.number}"
        if named.number and (
            (course.folder("submitted") / _folder_name(apart, course)).is_dir()
            or _belongs_to_another(named, student, len(numbers) > 1, course)
        ):
            student = apart
            notes = (f"more than one person is called {shown(named.student)}, this is number {named.number}",)
    folder = _folder_name(student, course)
    if folder != student:
        notes = (*notes, f"the name {shown(student)!r} cannot be a folder's, so {folder} is")
    unknown = bool(roster.students) and student not in roster.students
    if unknown:
        notes = (*notes, f"{folder} is not on the course's list: move the folder if it is somebody else's name")
    return Owner(folder, unknown, notes)


def _belongs_to_another(named: Named, student: str, has_namesakes: bool, course: Course) -> bool:
    """Whether the folder of that name is, or might be, another person's."""
    folder = course.folder("submitted") / _folder_name(student, course)
    people = {attempt.person for chapter in course.lessons for attempt in recorded(folder / chapter)} - {""}
    return named.number not in people if named.platform == "Canvas" and people else has_namesakes


def _folder_name(student: str, course: Course) -> str:
    """A name that a student's folder can have: the student's, or one that is like it and no other student's."""
    if (
        student.isprintable()
        and not UNUSABLE_NAME.search(student)
        and not student.startswith((".", "~"))
        and not re.search(r"[/\\]", student)
        and len(student.encode()) <= LONGEST_NAME
        and student not in course.lessons
    ):
        return student
    likeness = re.sub(r"[^\w @.-]", "_", student)[:40].strip(" .") or "student"
    return f"{likeness}_{hashlib.sha256(student.encode(errors='surrogatepass')).hexdigest()[:8]}"


def _examine(
    course: Course, upload: Upload, named: Named, owner: Owner, when: tuple[datetime, bool, int]
) -> Candidate | Collected:
    """A notebook that can be filed, or what became of a file that cannot."""

    def not_filed(status: str, sentence: str) -> Collected:
        chapter = "" if upload.fault else named_chapter(named, course.lessons)
        return Collected(owner.student, chapter, shown(upload.name), None, status, sentence)

    if upload.fault:
        return not_filed(REFUSED, f"it {upload.fault}")
    if named.is_junk:
        return not_filed(IGNORED, "it is a hidden file or one that a program left behind")
    if ARCHIVE.search(named.file):
        return not_filed(NO_NOTEBOOK, "it is an archive, which is not opened: unpack it and collect its notebook")
    if not NOTEBOOK.search(named.file):
        return not_filed(NO_NOTEBOOK, "it is no notebook: ask for the .ipynb file if that did not come too")
    if not owner.student:
        return not_filed(REFUSED, "nothing tells whose it is: put it into a folder STUDENT/ and collect that")
    try:
        data = upload.read()
    except Unreadable as reason:
        return not_filed(REFUSED, f"it {reason}")
    chapter, guesses = _chapter(named, data, course)
    if not chapter:
        return not_filed(REFUSED, "neither name nor cells tell its chapter: rename it to CHAPTER.ipynb, collect again")
    time, is_known, position = when
    attempt = Attempt(
        looks_like_notebook(data),
        time.strftime(TIME_FORMAT),
        named.attachment,
        named.copies,
        position,
        hashlib.sha256(data).hexdigest(),
        is_known,
        shown(upload.name),
        named.number if named.platform == "Canvas" else "",
    )
    return Candidate(upload, named, owner, chapter, attempt, guesses)


def _chapter(named: Named, data: bytes, course: Course) -> tuple[str, tuple[str, ...]]:
    """The chapter of a notebook, "" if it cannot be told, and sentences on what was guessed.

    Its name tells, unless all its cells are another chapter's.
    """
    told, cells = named_chapter(named, course.lessons), contained_chapters(data, course.lessons)
    most = [name for name, count in cells.items() if count == max(cells.values())]
    chapter, guesses = told, []
    if told not in cells and len(most) == 1:
        chapter = most[0]
        guesses.append(f"its cells are those of {chapter}, its name says {told or 'no chapter'}")
    for folder in named.folders:
        if folder in course.lessons and folder not in (chapter, told):
            guesses.append(f"it lay in a folder of {folder}")
    return chapter, tuple(guesses)


def _file(folder: Path, candidates: list[Candidate], deadline: datetime | None) -> list[Collected]:
    """File the attempts of one student at one chapter; returns what became of each."""
    student, chapter = folder.parent.name, folder.name
    try:
        filed = file_attempts(folder, {found.attempt: found.upload.read for found in candidates})
    except Unreadable as reason:
        return [
            Collected(student, chapter, found.attempt.source, None, REFUSED, f"it {reason}") for found in candidates
        ]
    rows = []
    for found in candidates:
        source, newest = found.attempt.source, filed.newest
        if found.attempt.sha256 != newest.sha256:
            target = filed.kept[found.attempt.sha256]
            why = "older than" if found.attempt.is_notebook else "no complete notebook, as is"
            sentence = f"it is {why} {newest.source} and is kept as .earlier/{target.name}"
            rows.append(Collected(student, chapter, source, target, EARLIER, sentence))
        elif not filed.is_new or found.attempt != newest:
            what = f"the same as {newest.source}" if filed.is_new else "there already"
            rows.append(Collected(student, chapter, source, folder / f"{chapter}.ipynb", UNCHANGED, f"it is {what}"))
        else:
            status, sentence = _words(found, filed, deadline)
            rows.append(Collected(student, chapter, source, folder / f"{chapter}.ipynb", status, sentence))
    return rows


def _words(found: Candidate, filed: Filed, deadline: datetime | None) -> tuple[str, str]:
    """Status and sentence of a notebook that was filed."""
    status, parts = NEWER if filed.replaced else NEW, ["filed"]
    if found.named.file != f"{found.chapter}.ipynb":
        parts.append(f"it was called {shown(found.named.file)}")
    if filed.kept:
        parts.append(f"earlier attempts are kept in .earlier: {len(filed.kept)}")
    since = datetime.strptime(filed.since, TIME_FORMAT).replace(tzinfo=UTC) if filed.since else None
    if since and deadline and since > deadline:
        status = LATE
        parts.append(f"handed in {_duration(since - deadline)} after {deadline:%Y-%m-%d %H:%M} UTC, when it was due")
    elif found.named.late:
        status = LATE
        parts.append("late, says Canvas" + ("" if since else ", not how much: give a penalty by hand"))
    elif deadline and not since and found.named.platform == "Moodle":
        parts.append("whether it was in time is not known, the download does not tell")
    if found.guesses or found.owner.notes:
        status = GUESSED
        parts += [*found.guesses, *found.owner.notes]
    if found.owner.is_unknown:
        status = UNKNOWN
    if not found.attempt.is_notebook:
        status = NO_NOTEBOOK
        parts.append("it is no complete notebook: ask for it again")
    return status, "; ".join(parts)


def _duration(span: timedelta) -> str:
    """A time span in its two largest units."""
    minutes = int(span.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else "less than a minute"


def table(collected: list[Collected]) -> str:
    """What became of each file, as a table for a terminal; files that programs left behind are only counted."""
    lines = [("student", "chapter", "file", "", "")]
    for row in collected:
        if row.status != IGNORED:
            lines.append((row.student or "?", row.chapter or "?", row.source, row.status, row.sentence))
    ignored = len(collected) + 1 - len(lines)
    return aligned(lines) + (
        f"\n\nHidden files and leftovers of programs, not collected: {ignored}." if ignored else ""
    )
