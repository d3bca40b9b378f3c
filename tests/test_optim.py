"""embedlab.optim on problems whose optimum is known, and on input that it must refuse."""

import numpy as np
import pytest
from scipy.optimize import minimize

from embedlab.optim import SFO, Adam, bfgs_hessian


def quadratics(size, count, condition, seed=0):
    """Return f, start, batches and the minimiser of a sum of quadratics; their Hessians differ."""
    draw = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(draw.normal(size=(size, size)))
    root = turn * np.sqrt(np.geomspace(1, condition, size))
    batches = []
    for _ in range(count):
        noise = draw.normal(size=(size, size))
        hessian = root @ (np.eye(size) + noise @ noise.T / size) @ root.T / (2 * count)
        batches.append((hessian, draw.normal(size=size)))
    best = np.linalg.solve(sum(H for H, _ in batches), sum(b for _, b in batches))

    def f(theta, batch):
        H, b = batch
        return theta @ H @ theta / 2 - b @ theta, H @ theta - b

    return f, np.zeros(size), batches, best


def regression(kind, seed=0, examples=1000, size=20, count=20):
    """Return f, start and batches of a ridge or logistic regression with a penalty; features of falling scale."""
    draw = np.random.default_rng(seed)
    X = draw.normal(size=(examples, size)) * np.geomspace(1, 0.1, size)
    score = X @ draw.normal(size=size) + 0.3 * draw.normal(size=examples)
    y = np.sign(score) if kind == "logistic" else score
    batches = [(X[i::count], y[i::count]) for i in range(count)]

    def f(theta, batch):
        rows, labels = batch
        penalty, slope = 0.01 / count * theta @ theta / 2, 0.01 / count * theta
        if kind == "ridge":
            error = rows @ theta - labels
            return error @ error / (2 * examples) + penalty, rows.T @ error / examples + slope
        margin = labels * (rows @ theta)
        wrong = np.exp(-np.logaddexp(0, margin))
        return np.logaddexp(0, -margin).sum() / examples + penalty, slope - rows.T @ (labels * wrong) / examples

    return f, np.zeros(size), batches


def rosenbrock(size):
    """Return f, start and batches of the Rosenbrock function as a sum over neighbouring coordinates."""

    def f(theta, i):
        gradient = np.zeros(size)
        curve, line = theta[i + 1] - theta[i] ** 2, 1 - theta[i]
        gradient[i], gradient[i + 1] = -400 * curve * theta[i] - 2 * line, 200 * curve
        return 100 * curve**2 + line**2, gradient

    return f, np.resize([-1.2, 1.0], size), range(size - 1)


def total(f, theta, batches):
    """The objective and its gradient."""
    parts = [f(theta, batch) for batch in batches]
    return sum(loss for loss, _ in parts), sum(gradient for _, gradient in parts)


def lbfgs(f, start, batches):
    """The optimal loss by SciPy's L-BFGS-B, run until it can do no more."""
    options = {"ftol": 0, "gtol": 1e-12, "maxiter": 10_000, "maxfun": 100_000}
    return minimize(lambda t: total(f, t, batches), start, jac=True, method="L-BFGS-B", options=options).fun


def passes_needed(optimizer, f, batches, best, most):
    """Whole passes until the objective is within 1e-6, relatively, of `best`; `most` + 1 if more would be needed."""
    for done in range(1, most + 1):
        if total(f, optimizer.optimize(1), batches)[0] - best <= 1e-6 * abs(best):
            return done
    return most + 1


@pytest.mark.parametrize("condition, passes", [(10, 12), (1e2, 20), (1e4, 50)])
def test_sfo_solves_a_sum_of_quadratics(condition, passes):
    f, start, batches, best = quadratics(30, 10, condition)
    at_best = total(f, best, batches)[0]
    assert lbfgs(f, start, batches) == pytest.approx(at_best, rel=1e-9)
    assert passes_needed(SFO(f, start, batches), f, batches, at_best, passes) <= passes


def test_sfo_finds_the_minimizer_and_stays_there():
    f, start, batches, best = quadratics(20, 10, 10)
    optimizer = SFO(f, start, batches)
    np.testing.assert_allclose(optimizer.optimize(20), best, atol=1e-6)
    np.testing.assert_allclose(optimizer.optimize(20), best, atol=1e-6)
    assert optimizer.evaluations == 400


def test_sfo_with_more_parameters_than_its_subspace():
    """200 parameters in a subspace of 30 dimensions, which is collapsed many times on the way."""
    f, start, batches, best = quadratics(200, 10, 100)
    optimizer = SFO(f, start, batches)
    np.testing.assert_allclose(optimizer.optimize(40), best, atol=1e-6)
    used = optimizer._basis[:, : optimizer._used]
    assert optimizer._basis.shape == (200, 30)
    np.testing.assert_allclose(used.T @ used, np.eye(optimizer._used), atol=1e-10)


