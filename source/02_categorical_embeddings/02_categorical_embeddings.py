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
# # 2. Categories: numbers for things that are none
#
# A town, a customer, a word: most things in this world are not numbers, but a model can only multiply and add. In this
# chapter you give each thing a vector of its own, an *embedding*, and let the training decide what is in it.
#
# **What you will do.** Give the four points of chapter 1 a category each, train weights and embeddings together, and
# watch both move. Then draw the map of a country that you have never seen, from nothing but a survey.
#
# **What you will learn.**
# - why looking up a row and multiplying by a one-hot matrix are the same, and which one to use;
# - the gradient of an embedding, and what happens when a category occurs more than once;
# - why a popular version of this gradient is too large by a factor $m$;
# - why a model with one output puts all embeddings on one line;
# - what the axes of an embedding mean (nothing), and what survives all the same.
#
# **What you need.** Chapter 1: the sigmoid, the negative log-likelihood, the gradient *probability minus truth, times
# input*. Matrices times vectors.
#
# **How long it takes.** 75 to 100 minutes. Seven programming exercises and one question to answer in words, 19 points.
# No exercise needs an earlier one.

# %%
from itertools import accumulate

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score
from sklearn.preprocessing import OneHotEncoder

from embedlab import animate, check, plots

plots.use_style()

# %% [markdown]
# ## Four points, four categories
#
# The points are those of chapter 1. Each now also has a *category*: A, B, C or D.

# %%
categories = ["A", "B", "C", "D"]
x = np.array([-1.0, 3.0, -2.0, 4.0])
y = np.array([0.0, 1.0, 0.0, 1.0])
codes = np.array([0, 1, 2, 3])  # the category of each example, as a position in the list above

pd.DataFrame({"category": [categories[code] for code in codes], "x": x, "y": y})

# %% [markdown]
# The codes 0, 1, 2, 3 are names, not quantities. If you fed them to a model as a feature, what would you tell it
# without meaning to? That D is three times B, and that A and B are closer to each other than A and D. None of this is
# true.
#
# ## Exercise 2.1: one-hot vectors (2 points)
#
# The honest way is one feature per category: 1 for the category that it is, 0 for all others. Such a row is called
# *one-hot*. Any two of them are equally far apart, so nothing is claimed.
#
# Write `one_hot(codes, n_categories)`. `codes` is an integer array of shape `(m,)`; the result is an array of floats of
# shape `(m, n_categories)`. A code that is not one of `0 … n_categories - 1` is a mistake of the caller: raise a
# `ValueError` whose message contains the code.
#
# <details><summary>Hint 1: where do the ones go?</summary>
#
# In row $i$ the 1 stands in column <code>codes[i]</code>. NumPy can set all of them at once:
# <code>table[rows, columns] = 1</code> with two arrays of equal length.
# </details>
#
# <details><summary>Hint 2: why does -1 not raise by itself?</summary>
#
# To NumPy, index -1 is the last column. Look at <code>codes.min()</code> and <code>codes.max()</code> first, or at each
# code in turn.
# </details>


# %% nbgrader={"grade": false, "grade_id": "one_hot", "locked": false, "schema_version": 3, "solution": true, "task": false}
def one_hot(codes, n_categories):
    """Return the one-hot rows of the codes, shape (m, n_categories)."""
    ### BEGIN SOLUTION
    unknown = codes[(codes < 0) | (codes >= n_categories)]
    if len(unknown):
        raise ValueError(f"unknown category {unknown[0]}: there are {n_categories} categories")
    rows = np.zeros((len(codes), n_categories))
    rows[np.arange(len(codes)), codes] = 1.0
    return rows
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "one_hot_rows", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    one_hot(np.array([2, 0, 2]), 4),
    np.array([[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]]),
    call="one_hot([2, 0, 2], 4)",
    dtype=float,
)
### BEGIN HIDDEN TESTS
drawn = check.rng("one_hot_rows").integers(6, size=9)
expected = (drawn[:, None] == np.arange(7)).astype(float)
check.close(one_hot(drawn, 7), expected, call="one_hot(codes, 7) for 9 codes", dtype=float)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "one_hot_unknown", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.raises(ValueError, one_hot, np.array([0, 4]), 4, call="one_hot([0, 4], 4)", match="4")
check.raises(ValueError, one_hot, np.array([-1, 2]), 4, call="one_hot([-1, 2], 4)", match="-1")
check.close(
    one_hot(np.array([3, 0]), 4),
    np.array([[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]]),
    call="one_hot([3, 0], 4)",
)
### BEGIN HIDDEN TESTS
beyond = int(check.rng("one_hot_unknown").integers(50, 90))
check.raises(
    ValueError, one_hot, np.array([3, beyond]), 5, call="one_hot([3, …], 5)", match=str(beyond)
)
### END HIDDEN TESTS

# %% [markdown]
# Now give each category a row of $H$ adjustable numbers, and stack the rows into a matrix $E$ of shape $n \times H$. What
# is a one-hot row times $E$? All products vanish but one. What is left is the row of that category, unchanged:
#
# $$\text{onehot}(c)\, E = E_{c}.$$
#
# So the product *is* a lookup. Look at it: the left matrix has one dark square in each row, and it picks out a row of the
# middle one.

# %%
onehot_rows = check.ready(
    "one_hot",
    otherwise=lambda codes, n: OneHotEncoder(
        categories=[np.arange(n)], sparse_output=False
    ).fit_transform(codes[:, None]),
    on=[(np.array([1, 0, 2]), 4)],
)
picked = np.array([2, 0, 3, 2])
small_E = np.array([[0.1, -0.8], [0.9, 0.2], [-0.5, 0.6], [0.3, -0.3]])
product = onehot_rows(picked, 4) @ small_E

assert (product == small_E[[2, 0, 3, 2]]).all()

