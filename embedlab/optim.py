"""Minimise a sum of functions, one minibatch at a time: the Sum of Functions Optimizer, and Adam to compare it with.

The objective is F(theta) = sum of f(theta, batch) over `batches`: a sum, not a mean. `f(theta, batch)` returns the loss
of one minibatch and its gradient; theta and gradient are float64 vectors of one shape (n,). If F shall be a mean over
all examples, divide each minibatch's summed loss by the number of all examples. One *effective pass* over the data is
as many calls of f as there are minibatches. Nothing here changes its arguments, draws global random numbers, or writes
a file.
"""

from numbers import Integral, Real

import numpy as np
from scipy.linalg import cho_factor, cho_solve

STRAIGHT = 1e-10
"""Differences s and y tell of curvature if their cosine exceeds this; below minus this, f is concave along s."""


class _Minimizer:
    """What both optimisers share: checked input, `optimize`, and the calls of f with their checks."""

    def __init__(self, f, theta, batches):
        if not callable(f):
            raise ValueError(f"f must be a function of (theta, batch), not {type(f).__name__}")
        self._f, self._start = f, _vector("theta", theta)
        self._batches = list(batches) if hasattr(batches, "__iter__") else []
        if not self._batches:
            raise ValueError("batches must be a sequence with at least one minibatch")
        self.evaluations = 0

    def optimize(self, passes):
        """Go on for `passes` effective passes, rounded to whole calls of f; return a copy of `theta` (n,)."""
        for _ in range(round(_positive("passes", passes) * len(self._batches))):
            self._step()
        return self.theta.copy()

    def _evaluate(self, theta, i):
        """Call f for minibatch i; return the loss, which may be infinite, and the gradient (n,)."""
        self.evaluations += 1
        returned = self._f(theta, self._batches[i])
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise ValueError(f"f must return a tuple (loss, gradient); for minibatch {i} it did not")
        loss, gradient = returned
        if np.ndim(loss) or not isinstance(np.asarray(loss).item(), Real) or np.isnan(loss):
            raise ValueError(f"f must return a number as its loss; for minibatch {i} it returned {loss!r}")
        if np.shape(gradient) != theta.shape:
            shapes = f"{theta.shape}; for minibatch {i} it has {np.shape(gradient)}"
            raise ValueError(f"f must return a gradient of theta's shape {shapes}")
        if np.isfinite(loss) and not np.all(np.isfinite(gradient)):
            raise ValueError(f"f must return a finite gradient; for minibatch {i} it holds NaN or infinity")
        return float(loss), np.asarray(gradient, dtype=float)


