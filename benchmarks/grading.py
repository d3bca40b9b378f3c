"""What grading a class costs, beside stock nbgrader: by the submission, as a whole, in memory, and as the class grows.

    .venv/bin/python benchmarks/grading.py [--quick] [CHAPTER ...]

Both grade the same made-up class, in which every second student has all right and the others one typical error in each
exercise (of tests/answers), on the cores that this process may use; the autograder in its sandbox with as many workers
as there are cores. Stock nbgrader is run on FEW and on SOME submissions, and its time for CLASS of them is the straight
line through these two. --quick takes smaller classes.
Writes only below a temporary folder. Exit code 1 when a promise of DESIGN.md about speed or memory is not kept.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import make_demo  # noqa: E402 (tools/ is no package)

from autograder import grade as grading  # noqa: E402
from autograder import workers  # noqa: E402
from autograder.course import open_course  # noqa: E402
from autograder.register import register  # noqa: E402

FEW, SOME, CLASS = 2, 4, 40
GROWING = (10, 100, 1000)
PROMISED = {"01_logistic_regression": (10, 5), "03_character_ngrams": (50, 15)}
MOST_BYTES, MOST_UNCHANGED = 2 * 2**30, 0.020


def make_class(folder: Path, chapter: str, count: int) -> Path:
    """A course in `folder` with this one chapter, in which `count` students handed in answers of the bank."""
    lesson, bank = make_demo.choose(ROOT, chapter)
    class_ = make_demo.made_up_class(lesson, bank)
    notebooks = [class_[0], next(notebook for notebook in class_ if notebook.what.startswith("typical errors"))]
    released = ROOT / "notebooks" / chapter / f"{chapter}.ipynb"
    texts = [make_demo.filled(released, lesson, notebook) for notebook in notebooks]
    for step in ("source", "notebooks"):
        shutil.copytree(ROOT / step / chapter, folder / step / chapter)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    for number in range(count):
        path = folder / "submitted" / f"student{number:04d}" / chapter / released.name
        path.parent.mkdir(parents=True)
        path.write_text(texts[number % len(texts)], encoding="utf-8")
    return folder


class Memory(threading.Thread):
    """Watches how much memory this process and all below it use together; `most` is in bytes, shared pages once."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.over = 0, threading.Event()

    def run(self):
        while not self.over.wait(0.25):
            total = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.most = max(self.most, total)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *problem):
        self.over.set()
        self.join()


def ours(folder: Path, count: int) -> float:
    """Seconds of a whole grading by the autograder with `count` workers."""
    start = time.monotonic()
    grading.grade(folder, workers=count)
    return time.monotonic() - start


def stock(folder: Path, chapter: str) -> float:
    """Seconds of `nbgrader autograde` of the whole class."""
    course = open_course(folder)
    register(course, course.lessons[chapter])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "autograde", chapter, "--Execute.timeout=600"],
        cwd=folder, env=environment, capture_output=True, check=True,
    )  # fmt: skip
    return time.monotonic() - start


class Parts:
    """Where the time of a grading goes in this process, in seconds by part, when marking happens here too."""

    def __init__(self):
        self.seconds = {}

    def timed(self, name, function):
        """The function, with its time noted under `name`."""

        def run(*arguments, **options):
            start = time.monotonic()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start

        return run


def where_it_goes(folder: Path) -> tuple[dict[str, float], float]:
    """Seconds by part, and in all, of a grading by one process."""
    parts = Parts()
    kept = (
        workers.WarmLesson,
        workers.mark,
        grading.deliver,
        grading.write_feedback,
        grading.check_build,
        grading.register,
    )
    workers.WarmLesson = parts.timed("warm-up: the lesson with its references", workers.WarmLesson)
    workers.mark = parts.timed("trials: answers against tests", workers.mark)
    grading.deliver = parts.timed("delivery: autograded notebook and gradebook", grading.deliver)
    grading.write_feedback = parts.timed("feedback pages", grading.write_feedback)
    grading.check_build = parts.timed("is the build current?", grading.check_build)
    grading.register = parts.timed("the chapter for the gradebook", grading.register)
    try:
        total = ours(folder, 1)
    finally:
        (
            workers.WarmLesson, workers.mark, grading.deliver, grading.write_feedback, grading.check_build,
            grading.register,
        ) = kept  # fmt: skip
    return parts.seconds, total


