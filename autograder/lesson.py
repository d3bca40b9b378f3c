"""Read a lesson script: its cells, its exercises, and what students get to see of them.

Reads files; changes nothing. A lesson is one Jupytext percent script with nbgrader metadata, and the one source of its
prose, reference solutions, tests and points. Every command that needs one of these asks this module.
"""

import re
import symtable
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

EXERCISE_HEADING = re.compile(r"^#+ Exercise (\d+\.\d+):(.*)$", re.MULTILINE)
HEADING_POINTS = re.compile(r"\((\d+(?:\.\d+)?) points?\)")
CHAPTER_NAME = re.compile(r"\d\d_\w+")
WRITTEN_STUB = "YOUR ANSWER HERE"


@dataclass(frozen=True)
class Cell:
    """One cell; `role` is "lesson", "solution" (autograded), "test", or "written" (marked by hand)."""

    kind: str
    source: str
    grade_id: str | None
    role: str
    points: float
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Exercise:
    """One autograded exercise; `position` is the index of its solution cell among the lesson's cells.

    `names` are the top-level names that the reference solution defines: what the tests may use of an answer.
    """

    grade_id: str
    number: str
    position: int
    solution: Cell
    tests: tuple[Cell, ...]
    names: frozenset[str]


@dataclass(frozen=True)
class Lesson:
    """A lesson as written; `name` is the chapter's folder name, such as "01_logistic_regression"."""

    name: str
    path: Path
    cells: tuple[Cell, ...]
    exercises: tuple[Exercise, ...]


def read_lesson(path) -> Lesson:
    """Read the lesson script at `path`.

    Raises ValueError, in a sentence that names the file and the cell, when the script breaks a rule of the format:
    grade_ids are there and unique, every exercise has a numbered heading of its own, a region to replace and at least
    one test, and a heading that states points states the sum of its tests' points.
    """
    import jupytext  # it takes more than a second, and a sandbox or a worker has no lesson to read

    path = Path(path)
    try:
        cells = tuple(_cell(raw) for raw in jupytext.read(path, fmt="py:percent").cells)
        repeated = [name for name, count in Counter(c.grade_id for c in cells if c.grade_id).items() if count > 1]
        if repeated:
            raise ValueError(f"grade_id {repeated[0]!r} is used by more than one cell; give each its own")
        exercises = tuple(_exercises(cells))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Lesson(path.stem, path, cells, exercises)


def chapters(root) -> list[Path]:
    """The lesson scripts source/NN_name/NN_name.py below the course folder `root`, in the order of their names."""
    folders = sorted(Path(root, "source").glob("*/"))
    scripts = [folder / f"{folder.name}.py" for folder in folders if CHAPTER_NAME.fullmatch(folder.name)]
    return [script for script in scripts if script.is_file()]


def chapters_named(root, names) -> list[Path]:
    """The lesson scripts of the chapters `names`, or of all; ValueError for a name that no chapter has."""
    scripts = {script.stem: script for script in chapters(root)}
    for name in names:
        if name not in scripts:
            raise ValueError(f"There is no chapter {name!r}; there are: {', '.join(scripts)}.")
    return [scripts[name] for name in names or scripts]


def visible(source: str) -> str:
    """A test cell's source without its hidden tests; ValueError when their markers do not pair up."""
    return _replace_regions(source, "HIDDEN TESTS", lambda indent: [])[0]


def stub(cell: Cell, number: str) -> str:
    """A solution cell's source as students get it: each reference region is replaced by the stub.

    In code the stub raises NotImplementedError with the exercise's `number` and grade_id; in a written question it is a
    line of text. Raises ValueError when the markers do not pair up or there is no region to replace.
    """

    def replacement(indent: str) -> list[str]:
        if cell.kind == "markdown":
            return [WRITTEN_STUB]
        message = f"Exercise {number}, {cell.grade_id}: replace this line with your answer"
        return [f"{indent}# YOUR CODE HERE", f'{indent}raise NotImplementedError("{message}")']

    source, regions = _replace_regions(cell.source, "SOLUTION", replacement)
    if regions == 0:
        raise ValueError(f"solution {cell.grade_id!r} has no ### BEGIN SOLUTION / ### END SOLUTION region")
    return source


