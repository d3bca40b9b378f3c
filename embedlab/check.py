"""Checks that compare an answer with what was expected, and say in one sentence what to look at.

Every test cell of the course is written with these functions. A failed check raises `CheckFailure`, whose message
names what was called, what came back and what was expected. The same cell runs in two ways: directly in the
student's notebook, and in a grader that keeps the answer in another process, where the student's names are proxies;
`remote` is the grader's hook for the few checks that have to happen on the answer's side.

What it does to the world: imported inside IPython it registers an exception handler (see `embedlab.explain`) and a
line after each cell whose checks all held; `seed` seeds the global random generators. Nothing else.
"""

import contextlib
import copy
import hashlib
import inspect
import os
import random
import sys
import warnings

import numpy as np

from embedlab.describe import (
    as_array,
    described,
    first_difference,
    index_of,
    library_type,
    raised,
    shape_of,
    shown,
    shown_pair,
    with_article,
)
from embedlab.explain import explain, is_unsolved, register_with_ipython

__all__ = [
    "CheckFailure", "autograd", "close", "equal", "explain", "gradient", "is_a", "no_warnings", "numerical_gradient",
    "raises", "ready", "rng", "same", "seed", "unchanged",
]  # fmt: skip

remote = None
"""None, or the grader's object: is_handle(value), is_a(handle, type), same(a, b), gradient(f, args, wrt), seed(n)."""

held = 0
"""How many checks have held since the last cell ended."""


def _hold():
    global held
    held += 1


def report_in_ipython(result):
    """IPython's hook after each cell: say in green how many checks held, if none failed."""
    global held
    if held and result.success:
        print(f"\x1b[32m✓ {held} {'check' if held == 1 else 'checks'} passed\x1b[0m")
    held = 0


register_with_ipython(report_in_ipython)


class CheckFailure(AssertionError):
    """A check that did not hold; the message is the sentence that the student reads."""

    def _render_traceback_(self):
        """IPython's hook: show the sentence, not the lines of the checker."""
        return [f"\x1b[0;31mCheckFailure\x1b[0m: {self}"]


def close(got, expected, *, call, rtol=1e-6, atol=1e-8, dtype=None):
    """Check that `got` holds the numbers `expected`: same type, shape and dtype, and values within tolerance.

    got: a number, a list or tuple of numbers, a NumPy array, a pandas Series or DataFrame, or a PyTorch tensor.
    expected: the same, any shape; where it is an array, a Series, a DataFrame or a tensor, `got` must be one too.
    call: the expression that gave `got`, as the student would type it; the message opens with it.
    rtol, atol: |got - expected| <= atol + rtol * |expected| must hold elementwise (NumPy's rule, see np.isclose).
    dtype: if given, the exact dtype that `got` must have, such as np.int64.
    Raises CheckFailure with the first difference in this order: type, shape, dtype, NaN or infinity, values.
    """
    _compare(got, expected, call, rtol, atol, dtype)
    _hold()


def _compare(got, expected, call, rtol, atol, dtype):
    """`close` without counting: `ready` uses it too."""
    wanted = np.asarray(as_array(expected))
    array = _numbers(got, expected, wanted, call)
    if array.shape != wanted.shape:
        raise CheckFailure(f"`{call}` returned {shape_of(array)}, expected {shape_of(wanted)}")
    if dtype is not None and array.dtype != np.dtype(dtype):
        raise CheckFailure(f"`{call}` returned numbers of dtype {array.dtype}, expected {np.dtype(dtype)}")
    if (array.dtype.kind == "b") != (wanted.dtype.kind == "b") or (
        array.dtype.kind == "c" and wanted.dtype.kind != "c"
    ):
        raise CheckFailure(f"`{call}` returned numbers of dtype {array.dtype}, expected {wanted.dtype}")
    for name, test in (("NaN (not a number)", np.isnan), ("an infinite number", np.isinf)):
        strange = test(array) & ~test(wanted)
        if strange.any():
            first = tuple(np.argwhere(strange)[0])
            place = f" at {index_of(first)}" if first else ""
            raise CheckFailure(f"`{call}` returned {name}{place}, expected {shown(wanted[first])}")
    if np.isclose(array, wanted, rtol=rtol, atol=atol, equal_nan=True).all():
        return
    raise CheckFailure(f"`{call}` returned {_value_difference(array, wanted)}")


