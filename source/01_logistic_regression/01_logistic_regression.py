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
# # 1. One weight: logistic regression from scratch
#
# Every embedding in this course is a set of numbers that were *learned*. Before you learn vectors for words, you will
# learn a single number, for four points, and see every step of it move.
#
# **What you will do.** Turn a score into a probability, measure how wrong the probabilities are, find out which way is
# downhill, and walk there. Then you will watch the walk as a moving picture and ask whether it ever ends.
#
# **What you will learn.**
# - why the sigmoid has to be written with care, and how;
# - what the negative log-likelihood measures, and where it explodes;
# - how to derive a gradient by hand, and how to *check* that you derived it correctly;
# - what a training loop does, and how to read a loss curve without fooling yourself;
# - why this model never converges on these data, and what a penalty changes.
#
# **What you need.** Python functions, NumPy arrays, the derivative of $e^z$ and the chain rule.
#
# **How long it takes.** 60 to 90 minutes. There are five programming exercises and one question to answer in words,
# 16 points in all. No exercise needs an earlier one: if you are stuck, read on and come back.

# %%
import warnings
from itertools import accumulate

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from embedlab import animate, check, plots

plots.use_style()

# %% [markdown]
# ## Four points
#
# Here is the whole data set. Each of the four *examples* has one *feature*, the number $x$, and one *label* $y$, which
# is 0 or 1.

# %%
X = np.array([[-1.0], [3.0], [-2.0], [4.0]])  # shape (4, 1): a row per example
y = np.array([0.0, 1.0, 0.0, 1.0])  # shape (4,)

pd.DataFrame({"x": X[:, 0], "y": y})


# %% jupyter={"source_hidden": true}
def draw_points(axes):
    """Draw the four examples: circles for class 0, squares for class 1."""
    negative, positive = X[y == 0, 0], X[y == 1, 0]
    axes.scatter(
        negative, 0 * negative, s=90, color=plots.COLORS["orange"], edgecolor="black", zorder=3
    )
    axes.scatter(
        positive,
        0 * positive + 1,
        s=90,
        color=plots.COLORS["blue"],
        edgecolor="black",
        marker="s",
        zorder=3,
    )
    axes.text(-1.5, -0.07, "class 0", ha="center", va="top")
    axes.text(3.5, 1.07, "class 1", ha="center", va="bottom")


figure, axes = plt.subplots(figsize=(6.4, 2.6))
draw_points(axes)
axes.set(xlabel="feature x", ylabel="label y", xlim=(-6, 6), ylim=(-0.35, 1.35), yticks=[0, 1])
plots.show(
    figure,
    name="four_points",
    alt="Four points over the feature x. The two of class 0 lie at x = -2 and -1, the two of class 1 at x = 3 and 4.",
)

# %% [markdown]
# You can see the rule at a glance: negative $x$, class 0; positive $x$, class 1. A program cannot glance. What it can
# do is start with a bad rule and improve it a little, many times.
#
# Our rule has one adjustable number, the *weight* $w$. It turns a feature into a *score*
#
# $$z = w\,x,$$
#
# and a large score shall speak for class 1. We start at $w = -0.75$, which is wrong on purpose: it gives positive $x$ a
# negative score.
#
# A score can be any number. How sure is the model when it says $z = 2.25$?

# %% [markdown]
# ## Exercise 1.1: squash a score into a probability (2 points)
#
# A probability lies between 0 and 1. We are looking for a function that takes any number to one in between, and never
# decreases on the way: a larger score must not mean a smaller probability. The *logistic sigmoid* is such a function:
#
# $$\sigma(z) = \frac{1}{1 + e^{-z}}$$
#
# Write `sigmoid(z)`. `z` is a number, a list or an array of any shape; the result is a number or an array of the same
# shape. It must stay finite, and silent, for $z = \pm 1000$. The formula as printed does not.
#
# <details><summary>Hint 1: what overflows?</summary>
#
# For $z = -1000$ the term $e^{-z}$ is $e^{1000}$, more than the largest floating-point number (about $10^{308}$).
# Multiply numerator and denominator by $e^{z}$. For which $z$ is the new expression safe?
# </details>
#
# <details><summary>Hint 2: one expression for all z</summary>
#
# <code>np.logaddexp(a, b)</code> is $\log(e^a + e^b)$, computed without overflow. Which $a$ and $b$ make it
# $\log(1 + e^{-z})$? And what is $\sigma(z)$ in terms of that?
# </details>


# %% nbgrader={"grade": false, "grade_id": "sigmoid", "locked": false, "schema_version": 3, "solution": true, "task": false}
def sigmoid(z):
    """Return 1 / (1 + exp(-z)), elementwise and without overflow."""
    ### BEGIN SOLUTION
    return np.exp(-np.logaddexp(0, -np.asarray(z)))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "sigmoid_values", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(sigmoid(0.0), 0.5, call="sigmoid(0.0)")
