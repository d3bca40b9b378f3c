"""The answer's side: runs the student's cell and does what the tests' side asks of its objects.

It executes what a student wrote, in this process, with all the powers of this process: keeping it in a sandbox of its
own is the caller's business. Objects that cannot travel by value stay in a table here, and the other side knows their
numbers. `Answers.serve` is the only way in, `Answers.exchange` (for callbacks into the test) the only way out.
"""

import contextlib
import importlib
import io
import linecache
import random
import sys
import traceback
import warnings

import numpy as np
from IPython.core.inputtransformer2 import TransformerManager

from autograder.protocol import MAX_PRINTED, MAX_WARNINGS, describe_error, is_mutable, rebuild_error
from autograder.wire import pack, unpack
from autograder.wire_types import type_name

BODY_MAGICS = ("time", "capture")


class _NoShell:
    """Stands in for IPython's shell: magics and `!` do nothing, but %time and %%capture still run their code."""

    def __init__(self, namespace):
        self.namespace = namespace

    def run_line_magic(self, name, line, *args, **kwargs):
        if name == "time":
            exec(line, self.namespace)

    def run_cell_magic(self, name, line, body):
        if name in BODY_MAGICS:
            run_cell(body, self.namespace, f"<{name}>")

    def getoutput(self, command, *args, **kwargs):
        return []

    def __getattr__(self, name):
        return lambda *args, **kwargs: None


def run_cell(source: str, namespace: dict, filename: str) -> None:
    """Execute one notebook cell in `namespace`, as IPython would but without a shell; `filename` is for tracebacks.

    Raises what the cell raises, SyntaxError included.
    """
    shell = _NoShell(namespace)
    namespace.setdefault("display", lambda *objects, **options: None)
    namespace["get_ipython"] = lambda: shell
    try:
        code, text = compile(source, filename, "exec", dont_inherit=True), source
    except SyntaxError:  # perhaps a magic; what is plain Python, IPython leaves as it is
        text = TransformerManager().transform_cell(source)
        code = compile(text, filename, "exec", dont_inherit=True)
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(code, namespace)


def error_lines(error: BaseException, filename: str) -> str:
    """The lines of the cell `filename` that led to `error`, innermost last: "line 3: return x / 0"."""
    if isinstance(error, SyntaxError) and error.filename == filename:
        return f"line {error.lineno}: {(error.text or '').strip()}"[:200]
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == filename]
    return "\n".join(f"line {frame.lineno}: {(frame.line or '').strip()}"[:200] for frame in frames[-5:])


class _Capped(io.TextIOBase):
    """A text stream that keeps the first MAX_PRINTED characters."""

    def __init__(self):
        self.text = ""

    def writable(self):
        return True

    def write(self, text):
        self.text += text[: MAX_PRINTED - len(self.text)]
        return len(text)


