"""Build the autograded notebook of a submission: the lesson as it is in source/, with the student's answers in it.

Changes nothing in the world. Cells, tests, points and metadata are the lesson's; the submission supplies the text of
the answers, and the cells that the student added, kept where they are and marked. What the tests said becomes their
outputs, of which nbgrader makes the marks. Nothing that a student wrote is live in formgrader: see
`autograder.sanitize`.
"""

import re
from functools import lru_cache

from nbformat import from_dict
from nbgrader.utils import compute_checksum

from autograder.handed_in import read_answers, text_of
from autograder.lesson import EXERCISE_HEADING, WRITTEN_STUB, Cell, Lesson, stub, visible
from autograder.results import ExerciseResult, SubmissionResult, Verdict
from autograder.sanitize import LONGEST, harmless_code, harmless_markdown, plain
from autograder.stock import KERNELSPEC

LANGUAGE_INFO = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "pygments_lexer": "ipython3"}
ADDED = "added-by-student"
ADDED_CODE, ADDED_WORDS = "# Added by the student:\n", "*Added by the student:*\n\n"
MOST_ADDED, LONGEST_ADDED = 50, 10_000
QUOTED = re.compile(r"`(?P<called>.+?)(?:\(…\))?` (?=raised )")
AS_SUBMITTED = "This exercise's mark comes from a run of the notebook as it was submitted."


def rebuild(lesson: Lesson, submitted: dict, result: SubmissionResult):
    """The autograded notebook, an nbformat node, of the notebook `submitted`, which `submissions.inspect` found sound.

    Cell ids come from the lesson. nbgrader.utils.determine_grade gives each test cell the points of its verdict in
    `result`; a test without a verdict gets 0.
    """
    answers = read_answers(lesson, submitted).answers
    exercises = {exercise.grade_id: exercise for exercise in lesson.exercises}
    stubs = _stubs(lesson)
    added = _added(lesson, submitted, answers)
    verdicts = {test.grade_id: test for exercise in result.exercises for test in exercise.tests}
    first_tests = {exercises[one.grade_id].tests[0].grade_id: one for one in result.exercises}
    cells = _added_cells(lesson, added, -1)
    for position, cell in enumerate(lesson.cells):
        source, outputs = cell.source, []
        if cell.grade_id in stubs:
            source = _answer(cell, answers.get(cell.grade_id, stubs[cell.grade_id]), stubs[cell.grade_id])
        elif cell.role == "test":
            outputs = _outputs(cell, verdicts.get(cell.grade_id), first_tests.get(cell.grade_id))
        cells.append(_lesson_cell(lesson, position, source, stubs, outputs))
        cells += _added_cells(lesson, added, position)
    metadata = {"kernelspec": dict(KERNELSPEC), "language_info": dict(LANGUAGE_INFO)}
    return from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def message_for_student(verdict: Verdict, test: Cell) -> str:
    """Why the test failed, without a line of the hidden tests that `embedlab.explain` may have quoted."""
    message = plain(verdict.message, LONGEST) or verdict.error or "The test failed."
    quoted = QUOTED.match(message)
    if verdict.error != "CheckFailure" and quoted and quoted["called"] not in " ".join(visible(test.source).split()):
        message = f"A call of the answer {message[quoted.end() :]}"
    return message


@lru_cache(maxsize=32)
def _stubs(lesson: Lesson) -> dict[str, str]:
    """What students are given in each solution and written cell, by grade_id."""
    number, stubs = "", {}
    for cell in lesson.cells:
        if cell.kind == "markdown":
            for heading in EXERCISE_HEADING.finditer(cell.source):
                number = heading[1]
        if cell.role in ("solution", "written"):
            is_plain = cell.kind == "markdown" and "### BEGIN SOLUTION" not in cell.source
            stubs[cell.grade_id] = WRITTEN_STUB if is_plain else stub(cell, number)
    return stubs


def _grade_id(cell: dict):
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def _trimmed(text: str) -> str:
    """The text without what JupyterLab and editors change at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _answer(cell: Cell, text: str, given: str) -> str:
    """An answer's text for the notebook; unchanged, it stays what nbgrader knows as no response."""
    if text == given:
        return text
    return harmless_code(text) if cell.kind == "code" else harmless_markdown(text)