check.close(sigmoid([-2.0, 2.0]), [0.1192029, 0.8807971], call="sigmoid([-2.0, 2.0])")
### BEGIN HIDDEN TESTS
scores = check.rng("sigmoid_values").normal(scale=3, size=(4, 5))
expected = 1 / (1 + np.exp(-scores))
check.close(sigmoid(scores), expected, call="sigmoid(z) for a 4 by 5 array z")
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "sigmoid_stable", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
with check.no_warnings("sigmoid must not overflow"):
    check.close(sigmoid(np.array([-1000.0, 1000.0])), [0.0, 1.0], call="sigmoid([-1000, 1000])")
### BEGIN HIDDEN TESTS
far = check.rng("sigmoid_stable").uniform(720, 5000, size=6)
with check.no_warnings("sigmoid must not overflow"):
    check.close(
        sigmoid(np.concatenate([far, -far])),
        np.repeat([1.0, 0.0], 6),
        call="sigmoid(z) for z beyond 700",
    )
    check.close(sigmoid(-30.0), 9.357622968839299e-14, call="sigmoid(-30.0)", atol=0)
### END HIDDEN TESTS

# %% [markdown]
# Does it matter? Weights grow during training, and so do scores. Here is the printed formula, written down as it
# stands, at $z = -1000$. Many tutorials contain this line.

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    naive = 1 / (1 + np.exp(-np.array(-1000.0)))

print("result: ", naive)
print("warning:", caught[0].message)
assert "overflow" in str(caught[0].message)

# %% [markdown]
# The result is right by luck: $1/(1+\infty)$ happens to be 0. The warning is a promise of worse to come, once a
# logarithm or a difference is taken of such numbers.
#
# The sigmoid also ships with SciPy, as `scipy.special.expit`. From here on the lesson uses that one, so that nothing
# below depends on your answer above, and you may use it in your own answers too.
#
# What does the weight do to the curve $\sigma(w\,x)$? Make a guess for $w = -0.75$ before you look.

# %% jupyter={"source_hidden": true}
grid = np.linspace(-6, 6, 241)
figure, axes = plt.subplots()
for weight, style in [(-0.75, "-"), (0.3, "--"), (1.0, "-."), (4.0, ":")]:
    axes.plot(grid, expit(weight * grid), style, label=f"w = {weight:g}")
axes.plot(0, 0.5, "o", color="black", zorder=4)
axes.annotate("every curve\npasses here", (0, 0.5), (-5.6, 0.53), arrowprops={"arrowstyle": "->"})
axes.set(
    xlabel="feature x",
    ylabel="probability of class 1",
    title="The weight sets direction and steepness",
)
axes.legend(loc="center right", bbox_to_anchor=(1, 0.4))
plots.show(
    figure,
    name="sigmoid_weights",
    alt="Four sigmoid curves over x. The one with weight -0.75 falls from left to right. Those with weights 0.3, 1 and 4 rise, "
    "the larger the weight the more steeply. All of them pass through probability one half at x = 0.",
)

# %% [markdown]
# A negative weight turns the curve around. A larger weight makes it steeper, that is, more sure of itself. And because
# $\sigma(0) = \tfrac12$, each curve crosses one half at $x = 0$, whatever the weight. The place where the model changes
# its mind, where the probability is one half, is called the *decision boundary*. Ours is nailed to 0; a second number,
# an intercept $b$ in $z = w x + b$, would let it move. For these four points, 0 is a fine place.
#
# ## Exercise 1.2: probabilities for a whole table (2 points)
#
# Data come in tables: one row per example, one column per feature. With $d$ features there are $d$ weights, and the
# score of row $i$ is the sum of the products,
#
# $$z_i = \sum_{j=1}^{d} X_{ij}\, w_j, \qquad p_i = \sigma(z_i).$$
#
# Write `predict_proba(X, w)`. `X` has shape `(m, d)` and `w` shape `(d,)`; the result has shape `(m,)`, one probability
# of class 1 for each row. Our table has $d = 1$, but write it for any $d$: chapter 2 has three.
#
# <details><summary>Hint 1: which operation is that sum?</summary>
#
# It is a product of a matrix and a vector. In NumPy: <code>X @ w</code>.
# </details>
#
# <details><summary>Hint 2: the shape is wrong?</summary>
#
# A result of shape <code>(m, 1)</code> means that <code>w</code> was made a column somewhere. Leave it as it comes.
# </details>


# %% nbgrader={"grade": false, "grade_id": "predict_proba", "locked": false, "schema_version": 3, "solution": true, "task": false}
def predict_proba(X, w):
    """Return the probability of class 1 for each row of X (m, d), weights w (d,)."""
    ### BEGIN SOLUTION
    return expit(X @ w)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "predict_proba_one_feature", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    predict_proba(np.array([[-1.0], [3.0], [-2.0], [4.0]]), np.array([-0.75])),
    np.array([0.6791787, 0.0953495, 0.8175745, 0.0474259]),
    call="predict_proba(X, w) for the four points and w = [-0.75]",
)
### BEGIN HIDDEN TESTS
column = check.rng("predict_proba_one_feature").normal(size=(7, 1))
expected = expit(1.5 * column[:, 0])
check.close(
    predict_proba(column, np.array([1.5])),
    expected,
    call="predict_proba(X, w) for X of shape (7, 1)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "predict_proba_many_features", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    predict_proba(np.array([[1.0, 2.0], [0.0, -1.0], [2.0, 0.0]]), np.array([1.0, -1.0])),
    np.array([0.2689414, 0.7310586, 0.8807971]),
    call="predict_proba([[1, 2], [0, -1], [2, 0]], [1, -1])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("predict_proba_many_features")
table, several = draw.normal(size=(4, 4)), draw.normal(size=4)
expected = expit((table * several).sum(axis=1))
check.close(
    predict_proba(table, several),
    expected,
    call="predict_proba(X, w) for X of shape (4, 4)",
)
### END HIDDEN TESTS

# %% [markdown]
# How well does our deliberately bad weight do?


# %%
def sklearn_predict(X, w):
    """Stand in for an unsolved exercise 1.2: scikit-learn's model with our weights put into it."""
    model = LogisticRegression()
    model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), w[None, :], np.zeros(1)
    return model.predict_proba(X)[:, 1]


