"""The tests' side: what crosses, what a handle refuses, and replies that no honest answer sends."""

import builtins
import collections
import types
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from two_sides import EVIL, Pair

from autograder import protocol, proxies
from autograder.proxies import AnswerError, Handle, RemoteAnswer
from autograder.wire import WireError, pack, unpack
from embedlab import check


def test_plain_values_cross_and_all_else_is_a_handle_named_like_its_type():
    pair = Pair("def f(x): return x\nw = np.arange(3)\nclass Model: pass\nmodel = Model()")
    assert pair.f(2) == 2 and pair.f("a") == "a"
    assert isinstance(pair.w, np.ndarray)
    for name, kind in [("f", "function"), ("Model", "type"), ("model", "Model")]:
        handle = getattr(pair, name)
        assert isinstance(handle, Handle) and type(handle).__name__ == kind
        assert repr(handle) == f"<`{name}`: an object of type {kind}>"
    with pytest.raises(NameError, match="'missing' is not defined"):
        pair.missing  # noqa: B018


def test_handles_forward_six_things():
    evil = Pair(EVIL).sigmoid(0)
    assert evil.value == 3 and evil.method(4) == 7
    assert evil[1] == 20 and evil[0:2] == [10, 20]
    assert len(evil) == 0 and ("anything" in evil) is True
    assert list(evil) == [10, 20, 30]
    assert not hasattr(evil, "absent") and not hasattr(evil, "__wrapped__")


OPERATIONS = [
    lambda v: v == v, lambda v: v != 0, lambda v: v < 1, lambda v: 1 <= v, lambda v: bool(v), lambda v: not v,
    lambda v: hash(v), lambda v: {v}, lambda v: v + 1, lambda v: 1 - v, lambda v: -v, lambda v: abs(v), lambda v: v @ v,
    lambda v: float(v), lambda v: int(v), lambda v: complex(v), lambda v: [1, 2][v], lambda v: round(v), lambda v: v**2,
    lambda v: np.asarray(v), lambda v: np.array(v, dtype=float), lambda v: np.add(v, 1), lambda v: np.exp(v),
    lambda v: np.zeros(3) - v, lambda v: np.allclose(v, 0), lambda v: np.testing.assert_allclose(v, np.zeros(3)),
    lambda v: np.sum(v), lambda v: torch.zeros(1) + v, lambda v: types.new_class("T", (v,)),
    lambda v: v.__setattr__("value", 1), lambda v: setattr(v, "value", 1), lambda v: v.__reduce__(), lambda v: bytes(v),
    lambda v: check.copy.deepcopy(v), lambda v: exec("v[0] = 1", {"v": v}), lambda v: 1 if v else 0, lambda v: v in [1],
    lambda v: pd.Series([1]) == v, lambda v: exec("v += 1", {"v": v}), lambda v: divmod(v, 1), lambda v: max(v, 1),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(OPERATIONS)))
def test_everything_else_on_a_handle_raises_and_says_what_it_is(number):
    evil = Pair(EVIL).sigmoid(0)
    with pytest.raises(TypeError) as caught:
        OPERATIONS[number](evil)
    words = r"`sigmoid\(...\)` gave back an object of type Evil; a number or an array is needed here"
    assert caught.match(words)


@pytest.mark.parametrize(
    "operation", ["with v: pass", "next(v)", "isinstance(1, v)", "open(v)", "memoryview(v)", "await_"]
)
def test_what_handles_do_not_have_fails(operation):
    with pytest.raises((TypeError, NameError)):
        exec(operation, {"v": Pair(EVIL).sigmoid(0)})


def test_a_type_name_chosen_by_the_answer_is_only_a_name():
    pair = Pair("""
        kinds = [type("a b`\\x1b[31m" + "x" * 500, (), {}), type("ndarray", (), {})]
        class Meta(type):
            @property
            def __name__(cls): raise SystemExit
        class Odd(metaclass=Meta): pass
        def f(i): return [*kinds, Odd][i]()
    """)
    assert [type(pair.f(i)).__name__ for i in range(3)] == ["unknown", "ndarray", "Odd"]
    assert all(isinstance(pair.f(i), Handle) for i in range(3))


def test_checks_fail_on_an_object_that_equals_everything():
    value = Pair(EVIL).sigmoid(0)
    for comparison in (check.close, check.equal):
        with pytest.raises(check.CheckFailure, match="an object of type Evil"):
            comparison(value, np.zeros(3), call="sigmoid(0)")


