"""A lesson, an answer to it and the tests' view of that answer, in one process: for the tests of both sides."""

import contextlib
import textwrap

import numpy as np

from autograder.answers import Answers
from autograder.proxies import RemoteAnswer
from embedlab import check

EVIL = """
    class Evil:
        def __init__(self): self.value = 3
        def always(self, *args, **kwargs): return True
        __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = __contains__ = always
        def itself(self, *args, **kwargs): return self
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __abs__ = __neg__ = __truediv__ = itself
        def zero(self, *args, **kwargs): return 0
        __hash__ = __len__ = __int__ = __index__ = zero
        def __float__(self): return 0.0
        def __bool__(self): return True
        def __array__(self, *args, **kwargs): return np.zeros(3)
        def __array_ufunc__(self, *args, **kwargs): return np.True_
        def __array_function__(self, *args, **kwargs): return True
        def __reduce__(self): return print, ("unpickled",)
        def __getitem__(self, key): return [10, 20, 30][key]
        def __iter__(self): return iter([10, 20, 30])
        def method(self, x): return x + self.value
        def __torch_function__(self, *args, **kwargs): return True
    def sigmoid(z): return Evil()
"""


class Pair:
    """A lesson namespace, an answer to it, and the tests' view: `pair.name` is the answer's object of that name."""

    def __init__(self, answer, lesson=""):
        sides = [{"np": np, "__name__": "__main__"} for _ in range(2)]
        for side in sides:
            exec(textwrap.dedent(lesson), side)
        self.lesson = sides[1]
        self.answers, self.tests = Answers(sides[0]), RemoteAnswer(sides[1])
        self.answers.exchange, self.tests.exchange = self.tests.serve, self.answers.serve
        self.answers.run(textwrap.dedent(answer))

    def __getattr__(self, name):
        return self.tests.name(name)


@contextlib.contextmanager
def remote(tests):
    check.remote = tests
    try:
        yield
    finally:
        check.remote = None
