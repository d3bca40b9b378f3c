"""Tables of word vectors: files in GloVe's and word2vec's formats, bad ones above all, and those that are shipped.

Every bad file must be one sentence that names the file, the line or word, what is there and what was expected.
"""

import gzip
import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.test.utils import datapath

from embedlab import data
from embedlab.data import vectors as module

GOOD = b"the 0.5 -1.25 3e-2\nof 1 2 3\n\xc3\xa9t\xc3\xa9 .5 +4 -0\n"
VALUES = np.array([[0.5, -1.25, 0.03], [1, 2, 3], [0.5, 4, 0]], np.float32)
WORDS = ["the", "of", "été"]


@pytest.fixture
def write(tmp_path):
    """A function that writes bytes to a file and returns its path."""

    def write(content, name="vectors.txt"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def small_blocks(monkeypatch):
    """Files are read a few bytes at a time, so that a small file has many blocks."""
    monkeypatch.setattr(module, "BLOCK", 16)


def assert_table(table, words, values):
    """The table is a float32 DataFrame with these words and numbers."""
    assert table.index.tolist() == words and table.index.name == "word" and table.index.dtype == "str"
    assert (table.dtypes == np.float32).all() and list(table) == list(range(values.shape[1]))
    np.testing.assert_array_equal(table.to_numpy(), values)


def binary(words, values, end=b"\n"):
    """A file in word2vec's binary format."""
    entries = [
        word.encode() + b" " + row.astype("<f4").tobytes() + end for word, row in zip(words, values, strict=True)
    ]
    return b"%d %d\n" % values.shape + b"".join(entries)


# GloVe's format


@pytest.mark.parametrize(
    "content",
    [
        GOOD, GOOD.rstrip(b"\n"), GOOD.replace(b"\n", b"\r\n"), GOOD.replace(b"\n", b" \n"), b"\xef\xbb\xbf" + GOOD,
        gzip.compress(GOOD),
    ],
    ids=["plain", "no last line end", "CRLF", "space at the line end", "byte order mark", "gzip"],
)  # fmt: skip
def test_a_glove_file(write, content):
    path = write(content)
    assert_table(data.read_glove(path), WORDS, VALUES)
    assert_table(data.read_glove(str(path)), WORDS, VALUES)
    with path.open("rb") as stream:
        assert_table(data.read_glove(stream), WORDS, VALUES) if content[:1] != b"\x1f" else None


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("n", [1, 2, 3, 9, np.int64(2)])
def test_the_first_words_only(write, n):
    assert_table(data.read_glove(write(GOOD), n), WORDS[:n], VALUES[:n])
    assert_table(data.read_word2vec(write(b"3 3\n" + GOOD), n), WORDS[:n], VALUES[:n])
    assert_table(data.read_word2vec(write(binary(WORDS, VALUES)), n), WORDS[:n], VALUES[:n])


def test_words_may_look_like_anything(write):
    words = ["NA", "null", "#", '"', "1.5", "it's", "\x85", "\u00a0", "a\tb", "007"]
    values = np.arange(20, dtype=np.float32).reshape(10, 2)
    lines = "".join(f"{word} {one} {two}\n" for word, (one, two) in zip(words, values, strict=True))
    assert_table(data.read_glove(write(lines.encode())), words, values)
    assert_table(data.read_word2vec(write(f"10 2\n{lines}".encode())), words, values)
    assert_table(data.read_word2vec(write(binary(words, values))), words, values)


BAD_LINES = {
    "cut off in the numbers": (b"to 1 2", "'to' has 2 numbers, expected 3 as line 1 says"),
    "one number": (b"to 1\n", "'to' has 1 number, expected 3 as line 1 says"),
    "cut off after the word": (b"to\n", "no number follows 'to'"),
    "a number too many": (b"to 1 2 3 4\n", "'to' has 4 numbers, expected 3"),
    "two spaces": (b"to  1 2 3\n", "'to' has 4 numbers, expected 3"),
    "tabs": (b"to\t1\t2\t3\n", r"no number follows 'to\\t1\\t2\\t3'"),
    "a comma": (b"to 1 2,5 3\n", "number 2 of 'to' is '2,5', expected a finite number"),
    "quotes": (b'to 1 "2" 3\n', "number 2 of 'to' is '\"2\"', expected a finite number"),
    "a word for a number": (b"to 1 2 x\n", "number 3 of 'to' is 'x', expected a finite number"),
    "NaN": (b"to 1 nan 3\n", "number 2 of 'to' is 'nan', expected a finite number"),
    "infinity": (b"to 1 2 -inf\n", "number 3 of 'to' is '-inf', expected a finite number"),
    "too large for float32": (b"to 1 1e39 3\n", "number 2 of 'to' is inf, expected a finite number"),
    "Latin-1": (b"\xe9t\xe9 1 2 3\n", r"the word '\\\\xe9t\\\\xe9' is not UTF-8"),
    "numbers that are no text": (b"to 1 2 \xff\n", "number 3 of 'to' is '.*xff', expected a finite number"),
    "twice": (b"of 1 2 3\n", "the word 'of' stands on line {} already, expected each word once"),
    "an empty line": (b"\nto 1 2 3\n", "no word stands before the numbers"),
    "no word": (b" 1 2 3\n", "no word stands before the numbers"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("block", [16, 1 << 20])
@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_named_with_its_reason(write, monkeypatch, line, reason, block):
    monkeypatch.setattr(module, "BLOCK", block)
    path = write(GOOD + line)
    with pytest.raises(ValueError, match=f"^path {re.escape(str(path))}, line 4: {reason.format(2)}"):
        data.read_glove(path)
    assert_table(data.read_glove(path, 3), WORDS, VALUES)
    path = write(b"4 3\n" + GOOD + line)
    with pytest.raises(ValueError, match=f"^path {re.escape(str(path))}, line 5: {reason.format(3)}"):
        data.read_word2vec(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", " is empty, expected lines such as 'the 0.418 0.24968'"),
        (b"the\n", ", line 1: no number follows 'the'"),
        (b"\n", ", line 1: no word stands before the numbers"),
        (b"3 3\n" + GOOD, ", line 1: it is '3 3', expected a word and its numbers; .* which read_word2vec reads"),
        (GOOD[:-20] + bytes(200), ", line 2: "),
        (gzip.compress(GOOD * 99)[:60], ": its gzip packing is damaged or cut off"),
        (gzip.compress(GOOD)[:-8] + bytes(8), ": its gzip packing is damaged or cut off"),
    ],
    ids=["empty", "a word only", "an empty line", "word2vec's header", "binary", "cut gzip", "damaged gzip"],
)
def test_what_is_no_glove_file(write, content, reason):
    path = write(content)
    with pytest.raises(ValueError, match=f"^path {re.escape(str(path))}{reason}"):
        data.read_glove(path)


def test_numbers_are_read_and_refused_in_the_same_way_in_blocks_and_line_by_line(write):
    """The fast reader and the one that explains must agree, or a bad line would go unexplained."""
    rng = np.random.default_rng(0)
    signs, refused = "0123456789+-.eE", 0
    for _ in range(1500):
        number = "".join(rng.choice(list(signs), rng.integers(1, 7)))
        try:
            found = data.read_glove(io.BytesIO(f"a 1 {number}\n".encode())).loc["a", 1]
        except ValueError as error:
            assert "number 2 of 'a' is" in str(error), number
            refused += 1
        else:
            assert found == np.float32(number), number
    assert 300 < refused < 1400


# word2vec's format


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "content",
    [
        b"3 3\n" + GOOD, b"3 3\r\n" + GOOD.replace(b"\n", b"\r\n"), b"3 3\n" + GOOD.replace(b"\n", b" \n"),
        binary(WORDS, VALUES), binary(WORDS, VALUES, end=b""),
    ],
    ids=["text", "CRLF", "space at the line end", "binary", "binary without line ends"],
)  # fmt: skip
def test_a_word2vec_file(write, content):
    assert_table(data.read_word2vec(write(content)), WORDS, VALUES)
    assert_table(data.read_word2vec(write(gzip.compress(content))), WORDS, VALUES)


@pytest.mark.parametrize("block", [1, 16, 1 << 20])
def test_a_header_that_says_too_few_or_too_many_words(write, monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    for content in (GOOD, binary(WORDS, VALUES)[4:]):
        with pytest.raises(ValueError, match=" holds more words, expected 2 as line 1 says$"):
            data.read_word2vec(write(b"2 3\n" + content))
        with pytest.raises(ValueError, match=" holds only 3 words, expected 4 as line 1 says$"):
            data.read_word2vec(write(b"4 3\n" + content))
    with pytest.raises(ValueError, match=" holds only 0 words, expected 4 as line 1 says$"):
        data.read_word2vec(write(b"4 3\n"))


@pytest.mark.parametrize("is_binary", [False, True])
def test_what_gensim_writes_is_read_as_gensim_reads_it(tmp_path, is_binary):
    words = [f"word{place}" for place in range(300)]
    written = KeyedVectors(20)
    written.add_vectors(words, np.random.default_rng(1).normal(size=(300, 20)).astype(np.float32))
    path = str(tmp_path / "vectors")
    written.save_word2vec_format(path, binary=is_binary)
    theirs = KeyedVectors.load_word2vec_format(path, binary=is_binary)
    assert_table(data.read_word2vec(path), theirs.index_to_key, theirs.vectors)


NAN = np.array([[1, 2], [3, np.nan]])
TWO = np.array([[1.1, 2.2], [3.3, 4.4]])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", ", line 1: it is '', expected 'words dimension', such as '9 50'"),
        (GOOD, ", line 1: it is 'the 0.5 -1.25 3e-2', expected 'words dimension'"),
        (b"0 5\n", ", line 1: it is '0 5', expected"),
        (b"3 0\nthe\n", ", line 1: it is '3 0', expected"),
        (b"4 3\n" + GOOD, " holds only 3 words, expected 4 as line 1 says"),
        (b"2 3\n" + GOOD, " holds more words, expected 2 as line 1 says"),
        (b"3 4\n" + GOOD, ", line 2: 'the' has 3 numbers, expected 4 as line 1 says"),
        (b"99999999999 99999999\nthe 1 2 3\n", ", line 2: 'the' has 3 numbers"),
        (binary(["a", "b"], TWO)[:-4], " holds only 1 words, expected 2 as line 1 says"),
        (b"3 2" + binary(["a", "b"], TWO)[3:], " holds only 2 words, expected 3 as line 1 says"),
        (b"1 2" + binary(["a", "b"], TWO)[3:], " holds more words, expected 1 as line 1 says"),
        (b"99999999999 9999" + binary(["a", "b"], TWO)[3:], " holds only 0 words"),
        (binary(["a", "b"], NAN), ", word 2: number 2 of 'b' is nan, expected a finite number"),
        (binary(["a", "a"], TWO), ", word 2: the word 'a' stands on word 1 already, expected each word once"),
        (binary(["a", ""], TWO), ", word 2: no word stands before the numbers"),
        (binary(["a", "b"], TWO).replace(b"b ", b"\xff "), ", word 2: the word '.*xff' is not UTF-8"),
        (b"9 2\na " + bytes(8) + b"x" * 9000, ", word 2: no space ends it, expected a word and its numbers"),
    ],
)
def test_what_is_no_word2vec_file(write, content, reason):
    path = write(content)
    with pytest.raises(ValueError, match=f"^path {re.escape(str(path))}{reason}"):
        data.read_word2vec(path)


