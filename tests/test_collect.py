"""`collect`: what Canvas, Moodle and people hand over becomes submitted/, each file is spoken of, and none is lost."""

import os
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from downloads import (
    FILE,
    NOON,
    OTHER,
    by_source,
    course,
    download,
    everything_in,
    make_two_chapters,
    notebook,
    only,
    submitted,
)
from nbgrader.api import Gradebook
from nbgrader.utils import find_all_files
from small_course import CHAPTER

from autograder.collect import collect, table
from autograder.course import Refusal, open_course
from autograder.submissions import find_submissions

MOODLE = "Ada Lovelace_123456_assignsubmission_file_"


@pytest.fixture(scope="module")
def gradebook_of_two(tmp_path_factory):
    """A gradebook with Ada and Alan in it; chapter 1 is due at noon UTC, for Alan two days later."""
    path = tmp_path_factory.mktemp("gradebook") / "gradebook.db"
    with Gradebook(f"sqlite:///{path}", "embeddings_from_scratch") as book:
        book.add_student("ada", first_name="Ada", last_name="Lovelace", lms_user_id="12345")
        book.add_student("alan", first_name="Alan", last_name="Turing")
        book.add_assignment(CHAPTER, duedate="2026-03-01 12:00:00 UTC")
        with book.db.no_autoflush:
            book.add_submission(CHAPTER, "alan")
        book.grant_extension(CHAPTER, "alan", days=2)
    return path


@pytest.fixture
def gradebook(gradebook_of_two, course):
    """The course's gradebook: its path."""
    return Path(shutil.copy(gradebook_of_two, course.root))


CANVAS_NAMES = {
    f"lovelaceada_12345_67890_{FILE}": ("lovelaceada", "new"),
    f"turingalan_LATE_12346_67891_{CHAPTER}-1.ipynb": ("turingalan", "late"),
    f"müllerzoë_12347_67892_{CHAPTER}-2.ipynb": ("müllerzoë", "new"),
    f"le_guinursula_12348_67893_{FILE}": ("le_guinursula", "new"),
    f"anon_x7Yz2_67894_{FILE}": ("anon_x7Yz2", "new"),
    f"LATE_anon_q1Wxy_67895_{FILE}": ("anon_q1Wxy", "late"),
    f"hoppergrace_12349_67896_{CHAPTER} (1).ipynb": ("hoppergrace", "new"),
}


@pytest.mark.parametrize("as_folder", [False, True])
def test_canvas(course, submitted, download, tmp_path, as_folder):
    source = download({name: notebook(name) for name in CANVAS_NAMES})
    if as_folder:
        zipfile.ZipFile(source).extractall(tmp_path / "unpacked")
        source = tmp_path / "unpacked"
    rows = by_source(collect(course, source))
    assert {name: (row.student, row.status) for name, row in rows.items()} == CANVAS_NAMES
    for name, (student, _) in CANVAS_NAMES.items():
        assert (submitted / student / CHAPTER / FILE).read_bytes() == notebook(name)
        assert rows[name].target == submitted / student / CHAPTER / FILE
        assert rows[name].chapter == CHAPTER
    assert f"it was called {CHAPTER} (1).ipynb" in rows[f"hoppergrace_12349_67896_{CHAPTER} (1).ipynb"].sentence
    assert {found.student for found in find_submissions(submitted, course.lessons)} == {
        student for student, _ in CANVAS_NAMES.values()
    }


@pytest.mark.parametrize(
    "name",
    [
        f"{MOODLE}/{FILE}",
        f"{MOODLE}{FILE}",
        f"{MOODLE[:-1]}/{FILE}",
        f"{MOODLE}/my work/{FILE}",
        f"download/{MOODLE}/{FILE}",
    ],
)
def test_moodle(course, submitted, download, name):
    row = only(collect(course, download({name: notebook()})))
    assert (row.student, row.chapter, row.status) == ("Ada Lovelace", CHAPTER, "new")
    assert (submitted / "Ada Lovelace" / CHAPTER / FILE).read_bytes() == notebook()


