"""Does the embedding model work "about as well as character n-grams"? Held-out bits per character, contexts of 1 to 5.

The first nine tenths of a text train, the last tenth tests. Count n-grams are interpolated by absolute discounting, the
discounts fitted on a part of the training text. The embedding model is chapter 3's, with the lesson's own objective on
unique contexts, minimised by SciPy's L-BFGS-B; the model for M characters starts from the one for M - 1. "Any H" is the
model's limit, one-hot vectors for embeddings: a table of scores for each position. The text is the offline Lee news, or
Tiny Shakespeare where EMBEDLAB_MIRROR is set. Writes nothing.
"""

import sys
import time

import numpy as np
from _chapter3 import in_minibatches, lesson_functions, one_core_products, text
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse
from scipy.optimize import minimize

ORDERS = (1, 2, 3, 4, 5)
SIZES = (5, 20)
STEPS = {1: 200, 2: 150, 3: 120, 4: 100, 5: 80}
DISCOUNTS = np.arange(1, 20) / 20
PENALTY = 1e-6
BATCH = 4096


def windows(ids, m):
    """Return every (m + 1)-gram of ids (n,) in order, an array (n - m, m + 1); ValueError where ids is shorter."""
    if len(ids) < m + 1:
        raise ValueError(f"ids has {len(ids)} tokens, expected at least m + 1 = {m + 1}")
    return sliding_window_view(ids, m + 1)


def codes(grams, V):
    """Return one number for each row of token ids (N, k): its digits in base V; zeros for k = 0."""
    return grams @ (V ** np.arange(grams.shape[1])[::-1])


def lookup(keys, values, wanted):
    """Return the value of each `wanted` among ascending `keys`, 0 where it is not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)


class CountNgrams:
    """Interpolated n-grams with absolute discounting (Ney, Essen and Kneser 1994; Chen and Goodman 1999, section 2.6).

    With n(h c) the count of token c after the context h, T(h) the number of different tokens seen after h, and h' the
    context without its oldest token:

        P(c | h) = max(n(h c) - D, 0) / n(h) + D T(h) / n(h) P(c | h'),   and P(c | h') alone where n(h) = 0

    D is one number for each length of h; below the empty context stands the uniform distribution 1 / V.
    ids: the training text, token ids (n,); order: the longest context; discounts: one D in [0, 1] per length 0..order.
    """

    def __init__(self, ids, V, order, discounts):
        self.V, self.discounts = V, list(discounts)
        self._tables = [self._count(codes(windows(ids, m), V)) for m in range(order + 1)]

    def _count(self, grams):
        grams, counts = np.unique(grams, return_counts=True)
        contexts, first, kinds = np.unique(grams // self.V, return_index=True, return_counts=True)
        return grams, counts, contexts, np.add.reduceat(counts, first), kinds

    def probability(self, contexts, targets, order):
        """Return P(target | last `order` tokens of context) for contexts (N, m), m >= order, and targets (N,)."""
        p = np.full(len(targets), 1 / self.V)
        for m, discount in enumerate(self.discounts[: order + 1]):
            p = self.refine(p, contexts, targets, m, discount)
        return p

    def refine(self, p, contexts, targets, m, discount):
        """Return the probabilities for contexts of m tokens, given those for m - 1 tokens, p (N,)."""
        grams, counts, seen, totals, kinds = self._tables[m]
        h = codes(contexts[:, contexts.shape[1] - m :], self.V)
        n, n_of_target = lookup(seen, totals, h), lookup(grams, counts, h * self.V + targets)
        kept = np.maximum(n_of_target - discount, 0) + discount * lookup(seen, kinds, h) * p
        return np.where(n > 0, kept / np.maximum(n, 1), p)


def bits(p):
    """Return the mean surprise in bits of targets that were given the probabilities p (N,)."""
    return float(-np.log2(p).mean())


def fit_discounts(ids, V, order):
    """Return the discounts for lengths 0..order that do best on the last tenth of ids, counted on the rest."""
    cut = len(ids) * 9 // 10
    counts = CountNgrams(ids[:cut], V, order, [])
    grams = windows(ids[cut:], order)
    contexts, targets = grams[:, :-1], grams[:, -1]
    p, chosen = np.full(len(targets), 1 / V), []
    for m in range(order + 1):
        tried = [counts.refine(p, contexts, targets, m, discount) for discount in DISCOUNTS]
        best = int(np.argmin([bits(each) for each in tried]))
        p = tried[best]
        chosen.append(float(DISCOUNTS[best]))
    return chosen


class EmbeddingModel:
    """Chapter 3's model: P(c | context) is the softmax of W features, features the embeddings of M tokens in a row."""

    def __init__(self, E, W):
        self.E, self.W = E, W

    def probabilities(self, contexts):
        """Return the distributions (N, V) of the next token after contexts (N, M)."""
        logits = self.E[contexts].reshape(len(contexts), -1) @ self.W.T
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
        return logits

    def probability(self, contexts, targets):
        """Return P(target | context) for contexts (N, M) and targets (N,), a minibatch at a time."""
        parts = []
        for first in range(0, len(targets), BATCH):
            batch = slice(first, first + BATCH)
            every = self.probabilities(contexts[batch])
            parts.append(every[np.arange(len(every)), targets[batch]])
        return np.concatenate(parts)

    def widened(self, draw):
        """Return (E, W) for one more token of context at the front, which has next to no effect yet."""
        more = draw.normal(scale=0.01, size=self.E.shape)
        return self.E, np.hstack([more, self.W])