@pytest.mark.parametrize("count", [1, 2])
def test_sfo_with_few_minibatches(count):
    f, start, batches, best = quadratics(8, count, 10)
    np.testing.assert_allclose(SFO(f, start, batches).optimize(60), best, atol=1e-6)


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
def test_sfo_needs_fewer_passes_than_adam_at_any_rate(kind):
    f, start, batches = regression(kind)
    best = lbfgs(f, start, batches)
    needed = passes_needed(SFO(f, start, batches), f, batches, best, 15)
    assert needed <= 15
    for rate in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3):
        assert passes_needed(Adam(f, start, batches, rate=rate), f, batches, best, needed) > needed


def test_adam_approaches_the_optimum_as_its_rate_falls():
    f, start, batches = regression("logistic")
    best = lbfgs(f, start, batches)
    gaps = [total(f, Adam(f, start, batches, rate=rate).optimize(60), batches)[0] / best - 1 for rate in (0.1, 0.02)]
    assert 0 < gaps[1] < 1e-3
    assert gaps[1] < gaps[0] / 3


def test_adam_takes_the_steps_of_the_paper():
    """With one minibatch there is no order to draw; the first step has length `rate` in every coordinate."""

    def f(theta, weights):
        return weights @ theta**2 / 2, weights * theta

    weights, theta = np.array([1.0, 100.0]), np.array([3.0, -0.5])
    optimizer = Adam(f, theta, [weights], rate=0.1)
    np.testing.assert_allclose(optimizer.optimize(1), [2.9, -0.4], atol=1e-9)
    first, second = weights * theta, weights * np.array([2.9, -0.4])
    mean = (0.9 * 0.1 * first + 0.1 * second) / (1 - 0.9**2)
    square = (0.999 * 0.001 * first**2 + 0.001 * second**2) / (1 - 0.999**2)
    expected = np.array([2.9, -0.4]) - 0.1 * mean / (np.sqrt(square) + 1e-8)
    np.testing.assert_allclose(optimizer.optimize(1), expected, atol=1e-8)


def test_rosenbrock_is_not_convex():
    f, start, batches = rosenbrock(10)
    at_start = total(f, start, batches)[0]
    optimizer = SFO(f, start, batches)
    losses = [total(f, optimizer.optimize(5), batches)[0] for _ in range(10)]
    assert max(losses) < 0.1 * at_start
    assert losses[-1] < 0.01 * at_start
    f, start, batches = rosenbrock(2)
    np.testing.assert_allclose(SFO(f, start, batches).optimize(200), [1, 1], atol=1e-6)


@pytest.mark.parametrize("make", [SFO, Adam])
def test_the_same_run_twice(make):
    f, start, batches = regression("logistic", count=5)
    before = start.copy()
    whole, parts = make(f, start, batches), make(f, start, batches)
    for passes in (1, 2, 3):
        parts.optimize(passes)
    assert np.array_equal(whole.optimize(6), parts.theta)
    assert np.array_equal(start, before)
    assert whole.evaluations == 30


def test_what_optimize_returns_is_the_callers():
    f, start, batches = regression("ridge", count=5)
    for optimizer in (SFO(f, start, batches), Adam(f, start, batches)):
        optimizer.optimize(1)[:] = np.nan
        assert np.all(np.isfinite(optimizer.optimize(1)))


def test_active_minibatches_grow_sooner_when_gradients_disagree():
    """Equal minibatches agree, so one is as good as all; opposed ones need each other from the start."""

    def f(theta, target):
        return np.sum((theta - target) ** 2) / 2, theta - target

    agreeing, opposed = SFO(f, [9.0, 9.0], np.zeros((8, 2))), SFO(f, [0.0, 0.0], np.resize([[5, 5], [-5, -5]], (8, 2)))
    for optimizer in (agreeing, opposed):
        optimizer.optimize(3 / 8)
    assert (agreeing._active, opposed._active) == (2, 4)
    agreeing.optimize(29 / 8)
    assert agreeing._active == 8, "every minibatch has its turn, even when they agree"


def test_a_new_minibatch_borrows_the_mean_hessian_of_the_others():
    def f(theta, curvature):
        return curvature * theta @ theta / 2, curvature * theta

    optimizer = SFO(f, [9.0], [1.0, 3.0, 1.0, 3.0], first_step=0.1)
    while not optimizer._seen[2]:
        optimizer._step()
    taught = optimizer._moves[:2].any(axis=(1, 2))
    assert taught.any()
    assert optimizer._hessian[2, 0, 0] == pytest.approx(np.array([1.0, 3.0])[taught].mean())