def _lesson_cell(lesson: Lesson, position: int, source: str, stubs: dict[str, str], outputs: list):
    """The notebook's cell at `position` of the lesson, with nbgrader's metadata as it is in the students' version."""
    cell = lesson.cells[position]
    metadata = {"tags": list(cell.tags)} if cell.tags else {}
    if cell.grade_id is not None:
        points = {"points": int(cell.points) if cell.points == int(cell.points) else cell.points}
        metadata["nbgrader"] = {
            "cell_type": cell.kind,
            "grade": cell.role in ("test", "written"),
            "grade_id": cell.grade_id,
            "locked": cell.role in ("test", "lesson"),
            **(points if cell.role in ("test", "written") else {}),
            "schema_version": 3,
            "solution": cell.role in ("solution", "written"),
            "task": False,
        }
    made = _new_cell(cell.kind, stubs.get(cell.grade_id, source), metadata, _cell_id(lesson, position))
    if cell.grade_id is not None:
        made.metadata.nbgrader.checksum = compute_checksum(made)
    made.source = source
    if cell.kind == "code":
        made.outputs = outputs
    return made


def _new_cell(kind: str, source: str, metadata: dict, cell_id: str):
    run = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return from_dict({"cell_type": kind, "id": cell_id, "metadata": metadata, "source": source, **run})


def _cell_id(lesson: Lesson, position: int, suffix: str = "") -> str:
    """The id of the lesson's cell at `position`, as in the students' version."""
    name = (lesson.cells[position].grade_id if position >= 0 else "start") or f"{position:03d}"
    return re.sub(r"[^a-zA-Z0-9-_]", "-", f"{lesson.name[:2]}-{name}")[: 64 - len(suffix)] + suffix


def _outputs(test: Cell, verdict: Verdict | None, exercise: ExerciseResult | None) -> list:
    """What nbgrader makes the verdict's points of: nothing for all, an error for none, else the number.

    exercise: the result of the exercise whose first test this is; None for its other tests.
    """
    if verdict is None:
        verdict = Verdict(test.grade_id, 0.0, test.points, "This test was not run.", "NotRun")
    printed = plain(verdict.printed, LONGEST)
    if exercise is not None and exercise.as_submitted:
        printed = f"{AS_SUBMITTED}\n{printed}"
    outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
    if verdict.points <= 0 and (test.points > 0 or verdict.error or verdict.message):
        message = message_for_student(verdict, test)
        name = plain(verdict.error, 100) or "Error"
        outputs.append({"output_type": "error", "ename": name, "evalue": message, "traceback": [message]})
    elif verdict.points != test.points:
        data = {"text/plain": repr(float(verdict.points))}
        outputs.append({"output_type": "execute_result", "execution_count": None, "data": data, "metadata": {}})
    return from_dict(outputs)


def _added(lesson: Lesson, submitted: dict, answers: dict[str, str]) -> dict[int, list[tuple[str, str]]]:
    """The (type, text) of the cells that are the student's own, by the lesson's position that they come after."""
    known = {cell.grade_id: position for position, cell in enumerate(lesson.cells) if cell.grade_id}
    stubs, places = _stubs(lesson), {_cell_id(lesson, position): position for position in range(len(lesson.cells))}
    given = {}
    for position, cell in enumerate(lesson.cells):
        text = visible(cell.source) if cell.role == "test" else stubs.get(cell.grade_id, cell.source)
        given.setdefault(_trimmed(text), []).append(position)
    added, after = {}, -1
    for cell in submitted["cells"]:
        text, grade_id = text_of(cell), _grade_id(cell)
        position = known.get(grade_id, places.get(cell.get("id")) if isinstance(cell.get("id"), str) else None)
        is_answer = grade_id in answers and text == answers[grade_id]
        if not is_answer and _trimmed(text) in given:
            same = given[_trimmed(text)]
            position = position if position in same else next((one for one in same if one > after), same[-1])
        after = after if position is None else position
        if text.strip() and not is_answer and _trimmed(text) not in given:
            added.setdefault(after, []).append((cell["cell_type"], text))
    return added


def _added_cells(lesson: Lesson, added: dict[int, list[tuple[str, str]]], position: int) -> list:
    """The cells for the student's own that come after `position` of the lesson; in all, no more than MOST_ADDED."""
    earlier = sum(len(cells) for place, cells in added.items() if place < position)
    cells = []
    for number, (kind, text) in enumerate(added.get(position, [])):
        if earlier + number >= MOST_ADDED:
            left = len(added[position]) - number
            kind, text = "markdown", f"{left} more cells of the student's own are in the notebook that was handed in."
        if kind == "code":
            source = ADDED_CODE + harmless_code(text, LONGEST_ADDED)
        else:
            kind, source = "markdown", ADDED_WORDS + harmless_markdown(text, LONGEST_ADDED)
        cells.append(_new_cell(kind, source, {"tags": [ADDED]}, _cell_id(lesson, position, f"-added-{number}")))
        if earlier + number >= MOST_ADDED:
            break
    return cells
