"""What both sides of a graded call agree on: how errors are described, and how a changed argument is brought home.

Changes nothing but the objects that `overwrite` is given.
"""

import builtins
import re
import sys
from collections import Counter, OrderedDict, defaultdict

import numpy as np

from autograder.wire_types import type_name

MAX_MESSAGE = 2000
MAX_PRINTED = 20_000
MAX_WARNINGS = 20
UNREADABLE = "(its message could not be read)"
ITERATION_ENDS = (StopIteration, StopAsyncIteration)
"""Exceptions that would end a loop or a `map` of the test instead of failing it."""

BUILTIN_NAMES = {kind: name for name, kind in vars(builtins).items() if isinstance(kind, type)}
SAFE_ERRORS = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, ITERATION_ENDS)
}


class AnswerError(Exception):
    """An exception of a type that the tests' side does not have; a subclass bears the name of that type."""


class _Verbatim(str):
    """Text whose repr is itself: KeyError shows its argument's repr."""

    def __repr__(self):
        return str(self)


def clean(text, limit=MAX_MESSAGE) -> str:
    """`text` from the other side, cut to `limit`, with what is not printable replaced; "" if it is no string."""
    if type(text) is not str:
        return ""
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def describe_error(error: BaseException) -> tuple:
    """(name, names of the builtin types among its bases, message, undefined name or None), whatever the error does."""
    try:
        text = str.__getitem__(str(error), slice(MAX_MESSAGE + 1))
    except BaseException:
        text = UNREADABLE
    bases = tuple(BUILTIN_NAMES[kind] for kind in type.mro(type(error)) if kind in BUILTIN_NAMES)
    missing = error.name if type(error) is NameError and type(error.name) is str else None
    return type_name(type(error)), bases, text, missing


def rebuild_error(description) -> Exception:
    """The exception that `describe_error` described on the other side.

    A builtin Exception keeps its type, but for those that end iteration. Any other type, SystemExit and
    KeyboardInterrupt included, becomes an AnswerError of that name (and of its builtin base, so that `except
    ValueError` catches a subclass of ValueError). Never raises on a malformed description.
    """
    try:
        name, bases, text, missing = description
        bases = [base for base in bases if type(base) is str]
    except (TypeError, ValueError):
        return AnswerError("the answer failed in a way that could not be read")
    text, name = clean(text), clean(name, 60)
    base = next((SAFE_ERRORS[base] for base in bases if base in SAFE_ERRORS), Exception)
    text = _Verbatim(text) if issubclass(base, KeyError) else text
    name = name if name.isidentifier() else "AnswerError"
    kind = base if base.__name__ == name else type(name, (AnswerError, base), {})
    try:
        error = kind(text) if text else kind()
    except TypeError:
        error = type(name, (AnswerError,), {})(text)
    if isinstance(error, NameError) and type(missing) is str and re.fullmatch(r"\w{1,60}", missing):
        error.name = missing
    return error


def warning_category(name) -> type:
    """The builtin Warning type called `name`, or UserWarning."""
    kind = SAFE_ERRORS.get(name) if type(name) is str else None
    return kind if kind is not None and issubclass(kind, Warning) else UserWarning


def is_mutable(value) -> bool:
    """Whether `value` is of a type that travels by value and whose changes are copied back."""
    if type(value) in (list, dict, OrderedDict, defaultdict, Counter, set, bytearray, np.ndarray, np.random.Generator):
        return True
    return isinstance(value, _pandas_types() + _torch_types())


def _pandas_types():
    pandas = sys.modules.get("pandas")
    return (pandas.DataFrame, pandas.Series) if pandas else ()


def _torch_types():
    torch = sys.modules.get("torch")
    return (torch.Tensor,) if torch else ()


def overwrite(old, new):
    """Give the mutable object `old` the content of `new`, its changed copy, in place.

    Raises AnswerError when the two do not fit: of different types, or arrays of different shape or dtype.
    """
    tensors = _torch_types()
    if type(old) is not type(new) and not isinstance(old, tensors) or not is_mutable(old):
        raise AnswerError("an argument was changed into something else")
    if isinstance(old, list | bytearray):
        old[:] = new
    elif isinstance(old, dict):
        old.clear()
        dict.update(old, new) if not isinstance(old, OrderedDict) else old.update(new)
    elif isinstance(old, set):
        old.clear()
        old.update(new)
    elif isinstance(old, np.random.Generator):
        if type(old.bit_generator) is not type(new.bit_generator):
            raise AnswerError("an argument was changed into something else")
        old.bit_generator.state = new.bit_generator.state
    elif isinstance(old, _pandas_types()):
        type(old).__init__(old, new)
    else:
        if getattr(new, "shape", None) != old.shape or new.dtype != old.dtype:
            raise AnswerError("the shape or dtype of an argument was changed in place")
        old.detach().copy_(new) if isinstance(old, tensors) else np.copyto(old, new)