def test_subclasses_of_plain_types_do_not_cross_by_value():
    pair = Pair("""
        class Int(int):
            def __eq__(self, other): return True
        class Array(np.ndarray): pass
        def f(kind): return {"int": Int(1), "array": np.zeros(2).view(Array), "list": type("L", (list,), {})([1])}[kind]
    """)
    assert all(isinstance(pair.f(kind), Handle) for kind in ("int", "array", "list"))


def test_lesson_globals_cross_by_name_and_modules_and_classes_by_import():
    lesson = "def tanh(x): return np.tanh(x)\nclass Point: pass\nX = np.zeros(2)"
    pair = Pair(
        "received = []\n"
        "def apply(f, x): return f(x)\n"
        "def is_lesson(a, b): return a is tanh and b is Point\n"
        "def kind(t): return np.zeros(1, dtype=t).dtype.name\n"
        "def module(m): return m is np\n",
        lesson,
    )
    assert pair.is_lesson(pair.lesson["tanh"], pair.lesson["Point"]) is True
    assert pair.kind(np.float32) == "float32" and pair.kind(int) == "int64" and pair.kind(np.dtype("i2")) == "int16"
    assert pair.module(np) is True
    assert pair.apply(collections.Counter, "aab") == collections.Counter("aab")
    with pytest.raises(TypeError, match="a test cannot pass an object of type .*iterator"):
        pair.apply(iter([1]), 2)


def test_handles_go_back_as_the_very_object_and_identity_is_kept():
    pair = Pair("class Node: pass\nroot = Node()\ndef same(a, b): return a is b\ndef get(): return root")
    root = pair.get()
    assert pair.same(root, pair.root) is True
    assert pair.tests.same(root, pair.root) and root is pair.root
    other = Pair("def f(x): return x")
    with pytest.raises(TypeError, match="belongs to another answer"):
        other.f(root)


def test_handles_that_are_gone_are_released():
    pair = Pair("class Node: pass\ndef make(): return Node()\ndef nothing(): pass")
    for _ in range(50):
        pair.make()
    pair.nothing()
    assert len(pair.answers.objects) < 5 and len(pair.answers.numbers) == len(pair.answers.objects)


def test_a_handle_that_dies_while_its_object_is_on_the_way_back_is_not_released():
    pair = Pair("""
        class Node: value = 5
        root = Node()
        def get(): return root
        def call(f):
            f()
            return root
    """)
    held = [pair.get()]
    root = pair.call(held.clear)
    assert pair.get() is root and root.value == 5


def test_changes_find_their_argument_behind_one_that_crosses_by_name():
    pair = Pair("def f(table, x): x.append(table['a'])", "table = {'a': [1], len: 2}")
    x = []
    pair.f(pair.lesson["table"], x)
    assert x == [[1]] and pair.lesson["table"]["a"] == [1]


def test_is_a_is_asked_on_the_answers_side():
    pair = Pair("class Base: pass\nclass Model(Base): pass\nmodel = Model()\ndef stream(): yield 1")
    assert pair.tests.is_a(pair.model, pair.Base) and not pair.tests.is_a(pair.model, dict)
    assert pair.tests.is_a(pair.stream(), (dict, types.GeneratorType))
    assert pair.tests.is_handle(pair.model) and not pair.tests.is_handle(1)


MUTATIONS = {
    "list": ([3, 1, 2], "x.sort()", [1, 2, 3]),
    "dict": ({"a": 1}, "x['b'] = x.pop('a')", {"b": 1}),
    "set": ({1, 2}, "x.discard(1)", {2}),
    "counter": (collections.Counter("ab"), "x['a'] -= 1", collections.Counter({"a": 0, "b": 1})),
    "ordered": (collections.OrderedDict(a=1, b=2), "x.move_to_end('a')", collections.OrderedDict(b=2, a=1)),
    "bytearray": (bytearray(b"ab"), "x.append(99)", bytearray(b"abc")),
    "array": (np.zeros(3), "x += 1", np.ones(3)),
    "tensor": (torch.zeros(3), "x += 1", torch.ones(3)),
    "frame": (pd.DataFrame({"a": [1, 2]}), "x['b'] = x.a * 2", pd.DataFrame({"a": [1, 2], "b": [2, 4]})),
    "longer frame": (pd.DataFrame({"a": [1]}), "x.loc[1] = 2", pd.DataFrame({"a": [1, 2]})),
    "series": (pd.Series([1.0, 2.0]), "x[0] = 5.0", pd.Series([5.0, 2.0])),
    "nested": ({"w": [np.zeros(2)]}, "x['w'][0][1] = 7", {"w": [np.array([0.0, 7.0])]}),
}