@pytest.mark.parametrize("content", [GOOD, binary(WORDS, VALUES)[4:]], ids=["text", "binary"])
def test_a_cut_off_file_is_an_error_where_it_has_fewer_words_than_were_asked_for(write, content):
    path = write(b"9 3\n" + content)
    assert_table(data.read_word2vec(path, 3), WORDS, VALUES)
    with pytest.raises(ValueError, match="holds only 3 words, expected 9 as line 1 says"):
        data.read_word2vec(path, 4)


# Both


@pytest.mark.parametrize("read", [data.read_glove, data.read_word2vec])
def test_wrong_arguments_are_named(read, tmp_path):
    for n in (0, -1, 2.5, True, "9"):
        with pytest.raises(ValueError, match="^n must be a whole number from 1, or None for all, not "):
            read(tmp_path / "no such file", n)
    for path in (None, 7, ["a"], io.StringIO("the 1 2")):
        with pytest.raises(ValueError, match="^path must be a path or a stream opened for reading bytes, not "):
            read(path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read(tmp_path / "no such file")


READ = """
import resource, sys
from embedlab import data
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
table = data.read_glove(sys.argv[1])
print(len(table), table.to_numpy().nbytes, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the peak of memory in kilobytes")
def test_a_large_file_takes_little_more_memory_than_its_table(tmp_path, root):
    path = tmp_path / "large.txt"
    numbers = " ".join(f"{number:.5f}" for number in np.random.default_rng(0).normal(size=100))
    with path.open("w") as file:
        file.writelines(f"word{place} {numbers}\n" for place in range(100_000))
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", READ, path], env=environment, capture_output=True, text=True, check=True
    )
    words, size, peak = map(int, done.stdout.split())
    assert words == 100_000 and size == 40_000_000
    assert peak < 2 * size, f"{peak / 1e6:.0f} MB for a table of {size / 1e6:.0f} MB"


# The vectors that are shipped


@pytest.fixture(scope="module")
def shipped():
    """The vectors that come with the course."""
    return data.shipped_vectors()


def test_the_file_is_small_and_in_half_precision():
    path = module.resources.files("embedlab.data").joinpath("vectors.npz")
    assert path.stat().st_size <= 4_000_000
    with np.load(path, allow_pickle=False) as stored:
        assert sorted(stored) == ["articles", "vectors", "words"] and stored["vectors"].dtype == np.float16


def test_shipped_vectors(shipped, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMBEDLAB_MIRROR", str(tmp_path))
    monkeypatch.setenv("EMBEDLAB_CACHE", str(tmp_path / "cache"))
    assert data.shipped_vectors().equals(shipped) and list(tmp_path.iterdir()) == []
    assert shipped.shape == (30_000, 100) and (shipped.dtypes == np.float32).all()
    assert shipped.index.name == "word" and shipped.index.dtype == "str" and shipped.index.is_unique
    assert list(shipped.index[:3]) == ["the", "and", "to"]
    assert all(word == word.lower() and word for word in shipped.index)
    assert np.isfinite(shipped.to_numpy()).all() and (shipped != 0).any(axis=1).all()


def test_they_saw_whole_groups_of_articles_and_left_a_part_of_every_topic_out(shipped):
    topics = data.wikipedia_topics()
    seen = topics.index.isin(shipped.attrs["articles"])
    assert seen.sum() == len(shipped.attrs["articles"]) == 75
    assert not set(topics["group"][seen]) & set(topics["group"][~seen])
    assert topics["topic"][~seen].value_counts().to_dict() == {
        "Science": 9, "Society": 7, "Arts": 6, "Places": 5, "Other": 4
    }  # fmt: skip


@pytest.fixture(scope="module")
def keyed(shipped):
    """The shipped vectors as gensim's KeyedVectors."""
    vectors = KeyedVectors(shipped.shape[1])
    vectors.add_vectors(shipped.index.tolist(), shipped.to_numpy())
    return vectors


def test_king_is_to_man_as_queen_is_to_woman(keyed):
    assert keyed.most_similar(positive=["king", "woman"], negative=["man"], topn=1)[0][0] == "queen"


@pytest.mark.parametrize(("file", "correlation"), [("wordsim353.tsv", 0.5), ("simlex999.txt", 0.22)])
def test_they_agree_with_people(keyed, file, correlation):
    """data/README.md has the measured figures; they must not fall much below those."""
    _, spearman, percent_missing = keyed.evaluate_word_pairs(datapath(file))
    assert spearman.statistic > correlation and percent_missing < 6


def test_they_solve_analogies(keyed):
    family = [row[1:] for row in data.google_analogies().itertuples(index=False) if row[0] == "family"]
    known = [words for words in family if all(word in keyed for word in words)]
    right = [keyed.most_similar(positive=[b, c], negative=[a], topn=1)[0][0] == d for a, b, c, d in known]
    assert len(known) > 300 and np.mean(right) > 0.35
