"""Collect what students read when an answer is wrong, on one page: what `make messages` runs.

    python tools/list_messages.py [CHAPTER …]

Every wrong answer of tests/answers/ is tried (in this process: they are ours), and the messages of its failed tests are
listed below its name, exercise by exercise, to be read through. What it does to the world: writes build/messages.md.
Exit code 0; 2 for wrong use.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from tqdm import tqdm

from autograder.lesson import Lesson, chapters_named, read_lesson
from autograder.loopback import run_exercise

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "build" / "messages.md"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", help="such as 01_logistic_regression; all by default")
    try:
        lessons = [read_lesson(script) for script in chapters_named(ROOT, parser.parse_args(arguments).chapters)]
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    lines = [line for lesson in lessons for line in messages(lesson)]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"Written: {PAGE}")
    return 0


def messages(lesson: Lesson) -> Iterator[str]:
    """The lines of the page for one chapter, in Markdown."""
    bank = yaml.safe_load((ROOT / "tests" / "answers" / f"{lesson.name}.yaml").read_text(encoding="utf-8"))
    yield f"# {lesson.name}"
    for exercise in tqdm(lesson.exercises, desc=lesson.name, leave=False, disable=None):
        yield f"\n## {exercise.number} {exercise.grade_id}"
        for answer in bank[exercise.grade_id]["wrong"]:
            yield f"\n**{answer['name']}**\n"
            for verdict in run_exercise(lesson, exercise, answer["code"], proxied=True, key="messages"):
                if verdict.message:
                    message = verdict.message.replace("\n", "\n  ")
                    yield f"- {verdict.grade_id}: {message}"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
