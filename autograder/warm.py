"""A lesson that is executed once, and stands ready before each of its exercises to try answers: the grader's side.

Starts a sandboxed process per lesson (`autograder.lesson_process`) and ends it; writes nothing. Only one trial runs at
a time in one sandbox. Whatever an answer does, `try_answer` returns a verdict for each test within a bounded time.
"""

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

from autograder import sandbox
from autograder.channel import Channel, ChannelClosed, pair
from autograder.lesson import Exercise, Lesson
from autograder.protocol import clean
from autograder.results import Verdict
from autograder.trial import OUT_OF_TIME
from autograder.verdict import no_verdict
from autograder.wire import WireError, pack, unpack

START_SECONDS = 120
CELL_SECONDS = 600
LEAST_CPU_SECONDS = 10
WALL_SECONDS = 30
WALL_FACTOR = 4
GRACE_SECONDS = 10
ATTEMPTS = 2
MOST_CHARACTERS = 4_000_000
TOO_LONG = "TooLong"
TOO_LONG_REASON = f"the answer and the cells before it are longer than {MOST_CHARACTERS:,} characters"
CHECK_DIED = "CheckDied"
NEEDS_HUMAN = frozenset({OUT_OF_TIME, CHECK_DIED})


class LessonFailed(Exception):
    """The lesson itself could not be run; the message says where and why."""


@dataclass(frozen=True)
class Trial:
    """What came of one answer: a verdict for each test of the exercise, and the CPU time that it took in seconds."""

    verdicts: tuple[Verdict, ...]
    seconds: float


