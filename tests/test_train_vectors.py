"""How the shipped vectors are made: sentences, the choice of words, rounding, and the same numbers every time."""

import numpy as np
import pytest
import train_vectors
from train_vectors import chosen_words, main, rounded, sentences, train, training_articles

from embedlab import data


def test_sentences_end_at_marks_before_capitals_and_at_empty_lines():
    text = "“Who’s there?” Mr. Fox's dog isn't.\n\nA heading\n\nin 1914 it_was so. etc. and on! No. The end"
    assert sentences(text) == [
        ["who", "there"], ["fox", "dog", "isn't"], ["a", "heading"],
        ["in", "1914", "it", "was", "so", "etc", "and", "on"], ["the", "end"],
    ]  # fmt: skip
    assert sentences("") == [] and sentences("Été ÉTÉ") == [["été", "été"]]


def test_words_are_chosen_by_weighted_and_ordered_by_plain_counts():
    texts = {
        "articles": [["rare", "atom"], ["atom"]],
        "headlines": [["atom", "news"], ["news"]],
        "novels": [["said"] * 9, ["tea"] * 5, ["news", "zebra", "apple", "zebra", "apple"]],
    }
    assert chosen_words(texts, 3, 2) == ["said", "atom", "news"], "tea is commoner in all, and counts less"
    assert chosen_words(texts, 9, 2) == ["said", "tea", "atom", "news", "apple", "zebra"], "ties by the alphabet"


def test_rounding_keeps_four_bits_and_moves_no_number_far():
    vectors = np.random.default_rng(0).normal(0, 0.3, (500, 20)).astype(np.float32)
    short = rounded(vectors)
    assert short.dtype == np.float16 and not (short.view(np.uint16) & 0b111111).any()
    np.testing.assert_allclose(short, vectors, rtol=2**-5 + 2**-10, atol=1e-7)
    np.testing.assert_array_equal(rounded(np.float32([1, -1.5, 1.96875, 0])), [1, -1.5, 2, 0])


def test_training_gives_the_same_numbers_again():
    rng = np.random.default_rng(0)
    texts = [[f"w{word}" for word in rng.integers(0, 30, 12)] for _ in range(60)]
    settings = {**train_vectors.SETTINGS, "epochs": 2}
    first, again = train(texts, 2, **settings), train(list(texts), 2, **settings)
    assert first.index_to_key == again.index_to_key and first.vectors.shape == (30, train_vectors.DIMENSION)
    np.testing.assert_array_equal(first.vectors, again.vectors)


def test_two_groups_of_articles_out_of_three_are_seen():
    articles = training_articles()
    groups = data.wikipedia_topics()["group"]
    order = list(dict.fromkeys(groups))
    assert {order.index(groups[title]) % 3 for title in articles.index} == {0, 1}
    assert list(articles.index) == data.shipped_vectors().attrs["articles"]


def test_a_text_that_cannot_be_had_is_one_sentence_and_leaves_the_old_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EMBEDLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EMBEDLAB_MIRROR", str(tmp_path))
    target = tmp_path / "vectors.npz"
    target.write_bytes(b"old")
    assert main(["--output", str(target)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1 and target.read_bytes() == b"old"


@pytest.fixture
def tiny(monkeypatch):
    """A corpus that trains in a moment."""
    found = {kind: [["atom", "tea", kind, "news"]] * 20 for kind in ("articles", "headlines", "novels")}
    monkeypatch.setattr(train_vectors, "corpus", lambda articles: found)
    monkeypatch.setattr(train_vectors, "WORDS", 5)


def test_the_file_that_is_written_is_one_that_can_be_read(tiny, tmp_path, monkeypatch, capsys):
    target = tmp_path / "vectors.npz"
    assert main(["--output", str(target)]) == 0
    assert "5 words, 100 dimensions" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["vectors.npz"]
    with np.load(target, allow_pickle=False) as stored:
        assert sorted(stored["words"]) == ["articles", "atom", "headlines", "news", "tea"]
        assert stored["vectors"].shape == (5, 100) and len(stored["articles"]) == 75