# %% jupyter={"source_hidden": true}
figure, panels = plt.subplots(
    1, 3, figsize=(8, 2.9), gridspec_kw={"width_ratios": [4, 2.2, 2.2], "wspace": 0.25}
)
for axes, table, title in zip(
    panels,
    [onehot_rows(picked, 4), small_E, product],
    ["one-hot rows of C, A, D, C", "embeddings E", "product"],
    strict=True,
):
    axes.imshow(table, cmap="PuOr", vmin=-1.4, vmax=1.4, aspect="auto")
    for (i, j), value in np.ndenumerate(table):
        color = "white" if value > 0.8 else "black"
        axes.text(j, i, f"{value:g}", ha="center", va="center", color=color)
    axes.set(xticks=[], yticks=range(4), title=title)
    axes.grid(False)
panels[0].set(yticklabels=list("CADC"), xticks=range(4), xticklabels=categories)
panels[1].set(yticklabels=categories)
panels[2].set(yticklabels=list("CADC"))
for axes, sign in zip(panels[1:], "×=", strict=True):
    axes.text(-0.42, 0.5, sign, transform=axes.transAxes, fontsize=18, ha="center", va="center")
plots.show(
    figure,
    name="lookup",
    alt="Three tables. One-hot rows for C, A, D and C, times the table of embeddings with rows A to D, "
    "gives a table whose rows are the embeddings of C, A, D and C.",
)

# %% [markdown]
# The product takes $m \cdot n \cdot H$ multiplications, nearly all of them by zero. The lookup copies $m$ rows. With four
# categories, who cares; with a vocabulary of 400,000 words it is the difference between possible and not.
#
# ## Exercise 2.2: look it up (2 points)
#
# Write `lookup(codes, E)`. `codes` is an integer array of any shape; `E` has shape `(n, H)`. The result has the shape of
# `codes` with one more axis of length $H$ at the end: each code is replaced by its row. Do not build one-hot rows.
#
# <details><summary>Hint</summary>
#
# An array can be indexed by an array of integers. What does <code>E[np.array([2, 0])]</code> give?
# </details>


