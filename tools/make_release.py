"""Write the students' zip: what `make release` runs.

What it does to the world: writes dist/embeddings-from-scratch-VERSION.zip, replacing one of that name when the new one
is complete and was opened and checked: it holds notebooks, embedlab, data and what is needed to install and open them,
and no lesson script, solution, test, hidden test or autograder. The same sources give the same bytes.

Exit code 0 when the zip is there; 2 with a sentence when it is not, as when notebooks/ is out of date with source/.
"""

import io
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat

from autograder.lesson import Lesson, chapters, read_lesson, stub, visible

ROOT = Path(__file__).resolve().parent.parent
FILES = [
    "environment.yml",
    "nbgrader_config.py",
    "pyproject.toml",
    "requirements.lock",
    "tools/install.py",
    "tools/open_lab.py",
]
FOLDERS = ["data", "embedlab", "notebooks"]
MADE = ["Makefile", "README.md"]
LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}
COMMANDS = ("help", "lab")
MARKERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
README = """\
# Embeddings from Scratch

Lessons on embeddings, from one weight to word vectors inside a text classifier, as Jupyter notebooks with exercises.
You need Python 3.11, 3.12 or 3.13 and about 3 GB of disk. The first start installs what the lessons use into the folder
`.venv` here, which takes a few minutes and needs the internet; later starts take seconds.

On Linux and macOS, in this folder:

    make lab

Without `make`:

    python3.11 tools/install.py
    .venv/bin/python tools/open_lab.py

On Windows:

    py -3.11 tools\\install.py
    .venv\\Scripts\\python tools\\open_lab.py

With conda:

    conda env create -f environment.yml
    conda activate embeddings-from-scratch
    python tools/open_lab.py

JupyterLab opens on the first lesson. You work in the folder `work/`; nothing ever overwrites what is there. The button
Validate above a notebook runs its checks. Hand in the notebook of the lesson as it lies in `work/`. When you unpack a
newer zip over this folder, the next start says which lessons changed and how to take them.

Lessons:

{lessons}
"""


class ReleaseError(Exception):
    """What is wrong and what to do, in one sentence."""


def version(root: Path) -> str:
    """The course's version, from pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def students_makefile(text: str) -> str:
    """The Makefile `text` with only the commands that work in the zip."""
    head, commands = text.split(".PHONY:", 1)
    rules = [rule.strip("\n") for rule in commands.split("\n\n") if rule.startswith(tuple(f"{c}:" for c in COMMANDS))]
    if len(rules) != len(COMMANDS):
        raise ReleaseError(f"The Makefile lacks one of the commands {', '.join(COMMANDS)}: put it back.")
    return f"{head}.PHONY: {' '.join(COMMANDS)}\n\n" + "\n\n".join(rules) + "\n"


def title(notebook: Path) -> str:
    """The first heading of a lesson."""
    cells = nbformat.read(notebook, as_version=4).cells
    headings = [line.removeprefix("# ") for cell in cells for line in cell.source.splitlines() if line.startswith("# ")]
    return headings[0] if headings else notebook.stem


def contents(root: Path) -> dict[str, bytes]:
    """Every file of the zip by its path in there; ReleaseError where something is missing."""
    lessons = [script.stem for script in chapters(root)]
    notebooks = {name: root / "notebooks" / name / f"{name}.ipynb" for name in lessons}
    missing = [path for path in [*notebooks.values(), *(root / name for name in FILES)] if not path.is_file()]
    if missing or not lessons:
        raise ReleaseError(f"{missing[0] if missing else root / 'source'} is missing: run `make build` first.")
    found = {name: (root / name).read_bytes() for name in FILES}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not LEFT_OUT & set(path.parts):
                found[path.relative_to(root).as_posix()] = path.read_bytes()
    listed = "\n".join(f"1. `{name}`: {title(path)}" for name, path in notebooks.items())
    found["README.md"] = README.format(lessons=listed).encode()
    found["Makefile"] = students_makefile((root / "Makefile").read_text(encoding="utf-8")).encode()
    return found


def zip_bytes(files: dict[str, bytes], folder: str) -> bytes:
    """A zip with `files` in `folder`: sorted, dated 1980, uncompressed, so that its bytes depend on nothing else."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{folder}/{name}", (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def given_away(notebook, lesson: Lesson) -> list[str]:
    """The grade_ids whose cell in the students' `notebook` is anything but the stub or the visible tests."""
    allowed = {}
    for exercise in lesson.exercises:
        allowed[exercise.grade_id] = stub(exercise.solution, exercise.number)
        allowed |= {test.grade_id: visible(test.source) for test in exercise.tests}
    there = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in notebook.cells}
    return [grade_id for grade_id, source in allowed.items() if there.get(grade_id, "").strip() != source.strip()]


def problems(archive: zipfile.ZipFile, root: Path) -> list[str]:
    """What is in a zip that should not be, or is not and should be, a sentence each."""
    found = []
    if archive.testzip():
        found.append(f"{archive.testzip()} is damaged.")
    lessons = {script.stem: read_lesson(script) for script in chapters(root)}
    seen = set()
    for name in archive.namelist():
        _, *inside = name.split("/")
        path = "/".join(inside)
        if path not in (*FILES, *MADE) and inside[0] not in FOLDERS:
            found.append(f"{path} is not for students.")
        if inside[0] != "notebooks":
            continue
        if path.endswith((".py", ".pyc")):
            found.append(f"{path} is a script; a lesson's script holds its solutions.")
        text = archive.read(name)
        found += [f"{path} contains {marker}." for marker in MARKERS if marker.encode() in text]
        if path.endswith(".ipynb") and inside[1] in lessons:
            seen.add(inside[1])
            notebook = nbformat.reads(text.decode("utf-8"), as_version=4)
            wrong = given_away(notebook, lessons[inside[1]])
            found += [f"{path}: cell {grade_id} is not its stub or its visible tests." for grade_id in wrong]
    return found + [f"The lesson {name} is missing." for name in sorted(lessons.keys() - seen)]


def make_release(root: Path, target: Path) -> Path:
    """Write the zip into the folder `target` and check it; returns its path. ReleaseError if it may not go out."""
    folder = f"embeddings-from-scratch-{version(root)}"
    target.mkdir(parents=True, exist_ok=True)
    path = target / f"{folder}.zip"
    unchecked = path.with_suffix(".zip.unchecked")
    unchecked.write_bytes(zip_bytes(contents(root), folder))
    with zipfile.ZipFile(unchecked) as archive:
        found = problems(archive, root)
    if found:
        unchecked.unlink()
        raise ReleaseError("No zip was written: " + " ".join(found) + " Mend that, run `make build`, and repeat.")
    unchecked.replace(path)
    return path


def main(arguments: list[str]) -> int:
    """Check that the build is up to date, write the zip, say what it holds; 0, or 2 with a sentence."""
    if arguments:
        print(f"make release takes no arguments, and got {arguments[0]!r}: run it alone.", file=sys.stderr)
        return 2
    built = subprocess.run([sys.executable, str(ROOT / "tools" / "build_course.py"), "--check"], cwd=ROOT)
    if built.returncode:
        print("No zip was written: mend the above, then repeat.", file=sys.stderr)
        return 2
    try:
        path = make_release(ROOT, ROOT / "dist")
    except (ReleaseError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename} cannot be used ({error.strerror}): mend that and repeat.", file=sys.stderr)
        return 2
    with zipfile.ZipFile(path) as archive:
        print(f"Wrote {path.relative_to(ROOT)}: {len(archive.namelist())} files, {path.stat().st_size / 1e6:.1f} MB.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
