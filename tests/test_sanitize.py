"""Text from a submission: nothing in it is live for the program that renders it, and harmless text reads the same."""

import re
import time

import pytest
from bs4 import BeautifulSoup
from hostile import BOMBS, HOSTILE
from nbconvert.filters import Highlight2HTML, markdown2html

from autograder.sanitize import LONGEST, UNSEEN, harmless_code, harmless_markdown, plain, shortened

ELEMENTS = set(
    "p em strong del code pre div span ul ol li table thead tbody tr th td blockquote h1 h2 h3 h4 h5 h6 hr br sub sup "
    "kbd details summary dl dt dd a input".split()
)
ATTRIBUTES = {"class", "style", "open", "id", "href", "start", "type", "disabled", "checked"}
COMMAND = re.compile(r"\\(href|class|style|cssId|require|def)")

HARMLESS = {
    "emphasis": "**bold** and *slanted* and ~~wrong~~, a_b_c",
    "lists": "1. one\n2. two\n   - inner\n\n- [x] done",
    "formulas": "$\\frac{1}{1 + e^{-z}}$ and $a<b$, $$\\sum_i x_i$$\n\n\\begin{align}a &= b \\\\ c &< d\\end{align}",
    "code": "`x[0]` and\n\n```python\ndef f(x):\n    return x < 3 and x[0](1)  # so?\n```\n\n    plain & simple",
    "table": "| w | loss |\n|---|---:|\n| 1 | 0.5 |",
    "details": "<details><summary>More</summary>\n\n**inner**\n\n</details>\n\nH<sub>2</sub>O<br>x<sup>2</sup>",
    "details, open": "<details open>\n<summary>More</summary>\n\ntext\n\n</details>",
    "entities": "a &lt; b &amp; c &ndash; &#8212; d &nbsp; R&D",
    "comparison": "x < 3, y <4 and z<-1, 3 > 2",
    "quotation": "> so it is\n\n---\n\nand on",
    "other scripts": "Über 数学 и 👩‍🔬 می\u200cخواهم",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_is_live_whatever_it_is_written_in(name):
    for text in (HOSTILE[name], "words " + HOSTILE[name], f"<details>\n{HOSTILE[name]}\n</details>"):
        page = BeautifulSoup(markdown2html(harmless_markdown(text)), "html.parser")
        for element in page.find_all(True):
            assert element.name in ELEMENTS and set(element.attrs) <= ATTRIBUTES, element
            if "id" in element.attrs:
                assert "%E2%81%A0" in element["id"] or UNSEEN in element["id"]
            if element.name == "a":
                assert element["href"].startswith("#") and element["class"] == ["anchor-link"]
            if element.name == "input":
                assert element["type"] == "checkbox" and "disabled" in element.attrs
        assert not COMMAND.search(page.get_text())
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e\u2066]", page.get_text())


@pytest.mark.parametrize("name", HOSTILE)
def test_what_was_written_can_still_be_read(name):
    shown = harmless_markdown(HOSTILE[name]).replace(UNSEEN, "")
    assert shown == plain(HOSTILE[name], LONGEST)


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_text_renders_to_the_same(name):
    pages = markdown2html(HARMLESS[name]), markdown2html(harmless_markdown(HARMLESS[name]))
    same, shown = (re.sub(f"</?span[^>]*>|{UNSEEN}", "", page) for page in pages)
    assert shown == same


def test_links_and_headings_read_as_they_were_written():
    shown = BeautifulSoup(markdown2html(harmless_markdown("## Why\n\nSee [this](https://a.example/b).")), "html.parser")
    assert shown.h2.get_text().replace(UNSEEN, "") == "Why¶"
    assert shown.p.get_text().replace(UNSEEN, "") == "See [this](https://a.example/b)."


@pytest.mark.parametrize("name", BOMBS)
def test_text_made_to_be_slow_is_not(name):
    start = time.process_time()
    text = harmless_markdown(BOMBS[name])
    assert len(text) < 2.5 * LONGEST
    markdown2html(text)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("sign", [".", "%", "@", "(", "'", "?", "a:"])
def test_code_made_to_be_slow_is_not(sign):
    start = time.process_time()
    Highlight2HTML(pygments_lexer="ipython3")(harmless_code(sign * 1_000_000))
    Highlight2HTML(pygments_lexer="ipython3")(harmless_code((sign * 2000 + "\n") * 100))
    assert time.process_time() - start < 5


def test_code_stays_as_it_was_written():
    code = "def f(x):\n\tif x < 3 and x[0](1):  # <script>\n        return 'Über https://a.example &#8212;'\n"
    assert harmless_code(code) == code


def test_a_cut_says_how_much_is_missing():
    assert shortened("a" * 30, 20, "{} more") == "a" * 20 + "\n\n10 more"
    assert "has 980,000 characters more" in harmless_markdown("a" * 1_000_000)
    assert plain("abcdef", 4) == "abc…" and plain("abcd", 4) == "abcd"


def test_plain_text_is_what_can_be_saved_and_read_in_its_order():
    text = plain("a\r\nb\rc\u2028d\x1b[31me\x1b[0m\x00\ud800\u202ef\tg", 100)
    assert text == "a\nb\nc\nde���f\tg"
    text.encode()