@pytest.mark.parametrize(
    "names",
    [
        [f"ada/{CHAPTER}/{FILE}", f"alan/{CHAPTER}/{FILE}"],
        [f"ada/{FILE}", f"alan/{FILE}"],
        [f"{CHAPTER}/ada/{FILE}", f"{CHAPTER}/alan/{FILE}"],
        [f"spring/ada/{FILE}", f"spring/alan/{FILE}"],
        [f"spring/ada/{CHAPTER}/{FILE}", f"spring/alan/{CHAPTER}/{FILE}"],
        [f"ada\\{CHAPTER}\\{FILE}", f"alan\\{CHAPTER}\\{FILE}"],
        [f"ada/{CHAPTER.upper()}.IPYNB", "alan/01 Small.ipynb.txt"],
        [f"ada/Copy of {FILE}", f"alan/{CHAPTER}-Copy2.ipynb"],
    ],
)
def test_plain_folders(course, submitted, download, names):
    rows = collect(course, download({name: notebook(name) for name in names}))
    assert [(row.student, row.status) for row in rows] == [("ada", "new"), ("alan", "new")]
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook(names[0])
    assert (submitted / "alan" / CHAPTER / FILE).read_bytes() == notebook(names[1])


def test_a_student_of_two_chapters_is_no_folder_of_students(course, submitted, download):
    collect(
        course, download({f"ada/{CHAPTER}/{FILE}": notebook(), f"ada/{OTHER}/{OTHER}.ipynb": notebook("", "triple")})
    )
    assert sorted(path.name for path in (submitted / "ada").iterdir()) == [CHAPTER, OTHER]


def test_time_is_written_as_nbgrader_reads_it(course, submitted, download):
    collect(course, download({f"ada/{FILE}": notebook()}, {f"ada/{FILE}": datetime(2026, 2, 3, 4, 5, 6)}))
    expected = datetime(2026, 2, 3, 4, 5, 6).astimezone(UTC).replace(tzinfo=None)
    assert course.coursedir().get_existing_timestamp(str(submitted / "ada" / CHAPTER)) == expected


def test_times_of_a_download_are_not_those_of_handing_in(course, submitted, download, gradebook):
    names = [f"{MOODLE}/{FILE}", f"Alan Turing_123457_assignsubmission_file_/{FILE}"]
    files = {name: notebook(name) for name in names}
    rows = collect(course, download(files, dict.fromkeys(names, NOON + timedelta(days=9))))
    assert [row.status for row in rows] == ["new", "new"]
    assert all("not known" in row.sentence for row in rows)
    assert not list(submitted.rglob("timestamp.txt"))
    apart = download(files, {names[0]: NOON, names[1]: NOON + timedelta(days=9)}, "apart.zip")
    collect(open_course(make_two_chapters(course.root.parent / "again")), apart)
    assert len(list((course.root.parent / "again").rglob("timestamp.txt"))) == 2


def test_late(course, download, gradebook):
    due = datetime(2026, 3, 1, 12, tzinfo=UTC).astimezone().replace(tzinfo=None)
    names = {f"ada/{FILE}": timedelta(hours=2, minutes=5), f"alan/{FILE}": timedelta(days=1)}
    rows = collect(course, download({name: notebook() for name in names}, {n: due + t for n, t in names.items()}))
    assert [(row.student, row.status) for row in rows] == [("ada", "late"), ("alan", "new")]
    assert "2 h 5 min after 2026-03-01 12:00 UTC" in rows[0].sentence


def test_newest_of_repeated_attempts_counts_and_others_are_kept(course, submitted, download):
    names = [f"ada_1_{number}_{CHAPTER}{end}.ipynb" for number, end in ((10, ""), (12, "-2"), (9, "-1"))]
    rows = by_source(collect(course, download({name: notebook(name) for name in names})))
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook(names[1])
    assert [rows[name].status for name in names] == ["earlier attempt", "new", "earlier attempt"]
    kept = {path.read_bytes() for path in (submitted / "ada" / CHAPTER / ".earlier").iterdir()}
    assert kept == {notebook(names[0]), notebook(names[2])}
    assert all(rows[name].target.read_bytes() == notebook(name) for name in names)
    assert names[1] in rows[names[0]].sentence


def test_copies_of_one_time_go_by_their_numbers(course, submitted, download):
    names = [f"ada/{CHAPTER}{end}.ipynb" for end in (" (10)", "", " (2)")]
    collect(course, download({name: notebook(name) for name in names}))
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook(names[0])


