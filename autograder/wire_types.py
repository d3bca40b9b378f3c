"""What travels by value between tests and answers: for each type, the parts it is sent as and how it is built again.

Changes nothing in the world; imports torch, pandas or scipy only when a value of theirs is built. Python and NumPy
numbers, bytearray, list, tuple, dict, OrderedDict, defaultdict (without its factory), set, frozenset, Counter, range,
slice, numeric and string arrays, dtypes, sparse matrices, pandas frames, series and indexes, torch tensors (detached)
and np.random.Generator (by state).

Types are matched exactly: a student's subclass of int, str, list, dict or ndarray is an object like any other, so that
no method of it acts on the tests' side. Builders trust nothing: each checks types and sizes before it allocates, and
what the libraries themselves leave unchecked (indexes, positions in a generator's state) before it is used.
"""

import importlib
import re
import sys
from collections import Counter, OrderedDict, defaultdict

import numpy as np

MAX_BYTES = 64 * 1024**2
MAX_STRING = 8 * 1024**2
MAX_INT_BYTES = 1750  # about 4,200 digits: Python refuses to print more than 4,300
MAX_SPARSE_SIDE = 10_000_000

DTYPE = re.compile(r"[<>|](b1|i[1248]|u[1248]|f[248]|f16|c8|c16|c32|U[1-9]\d{0,6}|S[1-9]\d{0,6})")
TORCH_DTYPES = frozenset(
    "float16 bfloat16 float32 float64 int8 uint8 int16 int32 int64 bool complex64 complex128".split()
)
SCALAR_TYPES = frozenset(np.dtype(code).type for code in "?bhilqBHILQefdgFDGUS")
BIT_GENERATORS = {
    kind.__name__: kind
    for kind in (np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64)
}
SPARSE_FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")

(BIG_INT, COMPLEX, LIST, TUPLE, SET, FROZENSET, DICT, ORDERED_DICT, DEFAULT_DICT, COUNTER, BYTEARRAY, SLICE, RANGE,
 ELLIPSIS, SCALAR, ARRAY, DTYPES, GENERATOR, SPARSE, INDEX, RANGE_INDEX, MULTI_INDEX, SERIES, FRAME, TENSOR,
 TORCH_DTYPE) = range(1, 27)  # fmt: skip
DICTS = frozenset({DICT, ORDERED_DICT, DEFAULT_DICT, COUNTER})
OPEN = DICTS | {LIST, TUPLE}
"""The types that may hold references to objects; all others hold plain values only."""
HEAVY = frozenset({GENERATOR, SPARSE, INDEX, RANGE_INDEX, MULTI_INDEX, SERIES, FRAME, TENSOR})


class WireError(ValueError):
    """A value that may not be sent, or bytes that are not a message."""


class NotByValue(WireError):
    """A value of a type that does not travel by value."""


def type_name(kind: type) -> str:
    """The name of `kind`, past any metaclass of an answer's making."""
    return type.__dict__["__name__"].__get__(kind)


PYTHON_TYPES = {
    list: (LIST, list.__iter__),
    tuple: (TUPLE, tuple.__iter__),
    set: (SET, set.__iter__),
    frozenset: (FROZENSET, frozenset.__iter__),
    dict: (DICT, dict.items),
    OrderedDict: (ORDERED_DICT, OrderedDict.items),
    defaultdict: (DEFAULT_DICT, dict.items),
    Counter: (COUNTER, dict.items),
    complex: (COMPLEX, lambda value: (value.real, value.imag)),
    bytearray: (BYTEARRAY, lambda value: (bytes(value),)),
    slice: (SLICE, lambda value: (value.start, value.stop, value.step)),
    range: (RANGE, lambda value: (value.start, value.stop, value.step)),
    type(...): (ELLIPSIS, lambda value: ()),
}


def parts_of(value):
    """Return (code, the values that make up `value`): key and value pairs for dicts. Raises NotByValue."""
    kind = type(value)
    if kind is int:
        if value.bit_length() >= MAX_INT_BYTES * 8:
            raise WireError(f"the value has an integer of more than {MAX_INT_BYTES * 8:,} bits")
        return BIG_INT, (value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True),)
    if kind in PYTHON_TYPES:
        code, parts = PYTHON_TYPES[kind]
        return code, parts(value)
    if kind is np.ndarray or kind in SCALAR_TYPES:
        return (ARRAY if kind is np.ndarray else SCALAR), _array_parts(np.asarray(value))
    if issubclass(kind, np.dtype) and DTYPE.fullmatch(value.str):
        return DTYPES, (value.str,)
    if kind is np.random.Generator and type(value.bit_generator) in BIT_GENERATORS.values():
        return GENERATOR, (value.bit_generator.state,)
    library = str(type.__dict__["__module__"].__get__(kind)).partition(".")[0]
    if library in LIBRARIES and library in sys.modules:
        found = LIBRARIES[library](value, kind)
        if found:
            return found
    raise NotByValue(f"an object of type {type_name(kind)} cannot be sent by value")


