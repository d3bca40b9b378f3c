"""Mark many submissions, one after another in this process or on the workers of a Dask cluster.

Each worker keeps the lesson that it marked last warm in a sandbox of its own and writes nothing; results come back as
they are ready, in no fixed order. A worker that dies loses nothing: Dask gives its submissions to another one.
"""

import contextlib
import functools
import logging
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from autograder.lesson import Lesson
from autograder.marking import mark
from autograder.results import ExerciseResult
from autograder.warm import LessonFailed, WarmLesson

RETRIES = 3
WORTH_A_WORKER = 20


@dataclass(frozen=True)
class Task:
    """One submission to mark: its notebook as JSON, and the key that its hidden tests draw from."""

    identity: tuple[str, str]
    lesson: Lesson
    notebook: dict
    key: str


@dataclass(frozen=True)
class Marked:
    """What came of a task: results and sentences for a human, or `problem`, why it could not be marked."""

    identity: tuple[str, str]
    exercises: tuple[ExerciseResult, ...] = ()
    flags: tuple[str, ...] = ()
    problem: str = ""


class _Kept:
    """The lesson that this process keeps warm."""

    lesson: Lesson | None = None
    warm: WarmLesson | None = None


def ready(lesson: Lesson) -> WarmLesson:
    """The warm lesson of this process, started if it is another one; raises LessonFailed where it does not run."""
    if _Kept.lesson != lesson:
        cool_down()
        _Kept.warm = WarmLesson(lesson)
        _Kept.lesson = lesson
    return _Kept.warm


def cool_down() -> None:
    """End the warm lesson of this process."""
    if _Kept.warm is not None:
        _Kept.warm.close()
    _Kept.lesson = _Kept.warm = None


def run(task: Task) -> Marked:
    """Mark one submission; a sandbox that breaks down is started once more."""
    for last in (False, True):
        try:
            exercises, flags = mark(ready(task.lesson), task.notebook, task.key)
            return Marked(task.identity, exercises, flags)
        except LessonFailed as failure:
            cool_down()
            if last:
                return Marked(task.identity, problem=str(failure))


def mark_all(tasks: list[Task], workers: int | None = None, scheduler: str | None = None) -> Iterator[Marked]:
    """Yield what came of each task, as it is ready.

    workers: how many processes of this machine work, by default one for each core and for every WORTH_A_WORKER tasks,
    because each has to execute the lesson first; scheduler: the address of a Dask scheduler to use instead, such as
    tcp://10.0.0.1:8786, whose workers have this package and its sandbox. Raises OSError where it does not answer.
    """
    workers = workers or min(os.cpu_count() or 1, 1 + len(tasks) // WORTH_A_WORKER)
    if scheduler is None and min(workers, len(tasks)) <= 1:
        try:
            yield from map(run, tasks)
        finally:
            cool_down()
        return
    with _client(min(workers, len(tasks)), scheduler) as client:
        from distributed import as_completed

        lessons = {task.lesson: client.scatter(task.lesson, broadcast=True) for task in tasks}
        futures = {
            client.submit(_run_remotely, lessons[task.lesson], task.identity, task.notebook, task.key,
                          pure=False, retries=RETRIES): task
            for task in tasks
        }  # fmt: skip
        for future in as_completed(futures):
            if future.status == "finished":
                yield future.result()
            else:
                yield Marked(futures[future].identity, problem=f"its worker failed {RETRIES + 1} times: look at it")


def _run_remotely(lesson: Lesson, identity, notebook, key) -> Marked:
    return run(Task(identity, lesson, notebook, key))


@contextlib.contextmanager
def _client(workers: int, scheduler: str | None):
    """A Dask client, of a running scheduler or of a cluster of this machine that lives as long as it."""
    from distributed import Client, LocalCluster

    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        warnings.simplefilter("ignore")
        if scheduler is None:
            start = functools.partial(LocalCluster, n_workers=workers, threads_per_worker=1, dashboard_address=None)
            scheduler = stack.enter_context(start(host="127.0.0.1", silence_logs=logging.CRITICAL))
        yield stack.enter_context(Client(scheduler, timeout="20s"))
