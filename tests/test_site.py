"""The course's site: complete, the same each time, self-contained, and without a solution where students read it.

Both sites are made once, in a temporary folder. What only a browser knows is asked of Chromium, from file://, and
skipped where there is none.
"""

import os
import re
import subprocess
import sys
import zlib
from functools import cache
from html import escape
from urllib.parse import unquote, urlsplit

import make_site
import nbformat
import pytest
from bs4 import BeautifulSoup
from lessons import ROOT, SCRIPTS
from live_pages import chromium, needs_chromium
from sphinx.search.en import SearchEnglish
from test_leaks import MARKERS, secrets

from autograder.lesson import read_lesson

# MyST uses what Sphinx 11 will drop; both are pinned.
pytestmark = pytest.mark.filterwarnings("ignore:.*Check CHANGES for Sphinx API modifications")

CHAPTERS = [script.stem for script in SCRIPTS]
PAGES = ["index", "data", "search", *CHAPTERS]
FORMULA = re.compile(r"\$\$.+?\$\$|(?<!\\)\$.+?\$", re.DOTALL)
FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


@pytest.fixture(params=make_site.SITES)
def site(request, sites):
    """The folder of one site, in turn."""
    return sites / request.param


@cache
def soup(page):
    """A page as a tree of elements, which no test may change."""
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def files(folder) -> dict:
    """The bytes of every file below `folder`, by its path in there."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def readable(path) -> str:
    """What a reader finds in a file: a page without its markup, a notebook's cells, an inventory unpacked."""
    if path.suffix == ".html":
        return soup(path).get_text()
    if path.suffix == ".ipynb":
        return "\n".join(f"{cell.source}\n{cell.get('outputs')}" for cell in nbformat.read(path, 4).cells)
    if path.name == "objects.inv":
        return zlib.decompress(path.read_bytes().split(b"\n", 4)[4]).decode()
    return path.read_bytes().decode("utf-8", errors="replace")


@cache
def hidden(chapter: str) -> list[str]:
    """The lines of a chapter that students must not see."""
    return secrets(read_lesson(ROOT / "source" / chapter / f"{chapter}.py").cells)


def leaks(folder) -> list[str]:
    """What students must not see and a file of the site in `folder` shows, as "file: line".

    A file of one chapter is searched for the secrets of that chapter; another chapter may well show such a line.
    """
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            text, about = readable(path), [chapter for chapter in CHAPTERS if chapter in path.as_posix()] or CHAPTERS
            lines = [*MARKERS, *(line for chapter in about for line in hidden(chapter))]
            found += [f"{path.name}: {line}" for line in lines if line in text]
    return found


def words(text: str) -> set[str]:
    """The words of a text as the search index keeps them."""
    stem = SearchEnglish({}).stem
    return {stem(word) for word in set(re.findall(r"\w+", text.lower()))}


def words_to_find(folder) -> set[str]:
    """The words that the search of a site finds."""
    return set(re.findall(r'[{,]"?(\w+)"?:', (folder / "searchindex.js").read_text(encoding="utf-8")))


def test_a_site_holds_a_start_page_every_chapter_and_its_notebook(site):
    start = soup(site / "index.html")
    linked = {link["href"] for link in start.select("article a[href]")}
    for page in PAGES[3:]:
        assert f"{page}.html" in linked
        link = soup(site / f"{page}.html").select_one(".download a")
        notebook = site / link["href"]
        assert notebook.read_bytes() == (ROOT / make_site.SITES[site.name] / page / notebook.name).read_bytes()
    assert {path.stem for path in site.glob("*.html")} == set(PAGES)
    assert (site / ".nojekyll").is_file() and not (site / "_sources").is_dir()


