"""The course's list: how students are recognised, and when their work is due."""

from datetime import UTC, datetime, timedelta

import pytest
from downloads import make_two_chapters

from autograder.course import Refusal, open_course
from autograder.roster import Roster, read_roster


@pytest.fixture
def course(tmp_path):
    """A course without a gradebook."""
    return open_course(make_two_chapters(tmp_path))


def test_no_list_knows_nobody(course):
    roster = read_roster(course)
    assert roster == Roster() and not roster.knows("ada") and roster.deadline("01_small", "ada") is None


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [("ada", "", "ada"), ("ADA", "", "ada"), ("x", "", ""), ("ada", "7", "alan"), ("twin", "", ""), ("", "", "")],
)
def test_find(name, number, expected):
    roster = Roster(frozenset({"ada", "alan"}), {"ada": "ada", "twin": ""}, {"7": "alan"})
    assert roster.find(name, number) == expected


def test_a_list_and_a_mapping(course):
    listed = read_roster(course, iter(["ada", "Alan Turing"]))
    assert listed.find("alanturing") == "Alan Turing" and listed.knows("ada") and not listed.knows("bob")
    mapped = read_roster(course, {"12": "ada", "Turing, A.": "alan", "Mr Turing": "alan"})
    assert mapped.students == {"ada", "alan"}
    assert [mapped.find("", "12"), mapped.find("turinga"), mapped.find("mr turing")] == ["ada", "alan", "alan"]
    assert mapped.find("alan") == "alan" and mapped.find("12") == "ada"


def test_names_that_two_share_are_nobodys(course):
    assert read_roster(course, {"Lee": "a", "lee": "b"}).find("Lee") == ""


def test_deadline():
    due = datetime(2026, 3, 1, tzinfo=UTC)
    roster = Roster(due={"01": due}, extensions={("01", "ada"): timedelta(days=1)})
    assert roster.deadline("01", "bob") == due and roster.deadline("01", "ada") == due + timedelta(days=1)


def test_a_gradebook_that_is_none(course):
    (course.root / "gradebook.db").write_bytes(b"no database " * 100)
    with pytest.raises(Refusal, match="cannot be used"):
        read_roster(course)
