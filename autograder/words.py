"""What a student wrote, as HTML for a page of our own: code with its colours, Markdown, and messages.

Changes nothing in the world. Each function returns Markup that holds no element but those listed here, with no
attribute but a class that it set itself.
"""

import re
from functools import lru_cache

import bleach
from markupsafe import Markup, escape
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

TAGS = frozenset(
    "blockquote br code dd del details dl dt em hr kbd li ol p pre strong sub summary sup table tbody td th thead tr ul"
    .split()
)  # fmt: skip
BACKTICKS = re.compile(r"`([^`\n]+)`")


class _Renderer(IPythonRenderer):
    """Markdown as HTML whose headings do not disturb those of the page."""

    def heading(self, text, level, **attrs):
        return f"<p><strong>{text}</strong></p>\n"

    def block_code(self, code, info=None):
        return f"<pre><code>{escape(code)}</code></pre>\n"


def code_html(source: str) -> Markup:
    """Python `source` with a `span.line` around each line, and pygments' short classes on what is in them."""
    lines = highlight(source.rstrip("\n") + "\n", _lexer(), _formatter()).rstrip("\n").split("\n")
    return Markup("\n".join(f'<span class="line">{line}</span>' for line in lines))


def markdown_html(source: str) -> Markup:
    """Markdown from a rebuilt notebook as HTML in which nothing is live; formulas stay as they were written."""
    page = MarkdownWithMath(renderer=_Renderer(escape=False)).render(source)
    return Markup(_cleaner().clean(page))


def message_html(message: str) -> Markup:
    """A message, text, with `code` between backticks."""
    return Markup(BACKTICKS.sub(r"<code>\1</code>", str(escape(message))))


@lru_cache(maxsize=1)
def _lexer():
    return PythonLexer(stripnl=False)


@lru_cache(maxsize=1)
def _formatter():
    return HtmlFormatter(nowrap=True)


@lru_cache(maxsize=1)
def _cleaner():
    return bleach.Cleaner(tags=TAGS, attributes={}, protocols=[], strip=True, strip_comments=True)
