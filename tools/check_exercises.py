"""Test the tests of the exercises: every reference solution, changed a little in every way, has to lose points.

    python tools/check_exercises.py [CHAPTER …]   write tests/MUTATION.md; only the lines of those chapters, if named

Each mutant (see tools/mutants.py) is marked in the grader's sandbox as an answer is. One that keeps all its points has
survived: either a test is missing, or the change makes no difference that matters, and then tests/survivors.yaml says
why. What it does to the world: writes tests/MUTATION.md. Exit code 0 when at least LEAST of each chapter's mutants lose
points and every survivor has its reason; 1 when not; 2 for wrong use.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from mutants import Mutant, mutants
from tqdm import tqdm

from autograder import sandbox
from autograder.lesson import Exercise, Lesson, chapters_named, read_lesson
from autograder.warm import WarmLesson

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests" / "MUTATION.md"
REASONS = ROOT / "tests" / "survivors.yaml"
LEAST = 0.95
CPU_SECONDS = 5
KEY = "mutants"
HEAD = """\
# Mutation tests of the exercises

Written by `make check-exercises`; do not edit. A mutant is a reference solution with one small change. It is killed
when it loses points, and survives when it keeps them all. Reasons for survivors stand in `survivors.yaml`.
"""


@dataclass(frozen=True)
class Outcome:
    """What came of one exercise: how many mutants there were, and those that survived, each with its reason or ""."""

    lesson: str
    exercise: Exercise
    tried: int
    survivors: tuple[tuple[Mutant, str], ...]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="such as 01_logistic_regression; all by default")
    try:
        lessons = [read_lesson(script) for script in chapters_named(ROOT, parser.parse_args(arguments).chapters)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if sandbox.why_not():
        print(sandbox.why_not(), file=sys.stderr)
        return 2
    reasons = yaml.safe_load(REASONS.read_text(encoding="utf-8")) or {}
    outcomes = [one for lesson in lessons for one in check(lesson, reasons.get(lesson.name, {}))]
    problems = complaints(outcomes)
    write_table(outcomes)
    print(f"Written: {TABLE}", *problems, sep="\n")
    return 1 if problems else 0


def check(lesson: Lesson, reasons: dict) -> Iterator[Outcome]:
    """Mark every mutant of every exercise of the lesson; `reasons` maps grade_id to {change: why it may survive}."""
    with WarmLesson(lesson) as warm:
        for exercise in lesson.exercises:
            tried, survivors = mutants(exercise.solution.source), []
            known = reasons.get(exercise.grade_id, {})
            for mutant in tqdm(tried, desc=f"{lesson.name} {exercise.grade_id}", leave=False, disable=None):
                trial = warm.try_answer(exercise, [mutant.code], KEY, cpu_seconds=CPU_SECONDS)
                if all(verdict.points == verdict.max_points for verdict in trial.verdicts):
                    survivors.append((mutant, known.get(mutant.change, "")))
            yield Outcome(lesson.name, exercise, len(tried), tuple(survivors))


def complaints(outcomes: list[Outcome]) -> list[str]:
    """What is to be done about the outcomes, a sentence each."""
    found = []
    for name, rows in by_chapter(outcomes).items():
        share = killed(rows)
        if share < LEAST:
            found.append(f"{name}: only {share:.1%} of the mutants lose points, {LEAST:.0%} should: add tests.")
        for row in rows:
            for mutant, why in row.survivors:
                if not why:
                    change = mutant.change.replace("\n", "   ")
                    found.append(f"{name}, {row.exercise.grade_id} keeps all its points with: {change}")
    return found


def by_chapter(outcomes: list[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes of each chapter."""
    return {name: [one for one in outcomes if one.lesson == name] for name in dict.fromkeys(o.lesson for o in outcomes)}


def killed(rows: list[Outcome]) -> float:
    """The share of mutants that lost points."""
    return 1 - sum(len(row.survivors) for row in rows) / max(1, sum(row.tried for row in rows))


def write_table(outcomes: list[Outcome]) -> None:
    """Write tests/MUTATION.md; the sections of chapters that are not among `outcomes` stay as they were."""
    old = TABLE.read_text(encoding="utf-8") if TABLE.is_file() else ""
    sections = {part.split("\n", 1)[0]: part for part in old.split("\n## ")[1:]}
    sections |= {name: section(name, rows) for name, rows in by_chapter(outcomes).items()}
    parts = [f"\n## {sections[name].rstrip()}\n" for name in sorted(sections)]
    TABLE.write_text(HEAD + "".join(parts), encoding="utf-8")


def section(name: str, rows: list[Outcome]) -> str:
    """One chapter's part of the page."""
    lines = [name, "", "| exercise | mutants | killed |", "| --- | ---: | ---: |"]
    for row in rows:
        lines.append(
            f"| {row.exercise.number} {row.exercise.grade_id} | {row.tried} | {row.tried - len(row.survivors)} |"
        )
    lines += [f"| **all** | **{sum(row.tried for row in rows)}** | **{killed(rows):.1%}** |", ""]
    for row in rows:
        for mutant, why in row.survivors:
            lines += [f"- {row.exercise.grade_id}: {why or '**no reason given**'}", "", "  ```diff"]
            lines += [f"  {line}" for line in mutant.change.splitlines()] + ["  ```"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
