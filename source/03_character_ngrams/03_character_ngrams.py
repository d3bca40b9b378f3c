# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 3. Characters that find their neighbours
#
# Nobody tells a computer that *a*, *e*, *i*, *o* and *u* have something in common. In this chapter a model that only guesses
# the next letter finds out by itself, and writes it down in two numbers per letter.
#
# **What you will do.** Learn embeddings of letters from news text. Then derive the gradient of a larger model, for
# contexts of several letters, in three ways: literally, fast, and faster. Train it, let it write, and hold it against
# plain counting.
#
# **What you will learn.**
# - what an embedding of a letter can know, and how to put a number on it;
# - how to count n-grams without losing the last one;
# - the literal gradient with a Kronecker product, the vec-transpose and a commutation matrix, and what it costs;
# - gather, one matrix product, scatter-add: the three moves inside every embedding layer;
# - what three optimisers do with one objective, and what temperature does to a text;
# - when such a model works "about as well as n-grams", and when it does not.
#
# **What you need.** Chapters 1 and 2: the softmax or sigmoid, cross-entropy, *error times input*, lookup as a product
# with one-hot rows. Matrix products and transposes.
#
# **How long it takes.** Two to three hours. There are eight programming exercises and one question to answer in
# words, 25 points in all. No exercise needs an earlier one: if you are stuck, read on and come back.

# %%
import time
from functools import cache
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse, special
from scipy.optimize import minimize
from sklearn.decomposition import PCA

from embedlab import animate, check, data, optim, plots
from embedlab.text import Vocabulary

plots.use_style()
torch.set_num_threads(1)  # the matrices are small: more threads would only wait for each other

# %% [markdown]
# ## Part A: letters
#
# ### A text of 27 characters
#
# The text is 300 news articles of the year 2001, which come with gensim: the *Lee background corpus*. We keep its
# letters, in lower case, and write everything between two words as one "_". Then 27 characters are left.


# %%
def to_letters(text):
    """Return the text in lower case, with "_" in place of each stretch of anything but a-z."""
    kept = [c if "a" <= c <= "z" else " " for c in text.lower()]
    return "_".join("".join(kept).split())


news = to_letters(data.lee_news())
letters = Vocabulary("_abcdefghijklmnopqrstuvwxyz")
ids = letters.encode(news)
V = len(letters)
VOWELS = letters.encode("aeiou")

print(f"{len(ids):,} characters, {V} of them distinct")
print(news[:76])
print(ids[:19])
assert set(news) == set(letters.tokens) and len(ids) > 300_000

# %% [markdown]
# `Vocabulary` gives each character an *id*, its place in the list: 0 for "_", 1 for "a", and so on. From here on a text
# is an array of ids.
#
# ### One letter predicts the next
#
# After *q* comes *u*. After *t* often comes *h*, and hardly ever *b*. Our model shall say how probable each next letter is,
# given the one before it. As in chapter 2, each letter $c$ has an embedding, the row $e_c$ of a matrix
# $E \in \mathbb{R}^{V \times H}$, here with $V = 27$ rows and $H = 2$ columns. Each letter $k$ that could come *next* has a
# row $w_k$ of output weights, in a second matrix $W \in \mathbb{R}^{V \times H}$. The score of $k$ after $c$ is
# $z_k = w_k \cdot e_c$. Such scores are called *logits*. The *softmax* turns them into probabilities:
#
# $$p(k \mid c) = \frac{e^{z_k}}{\sum_{j=1}^{V} e^{z_j}}.$$
#
# It is the sigmoid's elder sister: with two classes it is the sigmoid of the difference of the two logits. The loss
# is again the mean surprise, $-\log p$ of the letter that really came.
#
# The text has 350,000 pairs, but only $27 \times 27$ *different* ones. So we count them first. The table $C$ says how
# often letter $k$ follows letter $c$; it holds everything that this model can ever see of the text. For one pair you know
# the gradient from chapter 1, *probability minus truth*; for a whole row of the table it is *(number of times that $c$
# occurs) × probability, minus count*.

# %%
pairs = sparse.coo_array((np.ones(len(ids) - 1), (ids[:-1], ids[1:]))).toarray()


def pair_loss(theta, pairs=pairs):
    """Return the loss of the letter model at theta = (E, W), flat, in nats per letter, and its gradient, flat."""
    embeddings, outputs = theta.reshape(2, V, -1)
    log_p = special.log_softmax(embeddings @ outputs.T, axis=1)
    error = (pairs.sum(axis=1, keepdims=True) * np.exp(log_p) - pairs) / pairs.sum()
    loss = -np.sum(pairs * log_p) / pairs.sum()
    return loss, np.concatenate([(error @ outputs).ravel(), (error.T @ embeddings).ravel()])


def untrained(seed):
    """Return random parameters, E and W of shape (27, 2) each, as one flat array."""
    return np.random.default_rng(seed).normal(scale=0.1, size=2 * V * 2)


def train_letters(seed, pairs=pairs):
    """Return trained embeddings, shape (27, 2), and their loss in bits per letter."""
    options = {"maxiter": 300}
    best = minimize(pair_loss, untrained(seed), pairs, method="L-BFGS-B", jac=True, options=options)
    return best.x.reshape(2, V, 2)[0], best.fun / np.log(2)


differences = check.numerical_gradient(lambda theta: pair_loss(theta)[0], untrained(1))
assert np.allclose(pair_loss(untrained(1))[1], differences, atol=1e-8)

before, (after, bits) = untrained(1).reshape(2, V, 2)[0], train_letters(1)
print(f"untrained: {pair_loss(untrained(1))[0] / np.log(2):.2f} bits per letter")
print(f"trained:   {bits:.2f} bits per letter")
assert round(bits, 2) == 3.73 and abs(pair_loss(untrained(1))[0] / np.log(2) - np.log2(27)) < 0.01

# %% [markdown]
# The optimiser, L-BFGS, comes later in this chapter; for now it is a better gradient descent. We measure surprise in
# *bits*, that is with logarithms to the base 2. A model that knows nothing needs $\log_2 27 \approx 4.75$ bits per
# letter; after training it is one bit less. What did the letters learn for it? Five of them are drawn as squares.


# %% jupyter={"source_hidden": true}
def draw_letters(axes, embeddings, title):
    """Write each letter at its embedding: vowels on blue squares, "_" in red, consonants plain."""
    vowels = embeddings[VOWELS]
    axes.scatter(
        *vowels.T, s=230, marker="s", color=plots.COLORS["sky"], edgecolor="none", zorder=2
    )
    for number, (x, y) in enumerate(embeddings):
        color, size = (plots.COLORS["red"], 22) if number == 0 else ("black", 11)
        axes.text(
            x, y, letters.tokens[number], ha="center", va="center", color=color, size=size, zorder=3
        )
    low, high = embeddings.min(axis=0), embeddings.max(axis=0)
    (left, bottom), (right, top) = low - 0.08 * (high - low), high + 0.08 * (high - low)
    axes.set(xlim=(left, right), ylim=(bottom, top), title=title)
    axes.set(xlabel="first number", ylabel="second number")


figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 4.6))
draw_letters(left, before, "Before training: anywhere")
draw_letters(right, after, "After training: vowels stand together")
plots.show(
    figure,
    name="letters_before_after",
    alt="Two pictures of 27 letters, each at its two-dimensional embedding. Before training vowels and consonants are mixed at random. "
    "After training the vowels a, e, i, o and u stand close together, away from the other letters.",
)

# %% [markdown]
# The vowels found each other. Nobody told the model about vowels: letters that are *followed* by the same letters get
# similar scores from similar embeddings, and so end up in the same place.
#
# ### Is that a fact, or a nice picture?
#
# It is easy to see patterns in 27 points. So let us say beforehand what "the vowels gather" shall mean, as a number: the mean
# distance between two vowels, divided by the mean distance between a vowel and a consonant. If vowels were five letters
# like any others, the ratio would be about 1. And then the question that a single picture cannot answer: how small does
# the ratio get by chance?


# %%
CONSONANTS = letters.encode("bcdfghjklmnpqrstvwxyz")


def vowel_ratio(embeddings):
    """Return the mean distance between vowels over the mean distance from vowel to consonant."""
    gaps = np.linalg.norm(embeddings[:, None] - embeddings[None], axis=2)
    among = gaps[np.ix_(VOWELS, VOWELS)].sum() / (len(VOWELS) * (len(VOWELS) - 1))
    return among / gaps[np.ix_(VOWELS, CONSONANTS)].mean()


by_chance = np.array([vowel_ratio(untrained(seed).reshape(2, V, 2)[0]) for seed in range(200)])
trained = np.array([vowel_ratio(train_letters(seed)[0]) for seed in range(20)])

for label, values in [("untrained, 200 seeds", by_chance), ("trained, 20 seeds", trained)]:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    print(f"{label:21} {low:.2f} to {high:.2f}, median {middle:.2f}")
assert trained.max() < 0.3 and np.median(by_chance) > 0.9 and by_chance.min() > 0.4

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots(figsize=(6.4, 3.6))
bins = np.arange(0, 1.55, 0.05)
axes.hist(by_chance, bins, color=plots.COLORS["orange"], label="untrained, 200 seeds")
axes.hist(trained, bins, color=plots.COLORS["blue"], hatch="//", label="trained, 20 seeds")
axes.axvline(1, color="grey", linestyle=":", linewidth=1.5)
axes.set(
    xlabel="distance among vowels / distance from vowel to consonant",
    ylabel="number of models",
    title="No untrained model gathers its vowels like this",
    xlim=(0, 1.5),
)
axes.legend(loc="upper left")
plots.show(
    figure,
    name="vowel_ratio",
    alt="Histogram of the vowel ratio. Two hundred untrained models spread around 1, from 0.4 to 1.4. Twenty trained models lie "
    "between 0.1 and 0.3, apart from all of them.",
)

# %% [markdown]
# Every one of the 20 trained models is below every one of the 200 untrained ones. (The trained ratios differ because the
# valley has several floors: from some seeds the optimiser settles in one that is a little higher.)
#
# One doubt is left. Perhaps training draws all *common* letters together, and vowels are common? Or any five letters would
# do, if one looks for them long enough? There are 65,780 groups of five letters. For the trained model of the picture we can try all of them.


# %%
def group_ratios(embeddings, groups):
    """Return, for groups (G, 5) of letter ids 1 to 26, the distance within over the distance to the other letters."""
    gaps = np.linalg.norm(embeddings[1:, None] - embeddings[None, 1:], axis=2)
    within = gaps[groups[:, :, None] - 1, groups[:, None, :] - 1].sum(axis=(1, 2))
    across = gaps[groups - 1].sum(axis=(1, 2)) - within
    return (within / 20) / (across / (5 * 21))


