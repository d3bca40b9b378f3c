"""The command line: `python -m autograder grade [CHAPTER …] [--student ID …] [--root DIR] [--db URL] [--force]`.

Exit code 0 when every submission got a mark, 1 when some need a human, 2 for wrong use, with a sentence on what to do.
"""

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m autograder", description="Grade what students handed in.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    grading = commands.add_parser(
        "grade",
        help="autograde what lies in submitted/, write feedback/ and grades.csv",
        description="Autograde submitted/STUDENT/CHAPTER/CHAPTER.ipynb, write feedback/ and grades.csv. "
        "Submissions that did not change since are not graded again.",
        epilog="Exit code: 0: every submission got a mark; 1: some need a human; 2: grading could not start.",
    )
    add = grading.add_argument
    add("chapters", nargs="*", metavar="CHAPTER", help="such as 01_logistic_regression; all by default")
    add("--student", action="append", default=[], metavar="ID", help="grade this one only; may be repeated")
    add("--root", type=Path, default=Path.cwd(), metavar="DIR", help="the course's folder (default: here)")
    add("--db", metavar="URL", help="the gradebook, such as sqlite:////home/me/gradebook.db")
    add("--force", action="store_true", help="grade submissions that did not change again")
    return run_grade(parser.parse_args(arguments))


def run_grade(options) -> int:
    """Grade, and print a table; returns the exit code."""
    from sqlalchemy.exc import SQLAlchemyError

    from autograder.course import Refusal
    from autograder.grade import grade
    from autograder.marks import table

    try:
        rows = grade(options.root, options.chapters, options.student, options.db, options.force)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except (OSError, SQLAlchemyError) as error:
        print(f"Grading stopped, the same command goes on with the rest: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. What was graded is kept; the same command goes on with the rest.", file=sys.stderr)
        return 1
    print(table(rows))
    flagged = sum(row.needs_human for row in rows)
    waiting = sum(bool(row.written) for row in rows)
    print(f"\nThe marks are in {options.root / 'grades.csv'}, a page for each student in {options.root / 'feedback'}.")
    if waiting:
        print(f"Answers in words wait to be marked by hand: {waiting}. Open them in JupyterLab: Nbgrader, Formgrader.")
    if flagged:
        print(f"Submissions that a human has to look at: {flagged}. The table says why.")
    return 1 if flagged else 0


if __name__ == "__main__":
    sys.exit(main())