@pytest.mark.parametrize("newest_first", [False, True])
def test_downloads_in_any_order_leave_the_newest(course, submitted, download, newest_first):
    first = download({f"ada/{FILE}": notebook("1")}, {f"ada/{FILE}": NOON}, "1.zip")
    second = download({f"ada/{FILE}": notebook("2")}, {f"ada/{FILE}": NOON + timedelta(hours=1)}, "2.zip")
    statuses = [
        only(collect(course, source)).status for source in ((second, first) if newest_first else (first, second))
    ]
    assert statuses == (["new", "earlier attempt"] if newest_first else ["new", "newer attempt"])
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook("2")
    assert [path.read_bytes() for path in (submitted / "ada" / CHAPTER / ".earlier").iterdir()] == [notebook("1")]
    found = (NOON + timedelta(hours=1)).astimezone(UTC)
    assert (submitted / "ada" / CHAPTER / "timestamp.txt").read_text().startswith(f"{found:%Y-%m-%d %H:%M:%S}")


def test_going_back_to_an_earlier_attempt(course, submitted, download):
    for hour, answer in enumerate("121"):
        collect(course, download({f"ada/{FILE}": notebook(answer)}, {f"ada/{FILE}": NOON + timedelta(hours=hour)}))
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook("1")


def test_the_same_again_changes_nothing(course, submitted, download):
    names = [*CANVAS_NAMES, f"lovelaceada_12345_67899_{CHAPTER}-3.ipynb", f"lovelaceada_12345_67898_{CHAPTER}-2.ipynb"]
    source = download({name: notebook(name) for name in names})
    collect(course, source)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in submitted.rglob("*") if path.is_file()}
    rows = collect(course, source)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in submitted.rglob("*") if path.is_file()}
    assert after == before
    assert {row.status for row in rows} == {"unchanged", "earlier attempt"}
    assert not any(row.needs_human for row in rows)


def test_unchanged_work_handed_in_again_keeps_its_first_time(course, submitted, download):
    names = [f"ada/{FILE}", f"ada/{CHAPTER} (1).ipynb"]
    times = {names[0]: NOON, names[1]: NOON + timedelta(days=1)}
    rows = by_source(collect(course, download(dict.fromkeys(names, notebook()), times)))
    assert sorted(row.status for row in rows.values()) == ["new", "unchanged"]
    assert (submitted / "ada" / CHAPTER / "timestamp.txt").read_text()[:10] == f"{NOON.astimezone(UTC):%Y-%m-%d}"
    assert not (submitted / "ada" / CHAPTER / ".earlier").exists()


def test_work_put_there_or_changed_by_hand_is_never_lost(course, submitted, download):
    target = submitted / "ada" / CHAPTER / FILE
    target.parent.mkdir(parents=True)
    target.write_bytes(notebook("by hand"))
    os.utime(target, (0, 0))
    source = download({f"ada/{FILE}": notebook("zip")})
    assert only(collect(course, source)).status == "newer attempt"
    assert [path.read_bytes() for path in (target.parent / ".earlier").iterdir()] == [notebook("by hand")]
    target.write_bytes(notebook("mended by hand"))
    row = only(collect(course, source))
    assert row.status == "earlier attempt" and "by hand" in row.sentence
    assert target.read_bytes() == notebook("mended by hand")
    assert row.target.read_bytes() == notebook("zip")


def test_an_upload_that_broke_off_does_not_replace_a_notebook(course, submitted, download):
    times = {f"ada/{FILE}": NOON, f"ada/{CHAPTER} (1).ipynb": NOON + timedelta(hours=1)}
    files = {f"ada/{FILE}": notebook(), f"ada/{CHAPTER} (1).ipynb": notebook()[:60], f"alan/{FILE}": b""}
    rows = by_source(collect(course, download(files, times)))
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook()
    assert "no complete notebook" in rows[f"ada/{CHAPTER} (1).ipynb"].sentence
    assert rows[f"alan/{FILE}"].status == "no notebook" and rows[f"alan/{FILE}"].target.exists()


def test_chapter_is_guessed_from_the_cells(course, submitted, download):
    files = {
        "ada/homework.ipynb": notebook(),
        f"alan/{FILE}": notebook("", "triple"),
        "eve/x.ipynb": notebook("", "my_own"),
        f"joe/{OTHER}/{FILE}": notebook(),
    }
    rows = {row.student: row for row in collect(course, download(files))}
    assert (rows["ada"].chapter, rows["ada"].status) == (CHAPTER, "guessed")
    assert (rows["alan"].chapter, rows["alan"].status) == (OTHER, "guessed")
    assert CHAPTER in rows["alan"].sentence and rows["alan"].target == submitted / "alan" / OTHER / f"{OTHER}.ipynb"
    assert rows["eve"].status == "not collected" and "CHAPTER.ipynb" in rows["eve"].sentence
    assert (rows["joe"].chapter, rows["joe"].status) == (CHAPTER, "guessed") and OTHER in rows["joe"].sentence
    assert all(row.needs_human for row in rows.values())