groups = np.array(list(combinations(range(1, 27), 5)))
ratios = group_ratios(after, groups)
of_vowels = group_ratios(after, VOWELS[None])[0]
of_common = group_ratios(after, letters.encode("tnsrh")[None])[0]
closer = int((ratios < of_vowels - 1e-9).sum())

print(f"ratio of the vowels: {of_vowels:.2f}; of t, n, s, r and h: {of_common:.2f}")
print(f"of {len(groups):,} groups, closer together than the vowels: {closer}")
assert len(groups) == 65_780 and closer <= 3 and of_common > 0.8
assert np.isclose(of_vowels, vowel_ratio(after))

# %% [markdown]
# Five common consonants are as far apart as any letters. And hardly another group of five among 65,780 is as close as the
# vowels. It is a fact.
#
# What the picture does *not* mean: the axes have no names. Replace $E$ by $E A$ and $W$ by $W A^{-\top}$, with any
# invertible $A$, and every probability stays what it was.
#
# On other texts it is the same. On 20,000 headlines of ABC News, which `embedlab.data` fetches, 20 trained models have a
# median of 0.22, none is above 0.29, and 200 untrained ones start from 0.42:
#
# ```bash
# .venv/bin/python benchmarks/letters.py
# ```
#
# ## Part B: contexts of M letters
#
# One letter is a poor memory. With the last $M$ letters as *context*, the model can know that after "_th" comes "e". First,
# the data: stretches of $M + 1$ characters, called *n-grams* with $n = M + 1$. Their first $M$ are the context, the last
# one is the *target*. Many occur thousands of times, so we keep each once, with its count as *weight*.
#
# How many n-grams has a text of $T$ characters? The first starts at position 0. The last ends with the last character,
# so it starts at position $T - M - 1$. That makes $T - M$ of them. A well-known version of this loop ends one too
# early:

# %%
text, M = "abcab", 2
widely_copied = [text[i : i + (M + 1)] for i in range(len(text) - (M + 1))]
all_of_them = [text[i : i + M + 1] for i in range(len(text) - M)]

print("one too few:", widely_copied)
print("all:        ", all_of_them)
assert len(all_of_them) == len(text) - M and all_of_them[-1] == text[-(M + 1) :]

# %% [markdown]
# In a long text one n-gram hardly matters. But the same slip in the loop over minibatches, $\lfloor N / 400 \rfloor$ of them
# for $N$ data points, throws away up to 399 points, and always the same ones. Ask of every loop over data: *is the
# last one in?*
#
# ## Exercise 3.1: count n-grams (4 points)
#
# Write `ngram_counts(ids, m)`. `ids` is an array of token ids, shape `(T,)`; `m` is the length of the context. Return a tuple of
# three arrays of integers:
#
# - `contexts`, shape `(N, m)`: the first `m` ids of each *distinct* n-gram;
# - `targets`, shape `(N,)`: its last id;
# - `counts`, shape `(N,)`: how often it occurs.
#
# The most common n-gram comes first; among equally common ones the one with the smaller ids (compare the first id, then the
# second, and so on). A text shorter than `m + 1` has no n-gram: raise a `ValueError` whose message contains the word `ids`.
#
# <details><summary>Hint 1: all stretches at once</summary>
#
# <code>sliding_window_view(ids, n)</code> (imported above) has a row for every stretch of length <code>n</code>, the last one
# too.
# </details>
#
# <details><summary>Hint 2: count rows, then sort</summary>
#
# <code>np.unique(rows, axis=0, return_counts=True)</code> returns the distinct rows in ascending order, and how often each
# occurs. A <em>stable</em> sort keeps the order of equals: <code>np.argsort(…, kind="stable")</code>. A
# <code>Counter</code> over tuples, and <code>sorted</code> with a key, will do as well.
# </details>


