"""A Sphinx extension that writes formulas as MathML, which browsers show without a script, a font or a request.

Changes nothing but the page that is being written. A formula that cannot be converted is a warning of Sphinx.
latex2mathml converts; what it leaves to the reader of LaTeX (the space around `log`, what stands below `max`) is added.
"""

import re
import xml.etree.ElementTree as ElementTree

from docutils import nodes
from latex2mathml.commands import MATRICES
from latex2mathml.converter import convert
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
NAMESPACE = "http://www.w3.org/1998/Math/MathML"
REWRITTEN = {r"\arg\max": r"\argmax", r"\arg\min": r"\argmin", ":=": "≔", "=:": "≕"}
RELATIONS = set("⟹≔≕")  # written as letters
WITH_LIMITS = {"max", "min", "lim", "sup", "inf", "arg\u2009max", "arg\u2009min"}
LETTERS = set("∞⊤∂∇.")  # written as operators
CLOSING = set(")]}‖")
SIGNS = set("−+±")
THIN = "0.167em"
SPACES = {"‖": "0", "/": "0", "…": THIN}
SCRIPTS = {"msub", "msup", "msubsup", "munder", "munderover"}

ElementTree.register_namespace("", NAMESPACE)


def mathml(latex: str, display: str) -> str:
    """The formula `latex` as a <math> element; `display` is "inline" or "block".

    Raises ValueError, in a sentence that quotes the formula, for a command that is not understood.
    """
    if not is_closed(latex):
        raise ValueError(f"the formula {latex!r} has a brace or an environment that is not understood")
    for command, known in REWRITTEN.items():
        latex = latex.replace(command, known)
    try:
        formula = ElementTree.fromstring(convert(latex.strip(), display=display))
    except Exception as error:  # the converter has errors of many kinds, and writes a stray & as it is
        raise ValueError(f"the formula {latex!r} is not understood ({type(error).__name__})") from error
    unknown = [text for text in formula.itertext() if "\\" in text]
    if unknown:
        raise ValueError(f"the formula {latex!r} has {unknown[0]}, which is not understood")
    for parent in list(formula.iter()):
        keep_matrices_apart(parent)
        row = list(parent)
        for position, element in enumerate(row):
            refine(element, row[position - 1] if position else None, row[position + 1 :])
    return ElementTree.tostring(formula, encoding="unicode")


def is_closed(latex: str) -> bool:
    """Whether braces pair up and every environment is known: what the converter lets pass."""
    braces = re.sub(r"\\.|[^{}]", "", latex, flags=re.DOTALL)
    while "{}" in braces:
        braces = braces.replace("{}", "")
    return not braces and all(f"\\{name}" in MATRICES for name in re.findall(r"\\begin\{(.*?)\}", latex))


def kind(element) -> str:
    """An element's name, such as "mi", without its namespace."""
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def keep_matrices_apart(parent) -> None:
    """Put each matrix into a row of its own with its brackets, which else grow as tall as the tallest matrix."""
    for matrix in [element for element in parent if kind(element) == "mtable"]:
        position = list(parent).index(matrix)
        bracketed = parent[max(position - 1, 0) : position + 2]
        if [kind(element) for element in bracketed] == ["mo", "mtable", "mo"]:
            row = ElementTree.Element(f"{{{NAMESPACE}}}mrow")
            row.extend(bracketed)
            parent[position - 1 : position + 2] = [row]


def rename(element, name: str, **attributes: str) -> None:
    """Make it an element `name` with these attributes more."""
    element.tag = f"{{{NAMESPACE}}}{name}"
    element.attrib.update(attributes)


def is_name(element) -> bool:
    """Whether an element is the name of a function, such as log or softmax."""
    text = (element.text or "").replace("\u2009", "")
    return kind(element) in ("mi", "mo") and len(text) > 1 and text.isascii() and text.isalpha()


def refine(element, before, after: list) -> None:
    """Set an element between its neighbours as LaTeX would: what stands below `max`, and the space around operators."""
    if kind(element) == "msub" and element[0].text in WITH_LIMITS:
        rename(element, "munder")
        element[0].set("movablelimits", "true")
    if kind(element) == "msup" and element[1].text == "′":  # the character itself is small and raised
        rename(element, "mrow")
    core = element[0] if kind(element) in SCRIPTS else element
    follows_operand = before is not None and (kind(before) != "mo" or before.text in CLOSING)
    if is_name(core):
        is_applied = not after or kind(after[0]) == "mo" and after[0].text in ("(", "[", ",")
        rename(core, "mo", lspace=THIN if follows_operand else "0", rspace="0" if is_applied else THIN)
    elif core.text and core.text in RELATIONS:
        rename(core, "mo")
    elif kind(core) == "mo" and core.text in LETTERS:
        rename(core, "mi", mathvariant="normal")
    elif kind(core) == "mo" and core.text in SPACES:
        rename(core, "mo", lspace=SPACES[core.text], rspace=SPACES[core.text], stretchy="false")
    elif kind(core) == "mo" and core.text in SIGNS and not follows_operand:
        rename(core, "mo", form="prefix")


def markup(node, display: str) -> str:
    """The MathML of a docutils node; nothing, and a warning, where it has none."""
    try:
        return mathml(node.astext(), display)
    except ValueError as error:
        LOGGER.warning("%s", error, location=node)
        return ""


def visit_inline(translator, node) -> None:
    """Write an inline formula."""
    translator.body.append(markup(node, "inline"))
    raise nodes.SkipNode


def visit_block(translator, node) -> None:
    """Write a formula on lines of its own, in a box that scrolls where the screen is narrow."""
    translator.body.append(f'<div class="formula scrolls">{markup(node, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app) -> dict:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