# %% nbgrader={"grade": false, "grade_id": "lookup", "locked": false, "schema_version": 3, "solution": true, "task": false}
def lookup(codes, E):
    """Return the embeddings of the codes, shape codes.shape + (H,)."""
    ### BEGIN SOLUTION
    return E[codes]
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "lookup_vector", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    lookup(np.array([1, 1, 0]), np.array([[1.0, 2.0], [3.0, 4.0]])),
    np.array([[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]),
    call="lookup([1, 1, 0], [[1, 2], [3, 4]])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("lookup_vector")
rows, drawn = draw.normal(size=(9, 3)), draw.integers(9, size=14)
expected = np.array([rows[code] for code in drawn])
check.close(
    lookup(drawn, rows), expected, call="lookup(codes, E) for 14 codes and E of shape (9, 3)"
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "lookup_table", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    lookup(np.array([[0, 1], [1, 1]]), np.array([[1.0, 2.0], [3.0, 4.0]])),
    np.array([[[1.0, 2.0], [3.0, 4.0]], [[3.0, 4.0], [3.0, 4.0]]]),
    call="lookup([[0, 1], [1, 1]], [[1, 2], [3, 4]])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("lookup_table")
rows, drawn = draw.normal(size=(6, 2)), draw.integers(6, size=(3, 5))
expected = np.array([[rows[code] for code in line] for line in drawn])
check.close(lookup(drawn, rows), expected, call="lookup(codes, E) for codes of shape (3, 5)")
### END HIDDEN TESTS

# %% [markdown]
# ## The model
#
# Each example brings its feature $x_i$ and the embedding $E_{c_i}$ of its category. The score is a weighted sum of all
# these numbers. We keep the weights in one vector, those for the embedding first, then the one for $x$:
#
# $$z_i = \sum_{h=1}^{H} E_{c_i h}\, w_h + x_i\, w_{H+1}, \qquad p_i = \sigma(z_i).$$
#
# To this formula, an embedding is just more features. The difference is where they come from: nobody measured
# them.
#
# ## Exercise 2.3: predict (2 points)
#
# Write `predict_proba(x, codes, E, w)` for `x` and `codes` of shape `(m,)`, `E` of shape `(n, H)` and `w` of shape
# `(H + 1,)`. It returns the $m$ probabilities of class 1. `expit` is SciPy's sigmoid.
#
# <details><summary>Hint</summary>
#
# Two shares make the score: <code>E[codes] @ w[:-1]</code> is one of them.
# </details>


# %% nbgrader={"grade": false, "grade_id": "predict_proba", "locked": false, "schema_version": 3, "solution": true, "task": false}
def predict_proba(x, codes, E, w):
    """Return the probability of class 1 for each example, shape (m,)."""
    ### BEGIN SOLUTION
    return expit(E[codes] @ w[:-1] + x * w[-1])
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "predict_proba_start", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    predict_proba(
        np.array([-1.0, 3.0, -2.0, 4.0]),
        np.array([0, 1, 2, 3]),
        np.zeros((4, 2)),
        np.array([0.5, -0.25, -0.75]),
    ),
    np.array([0.6791787, 0.0953495, 0.8175745, 0.0474259]),
    call="predict_proba(x, codes, E, w) for the four points and E = 0",
)
### BEGIN HIDDEN TESTS
draw = check.rng("predict_proba_start")
values, drawn = draw.normal(size=5), draw.permutation(5)
w_drawn = draw.normal(size=4)
expected = expit(values * w_drawn[3])
check.close(
    predict_proba(values, drawn, np.zeros((5, 3)), w_drawn),
    expected,
    call="predict_proba(x, codes, E, w) for E = 0 with 3 columns",
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "predict_proba_embeddings", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    predict_proba(
        np.array([1.0, 1.0, 0.0]),
        np.array([1, 0, 1]),
        np.array([[2.0, 0.0], [0.0, 3.0]]),
        np.array([1.0, -1.0, 0.5]),
    ),
    np.array([0.0758582, 0.9241418, 0.0474259]),
    call="predict_proba([1, 1, 0], [1, 0, 1], [[2, 0], [0, 3]], [1, -1, 0.5])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("predict_proba_embeddings")
values, drawn = draw.normal(size=8), draw.integers(5, size=8)
rows, w_drawn = draw.normal(size=(5, 3)), draw.normal(size=4)
table = np.array([[*rows[code], value] for code, value in zip(drawn, values, strict=True)])
expected = expit((table * w_drawn).sum(axis=1))
check.close(
    predict_proba(values, drawn, rows, w_drawn),
    expected,
    call="predict_proba(x, codes, E, w) for 8 examples and 5 categories",
)
### END HIDDEN TESTS

# %% [markdown]
# We start where chapter 1 started, at the weight $-0.75$ for $x$, with the weights $0.5$ and $-0.25$ for an embedding of
# two numbers, and with all embeddings at zero. An embedding of zero adds nothing to a score, so the model begins
# as wrong as it was there.

# %%
E_start = np.zeros((4, 2))
w_start = np.array([0.5, -0.25, -0.75])


def sklearn_predict(x, codes, E, w):
    """Stand in for an unsolved exercise 2.3: scikit-learn's model with our weights put into it."""
    model = LogisticRegression()
    model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), w[None, :], np.zeros(1)
    return model.predict_proba(np.column_stack([np.take(E, codes, axis=0), x]))[:, 1]


predict = check.ready(
    "predict_proba", otherwise=sklearn_predict, on=[(x, codes, E_start + 0.5, w_start)]
)


def loss_at(E, w, x=x, codes=codes, y=y):
    """Return the mean negative log-likelihood, straight from the scores."""
    z = np.take(E, codes, axis=0) @ w[:-1] + x * w[-1]
    return np.mean(np.logaddexp(0, z) - y * z)


print("probabilities at the start:", predict(x, codes, E_start, w_start).round(4))
print(f"loss at the start: {loss_at(E_start, w_start):.4f}")
assert round(loss_at(E_start, w_start), 4) == 2.0593

# %% [markdown]
# ## Two gradients
#
# Chapter 1 gave you the pattern: *probability minus truth, times input*. For the weights nothing changes. The input
# that weight $h$ sees is the embedding's number $E_{c_i h}$, and the last weight sees $x_i$:
#
# $$\frac{\partial L}{\partial w_h} = \frac1m \sum_{i=1}^m (p_i - y_i)\, E_{c_i h}, \qquad
# \frac{\partial L}{\partial w_{H+1}} = \frac1m \sum_{i=1}^m (p_i - y_i)\, x_i .$$
#
# ## Exercise 2.4: the gradient for the weights (2 points)
#
# Write `weight_gradient(x, codes, y, E, w)`. It returns the gradient with respect to `w`, shape `(H + 1,)`.
#
# <details><summary>Hint</summary>
#
# Put the embeddings and <code>x</code> side by side with <code>np.column_stack</code>. Then it is exercise 1.4.
# </details>


# %% nbgrader={"grade": false, "grade_id": "weight_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def weight_gradient(x, codes, y, E, w):
    """Return the gradient of the mean negative log-likelihood in w, shape (H + 1,)."""
    ### BEGIN SOLUTION
    inputs = np.column_stack([E[codes], x])
    return inputs.T @ (expit(inputs @ w) - y) / len(y)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "weight_gradient_start", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    weight_gradient(
        np.array([-1.0, 3.0, -2.0, 4.0]),
        np.array([0, 1, 2, 3]),
        np.array([0.0, 1.0, 0.0, 1.0]),
        np.zeros((4, 2)),
        np.array([0.5, -0.25, -0.75]),
    ),
    np.array([0.0, 0.0, -2.2096439]),
    call="weight_gradient(x, codes, y, E, w) for the four points and E = 0",
)
### BEGIN HIDDEN TESTS
draw = check.rng("weight_gradient_start")
values, labels = draw.normal(size=6), (draw.random(6) < 0.5).astype(float)
w_drawn = draw.normal(size=3)
expected = np.array([0.0, 0.0, np.mean((expit(values * w_drawn[2]) - labels) * values)])
check.close(
    weight_gradient(values, np.arange(6), labels, np.zeros((6, 2)), w_drawn),
    expected,
    call="weight_gradient(x, codes, y, E, w) for E = 0",
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "weight_gradient_embeddings", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    weight_gradient(
        np.array([1.0, 1.0, 0.0]),
        np.array([1, 0, 1]),
        np.array([1.0, 0.0, 0.0]),
        np.array([[2.0, 0.0], [0.0, 3.0]]),
        np.array([1.0, -1.0, 0.5]),
    ),
    np.array([0.6160945, -0.8767159, 0.0]),
    call="weight_gradient(x, codes, y, E, w) for 3 examples of 2 categories",
)
### BEGIN HIDDEN TESTS
draw = check.rng("weight_gradient_embeddings")
values, drawn, labels = draw.normal(size=9), draw.integers(4, size=9), draw.integers(2, size=9)
rows, w_drawn = draw.normal(size=(4, 3)), draw.normal(size=4)
table = np.column_stack([rows[drawn], values])
expected = check.numerical_gradient(
    lambda w: np.mean(np.logaddexp(0, table @ w) - labels * (table @ w)), w_drawn
)
check.close(
    weight_gradient(values, drawn, labels, rows, w_drawn),
    expected,
    call="weight_gradient(x, codes, y, E, w) for 9 examples of 4 categories",
    rtol=1e-5,
    atol=1e-7,
)
### END HIDDEN TESTS

