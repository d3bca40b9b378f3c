"""Read a notebook file that a student handed in, whatever is in it.

Reads the file; changes nothing. The format is checked as far as the rest of the grader relies on it, and no further.
"""

import json
from pathlib import Path

MOST_BYTES = 25 * 2**20


def read_notebook(path: Path) -> tuple[dict, str]:
    """What counts of the notebook in the file, and why it cannot be graded, "" if it can.

    That is each cell's type, id, text and nbgrader metadata, as JSON has them: outputs and pictures may take megabytes.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe, which nobody might ever write to
            return {}, f"{path.name} is no file: ask for it again"
        if path.stat().st_size > MOST_BYTES:
            return {}, f"{path.name} is larger than {MOST_BYTES // 2**20} MB: ask for it again, without its outputs"
        data = path.read_bytes()
        if not data.strip():
            return {}, f"{path.name} is an empty file: ask for it again"
        notebook = json.loads(data)
    except OSError as error:
        return {}, f"{path.name} cannot be read ({error.strerror}): give yourself the right to read it"
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        return {}, f"{path.name} is not a notebook (not valid JSON{where}): ask for it again"
    version = notebook.get("nbformat") if isinstance(notebook, dict) else None
    if isinstance(version, int) and version != 4:
        return {}, f"{path.name} is in notebook format {version}: open it in JupyterLab, save it, and hand that in"
    if version is None or not _is_well_formed(notebook):
        return {}, f"{path.name} is not a notebook (JSON of another kind): ask for it again"
    return {"cells": [_essence(cell) for cell in notebook["cells"]]}, ""


def _essence(cell: dict) -> dict:
    """What marking and the autograded notebook need of a cell."""
    kept = {name: cell[name] for name in ("cell_type", "id", "source") if name in cell}
    return {**kept, "metadata": {"nbgrader": cell["metadata"].get("nbgrader", {})}}


def _is_well_formed(notebook: dict) -> bool:
    """Whether cells have the parts that reading them needs."""
    cells = notebook.get("cells")
    return isinstance(cells, list) and all(
        isinstance(cell, dict)
        and cell.get("cell_type") in ("code", "markdown", "raw")
        and isinstance(cell.get("source"), str | list)
        and isinstance(cell.get("metadata"), dict)
        and isinstance(cell["metadata"].get("nbgrader", {}), dict)
        and isinstance(cell["metadata"].get("nbgrader", {}).get("grade_id", ""), str)
        for cell in cells
    )