def _numbers(got, expected, wanted, call):
    """Return `got` as a numeric array, or raise CheckFailure that says what it is instead."""
    kind, found = library_type(expected), library_type(got)
    free = kind in ("list", "number")
    aim = shape_of(wanted) if free else with_article(kind)
    if got is None:
        raise CheckFailure(f"`{call}` returned None, expected {aim}: does every path end in a return?")
    if found is None or (not free and found != kind):
        raise CheckFailure(f"`{call}` returned {described(got)}, expected {aim}")
    try:
        array = np.asarray(as_array(got))
    except ValueError:
        raise CheckFailure(f"`{call}` returned a list whose rows differ in length, expected {aim}") from None
    if array.dtype.kind not in "biufc":
        raise CheckFailure(f"`{call}` returned {described(got)} that holds more than numbers, expected {aim}")
    return array


def _value_difference(array, wanted):
    """Return words for two numeric arrays of one shape whose values differ: values, largest difference, index."""
    if wanted.dtype.kind == "b":
        gap = (array != wanted).astype(float)
        size = f"{int(gap.sum())} of {gap.size} values differ"
    else:
        with np.errstate(all="ignore"):
            gap = np.nan_to_num(np.abs(np.subtract(array, wanted)), nan=np.inf)
        size = f"largest difference {shown(gap.max())}"
    if wanted.ndim == 0:
        return shown_pair(array, wanted)
    worst = np.unravel_index(np.argmax(gap), gap.shape)
    if wanted.size > 8:
        return f"{shown_pair(array[worst], wanted[worst])} at {index_of(worst)}: {size}"
    return f"{shown_pair(array, wanted)}: {size}, at {index_of(worst)}"


def equal(got, expected, *, call):
    """Check that `got` is `expected` exactly, in type and value: for strings, counts, lists of tokens and the like.

    Containers (list, tuple, dict, set and standard subclasses such as Counter) are compared element by element;
    arrays must agree in shape, dtype kind and every value. Raises CheckFailure that names the first difference.
    """
    problem = first_difference(got, expected)
    if problem:
        raise CheckFailure(f"`{call}` returned {problem}")
    _hold()


def is_a(value, type_, *, call):
    """Check that `value` is an instance of `type_` (a class or a tuple of classes); raises CheckFailure if not."""
    found = remote.is_a(value, type_) if _is_handle(value) else isinstance(value, type_)
    if not found:
        names = " or ".join(with_article(t.__name__) for t in (type_ if isinstance(type_, tuple) else (type_,)))
        raise CheckFailure(f"`{call}` returned {described(value)}, expected {names}")
    _hold()


def raises(error_type, function, *args, call, match=None):
    """Check that `function(*args)` raises `error_type`, with the text `match` in its message (case ignored).

    Raises CheckFailure if the call returns, raises another type, or says something else; the sentence of an unsolved
    exercise's stub is raised as it stands.
    """
    try:
        value = function(*args)
    except error_type as error:
        if match is not None and match.lower() not in str(error).lower():
            raise CheckFailure(f"`{call}` raised {raised(error)}; its message should mention {match!r}") from None
        _hold()
        return
    except Exception as error:
        if is_unsolved(error):
            raise
        aim = with_article(error_type.__name__)
        raise CheckFailure(f"`{call}` raised {raised(error)}, expected {aim}") from None
    raise CheckFailure(
        f"`{call}` returned {described(value)}, expected {with_article(error_type.__name__)} to be raised"
    )


