"""A lesson in a real JupyterLab, used as a student uses it: with menus, buttons and keys, seeing what the page shows.

`course_for_students` copies the students' notebooks into a folder of the test's own and opens JupyterLab there with
tools/open_lab.py, as `make lab` does. Nothing of this course is changed.
"""

import contextlib
import re
import shutil
import sys
import time
from pathlib import Path

import nbformat
from live_pages import ROOT, TOKEN, free_port, serving

SECONDS = 1000
"""Playwright counts in milliseconds."""
RED = ", ".join(
    f'.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.{kind}"]' for kind in ("stderr", "error")
)
ALL_NUMBERED = r"""() =>
    [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputArea-prompt')]
        .every(prompt => /^\[\d+\]:$/.test(prompt.textContent))"""
FIGURE = ".jp-OutputArea img[data-figure]"
ALL_LOADED = """([selector, count]) => {
    const images = [...document.querySelectorAll(selector)]
    return images.length == count && images.every(image => image.complete && image.naturalWidth)
}"""
LINE_OF_THE_CURSOR = """() => {
    const place = getSelection().anchorNode
    return (place.closest ? place : place.parentElement).closest('.cm-line').textContent
}"""
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$]+\$", re.DOTALL)


@contextlib.contextmanager
def course_for_students(folder: Path):
    """A JupyterLab on all lessons, with a course below `folder`; its address and the folder work/ that it serves."""
    course = folder / "course"
    shutil.copytree(ROOT / "notebooks", course / "notebooks")
    (course / "tools").mkdir()
    for name in ("nbgrader_config.py", "tools/open_lab.py"):
        shutil.copy(ROOT / name, course / name)
    port = free_port()
    command = [sys.executable, "tools/open_lab.py", "--port", str(port), "--no-browser"]
    # Nothing of the JupyterLab of whoever runs the tests: neither its settings nor the pages that were open in it.
    own = {f"JUPYTERLAB_{name}_DIR": str(folder / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    with serving(command, course, port, JUPYTER_TOKEN=TOKEN, **own) as address:
        yield address, course / "work"


class OpenLesson:
    """A lesson that is open in a browser; cells are found by their place in the notebook's file.

    page: Playwright's page. cells: the notebook's cells when it was opened. path: its file.
    """

    def __init__(self, browser, address: str, path: Path, door: str | None = None):
        """Open the notebook file `path`, work/CHAPTER/NAME.ipynb, by the server's address `door` where one is given."""
        self.path = path
        self.cells = nbformat.read(path, as_version=4).cells
        self.page = browser.new_page(viewport={"width": 1300, "height": 1000})
        self.page.set_default_timeout(60 * SECONDS)
        door = door or f"/lab/tree/{path.parent.name}/{path.name}?reset&"
        self.page.goto(f"{address}{door}token={TOKEN}")
        self.page.wait_for_function(
            "wanted => document.querySelectorAll('.jp-Notebook .jp-Cell').length == wanted", arg=len(self.cells)
        )
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait until the status bar says that the kernel has nothing to do."""
        self.page.wait_for_selector("text=/Python 3.*Idle/")

    def place(self, grade_id: str) -> int:
        """The place of the cell with this grade_id."""
        names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in self.cells]
        return names.index(grade_id)

    def cell(self, place: int | str):
        """The cell at this place, or with this grade_id."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(place if isinstance(place, int) else self.place(place))

    def choose(self, menu: str, entry: str) -> None:
        """Choose an entry of a menu."""
        self.page.click(f".lm-MenuBar-itemLabel >> text=/^{menu}$/")
        self.page.click(f".lm-Menu-itemLabel >> text=/^{entry}$/")

    def run_all(self, seconds: int = 180) -> None:
        """Run, Run All Cells, and wait until all have run."""
        self.choose("Run", "Run All Cells")
        self.wait_until_all_ran(seconds)

    def restart_and_run_all(self, seconds: int = 180) -> None:
        """Kernel, Restart Kernel and Run All Cells…, confirmed; waits until all have run."""
        self.choose("Kernel", "Restart Kernel and Run All Cells…")
        self.page.click(".jp-Dialog .jp-mod-accept")
        self.wait_until_all_ran(seconds)

    def wait_until_all_ran(self, seconds: int) -> None:
        """Wait until not every code cell has a number in its brackets, but a star or nothing; and then until all do."""
        self.page.wait_for_function(f"() => !({ALL_NUMBERED})()")
        self.page.wait_for_function(ALL_NUMBERED, timeout=seconds * SECONDS)
        self.wait_until_idle()

    def type_answer(self, place: int | str, code: str) -> None:
        """Click into a cell and type `code` instead of what stands there, key by key.

        The editor indents each new line and closes brackets by itself; where its indentation is not the wanted one, Tab
        or Backspace mends it, as a person would.
        """
        editor, keyboard = self.cell(place).locator(".cm-content"), self.page.keyboard
        editor.click()
        self.page.wait_for_function("editor => editor.contains(document.activeElement)", arg=editor.element_handle())
        keyboard.press("Control+a")
        keyboard.press("Backspace")
        for number, line in enumerate(code.split("\n")):
            if number:
                keyboard.press("Enter")
            wanted = len(line) - len(line.lstrip())
            while (indented := len(self.page.evaluate(LINE_OF_THE_CURSOR))) != wanted:
                keyboard.press("Tab" if indented < wanted else "Backspace")
            keyboard.type(line.lstrip())

    def run_on(self, cells: int) -> None:
        """Press Shift+Enter for this many cells, from the one with the cursor on."""
        for _ in range(cells):
            self.page.keyboard.press("Shift+Enter")

    def validate(self) -> str:
        """Press the button Validate, read what it says, and close the dialog."""
        self.page.click(".jp-NotebookPanel-toolbar >> text=Validate")
        dialog = self.page.locator(".jp-Dialog")
        dialog.wait_for(timeout=180 * SECONDS)
        said = dialog.inner_text()
        dialog.locator("button").last.click()
        dialog.wait_for(state="detached")
        return said

    def red(self, place: int | str):
        """What a cell shows in red."""
        return self.cell(place).locator(RED)

    def all_errors(self) -> dict[int, str]:
        """{place: text} of all cells that show something in red."""
        found = self.page.locator(".jp-Notebook .jp-Cell").evaluate_all(
            "(cells, red) => cells.map(one => [...one.querySelectorAll(red)].map(red => red.textContent).join('\\n'))",
            RED,
        )
        return {place: text for place, text in enumerate(found) if text}

    def badly_rendered(self) -> dict[int, list]:
        """{place: [formulas, those with an error, dollar signs]} of prose that is not shown as its source asks for.

        Formulas come one after the other once a lesson is open: they are waited for, half a minute at most.
        """
        deadline = time.monotonic() + 30
        while True:
            shown = self.page.locator(".jp-Notebook .jp-Cell").evaluate_all(
                "cells => cells.map(cell => cell.querySelector('.jp-RenderedMarkdown')).map(prose => prose &&"
                " [prose.querySelectorAll('mjx-container').length, prose.querySelectorAll('mjx-merror').length,"
                " prose.textContent.split('$').length - 1])"
            )
            wrong = {
                place: counts
                for place, (cell, counts) in enumerate(zip(self.cells, shown, strict=True))
                if cell.cell_type == "markdown" and counts != [len(FORMULA.findall(cell.source)), 0, 0]
            }
            if not wrong or time.monotonic() > deadline:
                return wrong
            self.page.wait_for_timeout(200)

    def figures(self, count: int) -> list[dict]:
        """Wait until outputs show `count` figures; the name, alternative text, width in pixels and source of each."""
        self.page.wait_for_function(ALL_LOADED, arg=[FIGURE, count])
        return self.page.locator(FIGURE).evaluate_all(
            "all => all.map(({dataset, alt, src, naturalWidth}) =>"
            " ({name: dataset.figure, alt: alt, source: src, width: naturalWidth}))"
        )

    def save(self) -> None:
        """Ctrl+S, and wait until the tab no longer shows that something is not saved."""
        self.page.keyboard.press("Control+s")
        self.page.wait_for_selector(".lm-TabBar-tab.jp-mod-dirty", state="detached")

    def close(self) -> None:
        """Shut down the kernel and close the page."""
        self.choose("Kernel", "Shut Down Kernel")
        self.page.wait_for_selector("text=/No Kernel|Unknown|Dead/")
        self.page.close()
