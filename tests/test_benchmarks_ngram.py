"""The parts of chapter 3's benchmarks compute what they say. Runs no benchmark; reads the lesson's script."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import _chapter3  # noqa: E402 (benchmarks/ is no package)
import character_models  # noqa: E402
import ngram  # noqa: E402

V, M, H = 6, 3, 2


@pytest.fixture(scope="module")
def lesson():
    return _chapter3.lesson_functions()


@pytest.fixture(scope="module")
def ids():
    """Two thousand tokens of which each leans on the one before; the last of the vocabulary never occurs."""
    draw, tokens = np.random.default_rng(1), [0]
    for jump in draw.choice([0, 1, 1, 1, 3], size=2000):
        tokens.append((tokens[-1] + jump) % (V - 1))
    return np.array(tokens)


@pytest.fixture(scope="module")
def points(lesson, ids):
    contexts, targets, counts = lesson["ngram_counts"](ids, M)
    return contexts, targets, counts.astype(float)


@pytest.fixture(scope="module")
def parameters():
    draw = np.random.default_rng(2)
    return draw.normal(size=(V, H)), draw.normal(size=(V, M * H))


def test_all_ways_to_the_gradient_agree(lesson, points, parameters):
    reference = lesson["loss_and_gradient"](*parameters, *points)
    unique, table = lesson["merge_contexts"](points[0], points[1], points[2], V)
    tensors = [torch.tensor(array) for array in (*parameters, *points)]
    ways = {
        "literal": ngram.literal_mean(lesson["literal_gradient"], *parameters, *points),
        "minibatches": _chapter3.in_minibatches(lesson["loss_and_gradient"], *parameters, points, points[2], 7),
        "unique": lesson["loss_and_gradient_unique"](*parameters, unique, table),
        "unique minibatches": _chapter3.in_minibatches(
            lesson["loss_and_gradient_unique"], *parameters, (unique, table), table.sum(axis=1), 5
        ),
        "autograd": [value.numpy() for value in ngram.autograd(*tensors)],
        "autograd minibatches": ngram.autograd_in_minibatches(*tensors[:2], tensors[2:], 7),
    }
    for name, way in ways.items():
        assert ngram.difference(way, reference) <= 1e-9, name


def test_the_gradient_is_the_slope_of_the_loss(lesson, points, parameters):
    draw = np.random.default_rng(3)
    direction = [draw.normal(size=p.shape) for p in parameters]
    _, *gradient = lesson["loss_and_gradient"](*parameters, *points)
    up, down = (
        lesson["loss_and_gradient"](*(p + step * d for p, d in zip(parameters, direction, strict=True)), *points)[0]
        for step in (1e-5, -1e-5)
    )
    slope = sum(np.vdot(g, d) for g, d in zip(gradient, direction, strict=True))
    assert (up - down) / 2e-5 == pytest.approx(slope, rel=1e-7)


def test_float32_stays_float32(lesson, points, parameters):
    E, W, weights = (array.astype(np.float32) for array in (*parameters, points[2]))
    _, dE, dW = _chapter3.in_minibatches(lesson["loss_and_gradient"], E, W, (*points[:2], weights), weights, 50)
    assert dE.dtype == dW.dtype == np.float32


def test_one_hot_objective_is_the_lessons_with_the_identity_for_embeddings(lesson, points):
    unique, table = lesson["merge_contexts"](*points, V)
    W = np.random.default_rng(4).normal(size=(V, M * V))
    loss, dE, dW = lesson["loss_and_gradient_unique"](np.eye(V), W, unique, table)
    assert (
        ngram.difference(character_models.one_hot_objective(np.eye(V), W, unique, table), (loss, 0 * dE, dW)) <= 1e-12
    )


def every_distribution(counts, order):
    """P(c | h) of a count model for every context of `order` tokens, an array (V^order, V)."""
    contexts = np.indices((V,) * order).reshape(order, -1).T
    p = counts.probability(np.repeat(contexts, V, axis=0), np.tile(np.arange(V), len(contexts)), order)
    return p.reshape(-1, V)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_count_probabilities_sum_to_one_and_none_is_zero(ids, order):
    p = every_distribution(character_models.CountNgrams(ids, V, order, [0.5] * (order + 1)), order)
    assert np.allclose(p.sum(axis=1), 1, atol=1e-12)
    assert (p > 0).all()


def test_count_probability_by_hand():
    # "0 1 0 2 0": after 0 come 1 and 2, once each; single tokens: 0 three times, 1 and 2 once each.
    counts = character_models.CountNgrams(np.array([0, 1, 0, 2, 0]), 3, 1, [0.5, 0.25])
    of_one = (1 - 0.5) / 5 + 0.5 * 3 / 5 / 3
    by_hand = (1 - 0.25) / 2 + 0.25 * 2 / 2 * of_one
    assert counts.probability(np.array([[0]]), np.array([1]), 1) == pytest.approx([by_hand])


def test_a_context_never_seen_falls_back_to_the_shorter_one(ids):
    counts = character_models.CountNgrams(ids, V, 2, [0.5, 0.5, 0.5])
    unseen, known = np.array([[V - 1, 1]]), np.array([[1]])
    assert counts.probability(unseen, np.array([2]), 2) == counts.probability(known, np.array([2]), 1)


def test_the_fitted_discounts_do_best_on_the_last_tenth(ids):
    cut = len(ids) * 9 // 10
    grams = character_models.windows(ids[cut:], 2)

    def on_the_last_tenth(discounts):
        counts = character_models.CountNgrams(ids[:cut], V, 2, discounts)
        return character_models.bits(counts.probability(grams[:, :-1], grams[:, -1], 2))

    *shorter, fitted = character_models.fit_discounts(ids, V, 2)
    best = on_the_last_tenth([*shorter, fitted])
    others = [on_the_last_tenth([*shorter, other]) for other in character_models.DISCOUNTS if other != fitted]
    assert len(others) == 18 and min(others) > best


def test_a_uniform_model_costs_the_logarithm_of_the_vocabulary():
    model = character_models.EmbeddingModel(np.zeros((V, H)), np.zeros((V, M * H)))
    contexts = np.random.default_rng(5).integers(0, V, size=(9000, M))
    assert character_models.bits(model.probability(contexts, contexts[:, 0])) == pytest.approx(np.log2(V))


def test_training_beats_the_start_and_widening_keeps_the_probabilities(lesson, ids):
    contexts, table = lesson["merge_contexts"](*lesson["ngram_counts"](ids, 1), V)
    draw = np.random.default_rng(6)
    E, W = draw.normal(size=(V, H)), draw.normal(size=(V, H))
    model = character_models.train(lesson["loss_and_gradient_unique"], E, W, contexts, table, 50)
    grams = character_models.windows(ids, 2)
    start = character_models.EmbeddingModel(E, W).probability(grams[:, 1:2], grams[:, 2])
    trained = model.probability(grams[:, 1:2], grams[:, 2])
    assert character_models.bits(trained) < character_models.bits(start) - 0.5
    wider = character_models.EmbeddingModel(*model.widened(draw))
    assert np.allclose(wider.probability(grams[:, :2], grams[:, 2]), trained, atol=0.1)


def test_the_sentence_follows_the_numbers():
    assert "holds for no context length" in character_models.verdict({1: 3.0}, {1: 3.2}, {1: 3.1}, 20)
    sentence = character_models.verdict({1: 3.0, 2: 2.5}, {1: 3.01, 2: 3.0}, {1: 3.0, 2: 2.94}, 20)
    assert "holds for contexts of 1 " in sentence and "0.50 bits" in sentence and "2.94" in sentence