# %% nbgrader={"grade": false, "grade_id": "ngram_counts", "locked": false, "schema_version": 3, "solution": true, "task": false}
def ngram_counts(ids, m):
    """Return (contexts (N, m), targets (N,), counts (N,)) of the distinct n-grams of ids, commonest first."""
    ### BEGIN SOLUTION
    if len(ids) < m + 1:
        raise ValueError(f"ids has {len(ids)} tokens, expected at least m + 1 = {m + 1}")
    rows, counts = np.unique(sliding_window_view(ids, m + 1), axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return rows[order, :-1], rows[order, -1], counts[order]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "ngram_counts_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
contexts, targets, counts = ngram_counts(np.array([0, 1, 2, 0, 1]), 1)
check.equal(
    {
        (*c, t): n
        for c, t, n in zip(contexts.tolist(), targets.tolist(), counts.tolist(), strict=False)
    },
    {(0, 1): 2, (1, 2): 1, (2, 0): 1},
    call="ngram_counts([0, 1, 2, 0, 1], 1), as a dict from n-gram to count",
)
check.close(sum(ngram_counts(np.arange(7), 3)[2]), 4, call="sum of the counts of 7 ids with m=3")
### BEGIN HIDDEN TESTS
draw = check.rng("ngram_counts_values").integers(0, 3, size=60)
expected = {}
for start in range(58):
    gram = tuple(draw[start : start + 3].tolist())
    expected[gram] = expected.get(gram, 0) + 1
contexts, targets, counts = ngram_counts(draw, 2)
grams = map(tuple, np.column_stack([contexts, targets]).tolist())
check.equal(
    dict(zip(grams, counts.tolist(), strict=False)),
    expected,
    call="ngram_counts(ids, 2) for 60 ids, as a dict from n-gram to count",
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "ngram_counts_order", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
contexts, targets, counts = ngram_counts(np.array([2, 2, 1, 2, 1, 0, 2, 2, 1]), 1)
check.close(
    counts, np.array([3, 2, 1, 1, 1]), call="counts of [2, 2, 1, 2, 1, 0, 2, 2, 1] with m=1"
)
check.close(contexts, np.array([[2], [2], [0], [1], [1]]), call="contexts of the same")
check.close(targets, np.array([1, 2, 2, 0, 2]), call="targets of the same")
### BEGIN HIDDEN TESTS
draw = check.rng("ngram_counts_order").integers(0, 3, size=40)
grams = [tuple(draw[start : start + 3].tolist()) for start in range(38)]
ranked = sorted(set(grams), key=lambda gram: (-grams.count(gram), gram))
contexts, targets, counts = ngram_counts(draw, 2)
check.close(
    counts, np.array([grams.count(gram) for gram in ranked]), call="counts of 40 ids with m=2"
)
check.close(contexts, np.array([gram[:2] for gram in ranked]), call="contexts of 40 ids with m=2")
check.close(targets, np.array([gram[2] for gram in ranked]), call="targets of 40 ids with m=2")
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "ngram_counts_short", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.raises(
    ValueError, ngram_counts, np.array([0, 1]), 2, call="ngram_counts([0, 1], 2)", match="ids"
)
check.close(
    ngram_counts(np.array([5, 3, 4]), 2)[0], np.array([[5, 3]]), call="contexts of [5, 3, 4], m=2"
)
### BEGIN HIDDEN TESTS
length = int(check.rng("ngram_counts_short").integers(1, 5))
shorter = (np.arange(length), length)
check.raises(ValueError, ngram_counts, *shorter, call="ngram_counts(m ids, m)", match="ids")
check.raises(
    ValueError, ngram_counts, np.array([], dtype=int), 1, call="ngram_counts([], 1)", match="ids"
)
### END HIDDEN TESTS

# %% [markdown]
# Here are the n-grams of the news text, with contexts of three letters. The last tenth of the text is put aside, to be
# predicted at the end.


# %%
def pandas_ngrams(ids, m):
    """Stand in for an unsolved exercise 3.1: pandas groups and counts the rows."""
    table = pd.DataFrame(sliding_window_view(ids, m + 1))
    sizes = (-table.groupby(list(table)).size()).sort_values(kind="stable")
    grams = np.array(sizes.index.to_list()).reshape(len(sizes), m + 1)
    return grams[:, :-1], grams[:, -1], -sizes.to_numpy()


cut = int(0.9 * len(ids))
training, held_out = ids[:cut], ids[cut:]
count_grams = check.ready("ngram_counts", otherwise=pandas_ngrams, on=[(ids[:500], 2)])
contexts, targets, counts = count_grams(training, 3)

print(f"{counts.sum():,} n-grams, {len(counts):,} of them distinct")
assert counts.sum() == len(training) - 3 and np.all(np.diff(counts) <= 0)
pd.DataFrame(
    {
        "context": [letters.decode(context) for context in contexts[:6]],
        "target": list(letters.decode(targets[:6])),
        "count": counts[:6],
    }
)

# %% [markdown]
# ### The model
#
# Each letter still has *one* embedding, wherever in the context it stands. The embeddings of the $M$ letters are written one
# behind the other, in one row of $M H$ numbers, and each possible target has $M H$ output weights:
#
# | symbol | shape | what |
# | --- | --- | --- |
# | $E$ | $(V, H)$ | embeddings, a row per letter |
# | $W$ | $(V, M H)$ | output weights, a row per target |
# | $c_1 \dots c_M$ | $M$ integers | a context |
# | $f = (e_{c_1}, \dots, e_{c_M})$ | $(M H,)$ | its features |
# | $z = W f$ | $(V,)$ | logits |
# | $\log p = z - \log \sum_j e^{z_j}$ | $(V,)$ | log-probabilities |
#
# The loss is the mean surprise over all n-grams of the text: over the distinct ones, weighted with their counts.
#
# ## Exercise 3.2: log-softmax (2 points)
#
# Write `log_softmax(logits)` for an array of shape `(N, V)`, one row of logits per context. It returns the
# log-probabilities, of the same shape:
#
# $$\log p_{ik} = z_{ik} - \log \sum_{j=1}^{V} e^{z_{ij}}.$$
#
# Logits of $\pm 1000$ must give a finite result without a warning. The logits that are passed in stay as they are.
#
# <details><summary>Hint 1: which axis?</summary>
#
# Each <em>row</em> is a distribution of its own, so the sum runs along the row: <code>axis=1</code>. With
# <code>keepdims=True</code> the result keeps the shape <code>(N, 1)</code> and can be subtracted from the rows.
# </details>
#
# <details><summary>Hint 2: overflow</summary>
#
# Softmax does not change when the same number is subtracted from all logits of a row. Which number makes the
# largest exponent 0?
# </details>


# %% nbgrader={"grade": false, "grade_id": "log_softmax", "locked": false, "schema_version": 3, "solution": true, "task": false}
def log_softmax(logits):
    """Return the logarithm of the softmax of each row of logits (N, V), without overflow."""
    ### BEGIN SOLUTION
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "log_softmax_values", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    log_softmax(np.array([[0.0, 0.0], [1.0, 3.0], [-2.0, 0.0]])),
    np.array([[-0.6931472, -0.6931472], [-2.126928, -0.126928], [-2.126928, -0.126928]]),
    call="log_softmax([[0, 0], [1, 3], [-2, 0]])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("log_softmax_values").normal(scale=2, size=(5, 4))
expected = special.log_softmax(draw, axis=1)
with check.unchanged(call="log_softmax(logits)", logits=draw):
    check.close(log_softmax(draw), expected, call="log_softmax(logits) for shape (5, 4)")
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "log_softmax_stable", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
with check.no_warnings("log_softmax must not overflow"):
    check.close(
        log_softmax(np.array([[1000.0, 0.0], [-1000.0, -1000.0]])),
        np.array([[0.0, -1000.0], [-0.6931472, -0.6931472]]),
        call="log_softmax([[1000, 0], [-1000, -1000]])",
    )
### BEGIN HIDDEN TESTS
far = check.rng("log_softmax_stable").uniform(-5000, 5000, size=(6, 3))
expected = special.log_softmax(far, axis=1)
with check.no_warnings("log_softmax must not overflow"):
    check.close(log_softmax(far), expected, call="log_softmax(logits) for logits beyond 700")
### END HIDDEN TESTS

# %% [markdown]
# SciPy has it as `scipy.special.log_softmax`. From here on the lesson uses that one, as `special.log_softmax(…, axis=1)`, and
# so may you.
#
# ## The literal gradient
#
# You could guess the fast form of the gradient. We derive it once in full, with matrices only, for two reasons: you will
# see *why* the fast form is right, and what a formula costs when it is typed in as it stands.
#
# **One data point as a matrix product.** In chapter 2 a lookup was a one-hot row times $E$. Now there are $M$ lookups. Put the $M$
# one-hot rows side by side, into one row $x$ of $M V$ numbers, of which $M$ are 1. The matrix that looks all of them up
# at once has $M$ copies of $E$ on its diagonal and zeros elsewhere. It is called a *Kronecker product*, $R = I_M \otimes E$,
# and has the shape $(M V, M H)$. For $M = 2$:
#
# $$x = \begin{pmatrix} x_1 & x_2 \end{pmatrix}, \qquad
# R = I_2 \otimes E = \begin{pmatrix} E & 0 \\ 0 & E \end{pmatrix}, \qquad
# f = x R = \begin{pmatrix} x_1 E & x_2 E \end{pmatrix} = \begin{pmatrix} e_{c_1} & e_{c_2} \end{pmatrix}.$$

# %%
E_small = np.arange(8.0).reshape(4, 2)  # V = 4 letters, H = 2
context_small = np.array([3, 1])  # M = 2
x = np.eye(4)[context_small].ravel()
R = np.kron(np.eye(2), E_small)

print("x =", x.astype(int))
print("R =", *R.astype(int), sep="\n    ")
print("f = x R =", x @ R)
assert np.array_equal(x @ R, np.concatenate([E_small[3], E_small[1]]))

# %% [markdown]
# **The loss and its logits.** For one data point with target $t$, the loss is $\ell = -z_t + \log \sum_j e^{z_j}$. So
#
# $$\frac{\partial \ell}{\partial z_k} = p_k - y_k =: \delta_k,$$
#
# with $y_k = 1$ for $k = t$ and 0 otherwise: *probability minus truth* again.
#
# **The output weights.** Since $z_k = w_k \cdot f$, row $k$ of the gradient is error times input:
# $\partial \ell / \partial w_k = \delta_k\, f$.
#
# **The embeddings** are the hard part, because $E$ sits inside $R$, and $M$ times over. Go one step at a time. In
# $z_k = x\, R\, w_k$, the entry $R_{ab}$ is multiplied by $x_a$ and by entry $b$ of $w_k$, and by nothing else. So the
# derivative of $z_k$ in all of $R$ is an outer product:
#
# $$G_k = \frac{\partial z_k}{\partial R} = x^\top w_k^\top, \qquad \text{shape } (M V, M H).$$
#
# $R$ consists of $M \times M$ blocks of the shape of $E$. Only the $M$ blocks on the diagonal are $E$; the others are constant
# zeros. When $E$ changes, all diagonal blocks change together, so their derivatives add up:
#
# $$\frac{\partial z_k}{\partial E} = \text{the sum of the } M \text{ diagonal blocks of } G_k.$$
#
# That sentence is the whole gradient. To write it as a formula without indices, two tools are used: the
# *vec-transpose*, which folds columns, and the *commutation matrix*, which sorts rows.
#
# ## Exercise 3.3: the vec-transpose (2 points)
#
# The vec-transpose $X^{(p)}$ of a matrix $X$ with $m$ rows, $p$ a divisor of $m$: cut each column of $X$ into pieces
# of length $p$; lay the pieces of one column side by side, as the columns of a block with $p$ rows; put the blocks of
# all columns below each other. With $p = 2$:
#
# $$X = \begin{pmatrix} 1 & 7 \\ 2 & 8 \\ 3 & 9 \\ 4 & 10 \\ 5 & 11 \\ 6 & 12 \end{pmatrix}, \qquad
# X^{(2)} = \begin{pmatrix} 1 & 3 & 5 \\ 2 & 4 & 6 \\ 7 & 9 & 11 \\ 8 & 10 & 12 \end{pmatrix}.$$
#
# A matrix of shape $(m, n)$ becomes one of shape $(n p, m / p)$. Write `vec_transpose(X, p)`. If `p` does not divide
# the number of rows, raise a `ValueError` whose message contains `p`. (A well-known version of this function computes
# the shape with `m / p`. In Python 2 that was a whole number. In Python 3 it is a float, and `reshape` refuses it.)
#
# <details><summary>Hint 1: three axes</summary>
#
# <code>X.reshape(m // p, p, n)</code> has the axes piece, place within the piece, column. In which order does
# the result need them?
# </details>
#
# <details><summary>Hint 2: the order</summary>
#
# A row of the result belongs to (column, place), a column of it to a piece. So the order is column, place, piece: the
# three axes in reverse, which is what <code>.T</code> does to an array with three axes.
# </details>


# %% nbgrader={"grade": false, "grade_id": "vec_transpose", "locked": false, "schema_version": 3, "solution": true, "task": false}
def vec_transpose(X, p):
    """Return the vec-transpose of X (m, n): its columns, folded to height p, below each other; (n p, m / p)."""
    ### BEGIN SOLUTION
    m, n = X.shape
    if m % p:
        raise ValueError(f"p = {p} does not divide the {m} rows of X")
    return X.reshape(m // p, p, n).T.reshape(n * p, m // p)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "vec_transpose_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.close(
    vec_transpose(np.array([[1, 7], [2, 8], [3, 9], [4, 10], [5, 11], [6, 12]]), 2),
    np.array([[1, 3, 5], [2, 4, 6], [7, 9, 11], [8, 10, 12]]),
    call="vec_transpose(X, 2) for the X above",
)
check.close(
    vec_transpose(np.array([[1, 2], [3, 4]]), 1),
    np.array([[1, 3], [2, 4]]),
    call="vec_transpose([[1, 2], [3, 4]], 1)",
)
### BEGIN HIDDEN TESTS
draw = check.rng("vec_transpose_values").normal(size=(12, 2))
expected = np.empty((6, 4))
for column in range(2):
    for piece in range(4):
        expected[3 * column : 3 * column + 3, piece] = draw[3 * piece : 3 * piece + 3, column]
with check.unchanged(call="vec_transpose(X, 3)", X=draw):
    check.close(vec_transpose(draw, 3), expected, call="vec_transpose(X, 3) for shape (12, 2)")
check.raises(ValueError, vec_transpose, draw, 5, call="vec_transpose(X, 5) for 12 rows", match="p")
### END HIDDEN TESTS

# %% [markdown]
# **The commutation matrix** $K_{p,q}$ is the permutation that turns the columns of a matrix $A$ of shape $(p, q)$, written below
# each other, into its rows, written below each other: $K_{p,q} \operatorname{vec}(A) = \operatorname{vec}(A^\top)$. It is a
# matrix of zeros and ones, of size $p q \times p q$.
#
# Now the two tools do their work on $G_k$, whose rows are numbered by *(position $i$, letter $v$)* and whose columns are numbered by
# *(position $j$, component $h$)*. We want the entries with $i = j$, summed.
#
# 1. $K_{M,V}^\top\, G_k$ sorts the rows: the $M$ rows that belong to one letter $v$ now stand together, in the order of
#    their position $i$.
# 2. The vec-transpose $(\,\cdot\,)^{(M)}$ folds these groups of $M$. It has one *column per letter $v$*, and in it every
#    combination of $j$, $h$ and $i$.
# 3. $K_{H,M}^{(M)}$, a vec-transpose of a commutation matrix, has the same rows $(j, h, i)$ and one column per component. It has a
#    1 in column $h$ where $i = j$, and 0 elsewhere. So it is the mask that picks what we want, and the product sums it up:
#
# $$\frac{\partial z_k}{\partial E} =
# \Bigl[ \bigl(K_{H,M}^{(M)}\bigr)^{\!\top} \bigl(K_{M,V}^\top\, x^\top w_k^\top\bigr)^{(M)} \Bigr]^\top .$$
#
# Do not believe it; compute it. First the pieces, on the small example.


# %%
@cache
def commutation_matrix(p, q):
    """Return K of shape (pq, pq) with K vec(A) = vec(A'), A of shape (p, q) and vec its columns below each other."""
    order = np.arange(p * q).reshape((p, q), order="F")
    return np.eye(p * q)[order.ravel()]


def stacked_columns(X, p):
    """Stand in for an unsolved exercise 3.3: one column after the other."""
    return np.vstack([np.reshape(column, (p, -1), order="F") for column in X.T])


fold = check.ready(
    "vec_transpose", otherwise=stacked_columns, on=[(np.arange(24.0).reshape(6, 4), 2)]
)

A = np.arange(6.0).reshape(2, 3)
assert np.array_equal(commutation_matrix(2, 3) @ A.ravel(order="F"), A.T.ravel(order="F"))

w = np.array([1.0, 10.0, 100.0, 1000.0])  # one row of W: M H = 4 weights
G = np.outer(x, w)
by_blocks = G[:4, :2] + G[4:, 2:]
by_formula = (fold(commutation_matrix(2, 2), 2).T @ fold(commutation_matrix(2, 4).T @ G, 2)).T

print("G =", *G.astype(int), sep="\n    ")
print("sum of its diagonal blocks =", *by_blocks.astype(int), sep="\n    ")
assert np.array_equal(by_blocks, by_formula)

# %% [markdown]
# The formula gives the sum of the diagonal blocks. And look at the result: it is nearly empty. Letter 3 stood first in the
# context, so its row is the first half of $w$; letter 1 stood second, so its row is the second half. All the other
# rows are zero. Keep that in mind.
#
# Here is the literal gradient as a program, one data point and one output class at a time.


# %%
def literal_gradient(E, W, context, target):
    """Return (loss, dE (V, H), dW (V, M H)) of one data point, by the formulas above as they stand.

    context: M token ids; target: one id. The loss is in nats.
    """
    (V, H), M = E.shape, len(context)
    x = np.eye(V)[context].ravel()
    R = np.kron(np.eye(M), E)
    mask = fold(commutation_matrix(H, M), M)
    log_p = special.log_softmax(W @ (x @ R))
    dE, dW = np.zeros_like(E), np.zeros_like(W)
    for k in range(V):
        error = np.exp(log_p[k]) - (k == target)
        G = np.outer(x, W[k])
        dE += error * (mask.T @ fold(commutation_matrix(M, V).T @ G, M)).T
        dW[k] = error * (x @ R)
    return -log_p[target], dE, dW


def start(M, H, seed=0, V=V):
    """Return random parameters E (V, H) and W (V, M H)."""
    draw = np.random.default_rng(seed)
    return draw.normal(scale=0.1, size=(V, H)), draw.normal(scale=0.1, size=(V, M * H))


def literal_loss(E, W, contexts, targets, weights):
    """Return (loss, dE, dW), the weighted mean over the data points (N, M), one literal gradient after the other."""
    parts = [literal_gradient(E, W, *point) for point in zip(contexts, targets, strict=True)]
    share = weights / weights.sum()
    return tuple(sum(s * part[i] for s, part in zip(share, parts, strict=True)) for i in range(3))


E, W = start(M=3, H=5)
few = (contexts[:12], targets[:12], counts[:12])
loss_few, dE_few, dW_few = literal_loss(E, W, *few)


def surprise_of(E, W):
    """Return the mean surprise of the 12 n-grams, with nothing but Python's own lookups."""
    logits = [W @ np.concatenate([E[c] for c in context]) for context in few[0]]
    each = [special.logsumexp(z) - z[t] for z, t in zip(logits, few[1], strict=True)]
    return np.average(each, weights=few[2])


assert np.isclose(loss_few, surprise_of(E, W), rtol=1e-12)
assert np.allclose(dE_few, check.numerical_gradient(lambda e: surprise_of(e, W), E), atol=1e-8)
assert np.allclose(dW_few, check.numerical_gradient(lambda w: surprise_of(E, w), W), atol=1e-8)
print("The literal gradient agrees with finite differences.")

# %% [markdown]
# It pays to compare this with the program that it replaces. That one added to a variable `ll` which did not exist yet, and took
# `E` and `y` from outside the function, so that its gradient belonged to whatever happened to be there. A function that
# gets everything as an argument, and returns all that it computes, can be checked.
#
# ## The fast gradient
#
# How much of that work was necessary? Nearly all of the entries of $x$, $R$, $G_k$ and the commutation matrices are zeros, and
# multiplying by zero takes as long as any other multiplication. Three moves are left when the zeros go:
#
# 1. **gather**: $f$ is $M$ rows of $E$, side by side;
# 2. **one matrix product** for all data points and all targets at once: the rows $f$ form a matrix $F$ of shape $(N, M H)$,
#    and $Z = F W^\top$;
# 3. **scatter-add**: backwards, each row of the gradient in $F$ is cut into $M$ pieces, and each piece is *added* to the
#    row of the letter that it came from.
#
# ## Exercise 3.4: gather and multiply (2 points)
#
# Write `predict_logits(E, W, contexts)` for `E` of shape `(V, H)`, `W` of shape `(V, M * H)` and integer `contexts` of
# shape `(N, M)`. It returns the logits, shape `(N, V)`: row $i$ holds the score of each possible target after context
# $i$. Without a loop over the data points.
#
# <details><summary>Hint 1: gather</summary>
#
# An array of integers is a valid index: what is the shape of <code>E[contexts]</code>?
# </details>
#
# <details><summary>Hint 2: side by side</summary>
#
# <code>reshape</code> with the shape <code>(N, M * H)</code> writes the rows of one context behind each other. No
# transposition is needed before it.
# </details>


# %% nbgrader={"grade": false, "grade_id": "predict_logits", "locked": false, "schema_version": 3, "solution": true, "task": false}
def predict_logits(E, W, contexts):
    """Return the logits (N, V) of all targets after each context of the rows of contexts (N, M)."""
    ### BEGIN SOLUTION
    features = E[contexts].reshape(len(contexts), W.shape[1])
    return features @ W.T
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "predict_logits_one_letter", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    predict_logits(
        np.array([[1.0, 2.0], [3.0, -1.0]]),
        np.array([[1.0, 0.0], [2.0, 1.0]]),
        np.array([[1], [0], [1]]),
    ),
    np.array([[3.0, 5.0], [1.0, 4.0], [3.0, 5.0]]),
    call="predict_logits([[1, 2], [3, -1]], [[1, 0], [2, 1]], [[1], [0], [1]])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("predict_logits_one_letter")
rows, outputs, single = (
    draw.normal(size=(4, 3)),
    draw.normal(size=(4, 3)),
    draw.integers(0, 4, (6, 1)),
)
expected = np.array([[sum(rows[c] * outputs[k]) for k in range(4)] for c in single[:, 0]])
check.close(
    predict_logits(rows, outputs, single),
    expected,
    call="predict_logits(E, W, contexts) with M = 1",
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "predict_logits_many_letters", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    predict_logits(
        np.array([[1.0, 2.0], [3.0, 4.0]]),
        np.array([[1.0, 10.0, 100.0, 1000.0], [0.0, 0.0, 1.0, 0.0]]),
        np.array([[0, 1], [1, 0], [1, 1]]),
    ),
    np.array([[4321.0, 3.0], [2143.0, 1.0], [4343.0, 3.0]]),
    call="predict_logits([[1, 2], [3, 4]], W, [[0, 1], [1, 0], [1, 1]])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("predict_logits_many_letters")
rows, outputs, several = (
    draw.normal(size=(5, 2)),
    draw.normal(size=(5, 6)),
    draw.integers(0, 5, (7, 3)),
)
expected = np.array([outputs @ np.concatenate([rows[c] for c in context]) for context in several])
check.close(
    predict_logits(rows, outputs, several),
    expected,
    call="predict_logits(E, W, contexts) with M = 3",
)
### END HIDDEN TESTS

# %% [markdown]
# ### Why not `+=`?
#
# The way back looks like the same indexing on the other side of the equals sign. It is a trap. The letter "e" occurs in
# thousands of contexts, so its row gets thousands of contributions. What does NumPy do with a repeated index?

# %%
once = np.zeros(3)
once[[0, 2, 2, 2]] += 1.0
print("index 2 three times:", once)
assert np.array_equal(once, [1, 0, 1])

# %% [markdown]
# NumPy first computes *all* the sums from the old values, then writes them, one over the other. Only the last one
# stays. No error, no warning: the loss even falls, more slowly. You find such a bug with finite differences, or never.
#
# ## Exercise 3.5: scatter-add (2 points)
#
# Write `scatter_add(ids, rows, V)`. `ids` are integers of shape `(N,)`, `rows` has the shape `(N, H)`. Return an array of shape
# `(V, H)` whose row $v$ is the sum of all `rows[i]` with `ids[i] == v`, and zero where there is none.
#
# <details><summary>Hint 1: a ufunc that does not buffer</summary>
#
# Look up <code>np.add.at</code>: it carries out one addition for every index, repeated or not.
# </details>
#
# <details><summary>Hint 2: as a matrix product</summary>
#
# A lookup is a product with one-hot rows. Which product with the same one-hot rows sums up what belongs to one letter?
# </details>


# %% nbgrader={"grade": false, "grade_id": "scatter_add", "locked": false, "schema_version": 3, "solution": true, "task": false}
def scatter_add(ids, rows, V):
    """Return the sums of the rows (N, H) that share an id, shape (V, H)."""
    ### BEGIN SOLUTION
    sums = np.zeros((V, rows.shape[1]), dtype=rows.dtype)
    np.add.at(sums, ids, rows)
    return sums
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "scatter_add_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.close(
    scatter_add(np.array([2, 0, 2]), np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]), 4),
    np.array([[2.0, 20.0], [0.0, 0.0], [4.0, 40.0], [0.0, 0.0]]),
    call="scatter_add([2, 0, 2], [[1, 10], [2, 20], [3, 30]], 4)",
)
### BEGIN HIDDEN TESTS
draw = check.rng("scatter_add_values")
where, pieces = draw.integers(0, 5, 40), draw.normal(size=(40, 3))
expected = np.array([pieces[where == v].sum(axis=0) for v in range(6)])
with check.unchanged(call="scatter_add(ids, rows, 6)", ids=where, rows=pieces):
    check.close(
        scatter_add(where, pieces, 6), expected, call="scatter_add(ids, rows, 6) for 40 rows"
    )
