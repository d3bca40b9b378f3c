"""Pages that people read can be read by everyone: no moderate, serious or critical violation that axe-core knows.

Checked in Chromium, in light and dark: the grader's report, a feedback page, the course's site, and lessons that are
exported with the course's template for nbconvert. Skipped where there is no Chromium. What axe calls minor is let
pass: pandas writes tables whose corner cell is an empty heading.
"""

import json
import shutil
import subprocess
import sys

import pytest
from extent import EVERYTHING
from lessons import ROOT, SCRIPTS
from live_pages import chromium, needs_chromium
from small_course import make_course
from test_report import class_of_30

from autograder.course import open_course
from autograder.feedback import page_html
from autograder.lesson import read_lesson
from autograder.rebuild import rebuild
from autograder.report import write_report
from autograder.results import ExerciseResult, SubmissionResult, Verdict

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

# MyST uses what Sphinx 11 will drop; both are pinned.
pytestmark = [needs_chromium, pytest.mark.filterwarnings("ignore:.*Check CHANGES for Sphinx API modifications")]

CHAPTERS = [script.stem for script in SCRIPTS]
SCHEMES = ("light", "dark")
SCREENS = {"wide": {"width": 1300, "height": 900}, "narrow": {"width": 390, "height": 800}}
COUNTED = {"moderate", "serious", "critical"}
OPEN_ALL = """() => {
  for (const closed of document.querySelectorAll("details")) closed.open = true;
  for (const animation of document.getAnimations()) animation.finish();
}"""
# A chapter has up to 14,000 spans of code, and axe takes a minute for them: one of each class and box is enough, and
# for contrast one of each look.
CODE_OF_EACH_CLASS_ONCE = """() => {
  const seen = new Set();
  for (const span of [...document.querySelectorAll("pre span")]) {
    const box = span.closest("pre");
    const key = [span.className, box.className, box.parentElement.className, box.closest("details")?.className].join();
    if (seen.has(key)) span.replaceWith(...span.childNodes);
    seen.add(key);
  }
}"""
TEXT_OF_EACH_LOOK_ONCE = """() => {
  for (const [node, text] of window.removed ?? []) node.data = text;
  window.removed = [];
  const seen = new Set(), walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, style = getComputedStyle(node.parentElement);
    if (!node.data.trim()) continue;
    const look = [style.color, style.fontSize, style.fontWeight, style.visibility, node.data.trim().length > 1];
    for (let box = node.parentElement; box; box = box.parentElement) {
      const {backgroundColor, backgroundImage, opacity} = getComputedStyle(box);
      if (backgroundColor !== "rgba(0, 0, 0, 0)") look.push(backgroundColor);
      if (backgroundImage !== "none") look.push(backgroundImage);
      if (opacity !== "1") look.push(opacity);
    }
    if (seen.has(look.join())) window.removed.push([node, node.data]);
    seen.add(look.join());
  }
  for (const [node] of window.removed) node.data = "";
  return seen.size;
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def violations(browser):
    """A function that opens a page and returns, a line each, what axe-core finds wrong with it, in both schemes."""

    def found(path, screen="wide"):
        page = browser.new_page(viewport=SCREENS[screen])
        page.route("**/*", lambda route: route.continue_() if is_local(route.request.url) else route.abort())
        page.goto(path.as_uri(), wait_until="load")
        page.evaluate(OPEN_ALL)
        page.evaluate(CODE_OF_EACH_CLASS_ONCE)
        lines = run_axe(page, {"rules": {"color-contrast": {"enabled": False}}})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.evaluate(OPEN_ALL)
            assert page.evaluate(TEXT_OF_EACH_LOOK_ONCE) > 1
            lines += [f"{scheme}: {line}" for line in run_axe(page, {"runOnly": ["color-contrast"]})]
        page.close()
        return lines

    return found


def run_axe(page, options) -> list[str]:
    """What axe-core finds wrong with a page, "rule: what it is: where"; a rule that failed itself is a finding too."""
    kinds = ["violations", "incomplete"]
    found = axe.Axe().run(page, options={"resultTypes": kinds, "preload": False, **options}).response
    failed = [one for one in found["incomplete"] if "error-occurred" in json.dumps(one)]
    return [
        f"{one['id']}: {one['help']}: {node['html'][:160]}"
        for one in [*found["violations"], *failed]
        if one["impact"] in COUNTED
        for node in one["nodes"]
    ]


def is_local(url: str) -> bool:
    """Whether a page asks for something on this machine."""
    return url.startswith(("file:", "data:"))


@pytest.mark.parametrize("page", ["index", "data", "search", *CHAPTERS])
@pytest.mark.parametrize("screen", SCREENS if EVERYTHING else ["narrow"])
def test_the_students_site(sites, violations, page, screen):
    assert violations(sites / "students" / f"{page}.html", screen) == []


@pytest.mark.parametrize("page", ["index", *CHAPTERS] if EVERYTHING else [CHAPTERS[0], CHAPTERS[-1]])
@pytest.mark.parametrize("screen", SCREENS if EVERYTHING else ["wide"])
def test_the_solutions_site(sites, violations, page, screen):
    assert violations(sites / "solutions" / f"{page}.html", screen) == []


@pytest.mark.parametrize("chapter", CHAPTERS if EVERYTHING else CHAPTERS[:1])
@pytest.mark.parametrize("scheme", SCHEMES if EVERYTHING else SCHEMES[:1])
def test_lessons_exported_by_nbconvert(tmp_path, violations, chapter, scheme):
    solved = ROOT / "solutions" / chapter / f"{chapter}.ipynb"
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--template", "tools/export/course", str(solved)]
    command += ["--theme", scheme, "--output-dir", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert violations(tmp_path / f"{chapter}.html") == []


@pytest.mark.parametrize("screen", SCREENS)
def test_the_report(tmp_path, violations, screen):
    course = open_course(make_course(tmp_path / "course"))
    assert violations(write_report(course, class_of_30(course)), screen) == []


@pytest.fixture(scope="module")
def feedback(tmp_path_factory):
    """The feedback page of a submission to the first chapter, with checks that passed, that failed, and a comment."""
    lesson = read_lesson(SCRIPTS[0])
    notebook = json.loads((ROOT / "solutions" / lesson.name / f"{lesson.name}.ipynb").read_text(encoding="utf-8"))
    failed = [
        Verdict(test.grade_id, 0.0, test.points, "`f(1)` returned `2`, expected `3`", "CheckFailure", "I print.\n")
        for test in lesson.exercises[0].tests
    ]
    exercises = [ExerciseResult(lesson.exercises[0].grade_id, lesson.exercises[0].number, tuple(failed))]
    for exercise in lesson.exercises[1:]:
        passed = tuple(Verdict(test.grade_id, test.points, test.points) for test in exercise.tests)
        exercises.append(ExerciseResult(exercise.grade_id, exercise.number, passed))
    result = SubmissionResult("ada", lesson.name, "", tuple(exercises), ("The notebook was handed in twice.",))
    written = {lesson.exercises[0].grade_id: (None, 0.0, "Read the task again.")}
    path = tmp_path_factory.mktemp("feedback") / f"{lesson.name}.html"
    path.write_text(page_html(lesson, rebuild(lesson, notebook, result), result, written, 0.5), encoding="utf-8")
    return path


@pytest.mark.parametrize("screen", SCREENS)
def test_a_feedback_page(feedback, violations, screen):
    assert violations(feedback, screen) == []


DEFECTS = {
    "image-alt": ("</article>", '<img src="data:,"></article>'),
    "color-contrast": ("</article>", '<p style="color: #999; background: #eee">Can you read this?</p></article>'),
    "scrollable-region-focusable": (
        "</article>",
        '<div style="width: 4em; height: 4em; overflow: auto">' + "<p>wide</p>" * 20 + "</div></article>",
    ),
    "html-has-lang": ('lang="en"', ""),
    "label": ("</article>", "<input></article>"),
    "document-title": ("<title>", "<title></title><meta name='x' content='"),
    "link-name": ("</article>", '<a href="index.html"></a></article>'),
}


@pytest.mark.parametrize("rule", DEFECTS)
def test_a_defect_is_found(sites, tmp_path, violations, rule):
    text = (sites / "students" / "index.html").read_text(encoding="utf-8")
    old, new = DEFECTS[rule]
    assert old in text
    shutil.copytree(sites / "students" / "_static", tmp_path / "_static")
    (tmp_path / "index.html").write_text(text.replace(old, new, 1), encoding="utf-8")
    found = violations(tmp_path / "index.html")
    assert any(line.removeprefix("light: ").startswith(f"{rule}: ") for line in found), found


def test_code_in_a_colour_that_is_hard_to_read_is_found(sites, tmp_path, violations):
    shutil.copytree(sites / "students", tmp_path / "site")
    with (tmp_path / "site" / "_static" / "course.css").open("a", encoding="utf-8") as style:
        style.write("body[data-theme=auto] .highlight pre .k { color: #bbb !important }")
    found = violations(tmp_path / "site" / f"{CHAPTERS[0]}.html")
    assert found and all(line.startswith("light: color-contrast: ") for line in found), found
