"""The wire format: what goes through comes out equal, and no bytes do more than raise WireError."""

import math
import random
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict

import msgpack
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sparse
import torch

from autograder import wire, wire_types
from autograder.wire import NotByValue, WireError, pack, unpack


def same(a, b):
    """Equal in type, dtype, shape, memory order and content, NaN equal to NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        order = not (a.flags.forc and b.flags.forc) or a.flags.c_contiguous == b.flags.c_contiguous
        return order and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, np.generic):
        return a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a.detach(), b)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, float):
        return math.copysign(1, a) == math.copysign(1, b) and (a == b or (a != a and b != b))
    return a == b


PLAIN = [
    None, True, False, 0, -1, 2**63, 2**64, -(2**63) - 1, 10**4000, -(10**4000), 0.0, -0.0, 1e-310, math.inf, math.nan,
    1j, complex(-0.0, math.nan), "", "naïve 🙂", "\ud800", "a\0b", b"", b"\xff\0", bytearray(b"xy"), [], (), {}, set(),
    frozenset({1, (2, "x")}), {1, 2.5, "a"}, [1, [2, (3, {"a": [4]})]], {"b": 1, "a": 2, (1, 2): [3], None: {}},
    Counter("abracadabra"), OrderedDict(b=1, a=2), slice(1, None, -2), range(3, 10, 2), ...,
]  # fmt: skip
ARRAYS = [
    np.array(3.5), np.zeros((0, 3)), np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(10)[::3], np.arange(3, dtype=">i4"), np.array([True, False]), np.array(["a", "bcd", ""]),
    np.array([b"a", b"bc"]), np.array([1 + 2j, 3]), np.array([1.5], dtype=np.float16),
    np.arange(2, dtype=np.longdouble), np.array(["ä🙂"], dtype=">U3"), np.float32(1.5), np.int64(-3), np.bool_(True),
    np.str_("abc"), np.str_(""), np.bytes_(b"q"), np.complex64(1j), np.dtype("float32"), np.dtype("<U7"),
]  # fmt: skip
TENSORS = [
    torch.arange(6).reshape(2, 3), torch.tensor(2.5), torch.tensor([1.5, -2]).to(torch.bfloat16), torch.zeros(0, 4),
    torch.tensor([True, False]), torch.tensor([1 + 2j]), torch.arange(6).reshape(2, 3).T, torch.float64,
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN + ARRAYS + TENSORS, ids=lambda value: type(value).__name__)
def test_values_come_out_as_they_went_in(value):
    assert same(unpack(pack(value)), value)


def test_arrays_arrive_writable_and_independent():
    array = np.arange(3)
    copy = unpack(pack(array))
    copy[0] = 7
    assert array[0] == 0


def test_tensors_arrive_detached():
    weights = torch.nn.Parameter(torch.ones(2))
    copy = unpack(pack(weights))
    assert type(copy) is torch.Tensor and not copy.requires_grad and copy.tolist() == [1, 1]
    assert unpack(pack(weights * 2)).tolist() == [2, 2]


def test_a_default_dict_arrives_without_its_factory():
    counts = defaultdict(int, a=1)
    copy = unpack(pack(counts))
    assert type(copy) is defaultdict and copy == {"a": 1} and copy.default_factory is None


@pytest.mark.parametrize("name", wire_types.SPARSE_FORMATS)
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_sparse_matrices(name, kind):
    dense = np.zeros((4, 6))
    dense[[0, 1, 3, 3], [0, 5, 2, 3]] = [1.5, -2, 3, 4]
    value = getattr(sparse, f"{name}_{kind}")(dense)
    copy = unpack(pack(value))
    assert type(copy) is type(value) and np.array_equal(copy.toarray(), dense) and copy.dtype == value.dtype


FRAMES = [
    pd.DataFrame({"a": [1, 2], "b": [0.5, math.nan], "c": ["x", None], "d": [True, False]}),
    pd.DataFrame({"a": [1, 2]}, index=pd.Index(["r", "s"], name="row")),
    pd.DataFrame([[1, 2.0]], columns=["same", "same"]),
    pd.DataFrame(np.zeros((2, 0)), index=[3, 3]),
    pd.DataFrame({"tokens": [["a", "b"], []]}),
    pd.DataFrame(np.eye(2), index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])),
    pd.DataFrame(),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_frames(frame):
    pd.testing.assert_frame_equal(unpack(pack(frame)), frame, check_index_type=True, check_column_type=True)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2], name="n"),
        pd.Series(["a", None], index=[5, 5]),
        pd.Series(["a", None], dtype="string"),
        pd.Series([1, "a", None], dtype=object),
        pd.Series([], dtype=float, name=("a", 1)),
    ],
)
def test_series_and_indexes(series):
    pd.testing.assert_series_equal(unpack(pack(series)), series)
    pd.testing.assert_index_equal(unpack(pack(pd.Index(series))), pd.Index(series), exact=True)


@pytest.mark.parametrize("name", sorted(wire_types.BIT_GENERATORS))
def test_random_generators_go_on_from_their_state(name):
    rng = np.random.Generator(wire_types.BIT_GENERATORS[name](5))
    rng.integers(10, size=3, dtype=np.int32)
    copy = unpack(pack(rng))
    assert np.array_equal(copy.random(1000), rng.random(1000)) and copy.integers(2**60) == rng.integers(2**60)
    assert unpack(pack(rng)).spawn(1)[0].random() == unpack(pack(rng)).spawn(1)[0].random()


def any_value(rng, depth=0):
    """A random tree of everything in the lists above."""
    kind = rng.choice(["leaf", "leaf", "list", "tuple", "dict", "nested"]) if depth < 4 else "leaf"
    if kind == "leaf":
        return rng.choice(PLAIN + ARRAYS + TENSORS)
    items = [any_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {"list": items, "tuple": tuple(items), "dict": dict(enumerate(items)), "nested": [{"x": (items,)}]}[kind]


def test_random_trees_come_out_as_they_went_in():
    rng = random.Random(1)
    for _ in range(300):
        value = any_value(rng)
        assert same(unpack(pack(value)), value)


class Evil(list):
    def __eq__(self, other):
        return True

    def __iter__(self):
        return iter([1])


class EvilInt(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class EvilArray(np.ndarray):
    pass


class EvilFrame(pd.DataFrame):
    pass


OBJECTS = [
    object(), Evil(), EvilInt(1), np.zeros(2).view(EvilArray), np.matrix([[1]]), EvilFrame(), len, print, type, Evil,
    np.array([None]), np.array([(1, 2)], dtype="i4,i4"), iter([1]), NotImplemented,
    pd.Series(pd.to_datetime(["2020-01-01"])),
    np.random.RandomState(0), torch.nn.Linear(1, 1), {Evil: 1}, {EvilInt(1)}, pd.DataFrame({"a": [len]}),
    np.ma.masked_array([1], mask=[True]), {(1, Evil): 2}, torch.eye(2).to_sparse(),
]  # fmt: skip


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: type(value).__name__)
def test_what_is_not_plain_goes_to_the_handle_callback_or_nowhere(value):
    with pytest.raises(NotByValue):
        pack(value)
    kept = []
    data = pack([1, value], handle=lambda v: kept.append(v) or ("ref", 7))
    assert kept[-1] is value
    assert unpack(data, handle=lambda *reference: reference) == [1, ("ref", 7)]
    with pytest.raises(WireError, match="reference"):
        unpack(data)


@pytest.mark.parametrize("code", [wire_types.SET, wire_types.DICT, wire_types.SLICE, wire_types.INDEX])
def test_references_inside_plain_values_are_refused(code):
    reference = pack(object(), handle=lambda value: ("ref", 1))
    with pytest.raises(WireError, match="reference"):
        unpack(extension(code, reference, part(1)), handle=lambda *reference: "x")
    assert unpack(extension(wire_types.LIST, reference), handle=lambda *reference: "x") == ["x"]


def test_known_objects_go_by_reference():
    array = np.zeros(3)
    data = pack({"same": array, "other": np.ones(1)}, known={id(array): ("argument", 0)})
    assert unpack(data, handle=lambda *reference: reference)["same"] == ("argument", 0)


def test_caps_when_packing():
    loop = []
    loop.append(loop)
    for value, words in [
        (loop, "levels deep"),
        ([0] * (wire.MAX_ITEMS + 1), "elements"),
        ("a" * (wire.MAX_STRING + 1), "too large"),
        (bytes(wire.MAX_BYTES + 1), "too large"),
        ([bytes(wire.MAX_BYTES // 2 + 9)] * 2, "too large"),
        (bytes(wire.MAX_BYTES), "too large"),
        (np.broadcast_to(np.zeros(1), (10**9,)), "too large"),
        (2 ** (8 * wire_types.MAX_INT_BYTES), "integer"),
    ]:
        with pytest.raises(WireError, match=words):
            pack(value)


def extension(code, *parts):
    return msgpack.packb(msgpack.ExtType(code, b"".join(parts)))


def part(*values):
    return b"".join(map(pack, values))


def nested(code, levels):
    data = part(1)
    for _ in range(levels):
        data = extension(code, data)
    return data


T = wire_types
HOSTILE = {
    "empty": b"",
    "two values": part(1, 2),
    "too large": bytes(wire.MAX_BYTES + 1),
    "native list": msgpack.packb([1]),
    "empty native list": msgpack.packb([]),
    "native dict": msgpack.packb({}),
    "timestamp": msgpack.packb(msgpack.Timestamp(1, 1)),
    "list header without items": b"\xdd\xff\xff\xff\xff",
    "bytes header without bytes": b"\xc6\xff\xff\xff\xff",
    "invalid UTF-8": b"\xa2\xff\xff",
    "unknown extension": extension(99, part(1)),
    "deep": nested(T.LIST, wire.MAX_DEPTH + 2),
    "very deep": nested(T.LIST, 5000),
    "many items": extension(T.LIST, b"\xc0" * (wire.MAX_ITEMS + 1)),
    "many tensors": extension(T.LIST, pack(torch.zeros(0)) * (wire.MAX_ITEMS // wire.HEAVY_COST + 1)),
    "long integer": extension(T.BIG_INT, part(b"\x01" * (T.MAX_INT_BYTES + 1))),
    "key twice": extension(T.DICT, part("a", 1, "a", 2)),
    "key without value": extension(T.DICT, part("a")),
    "list as key": extension(T.DICT, part([], 1)),
    "array as key": extension(T.DICT, part(np.zeros(1), 1)),
    "member twice": extension(T.SET, part(1, 1.0)),
    "list in set": extension(T.FROZENSET, part([])),
    "array too short": extension(T.ARRAY, part("<f8", "C", b"\0" * 8, 2)),
    "array of huge shape": extension(T.ARRAY, part("<f8", "C", b"", 2**40, 2**40)),
    "array of negative shape": extension(T.ARRAY, part("<f8", "C", b"\0" * 8, -1, -1)),
    "empty array with a huge side": extension(T.ARRAY, part("<f8", "C", b"", 0, 2**61)),
    "strings of no width": extension(T.ARRAY, part("<U0", "C", b"", 10**12)),
    "object array": extension(T.ARRAY, part("|O", "C", b"\0" * 8, 1)),
    "structured array": extension(T.ARRAY, part("i4,i4", "C", b"\0" * 8, 1)),
    "dates": extension(T.ARRAY, part("<M8[ns]", "C", b"\0" * 8, 1)),
    "order": extension(T.ARRAY, part("<f8", "K", b"\0" * 8, 1)),
    "bool of 2": extension(T.ARRAY, part("|b1", "C", b"\2", 1)),
    "no such character": extension(T.ARRAY, part("<U1", "C", b"\xff" * 4, 1)),
    "float as shape": extension(T.ARRAY, part("<f8", "C", b"\0" * 8, 1.0)),
    "scalar of three": extension(T.SCALAR, part("<f8", "C", b"\0" * 24, 3)),
    "dtype with code": extension(T.DTYPES, part("O")),
    "complex of strings": extension(T.COMPLEX, part("1", "2")),
    "range without step": extension(T.RANGE, part(1, 2, 0)),
    "tensor of strings": extension(T.TENSOR, part("float64", np.array(["a"]))),
    "tensor of another dtype": extension(T.TENSOR, part("float32", np.zeros(1))),
    "torch function": extension(T.TORCH_DTYPE, part("load")),
    "generator class": extension(T.GENERATOR, part({"bit_generator": "RandomState", "state": {}})),
    "generator position": extension(
        T.GENERATOR, part({**np.random.MT19937(0).state, "state": {"key": np.zeros(624, np.uint32), "pos": 10**6}})
    ),
    "generator buffer": extension(T.GENERATOR, part({**np.random.Philox(0).state, "buffer_pos": -9})),
    "sparse index": extension(T.SPARSE, part("csr", True, (2, 2), np.ones(1), np.array([5]), np.array([0]))),
    "sparse negative": extension(T.SPARSE, part("csr", True, (2, 2), np.ones(1), np.array([-5]), np.array([0]))),
    "sparse size": extension(T.SPARSE, part("csr", True, (10**12, 1), *[np.zeros(0, int)] * 3)),
    "sparse format": extension(T.SPARSE, part("__class__", True, (2, 2), *[np.zeros(0, int)] * 3)),
    "sparse diagonals": extension(
        T.SPARSE, part("dia", True, (10**7, 10**7), np.ones(9), np.arange(9), np.zeros(9, int))
    ),
    "frame of unequal columns": extension(
        T.FRAME, part(pd.RangeIndex(2), pd.Index(["a"]), ("numpy", np.zeros(3)))
    ),
    "frame from a huge index": extension(T.FRAME, part(pd.RangeIndex(10**12), pd.Index(["a"]), ("numpy", np.zeros(3)))),
    "frame dtype": extension(T.SERIES, part("category", ["a"], None, pd.RangeIndex(1))),
    "series of another length": extension(T.SERIES, part("numpy", np.zeros(2), None, pd.RangeIndex(3))),
    "rows of unequal length": extension(T.MULTI_INDEX, part([(1, 2), (1,)], ["a", "b"])),
    "list as a name": extension(T.INDEX, part("numpy", np.zeros(2), [])),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bytes_are_refused(name):
    with pytest.raises(WireError):
        unpack(HOSTILE[name])


def test_truncations_and_flipped_bits_give_wire_errors_or_plain_values():
    rng = random.Random(2)
    values = [PLAIN, ARRAYS, TENSORS, *FRAMES[:6], sparse.csr_array(np.eye(3)), np.random.default_rng(1),
              np.random.Generator(np.random.MT19937(1)), [any_value(rng) for _ in range(5)]]  # fmt: skip
    refused = survived = 0
    for value in values:
        data = pack(value)
        for _ in range(150):
            if rng.random() < 0.2:
                broken = data[: rng.randrange(len(data))]
            else:
                broken = bytearray(data)
                for _ in range(rng.randrange(1, 4)):
                    broken[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                broken = bytes(broken)
            try:
                pack(unpack(broken))
                survived += 1
            except WireError:
                refused += 1
    assert refused > 100 and survived > 100


def test_random_bytes_are_refused():
    rng, refused = random.Random(3), 0
    for _ in range(2000):
        data = bytes([0xC7, rng.randrange(256), rng.randrange(28)]) + rng.randbytes(rng.randrange(60))
        try:
            unpack(data)
        except WireError:
            refused += 1
    assert refused > 1900


def test_the_format_needs_no_large_library_until_a_message_holds_one_of_their_values():
    code = "import sys; from autograder.wire import *; unpack(pack([1])); print({'torch', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
