"""Words for values: what a returned object is, and where it first differs from what was expected.

Changes nothing. No method of an unknown object is ever called: an answer may return something that claims to equal
everything, so a value is looked at only after its exact type is known.
"""

import sys

import numpy as np

CONTAINERS = (list, tuple, dict, set, frozenset)
NUMBERS = frozenset({bool, int, float, complex}) | frozenset(np.sctypeDict.values()) - {np.object_, np.void}
_ARRAY_LIKES = {
    "PyTorch tensor": (("torch", "Tensor"), ("torch.nn", "Parameter")),
    "pandas Series": (("pandas", "Series"),),
    "pandas DataFrame": (("pandas", "DataFrame"),),
    "pandas Index": (("pandas", "Index"),),
}


def library_type(value):
    """Return what numeric container `value` is: "number", "list", "NumPy array", "PyTorch tensor" …, or None."""
    if type(value) in (list, tuple):
        return "list"
    if type(value) in NUMBERS:
        return "number"
    if type(value) is np.ndarray:
        return "NumPy array" if value.ndim else "number"
    for words, classes in _ARRAY_LIKES.items():
        if any(type(value) is getattr(sys.modules.get(module), name, None) for module, name in classes):
            return words
    return None


def as_array(value):
    """Return the NumPy array that a value known to `library_type` holds; other values come back as they are."""
    kind = library_type(value) or ""
    if kind == "PyTorch tensor":
        return value.detach().cpu().numpy()
    return value.to_numpy() if kind.startswith("pandas") else value


def first_difference(got, expected, where=""):
    """Return words for the first difference, such as "3 at [1], expected 4", or None where the two are equal.

    Types have to agree, but for numbers: 2, 2.0 and np.float64(2) are equal, True is equal to no number.
    """
    place = f" at {where}" if where else ""
    one, other = as_array(got), as_array(expected)
    if type(expected) in (set, frozenset) and type(got) is type(expected):
        return _set_difference(got, expected, place)
    if isinstance(expected, CONTAINERS) and type(got) is type(expected):
        return _container_difference(got, expected, where)
    if type(one) is np.ndarray and type(other) is np.ndarray and type(got) is type(expected):
        return _array_difference(one, other, place)
    comparable = type(got) is type(expected) or (
        {type(got), type(expected)} <= NUMBERS
        and not {type(got), type(expected)} & {bool, np.bool_, np.str_, np.bytes_}
    )
    if not comparable:
        return f"{described(got)}{place}, expected {described(expected)}"
    if got == expected or (type(got) in NUMBERS and _is_nan(got) and _is_nan(expected)):
        return None
    return f"{shown(got)}{place}, expected {shown(expected)}"


def _is_nan(value):
    return np.asarray(value).dtype.kind in "fc" and bool(np.isnan(value))


def _array_difference(one, other, place):
    """`first_difference` for two arrays."""
    if one.shape != other.shape:
        return f"{shape_of(one)}{place}, expected {shape_of(other)}"
    if one.dtype.kind != other.dtype.kind:
        return f"an array of dtype {one.dtype}{place}, expected {other.dtype}"
    both_nan = np.isnan(one) & np.isnan(other) if one.dtype.kind in "fc" else False
    differ = ~((one == other) | both_nan)
    if not differ.any():
        return None
    first = tuple(np.argwhere(differ)[0])
    return f"{shown(one[first])}{place} at {index_of(first)}, expected {shown(other[first])}"


def _set_difference(got, expected, place):
    """`first_difference` for two sets."""
    said = [f"without {shown(min(expected - got, key=repr))}"] if expected - got else []
    said += [f"with {shown(min(got - expected, key=repr))}, which does not belong there"] if got - expected else []
    return f"a set{place} {' and '.join(said)}" if said else None


def _container_difference(got, expected, where):
    """`first_difference` for two lists, tuples or dicts (or subclasses such as Counter) of one type."""
    place = f" at {where}" if where else ""
    if isinstance(expected, dict):
        for key in [k for k in expected if k not in got]:
            return f"a {type(expected).__name__}{place} without the key {shown(key)}"
        for key in [k for k in got if k not in expected]:
            return f"a {type(expected).__name__}{place} with the key {shown(key)}, which does not belong there"
        keys = list(expected)
    else:
        if len(got) != len(expected):
            return f"{described(got)} of length {len(got)}{place}, expected length {len(expected)}"
        keys = range(len(expected))
    problems = (first_difference(got[key], expected[key], f"{where}[{key!r}]") for key in keys)
    return next((problem for problem in problems if problem), None)


def shown(value):
    """Return a short text for a number, string or small array, four significant digits."""
    if type(value) is np.ndarray and value.ndim:
        return np.array2string(value, precision=4, separator=", ", threshold=20, suppress_small=True).replace("\n", "")
    if type(value) in NUMBERS or type(value) is np.ndarray:
        value = np.asarray(value).item()
    text = f"{value:.4g}" if type(value) is float else repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def shown_pair(got, expected):
    """Return "`got`, expected `expected`" with as many digits as it takes to tell the two apart."""
    texts = [shown(np.asarray(value)) for value in (got, expected)]
    if texts[0] == texts[1]:
        texts = [str(np.asarray(value).tolist()) for value in (got, expected)]
    return f"`{texts[0]}`, expected `{texts[1]}`"


def index_of(index):
    """Return "index 3" or "index (0, 1)" for a tuple of integers."""
    index = tuple(int(i) for i in index)
    return f"index {index[0] if len(index) == 1 else index}"


def shape_of(array):
    """Return "one number" or "an array of shape (2, 3)"."""
    return f"an array of shape {array.shape}" if array.ndim else "one number"


def with_article(noun):
    """Return the noun with "a" or "an"."""
    return f"{'an' if noun[:1] in 'aeiouAEIOU' else 'a'} {noun}"


def described(value):
    """Return the type of a value in words, for numbers and strings with the value."""
    if value is None:
        return "None"
    kind = library_type(value)
    if kind == "number" or type(value) is str:
        return f"{with_article(type(value).__name__)} ({shown(value)})"
    if type(value) in CONTAINERS:
        return with_article(type(value).__name__)
    return with_article(kind) if kind else f"an object of type {type(value).__name__[:40]}"


def raised(error):
    """Return "TypeError: message" for an exception, the message on one line and no longer than 200 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