@contextlib.contextmanager
def no_warnings(message):
    """Context manager: a RuntimeWarning inside (overflow, division by zero, log of zero) fails with `message`."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(over="warn", divide="warn", invalid="warn"):
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, RuntimeWarning):
            raise CheckFailure(f"{message}, but it warned: {warning.message}")
    _hold()


@contextlib.contextmanager
def unchanged(*, call, **values):
    """Context manager: the named values (arrays, lists, dicts …) must be the same after the block as before it.

    `with check.unchanged(call="f(X, w)", X=X, w=w): f(X, w)` fails if f writes into X or w.
    """
    before = copy.deepcopy(values)
    yield
    for name, value in values.items():
        problem = first_difference(value, before[name])
        if problem:
            raise CheckFailure(f"`{call}` changed its argument `{name}` in place: it now holds {problem}")
    _hold()


def same(a, b, *, call):
    """Check identity: `a` and `b` must be one object, not two that are equal; raises CheckFailure if they are not."""
    one = remote.same(a, b) if _is_handle(a) or _is_handle(b) else a is b
    if not one:
        raise CheckFailure(f"`{call}` returned a different object, expected the very same one")
    _hold()


def gradient(f, args, wrt):
    """Return the gradients of the scalar `f(*args)` by PyTorch's autograd, as NumPy arrays, one per index in `wrt`.

    args: numbers, arrays or tensors; those that `wrt` names are made float64 leaves that require a gradient.
    Runs on the answer's side, because a graph cannot be sent. Raises CheckFailure where no gradient arrives.
    """
    return remote.gradient(f, args, wrt) if _is_handle(f) else autograd(f, args, wrt)


def autograd(f, args, wrt):
    """`gradient` in this process (the grader calls it on the answer's side)."""
    import torch

    args = list(args)
    for index in wrt:
        args[index] = torch.as_tensor(args[index], dtype=torch.float64).detach().clone().requires_grad_()
    value = f(*args)
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise CheckFailure(
            f"the function to differentiate returned {described(value)}, expected a tensor with one number"
        )
    if not value.requires_grad:
        raise CheckFailure(
            "no gradient reaches the arguments: was the graph cut by .detach(), .numpy() or a new tensor?"
        )
    found = torch.autograd.grad(value, [args[index] for index in wrt], allow_unused=True)
    if any(part is None for part in found):
        raise CheckFailure("no gradient reaches one of the arguments: does the function use all of them?")
    return [part.numpy() for part in found]


def numerical_gradient(f, x, step=1e-6):
    """Return the gradient of the scalar function `f` at `x` by central differences, an array of x's shape.

    df/dx_i is approximated by (f(x + step e_i) - f(x - step e_i)) / (2 step), with an error of order step**2
    (Nocedal and Wright, Numerical Optimization, section 8.1). `x` is copied, never written to.
    """
    x = np.array(x, dtype=float)
    result = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[index] += step
        below[index] -= step
        result[index] = (float(f(above)) - float(f(below))) / (2 * step)
    return result


def rng(name):
    """Return a NumPy generator for the test called `name`, seeded by a keyed hash of that name.

    The key is the environment variable EMBEDLAB_CHECK_KEY: secret and different per submission while grading, empty
    in a student's notebook. Same name and key, same numbers.
    """
    key = hashlib.blake2b(os.environ.get("EMBEDLAB_CHECK_KEY", "").encode()).digest()
    digest = hashlib.blake2b(name.encode(), key=key, digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def seed(number):
    """Seed the global generators of random, NumPy and PyTorch (where imported), here and on the answer's side."""
    random.seed(number)
    np.random.seed(number)
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        if torch.accelerator.current_accelerator() is None:
            torch.default_generator.manual_seed(number)  # manual_seed asks every kind of device, for milliseconds
        else:
            torch.manual_seed(number)
    if remote is not None:
        remote.seed(number)


def ready(name, otherwise, on, *, in_place=False):
    """Return the student's function `name` if it works, else `otherwise`, and print which one the lesson goes on with.

    otherwise: a function that does the same, from a library or with recorded values.
    on: a list of argument tuples. The student's function is used if it gives `otherwise`'s numbers (or equal texts,
    lists, dicts …) on all of them and leaves its arguments as they were; whatever it raises or returns, the lesson
    goes on.
    in_place: the exercise asks for changes to the arguments, which are then not looked at.
    """
    function = inspect.currentframe().f_back.f_globals.get(name)
    reason = _why_not_ready(function, otherwise, on, in_place)
    if reason is None:
        print(f"Going on with your `{name}`.")
        return function
    print(f"Your `{name}` is not ready: {reason}. A stand-in takes its place.")
    return otherwise


def _why_not_ready(function, otherwise, on, in_place):
    """Return None if `function` agrees with `otherwise` on every argument tuple of `on`, else the reason in words."""
    if function is None:
        return "it is not defined yet"
    try:
        for args in on:
            expected, given = otherwise(*copy.deepcopy(args)), copy.deepcopy(args)
            got = function(*given)
            pairs = zip(got, expected, strict=True) if isinstance(expected, tuple) else [(got, expected)]
            for one, other in pairs:
                _agree(one, other)
            if not in_place and any(first_difference(now, before) for now, before in zip(given, args, strict=True)):
                return "it changed an argument in place"
    except NotImplementedError:
        return "its exercise is still to be solved"
    except CheckFailure as failure:
        return str(failure).replace("`it`", "it", 1)
    except Exception as error:
        return f"it raised {raised(error)}"
    return None


def _agree(one, other):
    """Raise CheckFailure unless `one` is close to the numbers `other`, or equal to anything else that `other` is."""
    try:
        numbers = library_type(other) is not None and np.asarray(as_array(other)).dtype.kind in "biufc"
    except ValueError:  # a list whose rows differ in length
        numbers = False
    if numbers:
        return _compare(one, other, call="it", rtol=1e-5, atol=1e-8, dtype=None)
    problem = first_difference(one, other)
    if problem:
        raise CheckFailure(f"`it` returned {problem}")


def _is_handle(value):
    return remote is not None and remote.is_handle(value)
