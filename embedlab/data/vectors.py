"""Tables of word vectors: read from GloVe's and word2vec's file formats, and the table that comes with the course.

A file of vectors is large and comes from elsewhere, so it is read in blocks, and a block that is not as it should be
is gone through again line by line, to say which line is wrong and why. What is wrong with a file is a ValueError.

Reads only the file that it is given, and writes nothing.
"""

import contextlib
import csv
import gzip
import io
import os
import re
import zlib
from importlib import resources

import numpy as np
import pandas as pd

BLOCK = 1 << 20  # bytes that are read at a time
LONGEST_WORD = 4096  # bytes; what looks longer than that in a binary file is no word
NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def read_glove(path, n=None):
    """Return the word vectors of a file in GloVe's text format, a float32 DataFrame (words, dimension) in its order.

    The format: UTF-8, one word per line, `word number number ...` with single spaces. The index "word" holds the words.
    path: a path, the file packed with gzip or not, or a stream of bytes. n: the first n words only; None for all.
    Raises ValueError with line and reason for a line with more or fewer numbers than the first, a number that cannot be
    read, NaN or infinity, a word that is missing, stands twice or is not UTF-8, for an empty or damaged file and for
    another n; OSError where there is no such file. The format does not say how many words there are: a file cut off
    between two lines cannot be told from a shorter one.
    Memory: that of the table, an eighth more, and the words; 400,000 x 100 numbers, 153 MiB, took 224 MiB at most.
    Source: https://nlp.stanford.edu/projects/glove/ (Pennington, Socher and Manning, 2014).
    """
    check_count(n)
    with _opened(path) as (stream, name):
        return _read_lines(stream, name, n)


def read_word2vec(path, n=None):
    """Return the word vectors of a file in word2vec's format, text or binary, as `read_glove` does.

    The format: a line `words dimension`, then for each word either a line as in GloVe's format, or (binary) the word in
    UTF-8, a space, and the numbers as 32-bit floats, the lowest byte first. Which of the two is seen from the file.
    Raises ValueError and OSError as `read_glove` does, and ValueError where the file does not hold as many words as its
    first line says. Where only the first n are read, what stands behind them is not looked at.
    Source: https://code.google.com/archive/p/word2vec/ (Mikolov et al., 2013).
    """
    check_count(n)
    with _opened(path) as (stream, name):
        header = stream.readline(LONGEST_WORD)
        sizes = re.fullmatch(rb"(\d+) (\d+)\s*", header)
        if not sizes or not int(sizes[1]) or not int(sizes[2]):
            raise ValueError(f"path {name}, line 1: it is {_shown(header)}, expected 'words dimension', such as '9 50'")
        words, dimension = int(sizes[1]), int(sizes[2])
        if _is_binary(stream.peek(LONGEST_WORD), dimension):
            return _read_binary(stream, name, n, words, dimension)
        return _read_lines(stream, name, n, words, dimension)


def shipped_vectors():
    """Return the word vectors that come with the course, a float32 DataFrame of shape (words, dimension). Offline.

    The index "word" holds lower-case words, commonest first. The course trained them on free texts: novels, headlines
    of 2003 and 2004, and 75 of the 106 `wikipedia_articles`, whose titles are in attrs["articles"]. The vectors saw
    nothing of the others: test on those. data/README.md says how they were made and how good they are.
    """
    with resources.files("embedlab.data").joinpath("vectors.npz").open("rb") as stream:
        with np.load(stream, allow_pickle=False) as stored:
            table = read_stored(stored)
            table.attrs["articles"] = stored["articles"].tolist()
    return table


def read_stored(stored):
    """Return the word vectors of an open NumPy archive with the arrays "words" (n,) and "vectors" (n, dimension)."""
    return _table(stored["words"].tolist(), stored["vectors"].astype(np.float32))


