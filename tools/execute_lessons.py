"""Execute a lesson's notebook in a kernel of its own, and take the figures out of what it shows.

Functions for tools/build_course.py and the tests. Executing starts a Jupyter kernel whose working folder is a temporary
one, removed afterwards; nothing in the course's folder is written.
"""

import base64
import os
import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from sync_notebooks import LANGUAGE_INFO, BuildError, notebook_of, source_hash, write_bytes

from autograder.stubs import content_hash

CELL_SECONDS = 120
SOLUTION_MARKER = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FIGURE_TYPES = {"image/png": "png", "image/gif": "gif"}


def environment(root: Path, profile: str) -> dict:
    """Environment variables under which a lesson gives the same outputs again: one thread, fixed hashes.

    `root` is the course's folder, which the kernel imports from; `profile` an empty folder for IPython's own files.
    """
    inherited = {k: v for k, v in os.environ.items() if k not in ("EMBEDLAB_CHECK_KEY", "MPLBACKEND", "MATPLOTLIBRC")}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    return {**inherited, **threads, "PYTHONHASHSEED": "0", "PYTHONPATH": path, "IPYTHONDIR": profile}


def execute(nb, root: Path, files: dict | None = None, allow_errors: bool = False):
    """A copy of `nb` with the outputs of executing it; `files` (name to bytes) lie beside it.

    Raises BuildError, naming the cell, when a cell fails (unless `allow_errors`), takes too long or kills its kernel.
    """
    nb = nbformat.from_dict(nb)
    with tempfile.TemporaryDirectory(prefix="lesson-") as scratch:
        folder = Path(scratch, "lesson")
        folder.mkdir()
        for name, data in (files or {}).items():
            write_bytes(folder / name, data)
        client = NotebookClient(
            nb,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            allow_errors=allow_errors,
            coalesce_streams=True,
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(folder)}},
        )
        started = []
        client.on_cell_start = lambda cell, **_: started.append(cell)
        try:
            client.execute(env=environment(root, os.path.join(scratch, "ipython")))
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            name = started[-1].source.split("\n")[0] if started else "the first"
            raise BuildError(f"the cell that begins {name!r} failed: {_reason(error)}") from None
    return nb


def _reason(error) -> str:
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    return f"it took more than {CELL_SECONDS} s" if isinstance(error, CellTimeoutError) else "its kernel died"


def solved_notebook(script: Path):
    """The lesson with its reference solutions in place of exercises, not executed, and the hash of its source."""
    nb = notebook_of(script)
    for cell in nb.cells:
        cell.metadata.pop("nbgrader", None)
        cell.source = SOLUTION_MARKER.sub("", cell.source).rstrip("\n")
    nb.metadata["embedlab"] = {"content_sha256": content_hash(nb), "source_sha256": source_hash(script)}
    return nb


def without_volatile_parts(nb):
    """`nb` without what differs from one execution to the next: times, widget ids and state, the Python version."""
    nb.metadata.pop("widgets", None)
    nb.metadata["language_info"] = dict(LANGUAGE_INFO)
    for cell in nb.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return nb


def figures(nb) -> dict:
    """The figures that an executed notebook shows: file name to (bytes, alternative text).

    They are the `<img data-figure="name" alt="…" src="data:…">` of HTML outputs. Raises BuildError for a figure that is
    neither PNG nor GIF, or two different ones of one name.
    """
    found = {}
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            for image in _images(output.get("data", {}).get("text/html", "")):
                name = image["data-figure"]
                kind, _, data = image.get("src", "").removeprefix("data:").partition(";base64,")
                if kind not in FIGURE_TYPES or not re.fullmatch(r"[\w-]+", name):
                    raise BuildError(f"figure {name!r} must have a plain name and be a PNG or GIF in a data: address.")
                file = f"{name}.{FIGURE_TYPES[kind]}"
                figure = (base64.b64decode(data), image.get("alt") or "")
                if found.setdefault(file, figure) != figure:
                    raise BuildError(f"two different figures are called {name!r}; give each a name of its own.")
    return found


def _images(html: str) -> list[dict]:
    """The attributes of each img element in `html` that names a figure."""
    images = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: images.append(dict(attributes)) if tag == "img" else None
    parser.handle_startendtag = parser.handle_starttag
    parser.feed(html)
    return [image for image in images if image.get("data-figure")]
