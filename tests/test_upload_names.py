"""Names in downloads: whose a file is, for which chapter, and which copy."""

import time
from types import SimpleNamespace

import pytest

from autograder.upload_names import Named, contained_chapters, named_chapter, names


def lesson(*grade_ids):
    return SimpleNamespace(cells=[SimpleNamespace(grade_id=grade_id) for grade_id in (*grade_ids, None)])


LESSONS = {"01_small": lesson("a", "b"), "01_small_more": lesson("c"), "02_other": lesson("d", "ü")}


def nobody(name):
    return False


def told(path, *others):
    return names([path, *others], LESSONS, nobody)[0]


@pytest.mark.parametrize(
    ("path", "platform", "student", "number", "late", "attachment", "file"),
    [
        ("lovelaceada_12_34_x.ipynb", "Canvas", "lovelaceada", "12", False, 34, "x.ipynb"),
        ("lovelaceada_LATE_12_34_x_y.ipynb", "Canvas", "lovelaceada", "12", True, 34, "x_y.ipynb"),
        ("lovelaceada_late_12_34_x.ipynb", "Canvas", "lovelaceada", "12", True, 34, "x.ipynb"),
        ("12_34_x.ipynb", "Canvas", "12", "12", False, 34, "x.ipynb"),
        ("anon_a1B2c_34_x.ipynb", "Canvas", "anon_a1B2c", "anon_a1B2c", False, 34, "x.ipynb"),
        ("a_1_2_b_3_4_x.ipynb", "Canvas", "a", "1", False, 2, "b_3_4_x.ipynb"),
        ("Ada L_12_assignsubmission_file_x.ipynb", "Moodle", "Ada L", "12", False, 0, "x.ipynb"),
        ("Ada L_12_assignsubmission_file_/x.ipynb", "Moodle", "Ada L", "12", False, 0, "x.ipynb"),
        ("Ada L_12_assignsubmission_onlinetext/x.html", "Moodle", "Ada L", "12", False, 0, "x.html"),
        ("Participant_12_assignsubmission_file_/x.ipynb", "Moodle", "Participant_12", "12", False, 0, "x.ipynb"),
        ("Default group_assignsubmission_file_/x.ipynb", "Moodle", "Default group", "", False, 0, "x.ipynb"),
        ("ada/x.ipynb", "", "ada", "", False, 0, "x.ipynb"),
        ("ada/02_other/x.ipynb", "", "ada", "", False, 0, "x.ipynb"),
        ("02_other/ada/x.ipynb", "", "ada", "", False, 0, "x.ipynb"),
        ("ada/bob/02_other/x.ipynb", "", "ada", "", False, 0, "x.ipynb"),
        ("x.ipynb", "", "", "", False, 0, "x.ipynb"),
        ("02_other/x.ipynb", "", "", "", False, 0, "x.ipynb"),
    ],
)
def test_whose(path, platform, student, number, late, attachment, file):
    for other in ((), ("zoe/y.ipynb",)):
        named = told(path, *other)
        found = (named.platform, named.student, named.number, named.late, named.attachment, named.file)
        assert found == (platform, student, number, late, attachment, file)


def test_a_folder_around_all():
    paths = ["spring/ada/x.ipynb", "spring/bob/y.ipynb", "grades.csv", "__MACOSX/spring/ada/._x.ipynb"]
    assert [named.student for named in names(paths, LESSONS, nobody)[:2]] == ["ada", "bob"]
    assert [named.student for named in names(paths, LESSONS, "spring".__eq__)[:2]] == ["spring", "spring"]
    assert told("spring/a_1_2_x.ipynb", "spring/b_3_4_x.ipynb").student == "a"


@pytest.mark.parametrize(
    ("file", "folders", "chapter", "copies"),
    [
        ("02_other.ipynb", (), "02_other", ()),
        ("02_other (1).ipynb", (), "02_other", (1,)),
        ("02_other(12).ipynb", (), "02_other", (12,)),
        ("02_other-1.ipynb", (), "02_other", (1,)),
        ("02_other-1 (2).ipynb", (), "02_other", (1, 2)),
        ("02_other-Copy3.ipynb", (), "02_other", (3,)),
        ("02_other - Copy.ipynb", (), "02_other", (1,)),
        ("Copy of 02_other.ipynb", (), "02_other", ()),
        ("02 Other.IPYNB.txt", (), "02_other", ()),
        ("my_02_other_final.ipynb", (), "02_other", ()),
        ("01_small.ipynb", (), "01_small", ()),
        ("01_small_more.ipynb", (), "01_small_more", ()),
        ("work.ipynb", ("ada", "02_other"), "02_other", ()),
        ("02_other.ipynb", ("ada", "01_small"), "02_other", ()),
        ("work.ipynb", ("ada",), "", ()),
        ("02_other and 01_small.ipynb", (), "", ()),
    ],
)
def test_chapter_and_copies(file, folders, chapter, copies):
    named = Named("", "ada", "", False, 0, file, folders)
    assert (named_chapter(named, LESSONS), named.copies) == (chapter, copies)


def test_cells_tell_the_chapter():
    data = b'{"grade_id": "a", "grade_id" : "b", "grade_id":"\xc3\xbc", "grade_id": 1, "grade_id": "'
    quoted = b'"source": "\\"grade_id\\": \\"c\\""}'
    assert contained_chapters(quoted, LESSONS) == {}
    assert contained_chapters(data, LESSONS) == {"01_small": 2, "02_other": 1}
    assert contained_chapters(b"\xff\x00no notebook", LESSONS) == {}


def test_nothing_takes_long():
    start = time.monotonic()
    long = ["_" * 60_000, "1_" * 30_000, "a_1" * 20_000, "anon_" * 12_000, "_assignsubmission_" * 3_000]
    names([*long, *(name + "/x.ipynb" for name in long)], LESSONS, nobody)
    contained_chapters(b'"grade_id"' + b" " * 10_000_000, LESSONS)
    contained_chapters(b'"grade_id": "' * 1_000_000, LESSONS)
    assert time.monotonic() - start < 10