def test_a_step_too_far_is_refused():
    """Beyond 1 the function leaps to infinity; its minimum, at 0.9, is approached all the same."""

    def f(theta, _):
        if theta[0] >= 1:
            return np.inf, np.full(1, np.nan)
        return -0.1 * np.log(1 - theta[0]) - theta[0], 0.1 / (1 - theta) - 1

    optimizer = SFO(f, [-3.0], range(3), first_step=1.5)
    np.testing.assert_allclose(optimizer.optimize(30), [0.9], atol=1e-6)
    assert optimizer.refused > 0


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("start", [3.0, 12.0])
def test_a_value_far_above_its_model_is_refused(count, start):
    """Newton's method diverges on sqrt(1 + x^2) from any start beyond 1; the step check brings it back."""

    def f(theta, _):
        height = np.sqrt(1 + theta @ theta)
        return height, theta / height

    optimizer = SFO(f, [start], range(count), first_step=0.5)
    np.testing.assert_allclose(optimizer.optimize(60), [0.0], atol=1e-6)
    assert optimizer.refused > 0


def test_bfgs_finds_the_hessian_of_a_quadratic():
    """With conjugate steps through all dimensions BFGS ends at the exact Hessian, wherever it starts."""
    draw = np.random.default_rng(3)
    noise = draw.normal(size=(5, 5))
    hessian = noise @ noise.T + np.eye(5)
    values, moves = np.linalg.eigh(hessian)
    floor, found = bfgs_hessian(moves.T, moves.T @ hessian)
    np.testing.assert_allclose(found, hessian, atol=1e-9)
    assert floor == pytest.approx(np.sqrt(values[0] * values[2]))
    with pytest.raises(ValueError, match="moves and turns must hold a pair with positive curvature"):
        bfgs_hessian(moves.T, -moves.T)


def bowl(theta, batch):
    """A well-behaved objective, for tests of bad input."""
    return theta @ theta, 2 * theta


@pytest.mark.parametrize("make", [SFO, Adam])
@pytest.mark.parametrize(
    "f, theta, batches, message",
    [
        ("bowl", [1.0], [0], "f must be a function"),
        (bowl, [1.0, np.nan], [0], "theta must be finite"),
        (bowl, [[1.0]], [0], r"theta must be a vector .* not of shape \(1, 1\)"),
        (bowl, [], [0], "theta must be a vector with at least one number"),
        (bowl, ["a"], [0], "theta must be a vector of real numbers"),
        (bowl, [1.0], [], "batches must be a sequence with at least one minibatch"),
        (bowl, [1.0], None, "batches must be a sequence with at least one minibatch"),
    ],
)
def test_bad_problems(make, f, theta, batches, message):
    with pytest.raises(ValueError, match=message):
        make(f, theta, batches)


@pytest.mark.parametrize("make", [SFO, Adam])
@pytest.mark.parametrize(
    "returned, message",
    [
        ((np.nan, np.ones(2)), "f must return a number as its loss; for minibatch 0 it returned nan"),
        ((None, np.ones(2)), "f must return a number as its loss; for minibatch 0 it returned None"),
        ((np.ones(2), np.ones(2)), "f must return a number as its loss"),
        ((np.inf, np.ones(2)), "f must return a finite loss"),
        ((1.0, np.ones(3)), r"gradient of theta's shape \(2,\); for minibatch 0 it has \(3,\)"),
        ((1.0, np.ones((2, 1))), r"gradient of theta's shape \(2,\); for minibatch 0 it has \(2, 1\)"),
        ((1.0, np.array([1.0, np.nan])), "f must return a finite gradient"),
        (1.0, "f must return a tuple"),
    ],
)
def test_bad_objectives(make, returned, message):
    optimizer = make(lambda theta, batch: returned, np.zeros(2), [0])
    with pytest.raises(ValueError, match=message):
        optimizer.optimize(1)


@pytest.mark.parametrize(
    "make, name, value",
    [
        (SFO, "history", 0),
        (SFO, "subspace", 5),
        (SFO, "active", 1.5),
        (SFO, "first_step", 0),
        (SFO, "first_step", np.nan),
        (Adam, "rate", -1),
        (Adam, "rate", "fast"),
        (Adam, "beta1", 1.0),
        (Adam, "beta2", np.nan),
        (Adam, "epsilon", 0),
    ],
)
def test_bad_options(make, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a"):
        make(bowl, np.zeros(2), [0], **{name: value})


@pytest.mark.parametrize("make", [SFO, Adam])
@pytest.mark.parametrize("passes", [0, -1, np.inf, None, True])
def test_bad_passes(make, passes):
    with pytest.raises(ValueError, match="passes must be a finite number above 0"):
        make(bowl, np.zeros(2), [0]).optimize(passes)