class SFO(_Minimizer):
    """The Sum of Functions Optimizer of Sohl-Dickstein, Poole and Ganguli (ICML 2014, arXiv 1311.2115).

    For every minibatch i it keeps a quadratic model g_i, made where f_i was last seen, at theta_i (section 3.1):

        g_i(theta) = f_i(theta_i) + (theta - theta_i)' f_i'(theta_i) + 1/2 (theta - theta_i)' H_i (theta - theta_i)

    A step evaluates one minibatch, renews its model, and goes to the minimum of G, the sum of all models: a Newton step
    for the price of one minibatch. Positions and gradients are kept as coordinates z in a subspace of K dimensions,
    theta = start + P z with orthonormal columns P. Apart from f, a step costs O(n K + N K^2) for N minibatches.

    The details are this module's own: where each H_i starts (`bfgs_hessian`), what counts as a bad step (`_is_bad`),
    and that steps are cut to a reach, which grows while steps prove good and shrinks when one does not.

    f, theta, batches: as said at the top of this module; `batches` holds whatever f takes, theta (n,) is the start.
    history: the number of pairs of differences that each H_i is made from.
    subspace: the largest K, at least 2 N + 4. By default 3 N, as in the paper, but no less than 3 `history`.
    active: the number of minibatches to begin with; the others join when progress slows.
    first_step: the length of the first step, in the units of theta, while nothing is known about curvature.

    `theta` (n,) is the last point that was evaluated and found good, `evaluations` counts the calls of f, `refused` the
    points that the step check turned down. Nothing is random. Raises ValueError on bad input, and when f returns NaN, a
    gradient of another shape than theta's, or an infinite loss at the start; later on, infinity is a step too far.
    """

    def __init__(self, f, theta, batches, *, history=10, subspace=None, active=2, first_step=1.0):
        super().__init__(f, theta, batches)
        count, size = len(self._batches), self._start.size
        history = _whole("history", history, 1)
        width = 3 * max(count, history) if subspace is None else _whole("subspace", subspace, 2 * count + 4)
        width = min(width, size)
        self._active = min(_whole("active", active, 1), count)
        self._reach = _positive("first_step", first_step)  # no step may be longer
        self.refused = self._since_growth = 0

        self._basis = np.zeros((size, width))  # P; its columns from `_used` on are zero
        self._used = 0
        self._good = np.zeros(width)  # coordinates of `theta`
        self._next = np.zeros(width)  # coordinates of the point to evaluate next
        self._seen = np.zeros(count, dtype=bool)
        self._loss = np.zeros(count)  # f_i(theta_i)
        self._at = np.zeros((count, width))  # coordinates of theta_i
        self._gradient = np.zeros((count, width))  # f_i'(theta_i)
        self._floor = np.zeros(count)  # beta_i: the curvature of H_i where nothing is known of it
        self._hessian = np.zeros((count, width, width))  # H_i
        self._moves = np.zeros((count, history, width))  # s: differences of positions, the latest last
        self._turns = np.zeros((count, history, width))  # y: differences of gradients
        self._sum_up()

    @property
    def theta(self):
        """The last point that was evaluated and found good (n,)."""
        return self._start + self._basis @ self._good

    def _step(self):
        """Evaluate one minibatch where the last step led, renew its model, and propose the next point."""
        i = self._choose()
        loss, gradient = self._evaluate(self._start + self._basis @ self._next, i)
        length = np.linalg.norm(self._next - self._good)
        if np.isinf(loss):
            if length == 0:
                raise ValueError(f"f must return a finite loss at the start; for minibatch {i} it returned {loss}")
            self.refused, self._reach, self._next = self.refused + 1, length / 2, (self._next + self._good) / 2
            return
        gradient = self._coordinates(gradient)
        keep = False
        if self._seen[i] and self._is_bad(i, loss):
            self.refused, self._reach = self.refused + 1, length / 2
            keep = np.array_equal(self._at[i], self._good)  # seen where we return to: no better place for its model
        else:
            self._good = self._next
            if self._seen[i]:  # only a step that was checked earns a longer one
                self._reach = max(self._reach, 3 * length)
        self._renew(i, loss, gradient, keep)
        self._grow()
        self._propose()

    def _choose(self):
        """The minibatch to evaluate: a new one, else the one seen farthest away in the metric of H (section 3.4)."""
        new = np.flatnonzero(~self._seen[: self._active])
        if new.size:
            return int(new[0])
        away = self._next - self._at[: self._active]
        return int(np.argmax(np.sum(away @ self._total * away, axis=1)))

    def _coordinates(self, gradient):
        """The coordinates of a gradient (n,), after P has gained a column for what it did not span (section 3.2)."""
        inside = gradient @ self._basis
        rest = gradient - self._basis @ inside
        again = rest @ self._basis  # orthogonalise twice: once leaves rounding errors behind
        inside, rest = inside + again, rest - self._basis @ again
        length = np.linalg.norm(rest)
        if self._used == self._start.size or length <= 1e-12 * np.linalg.norm(gradient):
            return inside
        if self._used == self._basis.shape[1]:
            inside = inside @ self._collapse(inside)
        self._basis[:, self._used], inside[self._used] = rest / length, length
        self._used += 1
        return inside

    def _collapse(self, gradient):
        """Reduce the subspace to the latest position and gradient of each minibatch; return the map of coordinates."""
        keep = np.concatenate([self._at, self._gradient, [self._next, self._good, gradient]])
        keep = keep[np.any(keep, axis=1)]
        _, sizes, rows = np.linalg.svd(keep / np.linalg.norm(keep, axis=1, keepdims=True), full_matrices=False)
        rows = rows[sizes > 1e-9 * sizes[0]]
        self._used = len(rows)
        to_new = np.zeros_like(self._total)
        to_new[:, : self._used] = rows.T
        for name in ("_basis", "_next", "_good", "_at", "_gradient", "_moves", "_turns"):
            setattr(self, name, getattr(self, name) @ to_new)
        self._hessian = to_new.T @ self._hessian @ to_new
        free = np.arange(self._used, len(to_new))
        self._hessian[:, free, free] = self._floor[:, None]
        self._sum_up()
        return to_new

    def _is_bad(self, i, loss):
        """True if f_i exceeds its model by more than the step promised for F, times the models (after section 3.6).

        The factor is the age of the model: about as many steps as there are models. With one this is a descent test.
        """
        away = self._next - self._at[i]
        model = self._loss[i] + away @ self._gradient[i] + away @ self._hessian[i] @ away / 2
        middle = (self._good + self._next) / 2
        promised = (self._good - self._next) @ (self._slopes.sum(axis=0) + self._total @ middle)
        return loss - model > np.count_nonzero(self._seen) * promised + 1e-12 * abs(loss)

    def _renew(self, i, loss, gradient, keep):
        """Learn the curvature of minibatch i from the point just evaluated, and move its model there unless `keep`."""
        old = self._hessian[i].copy()
        if self._seen[i]:
            self._learn(i, self._next - self._at[i], gradient - self._gradient[i])
        else:
            self._borrow(i, gradient)
        if not keep:
            self._loss[i], self._at[i], self._gradient[i] = loss, self._next, gradient
        self._slopes[i] = self._gradient[i] - self._hessian[i] @ self._at[i]
        self._total += self._hessian[i] - old
        if self.evaluations % len(self._batches) == 0:
            self._sum_up()

    def _learn(self, i, move, turn):
        """Add differences of position and gradient to the history of minibatch i, and renew H_i (section 3.3)."""
        cosine = _cosine(move, turn)
        if cosine < -STRAIGHT:  # concave: a step along `move` may be longer than H_i allows
            self._floor[i], self._hessian[i] = self._floor[i] / 2, self._hessian[i] / 2
        elif cosine > STRAIGHT:
            for pairs, latest in ((self._moves[i], move), (self._turns[i], turn)):
                pairs[:-1], pairs[-1] = pairs[1:].copy(), latest
            self._floor[i], self._hessian[i] = bfgs_hessian(self._moves[i], self._turns[i])

    def _borrow(self, i, gradient):
        """Give a minibatch that is seen for the first time the mean Hessian of those with a history (section 3.3)."""
        taught = np.any(self._moves, axis=(1, 2))
        if taught.any():
            self._floor[i], self._hessian[i] = self._floor[taught].mean(), self._hessian[taught].mean(axis=0)
        else:
            self._floor[i] = np.linalg.norm(gradient) / self._reach or 1.0
            self._hessian[i] = self._floor[i] * np.eye(len(gradient))
        self._seen[i] = True

    def _grow(self):
        """Double the active minibatches once their mean gradient is within its standard error (section 3.5).

        Both are measured in the metric of H^-1; two passes over the active minibatches without growth also suffice.
        """
        active, self._since_growth = self._active, self._since_growth + 1
        if active == len(self._batches) or not self._seen[:active].all():
            return
        gradients = self._slopes[:active] + self._hessian[:active] @ self._good
        mean = gradients.mean(axis=0)
        scatter = gradients - mean
        noise = np.sum(scatter * self._solve(scatter.T).T) / (active * max(active - 1, 1))
        if mean @ self._solve(mean) < noise or self._since_growth >= 2 * active:
            self._active, self._since_growth = min(2 * active, len(self._batches)), 0

    def _propose(self):
        """Go from the last good point towards the minimum of G, by a Newton step that is cut to the reach."""
        step = -self._solve(self._slopes.sum(axis=0) + self._total @ self._good)
        self._next = self._good + step * min(1.0, self._reach / (np.linalg.norm(step) or 1.0))

    def _solve(self, right):
        """H^-1 times `right`; the diagonal is lifted by 1e-13 of the trace against rounding."""
        lift = 1e-13 * np.trace(self._total) * np.eye(len(self._total))
        return cho_solve(cho_factor(self._total + lift), right)

    def _sum_up(self):
        """H, the sum of the H_i (K, K), and the gradient of each g_i at z = 0 (N, K); zero for one not seen."""
        self._total = self._hessian[self._seen].sum(axis=0)
        self._slopes = self._gradient - np.einsum("ijk,ik->ij", self._hessian, self._at)