def test_every_cell_is_on_its_page(site):
    for chapter in CHAPTERS:
        notebook = nbformat.read(ROOT / make_site.SITES[site.name] / chapter / f"{chapter}.ipynb", 4)
        page = soup(site / f"{chapter}.html")
        text = page.get_text()
        code = [cell.source for cell in notebook.cells if cell.cell_type == "code" and cell.source]
        assert [source for source in code if source.strip() not in text] == []
        assert len(page.select(".cell_input")) == len(code)
        drawn = [output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
        figures = [output for output in drawn if "<img" in "".join(output["data"].get("text/html", ""))]
        assert len(page.select(".cell_output img[alt]")) >= len(figures)


def test_nothing_of_a_solution_or_a_hidden_test_is_in_the_students_site(sites):
    assert leaks(sites / "students") == []


def test_the_search_finds_no_word_that_only_solutions_have(sites):
    shown = [readable(path) for kind in ("html", "ipynb") for path in (sites / "students").rglob(f"*.{kind}")]
    only_hidden = words("\n".join(line for chapter in CHAPTERS for line in hidden(chapter))) - words("".join(shown))
    assert len(only_hidden) > 100
    assert only_hidden & words_to_find(sites / "students") == set()
    assert len(only_hidden & words_to_find(sites / "solutions")) > 100


@pytest.mark.parametrize(
    "name", ["data.html", f"{CHAPTERS[1]}.html", "searchindex.js", f"notebooks/{CHAPTERS[1]}/a.txt", "_sources/data.md"]
)
def test_the_check_for_leaks_can_fail(tmp_path, name):
    planted = tmp_path / name
    planted.parent.mkdir(parents=True, exist_ok=True)
    secret = hidden(CHAPTERS[1])[0]
    planted.write_text(f"<p>{escape(secret)}</p>" if planted.suffix == ".html" else secret, encoding="utf-8")
    assert leaks(tmp_path) == [f"{planted.name}: {secret}"]


def test_every_link_leads_somewhere(site):
    anchors = {page.resolve(): {one["id"] for one in soup(page).select("[id]")} for page in site.glob("*.html")}
    dead, followed = [], 0
    for page in anchors:
        for element in soup(page).select("[href], [src]"):
            url = urlsplit(element.get("href") or element.get("src"))
            if url.scheme or not (url.path or url.fragment):
                continue
            target = (page.parent / unquote(url.path)).resolve() if url.path else page
            followed += 1
            if not target.is_file() or url.fragment and target in anchors and url.fragment not in anchors[target]:
                dead.append(f"{page.name}: {url.geturl()}")
    assert dead == [] and followed > 200


def test_no_page_names_anything_to_fetch_from_elsewhere(site):
    for page in site.glob("*.html"):
        for element in soup(page).find_all(FETCHED):
            address = element.get(FETCHED[element.name], "")
            assert not urlsplit(address).netloc and not address.startswith(("http", "//")), f"{page.name}: {address}"
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", text), sheet.name


def test_every_formula_is_typeset(site):
    for chapter in CHAPTERS:
        notebook = nbformat.read(ROOT / make_site.SITES[site.name] / chapter / f"{chapter}.ipynb", 4)
        prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        written = FORMULA.findall(re.sub(r"```.*?```|`[^`\n]*`", "", prose, flags=re.DOTALL))
        page = soup(site / f"{chapter}.html")
        assert len(page.select("math")) == len(written) > 5
        texts = [text for text in page.find_all(string=True) if not text.find_parent(["pre", "code", "script"])]
        assert [text for text in texts if re.search(r"[$\\]", text)] == []


def made_in_another_process(site, folder):
    """The files of a site that a Python with another order of sets makes."""
    code = f"import make_site, pathlib; make_site.make_site(make_site.ROOT, {site!r}, pathlib.Path({str(folder)!r}))"
    environment = os.environ | {
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tools'}",
        "TZ": "Asia/Tokyo",
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
    return files(folder / site)


@pytest.mark.parametrize("name", ["students", pytest.param("solutions", marks=pytest.mark.test_all)])
def test_the_same_sources_give_the_same_bytes(sites, tmp_path, name):
    again, first = made_in_another_process(name, tmp_path), files(sites / name)
    assert again.keys() == first.keys()
    assert [path for path in first if first[path] != again[path]] == []


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


def visit(browser, site, name, width=1300, scheme="light"):
    """A page of a site in a new tab, with a list of what it asked for and of what went wrong on it."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((site / f"{name}.html").as_uri(), wait_until="load")
    return page, requests, errors


@needs_chromium
@pytest.mark.parametrize("name", ["students", pytest.param("solutions", marks=pytest.mark.test_all)])
def test_pages_ask_for_nothing_from_elsewhere_and_fit_wide_and_narrow_screens(sites, browser, name):
    for title in PAGES:
        page, requests, errors = visit(browser, sites / name, title)
        for width in (1300, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") == width, f"{title}, {width} pixels"
        assert [url for url in requests if not url.startswith(("file:", "data:"))] == [] and len(requests) > 5
        assert errors == [], title
        page.close()


@needs_chromium
def test_light_and_dark_follow_the_system_until_the_reader_chooses(sites, browser):
    for scheme, wanted in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(19, 20, 22)")):
        page, _, _ = visit(browser, sites / "students", CHAPTERS[0], scheme=scheme)
        background = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(background) == wanted
        page.locator(".theme-toggle-content button").click()
        assert page.evaluate(background) != wanted
        page.reload()
        assert page.evaluate(background) != wanted
        page.close()


@needs_chromium
def test_the_search_works_without_a_server(sites, browser):
    page, requests, errors = visit(browser, sites / "students", "index")
    page.fill(".sidebar-search", "overflow")
    page.press(".sidebar-search", "Enter")
    page.wait_for_selector(f"#search-results a[href^='{CHAPTERS[0]}.html']", timeout=30_000)
    assert errors == [] and not [url for url in requests if not url.startswith("file:")]
    page.close()


@needs_chromium
def test_what_scrolls_is_reached_by_keyboard_and_hints_open(sites, browser):
    page, _, _ = visit(browser, sites / "students", CHAPTERS[0], width=390)
    scrolls = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.tabIndex)"
    reached = page.locator("pre, .scrolls").evaluate_all(scrolls)
    assert len(reached) > 5 and set(reached) == {0}
    hint = page.locator("article details:not(.hide)").first
    assert not hint.locator("p").first.is_visible()
    hint.locator("summary").click()
    assert hint.locator("p").first.is_visible() and hint.locator("math").first.is_visible()
    page.close()


@needs_chromium
def test_every_figure_of_a_solution_is_drawn_and_described(sites, browser):
    page, _, _ = visit(browser, sites / "solutions", CHAPTERS[0])
    seen = page.locator("article .cell_output img").evaluate_all("all => all.map(one => [one.naturalWidth, one.alt])")
    assert len(seen) > 5 and all(width > 300 and len(alt) > 20 for width, alt in seen)
    page.close()
