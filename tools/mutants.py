"""Slightly wrong versions of a reference solution, each with one small change: what a good test has to refuse.

Changes nothing. The general changes (another operator, comparison or number, a negated condition, a loop that does
nothing …) are those of cosmic-ray; the ones that people make with NumPy and PyTorch are added here.
"""

import ast
import difflib
from dataclasses import dataclass

from cosmic_ray import plugins
from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from parso.python.tree import Name

LEFT_OUT = {"VariableReplacer", "VariableInserter", "NoOp"}  # they draw at random, or change nothing
# Another arithmetic operator is wrong in the same way as the next one; these stand for all.
BINARY = {"Add": "Sub", "Sub": "Add", "Mul": "Div", "Div": "Mul", "FloorDiv": "Div", "Mod": "Mul", "Pow": "Mul"}
SWAPS = {
    "sum": "mean", "mean": "sum", "max": "min", "min": "max", "argmax": "argmin", "argmin": "argmax",
    "zeros": "ones", "ones": "zeros", "zeros_like": "ones_like", "ones_like": "zeros_like", "exp": "expm1",
    "log": "log1p", "maximum": "minimum", "minimum": "maximum", "floor": "ceil", "ceil": "floor",
    "cumsum": "cumprod", "vstack": "hstack", "hstack": "vstack", "sin": "cos", "cos": "sin", "sorted": "list",
    "append": "extend", "lower": "upper", "eval": "train", "train": "eval",
}  # fmt: skip
DROPPED_ATTRIBUTES = ("T",)
DROPPED_CALLS = ("copy", "clone", "detach", "lower", "strip", "ravel", "abs")
DROPPED_ARGUMENTS = ("axis", "dim", "keepdims", "keepdim", "dtype", "key", "reverse", "default")


@dataclass(frozen=True)
class Mutant:
    """A changed solution: its whole code, and the changed lines as "- old" and "+ new"."""

    code: str
    change: str


class SwappedName(Operator):
    """A function or method in place of its counterpart: sum for mean, zeros for ones …"""

    def mutation_positions(self, node):
        if isinstance(node, Name) and node.value in SWAPS:
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        return Name(SWAPS[node.value], node.start_pos, prefix=node.prefix)

    @classmethod
    def examples(cls):
        return ()


class ElementwiseProduct(Operator):
    """`*` in place of the matrix product."""

    def mutation_positions(self, node):
        if node.type == "operator" and node.value == "@" and node.parent.type != "decorator":
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        node.value = "*"
        return node

    @classmethod
    def examples(cls):
        return ()


class DroppedTrailer(Operator):
    """An attribute or a call without arguments that is left out: `.T`, `.copy()` …"""

    def mutation_positions(self, node):
        if node.type == "trailer" and node.children and node.children[0].value == "." and self._droppable(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        called = node.get_next_sibling()
        if node.children[1].value in DROPPED_CALLS and called is not None:
            called.children[:] = []
        return None

    def _droppable(self, node):
        name, following = node.children[1].value, node.get_next_sibling()
        is_call = following is not None and following.get_code() == "()"
        return name in DROPPED_ATTRIBUTES or name in DROPPED_CALLS and is_call

    @classmethod
    def examples(cls):
        return ()


class DroppedArgument(Operator):
    """A keyword argument that is left out: `axis=0`, `keepdims=True` …"""

    def mutation_positions(self, node):
        if node.type == "argument" and node.children[0].get_code().strip() in DROPPED_ARGUMENTS:
            if node.children[1].get_code().strip() == "=":
                yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        neighbour = node.get_previous_sibling()
        if neighbour is not None and neighbour.get_code().strip() == ",":
            neighbour.value = neighbour.prefix = ""
        return None

    @classmethod
    def examples(cls):
        return ()


def operators() -> list[Operator]:
    """Every change that is tried, in a fixed order."""
    found = []
    for name in sorted(plugins.operator_names()):
        short = name.removeprefix("core/")
        if short in LEFT_OUT or short.startswith("ReplaceUnaryOperator") and "Delete" not in short:
            continue
        if short.endswith(("_Is", "_IsNot")):  # whether equal numbers are one object is an accident of CPython
            continue
        if short.startswith("ReplaceBinaryOperator_"):
            old, new = short.removeprefix("ReplaceBinaryOperator_").split("_")
            if BINARY.get(old) != new:
                continue
        found.append(plugins.get_operator(name)())
    return [*found, SwappedName(), ElementwiseProduct(), DroppedTrailer(), DroppedArgument()]


def mutants(source: str) -> list[Mutant]:
    """Every different program that one change makes of `source`, in a fixed order; what is no Python is left out."""
    known, found = {_shape(source)}, []
    for operator in operators():
        for occurrence in range(_count(source, operator)):
            code = mutate_code(source, operator, occurrence)
            shape = code and _shape(code)
            if shape and shape not in known:
                known.add(shape)
                found.append(Mutant(code, _change(source, code)))
    return found


def _count(source, operator):
    """How many places `operator` finds in `source`."""

    def walk(node):
        yield from operator.mutation_positions(node)
        for child in getattr(node, "children", ()):
            yield from walk(child)

    return sum(1 for _ in walk(get_ast(source)))


class _WithoutMessages(ast.NodeTransformer):
    def visit_JoinedStr(self, node):
        return ast.Constant("")


def _shape(code):
    """What is the same in programs that differ in layout or in an f-string only; None for what is no Python."""
    try:
        return ast.dump(_WithoutMessages().visit(ast.parse(code)))
    except (SyntaxError, ValueError):
        return None


def _change(source, code):
    lines = difflib.unified_diff(source.splitlines(), code.splitlines(), lineterm="", n=0)
    kept = [line for line in list(lines)[2:] if not line.startswith("@@")]
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in kept)