### END HIDDEN TESTS

# %% [markdown]
# There is more than one right way, and they differ in speed. `np.bincount` with weights sums up one column at a time, in
# tight compiled code that knows no other case. The general function has to be ready for everything, and takes longer.


# %%
def count_columns(ids, rows, V):
    """`scatter_add`, one column at a time by np.bincount. (Also the stand-in for an unsolved exercise 3.5.)"""
    columns = [np.bincount(ids, weights=column, minlength=V) for column in rows.T]
    return np.column_stack(columns)


def seconds(function, *args, repeat=5):
    """Return the shortest of a few run times of function(*args), in seconds."""
    took = []
    for _ in range(repeat):
        begin = time.perf_counter()
        function(*args)
        took.append(time.perf_counter() - begin)
    return min(took)


scatter_case = (contexts.ravel(), np.random.default_rng(0).normal(size=(contexts.size, 5)), V)
add_rows = check.ready("scatter_add", otherwise=count_columns, on=[scatter_case])
assert np.allclose(add_rows(*scatter_case), count_columns(*scatter_case), rtol=1e-9, atol=1e-9)

# %% tags=["nbval-ignore-output"]
slow, quick = seconds(add_rows, *scatter_case), seconds(count_columns, *scatter_case)
print(
    f"{contexts.size:,} rows: yours takes {slow / quick:.1f} times as long as one bincount a column"
)

