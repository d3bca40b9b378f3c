"""Mark one submission against a warm lesson: each exercise on its own, after the references of the earlier ones.

Changes nothing but what `autograder.warm` does. The same submission under the same key gets the same marks.
"""

from autograder.handed_in import HandedIn, read_answers
from autograder.lesson import Exercise, Lesson
from autograder.results import ExerciseResult
from autograder.verdict import no_verdict
from autograder.warm import NEEDS_HUMAN, WarmLesson

MISSING = "the notebook has no cell for this exercise"
UNSOLVED = "NotSolved"
UNDEFINED = frozenset({"NameError", "UnboundLocalError", "AttributeError"})


def mark(warm: WarmLesson, notebook: dict, key: str) -> tuple[tuple[ExerciseResult, ...], tuple[str, ...]]:
    """The results of the submitted `notebook` (JSON) under the check key `key`, and sentences for a human."""
    lesson: Lesson = warm.lesson
    handed_in = read_answers(lesson, notebook)
    results, flags = [], list(handed_in.notes)
    for exercise in lesson.exercises:
        result = mark_exercise(warm, exercise, handed_in, key)
        results.append(result)
        if any(test.error in NEEDS_HUMAN for test in result.tests):
            flags.append(f"Exercise {exercise.number} ({exercise.grade_id}): {_reason(result)}")
        elif result.missing:
            flags.append(f"Exercise {exercise.number} ({exercise.grade_id}): {MISSING}, it counts 0")
    for cell in lesson.cells:
        if cell.role == "written" and cell.grade_id not in handed_in.answers:
            flags.append(f"the notebook has no cell for the written answer {cell.grade_id}, it counts 0")
    return tuple(results), tuple(flags)


def mark_exercise(warm: WarmLesson, exercise: Exercise, handed_in: HandedIn, key: str) -> ExerciseResult:
    """Try the answer after the reference solutions; where that fails for want of the student's own cells, as submitted.

    The better of the two counts: a student may have renamed something, or put a helper into a cell of its own.
    """
    answer = handed_in.answers.get(exercise.grade_id)
    if answer is None:
        tests = tuple(no_verdict(test, UNSOLVED, MISSING) for test in exercise.tests)
        return ExerciseResult(exercise.grade_id, exercise.number, tests, missing=True)
    alone = _result(exercise, warm.try_answer(exercise, [answer], key))
    context = handed_in.context[exercise.grade_id]
    undefined = any(test.error in UNDEFINED for test in alone.tests)
    if alone.points == alone.max_points or not context or not (undefined or exercise.grade_id in handed_in.own):
        return alone
    whole = _result(exercise, warm.try_answer(exercise, [*context, answer], key), as_submitted=True)
    return whole if whole.points > alone.points else alone


def _result(exercise, trial, as_submitted=False):
    seconds = round(trial.seconds, 3)
    return ExerciseResult(exercise.grade_id, exercise.number, trial.verdicts, seconds, as_submitted)


def _reason(result):
    return next(test.message for test in result.tests if test.error in NEEDS_HUMAN)
