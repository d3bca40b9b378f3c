"""The report on a class: what it says, that nothing on it is live, and how it fits a phone."""

import json
import os
import re
import shutil
from html.parser import HTMLParser

import pytest
from small_course import CHAPTER, make_course

from autograder import results
from autograder.course import Refusal, open_course
from autograder.marks import Row
from autograder.report import duration, readable, write_report
from autograder.results import ExerciseResult, SubmissionResult, Verdict

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HOSTILE = [
    "<script>document.title='pwned'</script>",
    '"><img src=x onerror="document.title=\'pwned\'">',
    "</style><svg onload=document.title='pwned'>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "<iframe src=http://example.org></iframe><link rel=stylesheet href=http://example.org>",
    "name\u202egnirts\u0000\x1b[31m",
    "ad\udce9",
    "=cmd|' /C calc'!A0, \"quoted\"\nand a second line",
    "x" * 5000,
    "علی‌رضا 王 Łukasz",
]
SECRET_LINE = "check.close(double(secret_input), 2 * secret_input"


@pytest.fixture(scope="module")
def empty_course(tmp_path_factory):
    return open_course(make_course(tmp_path_factory.mktemp("courses") / "course"))


@pytest.fixture
def course(empty_course, tmp_path):
    """A copy of the course that a test may change."""
    return open_course(shutil.copytree(empty_course.root, tmp_path / "course"))


def graded(course, student, messages=("", ""), score=None, flags=(), status="graded", seconds=0.012, **fields):
    """The row of a graded submission, with its result saved: one test for each message, which is empty if it passed."""
    names = ("double_values", "double_random")
    tests = tuple(
        Verdict(name, 0.0 if message else 1.0, 1.0, message, "CheckFailure" if message else "")
        for name, message in zip(names, messages, strict=True)
    )
    folder = course.folder("autograded")
    found = SubmissionResult(student, CHAPTER, "", (ExerciseResult("double", "1.1", tests, seconds, **fields),), flags)
    results.path_of(folder, student, CHAPTER).parent.mkdir(parents=True)
    results.save(folder, found)
    points = sum(test.points for test in tests)
    return Row(CHAPTER, student, points if score is None else score, 5.0, (), status)


def class_of_30(course):
    """Ten with all points, ten with one, five with none, two faulty, three who handed in nothing."""
    rows = [graded(course, f"strong{i:02}", score=5.0, seconds=0.002) for i in range(10)]
    rows += [graded(course, f"half{i:02}", ("", f"returned `{i}`, expected {i + 1}"), seconds=0.004) for i in range(10)]
    rows += [graded(course, f"weak{i:02}", ("name 'y' is not defined",) * 2) for i in range(5)]
    rows += [Row(CHAPTER, f"faulty{i}", None, 5.0, (), "01_small.ipynb is an empty file", True) for i in range(2)]
    rows += [Row(CHAPTER, f"absent{i}", None, 5.0, (), "nothing was handed in") for i in range(3)]
    return sorted(rows, key=lambda row: row.student)


def hostile_class(course):
    """Everything that a submission may write, as a name where a file may be called so, as message, flag and status."""
    rows = [graded(course, f"s{i}", (text, ""), flags=(text,)) for i, text in enumerate(HOSTILE)]
    rows += [Row(CHAPTER, text, None, 5.0, (text,), text, True) for text in HOSTILE]
    rows += [Row(CHAPTER, f"{text}!", None, 5.0, (), "nothing was handed in") for text in HOSTILE]
    return [*rows, Row("", HOSTILE[0], None, None, (), HOSTILE[1], True)]