def bfgs_hessian(moves, turns):
    """Return (floor, H) by BFGS from differences of positions s and of gradients y, both (L, K) with the latest last.

    H starts as floor times the identity and takes up every pair in turn (Nocedal and Wright, eq. 6.19):

        H <- H - (H s)(H s)' / (s' H s) + y y' / (y' s)

    The least-squares Hessian within the span of all s has the curvatures that were seen; `floor` is the geometric mean
    of their smallest and their median. The smallest alone overshoots more often in new directions.
    Pairs without positive curvature are left out. ValueError if no other pair is there.
    """
    pairs = [(s, y) for s, y in zip(moves, turns, strict=True) if _cosine(s, y) > STRAIGHT]
    if not pairs:
        raise ValueError("moves and turns must hold a pair with positive curvature, that is with s' y > 0")
    S, Y = (np.transpose(side) for side in zip(*pairs, strict=True))
    Q, sizes, _ = np.linalg.svd(S / np.linalg.norm(S, axis=0), full_matrices=False)
    Q = Q[:, sizes > 1e-6 * sizes[0]]
    inner = Q.T @ Y @ np.linalg.pinv(Q.T @ S)
    seen = np.linalg.eigvalsh(inner + inner.T) / 2
    seen = seen[seen > 1e-6 * np.abs(seen).max()]
    floor = np.sqrt(seen.min() * np.median(seen)) if seen.size else pairs[-1][1] @ pairs[-1][1] / np.dot(*pairs[-1])
    H = floor * np.eye(len(S))
    for s, y in pairs:
        Hs = H @ s
        H += np.outer(y, y) / (y @ s) - np.outer(Hs, Hs) / (s @ Hs)
    return floor, H