def one_hot_objective(E, W, contexts, counts):
    """The lesson's objective for one-hot embeddings E = I_V, as (loss, 0, dW); W (V, M V) is a table per position."""
    (U, M), V, n = contexts.shape, len(E), counts.sum()
    places = (contexts + V * np.arange(M)).ravel()
    one_hot = sparse.csr_array((np.ones(U * M), places, np.arange(U * M + 1, step=M)), shape=(U, M * V))
    logits = one_hot @ W.T
    logits -= logits.max(axis=1, keepdims=True)
    of_targets = np.vdot(counts, logits)
    D = np.exp(logits, out=logits)
    totals, row_counts = D.sum(axis=1), counts.sum(axis=1)
    D *= (row_counts / totals)[:, None]
    D -= counts
    return (row_counts @ np.log(totals) - of_targets) / n, 0 * E, (one_hot.T @ D).T / n


def train(objective, E, W, contexts, table, steps, fixed=False):
    """Minimise the mean surprise plus PENALTY times the squared parameters by L-BFGS-B; return the EmbeddingModel.

    objective: such as the lesson's loss_and_gradient_unique, on contexts (U, M) and table (U, V).
    steps: the most iterations; fixed: E stays as it is.
    """
    row_weights, start = table.sum(axis=1), E.size if fixed else 0

    def parameters(theta):
        joined = np.concatenate([E.ravel()[:start], theta])
        return joined[: E.size].reshape(E.shape), joined[E.size :].reshape(W.shape)

    def penalised(theta):
        loss, dE, dW = in_minibatches(objective, *parameters(theta), (contexts, table), row_weights, BATCH)
        gradient = np.concatenate([dE.ravel(), dW.ravel()])[start:]
        return loss + PENALTY * theta @ theta, gradient + 2 * PENALTY * theta

    theta = np.concatenate([E.ravel(), W.ravel()])[start:]
    options = {"maxiter": steps, "maxcor": 20, "ftol": 0}
    with one_core_products():
        found = minimize(penalised, theta, jac=True, method="L-BFGS-B", options=options)
    return EmbeddingModel(*parameters(found.x))


def main():
    """Train and count for every context length, and print the table and the sentence that it supports."""
    began = time.perf_counter()
    lesson = lesson_functions()
    name, vocabulary, ids = text()
    V, longest = len(vocabulary), max(ORDERS)
    cut = len(ids) * 9 // 10
    training, held_out = ids[:cut], windows(ids[cut:], longest)
    print(f"{name}: {len(training):,} characters train, {len(ids) - cut:,} test; {V} distinct")

    start = time.perf_counter()
    counts = CountNgrams(training, V, longest, fit_discounts(training, V, longest))
    by_counting = {M: bits(counts.probability(held_out[:, :-1], held_out[:, -1], M)) for M in range(longest + 1)}
    few = np.repeat(held_out[:200, :-1], V, axis=0)
    sums = counts.probability(few, np.tile(np.arange(V), 200), longest).reshape(200, V).sum(axis=1)
    assert np.allclose(sums, 1), "the count model's probabilities do not sum to 1"
    print(f"counting: {time.perf_counter() - start:.0f} s, discounts {counts.discounts}")
    print(f"uniform: {np.log2(V):.3f} bits per character; counting without context: {by_counting[0]:.3f}\n")

    sizes = [*SIZES, V]
    heads = "".join(f"{f'H = {H}' if H < V else 'any H':>8} (seconds)" for H in sizes)
    print(f"held-out bits per character\ncontext  contexts seen  count n-gram{heads}")
    models, draw, results = {}, np.random.default_rng(0), {}
    for M in ORDERS:
        contexts, table = lesson["merge_contexts"](*lesson["ngram_counts"](training, M), V)
        near = held_out[:, longest - M :]
        line = f"{M:7} {len(contexts):14,} {by_counting[M]:13.3f}"
        for H in sizes:
            start, limit = time.perf_counter(), H == V
            if M > 1:
                E, W = models[H].widened(draw)
            else:
                E, W = draw.normal(scale=0.3, size=(V, H)), draw.normal(scale=0.3, size=(V, H))
                E = np.eye(V) if limit else E
            objective = one_hot_objective if limit else lesson["loss_and_gradient_unique"]
            models[H] = train(objective, E, W, contexts, table, STEPS[M], fixed=limit)
            results[H, M] = bits(models[H].probability(near[:, :-1], near[:, -1]))
            assert np.allclose(models[H].probabilities(near[:200, :-1]).sum(axis=1), 1)
            line += f"{results[H, M]:8.3f} ({time.perf_counter() - start:7.1f})"
        print(line, flush=True)

    by_embedding, by_limit = ({M: results[H, M] for M in ORDERS} for H in (SIZES[-1], V))
    print(f"\n{verdict(by_counting, by_embedding, by_limit, SIZES[-1])}")
    print(f"whole run: {time.perf_counter() - began:.0f} s")
    return 0


def verdict(by_counting, by_embedding, by_limit, H):
    """Return the sentences that three results, bits per character by context length, support; `by_limit` is any H."""
    gap = {M: by_embedding[M] - by_counting[M] for M in by_embedding}
    alike = [str(M) for M in gap if gap[M] <= 0.05]
    worst = max(gap, key=gap.get)
    same = f"holds for contexts of {' and '.join(alike)}" if alike else "holds for no context length"
    return (
        f'"About as well as character n-grams" {same} (within 0.05 bits at H = {H}), and is off by up to '
        f"{gap[worst]:.2f} bits per character: {by_embedding[worst]:.2f} against {by_counting[worst]:.2f} "
        f"for contexts of {worst}.\nMore dimensions do not mend it: one-hot vectors, as good as any H, reach "
        f"{by_limit[worst]:.2f}. Each position adds scores of its own, whatever stands in the others."
    )


if __name__ == "__main__":
    sys.exit(main())
