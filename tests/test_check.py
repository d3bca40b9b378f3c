"""Each check accepts what is right, refuses what is wrong, and says why in the words that a student reads."""

import collections
import math
import types

import numpy as np
import pandas as pd
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell

from embedlab import check


class EqualsEverything:
    """Says yes to every comparison and offers no number of its own."""

    def __eq__(self, other):
        return True

    __hash__ = None
    __array__ = __len__ = None

    def __sub__(self, other):
        return 0

    def __float__(self):
        return 0.5


def message_of(function, *args, **kwargs):
    with pytest.raises(check.CheckFailure) as caught:
        function(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (0.5, 0.5),
        (np.float64(0.5), 0.5),
        (np.array(0.5), 0.5),
        (1, 1.0),
        ([1.0, 2.0], [1.0, 2.0]),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        (np.array([np.inf]), [np.inf]),
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0])),
        (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
        (pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0])),
        (np.array([True, False]), [True, False]),
    ],
)
def test_close_accepts(got, expected):
    check.close(got, expected, call="f(x)")


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        ([0.8807971, 0.1192029], [0.1192029, 0.8807971],
         "`f(x)` returned `[0.8808, 0.1192]`, expected `[0.1192, 0.8808]`: largest difference 0.7616, at index 0"),
        (None, 0.5, "returned None, expected one number: does every path end in a return?"),
        (True, 1.0, "dtype bool"),
        (0, 0.5, "`0`, expected `0.5`"),
        (math.nan, 0.5, "returned NaN (not a number), expected 0.5"),
        (np.array([0.5, np.inf]), [0.5, 1.0], "an infinite number at index 1, expected 1"),
        (np.empty(0), [0.5, 1.0], "an array of shape (0,), expected an array of shape (2,)"),
        (np.ones((2, 1)), [1.0, 1.0], "an array of shape (2, 1), expected an array of shape (2,)"),
        (np.array([0.5]), 0.5, "an array of shape (1,), expected one number"),
        ([1.0, 2.0], np.array([1.0, 2.0]), "returned a list, expected a NumPy array"),
        (np.array([1.0]), torch.tensor([1.0]), "returned a NumPy array, expected a PyTorch tensor"),
        (EqualsEverything(), 0.5, "an object of type EqualsEverything, expected one number"),
        (np.array([1.0]).view(type("Sub", (np.ndarray,), {})), [1.0], "an object of type Sub"),
        ([1.0, "a"], [1.0, 2.0], "holds more than numbers"),
        ([[1.0], [1.0, 2.0]], [1.0, 2.0], "rows differ in length"),
        (1j, 1.0, "dtype complex128"),
        ("0.5", 0.5, "returned a str ('0.5')"),
        (0.50001, 0.5, "`0.50001`, expected `0.5`"),
        (np.arange(10.0), np.r_[0:9.0, 0], "`9`, expected `0` at index 9: largest difference 9"),
    ],
)  # fmt: skip
def test_close_refuses(got, expected, words):
    assert words in message_of(check.close, got, expected, call="f(x)")


def test_close_compares_the_dtype_where_one_is_asked_for():
    check.close(np.array([1, 2]), [1, 2], call="f(x)", dtype=np.int64)
    assert "dtype float64, expected int64" in message_of(check.close, np.ones(2), [1, 1], call="f(x)", dtype=np.int64)


def test_close_tolerance_is_numpys():
    check.close(1.0 + 9e-7, 1.0, call="f(x)")
    assert "expected" in message_of(check.close, 1.0 + 2e-6, 1.0, call="f(x)")


