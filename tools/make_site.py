"""Make the course's site for reading: what `make site` runs.

    python tools/make_site.py             both sites
    python tools/make_site.py students    only the students' version, which holds no solution and no hidden test
    python tools/make_site.py solutions   only the solved and executed lessons

Each is a folder of static pages that can be opened as they lie there, or put on any web server: no page fetches
anything from another place. The same sources give the same bytes.

What it does to the world: writes build/site/students/ and build/site/solutions/, each replaced as a whole, and only
when the new one is complete. Exit code 0 when they are there; 2 with a sentence when they are not, as when notebooks/
or solutions/ are out of date with source/.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from make_release import MARKERS, given_away
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.console import strip_escape_sequences
from sphinx.util.docutils import docutils_namespace, patch_docutils
from sync_notebooks import BuildError, read_notebook
from tqdm import tqdm

from autograder.lesson import chapters, read_lesson

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "tools" / "course_site"
CHECK = ["tools/build_course.py", "--check"]
SITES = {"students": "notebooks", "solutions": "solutions"}
HOW_LONG = re.compile(r"\*\*How long it takes\.\*\* (.*?)\.", re.DOTALL)
FIRST_IMAGE = re.compile(r"!\[([^]]+)\]\((\S+)\)")
ABOUT = {
    "students": """\
These pages are for reading. You work in JupyterLab, where the exercises check themselves: `make lab` in the course's
folder opens it. A notebook that you download here belongs into that folder, because it uses the package `embedlab`.
""",
    "solutions": """\
**These are the solutions**: every lesson solved, with what it prints and draws, and with the hidden tests of its
exercises. They are for those who teach.
""",
}
START_PAGE = """\
# Embeddings from scratch

{lead}

![{alt}]({picture})

{about}

| Chapter | You build | It takes |
| --- | --- | --- |
{rows}

[Where the data come from](data.md), and how to have them in a classroom without internet.

```{{toctree}}
:hidden:
{pages}
data
```
"""


class SiteError(Exception):
    """What is wrong and what to do, in one sentence."""


def page(notebook, address: str):
    """The notebook as a page: with a link to its file at `address` below the heading; code that is folded stays so."""
    heading, rest = notebook.cells[0].source.split("\n", 1)
    link = f'<p class="download"><a href="{address}" download>Download this notebook</a></p>'
    notebook.cells[0].source = f"{heading}\n\n{link}\n\n{rest}"
    for cell in notebook.cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
    return notebook


def start_page(root: Path, site: str, notebooks: dict, sources: Path) -> str:
    """The text of the page that a site opens with, from README.md's first words, its first picture and its table."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    alt, picture = FIRST_IMAGE.search(readme).groups()
    shutil.copy(root / picture, sources)
    builds = dict(re.findall(r"^\| \[.*?\]\(source/(\w+)\) \| (.*?) \|$", readme, re.MULTILINE))
    rows = []
    for chapter, notebook in notebooks.items():
        heading = notebook.cells[0].source.split("\n", 1)[0].removeprefix("# ")
        time = HOW_LONG.search(notebook.cells[0].source)
        takes = " ".join(time[1].split()).lower() if time else ""
        rows.append(f"| [{heading}]({chapter}.ipynb) | {builds.get(chapter, '')} | {takes} |")
    return START_PAGE.format(
        lead=readme.split("\n\n")[1],
        alt=" ".join(alt.split()),
        picture=Path(picture).name,
        about=ABOUT[site],
        rows="\n".join(rows),
        pages="\n".join(notebooks),
    )


