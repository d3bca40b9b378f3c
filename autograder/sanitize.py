r"""Text from a submission, made so that it reads the same but does nothing inside the instructor's own Jupyter.

Changes nothing in the world. formgrader and `nbgrader generate_feedback` render Markdown with raw HTML and every kind
of link live. `harmless_markdown` does not try to understand Markdown: it breaks each of the few sequences that any
renderer needs for something live, wherever they stand, with a character that is not seen. After it, no `<` begins a
tag (but for a handful without attributes), no `](` a link, no `://` an address, and no `\href` a command of MathJax.
"""

import html
import re
from itertools import count

UNSEEN = "\u2060"  # "word joiner": without width, no place for a line to break, part of no syntax
LONGEST = 20_000

# Control characters, halves of surrogate pairs, and the marks that make a line read in another order than it is.
UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
LONG_LINE = re.compile(r"^(.{2000}).+$", re.MULTILINE)
LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029]")

# Tags that an enclosing </div> closes: left open, they change nothing that follows.
TAG = re.compile(r"<(?=[A-Za-z/!?])(/?(?:details|summary|br|hr|sub|sup|kbd)\s{0,3}/?>|details open>)?")
MOST_TAGS = 100
ENTITY = re.compile(r"&(?:#[xX]?[0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;)")
MATHJAX = re.compile(
    r"\\(?=(?:href|url|require|style|class|cssId|html[A-Za-z]*|data|unicode|mmlToken|bbox|texttip|mathtip|Tip|tooltip"
    r"|toggle|mathtoggle|action|enclose|includegraphics|def|gdef|edef|xdef|let|csname|(?:re|provide)?newcommand"
    r"|providecommand|(?:re)?newenvironment|rule|Rule|raise|lower|moveleft|moveright|Space|loadMacros)(?![A-Za-z]))"
)
BROKEN = (
    (MATHJAX, "\\\\" + UNSEEN),
    (re.compile(r"\](?=[(:])"), "]" + UNSEEN),  # [text](address), ![text](address), [name]: address
    (re.compile(r":(?=//)"), ":" + UNSEEN),  # https://… becomes a link by itself
    (re.compile(r"(?i)www(?=\.)"), r"\g<0>" + UNSEEN),
    (re.compile(r"(?<=\w)@(?=\w)"), "@" + UNSEEN),
    (re.compile(r"(?i)([`~]{3}[ \t]*)(?=mermaid)"), r"\1" + UNSEEN),  # a diagram's text is not escaped
    (
        re.compile(r"(?<!&)#+[ \t]*"),
        r"\g<0>" + UNSEEN,
    ),  # a heading's words become its id, which could be another element's
)
UNDERLINE = re.compile(r"[ \t>]*(?:=+|-+)[ \t]*")
FENCE = re.compile(r"[ \t>]*(?:`{3,}[^`]*|~{3,}.*)")


def plain(text, most: int) -> str:
    """`text` as lines of ordinary characters: what hides or turns text around becomes �; cut to `most` characters."""
    text = LINE_ENDS.sub("\n", ANSI.sub("", str(text)[: most + 1]))
    text = UNFIT.sub("�", text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def shortened(text: str, most: int, note: str) -> str:
    """`plain` text; where it had to be cut, `note` stands at its end, with the number of characters for its {}."""
    if len(text) <= most:
        return plain(text, most)
    return plain(text[:most], most) + "\n\n" + note.format(f"{len(text) - most:,}")


def harmless_code(source: str, most: int = LONGEST) -> str:
    """Python code as it was written, but `plain`, of at most `most` characters, and without endless lines.

    Whoever shows code escapes it; but to colour a line takes a time that grows with the square of its length.
    """
    text = shortened(source, most, "# Cut here: the notebook that was handed in has {} characters more.")
    return LONG_LINE.sub(r"\1…", text)


def harmless_markdown(source: str, most: int = LONGEST) -> str:
    """The Markdown `source` as Markdown in which nothing is live, whichever program renders it.

    Emphasis, lists, code, tables, formulas and <details> stay. Links and pictures become the text that they were
    written as; other HTML, too. Longer than `most` characters, it is cut and says so.
    """
    text = shortened(source, most, "*Cut here: the notebook that was handed in has {} characters more.*")
    text = ENTITY.sub(_entity, text)
    for pattern, replacement in BROKEN:
        text = pattern.sub(replacement, text)
    kept = count()
    text = TAG.sub(lambda tag: tag[0] if tag[1] and next(kept) < MOST_TAGS else f"<{UNSEEN}{(tag[1] or '')}", text)
    return "\n".join(_titles(text.split("\n")))


def _entity(match: re.Match) -> str:
    """A character reference as it is, unless it stands for a character that could be part of a command."""
    shown = html.unescape(match[0])
    if all(sign in "<>&\"'" or sign > "\x7f" for sign in shown) and not UNFIT.search(shown):
        return match[0]
    return f"&{UNSEEN}{match[0][1:]}"


def _titles(lines: list[str]):
    """The lines, those that a line of = or - makes headings with an unseen character: see the last pair of BROKEN."""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        is_title = line.strip() and UNDERLINE.fullmatch(following) and not FENCE.fullmatch(line)
        yield line + UNSEEN if is_title else line
