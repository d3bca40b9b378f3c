"""What a class's marks and answers say about the exercises: the numbers of the report.

Computes; reads and writes nothing. Every function takes what was already read, for one chapter.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import StatisticsError, correlation, fmean, median

from autograder.lesson import Lesson
from autograder.results import ExerciseResult, SubmissionResult

ENOUGH = 10
"""How many submissions a correlation needs before it says more than chance does."""
MOST_BARS = 12

ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
QUOTED = re.compile(r"(?<!\w)(['\"]).*?\1(?!\w)")
NUMBER = re.compile(r"[-+]?(?:\d[\d_]*\.?\d*(?:[eE][-+]?\d+)?|\bnan\b|\binf\b)")
BETWEEN_NUMBERS = re.compile(r"[\s\[\](),#]+")


@dataclass(frozen=True)
class Bar:
    """How many marks lie from `low` to under `high` points; from `low` up where `high` is None."""

    low: float
    high: float | None
    count: int


@dataclass(frozen=True)
class ExerciseNumbers:
    """What `submissions` answers say about one exercise.

    right: the share of them with all points; points: their mean. seconds: the median CPU time of an answer. None stands
    for what cannot be said. untouched, missing, as_submitted: how many were left as given out, had no cell for it, and
    got their mark from a run over the student's own earlier answers.
    """

    grade_id: str
    number: str
    max_points: float
    submissions: int
    right: float | None
    points: float | None
    discrimination: float | None
    seconds: float | None
    untouched: int
    missing: int
    as_submitted: int


@dataclass(frozen=True)
class Failure:
    """Messages of one exercise that differ in numbers and quoted words only; `message` is the commonest of them."""

    number: str
    grade_id: str
    message: str
    error: str
    students: frozenset[str] = field(repr=False)
    variants: int


def distribution(scores: list[float], most: float) -> list[Bar]:
    """Bars that count `scores`, in steps of 1, 2, 5, 10, 20, 50 … points, with one for `most` points or more."""
    step = next(
        digit * 10**power for power in range(12) for digit in (1, 2, 5) if most <= MOST_BARS * digit * 10**power
    )
    lows = [low for low in range(0, int(most) + 1, step) if low < most]
    edges = [*lows, most]
    bars = [Bar(low, high, sum(low <= score < high for score in scores)) for low, high in pairwise(edges)]
    return [*bars, Bar(most, None, sum(score >= most for score in scores))]


def discrimination(points: list[float], totals: list[float]) -> float | None:
    """How well an exercise tells strong from weak submissions: its corrected item-total correlation, from -1 to 1.

    Pearson's correlation between the points for the exercise and the points for all the others: `totals` without its
    own, which would correlate with themselves. Source: S. Henrysson, "Correction of item-total correlations in item
    analysis", Psychometrika 28 (1963), 211-218. None for fewer than ENOUGH submissions, or where all have the same.
    """
    rest = [total - own for own, total in zip(points, totals, strict=True)]
    if len(points) < ENOUGH:
        return None
    try:
        return correlation(points, rest)
    except StatisticsError:
        return None


def exercise_numbers(lesson: Lesson, results: list[SubmissionResult]) -> list[ExerciseNumbers]:
    """The numbers of each exercise of a lesson, in its order."""
    numbers = []
    for exercise in lesson.exercises:
        pairs = [(one, result) for result in results for one in result.exercises if one.grade_id == exercise.grade_id]
        found = [answer for answer, _ in pairs]
        points = [answer.points for answer in found]
        totals = [sum(other.points for other in result.exercises) for _, result in pairs]
        seconds = [answer.seconds for answer in found if not answer.missing]
        numbers.append(
            ExerciseNumbers(
                exercise.grade_id,
                exercise.number,
                sum(test.points for test in exercise.tests),
                submissions=len(found),
                right=fmean(answer.points >= answer.max_points for answer in found) if found else None,
                points=fmean(points) if found else None,
                discrimination=discrimination(points, totals),
                seconds=median(seconds) if seconds else None,
                untouched=sum(map(is_untouched, found)),
                missing=sum(answer.missing for answer in found),
                as_submitted=sum(answer.as_submitted for answer in found),
            )
        )
    return numbers


def is_untouched(answer: ExerciseResult) -> bool:
    """Whether the answer is the stub as it was given out, which raises NotImplementedError in every test."""
    return not answer.missing and all(test.error == "NotImplementedError" for test in answer.tests)


def failures(results: list[SubmissionResult]) -> list[Failure]:
    """Why answers failed, the reason that most students met first; similar messages are one."""
    groups = defaultdict(list)
    for result in results:
        for answer in result.exercises:
            for test in answer.tests:
                if test.points < test.max_points and (test.message or test.error):
                    key = (answer.number, answer.grade_id, test.error, pattern(test.message))
                    groups[key].append((test.message, result.student))
    found = []
    for (number, grade_id, error, _), members in groups.items():
        messages = Counter(message for message, _ in members)
        commonest = min(messages, key=lambda message: (-messages[message], message))
        students = frozenset(student for _, student in members)
        found.append(Failure(number, grade_id, commonest, error, students, len(messages)))
    return sorted(found, key=lambda one: (-len(one.students), one.number, one.grade_id, one.message))


def pattern(message: str) -> str:
    """What is the same in similar messages: numbers, arrays, addresses and quoted words become one sign each."""
    text = NUMBER.sub("#", QUOTED.sub("'…'", ADDRESS.sub("#", message[:1000])))
    return BETWEEN_NUMBERS.sub(lambda run: "#" if "#" in run[0] else " ", text).strip()
