"""Text to ids and back, and what each kind of bad input is told."""

import numpy as np
import pytest

from embedlab.text import Vocabulary


def test_ids_are_places_in_the_order_of_the_tokens():
    vocabulary = Vocabulary("_ab")
    ids = vocabulary.encode("ab_ba")
    assert ids.tolist() == [1, 2, 0, 2, 1] and ids.dtype == np.int64
    assert vocabulary.decode(ids) == "ab_ba"
    assert len(vocabulary) == 3 and vocabulary.tokens == ("_", "a", "b")
    assert "a" in vocabulary and "c" not in vocabulary


def test_words_are_tokens_too():
    vocabulary = Vocabulary.of("the cat and the hat".split(), separator=" ")
    assert vocabulary.tokens == ("and", "cat", "hat", "the")
    assert vocabulary.encode(["the", "hat"]).tolist() == [3, 2]
    assert vocabulary.decode(np.array([3, 1])) == "the cat"


def test_the_vocabulary_of_a_text_is_sorted():
    assert Vocabulary.of("banana!").tokens == ("!", "a", "b", "n")


def test_nothing_encodes_to_nothing():
    vocabulary = Vocabulary("ab")
    assert vocabulary.encode("").shape == (0,) and vocabulary.encode("").dtype == np.int64
    assert vocabulary.decode([]) == ""


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ("", "tokens is empty"),
        ("aba", "tokens holds 'a' more than once"),
        (["a", ""], "tokens holds '', expected strings"),
        (["a", 3], "tokens holds 3, expected strings"),
    ],
)
def test_tokens_that_make_no_vocabulary(tokens, words):
    with pytest.raises(ValueError, match=words):
        Vocabulary(tokens)


def test_an_empty_text_has_no_vocabulary():
    with pytest.raises(ValueError, match="text is empty"):
        Vocabulary.of("")


def test_a_token_outside_the_vocabulary_is_named_with_its_place():
    with pytest.raises(ValueError, match="text holds 'ü' at position 1, not in the vocabulary of 3 tokens"):
        Vocabulary("_ab").encode("aüb")


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([0, 3], "ids holds 3, expected integers from 0 to 2"),
        ([-1], "ids holds -1"),
        ([0.5], "dtype float64, expected integers"),
        ([[0, 1]], r"shape \(1, 2\)"),
    ],
)
def test_ids_that_mean_no_token(ids, words):
    with pytest.raises(ValueError, match=words):
        Vocabulary("_ab").decode(ids)
