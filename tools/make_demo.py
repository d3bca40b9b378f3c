"""Grade a made-up class and compare its marks with what the answer bank says: what `make demo` runs.

    python tools/make_demo.py [CHAPTER] [--root DIR]   the first chapter that has an answer bank, unless one is named

The class hands in, filled with answers from tests/answers/CHAPTER.yaml: all right; all right in other words; the
notebook as it was given out; every typical error of the bank, one to each exercise of a notebook; a syntax error in one
cell; and a file that is not JSON. The grading is that of `make grade`.

What it does to the world: replaces the folder build/demo, a course of its own with its own submitted/, gradebook and
feedback pages, and leaves it there to be looked at. The real submitted/ and gradebook are not touched.
Exit code 0 when every mark is what the bank says, 1 when one is not, 2 for wrong use.
"""

import argparse
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import yaml
from nbgrader.api import Gradebook

from autograder.course import Refusal, open_course
from autograder.grade import grade
from autograder.lesson import Exercise, Lesson, chapters, read_lesson
from autograder.marks import aligned
from autograder.report import write_report

NAMES = """
    amara.okafor ben.lindqvist chiara.ricci daniel.kim elif.yilmaz farid.haddad greta.hofmann hiro.tanaka ines.duarte
    jonas.becker kavya.nair lena.novak mateo.rojas nadia.petrova oscar.dubois priya.sharma quentin.moreau rosa.vidal
    samir.khan tove.berg umar.diallo vera.kovacs wei.zhang xenia.popa yusuf.demir zoe.martin
""".split()
WRITTEN_ANSWER = "I am not sure, but I would say that it depends on the data."
SOLUTION_MARKER = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """An answer to one exercise: its code, what it is called, and the points that it should get."""

    code: str
    name: str
    points: float


