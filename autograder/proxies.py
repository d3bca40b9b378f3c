"""The tests' side: what stands in for an answer's functions and objects while a test cell runs.

Nothing here runs code of the answer. Plain values arrive as copies; every other object is a `Handle`, which forwards
attribute, call, len, getitem, iter and contains, and refuses the rest, so that an object which equals everything gains
nothing. `Tests.exchange` is the only way out, `Tests.serve` (for callbacks) the only way in. Side effects on the
tests' side are those that a call in the same process would have had: changed arguments, warnings, printed text.
"""

import functools
import sys
import types
import warnings
import weakref

from autograder import protocol
from autograder.protocol import AnswerError, clean, describe_error, is_mutable, overwrite, rebuild_error
from autograder.wire import WireError, pack, unpack
from embedlab import check

MAX_NESTING = 20
MAX_CALLBACKS = 100_000
MAX_STREAM = 100_000

REFUSED = """
abs add and array array_function array_ufunc bool bytes ceil complex copy deepcopy delattr delitem divmod eq
float floor floordiv ge gt hash iadd iand ifloordiv ilshift imatmul imod imul index int invert ior ipow
irshift isub itruediv ixor le lshift lt matmul mod mro_entries mul ne neg or pos pow radd rand rdivmod reduce
reduce_ex rfloordiv rlshift rmatmul rmod rmul ror round rpow rrshift rshift rsub rtruediv rxor setattr setitem
sub truediv trunc xor
""".split()


UNREADABLE = "the answer sent a reply that could not be read"


class Handle:
    """An object of the answer that cannot travel by value. Its class is a subclass named like the object's own type."""

    __slots__ = ("__weakref__", "_wire_label", "_wire_number", "_wire_side")

    def __init__(self, side, number, label):
        for name, value in (("side", side), ("number", number), ("label", label)):
            object.__setattr__(self, f"_wire_{name}", value)

    def __getattr__(self, name):
        if name.startswith("__") and name != "__name__":
            raise AttributeError(f"{self!r} has no {name} on the tests' side")
        return self._wire_side.request("attribute", self, name, label=f"{self._wire_label}.{name}")

    def __call__(self, /, *args, **kwargs):
        return self._wire_side.request("call", self, args, kwargs, label=f"{self._wire_label}(...)")

    def __getitem__(self, key):
        return self._wire_side.request("item", self, key, label=f"{self._wire_label}[...]")

    def __iter__(self):
        return self._wire_side.stream(self)

    def __len__(self):
        return _checked(self._wire_side.request("length", self), int)

    def __contains__(self, item):
        return _checked(self._wire_side.request("contains", self, item), bool)

    def __repr__(self):
        return f"<`{self._wire_label}`: an object of type {type(self).__name__}>"

    def __del__(self):
        side = getattr(self, "_wire_side", None)
        if side is not None:
            side.released.append(self._wire_number)


def _refusal(name):
    def refuse(self, *args, **kwargs):
        verb = "gave back" if self._wire_label.endswith(")") else "is"
        kind = type(self).__name__
        raise TypeError(f"`{self._wire_label}` {verb} an object of type {kind}; a number or an array is needed here")

    refuse.__name__ = f"__{name}__"
    return refuse


for _name in REFUSED:
    setattr(Handle, f"__{_name}__", _refusal(_name))


@functools.lru_cache(maxsize=256)
def _handle_type(name):
    """The subclass of Handle for objects whose type is called `name`, so that messages can say so."""
    name = clean(name, 60)
    return type(name if name.isidentifier() else "unknown", (Handle,), {"__slots__": ()})


def _checked(value, kind):
    if type(value) is not kind or (kind is int and not 0 <= value < sys.maxsize):
        raise AnswerError(UNREADABLE)
    return value


def _checked_reply(reply):
    """The reply with every part that it needs, of the right type; AnswerError where it is none."""
    _checked(reply, dict)
    changes = _checked(reply.get("changes", {}), dict)
    for place in changes:
        _checked(place, int)
    caught = [
        _checked(warning, tuple) for warning in _checked(reply.get("warnings", []), list)[: protocol.MAX_WARNINGS]
    ]
    if ("value" in reply) == ("error" in reply) or any(len(warning) != 2 for warning in caught):
        raise AnswerError(UNREADABLE)
    caught = [(protocol.warning_category(category), clean(text)) for category, text in caught]
    printed = clean(reply.get("printed"), protocol.MAX_PRINTED)
    return reply | {"changes": changes, "warnings": caught, "printed": printed}


