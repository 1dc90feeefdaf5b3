"""A step-down rotation test: which of many choices are worse than the best of them?

Let d_ij be the difference of choice i from any one choice on split j. Under the model of the
corrected t-test (normal, correlation n_test/(n_test + n_train) between splits, Nadeau and Bengio
2003) the mean over splits divided by √(1/J + n_test/n_train) and J − 1 orthonormal contrasts are
J independent normal vectors over the choices, with one covariance whatever that is. If all
choices are equally good, all J have mean zero, and rotating them into one another does not change
their distribution. So random rotations of the data are draws under the null hypothesis that
respect how noisy each choice is and how choices go together, and a test by them is exact for any
statistic (Langsrud 2005, "Rotation tests").
"""

import numpy as np

DRAWS = 999
"""Random rotations; with the data themselves 1,000, of which 5 % is a whole number."""

SEED = 20_050_101
"""Fixed, so that the same study always gets the same answer."""

PRIOR = 20.0
"""Degrees of freedom with which the median variance enters that of each choice.

With four of its own, a variance is too uncertain for the greatest of many t statistics to mean
anything; the idea is Smyth's (2004). The level holds for any value, power was best near this one.
"""

AT_ONCE = 0.1
"""Share of the remaining choices that may be called worse before the test is made anew."""

PRODUCTS = 250_000
"""Multiplications of a matrix product at a time: so few stay in the cache and in one thread."""

ROUNDING = 1e-13
"""Of a sum of squares, what may be rounding."""


def step_down(differences: np.ndarray, test_over_train: float, level: float) -> np.ndarray:
    """p-values of the hypotheses that a choice is one of the best, adjusted for all of them.

    The statistic of choice i is its lag behind the best over its standard error,
    T_i = mean(d_best − d_i) / √((1/J + n_test/n_train) · v_i), where v_i is the variance of the
    differences over splits, drawn toward the median of all v_i. Each round compares T_i with the
    greatest T of rotated data; the choices beyond the level, at most a tenth of those left, are
    set aside, and the rest is tested anew, until none is beyond (as in a model confidence set:
    Hansen, Lunde and Nason 2011). A variance v_i of zero that no other draws upward tells nothing
    about the spread: there T_i = 0. Setting aside few at a time matters: while many inferior
    choices remain, rotated data mix their lags into the variances. For two choices it is the
    corrected t-test, two-sided, without simulation.

    Args:
        differences: `[choices, J]` with the best choice first and J ≥ 2: value − value of the
            best choice, finite, greater is better, so that its own row is zero.
        test_over_train: rows that judge for each row that trained.
        level: at which choices are set aside.

    Returns:
        `[choices]`; 1 for the best. The p-values never fall along the order of setting aside;
        those beyond the level stem from the last round.
    """
    vectors = _independent(differences, test_over_train)
    count, splits = vectors.shape
    # A rotation enters only through the weights with which it makes the new mean.
    weights = np.random.default_rng(SEED).normal(size=(DRAWS, splits))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    p = np.ones(count)
    left = np.arange(count)
    reached = 0.0
    while len(left) > 1:
        observed = _observed(vectors[left])
        found = np.maximum(_p_values(vectors[left], weights, observed), reached)
        found[0] = 1.0
        worst = np.argsort(observed, kind="stable")[::-1][: max(1, int(AT_ONCE * len(left)))]
        worst = worst[found[worst] <= level]
        if not len(worst):
            p[left] = found
            break
        p[left[worst]] = found[worst]
        reached = float(found[worst].max())
        left = np.delete(left, worst)
    return p


def _independent(differences: np.ndarray, test_over_train: float) -> np.ndarray:
    """`[choices, J]`: the mean in units of its error, then J − 1 orthonormal contrasts.

    A Householder reflection takes the constant vector to the first axis.
    """
    splits = differences.shape[1]
    means = differences.mean(axis=1)
    axis = np.full(splits, -1.0 / np.sqrt(splits))
    axis[0] += 1.0
    # The mean of equal numbers is not exactly each of them.
    varies = np.ptp(differences, axis=1, keepdims=True) > 0
    centred = np.where(varies, differences - means[:, None], 0.0)
    along = 2.0 * (centred @ axis) / (axis @ axis)
    vectors = centred - along[:, None] * axis
    vectors[:, 0] = means / np.sqrt(1.0 / splits + test_over_train)
    return vectors


def _observed(vectors: np.ndarray) -> np.ndarray:
    """`[choices]`: T² of the data as they are, against the first choice."""
    lags = np.maximum(-vectors[:, 0], 0.0)
    squares = (vectors[:, 1:] ** 2).sum(axis=1)
    return _squared_statistics(lags[None], squares[None], vectors.shape[1] - 1)[0]


def _p_values(vectors: np.ndarray, weights: np.ndarray, observed: np.ndarray) -> np.ndarray:
    """`[choices]`: how often the greatest T² of rotated data reaches that of each choice."""
    count, splits = vectors.shape
    if count == 2:
        from scipy import special

        return 2.0 * special.stdtr(splits - 1, -np.sqrt(observed))
    step = max(1, PRODUCTS // vectors.size)
    starts = range(0, len(weights), step)
    parts = [_greatest(vectors, weights[start : start + step]) for start in starts]
    greatest = np.sort(np.concatenate(parts))
    beyond = len(greatest) - np.searchsorted(greatest, observed, side="left")
    return (1.0 + beyond) / (1.0 + len(greatest))


def _greatest(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """`[rotations]`: the greatest T² of rotated data, each against its own best choice."""
    means = weights @ vectors.T  # [rotations, choices]
    best = means.argmax(axis=1)
    lags = means[np.arange(len(best)), best, None] - means
    # A rotation keeps lengths: what the mean does not take is left to the contrasts.
    lengths = np.einsum("ij,ij->i", vectors, vectors)
    total = vectors[best] @ vectors.T
    total *= -2.0
    total += lengths
    total += lengths[best, None]
    squares = total - lags**2
    np.maximum(squares, ROUNDING * np.abs(total, out=total), out=squares)
    return _squared_statistics(lags, squares, vectors.shape[1] - 1).max(axis=1)


def _squared_statistics(lags: np.ndarray, squares: np.ndarray, degrees: int) -> np.ndarray:
    """`[rotations, choices]`: T² with moderated variances; 0 where there is no lag, or no variance.

    Args:
        lags: `[rotations, choices]`, how far the scaled mean lies behind the best one.
        squares: `[rotations, choices]`, sums of squares of the contrasts of the differences.
        degrees: J − 1.
    """
    count = lags.shape[1]
    if count == 2:
        variances = squares / degrees
    else:
        # The zero of the best itself stands first, so this is the median of the others.
        middle = np.partition(squares, count // 2, axis=1)[:, count // 2, None]
        variances = (squares + PRIOR / degrees * middle) / (PRIOR + degrees)
    known = (lags > 0) & (variances > 0)
    return np.where(known, lags**2 / np.where(known, variances, 1.0), 0.0)