@dataclass(frozen=True)
class Notebook:
    """What one student hands in: answers by grade_id. `text` is the whole file where it is no notebook."""

    what: str
    answers: dict[str, Answer]
    text: str = ""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("chapter", nargs="?", metavar="CHAPTER", help="such as 01_logistic_regression")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the course's folder")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    try:
        lesson, bank = choose(root, options.chapter)
        notebooks = dict(zip(NAMES, made_up_class(lesson, bank), strict=False))
        demo = hand_in(root, lesson, notebooks)
        start = time.monotonic()
        rows = grade(demo).rows
        report = write_report(open_course(demo), rows)
    except (Refusal, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    seconds = time.monotonic() - start
    given = exercise_scores(demo, lesson)
    lines, wrong = [("student", "hands in", "expected", "given", "of", "")], []
    for row in rows:
        notebook = notebooks[row.student]
        expected = None if notebook.text else sum(answer.points for answer in notebook.answers.values())
        lines.append((row.student, notebook.what, words(expected), words(row.score), words(row.max_score), row.status))
        wrong += differences(row.student, notebook, None if row.score is None else given[row.student], lesson)
    print(aligned(lines, right=(2, 3, 4)))
    print(f"\n{len(rows)} submissions in {seconds:.0f} s. Look at {report} and the pages in feedback/ beside it.")
    print("\n".join(wrong) or "Every mark is what the answer bank says.", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


def choose(root: Path, name: str | None) -> tuple[Lesson, dict]:
    """The lesson called `name`, or the first with an answer bank, and that bank; ValueError when there is none."""
    scripts = {script.stem: script for script in chapters(root)}
    banks = {chapter: root / "tests" / "answers" / f"{chapter}.yaml" for chapter in scripts}
    known = [chapter for chapter, bank in banks.items() if bank.is_file()]
    chapter = name or (known[0] if known else None)
    if chapter is None:
        raise ValueError(f"No chapter has an answer bank: {root / 'tests' / 'answers'} should hold CHAPTER.yaml.")
    if chapter not in scripts:
        raise ValueError(f"There is no chapter {chapter!r}; there are: {', '.join(scripts) or 'none'}.")
    if chapter not in known:
        raise ValueError(f"{chapter} has no answer bank: write {banks[chapter]}.")
    lesson = read_lesson(scripts[chapter])
    bank = yaml.safe_load(banks[chapter].read_text(encoding="utf-8"))
    absent = [exercise.grade_id for exercise in lesson.exercises if exercise.grade_id not in bank]
    if absent:
        raise ValueError(f"{banks[chapter]} has no answers to {', '.join(absent)}: add some.")
    return lesson, bank


def made_up_class(lesson: Lesson, bank: dict) -> list[Notebook]:
    """What the class hands in; the i-th wrong answer to each exercise goes into one notebook, for every i."""
    reference = {exercise.grade_id: reference_answer(exercise) for exercise in lesson.exercises}
    right, wrong = (
        {
            name: [Answer(entry["code"], entry["name"], entry.get("points", full.points)) for entry in bank[name][kind]]
            for name, full in reference.items()
        }
        for kind in ("right", "wrong")
    )
    first = lesson.exercises[0].grade_id
    broken = Answer(reference[first].code + "\n    return )", "a syntax error", 0.0)
    return [
        Notebook("all right: the reference", reference),
        *(Notebook(f"all right, in other words ({i})", answers) for i, answers in sets(right, reference)),
        Notebook("the notebook as given out", {}),
        *(Notebook(f"typical errors ({i})", answers) for i, answers in sets(wrong, reference)),
        Notebook(f"a syntax error in {first}", {**reference, first: broken}),
        Notebook("a file that is not JSON", {}, '{"cells": [{"cell_type": "code", "source": ["def '),
    ]


def sets(answers: dict[str, list[Answer]], otherwise: dict[str, Answer]):
    """Yield (i, answers by grade_id) with the i-th of each list, counted from 1, until all were there."""
    for i in range(max(map(len, answers.values()))):
        yield i + 1, {name: some[i] if i < len(some) else otherwise[name] for name, some in answers.items()}


def reference_answer(exercise: Exercise) -> Answer:
    """The exercise's own solution."""
    code = SOLUTION_MARKER.sub("", exercise.solution.source)
    return Answer(code, "the reference", sum(test.points for test in exercise.tests))


def hand_in(root: Path, lesson: Lesson, notebooks: dict[str, Notebook]) -> Path:
    """Make build/demo anew, a course with this one chapter and the class's notebooks; returns the folder."""
    demo = root / "build" / "demo"
    released = root / "notebooks" / lesson.name / f"{lesson.name}.ipynb"
    if not released.is_file():
        raise Refusal(f"{released} is missing: run `make build` first.")
    if demo.exists():
        shutil.rmtree(demo)
    demo.mkdir(parents=True)
    shutil.copy(root / "nbgrader_config.py", demo)
    for step in ("source", "notebooks"):
        shutil.copytree(root / step / lesson.name, demo / step / lesson.name)
    for student, notebook in notebooks.items():
        path = demo / "submitted" / student / lesson.name / released.name
        path.parent.mkdir(parents=True)
        path.write_text(notebook.text or filled(released, lesson, notebook), encoding="utf-8")
    return demo


def filled(released: Path, lesson: Lesson, notebook: Notebook) -> str:
    """The text of the students' notebook at `released` with the answers in place of the stubs."""
    written = {cell.grade_id for cell in lesson.cells if cell.role == "written"}
    document = nbformat.read(released, as_version=4)
    for cell in document.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in notebook.answers:
            cell.source = notebook.answers[grade_id].code
        elif grade_id in written and notebook.answers:
            cell.source = WRITTEN_ANSWER
    return nbformat.writes(document)


def exercise_scores(demo: Path, lesson: Lesson) -> dict[str, dict[str, float]]:
    """The points in the demo's gradebook by student and exercise."""
    scores = {}
    with Gradebook(f"sqlite:///{demo / 'gradebook.db'}") as gradebook:
        for submission in gradebook.assignment_submissions(lesson.name):
            cells = {grade.name: grade.score for grade in submission.notebooks[0].grades}
            scores[submission.student.id] = {
                exercise.grade_id: sum(cells[test.grade_id] for test in exercise.tests) for exercise in lesson.exercises
            }
    return scores


def differences(student: str, notebook: Notebook, given: dict[str, float] | None, lesson: Lesson) -> list[str]:
    """A sentence for each exercise whose points are not what the bank says."""
    if given is None or notebook.text:
        same = given is None and bool(notebook.text)
        return [] if same else [f"{student} ({notebook.what}): got {'no mark' if given is None else 'a mark'}."]
    nothing = Answer("", "untouched", 0.0)
    return [
        f"{student}: {name} ({answer.name}) should get {words(answer.points)}, got {words(given[name])}."
        for name in (exercise.grade_id for exercise in lesson.exercises)
        if given[name] != (answer := notebook.answers.get(name, nothing)).points
    ]


def words(points: float | None) -> str:
    """Points for a table."""
    return "no mark" if points is None else f"{points:g}"


if __name__ == "__main__":
    sys.exit(main())