def write_sources(root: Path, site: str, sources: Path, files: Path) -> int:
    """Write the pages for Sphinx into `sources` and what is to be downloaded into `files`; the number of pages."""
    names = [script.stem for script in chapters(root)]
    if not names:
        raise SiteError(f"There is no chapter in {root / 'source'}: get a fresh copy of the course.")
    paths = {name: root / SITES[site] / name / f"{name}.ipynb" for name in names}
    for path in paths.values():
        if not path.is_file():
            raise SiteError(f"{path} is missing: run `make build` first.")
    notebooks = {name: read_notebook(path) for name, path in paths.items()}
    if site == "students":
        refuse_leaks(root, notebooks)
    (sources / "index.md").write_text(start_page(root, site, notebooks, sources), encoding="utf-8")
    shutil.copy(root / "data" / "README.md", sources / "data.md")
    for name, notebook in notebooks.items():
        folder = files / SITES[site] / name
        shutil.copytree(root / SITES[site] / name, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        shown = page(notebook, f"{SITES[site]}/{name}/{name}.ipynb")
        nbformat.write(shown, sources / f"{name}.ipynb")
    return len(notebooks) + 2


def refuse_leaks(root: Path, notebooks: dict) -> None:
    """SiteError where a students' notebook holds more of an exercise than its stub and its visible tests."""
    for name, notebook in notebooks.items():
        found = given_away(notebook, read_lesson(root / "source" / name / f"{name}.py"))
        if found or any(marker in cell.source for cell in notebook.cells for marker in MARKERS):
            raise SiteError(f"The students' notebook of {name} gives a solution away: run `make build` and repeat.")


def make_site(root: Path, site: str, target: Path) -> Path:
    """Make one of SITES of the course in `root` in the folder `target`, in place of what is there; returns its path.

    Raises SiteError, or BuildError for what is no notebook, where it cannot be made; `target` is then as it was.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".site-", dir=target) as scratch:
        sources, files, pages, rest = (Path(scratch, name) for name in ("sources", "files", "pages", "rest"))
        sources.mkdir()
        files.mkdir()
        count = write_sources(root, site, sources, files)
        render(site, sources, files, pages, rest, count)
        old, new = Path(scratch, "old"), target / site
        if new.exists():
            new.rename(old)
        pages.rename(new)
    return new


def render(site: str, sources: Path, files: Path, pages: Path, rest: Path, count: int) -> None:
    """Let Sphinx write the site's `pages`, `rest` for what it keeps for itself; SiteError for whatever it warns of."""
    title = "Embeddings from scratch" + (": solutions" if site == "solutions" else "")
    settings = {"html_title": title, "html_extra_path": [str(files)]}
    warnings = io.StringIO()
    bar = tqdm(total=2 * count + 1, desc=f"Making the site {site}", unit=" steps", leave=False)
    try:
        with patch_docutils(SETTINGS), docutils_namespace(), bar:
            app = Sphinx(sources, SETTINGS, pages, rest, "html", settings, status=None, warning=warnings)
            app.connect("doctree-read", lambda *_: bar.update() and None)
            app.connect("html-page-context", lambda *_: bar.update() and None)
            app.build()
    except SphinxError as error:
        raise SiteError(f"Sphinx could not make the site: {error}") from error
    said = [strip_escape_sequences(line) for line in warnings.getvalue().splitlines() if line.strip()]
    if said:
        where = said[0].replace(f"{sources}/", "")
        raise SiteError(f"No site was made, because of {where}: mend that in source/, run `make build`, and repeat.")
    (pages / ".buildinfo").unlink()
    (pages / "_sources").rmdir()  # Sphinx makes it even where nothing goes into it
    (pages / ".nojekyll").touch()  # GitHub Pages would leave out folders such as _static


def main(arguments: list[str]) -> int:
    """Check that the course is up to date, make the sites, say where they are; 0, or 2 with a sentence."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("sites", nargs="*", metavar="SITE", help=f"{' or '.join(SITES)}; both by default")
    options, unknown = parser.parse_known_args(arguments)
    sites = [*options.sites, *unknown]
    for name in sites:
        if name not in SITES:
            print(f"There is no site {name!r}: choose from {', '.join(SITES)}, or name none for both.", file=sys.stderr)
            return 2
    built = subprocess.run([sys.executable, *CHECK], cwd=ROOT)
    if built.returncode:
        print("No site was made: mend the above, then repeat.", file=sys.stderr)
        return 2
    try:
        for site in sites or SITES:
            path = make_site(ROOT, site, ROOT / "build" / "site")
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            print(f"Wrote {path.relative_to(ROOT)}: {size / 1e6:.1f} MB; open {path / 'index.html'}.")
    except (SiteError, BuildError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename} cannot be used ({error.strerror}): mend that and repeat.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