def test_the_gradebooks_students_are_recognised(course, submitted, download, gradebook):
    files = {
        f"lovelaceada_12345_1_{FILE}": notebook("1"),
        f"turingalan_77_2_{FILE}": notebook("2"),
        f"strangerx_78_3_{FILE}": notebook("3"),
    }
    before = gradebook.read_bytes()
    rows = by_source(collect(course, download(files)))
    assert [row.student for row in rows.values()] == ["ada", "alan", "strangerx"]
    assert rows[f"strangerx_78_3_{FILE}"].status == "unknown student"
    assert (submitted / "strangerx" / CHAPTER / FILE).exists()
    assert gradebook.read_bytes() == before


def test_a_given_list_or_mapping(course, download):
    source = download({f"Ada/{FILE}": notebook(), f"bob/{FILE}": notebook()})
    rows = collect(course, source, students=["ada", "alan"])
    assert [(row.student, row.status) for row in rows] == [("ada", "new"), ("bob", "unknown student")]
    source = download({f"lovelaceada_12345_1_{FILE}": notebook(), f"turingalan_77_2_{FILE}": notebook()}, name="2.zip")
    rows = collect(course, source, students={"12345": "al1", "Turing, Alan": "at2"})
    assert [row.student for row in rows] == ["al1", "at2"]


def test_namesakes_are_told_apart(course, submitted, download):
    first, second = f"leewei_111_1_{FILE}", f"leewei_222_2_{FILE}"
    rows = collect(course, download({first: notebook("1"), second: notebook("2")}))
    assert [(row.student, row.status) for row in rows] == [("leewei_111", "guessed"), ("leewei_222", "guessed")]
    row = only(collect(course, download({f"leewei_111_3_{OTHER}.ipynb": notebook("", "triple")})))
    assert row.student == "leewei_111"


def test_namesakes_in_two_downloads_are_told_apart(course, submitted, download):
    collect(course, download({f"leewei_111_1_{FILE}": notebook("1")}))
    row = only(collect(course, download({f"leewei_222_2_{OTHER}.ipynb": notebook("2", "triple")})))
    assert (row.student, row.status) == ("leewei_222", "guessed")
    rows = collect(course, download({f"leewei_111_9_{FILE}": notebook("9"), f"leewei_222_8_{FILE}": notebook("8")}))
    assert [row.student for row in rows] == ["leewei", "leewei_222"]


def test_nobody_gets_in_under_another_name(course, submitted, download):
    files = {
        f"ada_1_10_{FILE}": notebook("ada"),
        f"mallory_2_11_ada_1_12_{FILE}": notebook("forged"),
        f"mallory_2_13_Ada Lovelace_5_assignsubmission_file_{FILE}": notebook("forged too"),
    }
    collect(course, download(files))
    assert sorted(path.name for path in submitted.iterdir()) == ["ada", "mallory"]
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook("ada")
    files = {f"mallory/ada/{CHAPTER}/{FILE}": notebook("forged"), f"ada/{FILE}": notebook("ada")}
    rows = collect(course, download(files, name="plain.zip"), students=["ada", "mallory"])
    assert [row.student for row in rows] == ["ada", "mallory"]


def test_other_files_are_spoken_of(course, submitted, download):
    files = {
        f"ada/{FILE}": notebook(),
        "ada/essay.pdf": b"%PDF",
        "ada/work.zip": b"PK",
        f"ada/.ipynb_checkpoints/{FILE}": b"",
        f"__MACOSX/ada/._{FILE}": b"",
        FILE: notebook(),
    }
    rows = by_source(collect(course, download(files)))
    assert rows["ada/essay.pdf"].status == rows["ada/work.zip"].status == "no notebook"
    assert "not opened" in rows["ada/work.zip"].sentence
    assert rows[f"ada/.ipynb_checkpoints/{FILE}"].status == "ignored"
    assert rows[f"__MACOSX/ada/._{FILE}"].status == "ignored"
    assert rows[FILE].status == "not collected" and "STUDENT/" in rows[FILE].sentence
    assert set(everything_in(submitted)) == {
        f"ada/{CHAPTER}/{name}" for name in (FILE, "timestamp.txt", ".attempts.json")
    }
    assert len(rows) == len(files)