@pytest.mark.parametrize("kind", MUTATIONS)
def test_changed_arguments_are_changed_in_the_same_object(kind):
    value, statement, expected = MUTATIONS[kind]
    pair = Pair(f"def change(x, also=None): {statement}\ndef back(x): return x")
    value = check.copy.deepcopy(value)
    inner = value["w"][0] if kind == "nested" else None
    pair.change(value)
    check.equal(value, expected, call="change(x)") if kind not in ("bytearray", "ordered") else None
    assert type(value) is type(expected) and str(value) == str(expected)
    assert inner is None or value["w"][0] is inner
    assert pair.back(value) is value, "an argument that comes back is the test's own object"


def test_a_generator_goes_on_where_the_answer_left_it():
    pair = Pair("def draw(rng, n): return rng.normal(size=n)")
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    assert np.array_equal(pair.draw(rng, 4), twin.normal(size=4))
    assert rng.random() == twin.random()


def test_a_replaced_element_leaves_the_old_one_alone():
    pair = Pair("def step(params): params[0] = params[0] - 1")
    old = np.ones(2)
    params = [old]
    pair.step(params)
    assert old.tolist() == [1, 1] and params[0].tolist() == [0, 0] and params[0] is not old


def test_keyword_arguments_and_views_are_changed_too():
    pair = Pair("def zero(*, x): x[:] = 0")
    base = np.ones(6)
    pair.zero(x=base[::2])
    assert base.tolist() == [0, 1, 0, 1, 0, 1]