w_start = np.array([-0.75])
predict = check.ready("predict_proba", otherwise=sklearn_predict, on=[(X, w_start)])
p_start = predict(X, w_start)

assert np.allclose(p_start, [0.6792, 0.0953, 0.8176, 0.0474], atol=5e-5)
pd.DataFrame(
    {
        "x": X[:, 0],
        "y": y,
        "probability of class 1": p_start.round(4),
        "on the right side?": (p_start > 0.5) == y,
    }
)

# %% [markdown]
# Wrong four times out of four. But "how many are right" is a poor guide for a learner: nudge the weight a little, and
# the count stays at zero. It gives no hint of which way to go. What would?
#
# ## Exercise 1.3: how surprised are you? (3 points)
#
# The model says that example $i$ belongs to class 1 with probability $p_i$. So the probability that it gives to the
# label which we really saw is $p_i$ if $y_i = 1$, and $1 - p_i$ if $y_i = 0$. For independent examples these
# probabilities multiply, and their product is the *likelihood* of the labels. A product of many small numbers soon
# underflows, so we take the logarithm, which makes it a sum. Then we flip the sign, so that smaller is better, and
# divide by $m$, so that the size of the data set does not matter. The result is the *negative log-likelihood*, also
# called cross-entropy or log loss:
#
# $$L = -\frac{1}{m} \sum_{i=1}^{m} \bigl( y_i \log p_i + (1 - y_i) \log(1 - p_i) \bigr)$$
#
# You can read it as average surprise. A model that gave the true label probability 1 is not surprised at all ($L = 0$);
# one that gave it probability 0 is infinitely surprised. Infinity is honest, but no gradient survives it. So we never
# let a model be that sure.
#
# Write `nll(y, p)` for two arrays of shape `(m,)`; it returns one number. Keep every probability at least $10^{-12}$
# away from 0 and from 1 before you take logarithms. The result is then finite, without a warning, for every $p$ from 0
# to 1.
#
# <details><summary>Hint 1: how to keep a number inside an interval?</summary>
#
# <code>np.clip(p, low, high)</code> returns a new array in which smaller values became <code>low</code> and larger ones
# <code>high</code>.
# </details>
#
# <details><summary>Hint 2: a result of nan?</summary>
#
# <code>0 * np.log(0)</code> is <code>0 * -inf</code>, which is not a number. Clip first, then take the logarithm.
# </details>


# %% nbgrader={"grade": false, "grade_id": "nll", "locked": false, "schema_version": 3, "solution": true, "task": false}
def nll(y, p):
    """Return the mean negative log-likelihood of labels y under probabilities p."""
    ### BEGIN SOLUTION
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "nll_values", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.close(nll(np.array([1.0]), np.array([0.5])), 0.6931472, call="nll([1], [0.5])")
check.close(
    nll(np.array([0.0, 1.0]), np.array([0.2, 0.6])), 0.3669846, call="nll([0, 1], [0.2, 0.6])"
)
### BEGIN HIDDEN TESTS
draw = check.rng("nll_values")
chances = draw.uniform(0.01, 0.99, size=11)
labels = (draw.random(11) < 0.5).astype(float)
surprise = -np.log(np.where(labels == 1, chances, 1 - chances))
check.close(nll(labels, chances), surprise.mean(), call="nll(y, p) for 11 examples")
with check.unchanged(call="nll(y, p)", y=labels, p=chances):
    nll(labels, chances)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "nll_finite", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
with check.no_warnings("nll must stay finite at p = 0 and p = 1"):
    check.close(
        nll(np.array([1.0, 0.0]), np.array([1.0, 0.0])), 0.0, call="nll([1, 0], [1.0, 0.0])"
    )
    check.close(
        nll(np.array([1.0, 0.0]), np.array([0.0, 1.0])),
        27.631,
        call="nll([1, 0], [0.0, 1.0])",
        rtol=1e-4,
    )
### BEGIN HIDDEN TESTS
coin = (check.rng("nll_finite").random(9) < 0.5).astype(float)
with check.no_warnings("nll must stay finite at p = 0 and p = 1"):
    check.close(nll(coin, 1 - coin), 27.631, call="nll(y, 1 - y) for 9 examples", rtol=1e-4)