class Page(HTMLParser):
    """A page's tags with their attributes, and its text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


def test_a_class_of_thirty(course):
    path = write_report(course, class_of_30(course))
    assert path == course.root / "report" / "index.html"
    page = Page(path)
    assert f"{CHAPTER} 25 2 3 2.4 1 5" in page.text  # graded, need a human, no submission, mean, median, points
    assert "40 %" in page.text and "1.2 of 2" in page.text  # right; points: ten of 2, ten of 1, five of 0
    assert "4 ms" in page.text
    assert "10 1.1 double returned 0 , expected 1 (and 9 others like it)" in page.text
    assert "5 1.1 double name 'y' is not defined" in page.text
    assert "faulty0 01_small none 01_small.ipynb is an empty file" in page.text
    assert "3 students handed in nothing: absent0 absent1 absent2" in page.text


def test_the_chart_says_in_words_what_it_shows(course):
    page = Page(write_report(course, class_of_30(course)))
    (chart,) = [attributes for attributes in page.all("svg") if attributes.get("role") == "img"]
    assert chart["aria-label"].endswith("0: 5; 1: 10; 2: 0; 3: 0; 4: 0; 5: 10.")


def test_discrimination_is_shown_and_a_low_one_is_called_so(course):
    script = course.root / "source" / CHAPTER / f"{CHAPTER}.py"
    second = script.read_text().replace("1.1", "1.3").replace('"double', '"again').split("# %% [markdown]")[2]
    script.write_text(script.read_text() + "\n# %% [markdown]" + second)
    course, rows = open_course(course.root), []
    for i in range(20):
        tests = [[Verdict(f"{name}_values", right, 1.0)] for name, right in (("double", i % 2), ("again", (i + 1) % 2))]
        exercises = (ExerciseResult("double", "1.1", tuple(tests[0])), ExerciseResult("again", "1.3", tuple(tests[1])))
        rows.append(graded(course, f"s{i}"))
        results.save(course.folder("autograded"), SubmissionResult(f"s{i}", CHAPTER, "", exercises))
    assert Page(write_report(course, rows)).text.count("-1.00 negative") == 2


@pytest.mark.parametrize("rows", [[], [Row("", "eve", None, None, (), "submitted/eve is empty", True)]])
def test_a_class_without_submissions(course, rows):
    page = Page(write_report(course, rows))
    assert "Nothing was graded yet" in page.text and ("submitted/eve is empty" in page.text) == bool(rows)


def test_a_class_of_one_has_no_discrimination(course):
    page = Page(write_report(course, [graded(course, "ada", ("", "wrong"), as_submitted=True)]))
    assert "What 1 submission says of each exercise" in page.text
    assert "1.1 double 0 % 1 of 2 – 12 ms 1 run as submitted" in page.text


def test_a_chapter_in_which_nobody_has_a_mark(course):
    page = Page(write_report(course, [Row(CHAPTER, "ada", None, 5.0, (), "it is an empty file", True)]))
    assert "No submission of this chapter has a mark." in page.text
    assert "1 submission has no mark; the list above says why." in page.text


def test_marks_without_results_are_shown_and_said_to_be(course):
    page = Page(write_report(course, [Row(CHAPTER, "ada", 3.0, 5.0)]))
    assert "3 to 3" in page.text and "not recorded how single exercises went" in page.text


def test_a_result_of_an_earlier_notebook_does_not_count(course):
    row = graded(course, "ada", ("an old message", ""))
    page = Page(write_report(course, [Row(row.chapter, row.student, None, 5.0, (), "is an empty file", True)]))
    assert "an old message" not in page.text


def test_written_answers_that_wait_are_counted(course):
    rows = [Row(CHAPTER, student, 2.0, 5.0, ("why",), "graded; to be marked by hand: why") for student in "ab"]
    page = Page(write_report(course, rows))
    assert "count 0 where nobody has marked them yet: why (2)." in page.text
    assert "need a human" not in page.text


def test_a_flag_of_a_graded_submission_reaches_the_human(course):
    page = Page(write_report(course, [graded(course, "ada", flags=("an answer ran out of time",))]))
    assert "ada 01_small 2 an answer ran out of time" in page.text


def test_hidden_tests_are_not_on_the_page(course):
    assert SECRET_LINE in (course.root / "source" / CHAPTER / f"{CHAPTER}.py").read_text()
    page = write_report(course, class_of_30(course)).read_text()
    assert "secret_input" not in page and "HIDDEN" not in page and "check." not in page


def test_what_students_wrote_is_text_and_nothing_else(course):
    friendly = Page(write_report(course, class_of_30(course)))
    hostile = Page(write_report(course, hostile_class(course)))
    assert {tag for tag, _ in hostile.tags} <= {tag for tag, _ in friendly.tags} | {"p"}
    names = {name for _, attributes in hostile.tags for name in attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "srcset", "style", "action")]
    assert {link["href"][:1] for link in hostile.all("a")} == {"#"}
    assert [link["href"] for link in hostile.all("link")] == ["data:,"]
    assert "document.title='pwned'" in hostile.text and "{{ 7 * 7 }}" in hostile.text
    assert "\u202e" not in hostile.text and "\x1b" not in hostile.text and "x" * 601 not in hostile.text


def test_the_same_class_gives_the_same_page_and_nothing_else_is_left(course):
    rows = class_of_30(course)
    first = write_report(course, rows).read_bytes()
    assert write_report(course, rows).read_bytes() == first
    assert os.listdir(course.root / "report") == ["index.html"]


def test_headings_tables_and_sections_have_names(course):
    page = Page(write_report(course, class_of_30(course)))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in zip(levels, levels[1:], strict=False))
    assert len(page.all("caption")) == len(page.all("table")) == 4
    assert all(head.get("scope") in ("row", "col") for head in page.all("th"))
    identifiers = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identifiers)) == len(identifiers)
    targets = [link["href"][1:] for link in page.all("a")] + [one["aria-labelledby"] for one in page.all("section")]
    assert set(targets) <= set(identifiers)
    assert ("html", {"lang": "en"}) in page.tags


def contrast(one, other):
    """The contrast of two colours such as "#ffffff", from 1 to 21, as WCAG 2 defines it."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_colours_have_enough_contrast_in_light_dark_and_print(course):
    styles = write_report(course, []).read_text()
    palettes = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", styles, re.S)]
    assert len(palettes) == 3
    for palette in palettes:
        assert all(contrast(palette[name], palette["page"]) >= 4.5 for name in ("text", "quiet", "warn", "link"))
        assert contrast(palette["bar"], palette["page"]) >= 3 and contrast(palette["bar"], palette["rest"]) >= 3