# %% [markdown]
# ## Exercise 3.6: the whole gradient (4 points)
#
# Write `loss_and_gradient(E, W, contexts, targets, weights)`. Shapes as before; `targets` has the shape `(N,)` and
# `weights`, the counts, too. With $s_i = \text{weight}_i / \sum_j \text{weight}_j$, return the tuple `(loss, dE, dW)` of
#
# $$L = -\sum_{i=1}^{N} s_i \log p_{i, t_i}, \qquad
# D_{ik} = s_i \, (p_{ik} - y_{ik}), \qquad
# \frac{\partial L}{\partial W} = D^\top F, \qquad
# \frac{\partial L}{\partial F} = D\, W,$$
#
# and $\partial L / \partial E$ by scatter-add from $\partial L / \partial F$. Here $F$ are the features, shape $(N, M H)$, and
# $y_{ik}$ is 1 for $k = t_i$ and 0 otherwise. The loss is in nats. No loop over data points.
#
# Where does $D W$ come from? From $Z = F W^\top$: the entry $F_{ia}$ reaches each logit $z_{ik}$ through the weight $W_{ka}$,
# so its derivative is $\sum_k D_{ik} W_{ka}$. That is an entry of $D W$. It is the same sum over $k$ as in the literal
# gradient, where it was a loop.
#
# <details><summary>Hint 1: subtract the truth</summary>
#
# <code>D[np.arange(N), targets]</code> picks one entry in each row: no index pair is repeated there.
# </details>
#
# <details><summary>Hint 2: pieces</summary>
#
# Reshape $D W$ from <code>(N, M * H)</code> to <code>(N * M, H)</code>, and <code>contexts</code> to <code>(N * M,)</code>. Then
# row and id belong together. You may use any scatter-add from this page.
# </details>