def _replace_regions(source: str, marker: str, replacement) -> tuple[str, int]:
    """Replace each region between BEGIN and END marker lines by `replacement(indent)`; also count the regions."""
    begin, end = f"### BEGIN {marker}", f"### END {marker}"
    lines, inside, regions = [], False, 0
    for line in source.split("\n"):
        if line.strip() == begin and not inside:
            inside, regions = True, regions + 1
            lines += replacement(line[: len(line) - len(line.lstrip())])
        elif line.strip() == end and inside:
            inside = False
        elif begin in line or end in line:
            raise ValueError(f"the line {line.strip()!r} has no partner; write {begin!r} and {end!r} in pairs")
        elif not inside:
            lines.append(line)
    if inside:
        raise ValueError(f"{begin!r} is never closed; add {end!r}")
    return "\n".join(lines), regions


def _cell(raw) -> Cell:
    """One notebook cell as a Cell; ValueError where its nbgrader metadata is incomplete."""
    metadata = raw.metadata.get("nbgrader")
    tags = tuple(raw.metadata.get("tags", ()))
    if metadata is None:
        return Cell(raw.cell_type, raw.source, None, "lesson", 0.0, tags)
    grade_id = metadata.get("grade_id")
    if not grade_id:
        raise ValueError(f"a cell has nbgrader metadata without a grade_id: {raw.source[:60]!r}")
    graded, solution = metadata.get("grade", False), metadata.get("solution", False)
    if graded:
        role = "written" if solution or metadata.get("task", False) else "test"
    else:
        role = "solution" if solution else "lesson"
    points = metadata.get("points", 0) if graded else 0
    if graded and ("points" not in metadata or not isinstance(points, int | float) or not 0 <= points < 1000):
        raise ValueError(f"graded cell {grade_id!r} needs points from 0 up")
    if role in ("solution", "test") and raw.cell_type != "code":
        raise ValueError(f"{role} {grade_id!r} must be a code cell")
    return Cell(raw.cell_type, raw.source, grade_id, role, float(points), tags)


def _exercises(cells):
    """Yield the exercises among `cells`; each test belongs to the nearest solution before it."""
    number, points, solutions = None, None, []
    for position, cell in enumerate(cells):
        if cell.kind == "markdown":
            for heading in EXERCISE_HEADING.finditer(cell.source):
                number = heading[1]
                stated = HEADING_POINTS.search(heading[2])
                points = float(stated[1]) if stated else None
        if cell.role in ("solution", "written"):
            if number is None:
                raise ValueError(f"{cell.grade_id!r} needs a heading of its own before it: '## Exercise 1.1: …'")
            if any(number == taken for taken, *_ in solutions):
                raise ValueError(f"Exercise {number} appears twice; number {cell.grade_id!r} differently")
            if cell.role == "solution" or "### BEGIN SOLUTION" in cell.source:
                stub(cell, number)
            solutions.append((number, points, position, cell, []))
            number = None
        elif cell.role == "test":
            visible(cell.source)
            owner = next((s for s in reversed(solutions) if s[3].role == "solution"), None)
            if owner is None:
                raise ValueError(f"test {cell.grade_id!r} comes before any solution cell; move it after its exercise")
            owner[4].append(cell)
    for number, points, position, cell, tests in solutions:
        total = cell.points if cell.role == "written" else sum(test.points for test in tests)
        if points is not None and points != total:
            sums = f"says {points:g} points, its cells sum to {total:g}"
            raise ValueError(f"the heading of Exercise {number} {sums}; change one of them")
        if cell.role == "written":
            continue
        if not tests:
            raise ValueError(f"exercise {cell.grade_id!r} has no test cell after it")
        yield Exercise(cell.grade_id, number, position, cell, tuple(tests), _defined_names(cell))


def _defined_names(cell: Cell) -> frozenset[str]:
    """The top-level names that a code cell assigns, defines or imports."""
    try:
        symbols = symtable.symtable(cell.source, cell.grade_id, "exec").get_symbols()
    except SyntaxError as error:
        raise ValueError(f"solution {cell.grade_id!r} is not valid Python: {error}") from None
    return frozenset(s.get_name() for s in symbols if s.is_assigned() or s.is_imported())