def _array_parts(array):
    if not DTYPE.fullmatch(array.dtype.str):
        raise NotByValue(f"an array of dtype {array.dtype} cannot be sent by value")
    if array.nbytes > MAX_BYTES:
        raise WireError(f"the value is too large: {array.nbytes:,} bytes, at most {MAX_BYTES:,} can be sent")
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    return array.dtype.str, order, array.tobytes(order), *array.shape


def _scipy_parts(value, kind):
    sparse = sys.modules.get("scipy.sparse")
    if sparse is None or not sparse.issparse(value):
        return None
    is_array = isinstance(value, sparse.sparray)
    if kind is not getattr(sparse, f"{value.format}_{'array' if is_array else 'matrix'}", None):
        return None
    entries = value.tocoo()
    return SPARSE, (value.format, is_array, tuple(int(n) for n in value.shape), entries.data, *entries.coords)


def _pandas_parts(value, kind):
    pandas = sys.modules["pandas"]
    if kind is pandas.RangeIndex:
        return RANGE_INDEX, (value.start, value.stop, value.step, value.name)
    if kind is pandas.MultiIndex:
        return MULTI_INDEX, (list(value), list(value.names))
    if kind is pandas.Index:
        return INDEX, (*_column_parts(value), value.name)
    if kind is pandas.Series:
        return SERIES, (*_column_parts(value), value.name, value.index)
    if kind is pandas.DataFrame:
        columns = [_column_parts(value.iloc[:, i]) for i in range(value.shape[1])]
        return FRAME, (value.index, value.columns, *columns)
    return None


def _column_parts(column):
    """(dtype name, values) of one pandas column: an array for NumPy's dtypes, a list for text and objects."""
    name = str(column.dtype)
    if name in ("str", "string"):
        return name, [None if lacks else v for v, lacks in zip(column, column.isna(), strict=True)]
    if name == "object":
        return name, list(column)
    if not isinstance(column.dtype, np.dtype):
        raise NotByValue(f"a pandas column of dtype {name} cannot be sent by value")
    return "numpy", column.to_numpy()


def _torch_parts(value, kind):
    torch = sys.modules["torch"]
    name = str(value if kind is torch.dtype else getattr(value, "dtype", "")).removeprefix("torch.")
    if name not in TORCH_DTYPES:
        return None
    if kind is torch.dtype:
        return TORCH_DTYPE, (name,)
    if kind not in (torch.Tensor, torch.nn.Parameter) or value.layout is not torch.strided:
        return None
    data = value.detach().cpu().resolve_conj().resolve_neg()
    return TENSOR, (name, (data.view(torch.int16) if name == "bfloat16" else data).numpy())


LIBRARIES = {"scipy": _scipy_parts, "pandas": _pandas_parts, "torch": _torch_parts}


def _expect(condition):
    if not condition:
        raise WireError("the message has a part of the wrong type or size")


def _checked(function, *types):
    """A builder that calls `function(*parts)` once there are as many parts as `types`, each exactly of its type."""

    def build(parts):
        parts = list(parts)
        _expect([type(part) for part in parts] == list(types))
        return function(*parts)

    return build


def _build_dict(kind):
    def build(parts):
        parts = list(parts)
        _expect(len(parts) % 2 == 0)
        result = dict(zip(parts[::2], parts[1::2], strict=True))
        _expect(2 * len(result) == len(parts))
        return kind(result)

    return build


def _build_set(kind):
    def build(parts):
        parts = list(parts)
        result = kind(parts)
        _expect(len(result) == len(parts))
        return result

    return build


def _build_big_int(data):
    _expect(len(data) <= MAX_INT_BYTES)
    return int.from_bytes(data, "little", signed=True)


def _build_dtype(name):
    _expect(DTYPE.fullmatch(name))
    return np.dtype(name)


def _build_array(parts):
    name, order, data, *shape = parts
    _expect(type(name) is str and order in ("C", "F") and type(data) is bytes)
    _expect(len(shape) <= 32 and all(type(n) is int and 0 <= n < 2**62 for n in shape))
    dtype, size = _build_dtype(name), 1
    for length in shape:
        size *= length
    _expect(size * dtype.itemsize == len(data))
    if dtype.kind == "U" and data:
        _expect(np.frombuffer(data, np.dtype("u4").newbyteorder(dtype.byteorder)).max() <= sys.maxunicode)
    if dtype.kind == "b" and data:
        _expect(np.frombuffer(data, np.uint8).max() <= 1)
    return np.frombuffer(data, dtype).reshape(shape, order=order).copy(order="K")


def _build_scalar(parts):
    array = _build_array(parts)
    _expect(array.ndim == 0)
    return array[()]