@pytest.mark.parametrize(
    "value",
    [
        3,
        3.5,
        "abc",
        ["a", "b"],
        ("a", 1),
        {"a": [1, 2]},
        {1, 2},
        collections.Counter("abca"),
        np.array(["a", "b"]),
        math.nan,
        None,
    ],
)
def test_equal_accepts_the_same(value):
    check.equal(value, value, call="f(x)")


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        (["a", "c"], ["a", "b"], "returned 'c' at [1], expected 'b'"),
        (("a",), ["a"], "a tuple, expected a list"),
        (["a"], ["a", "b"], "a list of length 1, expected length 2"),
        ({"a": 1}, {"a": 2}, "1 at ['a'], expected 2"),
        ({"a": 1}, {"b": 1}, "without the key 'b'"),
        ({"a": 1, "b": 1}, {"b": 1}, "with the key 'a', which does not belong there"),
        ({1, 2}, {1, 3}, "a set without 3 and with 2"),
        ({"a": 1}, collections.Counter(a=1), "a dict, expected an object of type Counter"),
        (True, 1, "a bool (True), expected an int (1)"),
        (EqualsEverything(), 3, "an object of type EqualsEverything, expected an int (3)"),
        ([EqualsEverything()], [3], "EqualsEverything at [0]"),
        (np.array([1, 2]), np.array([1.0, 2.0]), "dtype int64, expected float64"),
        (np.array([1, 2]), np.array([1, 3]), "2 at index 1, expected 3"),
    ],
)
def test_equal_refuses(got, expected, words):
    assert words in message_of(check.equal, got, expected, call="f(x)")


def test_is_a():
    check.is_a(3, int, call="f(x)")
    assert "`f(x)` returned a float (3), expected an int or a str" == message_of(
        check.is_a, 3.0, (int, str), call="f(x)"
    )


def test_raises():
    def refuse(_):
        raise ValueError("category 'Z' is unknown")

    check.raises(ValueError, refuse, 1, call="f(1)", match="unknown")
    assert "its message should mention 'empty'" in message_of(
        check.raises, ValueError, refuse, 1, call="f(1)", match="empty"
    )
    assert "raised ValueError: category" in message_of(check.raises, KeyError, refuse, 1, call="f(1)")
    assert "returned an int (1), expected a ValueError to be raised" in message_of(
        check.raises, ValueError, abs, 1, call="abs(1)"
    )


def test_raises_leaves_the_sentence_of_an_unsolved_exercise_as_it_is():
    def unsolved(_):
        raise NotImplementedError("Exercise 1.1, f: replace this line with your answer")

    with pytest.raises(NotImplementedError, match="^Exercise 1.1, f: replace this line"):
        check.raises(ValueError, unsolved, 1, call="f(1)")


def test_no_warnings_hears_numpy_and_leaves_other_warnings_alone():
    with check.no_warnings("f must not overflow"):
        assert np.exp(1.0) > 2

    def overflow():
        with check.no_warnings("f must not overflow"):
            np.exp(np.array([1000.0]))

    assert message_of(overflow).startswith("f must not overflow, but it warned: overflow")


def test_unchanged_notices_a_write():
    values = np.ones(3)
    with check.unchanged(call="f(x)", x=values):
        values.sum()

    def write():
        with check.unchanged(call="f(x)", x=values):
            values[1] = 7

    assert message_of(write) == "`f(x)` changed its argument `x` in place: it now holds 7 at index 1, expected 1"


def test_same_is_identity():
    one = [1]
    check.same(one, one, call="f(x)")
    assert "the very same one" in message_of(check.same, one, [1], call="f(x)")


def test_gradient_agrees_with_finite_differences():
    def f(x, scale):
        return (scale * x**3).sum() if isinstance(x, torch.Tensor) else float((scale * x**3).sum())

    x = np.array([[1.0, 2.0], [-3.0, 0.5]])
    (by_autograd,) = check.gradient(f, (x, 2.0), wrt=[0])
    np.testing.assert_allclose(by_autograd, 6 * x**2)
    np.testing.assert_allclose(check.numerical_gradient(lambda v: f(v, 2.0), x), by_autograd, rtol=1e-6)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: (x.detach() ** 2).sum(), "was the graph cut"),
        (lambda x: x**2, "expected a tensor with one number"),
        (lambda x: torch.ones(1, requires_grad=True).sum(), "no gradient reaches one of the arguments"),
    ],
)
def test_gradient_says_where_the_graph_ends(f, words):
    assert words in message_of(check.gradient, f, (np.ones(2),), wrt=[0])