### END HIDDEN TESTS

# %% [markdown]
# With a loss, each weight has a height. So we can draw the landscape that the learner will walk in, and where it
# starts.

# %%
loss = check.ready("nll", otherwise=lambda y, p: log_loss(y, p), on=[(y, p_start)])
loss_start = loss(y, p_start)
print(f"loss at w = -0.75: {loss_start:.4f}")
assert round(loss_start, 4) == 2.0593

# %% jupyter={"source_hidden": true}
weights = np.linspace(-1, 5, 241)
landscape = [loss(y, predict(X, np.array([weight]))) for weight in weights]

figure, axes = plt.subplots()
axes.plot(weights, landscape, color=plots.COLORS["blue"])
axes.plot(w_start, loss_start, "o", color=plots.COLORS["red"], markersize=9)
axes.annotate(
    "start: w = -0.75, loss 2.0593",
    (w_start[0], loss_start),
    (0.2, 2.1),
    arrowprops={"arrowstyle": "->"},
)
axes.set(xlabel="weight w", ylabel="loss L(w)", title="Where is the bottom of this valley?")
plots.show(
    figure,
    name="loss_landscape",
    alt="The loss as a function of the weight. It falls steeply from 2.7 at w = -1 to about 0.15 at w = 1, then ever more "
    "gently towards 0 at w = 5, without turning up again. The start lies at w = -0.75, high on the slope.",
)

# %% [markdown]
# There seems to be no bottom: the curve gets flat, but does it ever turn up again? Keep that question. First: standing
# at the red dot, blindfolded, how do you find out which way is down?
#
# ## The gradient, by hand
#
# You need the slope of $L$ at $w$. Three small derivatives and the chain rule give it.
#
# First, the sigmoid has a remarkable derivative. From $\sigma(z) = (1 + e^{-z})^{-1}$,
#
# $$\sigma'(z) = \frac{e^{-z}}{(1 + e^{-z})^2} = \frac{1}{1 + e^{-z}} \cdot \frac{e^{-z}}{1 + e^{-z}}
# = \sigma(z)\,\bigl(1 - \sigma(z)\bigr).$$
#
# Second, the surprise $\ell$ of one example with probability $p$, as it changes with $p$:
#
# $$\ell = -y \log p - (1 - y) \log (1 - p), \qquad
# \frac{\partial \ell}{\partial p} = -\frac{y}{p} + \frac{1 - y}{1 - p} = \frac{p - y}{p\,(1 - p)}.$$
#
# Third, the score $z = \sum_j X_{ij} w_j$ changes with $w_j$ at the rate $X_{ij}$. Now multiply the three:
#
# $$\frac{\partial \ell_i}{\partial w_j}
# = \frac{p_i - y_i}{p_i\,(1 - p_i)} \cdot p_i\,(1 - p_i) \cdot X_{ij} = (p_i - y_i)\, X_{ij}.$$
#
# The awkward factor cancels. What is left is error times input. Averaged over the examples, and for all weights at
# once,
#
# $$\frac{\partial L}{\partial w_j} = \frac{1}{m} \sum_{i=1}^{m} (p_i - y_i)\, X_{ij}.$$
#
# You will meet the pattern *probability minus truth, times input* in every chapter of this course.
#
# ## Exercise 1.4: the gradient (3 points)
#
# Write `nll_gradient(X, y, w)` for `X` of shape `(m, d)`, `y` of shape `(m,)` and `w` of shape `(d,)`. It returns the
# vector of the $d$ partial derivatives, shape `(d,)`.
#
# <details><summary>Hint 1: which axis disappears?</summary>
#
# The sum runs over the examples $i$. What stays is one number per feature $j$.
# </details>
#
# <details><summary>Hint 2: as a product of matrix and vector</summary>
#
# In $\sum_i X_{ij}\,e_i$ the sum runs over the <em>first</em> index of $X$. That is the product of the transposed
# matrix, <code>X.T</code>, with the vector $e$ of errors.
# </details>


