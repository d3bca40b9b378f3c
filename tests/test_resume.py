"""A grading that is killed goes on where it was: it ends as one without a break does, and nothing is done twice."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from gradebooks import dump
from sandboxed import needs_sandbox
from small_course import hand_in, make_course

from autograder.secret import course_secret

ROOT = Path(__file__).parents[1]
STUDENTS = 30
KILLS = 10
SEED = 5

pytestmark = needs_sandbox


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A class that was not graded yet, with a secret."""
    root = make_course(tmp_path_factory.mktemp("courses") / "class")
    for number in range(STUDENTS):
        hand_in(root, f"student{number:02d}", f"def double(x):\n    return x * 2 if x < {number} else x", "Because.")
    hand_in(root, "student03", change=lambda notebook: notebook.cells.clear())
    hand_in(root, "student04").with_name("timestamp.txt").write_text("2026-03-01 12:00:00 UTC")
    course_secret(root)
    return root


class Gradings:
    """Starts gradings in processes of their own; see tests/one_grading.py."""

    def __init__(self):
        command = [sys.executable, ROOT / "tests" / "one_grading.py"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.server = subprocess.Popen(
            command,
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def start(self, root, log, workers=1) -> int:
        """The process id of a new grading."""
        print(workers, root, log, file=self.server.stdin, flush=True)
        return int(self.server.stdout.readline())

    def status(self) -> int:
        """The exit status of the grading, once it has ended: 0 after a good end, a signal's number after a kill."""
        return int(self.server.stdout.readline())


@pytest.fixture(scope="module")
def gradings():
    started = Gradings()
    yield started
    started.server.kill()
    started.server.communicate()


def lines(log):
    return log.read_text().splitlines() if log.exists() else []


def left_behind(root):
    """All that a grading leaves, but for the times that it took: marks, autograded/, feedback/ and grades.csv."""
    files = {}
    for folder in ("autograded", "feedback"):
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.name not in (".result.json", ".made"):
                files[str(path.relative_to(root))] = path.read_bytes()
    return dump(root), files, (root / "grades.csv").read_bytes()


@pytest.fixture(scope="module")
def undisturbed(course, gradings):
    """A copy of the course after a run without a break, and how many seconds that took."""
    root, begin = shutil.copytree(course, course.with_name("undisturbed")), time.monotonic()
    gradings.start(root, root.with_name("undisturbed.log"))
    assert gradings.status() == 0
    return root, time.monotonic() - begin


def test_a_run_without_a_break_marks_everybody_once(undisturbed):
    log = lines(undisturbed[0].with_name("undisturbed.log"))
    assert len(log) == 2 * STUDENTS + 1 and len(set(log)) == len(log)


@pytest.mark.parametrize(("workers", "kills"), [(1, KILLS), (2, 1)], ids=["in one process", "with two workers"])
def test_killed_at_random_moments_it_comes_to_the_same(course, gradings, tmp_path, undisturbed, workers, kills):
    root, log = shutil.copytree(course, tmp_path / "killed"), tmp_path / "log"
    draw, longest, moments, status = random.Random(SEED), undisturbed[1] * workers, [], signal.SIGKILL
    while len(moments) < kills and status == signal.SIGKILL:
        grading = gradings.start(root, log, workers)
        known = len(lines(log))
        if (len(moments) + workers) % 2 == 0:  # while submissions are marked and delivered
            wanted = known + draw.randint(1, 3)
            while len(lines(log)) < wanted and psutil.pid_exists(grading):
                time.sleep(0.001)
            time.sleep(draw.random() * 0.05)
        else:  # at any time, also while the gradebook is made and the lesson is executed
            time.sleep(draw.random() * longest / 4)
        try:
            below = psutil.Process(grading).children(recursive=True)
            os.kill(grading, signal.SIGKILL)
        except (psutil.NoSuchProcess, ProcessLookupError):
            below = []  # it had come to its end
        status = gradings.status()
        if status == signal.SIGKILL:
            moments.append(len(lines(log)))
        assert psutil.wait_procs(below, timeout=20)[1] == [], "a process outlived the grading"
    assert len(moments) > kills // 2 and max(moments) > 0, "the class was graded before it could be killed"
    gradings.start(root, log, workers)
    assert gradings.status() == 0
    assert left_behind(root) == left_behind(undisturbed[0])
    delivered = []
    for line in lines(log):
        what, _, student = line.partition(" ")
        assert student not in delivered, f"{student} was done, and then came: {line}"
        delivered += [student] if what == "delivered" else []
    assert len(delivered) == STUDENTS