def test_rng_depends_on_name_and_key_only(monkeypatch):
    monkeypatch.delenv("EMBEDLAB_CHECK_KEY", raising=False)
    first = check.rng("a").normal(size=3)
    assert (check.rng("a").normal(size=3) == first).all()
    assert (check.rng("b").normal(size=3) != first).all()
    monkeypatch.setenv("EMBEDLAB_CHECK_KEY", "k" * 200)
    assert (check.rng("a").normal(size=3) != first).all()


def test_seed_makes_the_global_generators_repeat():
    check.seed(3)
    first = np.random.rand(), torch.rand(1).item()
    check.seed(3)
    assert (np.random.rand(), torch.rand(1).item()) == first


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("def double(x): return x + x", "Going on with your `double`."),
        ("def double(x): return 3 * x", "it returned `3`, expected `2`"),
        ("def double(x): raise NotImplementedError('Exercise 9.9')", "its exercise is still to be solved"),
        ("def double(x): return y", "it raised NameError: name 'y' is not defined"),
        ("", "it is not defined yet"),
        ("def double(x):\n    x *= 2\n    return x", "it changed an argument in place"),
    ],
)
def test_ready_goes_on_with_the_answer_or_a_stand_in(answer, said, capsys):
    namespace = {"check": check, "np": np}
    exec(answer, namespace)
    exec("chosen = check.ready('double', lambda x: 2 * x, on=[(np.array(1.0),), (np.ones(3),)])", namespace)
    assert namespace["chosen"](5.0) == 10.0
    assert said in capsys.readouterr().out


def test_ready_does_not_let_an_answer_change_the_arguments():
    namespace = {"check": check, "x": np.ones(2)}
    exec("def double(x):\n    x *= 2\n    return x", namespace)
    exec("check.ready('double', otherwise=lambda x: 2 * x, on=[(x,)])", namespace)
    assert (namespace["x"] == 1).all()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("def words(text): return text.split()", "Going on with your"),
        ("def words(text): return text.split()[:1]", "a list of length 1, expected length 2"),
        ("def words(text): return [2, 3]", "an int (2) at [0], expected a str ('a')"),
    ],
)
def test_ready_compares_texts_too(answer, said, capsys):
    namespace = {"check": check}
    exec(answer, namespace)
    exec("check.ready('words', otherwise=lambda text: ['a', 'b'], on=[('a b',)])", namespace)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("rows", "said"), [([[1], [2, 3]], "Going on"), ([[1], [2, 4]], "4 at [1][1], expected 3")])
def test_ready_compares_lists_of_different_lengths(rows, said, capsys):
    namespace = {"check": check, "rows": lambda: rows}
    exec("check.ready('rows', otherwise=lambda: [[1], [2, 3]], on=[()])", namespace)
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("in_place", "said"), [(True, "Going on with your"), (False, "it changed an argument in place")]
)
def test_ready_accepts_changed_arguments_where_the_exercise_asks_for_them(in_place, said, capsys):
    namespace = {"check": check, "np": np, "in_place": in_place}
    exec("def add_one(x):\n    x += 1\n    return x.copy()", namespace)
    exec("check.ready('add_one', lambda x: x + 1, on=[(np.ones(2),)], in_place=in_place)", namespace)
    assert said in capsys.readouterr().out


SET_UP = """
from embedlab import check, explain
explain.register_with_ipython(check.report_in_ipython)
"""