# %% nbgrader={"grade": false, "grade_id": "nll_gradient", "locked": false, "schema_version": 3, "solution": true, "task": false}
def nll_gradient(X, y, w):
    """Return the gradient of the mean negative log-likelihood in w, shape (d,)."""
    ### BEGIN SOLUTION
    return X.T @ (expit(X @ w) - y) / len(y)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "nll_gradient_one_weight", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check.close(
    nll_gradient(
        np.array([[-1.0], [3.0], [-2.0], [4.0]]), np.array([0.0, 1.0, 0.0, 1.0]), np.array([-0.75])
    ),
    np.array([-2.2096439]),
    call="nll_gradient(X, y, w) for the four points and w = [-0.75]",
)
### BEGIN HIDDEN TESTS
draw = check.rng("nll_gradient_one_weight")
column, weight = draw.normal(size=(6, 1)), draw.normal(size=1)
labels = (draw.random(6) < 0.5).astype(float)
slope = np.mean((expit(column[:, 0] * weight[0]) - labels) * column[:, 0])
check.close(
    nll_gradient(column, labels, weight),
    np.array([slope]),
    call="nll_gradient(X, y, w) for X of shape (6, 1)",
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "nll_gradient_many_weights", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.close(
    nll_gradient(
        np.array([[1.0, 2.0], [0.0, -1.0], [2.0, 0.0]]),
        np.array([1.0, 0.0, 0.0]),
        np.array([1.0, -1.0]),
    ),
    np.array([0.3435119, -0.7310586]),
    call="nll_gradient([[1, 2], [0, -1], [2, 0]], [1, 0, 0], [1, -1])",
)
### BEGIN HIDDEN TESTS
draw = check.rng("nll_gradient_many_weights")
table, several = draw.normal(size=(4, 4)), draw.normal(size=4)
labels = (draw.random(4) < 0.5).astype(float)
slopes = check.numerical_gradient(
    lambda w: np.mean(np.logaddexp(0, table @ w) - labels * (table @ w)), several
)
check.close(
    nll_gradient(table, labels, several),
    slopes,
    call="nll_gradient(X, y, w) for X of shape (4, 4)",
    rtol=1e-5,
    atol=1e-7,
)
### END HIDDEN TESTS

# %% [markdown]
# ### Never trust a gradient that you have not checked
#
# A derivation by hand can be wrong, and so can its code. Fortunately there is a test that needs no calculus: take a
# small step to each side and look at the difference in height. For a step $h$,
#
# $$\frac{L(w + h) - L(w - h)}{2h} = L'(w) + O(h^2).$$
#
# How small should $h$ be? "As small as possible" sounds right. Try it.


# %%
def loss_at(w, X=X, y=y):
    """Return the loss at the weights w, straight from the scores: nothing to clip."""
    z = X @ w
    return np.mean(np.logaddexp(0, z) - y * z)


def difference_gradient(X, y, w):
    """Stand in for an unsolved exercise 1.4: differences at two steps, extrapolated to none."""
    fine, coarse = (
        check.numerical_gradient(lambda v: loss_at(v, X, y), w, step=h) for h in (1e-3, 2e-3)
    )
    return (4 * fine - coarse) / 3


gradient = check.ready("nll_gradient", otherwise=difference_gradient, on=[(X, y, w_start)])
by_hand = gradient(X, y, w_start)[0]

steps = 10.0 ** -np.arange(1, 13)
errors = [abs(check.numerical_gradient(loss_at, w_start, step=step)[0] - by_hand) for step in steps]

print(f"gradient by hand: {by_hand:.6f}")
print(f"by differences:   {check.numerical_gradient(loss_at, w_start, step=1e-5)[0]:.6f}")
assert min(errors) < 1e-8 and errors[0] > 1e-4 and errors[-1] > 1e-7

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots()
axes.loglog(steps, errors, "o-", color=plots.COLORS["blue"])
axes.annotate("too large a step:\nthe curve bends", (1e-2, errors[1]), (3e-4, 3e-4), ha="center")
axes.annotate("too small a step:\nrounding wins", (1e-10, errors[9]), (2e-10, 4e-4), ha="center")
axes.set(
    xlabel="step h",
    ylabel="error of the difference quotient",
    title="The best step is neither large nor tiny",
    ylim=(1e-12, 1e-1),
)
plots.show(
    figure,
    name="gradient_check",
    alt="Error of the difference quotient over the step h, both axes logarithmic. The error falls with the square of h from "
    "h = 0.1 down to about 0.00001, where it is below a billionth, and rises again as h shrinks further, because of rounding: a V.",
)

# %% [markdown]
# A V. On its right arm the error shrinks a hundredfold for each tenfold smaller step: that is the $O(h^2)$ of the
# formula. On its left arm you subtract two numbers that agree in nearly all their digits, and divide the rounding
# error that remains by a tiny $h$. The tip lies where the two meet, and a step of about $10^{-5}$ serves well. At the
# tip the two gradients agree to about ten digits, so the derivation holds.
#
# ## Exercise 1.5: walk downhill (3 points)
#
# The gradient points uphill. So take a step against it, in proportion to it, and repeat:
#
# $$w^{(t+1)} = w^{(t)} - \eta\, \nabla L\bigl(w^{(t)}\bigr).$$
#
# The number $\eta$ is the *learning rate*, and each round over all data is called an *epoch*.
#
# Write `training_loop(gradient, w, learning_rate, epochs)`. `gradient` is a function that takes a weight vector of
# shape `(d,)` and returns the gradient there; `w` is the start. Return an array of shape `(epochs + 1, d)` with the whole
# path: row 0 is the start, row $t$ the weights after $t$ steps. The array `w` that was passed in must stay as it was.
#
# <details><summary>Hint 1: all rows are the same?</summary>
#
# <code>w -= …</code> writes into the one array that your list holds many times. <code>w = w - …</code> makes a new one.
# </details>
#
# <details><summary>Hint 2: one row short?</summary>
#
# There is one more point on a path than there are steps. Keep the start too.
# </details>


# %% nbgrader={"grade": false, "grade_id": "training_loop", "locked": false, "schema_version": 3, "solution": true, "task": false}
def training_loop(gradient, w, learning_rate, epochs):
    """Return the path of gradient descent from w, shape (epochs + 1, d)."""
    ### BEGIN SOLUTION
    path = [w]
    for _ in range(epochs):
        path.append(path[-1] - learning_rate * gradient(path[-1]))
    return np.array(path)
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "training_loop_path", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check.close(
    training_loop(lambda w: w - 3.0, np.array([0.0]), 0.5, 3),
    np.array([[0.0], [1.5], [2.25], [2.625]]),
    call="training_loop(lambda w: w - 3.0, w=[0.0], learning_rate=0.5, epochs=3)",
)
### BEGIN HIDDEN TESTS
draw = check.rng("training_loop_path")
target, begin = draw.normal(size=3), draw.normal(size=3)
expected = target + 0.8 ** np.arange(6)[:, None] * (begin - target)
check.close(
    training_loop(lambda w: 2 * (w - target), begin, 0.1, 5),
    expected,
    call="training_loop(gradient, w, 0.1, 5) for three weights",
)
### END HIDDEN TESTS

# %% nbgrader={"grade": true, "grade_id": "training_loop_start", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
begin = np.array([2.0, -1.0])
with check.unchanged(call="training_loop(gradient, w, 0.1, 4)", w=begin):
    check.close(
        training_loop(lambda w: w, begin, 0.1, 4)[-1],
        [1.3122, -0.6561],
        call="training_loop(lambda w: w, [2, -1], 0.1, 4)[-1]",
    )
check.close(
    training_loop(lambda w: w, np.array([5.0]), 0.1, 0),
    np.array([[5.0]]),
    call="training_loop(gradient, [5], 0.1, epochs=0)",
)

# %% [markdown]
# ## Forty epochs
#
# Everything is in place. Forty steps at the rate 0.1, from $w = -0.75$:


# %%
def accumulated_descent(gradient, w, learning_rate, epochs):
    """Stand in for an unsolved exercise 1.5: the standard library strings the steps together."""
    steps = accumulate(range(epochs), lambda at, _: at - learning_rate * gradient(at), initial=w)
    return np.array(list(steps))


quadratic = (lambda w: w - 3.0, np.array([0.0]), 0.5, 3)
train = check.ready("training_loop", otherwise=accumulated_descent, on=[quadratic])
path = train(lambda w: gradient(X, y, w), w_start, 0.1, 40)
losses = np.array([loss_at(w) for w in path])

assert np.allclose(
    losses[:40:5], [2.0593, 0.5455, 0.2780, 0.1981, 0.1588, 0.1349, 0.1185, 0.1064], atol=5e-5
)
assert round(path[40, 0], 4) == 1.1950
pd.DataFrame({"epoch": np.arange(41), "w": path[:, 0].round(4), "loss": losses.round(4)})[::5]

# %% [markdown]
# From 2.06 to under 0.1. Before you enjoy the picture, a question of bookkeeping that catches many people. Row $t$ of
# the table shows the weight after $t$ steps, and *its* loss. A popular way to write the loop computes the loss, then
# updates the weight, then draws the curve, and prints the old loss above the new curve. By how much is the title wrong?

# %%
print(f"curve drawn after the first step: w = {path[1, 0]:.4f}, its loss {losses[1]:.4f}")
print(f"loss that such a title shows:     {losses[0]:.4f}")
assert round(losses[1], 4) == 1.5878 and round(losses[0], 4) == 2.0593

# %% [markdown]
# That is no small matter early in training. In the animation below, each frame shows the loss of the very curve that it
# draws.

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots()
axes.set(xlabel="feature x", ylabel="probability of class 1", xlim=(-6, 6), ylim=(-0.18, 1.18))
axes.set_title(" ")
axes.axhline(0.5, color="grey", linestyle=":", linewidth=1.5)
draw_points(axes)
(curve,) = axes.plot(grid, expit(grid * path[0, 0]), color="black")
headline = axes.text(-6, 1.22, "", fontsize=12, clip_on=False)


def draw_epoch(epoch):
    """Bend the curve to the weight of an epoch and write its loss above it."""
    curve.set_ydata(expit(grid * path[epoch, 0]))
    headline.set_text(f"epoch {epoch}:  w = {path[epoch, 0]:.3f},  loss {losses[epoch]:.4f}")
    return curve, headline


pictures = animate.record(figure, draw_epoch, range(41))
animate.show_gif(
    pictures,
    name="training",
    alt="Animation over 40 epochs. The probability curve first falls from left to right, on the wrong side of all four points. "
    "It flattens, turns around at epoch 4, and grows steeper, until it passes close to each point. The loss falls from 2.0593 to 0.0970.",
)

# %% [markdown]
# Move through the epochs at your own pace. (In an exported page you see one picture.) When does the curve turn around?
# When is the last point on the right side of one half? And when does the picture stop changing?

# %% tags=["nbval-ignore-output"] jupyter={"source_hidden": true}
animate.show_slider(
    pictures,
    name="training_epoch",
    alts=[
        f"Probability curve at epoch {t}: weight {path[t, 0]:.3f}, loss {losses[t]:.4f}."
        for t in range(41)
    ],
    start=4,
)

# %%
first_right = int(np.argmax(path[:, 0] > 0))
print(f"The weight is positive, and with it all four points right, from epoch {first_right} on.")
assert first_right == 4

# %% [markdown]
# All four points change sides together, because the boundary cannot move: it is only the sign of $w$ that counts. After
# epoch 4 nobody is wrong any more. Yet the loss goes on falling for 36 epochs. What is left to learn?

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots()
axes.plot(losses, color=plots.COLORS["blue"])
axes.plot(np.arange(0, 41, 5), losses[::5], "o", color=plots.COLORS["blue"])
axes.axvline(4, color="grey", linestyle=":", linewidth=1.5)
axes.annotate(
    "from here on all four are right",
    (4, 1.2),
    (8, 1.2),
    va="center",
    arrowprops={"arrowstyle": "->"},
)
axes.set(xlabel="epoch", ylabel="loss", title="Falling, and still falling", ylim=(0, 2.2))
plots.show(
    figure,
    name="loss_by_epoch",
    alt="Loss over 40 epochs. It drops from 2.06 to 0.55 within the first five epochs; from epoch 4 on all four points are classified "
    "correctly. Then it decreases more and more slowly to 0.097 at epoch 40.",
)

# %% [markdown]
# ## Has it converged?
#
# A smooth curve that flattens out: it is tempting to say "converged". Let us ask the data instead. If epoch 40 is the
# end of the journey, then 10,000 epochs must end in the same place.

# %%
long_path = train(lambda w: gradient(X, y, w), w_start, 0.1, 10_000)[:, 0]
checkpoints = np.array([40, 100, 1_000, 10_000])
theory = np.log(0.1 * checkpoints / 4)

assert np.allclose(long_path[checkpoints], [1.1950, 1.7059, 3.4036, 5.5504], atol=5e-5)
assert abs(long_path[10_000] - theory[-1]) < 0.03
pd.DataFrame(
    {
        "epoch": checkpoints,
        "w": long_path[checkpoints].round(4),
        "ln(0.1 · epoch / 4)": theory.round(4),
    }
)

# %% [markdown]
# It had not. The weight has grown from 1.2 to 5.6, and each time that we wait ten times longer, it gains about 2 more. Why?
#
# Suppose some weight $w > 0$ gets every point right. Double it. Each score doubles too, so each probability moves
# closer to its label, and *every* term of the loss gets smaller. So no weight can be the best one: twice that weight is
# better. The loss has a lower limit, 0, that it never reaches. Data for which some weight gets every point right are
# called *separable*, and on separable data logistic regression has no optimum at all.
#
# We can even say how fast it runs away. When $w$ is large, the point that is hardest to be sure of, the one nearest to the
# boundary, dominates. Here it is $x = -1$. Its error is $p - y = \sigma(-w) \approx e^{-w}$, its input is $-1$, and the mean is
# over $m = 4$ points, so the gradient is about $-\tfrac14 e^{-w}$. Read the steps as a continuous movement in the time
# $t$:
#
# $$\frac{dw}{dt} \approx \frac{\eta}{4}\, e^{-w} \quad\Longrightarrow\quad e^{w} \approx \frac{\eta\, t}{4} + \text{const}
# \quad\Longrightarrow\quad w \approx \ln \frac{\eta\, t}{4}.$$
#
# That is the last column of the table. The weight grows like a logarithm: for ever, and ever more slowly. To the eye,
# that looks just like convergence.

# %% jupyter={"source_hidden": true}
epochs = np.arange(1, 10_001)
figure, axes = plt.subplots()
axes.semilogx(epochs, long_path[1:], color=plots.COLORS["blue"], label="gradient descent")
axes.semilogx(
    epochs[60:],
    np.log(0.1 * epochs[60:] / 4),
    "--",
    color=plots.COLORS["red"],
    label="ln(0.1 · epoch / 4)",
)
axes.plot(40, long_path[40], "o", color="black", zorder=4)
axes.annotate(
    "the animation ends here", (40, long_path[40]), (1.6, 2.6), arrowprops={"arrowstyle": "->"}
)
axes.set(
    xlabel="epoch (logarithmic)",
    ylabel="weight w",
    title="A straight line on this axis never levels off",
)
axes.legend(loc="upper left")
plots.show(
    figure,
    name="never_converges",
    alt="The weight over 10,000 epochs on a logarithmic axis. From about epoch 1,000 on it follows the dashed straight line "
    "ln(0.1 times epoch over 4) and reaches 5.55, with no sign of levelling off. The animation ended at epoch 40, at weight 1.195.",
)

# %% [markdown]
# ### A price on large weights
#
# Is a weight of 5.55 a better description of the world than 1.2, on the evidence of four points? It claims
# to be surer, and it learned this from nothing but patience. The usual cure is to charge for size. An *L2 penalty* of
# strength $\lambda$ changes the loss to
#
# $$L_\lambda(w) = L(w) + \frac{\lambda}{2} \lVert w \rVert^2, \qquad \nabla L_\lambda(w) = \nabla L(w) + \lambda\, w.$$
#
# Doubling the weight now has a cost that grows, while the gain shrinks. Somewhere the two balance, so there is an
# optimum, and because the penalty bends the curve upwards everywhere, there is exactly one.
#
# scikit-learn minimises the same thing in other units: it multiplies the sum (not the mean) of the surprises by `C` and
# charges $\tfrac12 \lVert w \rVert^2$. Divide by $C\,m$, and you see that $\lambda = 1/(C\,m)$. Do the two agree?

# %%
strengths = [1.0, 0.1, 0.01]
rows = []
for strength in strengths:
    penalised = train(lambda w, s=strength: gradient(X, y, w) + s * w, w_start, 0.5, 1_500)
    model = LogisticRegression(C=1 / (strength * len(y)), fit_intercept=False, tol=1e-10).fit(X, y)
    rows.append({"λ": strength, "our w": penalised[-1, 0], "scikit-learn's w": model.coef_[0, 0]})

optima = pd.DataFrame(rows)
assert np.allclose(optima["our w"], optima["scikit-learn's w"], atol=2e-4)
assert np.allclose(optima["our w"], [0.4925, 1.2247, 2.4391], atol=2e-4)
optima.round(3)

# %% jupyter={"source_hidden": true}
figure, axes = plt.subplots()
axes.plot(weights, landscape, color="black", linestyle=":", label="no penalty: no minimum")
for strength, best, name, style in zip(
    strengths, optima["our w"], ["red", "green", "blue"], ["-", "--", "-."], strict=True
):
    color = plots.COLORS[name]
    axes.plot(
        weights,
        landscape + strength / 2 * weights**2,
        style,
        color=color,
        label=f"λ = {strength:g}",
    )
    axes.plot(
        best, loss_at(np.array([best])) + strength / 2 * best**2, "o", color=color, markersize=8
    )
axes.set(
    xlabel="weight w",
    ylabel="loss + penalty",
    ylim=(0, 1.6),
    title="A penalty gives the valley a floor",
)
axes.legend(loc="upper right")
plots.show(
    figure,
    name="l2_penalty",
    alt="Loss plus penalty over the weight. Without a penalty the curve falls for ever. With strength 1, 0.1 and 0.01 each curve has "
    "one minimum, marked by a dot, at weights 0.49, 1.22 and 2.44: the weaker the penalty, the larger the best weight.",
)

# %% [markdown]
# They agree. The weaker the penalty, the further out the optimum; with none, it is nowhere. So "the trained weight" of
# a model without a penalty on separable data is not a property of the data. It is a property of when somebody stopped.
# Remember this when the weights are embeddings and somebody reads meaning into their length.
#
# ## Exercise 1.6: in your own words (3 points)
#
# We add a fifth example, $x = 1$ with label $y = 0$, and train without a penalty, for ever.
#
# 1. Does the weight $w$ still grow without limit? Give the reason, not only the answer.
# 2. Now the model also gets an intercept, $z = w x + b$. Does your answer change?
#
# Two to six sentences. This answer is read and marked by a person.

# %% [markdown] nbgrader={"grade": true, "grade_id": "five_points", "locked": false, "points": 3, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# 1. No. Without an intercept the boundary stays at 0, so a positive weight puts x = 1 on the wrong side and a negative one
#    puts all the others there: no weight gets all five right. Making w larger makes the model surer of its mistake at x = 1,
#    and that surprise grows without bound, in proportion to w. So the loss goes up in both directions and has a minimum at
#    a finite weight (it lies near w = 0.99). *(2 points: not separable through 0; the loss rises again for large w)*
# 2. Yes. With an intercept the boundary can move to anywhere between 1 and 3, and there it separates all five points. So w and
#    b can both be scaled up for ever, each time with a smaller loss, and w grows without limit again. *(1 point)*
# ### END SOLUTION

# %% [markdown]
# ## What to take away
#
# - The sigmoid turns a score into a probability. Write it so that it cannot overflow.
# - The negative log-likelihood is average surprise. Unlike the number of mistakes, it always says which way is better.
# - Its gradient is *(probability − truth) × input*, averaged. Check each gradient that you derive with finite differences, at
#   a step near $10^{-5}$.
# - A loss belongs to the weights it was computed with. Do not print it above another curve.
# - A flat loss curve is no proof of convergence. On separable data there is nothing to converge to, unless large
#   weights have a price.
#
# **Next.** In chapter 2 each of the four points also gets a *category*, a thing that is no number at all. The model will
# have to learn numbers for it: your first embedding.
#
# ## What this chapter builds on
#
# - The four points, the starting weight and the idea of an animation come from the post *Wait, how do embeddings work?*
#   (14 May 2020), whose losses the table above reproduces. It concluded that the model had converged.
# - C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.3.2: logistic regression, and its fate on
#   separable data.
# - D. Soudry, E. Hoffer, M. S. Nacson, S. Gunasekar and N. Srebro, *The Implicit Bias of Gradient Descent on Separable
#   Data*, 2018, arXiv 1710.10345: the logarithmic growth, in general.
# - J. Nocedal and S. J. Wright, *Numerical Optimization*, 2006, section 8.1: how small a step to take in a difference quotient.
# - M. Okabe and K. Ito, *Color Universal Design*, 2008: the colours of all figures.