def compare(folder: Path, chapter: str, cores: int) -> list[str]:
    """Print the two side by side for one chapter; returns the promises that are not kept."""
    seconds = {count: ours(make_class(folder / f"ours-{count}", chapter, count), cores) for count in (FEW, CLASS)}
    slow = {count: stock(make_class(folder / f"stock-{count}", chapter, count), chapter) for count in (FEW, SOME)}
    one, one_slow = (seconds[CLASS] - seconds[FEW]) / (CLASS - FEW), (slow[SOME] - slow[FEW]) / (SOME - FEW)
    whole_slow = slow[FEW] + (CLASS - FEW) * one_slow
    rows = [("a further submission", one_slow, one), (f"a class of {CLASS}, all in all", whole_slow, seconds[CLASS])]
    failed = []
    print(f"\n{chapter}: seconds with {cores} cores     nbgrader  autograder  ratio  promised")
    for (what, theirs, mine), promised in zip(rows, PROMISED.get(chapter, (None, None)), strict=True):
        print(f"  {what:36}{theirs:10.2f}{mine:12.2f}{theirs / mine:7.0f}{promised or '-':>10}")
        if promised and theirs / mine < promised:
            failed.append(f"{chapter}, {what}: {theirs / mine:.1f} times faster, promised {promised}")
    print(
        f"  (nbgrader measured with {FEW} and {SOME}: {slow[FEW]:.1f} and {slow[SOME]:.1f} s, for {CLASS} extrapolated)"
    )
    parts, total = where_it_goes(make_class(folder / "parts", chapter, CLASS))
    print(f"  where {total:.1f} s of {CLASS} submissions go, in one process:")
    for name, spent in parts.items():
        print(f"    {name:46}{spent:7.2f} s{spent / total:6.0%}")
    print(f"    {'the rest':46}{total - sum(parts.values()):7.2f} s")
    return failed


def growing(folder: Path, chapter: str, sizes: tuple[int, ...], cores: int) -> list[str]:
    """Print what the class's size does to the cost of a submission; returns the promises that are not kept."""
    failed = []
    print(f"\n{chapter}, {cores} workers     in all  each  delivery of the last 10, each  unchanged, each    memory")
    for size in sizes:
        course, spans = make_class(folder / f"class-{size}", chapter, size), []
        deliver = grading.deliver

        def noting(*what, deliver=deliver, spans=spans):
            start = time.monotonic()
            deliver(*what)
            spans.append(time.monotonic() - start)

        grading.deliver = noting
        with Memory() as memory:
            whole = ours(course, cores)
        grading.deliver = deliver
        unchanged, last = ours(course, cores) / size, sum(spans[-10:]) / 10
        print(
            f"  {size:5} submissions {whole:13.1f} s{1000 * whole / size:5.0f} ms{1000 * last:25.0f} ms"
            f"{1000 * unchanged:15.1f} ms{memory.most / 2**20:9.0f} MB"
        )
        if memory.most > MOST_BYTES:
            failed.append(f"{size} submissions took {memory.most / 2**30:.1f} GB, promised 2")
        if size >= 100 and unchanged > MOST_UNCHANGED:
            failed.append(f"unchanged ones take {1000 * unchanged:.0f} ms each, promised 20")
    return failed


def main(arguments: list[str]) -> int:
    """Measure; 0 if every promise is kept."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("chapters", nargs="*", metavar="CHAPTER", default=list(PROMISED))
    parser.add_argument("--quick", action="store_true", help="classes of 10 and 100 instead of 1000")
    options = parser.parse_args(arguments)
    cores, failed = len(os.sched_getaffinity(0)), []
    print(f"{cores} cores; load of the machine before: {os.getloadavg()[0]:.1f}")
    for chapter in options.chapters:
        with tempfile.TemporaryDirectory() as folder:
            failed += compare(Path(folder), chapter, cores)
    with tempfile.TemporaryDirectory() as folder:
        failed += growing(Path(folder), options.chapters[0], GROWING[:-1] if options.quick else GROWING, cores)
    print("\n" + ("\n".join(failed) or "Every promise is kept."))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