# %% [markdown]
# ### And for the embeddings
#
# Turn the roles around. In the product $E_{c_i h}\, w_h$ the two factors are equals: what is a weight to one is an
# input to the other. So the score of example $i$ changes with $E_{c_i h}$ at the rate $w_h$, and with the row of any *other*
# category not at all. For the row of category $c$, only the examples of category $c$ speak:
#
# $$\frac{\partial L}{\partial E_{c h}} = \frac1m \sum_{i\,:\,c_i = c} (p_i - y_i)\, w_h .$$
#
# Note what this step means. The embeddings stand where the data stand, to the left of the weights, and we are about to
# change them by gradient descent. We train the data.
#
# Two things go wrong here in the wild. The first is the factor $1/m$. It belongs to the loss, which is a mean over *all*
# examples, so it belongs to this gradient too, even if a category has only one example. The second is the sum: in
# NumPy, `G[codes] += rows` looks like it, but when a code occurs twice, only the last of its rows is added.
#
# ## Exercise 2.5: the gradient for the embeddings (3 points)
#
# Write `embedding_gradient(x, codes, y, E, w)`. It returns the gradient with respect to `E`, shape `(n, H)`. One point
# is for examples that each have a category of their own, two are for categories that repeat or do not occur.
#
# <details><summary>Hint 1: what does each example contribute?</summary>
#
# Example $i$ contributes the row $\frac1m (p_i - y_i)\,(w_1, \dots, w_H)$. <code>np.outer</code> makes all $m$ of them.
# </details>
#
# <details><summary>Hint 2: how to add rows to the right places?</summary>
#
# <code>np.add.at(G, codes, rows)</code> adds each row to <code>G[code]</code>, however often a code occurs. This is called
# <em>scatter-add</em>, the counterpart of the lookup.
# </details>


# %% nbgrader={"grade": false, "grade_id": "embedding_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def embedding_gradient(x, codes, y, E, w):
    """Return the gradient of the mean negative log-likelihood in E, shape (n, H)."""
    ### BEGIN SOLUTION
    errors = expit(E[codes] @ w[:-1] + x * w[-1]) - y
    G = np.zeros(E.shape)
    np.add.at(G, codes, np.outer(errors / len(y), w[:-1]))
    return G
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "embedding_gradient_once", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    embedding_gradient(
        np.array([-1.0, 3.0, -2.0, 4.0]),
        np.array([0, 1, 2, 3]),
        np.array([0.0, 1.0, 0.0, 1.0]),
        np.zeros((4, 2)),
        np.array([0.5, -0.25, -0.75]),
    ),
    np.array(
        [
            [0.0848973, -0.0424487],
            [-0.1130813, 0.0565407],
            [0.1021968, -0.0510984],
            [-0.1190718, 0.0595359],
        ]
    ),
    call="embedding_gradient(x, codes, y, E, w) for the four points and E = 0",
    atol=1e-7,
)
### BEGIN HIDDEN TESTS
draw = check.rng("embedding_gradient_once")
values, labels = draw.normal(size=5), (draw.random(5) < 0.5).astype(float)
order, rows, w_drawn = draw.permutation(5), draw.normal(size=(5, 3)), draw.normal(size=4)


def loss_of(rows):
    z = rows[order] @ w_drawn[:3] + values * w_drawn[3]
    return np.mean(np.logaddexp(0, z) - labels * z)


expected = check.numerical_gradient(loss_of, rows)
check.close(
    embedding_gradient(values, order, labels, rows, w_drawn),
    expected,
    call="embedding_gradient(x, codes, y, E, w) for 5 examples of 5 categories",
    rtol=1e-5,
    atol=1e-7,
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "embedding_gradient_repeated", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.close(
    embedding_gradient(
        np.array([1.0, 1.0, 0.0]),
        np.array([1, 0, 1]),
        np.array([1.0, 0.0, 0.0]),
        np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]]),
        np.array([1.0, -1.0, 0.5]),
    ),
    np.array([[0.3080473, -0.3080473], [-0.2922386, 0.2922386], [0.0, 0.0]]),
    call="embedding_gradient(x, [1, 0, 1], y, E, w) with 3 categories",
    atol=1e-7,
)
### BEGIN HIDDEN TESTS
draw = check.rng("embedding_gradient_repeated")
values, labels = draw.normal(size=12), (draw.random(12) < 0.5).astype(float)
drawn, rows, w_drawn = draw.integers(3, size=12), draw.normal(size=(4, 2)), draw.normal(size=3)


def loss_of(rows):
    z = rows[drawn] @ w_drawn[:2] + values * w_drawn[2]
    return np.mean(np.logaddexp(0, z) - labels * z)


expected = check.numerical_gradient(loss_of, rows)
check.close(
    embedding_gradient(values, drawn, labels, rows, w_drawn),
    expected,
    call="embedding_gradient(x, codes, y, E, w) for 12 examples of 4 categories",
    rtol=1e-5,
    atol=1e-7,
)
### END HIDDEN TESTS

# %% [markdown]
# As in chapter 1, trust neither derivation until the differences agree. Both gradients at once, at a random place:


# %%
def difference_weights(x, codes, y, E, w):
    """Stand in for an unsolved exercise 2.4: differences at two steps, extrapolated to none."""
    fine, coarse = (
        check.numerical_gradient(lambda v: loss_at(E, v, x, codes, y), w, step=h)
        for h in (1e-3, 2e-3)
    )
    return (4 * fine - coarse) / 3


def difference_embeddings(x, codes, y, E, w):
    """Stand in for an unsolved exercise 2.5, in the same way."""
    fine, coarse = (
        check.numerical_gradient(lambda v: loss_at(v, w, x, codes, y), E, step=h)
        for h in (1e-3, 2e-3)
    )
    return (4 * fine - coarse) / 3


draw = np.random.default_rng(0)
somewhere = (x, codes, y, draw.normal(size=(4, 2)), draw.normal(size=3))
for_weights = check.ready("weight_gradient", otherwise=difference_weights, on=[somewhere])
for_embeddings = check.ready("embedding_gradient", otherwise=difference_embeddings, on=[somewhere])

gap_w = np.abs(for_weights(*somewhere) - difference_weights(*somewhere)).max()
gap_E = np.abs(for_embeddings(*somewhere) - difference_embeddings(*somewhere)).max()
print("both agree with the differences to 9 digits:", bool(max(gap_w, gap_E) < 1e-9))
assert max(gap_w, gap_E) < 1e-9

