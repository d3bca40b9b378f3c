"""What of a submitted notebook counts: its answers, found by grade_id, and the student's own code between them.

Changes nothing and executes nothing. Everything else in the notebook (the tests in it, points, tags, metadata, order,
kernel) is ignored: tests and lesson come from the source.
"""

from dataclasses import dataclass, field

from autograder.lesson import Lesson


@dataclass(frozen=True)
class HandedIn:
    """The answers of one submission.

    answers: maps the grade_id of a solution or written cell to the text in it; what the notebook lacks is not there.
    context: maps the grade_id of an exercise to the student's own code before its answer, cell by cell: cells that were
    added or changed, and earlier answers. own: grade_ids of the exercises with an added or changed cell before them.
    notes: sentences for a human.
    """

    answers: dict[str, str]
    context: dict[str, tuple[str, ...]]
    own: frozenset[str]
    notes: tuple[str, ...] = field(default=())


def read_answers(lesson: Lesson, notebook: dict) -> HandedIn:
    """Read the `notebook`, JSON whose form `autograder.submissions` has found sound.

    Of a cell that is there more than once the last that differs from the stub counts, and a note says so.
    """
    wanted = {cell.grade_id for cell in lesson.cells if cell.role in ("solution", "written")}
    tests = {cell.grade_id for cell in lesson.cells if cell.role == "test"}
    given = {_plain(cell.source) for cell in lesson.cells}
    exercises = {exercise.grade_id for exercise in lesson.exercises}
    places, answers, before, own = {}, {}, [], []
    for cell in notebook["cells"]:
        grade_id, source = cell["metadata"].get("nbgrader", {}).get("grade_id"), text_of(cell)
        if grade_id in tests:
            continue
        if grade_id in wanted:
            places.setdefault(grade_id, []).append((source, len(before), len(own)))
        is_own = grade_id not in wanted and _plain(source) not in given
        if cell["cell_type"] == "code" and source.strip() and (is_own or grade_id in exercises):
            before.append(source)
        if cell["cell_type"] == "code" and source.strip() and is_own:
            own.append(source)
    context, with_own, notes = {}, set(), []
    for grade_id, found in places.items():
        counted = next((place for place in reversed(found) if "NotImplementedError" not in place[0]), found[-1])
        answers[grade_id] = counted[0]
        if grade_id in exercises:
            context[grade_id] = tuple(before[: counted[1]])
            if counted[2]:
                with_own.add(grade_id)
        if len(found) > 1:
            notes.append(f"the cell {grade_id} is there {len(found)} times, the last one that was filled in counts")
    return HandedIn(answers, context, frozenset(with_own), tuple(notes))


def text_of(cell: dict) -> str:
    """The source of a cell of a notebook in JSON, which may be a string or a list of lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(line for line in source if isinstance(line, str))


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())
