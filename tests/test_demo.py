"""`make demo`: the made-up class gets the marks that the answer bank says, and a mark that differs is told."""

import re
import sys
from pathlib import Path

import pytest
from sandboxed import needs_sandbox
from small_course import CHAPTER, make_course

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import make_demo  # noqa: E402 (tools/ is no package)

from autograder.grade import Grading  # noqa: E402

pytestmark = needs_sandbox

BANK = """
double:
  right:
    - name: addition
      code: |
        def double(x):
            return x + x
  wrong:
    - name: the square
      points: 0
      message: expected `6`
      code: |
        def double(x):
            return x * x
    - name: right for two numbers
      points: 1
      message: for some x
      code: |
        def double(x):
            return 6.0 if x else 0.0
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course with an answer bank."""
    root = make_course(tmp_path_factory.mktemp("demo") / "course")
    (root / "tests" / "answers").mkdir(parents=True)
    (root / "tests" / "answers" / f"{CHAPTER}.yaml").write_text(BANK)
    return root


def demo(course, *arguments):
    """Run the command line; returns its exit code."""
    return make_demo.main([*arguments, "--root", str(course)])


def test_the_class_gets_the_marks_of_the_bank_and_a_wrong_bank_is_told(course, capsys, monkeypatch):
    (course / "submitted").mkdir()
    before = {path for path in course.rglob("*") if path.is_file()}
    rows = []
    grade = make_demo.grade

    def noted(grading):
        rows.extend(grading.rows)
        return grading

    monkeypatch.setattr(make_demo, "grade", lambda folder: noted(grade(folder)))
    assert demo(course) == 0
    output = capsys.readouterr().out
    assert "Every mark is what the answer bank says." in output
    given = {row.student: row.score for row in rows}
    assert list(given.values()) == [2, 2, 0, 0, 1, 0, None]
    assert re.search("a file that is not JSON +no mark +no mark +5 .*not valid JSON", output)
    assert all(course / "build" in path.parents for path in course.rglob("*") if path.is_file() and path not in before)

    monkeypatch.setattr(make_demo, "grade", lambda folder: Grading(rows, []))
    scores = {row.student: {"double": row.score} for row in rows if row.score is not None}
    monkeypatch.setattr(make_demo, "exercise_scores", lambda folder, lesson: scores)
    bank = course / "tests" / "answers" / f"{CHAPTER}.yaml"
    bank.write_text(BANK.replace("points: 1", "points: 0"))
    assert demo(course) == 1
    assert "elif.yilmaz: double (right for two numbers) should get 0, got 1." in capsys.readouterr().err
    bank.write_text(BANK)


def test_a_mark_for_what_is_no_notebook_would_be_told(course):
    lesson, bank = make_demo.choose(course, None)
    damaged = make_demo.made_up_class(lesson, bank)[-1]
    assert make_demo.differences("ada", damaged, {"double": 0}, lesson) == [
        "ada (a file that is not JSON): got a mark."
    ]
    assert make_demo.differences("ada", damaged, None, lesson) == []


def test_names_are_enough_for_the_largest_bank(course):
    for script in make_demo.chapters(ROOT):
        if (ROOT / "tests" / "answers" / f"{script.stem}.yaml").exists():
            notebooks = make_demo.made_up_class(*make_demo.choose(ROOT, script.stem))
            assert 10 <= len(notebooks) <= len(make_demo.NAMES) == len(set(make_demo.NAMES))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["02_other"], "There is no chapter '02_other'; there are: 01_small."),
        ([CHAPTER, "--bank-removed"], "has no answer bank: write"),
        (["--bank-removed"], "No chapter has an answer bank"),
        (["--answers-removed"], "has no answers to double: add some."),
        (["--notebooks-removed"], "is missing: run `make build` first."),
    ],
)
def test_it_says_no_in_one_sentence(course, tmp_path, capsys, arguments, words):
    copy = make_course(tmp_path / "course")
    bank = copy / "tests" / "answers" / f"{CHAPTER}.yaml"
    bank.parent.mkdir(parents=True)
    bank.write_text("other: {}" if "--answers-removed" in arguments else BANK)
    if "--bank-removed" in arguments:
        bank.unlink()
    if "--notebooks-removed" in arguments:
        (copy / "notebooks" / CHAPTER / f"{CHAPTER}.ipynb").unlink()
    assert demo(copy, *[argument for argument in arguments if not argument.endswith("-removed")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