class Adam(_Minimizer):
    """Adam, with bias correction (Kingma and Ba, ICLR 2015, arXiv 1412.6980, algorithm 1).

        m <- beta1 m + (1 - beta1) g              v <- beta2 v + (1 - beta2) g^2
        theta <- theta - rate * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)

    f, theta, batches: as said at the top of this module. Every pass takes the minibatches in a new order, from `seed`.
    `theta` (n,) is the current point, `evaluations` counts the calls of f. ValueError on bad input, and when f returns
    a loss that is not finite or a gradient of another shape than theta's.
    """

    def __init__(self, f, theta, batches, *, rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, seed=0):
        super().__init__(f, theta, batches)
        for name, value in (("beta1", beta1), ("beta2", beta2)):
            if not isinstance(value, Real) or not 0 <= value < 1:
                raise ValueError(f"{name} must be a number from 0 up to, but not including, 1, not {value!r}")
        self._rate, self._epsilon = _positive("rate", rate), _positive("epsilon", epsilon)
        self._beta1, self._beta2 = beta1, beta2
        self._random = np.random.default_rng(seed)
        self._order = []
        self.theta = self._start.copy()
        self._mean, self._square = np.zeros_like(self.theta), np.zeros_like(self.theta)

    def _step(self):
        if not self._order:
            self._order = self._random.permutation(len(self._batches)).tolist()
        i = self._order.pop()
        loss, gradient = self._evaluate(self.theta.copy(), i)
        if np.isinf(loss):
            raise ValueError(f"f must return a finite loss; for minibatch {i} it returned {loss}: is rate too large?")
        self._mean = self._beta1 * self._mean + (1 - self._beta1) * gradient
        self._square = self._beta2 * self._square + (1 - self._beta2) * gradient**2
        mean = self._mean / (1 - self._beta1**self.evaluations)
        square = self._square / (1 - self._beta2**self.evaluations)
        self.theta = self.theta - self._rate * mean / (np.sqrt(square) + self._epsilon)


def _cosine(s, y):
    """The cosine of the angle between two vectors, 0 if one of them is 0."""
    return s @ y / (np.linalg.norm(s) * np.linalg.norm(y) or 1.0)


def _vector(name, value):
    """`value` as a new float64 vector; ValueError unless it is one-dimensional, not empty, and finite."""
    try:
        vector = np.array(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a vector of real numbers") from None
    if vector.ndim != 1 or not vector.size:
        raise ValueError(f"{name} must be a vector with at least one number, not of shape {vector.shape}")
    if not np.all(np.isfinite(vector)):
        raise ValueError(f"{name} must be finite; it holds NaN or infinity")
    return vector


def _positive(name, value):
    """`value`; ValueError unless it is a finite number above 0."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 < value < np.inf:
        raise ValueError(f"{name} must be a finite number above 0, not {value!r}")
    return value


def _whole(name, value, least):
    """`value`; ValueError unless it is a whole number of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)