# %% [markdown]
# ## Exercise 2.6: train both at once (3 points)
#
# One step of gradient descent now moves the weights *and* the embeddings. Both gradients belong to the same place, the
# one where you stand. If you move the weights first and then ask for the gradient of the embeddings, you ask at a place
# where the embeddings have not arrived yet.
#
# Write `training_loop(gradient_E, gradient_w, E, w, learning_rate, epochs)`. `gradient_E` and `gradient_w` are functions of
# `(E, w)`. Return a tuple `(E, w)` after the given number of steps. The arrays that were passed in must stay as they were.
#
# <details><summary>Hint</summary>
#
# Python evaluates the whole right side of <code>E, w = …, …</code> before it assigns anything.
# </details>


# %% nbgrader={"grade": false, "grade_id": "training_loop", "locked": false, "schema_version": 3, "solution": true, "task": false}
def training_loop(gradient_E, gradient_w, E, w, learning_rate, epochs):
    """Return (E, w) after `epochs` simultaneous steps of gradient descent."""
    ### BEGIN SOLUTION
    for _ in range(epochs):
        E, w = E - learning_rate * gradient_E(E, w), w - learning_rate * gradient_w(E, w)
    return E, w
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "training_loop_steps", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
trained = training_loop(
    lambda E, w: E * w[0],
    lambda E, w: np.array([E.sum()]),
    np.ones((2, 2)),
    np.array([1.0]),
    0.1,
    2,
)
check.is_a(trained, tuple, call="training_loop(…)")
check.close(trained[0], np.full((2, 2), 0.846), call="training_loop(…, epochs=2)[0]")
check.close(trained[1], np.array([0.24]), call="training_loop(…, epochs=2)[1]")
### BEGIN HIDDEN TESTS
draw = check.rng("training_loop_steps")
rows, w_drawn = draw.normal(size=(3, 2)), draw.normal(size=2)
E_then, w_then = rows, w_drawn
for _ in range(3):
    E_then, w_then = (
        E_then - 0.2 * np.outer(E_then @ w_then, w_then),
        w_then - 0.2 * E_then.sum(axis=0),
    )
trained = training_loop(
    lambda E, w: np.outer(E @ w, w), lambda E, w: E.sum(axis=0), rows.copy(), w_drawn.copy(), 0.2, 3
)
check.close(trained[0], E_then, call="training_loop(…, epochs=3)[0]")
check.close(trained[1], w_then, call="training_loop(…, epochs=3)[1]")
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "training_loop_start", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
begin_E, begin_w = np.ones((2, 1)), np.array([3.0])
with check.unchanged(call="training_loop(…)", E=begin_E, w=begin_w):
    trained = training_loop(lambda E, w: E, lambda E, w: w, begin_E, begin_w, 0.5, 2)
check.close(trained[0], np.full((2, 1), 0.25), call="training_loop(…, 0.5, 2)[0]")
check.close(trained[1], np.array([0.75]), call="training_loop(…, 0.5, 2)[1]")

# %% [markdown]
# ## Forty epochs of both
#
# And there they go. To record the path, we call your loop for one epoch at a time.


# %%
def accumulated_descent(gradient_E, gradient_w, E, w, learning_rate, epochs):
    """Stand in for an unsolved exercise 2.6: weights and embeddings as one long vector."""
    n = E.size

    def step(theta, _):
        at = theta[:n].reshape(E.shape), theta[n:]
        return theta - learning_rate * np.concatenate([gradient_E(*at).ravel(), gradient_w(*at)])

    *_, theta = accumulate(range(epochs), step, initial=np.concatenate([E.ravel(), w]))
    return theta[:n].reshape(E.shape), theta[n:]


bilinear = (lambda E, w: E * w[0], lambda E, w: np.array([E.sum()]))
train = check.ready(
    "training_loop",
    otherwise=accumulated_descent,
    on=[(*bilinear, np.ones((2, 2)), np.array([1.0]), 0.1, 2)],
)


def record(factor=1.0):
    """Return the path and its losses over 40 epochs, with the embeddings' gradient times a factor."""
    path = [(E_start, w_start)]
    for _ in range(40):
        path.append(
            train(
                lambda E, w: factor * for_embeddings(x, codes, y, E, w),
                lambda E, w: for_weights(x, codes, y, E, w),
                *path[-1],
                0.1,
                1,
            )
        )
    return path, np.array([loss_at(*place) for place in path])


path, losses = record()
assert np.allclose(losses[[0, 5, 10, 39, 40]], [2.0593, 0.5374, 0.2723, 0.0928, 0.0910], atol=5e-5)
pd.DataFrame({"epoch": [0, 5, 10, 39, 40], "loss": losses[[0, 5, 10, 39, 40]].round(4)})

# %% jupyter={"source_hidden": true}
grid = np.linspace(-6, 6, 121)
marks = list(zip(categories, ["orange", "blue", "red", "sky"], ["o", "s", "v", "D"], strict=True))
figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 3.9))
left.set(xlabel="feature x", ylabel="probability of class 1", xlim=(-6, 6), ylim=(-0.08, 1.08))
left.set_title(" ")
left.axhline(0.5, color="grey", linestyle=":", linewidth=1.5)
right.set(xlabel="embedding, number 1", ylabel="embedding, number 2", title="the four embeddings")
right.set(xlim=(-0.21, 0.15), ylim=(-0.09, 0.12))
right.plot([-0.24, 0.24], [0.12, -0.12], "--", color="grey", linewidth=1.2)
right.text(-0.2, 0.02, "the direction of\nthe weights", color="#444444")
moving = []
for code, (category, color, shape) in enumerate(marks):
    style = {"color": plots.COLORS[color], "markeredgecolor": "black"}
    (curve,) = left.plot(grid, grid, color=plots.COLORS[color], linewidth=1.5)
    left.plot(
        x[code],
        y[code],
        shape,
        markersize=9,
        zorder=3,
        label=f"{category}, label {y[code]:g}",
        **style,
    )
    (arrow,) = right.plot(
        [0, 0], [0, 0], shape + "-", markevery=[1], markersize=10, zorder=3, **style
    )
    moving.append((curve, arrow))
right.legend(*left.get_legend_handles_labels(), loc="upper right", fontsize=9)
headline = left.text(-6, 1.12, "", fontsize=12, clip_on=False)