def check_count(n):
    """Raise ValueError unless n is None or a whole number from 1."""
    if n is not None and (isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1):
        raise ValueError(f"n must be a whole number from 1, or None for all, not {n!r}")


# The formats


def _read_lines(stream, name, n, words=None, dimension=None):
    """Read lines `word number ...`; `words` and `dimension` are what line 1 said where it is a header."""
    first = 1 if words is None else 2
    seen, numbers = {}, bytearray()  # a bytearray grows in place; joining arrays would need the memory twice
    left = n if words is None else min(words, n or words)
    surplus = 0
    while left != 0 and (lines := stream.readlines(BLOCK)):
        entries = [line.rstrip(b" \r\n").partition(b" ") for line in lines[:left]]
        if dimension is None:
            entries[0] = _first_line(*entries[0], name)
            dimension = entries[0][2].count(b" ") + 1
        block, values = _words(entries), _values(entries, dimension)
        if block is None or values is None or not seen.keys().isdisjoint(block):
            _explain(entries, dimension, seen, name, first)
        seen.update(zip(block, range(len(seen) + first, len(seen) + first + len(block)), strict=True))
        numbers += values.tobytes()
        surplus = len(lines) - len(entries)
        left = None if left is None else left - len(entries)
    if words is not None and (left or n is None or n >= words):
        _check_number(len(seen), words, name, surplus or stream.read(1))
    if not seen:
        raise ValueError(f"path {name} is empty, expected lines such as 'the 0.418 0.24968'")
    return _table(list(seen), np.frombuffer(numbers, np.float32).reshape(-1, dimension))


def _read_binary(stream, name, n, words, dimension):
    """Read entries `word number ...` with four bytes for each number."""
    seen, numbers, buffer, start = {}, bytearray(), b"", 0
    width = 4 * dimension
    for position in range(1, min(words, n or words) + 1):
        space = buffer.find(b" ", start)
        while space < 0 or len(buffer) <= space + width:
            if space < 0 and len(buffer) - start > LONGEST_WORD:
                raise ValueError(f"path {name}, word {position}: no space ends it, expected a word and its numbers")
            more = stream.read(BLOCK)
            if not more:
                _check_number(len(seen), words, name)
            buffer, start = buffer[start:] + more, 0
            space = buffer.find(b" ")
        word = buffer[start:space].lstrip(b"\n")
        entry = np.frombuffer(buffer, "<f4", dimension, space + 1).astype(np.float32)
        reason = _wrong_word(word, seen, "word") or _not_finite(word, entry)
        if reason:
            raise ValueError(f"path {name}, word {position}: {reason}")
        seen[word.decode()] = position
        numbers += entry.tobytes()
        start = space + 1 + width
    if n is None or n >= words:
        _check_number(len(seen), words, name, (buffer[start:] + stream.read(2)).strip(b"\n"))
    return _table(list(seen), np.frombuffer(numbers, np.float32).reshape(-1, dimension))


def _is_binary(head, dimension):
    """Whether the numbers of the first word in `head`, what follows the header, are bytes and not digits.

    As text every number takes at least two bytes, its own and a space or line end.
    """
    return any(byte > 126 or byte < 32 and byte not in b"\t\r\n" for byte in head.partition(b" ")[2][: 2 * dimension])


def _first_line(word, space, numbers, name):
    """Return the parts of a GloVe file's first line without a byte order mark; ValueError if it is a header."""
    if word.isdigit() and numbers.isdigit():
        raise ValueError(
            f"path {name}, line 1: it is {_shown(word + space + numbers)}, expected a word and its numbers; files that "
            "begin with their two sizes are in word2vec's format, which read_word2vec reads"
        )
    return word.removeprefix(b"\xef\xbb\xbf"), space, numbers


def _words(entries):
    """Return the words of a block, or None where one is empty, not UTF-8 or there twice."""
    try:
        words = [word.decode() for word, _, _ in entries]
    except UnicodeDecodeError:
        return None
    return words if all(words) and len(set(words)) == len(words) else None


