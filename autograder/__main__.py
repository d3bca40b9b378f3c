"""The command line: `python -m autograder grade|feedback|report|export|collect …`.

Exit code 0 when every submission got a mark, 1 when some need a human, 2 for wrong use, with a sentence on what to do.
"""

import argparse
import sys
from pathlib import Path

FORMATS = ("csv", "canvas", "moodle")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    from sqlalchemy.exc import SQLAlchemyError

    from autograder.course import Refusal

    try:
        return options.run(options)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except (OSError, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0]
        print(f"Stopped ({reason}). What is done is kept: mend that, and the same command goes on.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. What is done is kept; the same command goes on with the rest.", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m autograder", description="Grade what students handed in.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    codes = "Exit code: 0: every submission got a mark; 1: some need a human; 2: it could not start."

    def command(name, run, words, description):
        made = commands.add_parser(name, help=words, description=description, epilog=codes)
        made.set_defaults(run=run)
        made.add_argument("--root", type=Path, default=Path.cwd(), metavar="DIR", help="the course (default: here)")
        made.add_argument("--db", metavar="URL", help="the gradebook, such as sqlite:////home/me/gradebook.db")
        return made

    grading = command(
        "grade", run_grade, "mark what lies in submitted/, write feedback/, grades.csv and report/",
        "Mark submitted/STUDENT/CHAPTER/CHAPTER.ipynb in a sandbox. What did not change is not marked again.",
    )  # fmt: skip
    grading.add_argument("chapters", nargs="*", metavar="CHAPTER", help="as 01_logistic_regression; all by default")
    grading.add_argument("--student", action="append", default=[], metavar="ID", help="this one only; may be repeated")
    grading.add_argument("--force", action="store_true", help="mark submissions that did not change again")
    where = grading.add_mutually_exclusive_group()
    where.add_argument("--workers", type=_count, metavar="N", help="processes that mark (default: as it pays)")
    where.add_argument("--unsafe", action="store_true", help="without a sandbox: answers can do what you can")
    where.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler, such as tcp://10.0.0.1:8786")
    renewing = command(
        "feedback", run_feedback, "write the feedback pages again, after marks were given by hand",
        "Write the feedback pages again, with the marks and comments that were given by hand since. Marks nothing.",
    )  # fmt: skip
    renewing.add_argument("chapters", nargs="*", metavar="CHAPTER", help="as 01_logistic_regression; all by default")
    renewing.add_argument("--student", action="append", default=[], metavar="ID", help="this one only; may be repeated")
    renewing.add_argument("--show-tests", action="store_true", help="show hidden tests too, until the next grading")
    command("report", run_report, "write report/index.html again", "Write the page about the class again.")
    exporting = command("export", run_export, "write the marks for another program", "Write the marks to a file.")
    exporting.add_argument("--format", choices=FORMATS, default="csv", help="for a spreadsheet, Canvas or Moodle")
    exporting.add_argument("--to", type=Path, metavar="FILE", help="default: marks-FORMAT.csv in the course")
    collecting = command(
        "collect", run_collect, "file what a learning platform gave to download into submitted/",
        "File the notebooks in a platform's ZIP or FOLDER as submitted/STUDENT/CHAPTER/CHAPTER.ipynb, losing none.",
    )  # fmt: skip
    collecting.add_argument("source", type=Path, metavar="ZIP|FOLDER")
    return parser


def _count(text: str) -> int:
    """A whole number from 1."""
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return number


def run_grade(options) -> int:
    """Grade, and print a table; returns the exit code."""
    from autograder.course import open_course
    from autograder.grade import grade
    from autograder.marks import table
    from autograder.report import write_report

    if options.unsafe:
        print("No sandbox, as you asked: answers run with your rights on this machine.", file=sys.stderr)
    grading = grade(
        options.root, options.chapters, options.student, options.db, options.force, options.workers, options.scheduler,
        options.unsafe,
    )  # fmt: skip
    print(table(grading.rows))
    for moved in grading.moved:
        print(f"Moved: {moved.student}, {moved.chapter}: {moved.before:g} before, {moved.after:g} now.")
    report = write_report(open_course(options.root, options.db), grading.rows)
    flagged = sum(row.needs_human for row in grading.rows)
    waiting = sum(bool(row.written) for row in grading.rows)
    print(f"\nThe marks are in {options.root / 'grades.csv'}, a page for each student in {options.root / 'feedback'},")
    print(f"and how the class did in {report}.")
    if waiting:
        print(f"Submissions with answers to be read: {waiting}. Open them in JupyterLab: Nbgrader, Formgrader.")
    if flagged:
        print(f"Submissions that a human has to look at: {flagged}. The table says why.")
    return 1 if flagged else 0


def run_feedback(options) -> int:
    """Write the feedback pages again; returns the exit code."""
    from autograder.grade import renew_feedback

    written, missing = renew_feedback(options.root, options.chapters, options.student, options.db, options.show_tests)
    print(f"Feedback pages that are up to date in {options.root / 'feedback'}: {written}.")
    for sentence in missing:
        print(f"No page for {sentence}.")
    return 1 if missing else 0


def run_report(options) -> int:
    """Write the report page from the marks as they stand; returns the exit code."""
    from autograder.grade import standing
    from autograder.report import write_report

    course, rows = standing(options.root, options.db)
    print(f"Written: {write_report(course, rows)}")
    return 0


def run_export(options) -> int:
    """Write the marks as they stand for another program; returns the exit code."""
    from autograder.export import export
    from autograder.grade import standing

    course, rows = standing(options.root, options.db)
    path = export(course, rows, options.format, options.to or course.root / f"marks-{options.format}.csv")
    print(f"Written: {path}")
    return 0


def run_collect(options) -> int:
    """File what was handed in, and print what became of each; returns the exit code."""
    from autograder.collect import collect, table
    from autograder.course import open_course

    collected = collect(open_course(options.root, options.db), options.source)
    print(table(collected))
    return 1 if any(entry.needs_human for entry in collected) else 0


if __name__ == "__main__":
    sys.exit(main())