def draw_epoch(epoch):
    """Move curves and embeddings to an epoch, and write its loss above them."""
    E, w = path[epoch]
    for code, (curve, arrow) in enumerate(moving):
        curve.set_ydata(expit(E[code] @ w[:2] + w[2] * grid))
        arrow.set_data([0, E[code, 0]], [0, E[code, 1]])
    headline.set_text(f"epoch {epoch}:  loss {losses[epoch]:.4f}")
    return [headline, *(artist for group in moving for artist in group)]


pictures = animate.record(figure, draw_epoch, range(41))
animate.show_gif(
    pictures,
    name="training",
    alt="Two panels over 40 epochs. Left: four probability curves, one per category, start as one falling curve, turn around, and "
    "rise through the points; the curves of B and D end slightly above those of A and C. Right: the four embeddings leave the "
    "origin along one dashed line, A and C to the upper left, B and D to the lower right.",
)

# %% [markdown]
# Each category has a curve of its own now, because its embedding adds its own share to every score. The shares are small:
# the four curves stay close together, and $x$ does most of the work. On the right, A and C (label 0) part from B and D (label
# 1). The model has never been told that A and C have anything in common. It found out, because they pull in the same
# direction.
#
# Two questions should bother you. Why do the embeddings walk on one line, in a plane that has so much room? And why is the
# loss after 40 epochs, 0.0910, hardly lower than without any embeddings, which was 0.0970 in chapter 1?
#
# ### The missing 1/m
#
# The second question first. You may find this experiment elsewhere with faster embeddings, because the factor $1/m$ was
# left out of their gradient, and kept in that of the weights. Is that a different model? Multiply our gradient by $m = 4$:

# %%
fast_path, fast_losses = record(factor=len(y))

assert np.allclose(fast_losses[[0, 5, 10, 39]], [2.0593, 0.5128, 0.2534, 0.0722], atol=5e-5)
pd.DataFrame(
    {
        "epoch": [0, 5, 10, 39],
        "with 1/m": losses[[0, 5, 10, 39]].round(4),
        "without 1/m": fast_losses[[0, 5, 10, 39]].round(4),
    }
)

# %% [markdown]
# It is the same model, with a learning rate for the embeddings that is $m$ times larger. There is nothing wrong with two
# learning rates, if you choose them. There is, if they come from a slip: on four examples the slip is a factor 4, on a million
# examples it is a factor of a million.

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots()
axes.semilogy(losses, color=plots.COLORS["blue"], label="the gradient of the loss")
axes.semilogy(fast_losses, "--", color=plots.COLORS["red"], label="1/m left out: rate 0.4 for E")
axes.set(xlabel="epoch", ylabel="loss (logarithmic)", title="A slip that acts as a learning rate")
axes.legend()
plots.show(
    figure,
    name="missing_factor",
    alt="Loss over 40 epochs on a logarithmic axis, from 2.06. With the true gradient it falls to 0.091, with the factor "
    "1/m left out of the embeddings' gradient to 0.070. The two curves have the same shape.",
)

# %% [markdown]
# ### One output, one line
#
# Now the line. How flat is the cloud of four embeddings? The singular values of $E$ tell: they are the lengths of its
# axes, largest first.

# %%
singular_values = np.linalg.svd(path[40][0], compute_uv=False)
directions = np.array([w[:2] / np.linalg.norm(w[:2]) for _, w in path])

print("singular values of E:   ", singular_values.round(3) + 0.0)
print("direction of the weights:", directions[0].round(4), "…", directions[40].round(4))
assert np.allclose(singular_values, [0.269, 0], atol=5e-4)
assert np.allclose(directions, directions[0])

# %% [markdown]
# The second one is zero, exactly: not a cloud, a line. And you can prove it. Look at the gradient again: for every category,
# it is a number times the *same* vector $(w_1, w_2)$. So the first step moves all embeddings along that vector. The gradient of
# $(w_1, w_2)$, in turn, is a sum of embeddings, all of which lie along it; so the weights change their length, but not their
# direction. Nothing can ever leave the line.
#
# The reason is deeper than the start at zero. One output reads an embedding through one number, the product
# $E_c \cdot w$. Whatever an embedding is at right angles to $w$, no score ever feels it, and no gradient ever corrects it. **A model
# with one output can learn one number about each category.** Two dimensions were wasted on it.
#
# So what would it take to learn a plane?
#
# ## A map from a survey
#
# More questions. Imagine a country of 24 towns. People in each town were asked $K$ yes-or-no questions. How a town answers depends on
# where it lies: one question has more *yes* in the north, another one in the southwest. Nobody tells you where the towns
# are, nor which question goes which way. You get 9,600 rows: a town's name, and $K$ answers. Can you draw the map?

# %%
angles = np.linspace(0.35, 1, 24) * 3.3 * np.pi
radii = np.linspace(0.35, 2, 24)
positions = np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])  # nobody sees these


def survey(n_questions, per_town=400, seed=0):
    """Return (towns, answers): a town code per row, shape (m,), and K answers 0 or 1, shape (m, K)."""
    draw = np.random.default_rng(seed)
    turn = np.pi * (np.arange(n_questions) + draw.uniform(0.1, 0.4)) / n_questions
    tastes = 2 * np.column_stack([np.cos(turn), np.sin(turn)])
    towns = draw.integers(len(positions), size=len(positions) * per_town)
    chances = expit(positions[towns] @ tastes.T + draw.normal(scale=0.5, size=n_questions))
    return towns, (draw.random(chances.shape) < chances).astype(float)


towns, answers = survey(n_questions=6)
rows = pd.DataFrame(answers[:4].astype(int), columns=[f"question {k}" for k in range(1, 7)])
rows.insert(0, "town", towns[:4])
rows