def _values(entries, dimension):
    """Return the numbers of a block, float32 (lines, dimension), or None where a line has others than that many."""
    text = io.BytesIO(b"\n".join(numbers for _, _, numbers in entries))
    try:
        with np.errstate(over="ignore"):
            table = pd.read_csv(text, sep=" ", header=None, dtype=np.float32, quoting=csv.QUOTE_NONE, na_filter=False)
    except ValueError:
        return None
    values = table.to_numpy()
    return values if values.shape == (len(entries), dimension) and np.isfinite(values).all() else None


# What is wrong


def _explain(entries, dimension, seen, name, first):
    """Raise the ValueError for the first bad line of a block; `first` is the line of the first word of the file."""
    seen = dict(seen)
    for line, (word, _, numbers) in enumerate(entries, start=len(seen) + first):
        reason = _wrong_word(word, seen, "line") or _wrong_numbers(word, numbers, dimension)
        if reason:
            raise ValueError(f"path {name}, line {line}: {reason}")
        seen[word.decode()] = line
    raise AssertionError("a block without a bad line was refused")


def _wrong_word(word, seen, place):
    """Return what is wrong with a word given as bytes, or ""; `seen` maps the words before it to their places."""
    if not word:
        return "no word stands before the numbers"
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return f"the word {_shown(word)} is not UTF-8"
    return f"the word {text!r} stands on {place} {seen[text]} already, expected each word once" if text in seen else ""


def _wrong_numbers(word, numbers, dimension):
    """Return what is wrong with the numbers of a line, given as bytes, or ""."""
    fields = numbers.split(b" ")
    if not numbers:
        return f"no number follows {_shown(word)}"
    if len(fields) != dimension:
        return f"{_shown(word)} has {len(fields)} number{'s' * (len(fields) > 1)}, expected {dimension} as line 1 says"
    for place, field in enumerate(fields, start=1):
        if not NUMBER.fullmatch(field):
            return f"number {place} of {_shown(word)} is {_shown(field)}, expected a finite number"
    with np.errstate(over="ignore"):
        return _not_finite(word, np.array(fields, np.float64).astype(np.float32))


def _not_finite(word, values):
    """Return which of the numbers of a word is NaN or infinite, in words, or ""."""
    if np.isfinite(values).all():
        return ""
    place = int(np.flatnonzero(~np.isfinite(values))[0])
    return f"number {place + 1} of {_shown(word)} is {values[place]}, expected a finite number"


def _check_number(found, words, name, surplus=False):
    """Raise ValueError unless a file holds as many words as its header says."""
    if found < words or surplus:
        there = "more" if surplus else f"only {found:,}"
        raise ValueError(f"path {name} holds {there} words, expected {words:,} as line 1 says")


def _shown(text):
    """Return bytes of a file as a message shows them: at most 40, in quotes, what is not UTF-8 as \\x.."""
    return repr(text[:40].decode("utf-8", "backslashreplace").rstrip("\r\n")) + ("..." if len(text) > 40 else "")


# What both formats share


@contextlib.contextmanager
def _opened(path):
    """Open a file, packed with gzip or not; gives the stream and its name. ValueError where its packing is damaged."""
    if isinstance(path, io.BufferedIOBase):
        yield path, getattr(path, "name", "stream")
        return
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"path must be a path or a stream opened for reading bytes, not {path!r}")
    with open(path, "rb") as plain:
        packed = plain.peek(2)[:2] == b"\x1f\x8b"
        with gzip.open(plain) if packed else contextlib.nullcontext(plain) as stream:
            try:
                yield stream, os.fspath(path)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"path {os.fspath(path)}: its gzip packing is damaged or cut off ({error})") from None


def _table(words, values):
    """Return words and their vectors as a float32 DataFrame indexed by word."""
    return pd.DataFrame(values, index=pd.Index(words, dtype="str", name="word"), copy=False)
