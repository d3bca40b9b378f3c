"""Loss against effective passes: SFO, L-BFGS-B and Adam on chapter 3's objective, M = 3 characters of context, H = 5.

All start at the same parameters and minimise the same mean negative log-likelihood, by the lesson's own function. One
effective pass is as many evaluations as it takes to see all the data once; those in L-BFGS-B's line search count. SFO
and L-BFGS-B run with their defaults. Adam runs at every combination of a few learning rates and numbers of minibatches;
the one that is lowest at the last pass stands for it, the others are printed below. The text is the offline Lee news,
or Tiny Shakespeare where EMBEDLAB_MIRROR is set. Prints a table in bits per character and what it supports; exits with
1 if SFO does not end lowest. Writes nothing.
"""

import sys
import time

import numpy as np
from _chapter3 import lesson_functions, text
from scipy.optimize import minimize

from embedlab.optim import SFO, Adam

M, H = 3, 5
PASSES = 50
SHOWN = (0, 1, 2, 5, 10, 20, 50)
SFO_BATCHES = 20
ADAM_GRID = [(count, rate) for count in (20, 100) for rate in (0.003, 0.01, 0.03, 0.1)]


class Objective:
    """The mean loss over a text in bits per character, as a sum over minibatches of distinct contexts."""

    def __init__(self, seed=0):
        lesson = lesson_functions()
        self.name, vocabulary, ids = text()
        self.V = len(vocabulary)
        self.loss_and_gradient = lesson["loss_and_gradient_unique"]
        self.whole = lesson["merge_contexts"](*lesson["ngram_counts"](ids, M), self.V)
        self.total = self.whole[1].sum()
        draw = np.random.default_rng(seed)
        self.start = draw.normal(scale=0.1, size=self.V * H * (M + 1))
        self.order = draw.permutation(len(self.whole[0]))

    def batches(self, count):
        """Return `count` minibatches of contexts drawn at random, each (contexts (U, M), counts (U, V))."""
        return [tuple(part[rows] for part in self.whole) for rows in np.array_split(self.order, count)]

    def __call__(self, theta, batch):
        """Return a minibatch's share of the mean loss, and its gradient, flat."""
        E, W = theta[: self.V * H].reshape(self.V, H), theta[self.V * H :].reshape(self.V, M * H)
        loss, dE, dW = self.loss_and_gradient(E, W, *batch)
        share = batch[1].sum() / self.total / np.log(2)
        return share * loss, share * np.concatenate([dE.ravel(), dW.ravel()])

    def bits(self, theta):
        """Return the loss over the whole text."""
        return self(theta, self.whole)[0]


def by_minibatches(objective, optimizer):
    """Return (loss after each pass (PASSES + 1,), seconds that the passes took)."""
    losses, seconds = [objective.bits(objective.start)], 0.0
    for _ in range(PASSES):
        begin = time.perf_counter()
        theta = optimizer.optimize(1)
        seconds += time.perf_counter() - begin
        losses.append(objective.bits(theta))
    return np.array(losses), seconds


def by_lbfgs(objective):
    """Return (the lowest loss that L-BFGS-B has seen after each pass (PASSES + 1,), seconds)."""
    losses = []

    def watched(theta):
        loss, gradient = objective(theta, objective.whole)
        losses.append(loss)
        return loss, gradient

    begin = time.perf_counter()
    options = {"maxfun": PASSES, "maxiter": PASSES, "ftol": 0, "gtol": 0}
    minimize(watched, objective.start, jac=True, method="L-BFGS-B", options=options)
    seconds = time.perf_counter() - begin
    losses += losses[-1:] * (PASSES - len(losses))  # it may stop early
    return np.minimum.accumulate([objective.bits(objective.start), *losses[:PASSES]]), seconds


def first_pass(losses, goal):
    """Return the first pass whose loss is at most `goal`, in words."""
    reached = np.flatnonzero(losses <= goal)
    return f"{reached[0]} passes" if reached.size else f"more than {PASSES} passes"


def main():
    """Run all, print the table and the sentences."""
    objective = Objective()
    contexts, n = len(objective.whole[0]), objective.start.size
    print(f"{objective.name}: {int(objective.total):,} n-grams, {contexts:,} distinct contexts, {n:,} parameters")
    runs = {
        f"SFO, {SFO_BATCHES} minibatches": by_minibatches(
            objective, SFO(objective, objective.start, objective.batches(SFO_BATCHES))
        )
    }
    runs["L-BFGS-B"] = by_lbfgs(objective)
    grid = {}
    for count, rate in ADAM_GRID:
        adam = Adam(objective, objective.start, objective.batches(count), rate=rate)
        grid[f"Adam, {count} minibatches, rate {rate:g}"] = by_minibatches(objective, adam)
    best = min(grid, key=lambda name: grid[name][0][-1])
    runs |= {best: grid[best]}

    print(f"\n{'bits per character after':36}" + "".join(f"{p:>8}" for p in SHOWN) + "  passes;   seconds")
    for name, (losses, seconds) in [*runs.items(), *((k, v) for k, v in grid.items() if k != best)]:
        print(f"{name:36}" + "".join(f"{losses[p]:8.3f}" for p in SHOWN) + f"{seconds:19.1f}")
    sfo, lbfgs, adam = (losses for losses, _ in runs.values())
    ahead = [str(p) for p in SHOWN[1:] if adam[p] < sfo[p]]
    print(
        f"\nAdam, at the best of {len(ADAM_GRID)} settings, ends at {adam[-1]:.3f} bits; "
        f"SFO, at its defaults, is there after {first_pass(sfo, adam[-1])}."
        f"\nL-BFGS-B ends at {lbfgs[-1]:.3f} bits; SFO is there after {first_pass(sfo, lbfgs[-1])}, "
        f"Adam after {first_pass(adam, lbfgs[-1])}."
        f"\nOf the passes shown, Adam is ahead of SFO after {', '.join(ahead) or 'none'}."
    )
    return 0 if sfo[-1] <= min(lbfgs[-1], adam[-1]) else 1


if __name__ == "__main__":
    sys.exit(main())