# %% [markdown]
# The model is the one you know, once per question: $K$ outputs, which share the embeddings. Each question $k$ has a weight vector
# $W_k$ and an intercept $b_k$, and the loss is the sum of the $K$ negative log-likelihoods:
#
# $$z_{ik} = E_{c_i} \cdot W_k + b_k, \qquad
# \frac{\partial L}{\partial E_{c}} = \frac1m \sum_{i\,:\,c_i = c}\; \sum_{k=1}^{K} (p_{ik} - y_{ik})\, W_k .$$
#
# Compare with one output: the gradient of an embedding was a number times one vector. Now it is a sum over $K$ vectors $W_k$,
# which point in different directions, so it can point anywhere. Below, *gather* is the lookup, and *scatter* is the sum over the
# examples of a town. Instead of plain gradient descent we let SciPy's L-BFGS choose the steps: it gets the loss and the
# gradient, and needs nothing else.


# %%
def fit(towns, answers, n_dimensions, seed=1, strength=1e-4):
    """Return (E, W, b, loss) of the K-output model with embeddings of n_dimensions numbers."""
    m, n_questions = answers.shape
    sizes = len(positions) * n_dimensions, n_questions * n_dimensions

    def unpack(theta):
        E, W, b = np.split(theta, np.cumsum(sizes))
        return E.reshape(-1, n_dimensions), W.reshape(-1, n_dimensions), b

    def objective(theta):
        E, W, b = unpack(theta)
        gathered = E[towns]
        z = gathered @ W.T + b
        loss = (np.logaddexp(0, z) - answers * z).sum() / m
        errors = (expit(z) - answers) / m
        scattered = np.zeros_like(E)
        np.add.at(scattered, towns, errors @ W)
        gradient = np.concatenate(
            [scattered.ravel(), (errors.T @ gathered).ravel(), errors.sum(axis=0)]
        )
        return loss + strength / 2 * theta @ theta, gradient + strength * theta

    start = 0.1 * np.random.default_rng(seed).normal(size=sum(sizes) + n_questions)
    result = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return *unpack(result.x), result.fun


E_towns, W_questions, b_questions, _ = fit(towns, answers, n_dimensions=2)

# %% [markdown]
# ## Exercise 2.7: how good is the map? (2 points)
#
# You will see in a moment that the learned map is turned, mirrored and stretched against the true one. That is no fault: nothing
# in the data says which way is up. A map is as good as it becomes after the best such correction. So: predict the true positions
# from the embeddings by a linear function *with an intercept* (together: an *affine map*), by least squares, and report how much of
# the variation it explains:
#
# $$R^2 = 1 - \frac{\sum_c \lVert Z_c - (A E_c + a) \rVert^2}{\sum_c \lVert Z_c - \bar Z \rVert^2}$$
#
# with the best matrix $A$ and vector $a$. Write `affine_r2(E, Z)` for `E` of shape `(n, H)` and `Z` of shape `(n, d)`; it
# returns one number: 1 for a perfect map, 0 for one that is no better than the mean.
#
# <details><summary>Hint 1: the intercept</summary>
#
# Append a column of ones to <code>E</code>. Its coefficients are the vector $a$.
# </details>
#
# <details><summary>Hint 2: the best coefficients</summary>
#
# <code>np.linalg.lstsq</code> finds them, for all columns of <code>Z</code> at once. It returns four things; the coefficients
# are the first.
# </details>


# %% nbgrader={"grade": false, "grade_id": "affine_r2", "locked": false, "schema_version": 3, "solution": true, "task": false}
def affine_r2(E, Z):
    """Return R² of the best affine map from the rows of E to those of Z, one number."""
    ### BEGIN SOLUTION
    inputs = np.column_stack([E, np.ones(len(E))])
    coefficients = np.linalg.lstsq(inputs, Z, rcond=None)[0]
    unexplained = ((Z - inputs @ coefficients) ** 2).sum()
    return 1 - unexplained / ((Z - Z.mean(axis=0)) ** 2).sum()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "affine_r2_perfect", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
check.close(
    affine_r2(square, square @ np.array([[2.0, 1.0], [0.0, -1.0]]) + 5.0),
    1.0,
    call="affine_r2(square, turned, stretched and moved square)",
)
### BEGIN HIDDEN TESTS
draw = check.rng("affine_r2_perfect")
cloud, mixing, shift = draw.normal(size=(9, 3)), draw.normal(size=(3, 2)), draw.normal(size=2)
target = cloud @ mixing + 10 * shift
check.close(affine_r2(cloud, target), 1.0, call="affine_r2(E, A E + a)")
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "affine_r2_partial", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    affine_r2(np.array([[0.0], [1.0], [2.0]]), np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0]])),
    0.75,
    call="affine_r2([[0], [1], [2]], [[0, 1], [1, 0], [2, 1]])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("affine_r2_partial")
cloud, target = draw.normal(size=(12, 2)), draw.normal(size=(12, 2)) * [1.0, 5.0] + 3.0
inputs = np.column_stack([cloud, np.ones(12)])
residual = target - inputs @ np.linalg.solve(inputs.T @ inputs, inputs.T @ target)
expected = 1 - (residual**2).sum() / ((target - target.mean(axis=0)) ** 2).sum()
check.close(affine_r2(cloud, target), expected, call="affine_r2(E, Z) for two unrelated clouds")
### END HIDDEN TESTS

# %%
map_quality = check.ready(
    "affine_r2",
    otherwise=lambda E, Z: r2_score(
        Z, LinearRegression().fit(E, Z).predict(E), multioutput="variance_weighted"
    ),
    on=[(E_towns, positions)],
)
print(f"R² of the map from 6 questions: {map_quality(E_towns, positions):.3f}")
assert map_quality(E_towns, positions) > 0.99

# %% jupyter={"source_hidden": true}
corrected = LinearRegression().fit(E_towns, positions).predict(E_towns)
figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.5))
for axes, points, title in zip(
    panels,
    [positions, E_towns, corrected],
    ["the country", "what the model learned", "after the best affine map"],
    strict=True,
):
    axes.plot(*points.T, "-", color="#BBBBBB", linewidth=1, zorder=1)
    axes.scatter(
        *points.T, c=np.arange(24), cmap="viridis", s=60, edgecolor="black", linewidth=0.5, zorder=2
    )
    axes.set(title=title, xticks=[], yticks=[])
    axes.set_aspect("equal", adjustable="datalim")
