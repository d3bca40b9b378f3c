"""Honest submissions get the marks that stock nbgrader gives them, test by test, but where the stock mark is unsound.

Stock runs as it is for this course (`nbgrader autograde`), once per submission in a kernel of its own. A difference is
one of those that DESIGN.md promises: follow-through credit, a warning or a line on stderr that fails no right answer, a
test cell that was deleted. `make test-all` compares more answers, of all chapters.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from extent import EVERYTHING
from sandboxed import needs_sandbox
from small_course import hand_in as hand_in_small
from small_course import make_course

from autograder.course import open_course
from autograder.grade import grade
from autograder.gradebook import grades, open_gradebook
from autograder.lesson import chapters

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import make_demo  # noqa: E402 (tools/ is no package)

CHAPTERS = [script.stem for script in chapters(ROOT)][: None if EVERYTHING else 1]

pytestmark = needs_sandbox


def marks(root):
    """The automatic mark of each test, by student and grade_id."""
    course = open_course(root)
    with open_gradebook(course) as gradebook:
        return {
            student: {mark.name: mark.auto_score for mark in found} for (_, student), found in grades(gradebook).items()
        }


def both(root):
    """The marks of the autograder and of stock nbgrader for what lies in the course's submitted/."""
    copy = shutil.copytree(root, root.with_name(f"{root.name}-stock"))
    grade(root)
    shutil.copy(root / "gradebook.db", copy)
    course = open_course(copy)
    with open_gradebook(course) as gradebook:
        for assignment in gradebook.assignments:
            for submission in list(assignment.submissions):
                gradebook.remove_submission(assignment.name, submission.student.id)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for chapter in course.lessons:
        command = [sys.executable, "-m", "nbgrader", "autograde", chapter, "--Execute.timeout=900"]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    return marks(root), marks(copy)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Both gradings of a small class in which stock stumbles."""
    right = "def double(x):\n    return x + x"
    root = make_course(tmp_path_factory.mktemp("small") / "course")
    hand_in_small(root, "right", right)
    hand_in_small(root, "half_right", "def double(x):\n    return 6.0 if x else 0.0")
    hand_in_small(root, "untouched")
    hand_in_small(root, "written", right, "Because x + x is 2 x.")
    hand_in_small(root, "warns", f"import warnings\n{right.replace('return', 'warnings.warn(chr(33)); return')}")
    hand_in_small(root, "stderr", f"import sys\n{right.replace('return', 'print(1, file=sys.stderr); return')}")
    hand_in_small(root, "deleted", right, change=lambda notebook: notebook.cells.pop(places_of_tests(notebook)[0]))
    return both(root)


def places_of_tests(notebook):
    names = ("double_values", "double_random")
    return [i for i, cell in enumerate(notebook.cells) if cell.metadata.get("nbgrader", {}).get("grade_id") in names]


@pytest.mark.parametrize("student", ["right", "half_right", "untouched", "written"])
def test_where_stock_is_sound_the_small_class_gets_its_marks(small, student):
    ours, stock = small
    assert ours[student] == stock[student]


@pytest.mark.parametrize("student", ["warns", "stderr", "deleted"])
def test_where_stock_takes_points_for_nothing_the_right_answer_keeps_them(small, student):
    ours, stock = small
    assert (ours[student]["double_values"], ours[student]["double_random"]) == (1, 1)
    assert ours[student] != stock[student]


def submissions(lesson, bank):
    """Answers by student: all right, and a mixture in which every second exercise is wrong; if asked to, many more."""
    reference = {exercise.grade_id: make_demo.reference_answer(exercise) for exercise in lesson.exercises}
    first = {kind: {name: bank[name][kind][0]["code"] for name in reference} for kind in ("right", "wrong")}
    names = list(reference)
    mixed = {name: first["wrong" if place % 2 else "right"][name] for place, name in enumerate(names)}
    class_ = {"all_right": first["right"], "mixed": mixed}
    if EVERYTHING:
        class_ |= {"all_wrong": first["wrong"], "untouched": {}}
        class_["reference"] = {name: answer.code for name, answer in reference.items()}
        class_["mixed_other"] = {
            name: bank[name]["right" if place % 2 else "wrong"][-1]["code"] for place, name in enumerate(names)
        }
    return class_


@pytest.fixture(scope="module", params=CHAPTERS)
def chapter(request, tmp_path_factory):
    """Both gradings of a class of one chapter, with its lesson and what was handed in."""
    lesson, bank = make_demo.choose(ROOT, request.param)
    root = tmp_path_factory.mktemp(request.param) / "course"
    for step in ("source", "notebooks"):
        shutil.copytree(ROOT / step / lesson.name, root / step / lesson.name)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    class_ = submissions(lesson, bank)
    released = ROOT / "notebooks" / lesson.name / f"{lesson.name}.ipynb"
    for student, codes in class_.items():
        answers = {name: make_demo.Answer(code, "", 0.0) for name, code in codes.items()}
        path = root / "submitted" / student / lesson.name / released.name
        path.parent.mkdir(parents=True)
        path.write_text(make_demo.filled(released, lesson, make_demo.Notebook("", answers)), encoding="utf-8")
    return *both(root), lesson, bank, class_


def test_every_test_of_a_chapter_gets_the_mark_that_stock_gives(chapter):
    ours, stock, lesson, bank, class_ = chapter
    assert set(ours) == set(stock) == set(class_)
    worse, unexplained = [], []
    for student in class_:
        for exercise in lesson.exercises:
            for test in exercise.tests:
                mine, theirs = ours[student][test.grade_id], stock[student][test.grade_id]
                if mine != theirs:
                    words = f"{student}, {test.grade_id}: {mine:g} here, {theirs:g} by stock"
                    (worse if mine < theirs else unexplained).append(words)
    assert worse == [], "the autograder gives less than stock"
    allowed = explained(ours, stock, lesson, bank, class_)
    assert [words for words in unexplained if words not in allowed] == []


def explained(ours, stock, lesson, bank, class_):
    """The differences that come from follow-through credit: the bank says that the answer is worth what it got here.

    Who has every exercise right has nothing to follow through.
    """
    allowed = set()
    for student, codes in class_.items():
        if student in ("all_right", "reference"):
            continue
        for exercise in lesson.exercises:
            worth = known_points(exercise, bank, codes.get(exercise.grade_id))
            if sum(ours[student][test.grade_id] for test in exercise.tests) == worth:
                for test in exercise.tests:
                    mine, theirs = ours[student][test.grade_id], stock[student][test.grade_id]
                    allowed.add(f"{student}, {test.grade_id}: {mine:g} here, {theirs:g} by stock")
    return allowed


def known_points(exercise, bank, code):
    """What an answer to the exercise is worth by the answer bank."""
    if code is None:
        return 0
    for entry in bank[exercise.grade_id]["wrong"]:
        if entry["code"] == code:
            return entry["points"]
    return sum(test.points for test in exercise.tests)