class WarmLesson:
    """One lesson in one sandbox; `with WarmLesson(lesson) as warm` ends its processes."""

    def __init__(self, lesson: Lesson):
        """Execute the lesson with its reference solutions; raises LessonFailed where a cell does not run."""
        self.lesson = lesson
        self.reference_seconds, self.checkpoints = {}, {}
        own, other = pair()
        self.process = sandbox.start("autograder.lesson_process", other)
        other.close()
        self.link = Channel(own, time.monotonic() + START_SECONDS)
        try:
            self.link.receive()
            self._execute()
        except (TimeoutError, ChannelClosed) as error:
            reason = "took too long" if isinstance(error, TimeoutError) else "ended unexpectedly"
            said = self._last_words()
            self.close()
            raise LessonFailed(f"the process that runs {lesson.name} {reason}{said}") from None
        except LessonFailed:
            self.close()
            raise

    def _execute(self) -> None:
        exercises = {exercise.position: exercise for exercise in self.lesson.exercises}
        for position, cell in enumerate(self.lesson.cells):
            self.link.deadline = time.monotonic() + CELL_SECONDS
            exercise = exercises.get(position)
            if exercise:
                self.checkpoints[exercise.grade_id] = self._checkpoint()
            if cell.kind == "code" and cell.role in ("lesson", "solution"):
                self.link.send(b"X", pack((cell.source, f"<{self.lesson.name}, cell {position}>")))
                problem = unpack(self.link.receive()[1])
                if problem:
                    raise LessonFailed(f"{self.lesson.path}: a cell raised {problem}")
            if exercise:
                self.reference_seconds[exercise.grade_id] = self._measure(exercise)

    def _checkpoint(self) -> Channel:
        """Have the lesson as it stands now kept ready; returns the way to it."""
        own, other = pair()
        self.link.send(b"K", b"", file=other.fileno())
        other.close()
        problem = unpack(self.link.receive()[1])
        if problem:
            raise LessonFailed(problem)
        return Channel(own)

    def _measure(self, exercise: Exercise) -> float:
        """CPU seconds of the reference solution with its tests; LessonFailed where it does not pass them."""
        trial = self.try_answer(exercise, [exercise.solution.source], "", cpu_seconds=CELL_SECONDS)
        for verdict in trial.verdicts:
            if verdict.error:
                raise LessonFailed(
                    f"{self.lesson.path}: the reference solution {exercise.grade_id!r} fails its own test "
                    f"{verdict.grade_id!r}: {verdict.message}"
                )
        return trial.seconds

    def try_answer(
        self, exercise: Exercise, cells: list[str], key: str, after: Iterable[str] = (), cpu_seconds: int | None = None
    ) -> Trial:
        """Run `cells`, the last of them the answer, then `after`, then the exercise's tests under the check key `key`.

        cpu_seconds: how much processor time the answer has, by default 10 times that of the reference, 10 at least.
        Where an answer's process ends in the middle, the tests that are left are tried with a new one, until all of
        them together had ATTEMPTS times as much, or kept the check waiting: the time of a submission is bounded.
        """
        if sum(map(len, (*cells, *after))) > MOST_CHARACTERS:
            return Trial(tuple(no_verdict(test, TOO_LONG, TOO_LONG_REASON) for test in exercise.tests), 0.0)
        limit = cpu_seconds or max(LEAST_CPU_SECONDS, round(10 * self.reference_seconds[exercise.grade_id]))
        deadline = time.monotonic() + WALL_SECONDS + WALL_FACTOR * limit
        verdicts, seconds = [], 0.0
        while len(verdicts) < len(exercise.tests):
            left = exercise.tests[len(verdicts) :]
            task = {
                "cells": cells,
                "after": list(after),
                "names": sorted(exercise.names),
                "tests": [(test.grade_id, test.source, test.points) for test in left],
                "key": key,
                "cpu_seconds": limit,
                "wall_seconds": max(0.0, deadline - time.monotonic()),
            }
            found, spent = self._run(exercise, left, task)
            verdicts += found
            seconds += spent
            if verdicts[-1].error in NEEDS_HUMAN or seconds >= ATTEMPTS * limit:
                reason = verdicts[-1].error, verdicts[-1].message
                verdicts += [no_verdict(test, *reason) for test in exercise.tests[len(verdicts) :]]
        return Trial(tuple(verdicts), seconds)

    def _run(self, exercise: Exercise, tests, task: dict) -> tuple[list[Verdict], float]:
        """One trial: the verdicts of at least one of `tests`, in order, and the CPU seconds of the answer."""
        checkpoint = self.checkpoints[exercise.grade_id]
        patience = task["wall_seconds"] + GRACE_SECONDS
        own, other = pair()
        checkpoint.deadline = time.monotonic() + patience + GRACE_SECONDS
        try:
            checkpoint.send(b"J", pack(float(patience)), file=other.fileno())
            other.close()
            found, seconds = _hear(Channel(own, time.monotonic() + patience), tests, task)
            own.close()
            checkpoint.receive()
        except (TimeoutError, ChannelClosed):
            raise LessonFailed(f"the process that stands ready for {exercise.grade_id} is gone") from None
        finally:
            own.close()
        if not found:
            reason = "the check itself stopped in the middle: a human has to look at it"
            found = [no_verdict(tests[0], CHECK_DIED, reason)]
        return found, seconds

    def _last_words(self) -> str:
        """The last line that the sandbox wrote to its standard error, for a message."""
        self.process.kill()
        lines = self.process.stderr.read().decode(errors="replace").strip().splitlines()
        return f": {clean(lines[-1])}" if lines else ""

    def close(self) -> None:
        """End every process of this lesson."""
        for channel in (*self.checkpoints.values(), self.link):
            channel.close()
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def __enter__(self) -> "WarmLesson":
        return self

    def __exit__(self, *problem) -> None:
        self.close()


def _hear(trial: Channel, tests, task) -> tuple[list[Verdict], float]:
    """Send the task to a trial's tests and take down their verdicts; what does not come in time is left out."""
    found = []
    with contextlib.suppress(TimeoutError, ChannelClosed, WireError, KeyError, TypeError):
        trial.send(b"T", pack(task))
        while True:
            kind, content = trial.receive()
            message = unpack(content)
            if kind == b"E":
                return found, float(message["cpu"])
            expected = tests[len(found)]
            passed = message["error"] == ""
            found.append(
                Verdict(
                    expected.grade_id,
                    expected.points if passed else 0.0,
                    expected.points,
                    clean(message["message"]),
                    clean(message["error"], 80),
                    clean(message["printed"], 20_000),
                )
            )
    return found, 0.0
