"""Chapter 3's gradient five ways, M = 3 characters of context, H = 5 dimensions: time per data point, as ratios.

A data point is a distinct n-gram with its count. Measured in turn, many rounds, the best of each: the literal gradient
with R = I_M ⊗ E and commutation matrices, a point at a time; the vectorised objective; the same on unique contexts;
PyTorch's autograd on the vectorised objective; float32. The functions are the lesson's own. The text is the offline
Lee news, or Tiny Shakespeare where EMBEDLAB_MIRROR is set. Prints the share of the matrix-multiply limit that each
reaches. Exits with 1 if a ratio misses its target or two ways disagree by more than 1e-9. Other programs on the same
cores spoil the ratios. Writes nothing.
"""

import sys
import time
from functools import partial

import numpy as np
import torch
from _chapter3 import in_minibatches, lesson_functions, text
from torch.nn import functional

M, H = 3, 5
ROUNDS = 30
LITERAL_POINTS = 10
BATCH = 4096
AGREEMENT = 1e-9


def autograd(E, W, contexts, targets, weights):
    """The vectorised objective in PyTorch, tensors in and out: (loss, dE, dW) by automatic differentiation."""
    E, W = E.requires_grad_(), W.requires_grad_()
    E.grad = W.grad = None
    logits = functional.embedding(contexts, E).flatten(1) @ W.T
    surprises = functional.cross_entropy(logits, targets, reduction="none")
    loss = (weights * surprises).sum() / weights.sum()
    loss.backward()
    return loss.detach(), E.grad, W.grad


def autograd_in_minibatches(E, W, rows, size):
    """`autograd` on `size` rows after another, gradients accumulated as PyTorch does."""
    E, W = E.requires_grad_(), W.requires_grad_()
    E.grad = W.grad = None
    contexts, targets, weights = rows
    everything, loss = weights.sum(), 0.0
    for parts in zip(contexts.split(size), targets.split(size), weights.split(size), strict=True):
        logits = functional.embedding(parts[0], E).flatten(1) @ W.T
        part = (parts[2] * functional.cross_entropy(logits, parts[1], reduction="none")).sum() / everything
        part.backward()
        loss += part.item()
    return loss, E.grad, W.grad


def random_parameters(V, seed=0):
    """Return random embeddings E (V, H) and output weights W (V, M H), float64."""
    draw = np.random.default_rng(seed)
    return draw.normal(scale=0.3, size=(V, H)), draw.normal(scale=0.3, size=(V, M * H))


def difference(one, other):
    """Return the largest absolute difference between two triples (loss, dE, dW)."""
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(one, other, strict=True))


def literal_mean(literal_gradient, E, W, contexts, targets, weights):
    """Return (loss, dE, dW), the weighted mean of the literal gradients of all points (N, M), one after the other."""
    share = weights / weights.sum()
    parts = [literal_gradient(E, W, *point) for point in zip(contexts, targets, strict=True)]
    return tuple(sum(s * part[i] for s, part in zip(share, parts, strict=True)) for i in range(3))


def best_seconds(ways, rounds=ROUNDS):
    """Return the best of `rounds` times of each function in `ways`, seconds by name; the ways take turns."""
    seconds = dict.fromkeys(ways, np.inf)
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return seconds


def multiply_rates(size=2000, rounds=ROUNDS):
    """Return the operations per second of a plain product of two `size` × `size` matrices, by dtype name."""
    square = np.random.default_rng(0).normal(size=(size, size))
    squares = {kind: square.astype(kind) for kind in ("float64", "float32")}
    ways = {kind: partial(np.matmul, matrix, matrix) for kind, matrix in squares.items()}
    return {kind: 2 * size**3 / seconds for kind, seconds in best_seconds(ways, rounds).items()}


