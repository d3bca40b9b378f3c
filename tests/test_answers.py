"""The answer's side: its errors, warnings, prints and gradients reach the test, and nothing else of them does."""

import contextlib
import io

import numpy as np
import pytest
import torch
from two_sides import Pair, remote

from autograder import protocol
from autograder.answers import Answers, error_lines
from autograder.proxies import AnswerError, Handle
from embedlab import check

ERRORS = {
    "ValueError('wrong shape')": (ValueError, "ValueError", "wrong shape"),
    "KeyError('w')": (KeyError, "KeyError", "'w'"),
    "FileNotFoundError(2, 'No file', 'x')": (FileNotFoundError, "FileNotFoundError", "[Errno 2] No file: 'x'"),
    "NotImplementedError": (NotImplementedError, "NotImplementedError", ""),
    "np.linalg.LinAlgError('Singular matrix')": (ValueError, "LinAlgError", "Singular matrix"),
    "type('Mine', (TypeError,), {})('own type')": (TypeError, "Mine", "own type"),
    "SystemExit(3)": (AnswerError, "SystemExit", "3"),
    "KeyboardInterrupt": (AnswerError, "KeyboardInterrupt", ""),
    "GeneratorExit": (AnswerError, "GeneratorExit", ""),
    "StopIteration(5)": (AnswerError, "StopIteration", "5"),
    "BaseException('b')": (AnswerError, "BaseException", "b"),
    "UnicodeDecodeError('utf-8', b'x', 0, 1, 'bad')": (AnswerError, "UnicodeDecodeError", "'utf-8' codec"),
    "ExceptionGroup('many', [ValueError(1)])": (AnswerError, "ExceptionGroup", "many (1 sub-exception)"),
    "type('bad name\\x1b', (Exception,), {})('x')": (AnswerError, "AnswerError", "x"),
    "ValueError('a' * 10**6)": (ValueError, "ValueError", "a" * 1999 + "…"),
    "ValueError('\\x1b[31mred')": (ValueError, "ValueError", "�[31mred"),
    "OSError": (OSError, "OSError", ""),
    "Hostile()": (AnswerError, "Hostile", protocol.UNREADABLE),
    "Text()": (AnswerError, "Text", "plain"),
}  # fmt: skip


@pytest.mark.parametrize("expression", ERRORS)
def test_errors_of_an_answer_arrive_as_harmless_exceptions(expression):
    kind, name, text = ERRORS[expression]
    pair = Pair(f"""
        class Str(str):
            def __getitem__(self, key): raise SystemExit
        class Hostile(Exception):
            def __str__(self): raise SystemExit
        class Text(Exception):
            def __str__(self): return Str("plain")
        def f(): raise {expression}
    """)
    with pytest.raises(Exception) as caught:
        pair.f()
    assert isinstance(caught.value, kind) and type(caught.value).__name__ == name
    assert str(caught.value) == text or (name == "UnicodeDecodeError" and text in str(caught.value))
    assert isinstance(caught.value, Exception) and not isinstance(caught.value, protocol.ITERATION_ENDS)


def test_an_answer_cannot_end_a_loop_of_the_test():
    pair = Pair("def f(x): raise StopIteration")
    with pytest.raises(AnswerError):
        list(map(pair.f, [1, 2, 3]))


def test_a_name_that_is_not_defined_inside_the_answer_is_named():
    pair = Pair("def f(): return absent")
    with pytest.raises(NameError) as caught:
        pair.f()
    assert caught.value.name == "absent"


def test_endless_recursion_in_an_answer_is_an_error_like_any_other():
    pair = Pair("def f(n): return f(n + 1)\ndef g(): return 1")
    with pytest.raises(RecursionError):
        pair.f(0)
    assert pair.g() == 1


def test_warnings_of_an_answer_are_warnings_of_the_test():
    pair = Pair("""
        import warnings
        class Own(RuntimeWarning): pass
        def naive(z): return 1 / (1 + np.exp(-z))
        def own(): warnings.warn(Own("mine"))
        def many():
            for i in range(100): warnings.warn(str(i))
    """)
    with pytest.raises(check.CheckFailure, match="must not overflow, but it warned: overflow"):
        with check.no_warnings("sigmoid must not overflow"):
            pair.naive(np.array([-1000.0]))
    with pytest.warns(RuntimeWarning, match="mine"):
        pair.own()
    with pytest.warns(UserWarning) as caught:
        pair.many()
    assert len(caught) == protocol.MAX_WARNINGS


def test_prints_are_kept_by_call_and_capped():
    pair = Pair("""
        import sys
        def say(text):
            print(text)
            print("!", file=sys.stderr)
        def flood():
            for _ in range(10**4): print("x" * 100)
    """)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        pair.say("hello")
        pair.flood()
    (first, text), (second, flood) = pair.tests.prints
    assert (first, text, second) == ("say(...)", "hello\n!\n", "flood(...)")
    assert len(flood) == protocol.MAX_PRINTED and out.getvalue() == text + flood


def test_gradients_are_computed_on_the_answers_side():
    pair = Pair("import torch\ndef loss(w, x): return (w * x).sum()\ndef cut(w, x): return (w.detach() * x).sum()")
    with remote(pair.tests):
        (found,) = check.gradient(pair.loss, [np.ones(2), torch.tensor([3.0, 4.0])], [0])
        assert found.tolist() == [3, 4]
        with pytest.raises(check.CheckFailure, match="was the graph cut"):
            check.gradient(pair.cut, [np.ones(2), torch.ones(2)], [0])


def test_seed_seeds_the_answers_side():
    pair = Pair("import random\ndef draw(): return random.random(), np.random.rand()")
    with remote(pair.tests):
        check.seed(5)
        first = pair.draw()
        check.seed(5)
        assert pair.draw() == first


def test_values_that_are_too_large_to_send_are_an_error_with_a_reason():
    pair = Pair("def big(): return [0] * (10**6 + 1)\ndef loop():\n    x = []\n    x.append(x)\n    return x")
    with pytest.raises(AnswerError, match="more than 1,000,000 elements"):
        pair.big()
    with pytest.raises(AnswerError, match="contains itself"):
        pair.loop()


def test_magics_and_shell_commands_do_nothing(tmp_path):
    pair = Pair(f"""
!touch {tmp_path}/made
%pip install something
files = !ls
%time x = 3
%matplotlib inline
np.exp?
def f(): return x
""")
    assert pair.f() == 3 and pair.files == [] and not list(tmp_path.iterdir())
    timed = Pair("%%time\ndef f(): return 4")
    assert timed.f() == 4
    assert isinstance(Pair("%%bash\ntouch x\n").get_ipython, Handle)


def test_error_lines_are_those_of_the_answer():
    answers = Answers({}, "<answer x>")
    with pytest.raises(ZeroDivisionError) as caught:
        answers.run("def f(x):\n    return 1 / x\nf(0)")
    assert error_lines(caught.value, "<answer x>") == "line 3: f(0)\nline 2: return 1 / x"
    with pytest.raises(SyntaxError) as caught:
        answers.run("x = 1\ny = = 2")
    assert error_lines(caught.value, "<answer x>") == "line 2: y = = 2"