class Answers:
    """The objects of one answer. `namespace` holds what the lesson has defined so far; the answer's cells run in it."""

    def __init__(self, namespace: dict, filename: str = "<answer>"):
        self.namespace, self.filename = namespace, filename
        self.lesson = dict(namespace)
        self.exchange = None
        self.objects, self.numbers = {}, {}
        self.next_number = 0
        self.callback_error = (None, None)

    def run(self, source: str) -> None:
        """Run a cell of the answer; raises what it raises."""
        run_cell(source, self.namespace, self.filename)

    def serve(self, request: bytes) -> bytes:
        """Do what one request of the tests' side asks; the reply says what came of it, whatever the answer did.

        A request is (released numbers, operation, *operands), with an operation of `OPERATIONS`. The reply is a dict:
        value or error; the arguments that changed, by their place in the request's record; warnings; what was printed.
        """
        record = []
        released, operation, *operands = unpack(request, self._resolve, record)
        for number in released:
            self.numbers.pop(id(self.objects.pop(number, None)), None)
        arguments = {i: value for i, value in enumerate(record) if is_mutable(value)}
        known = {id(value): ("argument", i) for i, value in arguments.items()}
        before = {i: self._content(value, known) for i, value in arguments.items()}
        reply, printed = {}, _Capped()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), _recorded_warnings() as caught:
            try:
                reply["value"] = OPERATIONS[operation](self, *operands)
            except BaseException as error:
                reply = self._failure(error)
        reply["printed"] = printed.text
        reply["warnings"] = [_described_warning(warning) for warning in caught[:MAX_WARNINGS]]
        try:
            after = {i: self._content(value, known) for i, value in arguments.items()}
            reply["changes"] = {i: content for i, content in after.items() if content != before[i]}
            return pack(reply, self._refer, known)
        except BaseException as error:
            return pack(self._failure(error))

    def _failure(self, error):
        """The part of a reply that says what was raised, and whether the test itself raised it in a callback."""
        own, number = self.callback_error
        return {
            "error": describe_error(error),
            "callback": number if error is own else None,
        }

    def _content(self, value, known):
        """The bytes of one mutable object, with those inside it as references."""
        return pack(value, self._refer, {key: place for key, place in known.items() if key != id(value)})

    def _refer(self, value):
        """The reference for an object that stays here."""
        if type(value) is _Callback:
            return "tests", value.number
        number = self.numbers.get(id(value))
        if number is None:
            number = self.next_number = self.next_number + 1
            self.objects[number], self.numbers[id(value)] = value, number
        return "answer", number, type_name(type(value))[:60]

    def _resolve(self, kind, *reference):
        """The object for a reference from the tests' side."""
        if kind == "answer":
            return self.objects[reference[0]]
        if kind == "tests":
            return _Callback(self, *reference)
        if kind == "global":
            return self.lesson[reference[0]]
        module, qualified_name = reference
        found = importlib.import_module(module)
        for name in filter(None, qualified_name.split(".")):
            found = getattr(found, name)
        return found

    def call_back(self, number, args, kwargs):
        """Call the test's callable `number`; raises what it raised."""
        request = pack((number, args, kwargs), self._refer)
        reply = unpack(self.exchange(request), self._resolve)
        if "error" in reply:
            self.callback_error = rebuild_error(reply["error"]), reply["callback"]
            raise self.callback_error[0]
        return reply["value"]

    def name(self, name):
        """The object that the answer calls `name`."""
        if name not in self.namespace:
            raise NameError(f"name '{name}' is not defined", name=name)
        return self.namespace[name]

    def gradient(self, function, args, wrt):
        """See `embedlab.check.gradient`."""
        return importlib.import_module("embedlab.check").autograd(function, args, wrt)

    def seed(self, number):
        """Seed the global generators of this process."""
        random.seed(number)
        np.random.seed(number)
        if "torch" in sys.modules:
            sys.modules["torch"].manual_seed(number)


class _Callback:
    """A callable of the test, seen from the answer's side."""

    def __init__(self, answers, number):
        self.answers, self.number = answers, number

    def __call__(self, *args, **kwargs):
        return self.answers.call_back(self.number, args, kwargs)


def _next(iterator):
    """(the next item,), or () at the end."""
    for item in iterator:
        return (item,)
    return ()


OPERATIONS = {
    "name": Answers.name,
    "call": lambda answers, target, args, kwargs: target(*args, **kwargs),
    "attribute": lambda answers, target, name: getattr(target, name),
    "item": lambda answers, target, key: target[key],
    "length": lambda answers, target: len(target),
    "contains": lambda answers, target, item: bool(item in target),
    "iterate": lambda answers, target: iter(target),
    "next": lambda answers, iterator: _next(iterator),
    "is_a": lambda answers, target, kind: isinstance(target, kind),
    "gradient": Answers.gradient,
    "seed": Answers.seed,
}


@contextlib.contextmanager
def _recorded_warnings():
    with warnings.catch_warnings(record=True) as caught, np.errstate(over="warn", divide="warn", invalid="warn"):
        warnings.simplefilter("always")
        yield caught


def _described_warning(warning):
    """(name of the first builtin type among its bases, message)."""
    _, bases, text, _ = describe_error(warning.message)
    return bases[0], text