plots.show(
    figure,
    name="map",
    alt="Three maps of 24 towns, joined in the order of their names. The true one is a spiral. The learned one is a spiral too, "
    "but turned, mirrored and stretched. After the best affine map it lies almost exactly on the true one.",
)

# %% [markdown]
# A spiral. Nobody showed it to the model: it saw names and answers. Towns with similar answers need similar embeddings, because
# they share the weights of the questions; that is all it takes.
#
# How many questions does a plane need, and how many numbers should an embedding have? Guess both, then look. For the second table we
# allow from 1 to 5 numbers per town.

# %%
by_questions = [
    (K, map_quality(fit(*survey(K), n_dimensions=2)[0], positions)) for K in (1, 2, 4, 8)
]
assert by_questions[0][1] < 0.7 and all(quality > 0.97 for _, quality in by_questions[2:])
pd.DataFrame(by_questions, columns=["questions K", "R²"]).round(3)

# %%
by_dimension = []
for H in (1, 2, 3, 5):
    E_found, _, _, loss = fit(*survey(8), n_dimensions=H)
    by_dimension.append((H, loss, map_quality(E_found, positions)))

losses_found = [loss for _, loss, _ in by_dimension]
assert by_dimension[0][2] < 0.7 and all(quality > 0.99 for _, _, quality in by_dimension[1:])
assert losses_found[0] - losses_found[1] > 50 * (losses_found[1] - losses_found[3])
pd.DataFrame(by_dimension, columns=["numbers per town H", "loss", "R²"]).round(3)

# %% [markdown]
# With one question you learn one number per town, as we have just proved, and a spiral does not fit on a line. From two questions on,
# the plane comes out, and more of them make it sharper. As for the size of the embedding: one number is too few, two are
# enough, and three or five do no harm here, but nothing more is to be had. Any dimension works. Which one to take is a question of how
# much there is to learn about a category, and how many examples you have to learn it from.
#
# ### What the axes do not mean
#
# People love to look at an embedding and say: the first number is size, the second one is wealth. Can that be true? Take any invertible
# matrix $A$. Replace every embedding by $A E_c$ and every weight vector by $A^{-\mathsf T} W_k$. What happens to the scores?
#
# $$(A^{-\mathsf T} W_k) \cdot (A E_c) = W_k^{\mathsf T} A^{-1} A\, E_c = W_k \cdot E_c .$$

# %%
A = np.array([[0.0, 2.0], [-0.5, 1.0]])
scores = E_towns @ W_questions.T + b_questions
mixed_scores = (E_towns @ A.T) @ (W_questions @ np.linalg.inv(A)).T + b_questions

assert np.allclose(scores, mixed_scores)
pd.DataFrame(
    {
        "town": range(3),
        "embedding": [str(row.round(1)) for row in E_towns[:3]],
        "another one, same predictions": [str(row.round(1)) for row in (E_towns @ A.T)[:3]],
    }
)

# %% [markdown]
# Nothing. (And a shift of all embeddings disappears into the intercepts $b_k$.) Two sets of embeddings that look entirely different make the same predictions for every town and every question. So a
# single number of an embedding means nothing, and neither does its sign, nor, in general, an angle or a length. What survives is
# what every invertible matrix preserves: what lies on a line stays on a line, what is parallel stays parallel, the middle of two
# towns stays the middle. (That is why we allowed an affine map before we judged ours. The penalty in `fit` prefers embeddings that are
# as large as their weights, which settles part of the freedom, but not the rotation.)
#
# ## Exercise 2.8: in your own words (3 points)
#
# A colleague trained embeddings of two numbers for 500 customers, in a model with one output: does the customer buy? She shows you a
# plot. All customers lie on a line, and she says: "The method has discovered that one hidden trait governs all
# purchases. And customer 17, at $(4, -2)$, has twice the first trait of customer 9, at $(2, -1)$."
#
# 1. Why does the line prove nothing about the customers?
# 2. What does survive of the comparison between customers 17 and 9, and what does not?
# 3. What would you change in the model to learn more than one number about each customer?
#
# Three to six sentences. This answer is read and marked by a person.

# %% [markdown] nbgrader={"grade": true, "grade_id": "one_trait", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# 1. With one output every gradient of an embedding is a number times the same weight vector. Embeddings that start at zero
#    stay on the line along it, whatever the customers do; the line comes from the model. *(1 point)*
# 2. The position along the line survives: both lie on the same ray, and 17's share of the score is twice that of 9, because the
#    score is linear. The values 4 and 2 of a "first trait" do not: another invertible matrix, with weights to match, gives other
#    numbers and the same predictions. *(1 point)*
# 3. Several outputs that share the embeddings, such as one per product or per time of year, with weights that point in different
#    directions. *(1 point)*
# ### END SOLUTION

# %% [markdown]
# ## What to take away
#
# - An embedding is a row of a matrix. A one-hot row times the matrix is a lookup; write the lookup.
# - The gradient of an embedding is *(probability − truth) × weights*, summed over the examples of its category: a
#   scatter-add. Use `np.add.at`, or repeated categories are lost without a word.
# - A mean over $m$ examples has $1/m$ in all its gradients. A forgotten one is a hidden learning rate.
# - One output teaches one number per category. What a model learns about a thing depends on how many questions are asked about it.
# - Axes mean nothing; straightness and being in the middle survive. Compare two embeddings only up to an affine map.
#
# **Next.** In chapter 3 the things are letters, and the questions ask what comes next. There will be $K = 65$ answers to choose from,
# and millions of examples, so the gradient has to be fast.
#
# ## What this chapter builds on
#
# - The categories A to D, the starting weights and the two-panel animation come from the post *Wait, how do embeddings work?* (14 May
#   2020). Its gradient for the embeddings has no $1/m$, and its curve leaves out the embedding's share of the score.
# - C. Guo and F. Berkhahn, *Entity Embeddings of Categorical Variables*, 2016, arXiv 1604.06737: embeddings of shops and days that
#   turned out to know the map of Germany.
# - J. C. Gower and G. B. Dijksterhuis, *Procrustes Problems*, 2004: comparing two maps up to what may differ.
