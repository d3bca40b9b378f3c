"""What of a submitted notebook counts: its answers, found by grade_id, and the student's own code between them.

Changes nothing and executes nothing. Everything else in the notebook (the tests in it, points, tags, metadata, order,
kernel) is ignored: tests and lesson come from the source.
"""

from dataclasses import dataclass, field

from autograder.lesson import Lesson

STUB = "NotImplementedError"


@dataclass(frozen=True)
class HandedIn:
    """The answers of one submission.

    answers: maps the grade_id of a solution or written cell to the text in it; what the notebook lacks is not there.
    own: maps the grade_id of an exercise to the code cells that the student added or changed before its answer.
    before: the same with the answers to earlier exercises, where they were filled in. after: the cells that were added
    between the answer and its tests. An exercise whose answer is lacking is in all three if its tests are there.
    notes: sentences for a human.
    """

    answers: dict[str, str]
    own: dict[str, tuple[str, ...]]
    before: dict[str, tuple[str, ...]]
    after: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = field(default=())


def read_answers(lesson: Lesson, notebook: dict) -> HandedIn:
    """Read the `notebook`, JSON whose form `autograder.submissions` has found sound.

    Of a cell that is there more than once the last that differs from the stub counts, and a note says so.
    """
    exercises = {exercise.grade_id for exercise in lesson.exercises}
    wanted = exercises | {cell.grade_id for cell in lesson.cells if cell.role == "written"}
    owners = {test.grade_id: exercise.grade_id for exercise in lesson.exercises for test in exercise.tests}
    given = {_plain(cell.source) for cell in lesson.cells}
    code, borders, places, first_test = [], [], {}, {}
    for cell in notebook["cells"]:
        grade_id, source = cell["metadata"].get("nbgrader", {}).get("grade_id"), text_of(cell)
        if grade_id in owners:
            first_test.setdefault(owners[grade_id], len(code))
            borders.append(len(code))
            continue
        if grade_id in wanted:
            places.setdefault(grade_id, []).append((source, len(code), len(borders)))
            borders.append(len(code))
        is_own = grade_id not in wanted and _plain(source) not in given
        if cell["cell_type"] == "code" and source.strip() and (is_own or grade_id in exercises):
            code.append((source, is_own))
    answers, notes = {}, []
    before = {grade_id: code[:place] for grade_id, place in first_test.items() if grade_id not in places}
    after = dict.fromkeys(before, [])
    for grade_id, found in places.items():
        filled_in = [place for place in found if STUB not in place[0]]
        answers[grade_id], position, border = (filled_in or found)[-1]
        if grade_id in exercises:
            end = next(iter(borders[border + 1 :]), len(code))
            before[grade_id] = code[:position]
            after[grade_id] = _own(code[position:end])
        if len(found) > 1:
            notes.append(f"the cell {grade_id} is there {len(found)} times, the last one that was filled in counts")
    own = {grade_id: _own(cells) for grade_id, cells in before.items()}
    before = {grade_id: [cell for cell in cells if STUB not in cell[0]] for grade_id, cells in before.items()}
    return HandedIn(answers, _sources(own), _sources(before), _sources(after), tuple(notes))


def text_of(cell: dict) -> str:
    """The source of a cell of a notebook in JSON, which may be a string or a list of lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(line for line in source if isinstance(line, str))


def _own(cells: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    return [cell for cell in cells if cell[1]]


def _sources(cells_of: dict) -> dict[str, tuple[str, ...]]:
    return {grade_id: tuple(source for source, _ in cells) for grade_id, cells in cells_of.items()}


def _plain(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())
