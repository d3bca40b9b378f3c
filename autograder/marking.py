"""Mark one submission against a warm lesson: each exercise on its own, after the references of the earlier ones.

Changes nothing but what `autograder.warm` does. The same submission under the same key gets the same marks.
"""

import re
import time

from autograder.handed_in import STUB, HandedIn, read_answers
from autograder.lesson import Exercise, Lesson
from autograder.results import ExerciseResult
from autograder.trial import ENDED, OUT_OF_TIME
from autograder.verdict import no_verdict
from autograder.warm import NEEDS_HUMAN, WarmLesson

SUBMISSION_SECONDS = 300
MISSING = "the notebook has no cell for this exercise"
UNTRIED = f"the exercises before it took more than {SUBMISSION_SECONDS // 60} minutes: a human has to look at it"
UNSOLVED = "NotSolved"
MISFITS = frozenset({UNSOLVED, "NameError", "UnboundLocalError", "AttributeError", "TypeError"})
HOPELESS = frozenset({ENDED, *NEEDS_HUMAN})
BINDS = re.compile(r"(?m)^(?:async def|def|class|import|from)[ \t]+(\w+)|^(\w+)[ \t]*[,:=]|\b(?:as|global)[ \t]+(\w+)")


def mark(warm: WarmLesson, notebook: dict, key: str) -> tuple[tuple[ExerciseResult, ...], tuple[str, ...]]:
    """The results of the submitted `notebook` (JSON) under the check key `key`, and sentences for a human.

    Exercises that come after SUBMISSION_SECONDS of wall-clock time are not tried, and flagged.
    """
    lesson: Lesson = warm.lesson
    handed_in = read_answers(lesson, notebook)
    results, flags = [], list(handed_in.notes)
    deadline = time.monotonic() + SUBMISSION_SECONDS
    for exercise in lesson.exercises:
        if time.monotonic() > deadline:
            result = _unmarked(exercise, OUT_OF_TIME, UNTRIED)
        else:
            sound = all(earlier.points == earlier.max_points for earlier in results)
            result = mark_exercise(warm, exercise, handed_in, key, sound)
        results.append(result)
        if any(test.error in NEEDS_HUMAN for test in result.tests):
            flags.append(f"Exercise {exercise.number} ({exercise.grade_id}): {_reason(result)}")
        elif result.missing:
            counts = "it counts 0" if result.points == 0 else "what other cells define counts"
            flags.append(f"Exercise {exercise.number} ({exercise.grade_id}): {MISSING}, {counts}")
    for cell in lesson.cells:
        if cell.role == "written" and cell.grade_id not in handed_in.answers:
            flags.append(f"the notebook has no cell for the written answer {cell.grade_id}, it counts 0")
    return tuple(results), tuple(flags)


def mark_exercise(
    warm: WarmLesson, exercise: Exercise, handed_in: HandedIn, key: str, earlier_are_right: bool = False
) -> ExerciseResult:
    """Try the answer after the reference solutions; where it fails, over the student's own cells: the best counts.

    A student may have renamed something, have put a helper into a cell of its own, or go on with a wrong answer of an
    earlier exercise. So the own cells run after the references, and then, as it was submitted, the earlier answers too,
    where the answer failed for want of a name or mentions one that comes from them.
    """
    answer, name = handed_in.answers.get(exercise.grade_id), exercise.grade_id
    if answer is None:
        best = _unmarked(exercise, UNSOLVED, MISSING, missing=True)
    else:
        best = _result(exercise, warm.try_answer(exercise, [answer], key))
    depends = not earlier_are_right and _mentions_earlier(warm.lesson, exercise, handed_in)
    for cells in _other_tries(best, handed_in, depends):
        trial = warm.try_answer(exercise, [*cells, answer or ""], key, handed_in.after[name])
        found = _result(exercise, trial, as_submitted=True, missing=best.missing)
        best = found if found.points > best.points else best
        if best.points == best.max_points or _errors(found) & HOPELESS:
            break
    return best


def _other_tries(alone: ExerciseResult, handed_in: HandedIn, depends: bool) -> list[tuple[str, ...]]:
    """The cells to run before an answer that failed on its own, one try after another, where that can help at all.

    depends: whether the answer goes on with an earlier one that is wrong.
    """
    name, errors = alone.grade_id, _errors(alone)
    if not errors or errors & HOPELESS or name not in handed_in.before:
        return []
    own, before = handed_in.own[name], handed_in.before[name]
    tries = [own] if own or handed_in.after[name] else []
    if before != own and (tries or errors != {STUB}) and (depends or errors & MISFITS):
        tries.append(before)
    return tries


def _mentions_earlier(lesson: Lesson, exercise: Exercise, handed_in: HandedIn) -> bool:
    """Whether a name that earlier answers bind is a word of the answer or of the student's own cells around it.

    It reads words and no syntax, because hostile code can crash Python's compiler; comments count as well.
    """
    name = exercise.grade_id
    if name not in handed_in.before:
        return False
    bound = {word for cell in handed_in.before[name] for found in BINDS.findall(cell) for word in found if word}
    for earlier in lesson.exercises:
        if earlier.position < exercise.position:
            bound |= earlier.names
    cells = (handed_in.answers.get(name) or "", *handed_in.own[name], *handed_in.after[name])
    return any(word in bound for cell in cells for word in re.findall(r"\w+", cell))


def _errors(result):
    return {test.error for test in result.tests} - {""}


def _unmarked(exercise, error, reason, missing=False):
    tests = tuple(no_verdict(test, error, reason) for test in exercise.tests)
    return ExerciseResult(exercise.grade_id, exercise.number, tests, missing=missing)


def _result(exercise, trial, as_submitted=False, missing=False):
    seconds = round(trial.seconds, 3)
    return ExerciseResult(exercise.grade_id, exercise.number, trial.verdicts, seconds, as_submitted, missing)


def _reason(result):
    return next(test.message for test in result.tests if test.error in NEEDS_HUMAN)