def _build_generator(state):
    bit_generator = BIT_GENERATORS[state["bit_generator"]](0)
    if type(bit_generator) is np.random.MT19937:
        key, position = state["state"]["key"], state["state"]["pos"]
        _expect(key.dtype == np.uint32 and key.shape == (624,) and type(position) is int and 0 <= position <= 624)
    if type(bit_generator) is np.random.Philox:
        _expect(type(state["buffer_pos"]) is int and 0 <= state["buffer_pos"] <= 4 and state["buffer"].shape == (4,))
    bit_generator.state = state
    return np.random.Generator(bit_generator)


def _build_sparse(parts):
    name, is_array, shape, data, *coordinates = parts
    _expect(name in SPARSE_FORMATS and type(is_array) is bool and type(shape) is tuple and len(shape) in (1, 2))
    _expect(all(type(n) is int and 0 <= n <= MAX_SPARSE_SIDE for n in shape) and len(coordinates) == len(shape))
    _expect(all(type(part) is np.ndarray and part.ndim == 1 for part in (data, *coordinates)))
    _expect(data.dtype.kind in "biufc" and all(c.dtype.kind == "i" and c.size == data.size for c in coordinates))
    if name == "dia":
        _expect(np.unique(coordinates[1] - coordinates[0]).size * shape[1] <= MAX_SPARSE_SIDE)
    sparse = importlib.import_module("scipy.sparse")
    kind = sparse.coo_array if is_array else sparse.coo_matrix
    return kind((data, tuple(coordinates)), shape=shape).asformat(name)


def _column(name, values):
    """What pandas makes a column of: the reverse of `_column_parts`."""
    if name == "numpy":
        _expect(type(values) is np.ndarray and values.ndim == 1)
        return values
    _expect(name in ("object", "str", "string") and type(values) is list)
    column = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        _expect(name == "object" or value is None or type(value) is str)
        column[i] = value
    return column if name == "object" else importlib.import_module("pandas").array(column, dtype=name)


def _build_index(parts):
    name, values, label = parts
    column = _column(name, values)
    return importlib.import_module("pandas").Index(column, dtype=column.dtype, name=label)


def _build_range_index(parts):
    start, stop, step, label = parts
    return importlib.import_module("pandas").RangeIndex(start, stop, step, name=label)


def _build_multi_index(rows, names):
    _expect(all(type(row) is tuple and len(row) == len(names) for row in rows))
    return importlib.import_module("pandas").MultiIndex.from_tuples(rows, names=names)


def _build_series(parts):
    name, values, label, index = parts
    pandas, column = importlib.import_module("pandas"), _column(name, values)
    _expect(isinstance(index, pandas.Index) and len(index) == len(column))
    return pandas.Series(column, dtype=column.dtype, name=label, index=index)


def _build_frame(parts):
    index, labels, *columns = parts
    pandas = importlib.import_module("pandas")
    _expect(isinstance(index, pandas.Index) and isinstance(labels, pandas.Index) and len(labels) == len(columns))
    _expect(all(type(column) is tuple and len(column) == 2 for column in columns))
    arrays = [_column(*column) for column in columns]
    _expect(all(len(array) == len(index) for array in arrays))
    series = {i: pandas.Series(array, dtype=array.dtype, index=index) for i, array in enumerate(arrays)}
    return pandas.DataFrame(series, index=index).set_axis(labels, axis=1)


def _build_tensor(name, array):
    _expect(name in TORCH_DTYPES)
    torch = importlib.import_module("torch")
    tensor = torch.from_numpy(array)
    tensor = tensor.view(torch.bfloat16) if name == "bfloat16" else tensor
    _expect(str(tensor.dtype) == f"torch.{name}")
    return tensor


def _build_torch_dtype(name):
    _expect(name in TORCH_DTYPES)
    return getattr(importlib.import_module("torch"), name)


BUILDERS = {
    BIG_INT: _checked(_build_big_int, bytes),
    COMPLEX: _checked(complex, float, float),
    LIST: list,
    TUPLE: tuple,
    SET: _build_set(set),
    FROZENSET: _build_set(frozenset),
    DICT: _build_dict(lambda items: items),
    ORDERED_DICT: _build_dict(OrderedDict),
    DEFAULT_DICT: _build_dict(lambda items: defaultdict(None, items)),
    COUNTER: _build_dict(Counter),
    BYTEARRAY: _checked(bytearray, bytes),
    SLICE: lambda parts: slice(*parts),
    RANGE: _checked(range, int, int, int),
    ELLIPSIS: _checked(lambda: ...),
    SCALAR: _build_scalar,
    ARRAY: _build_array,
    DTYPES: _checked(_build_dtype, str),
    GENERATOR: _checked(_build_generator, dict),
    SPARSE: _build_sparse,
    INDEX: _build_index,
    RANGE_INDEX: _build_range_index,
    MULTI_INDEX: _checked(_build_multi_index, list, list),
    SERIES: _build_series,
    FRAME: _build_frame,
    TENSOR: _checked(_build_tensor, str, np.ndarray),
    TORCH_DTYPE: _checked(_build_torch_dtype, str),
}