class RemoteAnswer:
    """One test process's view of one answer; also what `embedlab.check.remote` is set to.

    lesson: the namespace of the lesson so far; its functions, classes and modules cross by name.
    exchange: sends one request to the answer's side and returns its reply, bytes to bytes.
    prints: what the answer printed so far, as (call, text).
    """

    def __init__(self, lesson: dict, exchange=None):
        self.exchange = exchange
        self.lesson = {id(value): (name, value) for name, value in lesson.items()}
        self.handles = weakref.WeakValueDictionary()
        self.released = []
        self.callables, self.raised = [], []
        self.prints = []
        self.nesting = self.callbacks = 0

    def name(self, name: str):
        """The answer's object called `name`: a value or a Handle. NameError if the answer does not define it."""
        return self.request("name", name, label=name)

    def is_handle(self, value) -> bool:
        """Whether `value` is an object of the answer that stayed there."""
        return isinstance(value, Handle)

    def is_a(self, handle, kind) -> bool:
        """Whether the object is an instance of `kind` (a class, a Handle to one, or a tuple), as its own side says."""
        return _checked(self.request("is_a", handle, kind), bool)

    def same(self, a, b) -> bool:
        """Whether `a` and `b` are one object; an argument that the answer gives back is the test's own object again."""
        return a is b

    def gradient(self, function, args, wrt) -> list:
        """Gradients of `function(*args)` by autograd on the answer's side: see `embedlab.check.gradient`."""
        try:
            return self.request("gradient", function, list(args), list(wrt))
        except AnswerError as error:
            if type(error).__name__ == "CheckFailure":
                raise check.CheckFailure(str(error)) from None
            raise

    def seed(self, number: int) -> None:
        """Seed the global random generators of the answer's side."""
        self.request("seed", number)

    def stream(self, handle):
        """Iterate over an object of the answer, one request an item, at most MAX_STREAM items."""
        label = handle._wire_label
        return self._items(self.request("iterate", handle, label=label), label)

    def _items(self, iterator, label):
        for _ in range(MAX_STREAM):
            item = _checked(self.request("next", iterator, label=f"next({label})"), tuple)
            if not item:
                return
            yield item[0]
        raise AnswerError(f"iterating over `{label}` gave more than {MAX_STREAM:,} items")

    def request(self, operation, *operands, label=""):
        """Ask the answer's side for `operation`; return its value or raise its error, side effects applied.

        label: the expression, for messages. Raises AnswerError where the reply is not one that an honest side sends.
        """
        if self.nesting >= MAX_NESTING:
            raise RecursionError(f"the test and the answer call each other more than {MAX_NESTING} levels deep")
        released, self.released = self.released, []
        record = []
        data = pack((released, operation, *operands), self._refer, record=record)
        self.nesting += 1
        try:
            reply = self.exchange(data)
        finally:
            self.nesting -= 1

        def resolve(kind, *reference):
            return self._resolve(record, label, kind, *reference)

        try:
            reply = _checked_reply(unpack(reply, resolve))
            changes = [(record[place], unpack(content, resolve)) for place, content in reply["changes"].items()]
        except (WireError, IndexError):
            raise AnswerError(UNREADABLE) from None
        for old, new in changes:
            overwrite(old, new)
        if reply["printed"]:
            self.prints.append((label, reply["printed"]))
            sys.stdout.write(reply["printed"])
        for category, text in reply["warnings"]:
            warnings.warn(text, category, stacklevel=3)
        if "error" in reply:
            raise self._error(reply)
        return reply["value"]

    def _error(self, reply):
        """The exception that a failed reply stands for: the test's own, where a callback raised it."""
        number = reply.get("callback")
        if type(number) is int and 0 <= number < len(self.raised):
            return self.raised[number]
        return rebuild_error(reply["error"])

    def serve(self, request: bytes) -> bytes:
        """Call one of the test's callables for the answer; the reply says what it returned or raised."""
        try:
            number, args, kwargs = unpack(request, lambda *reference: self._resolve([], "", *reference))
            function = self.callables[number]
            self.callbacks += 1
            if self.callbacks > MAX_CALLBACKS:
                raise RecursionError(f"the answer called the test's functions more than {MAX_CALLBACKS:,} times")
            return pack({"value": function(*args, **kwargs)}, self._refer)
        except Exception as error:
            self.raised.append(error)
            return pack({"error": describe_error(error), "callback": len(self.raised) - 1})

    def _refer(self, value):
        """The reference for an object that cannot travel by value to the answer's side."""
        if isinstance(value, Handle):
            if value._wire_side is not self:
                raise TypeError(f"{value!r} belongs to another answer")
            return "answer", value._wire_number
        if id(value) in self.lesson:
            return "global", self.lesson[id(value)][0]
        if isinstance(value, types.ModuleType):
            return "import", value.__name__, ""
        place = _import_path(value)
        if place:
            return "import", *place
        if not callable(value):
            raise TypeError(f"a test cannot pass an object of type {type(value).__name__} to an answer")
        for number, known in enumerate(self.callables):
            if known is value:
                return "tests", number
        self.callables.append(value)
        return "tests", len(self.callables) - 1

    def _resolve(self, record, label, kind, *reference):
        """The object for a reference from the answer's side; WireError if there is no such object."""
        if kind == "answer" and len(reference) == 2 and type(reference[0]) is int:
            return self._handle(*reference, label)
        if len(reference) == 1 and type(reference[0]) is int and reference[0] >= 0:
            if kind == "argument" and reference[0] < len(record) and is_mutable(record[reference[0]]):
                return record[reference[0]]
            if kind == "tests" and reference[0] < len(self.callables):
                return self.callables[reference[0]]
        raise WireError("the message refers to an object that is not there")

    def _handle(self, number, name, label):
        """The one Handle for the answer's object `number`."""
        handle = self.handles.get(number)
        if handle is None:
            handle = self.handles[number] = _handle_type(name)(self, number, label)
            self.released = [released for released in self.released if released != number]
        return handle


def _import_path(value):
    """(module, qualified name) under which any process can import `value`, or None; "GeneratorType" is in `types`."""
    module, qualified_name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    name = getattr(value, "__name__", None)
    for place in ((module, qualified_name), (module, name), ("types", f"{name}".title() + "Type")):
        if all(isinstance(part, str) for part in place) and place[0] != "__main__" and place[0] in sys.modules:
            found = sys.modules[place[0]]
            for part in place[1].split("."):
                found = getattr(found, part, None)
            if found is value:
                return place
    return None
