"""What `make site` refuses, in a sentence and without touching the site that is there; and formulas as MathML."""

import re
import shutil

import make_site
import nbformat
import pytest
from course_site.mathml import mathml
from lessons import ROOT, SCRIPTS

from autograder.lesson import read_lesson

# MyST uses what Sphinx 11 will drop; both are pinned.
pytestmark = pytest.mark.filterwarnings("ignore:.*Check CHANGES for Sphinx API modifications")

CHAPTER = SCRIPTS[0].stem


@pytest.fixture
def course(tmp_path):
    """A course of this course's first chapter, with a site of students that was made earlier."""
    for folder in ("source", "notebooks", "solutions"):
        shutil.copytree(ROOT / folder / CHAPTER, tmp_path / folder / CHAPTER)
    shutil.copytree(ROOT / "images" / CHAPTER, tmp_path / "images" / CHAPTER)
    (tmp_path / "data").mkdir()
    for name in ("README.md", "data/README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "sites" / "students").mkdir(parents=True)
    (tmp_path / "sites" / "students" / "index.html").write_text("an earlier site", encoding="utf-8")
    return tmp_path


@pytest.fixture
def notebook(course):
    """The path of the students' notebook."""
    return course / "notebooks" / CHAPTER / f"{CHAPTER}.ipynb"


def change(path, edit):
    """Let `edit` change the notebook at `path`."""
    notebook = nbformat.read(path, as_version=4)
    edit(notebook)
    nbformat.write(notebook, path)


def refusal(course) -> str:
    """The sentence that making the students' site ends with; the earlier site must still be there, alone."""
    with pytest.raises((make_site.SiteError, make_site.BuildError)) as raised:
        make_site.make_site(course, "students", course / "sites")
    assert [path.name for path in (course / "sites").rglob("*")] == ["students", "index.html"]
    assert (course / "sites" / "students" / "index.html").read_text(encoding="utf-8") == "an earlier site"
    return str(raised.value)


def test_a_new_site_takes_the_place_of_an_earlier_one(course):
    made = make_site.make_site(course, "students", course / "sites")
    assert "an earlier site" not in (made / "index.html").read_text(encoding="utf-8")
    assert [path.name for path in (course / "sites").iterdir()] == ["students"]


def test_a_missing_notebook_is_one_sentence(course, notebook):
    notebook.unlink()
    assert refusal(course) == f"{notebook} is missing: run `make build` first."


@pytest.mark.parametrize("text", ["", "<<<<<<< HEAD", "[]", '{"cells": 1, "nbformat": 4, "nbformat_minor": 5}'])
def test_a_file_that_is_no_notebook_is_one_sentence(course, notebook, text):
    notebook.write_text(text, encoding="utf-8")
    assert re.fullmatch(rf"{notebook} is no readable notebook \(\w+\); delete it or restore it\.", refusal(course))


def test_a_course_without_chapters_is_one_sentence(course):
    shutil.rmtree(course / "source")
    assert refusal(course).startswith("There is no chapter in ")


@pytest.mark.parametrize("what", ["a reference solution", "a hidden test", "a marker"])
def test_a_notebook_that_gives_a_solution_away_is_refused(course, notebook, what):
    exercise = read_lesson(SCRIPTS[0]).exercises[0]
    secret = {"a reference solution": exercise.solution, "a hidden test": exercise.tests[0]}.get(what)

    def give_away(students):
        if secret is None:
            students.cells.append(nbformat.v4.new_code_cell("### BEGIN HIDDEN TESTS"))
        for cell in students.cells:
            if secret and cell.metadata.get("nbgrader", {}).get("grade_id") == secret.grade_id:
                cell.source = "\n".join(line for line in secret.source.splitlines() if "###" not in line)

    change(notebook, give_away)
    assert refusal(course) == f"The students' notebook of {CHAPTER} gives a solution away: run `make build` and repeat."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r"A formula, $\undefined x$.", r"has \undefined, which is not understood"),
        ("A link [to nowhere](nowhere.ipynb).", "nowhere.ipynb"),
        ("![no such picture](nothing.png)", "nothing.png"),
    ],
)
def test_what_could_not_be_shown_is_refused(course, notebook, text, said):
    change(notebook, lambda students: students.cells.append(nbformat.v4.new_markdown_cell(text)))
    sentence = refusal(course)
    assert sentence.startswith(f"No site was made, because of {CHAPTER}.ipynb") and said in sentence
    assert sentence.endswith("mend that in source/, run `make build`, and repeat.") and "\n" not in sentence


@pytest.mark.parametrize("arguments", [["nonsense"], ["students", "--nonsense"]])
def test_a_site_that_there_is_not_is_one_sentence(capsys, arguments):
    assert make_site.main(arguments) == 2
    said = capsys.readouterr().err
    assert said == f"There is no site {arguments[-1]!r}: choose from students, solutions, or name none for both.\n"


def test_help_says_which_sites_there_are(capsys):
    with pytest.raises(SystemExit, match="^0$"):
        make_site.main(["--help"])
    assert "students or solutions; both by default" in capsys.readouterr().out


def test_a_course_that_is_out_of_date_gets_no_site(monkeypatch, capfd):
    monkeypatch.setattr(make_site, "CHECK", ["-c", "import sys; print('notebooks/ is old'); sys.exit(1)"])
    assert make_site.main([]) == 2
    said = capfd.readouterr()
    assert "notebooks/ is old" in said.out and said.err == "No site was made: mend the above, then repeat.\n"


@pytest.mark.parametrize(
    ("latex", "part"),
    [
        (r"\log p", 'rspace="0.167em">log</mo><mi>p</mi>'),
        (r"2\log(p)", '<mo lspace="0.167em" rspace="0">log</mo>'),
        (r"\max_i x_i", '<munder><mo movablelimits="true"'),
        (r"\arg\max_d s", "arg\u2009max</mo>"),
        (r"z = -1", '<mo form="prefix">−</mo>'),
        (r"a - 1", "<mo>−</mo>"),
        (r"A^\top", '<mi mathvariant="normal">⊤</mi>'),
        (r"\lVert w \rVert", '<mo lspace="0" rspace="0" stretchy="false">‖</mo>'),
        (r"a \Longrightarrow b", "<mo>⟹</mo>"),
        ("a < b", "<mo>&lt;</mo>"),
        ("f'(x)", "<mrow><mi>f</mi><mi>′</mi></mrow>"),
        (r"\{a\}", "{</mo><mi>a</mi>"),
        (r"x = \begin{pmatrix} 1 \end{pmatrix}", "<mo>=</mo><mrow><mo>(</mo><mtable>"),
        (r"\begin{cases} 1 \\ 2 \end{cases}", "{</mo><mtable>"),
    ],
)
def test_a_formula_is_set_as_latex_sets_it(latex, part):
    assert part in mathml(latex, "inline")


@pytest.mark.parametrize("latex", [r"\undefined", "a & b", r"\frac{1", "a}", r"\begin{nothing} x \end{nothing}", "^"])
def test_a_formula_that_is_not_understood_is_quoted(latex):
    with pytest.raises(ValueError, match="^the formula .* understood"):
        mathml(latex, "block")
