"""Mark many submissions, one after another in this process or on the workers of a Dask cluster.

Each process that marks keeps the lesson that it marked last warm in a sandbox of its own and writes nothing; results
come back as they are ready, in no fixed order. A notebook is read when its turn comes, so that a large class needs no
more memory than a small one.
"""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.lesson import Lesson
from autograder.marking import mark
from autograder.notebook_file import read_notebook
from autograder.results import ExerciseResult
from autograder.warm import LessonFailed, WarmLesson

WORTH_A_WORKER = 20


@dataclass(frozen=True)
class Task:
    """One submission to mark: where its notebook lies, and the key that its hidden tests draw from."""

    identity: tuple[str, str]
    lesson: Lesson
    path: Path
    key: str


@dataclass(frozen=True)
class Marked:
    """What came of a task: results and sentences for a human, or `problem`, why it could not be marked.

    notebook: what was marked, as `read_notebook` gives it.
    """

    identity: tuple[str, str]
    exercises: tuple[ExerciseResult, ...] = ()
    flags: tuple[str, ...] = ()
    problem: str = ""
    notebook: dict = field(default_factory=dict)


class _Kept:
    """The lesson that this process keeps warm; one thread at a time uses it, however many a worker has."""

    lesson: Lesson | None = None
    warm: WarmLesson | None = None
    lock = threading.RLock()


def ready(lesson: Lesson) -> WarmLesson:
    """The warm lesson of this process, started if it is another one; raises LessonFailed where it does not run."""
    if _Kept.lesson != lesson:
        cool_down()
        _Kept.warm = WarmLesson(lesson)
        _Kept.lesson = lesson
    return _Kept.warm


def cool_down() -> None:
    """End the warm lesson of this process."""
    with _Kept.lock:
        if _Kept.warm is not None:
            _Kept.warm.close()
        _Kept.lesson = _Kept.warm = None


def run(lesson: Lesson, identity: tuple[str, str], notebook: dict, key: str) -> Marked:
    """Mark one submission; a sandbox that breaks down is started once more. It raises nothing: others have to go on."""
    problem = ""
    with _Kept.lock:
        for _ in range(2):
            try:
                return Marked(identity, *mark(ready(lesson), notebook, key))
            except LessonFailed as failure:
                problem = str(failure)
            except Exception as error:
                problem = f"the grader itself failed on this notebook ({type(error).__name__}: {error}): report it"
            cool_down()
    return Marked(identity, problem=problem)


def mark_all(tasks: list[Task], workers: int | None = None, scheduler: str | None = None) -> Iterator[Marked]:
    """Yield what came of each task, as it is ready.

    workers: how many processes of this machine work, by default one for each core and for every WORTH_A_WORKER tasks,
    because each has to execute the lesson first; scheduler: the address of a Dask scheduler to use instead, such as
    tcp://10.0.0.1:8786, of which `autograder.cluster.why_not` has nothing to say. Raises OSError where it is gone.
    """
    workers = min(workers or min(os.cpu_count() or 1, 1 + len(tasks) // WORTH_A_WORKER), len(tasks))
    if scheduler is None and workers <= 1:
        yield from _mark_here(tasks)
    elif tasks:
        from autograder.cluster import mark_there

        yield from mark_there(tasks, workers, scheduler)


def _mark_here(tasks: list[Task]) -> Iterator[Marked]:
    """Mark one after another in this process."""
    try:
        for task in tasks:
            notebook, fault = read_notebook(task.path)
            if fault:
                yield Marked(task.identity, problem=fault)
            else:
                yield replace(run(task.lesson, task.identity, notebook, task.key), notebook=notebook)
    finally:
        cool_down()