def test_a_page_that_cannot_be_written_is_refused_and_the_old_one_stays(course, monkeypatch):
    path, rows = write_report(course, []), class_of_30(course)
    before = path.read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("autograder.report.os.replace", full)
    with pytest.raises(Refusal, match=r"cannot be written \(No space left on device\): see that .*report is a folder"):
        write_report(course, rows)
    assert path.read_bytes() == before and os.listdir(path.parent) == ["index.html"]


def test_a_file_in_the_place_of_the_folder_is_refused(course):
    (course.root / "report").write_text("")
    with pytest.raises(Refusal, match="cannot be written"):
        write_report(course, [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n\tb", "a b"),
        ("a\u202eb\x00", "a�b�"),
        ("ad\udce9", "ad�"),
        ("علی‌رضا", "علی‌رضا"),
        ("x" * 300, "x" * 199 + "…"),
        (3, "3"),
    ],
)
def test_readable_text(text, shown):
    assert readable(text) == shown


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "–"), (0.0, "under 1 ms"), (0.0124, "12 ms"), (0.9996, "1.0 s"), (12.34, "12.3 s")]
)
def test_durations(seconds, words):
    assert duration(seconds) == words


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium: install the package chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    arguments = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    arguments += ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


def test_in_a_browser_nothing_runs_and_nothing_is_asked_for(course, browser):
    path = write_report(course, hostile_class(course))
    page, asked, said = browser.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    for event in ("console", "dialog", "pageerror", "popup", "download"):
        page.on(event, lambda what: said.append(what))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    assert page.title() == "Grading report: embeddings_from_scratch"
    assert asked == [path.as_uri()] and said == []
    assert page.locator("script, iframe, img, object, embed, form, [onload], [onerror]").count() == 0


def test_the_policy_would_stop_a_script_that_got_through(course, browser):
    path = write_report(course, [])
    live = "<img src='http://127.0.0.1:9/x.png' onerror=\"document.title='pwned'\">"
    path.write_text(path.read_text().replace("<main>", f"<main>{live}"))
    page, asked = browser.new_page(), []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    assert page.title().startswith("Grading report") and asked == [path.as_uri()]


@pytest.mark.parametrize("width", [320, 390, 768, 970, 1300])
@pytest.mark.parametrize("make", [class_of_30, hostile_class])
def test_it_fits_every_width(course, browser, width, make):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(write_report(course, make(course)).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    too_wide = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.textContent)"
    assert page.locator("td, tbody th, li").evaluate_all(too_wide) == []


def test_on_a_phone_a_cell_says_what_it_is_and_tables_are_still_tables(course, browser):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(write_report(course, class_of_30(course)).as_uri())
    label = "one => getComputedStyle(one, '::before').content"
    assert json.loads(page.locator('td[data-label="Mean points"]').evaluate(label)) == "Mean points"
    tree = page.locator("main").aria_snapshot()
    assert "- table" in tree and "- columnheader" in tree and "- rowheader" in tree and 'img "Bar chart' in tree


def test_in_dark_mode_and_in_print_the_page_is_dark_and_white(course, browser):
    page = browser.new_page(color_scheme="dark")
    page.goto(write_report(course, class_of_30(course)).as_uri())
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(21, 24, 28)"
    page.emulate_media(media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")