def run_cell(answer, cell):
    """Run an answer and a test cell in a fresh IPython shell; return what the cell showed as its error."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(colors="nocolor")
    try:
        shell.run_cell(SET_UP)
        shell.run_cell(answer)
        shown = []
        shell._showtraceback = types.MethodType(lambda self, kind, value, lines: shown.extend(lines), shell)
        result = shell.run_cell(cell)
        assert result.error_in_exec is not None
        return "\n".join(shown)
    finally:
        InteractiveShell.clear_instance()


def printed_by(cell, capsys):
    """Run a cell in a fresh IPython shell; return what it printed."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(colors="nocolor")
    try:
        shell.run_cell(SET_UP)
        capsys.readouterr()
        shell.run_cell(cell)
        return capsys.readouterr().out
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("check.close(1.0, 1.0, call='f()')", "✓ 1 check passed"),
        ("check.equal('a', 'a', call='f()')\nwith check.no_warnings('no'):\n    pass", "✓ 2 checks passed"),
        ("check.is_a(1, int, call='f()')\ncheck.same(int, int, call='f()')", "✓ 2 checks passed"),
        ("check.raises(ValueError, int, 'x', call='f()')\nwith check.unchanged(call='f()', x=[1]):\n    pass", "✓ 2"),
    ],
)
def test_a_cell_whose_checks_all_hold_says_so_in_green(cell, said, capsys):
    assert f"\x1b[32m{said}" in printed_by(cell, capsys)


@pytest.mark.parametrize(
    "cell",
    [
        "check.close(1.0, 1.0, call='f()')\ncheck.close(1.0, 2.0, call='f()')",
        "def double(x):\n    return 2 * x\ncheck.ready('double', lambda x: 2 * x, on=[(1.0,)])",
        "1 + 1",
    ],
)
def test_no_green_line_after_a_failure_or_without_a_check(cell, capsys):
    assert "✓" not in printed_by(cell, capsys)


def test_a_failed_check_shows_one_sentence():
    shown = run_cell("def f(x): return 2", "check.close(f(1), 1, call='f(1)')")
    assert shown.endswith("CheckFailure\x1b[0m: `f(1)` returned `2`, expected `1`")
    assert "Traceback" not in shown


def test_an_exception_names_the_call_and_shows_the_students_lines_only():
    shown = run_cell(
        "import math\ndef sigmoid(z):\n    return math.exp(z)",
        "hidden = 3\ncheck.close(sigmoid([1.0]), 1, call='sigmoid([1.0])')",
    )
    assert "`sigmoid([1.0])` raised TypeError: must be real number, not list" in shown
    assert "return math.exp(z)" in shown
    assert "hidden = 3" not in shown


def test_an_unsolved_stub_names_its_exercise():
    shown = run_cell(
        "def f():\n    raise NotImplementedError('Exercise 1.1, f: replace this line')",
        "check.close(f(), 1, call='f()')",
    )
    assert "NotImplementedError\x1b[0m: Exercise 1.1, f: replace this line" in shown


def test_a_missing_name_says_what_to_run():
    assert "`g` is not defined: run the exercise's cell first" in run_cell("1", "check.close(g(1), 1, call='g(1)')")


def test_an_exception_in_a_cell_without_checks_keeps_its_traceback():
    assert "ZeroDivisionError" in run_cell("1", "1 / 0")
    assert "raised ZeroDivisionError" not in run_cell("1", "1 / 0")


def test_explain_finds_the_expression_across_lines():
    source = "def f(a, b):\n    raise KeyError('é')\nx = 'é'; y = f(\n    x,\n    2,\n)\n"
    with pytest.raises(KeyError) as caught:
        exec(compile(source, "<a cell>", "exec"), {})
    assert check.explain(caught.value, source) == "`f( x, 2, )` raised KeyError: 'é'"


def test_explain_shortens_a_long_call():
    source = "def f(values):\n    raise KeyError('a')\nf([" + "1, " * 40 + "])\n"
    with pytest.raises(KeyError) as caught:
        exec(compile(source, "<a cell>", "exec"), {})
    assert check.explain(caught.value, source) == "`f(…)` raised KeyError: 'a'"
