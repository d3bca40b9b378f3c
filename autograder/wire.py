"""The wire format between tests and answers: plain values as bytes, in a format that cannot run code.

Changes nothing in the world. A message is a tree of msgpack scalars and extension types, never a pickle; each extension
holds a row of further values, so that everything is counted while it is read. `autograder.wire_types` lists what
travels by value; what does not is left to the caller's `handle`.
"""

import msgpack

from autograder.wire_types import BUILDERS, DICTS, HEAVY, MAX_BYTES, MAX_STRING, OPEN, NotByValue, WireError, parts_of

__all__ = ["NotByValue", "WireError", "pack", "unpack"]

MAX_DEPTH = 40
MAX_ITEMS = 1_000_000
HEAVY_COST = 100  # a frame or a tensor takes as much memory and time as this many numbers
REFERENCE = 0
NATIVE_TYPES = (type(None), bool, float, str, bytes)


def pack(value, handle=None, known=None, record=None) -> bytes:
    """Return `value` as the bytes of one message.

    handle: called with each object that cannot go by value; returns a plain tuple that the other side's `handle`
    understands. Without it such objects raise NotByValue. Keys, members of sets and what is inside a frame are never
    handles: what holds such an object becomes a handle itself.
    known: maps the id of an object to such a tuple; looked up first, so that known objects go by reference.
    record: a list that gets every container, array … sent by value, in the order in which `unpack` records its copies.
    Raises WireError when the value is too large, too deep (or contains itself), or not to be sent.
    """
    data = _Writer(handle, known or {}, [] if record is None else record).encode(value, 0, False)
    if len(data) > MAX_BYTES:
        raise WireError(_TOO_LARGE)
    return data


def unpack(data: bytes, handle=None, record=None):
    """Return the value of one message; `handle(*reference)` gives the object for each reference in it.

    record: a list that gets every container, array … of the message, in the order of `pack`'s record.
    Raises WireError, and nothing else, on bytes that `pack` would not have written. Memory is bounded by the caps.
    """
    if type(data) is not bytes or len(data) > MAX_BYTES:
        raise WireError(f"a message must be bytes, at most {MAX_BYTES:,} of them")
    try:
        (value,) = _Reader(handle, [] if record is None else record).sequence(data, 0)
    except WireError:
        raise
    except Exception as error:
        raise WireError(f"the message is not valid: {type(error).__name__}") from None
    return value


_TOO_LARGE = f"the value is too large: at most {MAX_BYTES:,} bytes, {MAX_STRING:,} characters a string"


class _Writer:
    def __init__(self, handle, known, record):
        self.handle, self.known, self.record = handle, known, record
        self.size = self.items = 0

    def encode(self, value, depth, plain):
        """Return the bytes of `value`; `plain` forbids references inside it."""
        self.items += 1
        if depth > MAX_DEPTH:
            raise WireError(f"the value is nested more than {MAX_DEPTH} levels deep, or contains itself")
        if self.items > MAX_ITEMS:
            raise WireError(f"the value has more than {MAX_ITEMS:,} elements")
        kind = type(value)
        if kind in NATIVE_TYPES or (kind is int and -(2**63) <= value < 2**64):
            if kind is str or kind is bytes:
                self.size += len(value)
                if self.size > MAX_BYTES or (kind is str and len(value) > MAX_STRING):
                    raise WireError(_TOO_LARGE)
            return msgpack.packb(value, unicode_errors="surrogatepass")
        if not plain and id(value) in self.known:
            return self._reference(self.known[id(value)], depth)
        recorded = len(self.record)
        try:
            code, parts = parts_of(value)
            if code in DICTS:
                encoded = self._pairs(parts, depth + 1, plain)
            else:
                encoded = (self.encode(part, depth + 1, plain or code not in OPEN) for part in parts)
            data = _extension(code, encoded)
        except NotByValue:
            if plain or self.handle is None:
                raise
            del self.record[recorded:]
            return self._reference(self.handle(value), depth)
        if not plain:
            self.record.append(value)
        return data

    def _pairs(self, items, depth, plain):
        for key, value in items:
            yield self.encode(key, depth, True)
            yield self.encode(value, depth, plain)

    def _reference(self, reference, depth):
        return _extension(REFERENCE, (self.encode(part, depth + 1, True) for part in reference))


def _extension(code, encoded):
    return msgpack.packb(msgpack.ExtType(code, b"".join(encoded)))


class _Reader:
    def __init__(self, handle, record):
        self.handle, self.record = handle, record
        self.items, self.work = MAX_ITEMS, 8 * MAX_BYTES

    def sequence(self, data, depth, plain=False, pairs=False):
        """Yield the values in `data`, a row of msgpack scalars and extensions.

        plain: no references may be inside; in `pairs` the first of every two is a key, and plain.
        """
        self.work -= len(data)
        if depth > MAX_DEPTH or self.work < 0:
            raise WireError(f"the message is nested more than {MAX_DEPTH} levels deep, or too much in all")
        size = max(len(data), 1)
        unpacker = msgpack.Unpacker(
            read_size=size, max_buffer_size=size, max_array_len=0, max_map_len=0, unicode_errors="surrogatepass",
        )  # fmt: skip
        unpacker.feed(data)
        for position, item in enumerate(unpacker):
            self._count(1)
            if type(item) is msgpack.ExtType:
                yield self._build(item, depth, plain or (pairs and position % 2 == 0))
            elif type(item) is int or type(item) in NATIVE_TYPES:
                if type(item) is str and len(item) > MAX_STRING:
                    raise WireError("the message has a string that is too long")
                yield item
            else:
                raise WireError("the message has a part of an unknown type")
        if unpacker.tell() != len(data):
            raise WireError("the message is cut off")

    def _build(self, item, depth, plain):
        if item.code == REFERENCE:
            if self.handle is None or plain:
                raise WireError("the message has a reference where only plain values may be")
            return self.handle(*self.sequence(item.data, depth + 1, plain=True))
        if item.code not in BUILDERS:
            raise WireError("the message has a part of an unknown type")
        if item.code in HEAVY:
            self._count(HEAVY_COST)
        parts = self.sequence(item.data, depth + 1, plain or item.code not in OPEN, item.code in DICTS)
        value = BUILDERS[item.code](parts)
        if not plain:
            self.record.append(value)
        return value

    def _count(self, cost):
        self.items -= cost
        if self.items < 0:
            raise WireError(f"the message has more than {MAX_ITEMS:,} elements")