def main():
    """Check that all ways agree, time them in turn, and print ratios and targets."""
    lesson = lesson_functions()
    name, vocabulary, ids = text()
    V = len(vocabulary)
    contexts, targets, counts = lesson["ngram_counts"](ids, M)
    weights = counts.astype(float)
    unique, table = lesson["merge_contexts"](contexts, targets, counts, V)
    row_weights = table.sum(axis=1)
    E, W = random_parameters(V)
    E32, W32, weights32, table32 = (a.astype(np.float32) for a in (E, W, weights, table))
    tensors = [torch.tensor(a) for a in (E, W, contexts, targets, weights)]
    N, U = len(targets), len(unique)
    print(f"{name}: {len(ids):,} characters, {V} distinct; {N:,} data points, {U:,} unique contexts")

    plain, merged, literal = (
        lesson[key] for key in ("loss_and_gradient", "loss_and_gradient_unique", "literal_gradient")
    )
    rows, merged_rows = (contexts, targets, weights), (unique, table)
    few = [array[:: N // LITERAL_POINTS][:LITERAL_POINTS] for array in rows]
    ways = {
        "literal": lambda: literal_mean(literal, E, W, *few),
        "vectorised, all at once": lambda: plain(E, W, *rows),
        "vectorised, one core": lambda: in_minibatches(plain, E, W, rows, weights, BATCH, workers=1),
        "vectorised": lambda: in_minibatches(plain, E, W, rows, weights, BATCH),
        "autograd, all at once": lambda: autograd(*tensors),
        "autograd": lambda: autograd_in_minibatches(*tensors[:2], tensors[2:], BATCH),
        "unique contexts": lambda: in_minibatches(merged, E, W, merged_rows, row_weights, BATCH),
        "vectorised, float32": lambda: in_minibatches(
            plain, E32, W32, (contexts, targets, weights32), weights32, BATCH
        ),
        "unique contexts, float32": lambda: in_minibatches(merged, E32, W32, (unique, table32), row_weights, BATCH),
    }
    reference = plain(E, W, *rows)
    apart = {key: difference(way(), reference) for key, way in ways.items() if "float32" not in key}
    apart["literal"] = difference(ways["literal"](), plain(E, W, *few))
    print(f"largest difference between two ways: {max(apart.values()):.0e} (float64)")

    seconds = best_seconds(ways)
    rates = multiply_rates()
    points = {key: LITERAL_POINTS if key == "literal" else N for key in ways}
    each = {key: seconds[key] / points[key] for key in ways}
    print(f"\n{f'best of {ROUNDS} rounds, minibatches of {BATCH:,} rows':44} µs/point  against literal  share of limit")
    for key, value in each.items():
        computed = U if "unique" in key else points[key]
        rate = rates["float32" if "float32" in key else "float64"]
        share = 6 * M * H * V * computed / seconds[key] / rate
        print(f"  {key:42} {value * 1e6:10.3f} {each['literal'] / value:16,.0f} {share:15.1%}")
    print("limit: three products of 2 M H V operations for each data point or unique context, at the rate of a plain")
    print(f"big product: {rates['float64'] / 1e9:.0f} Gflop/s in float64, {rates['float32'] / 1e9:.0f} in float32")

    torch_best = min(each["autograd"], each["autograd, all at once"])
    targets_met = [
        ("vectorised against literal", each["literal"] / each["vectorised"], 4000),
        ("unique contexts against vectorised", each["vectorised"] / each["unique contexts"], 2),
        ("vectorised against PyTorch's autograd at its best", torch_best / each["vectorised"], 1),
        ("float32 against float64, vectorised", each["vectorised"] / each["vectorised, float32"], 1.4),
    ]
    print()
    for what, ratio, wanted in targets_met:
        print(f"{what}: {ratio:,.2f} times as fast (wanted: at least {wanted:,g})")
    agree = max(apart.values()) <= AGREEMENT
    return 0 if agree and all(ratio >= wanted for _, ratio, wanted in targets_met) else 1


if __name__ == "__main__":
    sys.exit(main())