# %% nbgrader={"grade": false, "grade_id": "loss_and_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def loss_and_gradient(E, W, contexts, targets, weights):
    """Return (loss, dE, dW): weighted mean surprise of targets (N,) after contexts (N, M), and its gradients."""
    ### BEGIN SOLUTION
    (N, M), (V, H), points = contexts.shape, E.shape, np.arange(len(contexts))
    share = (weights / weights.sum()).astype(E.dtype)
    features = E[contexts].reshape(N, M * H)
    D = features @ W.T
    D -= D.max(axis=1, keepdims=True)
    of_targets = D[points, targets]
    np.exp(D, out=D)
    total = D.sum(axis=1)
    loss = share @ (np.log(total) - of_targets)
    D *= (share / total)[:, None]
    D[points, targets] -= share
    one_hot = sparse.csr_array(
        (np.ones(N * M, E.dtype), contexts.ravel(), np.arange(N * M + 1)), shape=(N * M, V)
    )
    return loss, one_hot.T @ (D @ W).reshape(N * M, H), D.T @ features
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "loss_and_gradient_loss", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
rows, outputs = np.array([[0.5, -1.0], [1.0, 2.0], [0.0, 1.0]]), np.arange(12.0).reshape(3, 4) / 10
grams = np.array([[0, 1], [2, 1], [2, 2]])
check.close(
    loss_and_gradient(rows, outputs, grams, np.array([2, 0, 1]), np.array([3, 1, 4]))[0],
    1.2307678,
    call="loss of loss_and_gradient(E, W, contexts, targets, weights) for 3 data points",
)
### BEGIN HIDDEN TESTS
draw = check.rng("loss_and_gradient_loss")
rows, outputs, grams = (
    draw.normal(size=(5, 2)),
    draw.normal(size=(5, 6)),
    draw.integers(0, 5, (8, 3)),
)
truth, times = draw.integers(0, 5, 8), draw.integers(1, 30, 8)
scores = np.array([outputs @ np.concatenate([rows[c] for c in gram]) for gram in grams])
expected = np.average(special.logsumexp(scores, axis=1) - scores[range(8), truth], weights=times)
check.close(
    loss_and_gradient(rows, outputs, grams, truth, times)[0],
    expected,
    call="loss of loss_and_gradient(…) for 8 data points",
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "loss_and_gradient_outputs", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    loss_and_gradient(
        np.array([[1.0, 0.0], [0.0, 2.0]]),
        np.zeros((2, 2)),
        np.array([[0], [1]]),
        np.array([0, 1]),
        np.array([3, 1]),
    )[2],
    np.array([[-0.375, 0.25], [0.375, -0.25]]),
    call="dW of loss_and_gradient([[1, 0], [0, 2]], zeros, [[0], [1]], [0, 1], [3, 1])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("loss_and_gradient_outputs")
rows, outputs, grams = (
    draw.normal(size=(4, 2)),
    draw.normal(size=(4, 6)),
    draw.integers(0, 4, (9, 3)),
)
truth, times = draw.integers(0, 4, 9), draw.integers(1, 30, 9)


def surprise(w):
    scores = np.array([w @ np.concatenate([rows[c] for c in gram]) for gram in grams])
    return np.average(special.logsumexp(scores, axis=1) - scores[range(9), truth], weights=times)


expected = check.numerical_gradient(surprise, outputs)
check.close(
    loss_and_gradient(rows, outputs, grams, truth, times)[2],
    expected,
    call="dW of loss_and_gradient(…) for 9 data points",
    rtol=1e-5,
    atol=1e-7,
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "loss_and_gradient_embeddings", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.close(
    loss_and_gradient(
        np.zeros((3, 1)),
        np.array([[1.0, 2.0], [3.0, 5.0], [0.0, 0.0]]),
        np.array([[0, 0], [0, 1], [1, 0]]),
        np.array([1, 0, 0]),
        np.array([2, 1, 1]),
    )[1],
    np.array([[-2.0], [0.1666667], [0.0]]),
    call="dE of loss_and_gradient(zeros, W, [[0, 0], [0, 1], [1, 0]], [1, 0, 0], [2, 1, 1])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("loss_and_gradient_embeddings")
rows, outputs, grams = (
    draw.normal(size=(4, 2)),
    draw.normal(size=(4, 6)),
    draw.integers(0, 4, (9, 3)),
)
truth, times = draw.integers(0, 4, 9), draw.integers(1, 30, 9)


def surprise(e):
    scores = np.array([outputs @ np.concatenate([e[c] for c in gram]) for gram in grams])
    return np.average(special.logsumexp(scores, axis=1) - scores[range(9), truth], weights=times)


expected = check.numerical_gradient(surprise, rows)
given = {"E": rows, "W": outputs, "contexts": grams, "weights": times}
with check.unchanged(call="loss_and_gradient(…)", **given):
    check.close(
        loss_and_gradient(rows, outputs, grams, truth, times)[1],
        expected,
        call="dE of loss_and_gradient(…) for 9 data points",
        rtol=1e-5,
        atol=1e-7,
    )
### END HIDDEN TESTS

# %% [markdown]
# Three independent ways should now give the same numbers: the literal gradient, your fast one, and, as a referee from
# outside, PyTorch, which derives gradients from the program by itself. More about that in part C.


# %%
def torch_gradient(E, W, contexts, targets, weights):
    """Return (loss, dE, dW) by PyTorch's automatic differentiation. (Stands in for an unsolved exercise 3.6.)"""
    e, w = (torch.tensor(matrix, requires_grad=True) for matrix in (E, W))
    logits = torch.nn.functional.embedding(torch.as_tensor(contexts), e).flatten(1) @ w.T
    each = torch.nn.functional.cross_entropy(logits, torch.as_tensor(targets), reduction="none")
    loss = torch.as_tensor(weights / weights.sum()) @ each
    loss.backward()
    return loss.item(), e.grad.numpy(), w.grad.numpy()


fast = check.ready("loss_and_gradient", otherwise=torch_gradient, on=[(E, W, *few)])

for one, other in zip(fast(E, W, *few), literal_loss(E, W, *few), strict=True):
    assert np.allclose(one, other, rtol=1e-9, atol=1e-12)
for one, other in zip(
    fast(E, W, contexts, targets, counts),
    torch_gradient(E, W, contexts, targets, counts),
    strict=True,
):
    assert np.allclose(one, other, rtol=1e-9, atol=1e-12)
print("All agree to nine digits.")

# %% [markdown]
# ## Once per context
#
# There is more to save. Many of the distinct n-grams share their context: after "_th" come "e", "a", "i", "o", "r" and others.
# For each of them, `loss_and_gradient` computes the *same* row of features, logits and probabilities again. It is enough to
# do it once for each distinct context, and to keep a row of counts instead of a single target:
#
# $$L = -\frac{1}{n} \sum_{u=1}^{U} \sum_{k=1}^{V} C_{uk} \log p_{uk}, \qquad
# D_{uk} = \frac{1}{n} \bigl( C_{u+}\, p_{uk} - C_{uk} \bigr).$$
#
# $C_{uk}$ says how often target $k$ follows context $u$, $C_{u+}$ is the sum of row $u$, and $n$ the sum of the whole table. With
# $M = 1$ this is the table of part A.
#
# ## Exercise 3.7: once per context (4 points)
#
# Write two functions.
#
# - `merge_contexts(contexts, targets, counts, V)` returns `(unique, table)`: the distinct contexts, shape `(U, M)`, in ascending
#   order (compare the first id, then the second, …), and the table $C$, shape `(U, V)`, of floats.
# - `loss_and_gradient_unique(E, W, contexts, counts)` takes these two as `contexts` and `counts`, and returns `(loss, dE, dW)`
#   as in exercise 3.6.
#
# <details><summary>Hint 1: which context is it?</summary>
#
# With <code>return_inverse=True</code>, <code>np.unique</code> along axis 0 also returns, for each row, the number of its
# distinct context. These and the targets are a pair of indices into the table.
# </details>
#
# <details><summary>Hint 2: what changes in the gradient?</summary>
#
# Only the error matrix $D$ and the loss. Everything after $D$ stays as it was.
# </details>


# %% nbgrader={"grade": false, "grade_id": "loss_and_gradient_unique", "locked": false, "schema_version": 3, "solution": true, "task": false}
def merge_contexts(contexts, targets, counts, V):
    """Return the distinct contexts (U, M), ascending, and how often each target follows each, floats (U, V)."""
    ### BEGIN SOLUTION
    unique, number = np.unique(contexts, axis=0, return_inverse=True)
    table = np.zeros((len(unique), V))
    np.add.at(table, (number.ravel(), targets), counts)
    return unique, table
    ### END SOLUTION


def loss_and_gradient_unique(E, W, contexts, counts):
    """Return (loss, dE, dW) for distinct contexts (U, M) and the counts (U, V) of their targets."""
    ### BEGIN SOLUTION
    (U, M), (V, H), n = contexts.shape, E.shape, counts.sum()
    features = E[contexts].reshape(U, M * H)
    logits = features @ W.T
    logits -= logits.max(axis=1, keepdims=True)
    D = np.exp(logits)
    total, row_counts = D.sum(axis=1), counts.sum(axis=1)
    loss = (row_counts @ np.log(total) - np.vdot(counts, logits)) / n
    D *= (row_counts / total)[:, None]
    D -= counts
    D /= n
    one_hot = sparse.csr_array(
        (np.ones(U * M, E.dtype), contexts.ravel(), np.arange(U * M + 1)), shape=(U * M, V)
    )
    return loss, one_hot.T @ (D @ W).reshape(U * M, H), D.T @ features
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "merge_contexts_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
unique, table = merge_contexts(
    np.array([[1, 0], [0, 2], [1, 0], [0, 2]]), np.array([2, 1, 0, 2]), np.array([5, 4, 3, 1]), 3
)
check.close(unique, np.array([[0, 2], [1, 0]]), call="contexts of merge_contexts(…)")
expected = np.array([[0.0, 4.0, 1.0], [3.0, 0.0, 5.0]])
check.close(table, expected, call="table of merge_contexts(…)")
### BEGIN HIDDEN TESTS
draw = check.rng("merge_contexts_values")
stream = draw.integers(0, 4, 80)
grams = sorted({tuple(stream[i : i + 3].tolist()) for i in range(78)}, key=lambda gram: gram[::-1])
times = draw.integers(1, 50, len(grams))
befores = sorted({gram[:2] for gram in grams})
expected = np.zeros((len(befores), 4))
for gram, n in zip(grams, times, strict=True):
    expected[befores.index(gram[:2]), gram[2]] = n
rows = np.array(grams)
unique, table = merge_contexts(rows[:, :2], rows[:, 2], times, 4)
check.close(unique, np.array(befores), call="contexts of merge_contexts(…) for n-grams of 80 ids")
check.close(table, expected, call="table of merge_contexts(…) for n-grams of 80 ids")
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "loss_and_gradient_unique_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
loss, dE, dW = loss_and_gradient_unique(
    np.array([[0.0], [1.0]]),
    np.array([[0.0], [1.0]]),
    np.array([[0], [1]]),
    np.array([[1.0, 3.0], [0.0, 4.0]]),
)
check.close(loss, 0.5032044, call="loss of loss_and_gradient_unique(…)")
check.close(dE, np.array([[-0.125], [-0.1344707]]), call="dE of loss_and_gradient_unique(…)")
check.close(dW, np.array([[0.1344707], [-0.1344707]]), call="dW of loss_and_gradient_unique(…)")
### BEGIN HIDDEN TESTS
draw = check.rng("loss_and_gradient_unique_values")
rows, outputs = draw.normal(size=(4, 2)), draw.normal(size=(4, 6))
befores, often = (
    np.array([[0, 1, 2], [3, 3, 3], [1, 0, 1], [3, 0, 2]]),
    draw.integers(0, 9, (4, 4)) + 1.0,
)


def surprise(e, w):
    scores = np.array([w @ np.concatenate([e[c] for c in before]) for before in befores])
    return np.average(special.logsumexp(scores, axis=1)[:, None] - scores, weights=often)


expected = [surprise(rows, outputs)]
expected.append(check.numerical_gradient(lambda e: surprise(e, outputs), rows))
expected.append(check.numerical_gradient(lambda w: surprise(rows, w), outputs))
with check.unchanged(call="loss_and_gradient_unique(…)", contexts=befores, counts=often):
    found = loss_and_gradient_unique(rows, outputs, befores, often)
for name, got, wanted in zip(("loss", "dE", "dW"), found, expected, strict=True):
    check.close(
        got,
        wanted,
        call=f"{name} of loss_and_gradient_unique(…) for 4 contexts",
        rtol=1e-5,
        atol=1e-7,
    )
### END HIDDEN TESTS


# %%
def pandas_merge(contexts, targets, counts, V):
    """Stand in for the first half of an unsolved exercise 3.7: a pivot table."""
    frame = pd.DataFrame(contexts).assign(target=targets, count=counts)
    index = list(range(contexts.shape[1]))
    pivot = frame.pivot_table(
        index=index, columns="target", values="count", aggfunc="sum", fill_value=0
    )
    keys = np.array(pivot.index.to_list()).reshape(len(pivot), contexts.shape[1])
    return keys, pivot.reindex(columns=range(V), fill_value=0).to_numpy(float)


def torch_unique(E, W, contexts, counts):
    """Stand in for the second half: PyTorch again, with a row of counts per context."""
    e, w = (torch.tensor(matrix, requires_grad=True) for matrix in (E, W))
    logits = torch.nn.functional.embedding(torch.as_tensor(contexts), e).flatten(1) @ w.T
    loss = -(torch.tensor(counts) * logits.log_softmax(1)).sum() / counts.sum()
    loss.backward()
    return loss.item(), e.grad.numpy(), w.grad.numpy()


merge = check.ready("merge_contexts", otherwise=pandas_merge, on=[(*few, V)])
unique, table = merge(contexts, targets, counts, V)
faster = check.ready(
    "loss_and_gradient_unique", otherwise=torch_unique, on=[(E, W, unique[:50], table[:50])]
)

for one, other in zip(
    faster(E, W, unique, table), fast(E, W, contexts, targets, counts), strict=True
):
    assert np.allclose(one, other, rtol=1e-9, atol=1e-12)
print(f"{len(counts):,} distinct n-grams, {len(unique):,} distinct contexts: the same gradient")

# %% [markdown]
# What did it bring? Each row of the table is the same objective and gradient, on the same n-grams; the times depend on your
# machine.

# %% tags=["nbval-ignore-output"]
per_point = (
    seconds(literal_loss, E, W, *(part[:40] for part in (contexts, targets, counts)), repeat=2) / 40
)
per_gram = seconds(fast, E, W, contexts, targets, counts) / len(counts)
per_merged = seconds(faster, E, W, unique, table) / len(counts)
pd.DataFrame(
    {
        "microseconds per n-gram": np.round(
            [1e6 * t for t in (per_point, per_gram, per_merged)], 2
        ),
        "times faster than literal": [
            f"{per_point / t:,.0f}" for t in (per_point, per_gram, per_merged)
        ],
    },
    index=["literal", "gather, product, scatter-add", "once per context"],
)

# %%
assert per_point > 20 * per_gram

# %% [markdown]
# The literal gradient did nothing wrong. It multiplied zeros. What is left after the zeros are gone is one matrix product
# forwards and two backwards, and that is why the fast form is fast: matrix products are what processors do best.
# `benchmarks/ngram.py` measures the same on all characters of the text, in one run, next to PyTorch and to the limit that the
# machine itself sets:
#
# ```bash
# .venv/bin/python benchmarks/ngram.py
# ```
#
# On two cores, with the 1.1 million characters of Tiny Shakespeare (65 of them distinct), $M = 3$ and $H = 5$, it printed:
#
# | way | µs per data point | times the literal one |
# | --- | --- | --- |
# | literal gradient | 2,545 | 1 |
# | PyTorch's autograd | 2.7 | 930 |
# | gather, matrix product, scatter-add | 0.53 | 4,800 |
# | once per unique context | 0.23 | 11,000 |
# | the same in `float32` | 0.09 | 28,000 |
#
# The third row runs at a third of the speed of a plain big matrix product on the same cores, so not much more is to be had.
#
# ## Training
#
# Optimisers want one flat vector of parameters, and a function that returns loss and gradient. Some of them, such as
# Adam, look at a part of the data at a time, a *minibatch*. So the data are cut into 20 batches, and the loss of a batch is
# its *share* of the whole loss: the shares add up to the mean over the whole text.


# %%
GRAMS = len(training) - 3  # n-grams in the training text


def unpack(theta, M, H):
    """Return E (V, H) and W (V, M H), views into the flat parameters."""
    return theta[: V * H].reshape(V, H), theta[V * H :].reshape(V, M * H)


def batch_loss(theta, batch, M=3, H=5, n=GRAMS):
    """Return the batch's share of the mean loss over n n-grams, and its gradient, flat."""
    loss, dE, dW = faster(*unpack(theta, M, H), *batch)
    share = batch[1].sum() / n
    return share * loss, share * np.concatenate([dE.ravel(), dW.ravel()])


def cut_into_batches(order, number=20):
    """Return the contexts and their counts, in the given order, as a list of batches: the last ones too."""
    return [(unique[part], table[part]) for part in np.array_split(order, number)]


def bits_per_letter(theta):
    """Return the loss over the whole training text in bits."""
    return batch_loss(theta, (unique, table))[0] / np.log(2)


theta_start = np.concatenate([part.ravel() for part in start(M=3, H=5)])
by_chance_order = np.random.default_rng(0).permutation(len(unique))
batches = cut_into_batches(by_chance_order)

assert sum(len(batch[0]) for batch in batches) == len(unique)
shares = sum(batch_loss(theta_start, batch)[0] for batch in batches)
assert np.isclose(shares, batch_loss(theta_start, (unique, table))[0], rtol=1e-12)
print(f"{len(batches)} batches of {len(batches[-1][0])} or {len(batches[0][0])} contexts")
print(f"at the start: {bits_per_letter(theta_start):.2f} bits per letter")

# %% [markdown]
# ### Most common first?
#
# The post that this part grows from sorts the n-grams, the most common first, before it cuts them into minibatches:
# "because curriculum learning, or something". Does it help? Make a guess. Then let Adam train on batches of contexts cut from
# the sorted list, and on batches cut from five random orders, with everything else equal.

# %%
most_common_first = np.argsort(-table.sum(axis=1), kind="stable")
orders = [most_common_first] + [
    np.random.default_rng(seed).permutation(len(unique)) for seed in range(5)
]
rows = []
for order in orders:
    adam = optim.Adam(batch_loss, theta_start, cut_into_batches(order), rate=0.03)
    rows.append([bits_per_letter(adam.optimize(passes)) for passes in (1, 1, 3, 15)])
rows = np.array(rows)

in_order = cut_into_batches(most_common_first)
first, last = in_order[0][1].sum() / table.sum(), in_order[-1][1].sum(axis=1).max()
print(f"The first of 20 sorted batches holds {first:.0%} of the text.")
print("In the last one, no context occurs twice.")
assert 0.4 < first < 0.5 and last == 1
assert np.all(rows[0, :2] > rows[1:, :2].max(axis=0)) and rows[0, 3] > rows[1:, 3].min()
pd.DataFrame(
    [rows[0], rows[1:].mean(axis=0)],
    index=["most common first", "random order, mean of 5"],
    columns=pd.Index([1, 2, 5, 20], name="bits per letter after passes"),
).round(2)

# %% [markdown]
# It does not help; it starts more slowly, and after 20 passes nothing is left of the difference. Sorted batches differ as much
# as they can: the first one holds nearly half of the text, the last one contexts that occur a single time. A step on a minibatch is a good step
# only as far as the batch resembles the whole, and a batch of random contexts does. Sorting is useful for reading the
# table, not for learning from it.
#
# ### Three optimisers, one objective
#
# - **Adam** (2014) takes a small step after each minibatch, scaled for each parameter by the recent size of its gradients.
# - **L-BFGS** takes a step only after *all* the data. From its last steps it estimates how the slope changes, the
#   curvature, and so where the valley's floor should be.
# - The **Sum of Functions Optimizer**, SFO (2013), does both: it keeps an estimate of the curvature for *each* minibatch, and
#   goes to the floor of the sum of all estimates after each.
#
# To be fair, count what costs time: an *effective pass* is as many evaluations as it takes to see all the data once. All
# three start from the same parameters.

# %%
PASSES = 50
paths = {}
for label, optimizer in [
    ("SFO", optim.SFO(batch_loss, theta_start, batches)),
    ("Adam", optim.Adam(batch_loss, theta_start, batches, rate=0.03)),
]:
    paths[label] = [theta_start] + [optimizer.optimize(1).copy() for _ in range(PASSES)]

seen = []


def remembered(theta):
    """The objective over all the data; keeps each point that L-BFGS asks for."""
    seen.append(theta.copy())
    return batch_loss(theta, (unique, table))


minimize(remembered, theta_start, method="L-BFGS-B", jac=True, options={"maxfun": PASSES + 1})
paths["L-BFGS"] = seen[: PASSES + 1]

curves = {
    label: np.array([bits_per_letter(theta) for theta in path]) for label, path in paths.items()
}
curves["L-BFGS"] = np.minimum.accumulate(
    curves["L-BFGS"]
)  # a point that L-BFGS refused does not count
checkpoints = pd.DataFrame(curves).loc[[0, 2, 5, 10, 20, 50]].rename_axis("passes")
assert checkpoints["L-BFGS"][10] > checkpoints[["SFO", "Adam"]].loc[10].max() + 0.2
assert checkpoints.loc[50].max() - checkpoints.loc[50].min() < 0.1
assert checkpoints["SFO"][50] == checkpoints.loc[50].min()
checkpoints.round(2)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots()
for (label, curve), color, style in zip(
    curves.items(), ["blue", "orange", "green"], ["-", "--", "-."], strict=True
):
    axes.plot(curve, style, color=plots.COLORS[color], label=label)
axes.set(
    xlabel="effective passes over the data",
    ylabel="bits per letter",
    title="One objective, three optimisers",
    xlim=(0, PASSES),
)
axes.legend(loc="upper right")
plots.show(
    figure,
    name="optimizers",
    alt="Bits per letter over 50 effective passes. SFO and Adam fall from 4.75 to 3.4 within about seven passes, L-BFGS takes about 25 for that. "
    "At the end all three lie within a tenth of a bit, SFO lowest.",
)

# %% [markdown]
# After ten passes the two that learn from minibatches are about half a bit ahead: they have taken 200 steps each, L-BFGS at
# most ten. After 50 passes all three are within a tenth of a bit of each other, and SFO is the lowest. Two things that the
# figure does not show: Adam's learning rate of 0.03 was the best of three that were tried, while the other two have none
# to try; and SFO does more arithmetic for each step.
#
# ### The embeddings, while they learn
#
# With $H = 5$ there are five numbers per letter, and paper has two. *Principal components* are the two directions in which
# the embeddings differ most at the end of training; the animation shows them there all the way. The path is that of
# L-BFGS, and each frame shows the loss of the very embeddings that it draws.

# %%
steps = [theta_start]
result = minimize(
    batch_loss,
    theta_start,
    args=((unique, table),),
    method="L-BFGS-B",
    jac=True,
    callback=lambda theta: steps.append(theta.copy()),
    options={"maxiter": 100},
)
E_trained, W_trained = unpack(result.x, 3, 5)
print(f"after {len(steps) - 1} steps: {bits_per_letter(result.x):.1f} bits per letter")
assert vowel_ratio(E_trained) < 0.75 and bits_per_letter(result.x) < 3.4

# %% jupyter={"source_hidden": true}
components = PCA(2).fit(E_trained)
flat_paths = [components.transform(unpack(theta, 3, 5)[0]) for theta in steps]
frames = [*range(0, 30), *range(30, len(steps), 5)]
everywhere = np.concatenate([flat_paths[i] for i in frames])
low, high = everywhere.min(axis=0), everywhere.max(axis=0)
low, high = low - 0.06 * (high - low), high + 0.06 * (high - low)

figure, axes = plt.subplots(figsize=(6.0, 5.4))
axes.set(xlabel="first principal component", ylabel="second principal component")
axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
axes.set_title(" ")
tiles = axes.scatter(
    *flat_paths[0][VOWELS].T, s=230, marker="s", color=plots.COLORS["sky"], zorder=2
)
names = [
    axes.text(0, 0, token, ha="center", va="center", size=11, zorder=3) for token in letters.tokens
]
names[0].set(color=plots.COLORS["red"], size=22)
headline = axes.text(0, 1.03, "", transform=axes.transAxes, fontsize=12, clip_on=False)


def draw_step(step):
    """Move each letter to its embedding after a step and write the loss above."""
    tiles.set_offsets(flat_paths[step][VOWELS])
    for name, place in zip(names, flat_paths[step], strict=True):
        name.set_position(place)
    headline.set_text(f"step {step}:  {bits_per_letter(steps[step]):.2f} bits per letter")
    return [tiles, headline, *names]


pictures = animate.record(figure, draw_step, frames)
animate.show_gif(
    pictures,
    name="embeddings_training",
    alt="Animation over 100 steps of training. All 27 letters start in one heap. The vowels a, e, i, o and u leave it within six steps "
    "and stay together; the gap between words moves far to the left, and the rare letters j and q far down.",
    milliseconds=120,
)

# %% [markdown]
# All letters start in one heap, because small random numbers are all alike. The vowels are
# the first to leave it, together, and the gap between words goes a way of its own: these are the two things about a
# letter that help most in guessing the next one. Rare letters such as *q* follow later.
#
# ## Let it write
#
# A model that says how probable each next letter is can write: draw a letter from these probabilities, append it, move
# the context on by one, repeat. There is one dial. With the *temperature* $\tau$, the probabilities are
#
# $$p_k = \frac{e^{z_k / \tau}}{\sum_j e^{z_j / \tau}}.$$
#
# What happens for $\tau \to 0$? And for $\tau \to \infty$?
#
# ## Exercise 3.8: temperature (2 points)
#
# Write `temperature_probabilities(logits, temperature)` for one row of logits, shape `(V,)`, and a temperature above 0.
# It returns the probabilities, shape `(V,)`. A temperature of 0.001 must give a finite result without a warning.
#
# <details><summary>Hint 1: low or high?</summary>
#
# A low temperature makes differences larger: the likeliest letter wins nearly always. So divide.
# </details>
#
# <details><summary>Hint 2: overflow</summary>
#
# First subtract the largest logit, then divide, then take the exponential.
# </details>


# %% nbgrader={"grade": false, "grade_id": "temperature_probabilities", "locked": false, "schema_version": 3, "solution": true, "task": false}
def temperature_probabilities(logits, temperature):
    """Return the probabilities (V,) of the softmax of logits (V,) at a temperature above 0."""
    ### BEGIN SOLUTION
    unnormalised = np.exp((logits - logits.max()) / temperature)
    return unnormalised / unnormalised.sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "temperature_probabilities_values", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    temperature_probabilities(np.array([0.0, 1.0, 2.0]), 0.5),
    np.array([0.01587624, 0.11731043, 0.86681333]),
    call="temperature_probabilities([0, 1, 2], 0.5)",
)
check.close(
    temperature_probabilities(np.array([0.0, 1.0, 2.0]), 1.0),
    np.array([0.09003057, 0.24472847, 0.66524096]),
    call="temperature_probabilities([0, 1, 2], 1.0)",
)
### BEGIN HIDDEN TESTS
draw = check.rng("temperature_probabilities_values")
scores, heat = draw.normal(size=6), draw.uniform(1.5, 3)
expected = special.softmax(scores / heat)
with check.unchanged(call="temperature_probabilities(logits, temperature)", logits=scores):
    check.close(
        temperature_probabilities(scores, heat),
        expected,
        call="temperature_probabilities(logits, temperature) for 6 logits",
    )
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "temperature_probabilities_stable", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
with check.no_warnings("temperature_probabilities must not overflow"):
    check.close(
        temperature_probabilities(np.array([3.0, 1.0, 3.0]), 0.001),
        np.array([0.5, 0.0, 0.5]),
        call="temperature_probabilities([3, 1, 3], 0.001)",
    )
### BEGIN HIDDEN TESTS
scores = check.rng("temperature_probabilities_stable").permutation(5) * 2.0
expected = (scores == 8.0).astype(float)
with check.no_warnings("temperature_probabilities must not overflow"):
    check.close(
        temperature_probabilities(scores, 0.002),
        expected,
        call="temperature_probabilities(logits, 0.002) for 5 logits",
    )
### END HIDDEN TESTS


# %%
def one_hot_logits(E, W, contexts):
    """Stand in for an unsolved exercise 3.4: one-hot rows times the Kronecker product."""
    rows = np.eye(len(E))[contexts].reshape(len(contexts), -1)
    return rows @ np.kron(np.eye(contexts.shape[1]), E) @ W.T


score = check.ready("predict_logits", otherwise=one_hot_logits, on=[(E, W, contexts[:9])])
heated = check.ready(
    "temperature_probabilities",
    otherwise=lambda logits, temperature: special.softmax(logits / temperature),
    on=[(np.array([0.0, 1.0, 5.0]), 0.7)],
)


def write(probabilities, begin, length, seed):
    """Return `begin` and `length` letters more; probabilities(context (1, 3)) gives those of the next one."""
    draw, text = np.random.default_rng(seed), list(letters.encode(begin))
    for _ in range(length):
        text.append(draw.choice(V, p=probabilities(np.array([text[-3:]]))))
    return letters.decode(text)


for temperature in (0.3, 1.0, 2.0):
    text = write(
        lambda c, t=temperature: heated(score(E_trained, W_trained, c)[0], t), "the", 140, seed=0
    )
    print(f"temperature {temperature}:", text[:72], text[72:], sep="\n    ")
    assert text == write(
        lambda c, t=temperature: heated(score(E_trained, W_trained, c)[0], t), "the", 140, seed=0
    )

# %% [markdown]
# Cold, it repeats the safest letters; hot, it types like a cat on the keyboard. At temperature 1 it draws from what it has
# learned, and there are words of plausible length with vowels in plausible places. But English it is not. Is that
# because contexts of three letters are too short?
#
# ## As good as n-grams?
#
# The post that this chapter grows from says that the model "is expected to work about as well as character n-grams".
# Here is an opponent: plain counting, which has no embeddings and no gradient. The estimate for a context of $m$ letters mixes
# its counts with the estimate for the context one letter shorter, and so on down to "all letters are equally likely":
#
# $$p_m(k \mid c) = \frac{C_m(c, k) + u(c)\, p_{m-1}(k \mid c')}{C_m(c) + u(c)}.$$
#
# $C_m(c, k)$ says how often $k$ follows $c$ in the training text, $C_m(c)$ is the sum over $k$, $u(c)$ counts the
# *different* letters that follow $c$, and $c'$ is $c$ without its first letter. This is *Witten–Bell smoothing*.


# %%
def counting_probabilities(ids, contexts):
    """Return the probabilities (N, V) after contexts (N, M) of letter counts in ids, interpolated (Witten and Bell)."""
    M = contexts.shape[1]
    p = np.full((len(contexts), V), 1 / V)
    for m in range(M + 1):
        code, windows = V ** np.arange(m), sliding_window_view(ids, m + 1)
        followers = np.bincount(
            windows[:, :m] @ code * V + windows[:, m], minlength=V ** (m + 1)
        ).reshape(-1, V)
        found = followers[contexts[:, M - m :] @ code]
        kinds = (found > 0).sum(axis=1, keepdims=True)
        p = np.where(kinds, found + kinds * p, p) / np.where(
            kinds, found.sum(axis=1, keepdims=True) + kinds, 1
        )
    return p


text = write(lambda c: counting_probabilities(training, c)[0], "the", 140, seed=0)
print("counting, three letters of context:", text[:72], text[72:], sep="\n    ")

# %% [markdown]
# That reads better, with the same three letters of context. Now in numbers, on the tenth of the text that no model has seen.
# All rows predict the same letters: those with at least three letters before them.


# %%
def train_grams(M, H, maxiter=100):
    """Return E and W of the model with contexts of M letters, trained on the training text with L-BFGS."""
    befores, often = merge(*count_grams(training, M), V)
    theta = np.concatenate([part.ravel() for part in start(M, H)])
    n = often.sum()
    options = {"maxiter": maxiter}
    best = minimize(
        batch_loss,
        theta,
        args=((befores, often), M, H, n),
        method="L-BFGS-B",
        jac=True,
        options=options,
    )
    return unpack(best.x, M, H)


future, often = merge(*count_grams(held_out, 3), V)
bits = []
for M in (1, 2, 3):
    log_p = {"counting": np.log2(counting_probabilities(training, future[:, 3 - M :]))}
    for H in (5, 16):
        logits = score(*train_grams(M, H), future[:, 3 - M :])
        log_p[f"embeddings, H = {H}"] = special.log_softmax(logits, axis=1) / np.log(2)
    bits.append({label: -np.vdot(often, values) / often.sum() for label, values in log_p.items()})
bits = pd.DataFrame(bits, index=pd.Index([1, 2, 3], name="letters of context"))

assert np.allclose(bits["counting"], [3.40, 2.80, 2.26], atol=0.01)
assert abs(bits["embeddings, H = 16"][1] - bits["counting"][1]) < 0.02
assert bits["embeddings, H = 16"][3] > bits["counting"][3] + 0.8
bits.round(1)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots()
for (label, column), color, style in zip(
    bits.items(), ["black", "orange", "blue"], ["o-", "s:", "D--"], strict=True
):
    axes.plot(bits.index, column, style, color=plots.COLORS[color], label=label)
axes.set(
    xlabel="letters of context",
    ylabel="bits per letter, held out",
    title="Counting learns from a longer context, this model hardly",
    xticks=[1, 2, 3],
    ylim=(2, 4),
)
axes.legend(loc="lower left")
plots.show(
    figure,
    name="held_out_bits",
    alt="Held-out bits per letter for one, two and three letters of context. Counting falls from 3.4 over 2.8 to 2.3. The models with "
    "embeddings of 5 and 16 numbers fall only a little, the one with 16 from 3.4 to 3.1; at one letter it meets the counts.",
)

# %% [markdown]
# With one letter of context the claim holds: given enough dimensions, the model reaches the counts exactly. With three it
# fails, and not by a little: nearly one bit per letter. More dimensions help, but look where they lead; the next
# exercise asks you why.
#
# What happens with longer contexts, all characters, and more dimensions? `benchmarks/character_models.py` makes the comparison
# for contexts of one to five characters, on this text, or on Tiny Shakespeare where `EMBEDLAB_MIRROR` names a mirror:
#
# ```bash
# .venv/bin/python benchmarks/character_models.py
# ```
#
# On all of Tiny Shakespeare, in bits per character, with its own, stronger smoothing for the counts, it printed:
#
# | characters of context | counting | $H = 5$ | $H = 20$ | any $H$ |
# | --- | --- | --- | --- | --- |
# | 1 | 3.59 | 3.72 | 3.59 | 3.59 |
# | 2 | 2.97 | 3.50 | 3.30 | 3.28 |
# | 3 | 2.58 | 3.43 | 3.21 | 3.17 |
# | 4 | 2.44 | 3.41 | 3.18 | 3.14 |
# | 5 | 2.47 | 3.40 | 3.17 | 3.13 |
#
# "Any $H$" is the limit of this model: one-hot rows in place of embeddings. So the claim is true for one character of context and for
# no more. It is not a matter of the embeddings' size, nor of more training.
#
# ## Part C: let PyTorch derive it
#
# Everything above was derived by hand, once. *Automatic differentiation* does the same from the program itself: PyTorch
# remembers which operations made the loss, and walks back through them with the chain rule. The model is a few lines.


# %%
class CharacterModel(torch.nn.Module):
    """The model of part B: a lookup of M letters and one linear layer without a bias, in float64."""

    def __init__(self, V, M, H):
        super().__init__()
        self.embedding = torch.nn.Embedding(V, H, dtype=torch.float64)
        self.output = torch.nn.Linear(M * H, V, bias=False, dtype=torch.float64)

    def forward(self, contexts):
        return self.output(self.embedding(contexts).flatten(1))


model = CharacterModel(V, 3, 5)
with torch.no_grad():
    model.embedding.weight.copy_(torch.as_tensor(E))
    model.output.weight.copy_(torch.as_tensor(W))

surprises = torch.nn.functional.cross_entropy(
    model(torch.as_tensor(contexts)), torch.as_tensor(targets), reduction="none"
)
share = torch.as_tensor(counts / counts.sum())
(share @ surprises).backward()
loss_hand, dE_hand, dW_hand = fast(E, W, contexts, targets, counts)

gap = max(
    np.abs(model.embedding.weight.grad.numpy() - dE_hand).max(),
    np.abs(model.output.weight.grad.numpy() - dW_hand).max(),
)
assert gap < 1e-10
assert np.isclose((share @ surprises).item(), loss_hand, rtol=1e-12)
print("PyTorch's gradient and the one derived by hand differ by less than 0.0000000001.")

# %% [markdown]
# `torch.nn.Embedding` is the gather; its backward pass is the scatter-add; `torch.nn.Linear` is the matrix product. There is no
# Kronecker product inside, and no commutation matrix. You now know what an embedding layer does in both directions,
# and could check it.
#
# ## Exercise 3.9: in your own words (3 points)
#
# With contexts of one letter, embeddings with $H = 16$ (and all the more with $H = 27$) are as good as counting. With three
# letters they are not, however large $H$ is made.
#
# 1. Write the logit $z_k$ as a sum with one term for each of the three letters. What can such a sum not express?
#    Give an example of three letters and a target.
# 2. What would you change in the model, so that it could?
#
# Three to six sentences. This answer is read and marked by a person.

# %% [markdown] nbgrader={"grade": true, "grade_id": "sum_of_letters", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# 1. The logit is a sum with one term per position, z_k = w_k1 · e_c1 + w_k2 · e_c2 + w_k3 · e_c3: every letter of the context votes for the
#    targets on its own, and its vote does not depend on the other two. So the model cannot express that a *combination* means something.
#    After "_qu" comes a vowel, because q and u stand together; after other letters "u" is followed mostly by consonants, and the votes of
#    "q" and "u" can only be added up. A table of counts has a row of its own for each combination. *(2 points: the sum; an example of a combination)*
# 2. Put a nonlinear layer between features and logits (a hidden layer with tanh or ReLU), so that a unit can respond to a combination of
#    letters; or give pairs or triples of letters an embedding of their own. *(1 point; a larger H alone is not an answer)*
# ### END SOLUTION

# %% [markdown]
# ## What to take away
#
# - An embedding puts things together that behave alike in the task. For letters it finds the vowels, which you can show
#   with a number, a spread over seeds, and a control.
# - Count everything once, with weights. Ask of every loop whether the last one is in.
# - A lookup is a product with one-hot rows, so its gradient is a product with the same rows transposed: a scatter-add.
#   `+=` with repeated indices is not one.
# - The literal formula shows why a gradient is right. The fast form shows what it costs. Finite differences and autograd
#   show that they agree.
# - Sorted minibatches do not help. Compare optimisers on one objective, from one start, per pass over the data.
# - A model that adds up the votes of its letters is not "about as good as n-grams". Measure such claims.
#
# **Next.** In chapter 4 it is not the input that gets an embedding, but the answer.
#
# ## What this chapter builds on
#
# - The letter experiment follows a video course on embeddings that trains them on 20,000 headlines of the Australian Broadcasting
#   Corporation. The n-gram model, its literal gradient and the claim about n-grams come from the post *Numpy character
#   embeddings*, which found its own implementation too slow to take seriously. Its loops lost the last n-gram and the
#   last minibatch.
# - T. P. Minka, *Old and New Matrix Algebra Useful for Statistics*, 2000: the vec-transpose.
# - J. R. Magnus and H. Neudecker, *The Commutation Matrix: Some Properties and Applications*, Annals of Statistics 7, 1979.
# - A. Mnih and G. Hinton, *Three New Graphical Models for Statistical Language Modelling*, ICML 2007: the log-bilinear model,
#   of which ours is a relative.
# - I. H. Witten and T. C. Bell, *The Zero-Frequency Problem*, IEEE Transactions on Information Theory 37, 1991; S. F. Chen and
#   J. Goodman, *An Empirical Study of Smoothing Techniques for Language Modeling*, Computer Speech and Language 13, 1999.
# - J. Sohl-Dickstein, B. Poole and S. Ganguli, *Fast Large-Scale Optimization by Unifying Stochastic Gradient and Quasi-Newton
#   Methods*, ICML 2014, arXiv 1311.2115: the Sum of Functions Optimizer.
# - D. P. Kingma and J. Ba, *Adam: A Method for Stochastic Optimization*, 2014, arXiv 1412.6980. D. C. Liu and J. Nocedal, *On the
#   Limited Memory BFGS Method for Large Scale Optimization*, Mathematical Programming 45, 1989.
# - M. D. Lee, B. Pincombe and M. Welsh, *An Empirical Evaluation of Models of Text Document Similarity*, 2005: the news texts.
