"""A lesson script and the .ipynb beside it: make the notebook from the script, and take edits back into the script.

Functions for tools/build_course.py. Only `write_text` and those that call it change anything: `sync` rewrites
source/NN/NN.py when source/NN/NN.ipynb was edited in JupyterLab, and `write_pair` writes that .ipynb (git-ignored).

An edit is a change of what `autograder.stubs.content` looks at: cells, their text, nbgrader fields, tags, attachments.
The notebook records the hash of its content and of its script, so that an edit on either side is seen.
"""

import difflib
import hashlib
import os
import re
from pathlib import Path

import jupytext
import nbformat
from jupytext.stringparser import StringParser
from nbformat import v4

from autograder.stubs import cell_content, content, content_hash, recorded_hash, written_cells

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
LAYOUT_METADATA = ("lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker", "skipline", "noskipline")
CELL_MARKER = re.compile(r"# ?%%")


class BuildError(Exception):
    """The course cannot be built as it is; the message says in a sentence what to do."""


def source_hash(script: Path) -> str:
    """SHA-256 of the script's text, the same on systems with other line ends."""
    return hashlib.sha256(script.read_text(encoding="utf-8").encode()).hexdigest()


def notebook_of(script: Path):
    """The notebook of a lesson script, without outputs; the same script gives the same notebook, cell ids included."""
    cells = jupytext.reads(script.read_text(encoding="utf-8"), fmt="py:percent").cells
    for position, cell in enumerate(cells):
        cell.id = cell_id(script.stem, position, cell)
        for key in LAYOUT_METADATA:
            cell.metadata.pop(key, None)
    if len({cell.id for cell in cells}) < len(cells):
        raise BuildError(f"{script}: two cells would get the same id; give each a grade_id of its own, no number.")
    nb = v4.new_notebook(cells=cells, metadata={"kernelspec": dict(KERNELSPEC), "language_info": dict(LANGUAGE_INFO)})
    nb.metadata["embedlab"] = {"content_sha256": content_hash(nb), "source_sha256": source_hash(script)}
    return nb


def cell_id(chapter: str, position: int, cell) -> str:
    """A cell's id from its chapter's number and its grade_id, or its position where it has none."""
    name = cell.metadata.get("nbgrader", {}).get("grade_id") or f"{position:03d}"
    return re.sub(r"[^a-zA-Z0-9-_]", "-", f"{chapter[:2]}-{name}")[:64]


def serialize(nb) -> str:
    """The notebook as the text of an .ipynb file."""
    return nbformat.writes(nb, version=4) + "\n"


def read_notebook(path: Path):
    """Read an .ipynb file; BuildError when it is not a notebook."""
    try:
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except Exception as error:
        raise BuildError(f"{path} is no readable notebook ({type(error).__name__}); delete it or restore it.") from None


def edited(path: Path, fresh) -> bool:
    """Whether the generated notebook at `path` holds an edit that writing `fresh` over it would lose."""
    if not path.exists():
        return False
    found = read_notebook(path)
    return content(found) != content(fresh) and recorded_hash(found) != content_hash(found)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: into a temporary neighbour that then takes its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_pair(script: Path) -> bool:
    """Write source/NN/NN.ipynb unless it is up to date (outputs in it stay); whether it was written."""
    pair, fresh = script.with_suffix(".ipynb"), notebook_of(script)
    if pair.exists():
        recorded = read_notebook(pair).metadata.get("embedlab", {})
        if recorded == fresh.metadata["embedlab"]:
            return False
    write_text(pair, serialize(fresh))
    return True


def sync(script: Path) -> str:
    """Take the edits in source/NN/NN.ipynb into the script; returns the change as a diff, "" when there was none.

    Raises BuildError, and changes nothing, when the script was edited too or cannot hold the edit.
    """
    pair, base = script.with_suffix(".ipynb"), notebook_of(script)
    if not edited(pair, base):
        return ""
    notebook = read_notebook(pair)
    if notebook.metadata.get("embedlab", {}).get("source_sha256") != source_hash(script):
        raise BuildError(
            f"{pair} and {script.name} were both edited: bring the notebook's edit into the script by hand, "
            "then delete the .ipynb."
        )
    old = script.read_text(encoding="utf-8")
    new = merge(script, old, base, notebook)
    back = jupytext.reads(new, fmt="py:percent")
    if content(back) != content(notebook):
        lost = next((cell for cell in content(notebook) if cell not in content(back)), ["", "?"])
        raise BuildError(
            f"{pair}: the cell that begins {lost[1][:40]!r} has something that a script cannot hold "
            "(a pasted picture, or a line that begins with '# %%'); change it, then sync again."
        )
    write_text(script, new)
    write_pair(script)
    return "".join(difflib.unified_diff(old.splitlines(True), new.splitlines(True), script.name, script.name))


def merge(script: Path, text: str, base, notebook) -> str:
    """The script's `text` with the cells of `notebook`; a cell that is unchanged since `base` keeps its every byte."""
    preamble, *blocks = split_cells(text)
    if len(blocks) != len(base.cells):
        raise BuildError(f"{script}: not every cell begins with a line '# %%'; add it, then sync again.")
    known = {cell.id: (cell, block) for cell, block in zip(base.cells, blocks, strict=True)}
    merged = []
    for cell in written_cells(notebook):
        merged.append(cell_text(cell, *known.pop(cell.id, (None, ""))))
    for position, block in enumerate(merged[:-1]):
        if not block.endswith("\n\n"):
            merged[position] = block.rstrip("\n") + "\n\n"
    if merged and blocks and merged[-1] != blocks[-1]:
        merged[-1] = merged[-1].rstrip("\n") + "\n"
    return preamble + "".join(merged)


def split_cells(text: str) -> list[str]:
    """Cut a percent script before each '# %%' line that is not inside a string; first comes what precedes them all."""
    parser, blocks = StringParser("python"), [""]
    for line in text.splitlines(keepends=True):
        if not parser.is_quoted() and CELL_MARKER.match(line):
            blocks.append("")
        parser.read_line(line.rstrip("\n"))
        blocks[-1] += line
    return blocks


def cell_text(cell, old, block: str) -> str:
    """A cell as it stands in a script: `block` where it equals the `old` cell, else written anew in its layout."""
    if old is not None and cell_content(cell) == cell_content(old):
        return block
    metadata = {**(old.metadata if old is not None else {})}
    for key in ("nbgrader", "tags"):
        metadata.pop(key, None)
        if cell.metadata.get(key):
            metadata[key] = cell.metadata[key]
    plain = v4.new_notebook(cells=[{**cell, "metadata": metadata}])
    plain.metadata["jupytext"] = {"cell_metadata_filter": "all", "notebook_metadata_filter": "-all"}
    lines = jupytext.writes(nbformat.from_dict(plain), fmt="py:percent").rstrip("\n").split("\n")
    if old is not None:
        (kind, text, *marks), (old_kind, old_text, *old_marks) = cell_content(cell), cell_content(old)
        old_marker, *old_lines = block.split("\n")
        if (kind, text) == (old_kind, old_text):
            return "\n".join([lines[0], *old_lines])
        if (kind, marks) == (old_kind, old_marks):
            lines[0] = old_marker
    blank_lines = len(block) - len(block.rstrip("\n")) or 2
    return "\n".join(lines) + "\n" * blank_lines
