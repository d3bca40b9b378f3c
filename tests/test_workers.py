"""Marking by this process, by processes of this machine and by a Dask cluster: the same class, the same marks."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sandboxed import needs_sandbox
from small_course import CHAPTER, hand_in, make_course

from autograder import cluster, workers
from autograder.lesson import read_lesson
from autograder.workers import Task, mark_all

ROOT = Path(__file__).parents[1]
ANSWERS = {
    "right": "def double(x):\n    return x + x",
    "half_right": "def double(x):\n    return 6.0 if x else 0.0",
    "wrong": "def double(x):\n    return 0 * x + 7",
    "deadly": "import os\ndef double(x):\n    os._exit(0)",
    "broken": "def double(x:",
    "untouched": None,
}
POINTS = {"right": 2, "half_right": 1, "wrong": 0, "deadly": 0, "broken": 0, "untouched": 0}

pytestmark = needs_sandbox


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """A class of six, as tasks."""
    root = make_course(tmp_path_factory.mktemp("courses") / "small")
    lesson = read_lesson(root / "source" / CHAPTER / f"{CHAPTER}.py")
    return [Task((CHAPTER, name), lesson, hand_in(root, name, code), "a key") for name, code in ANSWERS.items()]


def summary(found):
    """What came of each task but for the time it took, by student."""
    return {
        marked.identity[1]: (
            [replace(exercise, seconds=0) for exercise in marked.exercises],
            marked.flags,
            marked.problem,
        )
        for marked in found
    }


@pytest.fixture(scope="module")
def here(tasks):
    """What this process alone makes of the class."""
    return summary(mark_all(tasks, workers=1))


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def real_cluster(free_port):
    """A Dask scheduler and two workers, each a program of its own; (address, the workers' processes)."""
    address, quiet = f"tcp://127.0.0.1:{free_port}", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    dask = [sys.executable, "-m", "dask"]
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(free_port), "--no-dashboard", "--no-show"]
    worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", "--no-dashboard"]
    started = [subprocess.Popen([*dask, *one], env=environment, **quiet) for one in (scheduler, worker, worker)]
    try:
        deadline = time.monotonic() + 60
        while "has no workers" in (why := cluster.why_not(address)) or "does not answer" in why:
            assert time.monotonic() < deadline, why
            time.sleep(0.2)
        yield address, started[1:]
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()


def test_one_process_marks_the_class(here):
    assert {name: sum(exercise.points for exercise in exercises) for name, (exercises, *_) in here.items()} == POINTS
    assert all(problem == "" for *_, problem in here.values())


def test_two_processes_of_this_machine_give_the_same_marks(tasks, here):
    assert summary(mark_all(tasks, workers=2)) == here


def test_a_scheduler_with_two_workers_gives_the_same_marks_and_keeps_nothing_warm(tasks, here, real_cluster):
    address, _ = real_cluster
    assert cluster.why_not(address) == ""
    assert summary(mark_all(tasks, scheduler=address)) == here
    with cluster._client(address) as client:
        assert len(client.nthreads()) == 2
        assert set(client.run(lambda: workers._Kept.warm).values()) == {None}


def test_a_worker_that_is_killed_in_the_middle_changes_no_mark(tasks, here, real_cluster):
    address, (first, _) = real_cluster
    repeated = [replace(task, identity=(CHAPTER, f"{task.identity[1]} {turn}")) for turn in range(3) for task in tasks]
    found = []
    for marked in mark_all(repeated, scheduler=address):
        found.append(marked)
        if len(found) == 4:
            first.kill()
    assert len(found) == len(repeated)
    assert summary(found) == {f"{name} {turn}": came for turn in range(3) for name, came in here.items()}
    with cluster._client(address) as client:
        assert len(client.nthreads()) == 1


def test_a_cluster_that_cannot_mark_is_refused_in_words(free_port, real_cluster, monkeypatch):
    address, _ = real_cluster
    monkeypatch.setattr(cluster, "environment", lambda: "the hash of a newer course")
    assert "has another version of the course or its packages" in cluster.why_not(address)
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    assert "does not answer" in cluster.why_not("tcp://127.0.0.1:1")
    assert "does not answer" in cluster.why_not("no address")


def test_a_cluster_that_loses_its_workers_for_good_ends_the_run_in_words(tasks, real_cluster, monkeypatch):
    address, processes = real_cluster
    monkeypatch.setattr(cluster, "LONELY_SECONDS", 1)
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.2)
    for process in processes:
        process.kill()
        process.wait()
    with pytest.raises(OSError, match="has no workers any more"):
        list(mark_all(tasks, scheduler=address))


def test_a_lesson_that_fails_and_a_grader_that_fails_are_told_and_stop_nobody(tasks, monkeypatch):
    def of_the_half_right(warm, notebook, key):
        if "6.0 if x" in str(notebook):
            raise KeyError("a bug")
        return (), ()

    monkeypatch.setattr(workers, "mark", of_the_half_right)
    problems = {marked.identity[1]: marked.problem for marked in mark_all(tasks, workers=1)}
    assert problems.pop("half_right") == "the grader itself failed on this notebook (KeyError: 'a bug'): report it"
    assert set(problems.values()) == {""}
    code = next(cell for cell in tasks[0].lesson.cells if cell.kind == "code")
    broken = replace(tasks[0].lesson, cells=(replace(code, source="1 / 0"),), exercises=())
    (marked,) = mark_all([replace(tasks[0], lesson=broken)])
    assert "a cell raised ZeroDivisionError" in marked.problem


def test_a_notebook_that_is_gone_meanwhile_is_told(tasks, tmp_path):
    gone = [replace(task, path=tmp_path / "gone.ipynb") for task in tasks[:2]]
    for count in (1, 2):
        found = list(mark_all(gone, workers=count))
        assert [marked.problem for marked in found] == [
            "gone.ipynb cannot be read (No such file or directory)" + MEND
        ] * 2


MEND = ": give yourself the right to read it"