def test_earlier_attempts_are_not_seen_by_grading(course, submitted, download):
    collect(course, download({f"ada/{FILE}": notebook("1"), f"ada/{CHAPTER} (1).ipynb": notebook("2")}))
    found = only(find_submissions(submitted, course.lessons))
    assert (found.student, found.chapter, found.fault) == ("ada", CHAPTER, "")
    assert "handed in too" not in "".join(found.notes)
    copied = find_all_files(str(submitted / "ada"), course.coursedir().ignore)
    assert sorted(Path(path).name for path in copied) == [FILE, "timestamp.txt"]


def test_names_that_cannot_be_folders(course, submitted, download):
    strange = ["a*b", "x" * 300, "..evil", "\x1b[31mred", "\u202egnp", CHAPTER + " ", " space"]
    rows = collect(course, download({f"{name}/{FILE}": notebook(name) for name in strange}))
    assert len({row.student for row in rows if row.target}) == sum(row.target is not None for row in rows)
    for row in rows:
        assert row.source.isprintable() and row.sentence.isprintable()
        assert row.target is None or (row.status == "guessed" and len(row.student) < 60)
    assert sum(row.target is not None for row in rows) == len(strange) - 2
    assert not [found for found in find_submissions(submitted, course.lessons) if "name" in found.fault]


def test_spellings_of_one_letter_are_one_student(course, submitted, download):
    rows = collect(
        course, download({f"Zoe\u0308/{FILE}": notebook("1"), f"Zo\u00eb/{CHAPTER} (1).ipynb": notebook("2")})
    )
    assert {row.student for row in rows} == {"Zo\u00eb"}


def test_links_in_submitted_are_not_followed(course, submitted, download, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (submitted / "alan" / CHAPTER).mkdir(parents=True)
    (submitted / "alan" / CHAPTER / ".earlier").symlink_to(tmp_path / "elsewhere")
    (submitted / "ada").symlink_to(tmp_path / "elsewhere")
    (submitted / "bob").write_text("a file")
    rows = collect(course, download({f"{name}/{FILE}": notebook() for name in ("ada", "alan", "bob", "eve")}))
    assert [row.status for row in rows] == ["not collected"] * 3 + ["new"]
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("step", range(4), ids=["keeping", "recording", "timestamp", "notebook"])
def test_nothing_half_written(course, submitted, download, monkeypatch, step):
    collect(course, download({f"ada/{FILE}": notebook("1")}))
    newer = download({f"ada/{FILE}": notebook("2")}, {f"ada/{FILE}": NOON + timedelta(hours=1)})
    replace, steps = os.replace, iter(range(4))

    def fail_at_step(*paths):
        if next(steps) == step:
            raise OSError(28, "No space left on device")
        replace(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail_at_step)
        with pytest.raises(OSError, match="No space"):
            collect(course, newer)
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook("1")
    assert not list(submitted.rglob("*.tmp"))
    assert only(collect(course, newer)).status == "newer attempt"
    assert (submitted / "ada" / CHAPTER / FILE).read_bytes() == notebook("2")
    assert [path.read_bytes() for path in (submitted / "ada" / CHAPTER / ".earlier").iterdir()] == [notebook("1")]


@pytest.mark.parametrize("place", ["submitted", ".", "submitted/ada"])
def test_the_course_itself_is_no_download(course, submitted, place):
    (submitted / "ada").mkdir(parents=True)
    with pytest.raises(Refusal, match="own folder"):
        collect(course, course.root / place)


def test_no_source_and_no_zip(course, tmp_path):
    with pytest.raises(Refusal, match="There is no zip file or folder"):
        collect(course, tmp_path / "nothing.zip")
    (tmp_path / "text.zip").write_text("no zip at all")
    with pytest.raises(Refusal, match="no readable zip"):
        collect(course, tmp_path / "text.zip")


def test_without_a_gradebook_none_is_made(course, download):
    collect(course, download({f"ada/{FILE}": notebook()}))
    assert not (course.root / "gradebook.db").exists()


def test_table(course, download):
    text = table(collect(course, download({f"ada/{FILE}": notebook(), "ada/\x1b[31mred.pdf": b"", "ada/.x": b""})))
    lines = text.splitlines()
    assert lines[0].split() == ["student", "chapter", "file"]
    assert any("?[31mred.pdf" in line and "no notebook" in line for line in lines)
    assert lines[-1].endswith("not collected: 1.") and "\x1b" not in text