def test_an_argument_cannot_be_turned_into_something_else():
    pair = Pair("def widen(x): x.shape = (1, 3)")
    with pytest.raises(AnswerError, match="shape or dtype of an argument"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pair.widen(np.zeros(3))
    for old, new in [([1], (1,)), (np.zeros(2), np.zeros(3)), (np.zeros(2), np.zeros(2, int)), ((1,), (2,)), ({}, [])]:
        with pytest.raises(AnswerError):
            protocol.overwrite(old, new)


def test_check_unchanged_sees_what_an_answer_did_to_an_array():
    pair = Pair("def spoil(x): x[0] = 9")
    x = np.zeros(2)
    with pytest.raises(check.CheckFailure, match="changed its argument `x` in place"):
        with check.unchanged(call="spoil(x)", x=x):
            pair.spoil(x)


def test_callables_of_the_test_are_called_back():
    pair = Pair("def twice(f, x): return f(f(x))\ndef keep(f): return f\ndef named(f): return f(1, scale=10)")
    calls = []
    assert pair.twice(lambda x: calls.append(1) or x * 3, np.ones(2)).tolist() == [9, 9] and len(calls) == 2
    function = lambda x: x  # noqa: E731
    assert pair.keep(function) is function
    assert pair.named(lambda x, scale: x * scale) == 10
    assert check.numerical_gradient(lambda x: pair.twice(lambda y: y * y, float(x[0])), [2.0])[0] == pytest.approx(32)


def test_what_a_callback_raises_comes_back_as_the_tests_own_exception():
    pair = Pair("""
        def call(f): return f(1)
        def swallow(f):
            try: return f(1)
            except ZeroDivisionError as error: return str(error)
    """)
    with pytest.raises(check.CheckFailure, match="seen"):
        pair.call(lambda x: check.close(x, 2, call="seen"))
    assert pair.swallow(lambda x: x / 0) == "division by zero"


def test_nesting_and_number_of_callbacks_are_bounded(monkeypatch):
    pair = Pair("""
        def deeper(f): return f()
        def many(f, n):
            for _ in range(n): f()
    """)
    depths = []

    def again():
        depths.append(pair.tests.nesting)
        return pair.deeper(again)

    with pytest.raises(RecursionError, match="levels deep"):
        pair.deeper(again)
    assert max(depths) == proxies.MAX_NESTING and pair.tests.nesting == 0
    monkeypatch.setattr(proxies, "MAX_CALLBACKS", pair.tests.callbacks + 10)
    pair.many(int, 5)
    with pytest.raises(RecursionError, match="more than"):
        pair.many(lambda: None, 11)


def test_generators_stream_and_are_capped(monkeypatch):
    pair = Pair("""
        seen = []
        def count():
            n = 0
            while True:
                seen.append(n)
                yield n
                n += 1
        def taken(): return len(seen)
        def broken():
            yield 1
            raise ValueError("no more")
    """)
    numbers = iter(pair.count())
    assert [next(numbers) for _ in range(3)] == [0, 1, 2] and pair.taken() == 3
    stream = pair.count()
    assert next(iter(stream)) == 0 and next(iter(stream)) == 1
    with pytest.raises(ValueError, match="no more"):
        list(pair.broken())
    monkeypatch.setattr(proxies, "MAX_STREAM", 10)
    with pytest.raises(AnswerError, match="more than 10 items"):
        list(pair.count())


def answering(reply):
    """A tests' side whose other side answers every request with `reply`."""
    tests = RemoteAnswer({})
    tests.exchange = lambda request: reply
    return tests


class Reference:
    """Packs as a reference of the answer's choosing."""

    def __init__(self, *reference):
        self.reference = reference


def reply(value):
    return pack(value, handle=lambda value: value.reference)


GOOD = {"value": 1, "changes": {}, "warnings": [], "printed": ""}
REPLIES = {
    "no message": b"",
    "no dict": reply([1]),
    "an object for a reply": reply(Reference("answer", 1, "dict")),
    "neither value nor error": reply({}),
    "both value and error": reply(GOOD | {"error": ("ValueError", (), "", None)}),
    "unknown reference": reply(GOOD | {"value": Reference("file", "/etc/passwd")}),
    "argument that is not there": reply(GOOD | {"value": Reference("argument", 99)}),
    "argument -2": reply(GOOD | {"value": Reference("argument", -2)}),
    "the request itself": reply(GOOD | {"value": Reference("argument", 2)}),
    "callable that is not there": reply(GOOD | {"value": Reference("tests", 0)}),
    "import": reply(GOOD | {"value": Reference("import", "os", "system")}),
    "global": reply(GOOD | {"value": Reference("global", "np")}),
    "changes that are no dict": reply(GOOD | {"changes": [1]}),
    "changes of objects": reply(GOOD | {"changes": Reference("answer", 1, "dict")}),
    "change of argument -2": reply(GOOD | {"changes": {-2: pack({"a": 1})}}),
    "change of argument 99": reply(GOOD | {"changes": {99: pack([])}}),
    "change of type": reply(GOOD | {"changes": {0: pack({})}}),
    "change with broken content": reply(GOOD | {"changes": {0: b"\xff\xff"}}),
    "change with no content": reply(GOOD | {"changes": {0: 5}}),
    "warnings that are no list": reply(GOOD | {"warnings": Reference("answer", 1, "list")}),
    "warnings of one part": reply(GOOD | {"warnings": [("RuntimeWarning",)]}),
    "handle numbered by text": reply(GOOD | {"value": Reference("answer", "x", "y")}),
}


@pytest.mark.parametrize("name", REPLIES)
def test_replies_that_no_honest_side_sends_are_refused(name):
    tests = answering(REPLIES[name])
    with pytest.raises((AnswerError, WireError)):
        tests.request("call", [1, 2], (), {})


@pytest.mark.parametrize(
    "error",
    [
        None,
        5,
        (),
        ("ValueError",),
        ("ValueError", 1, 2, 3),
        (1, [2, []], b"", {}),
        ("x", ("SystemExit", "exit"), "", None),
    ],
)
def test_malformed_errors_still_arrive_as_exceptions(error):
    with pytest.raises(Exception) as caught:
        answering(reply({"error": error, "callback": "no number"})).request("call", 1)
    assert isinstance(caught.value, Exception)
    assert type(caught.value).__name__ not in vars(builtins)


def test_a_length_or_membership_must_be_a_plain_number_or_truth():
    for value in (-1, True, 2.0, 10**30, Reference("answer", 2, "int")):
        tests = answering(reply(GOOD | {"value": value}))
        with pytest.raises(AnswerError):
            len(proxies.Handle(tests, 1, "x"))
    with pytest.raises(AnswerError):
        _ = 1 in proxies.Handle(answering(reply(GOOD)), 1, "x")


def test_the_answers_requests_for_callbacks_are_checked_too():
    tests = RemoteAnswer({})
    for request in (b"", pack(1), pack((0, (), {})), pack((-1, (), {})), pack(("x", (), {}))):
        assert "error" in unpack(tests.serve(request))
