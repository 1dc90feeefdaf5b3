"""Standard errors and intervals over splits, corrected for the rows that training sets share.

The values of a choice on J splits are not independent: the training sets overlap. The variance
of their mean is therefore estimated as var · (1/J + n_test/n_train) (Nadeau and Bengio 2003,
"Inference for the generalization error"), with J − 1 degrees of freedom. No unbiased estimate
exists for K folds (Bengio and Grandvalet 2004), so every interval made here is approximate.
"""

import math
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over splits and how far it can be trusted.

    Attributes:
        mean: the mean over splits.
        stderr: the corrected standard error; None where it cannot be told (a single split).
        interval: the approximate 95 % interval; None where there is no standard error.
        n: the number of splits.
    """

    mean: float
    stderr: float | None
    interval: tuple[float, float] | None
    n: int


def corrected_standard_error(values: np.ndarray, test_over_train: float) -> float | None:
    """√(var(values) · (1/J + n_test/n_train)), the variance with J − 1 in its denominator.

    Args:
        values: `[J]`, one value for each split, seeds averaged.
        test_over_train: rows that judge for each row that trained, 1/(K − 1) for K folds.

    Returns:
        None where there is one split only: nothing is then known about the spread.
    """
    count = len(values)
    if count < 2:
        return None
    return math.sqrt(float(np.var(values, ddof=1)) * (1.0 / count + test_over_train))


def t_quantile(probability: float, degrees: float) -> float:
    """The value below which Student's t with these degrees of freedom falls with `probability`."""
    # scipy.special is a third of the import time of scipy.stats.
    from scipy import special

    return float(special.stdtrit(degrees, probability))


def estimate(
    values: np.ndarray,
    test_over_train: float | None,
    bounds: tuple[float | None, float | None] = (None, None),
) -> Estimate:
    """Mean, corrected standard error and approximate 95 % interval.

    Args:
        values: `[J]` finite values, one for each split, seeds averaged.
        test_over_train: as in `corrected_standard_error`; None where no rows were kept apart,
            so that the spread over splits says nothing about new rows.
        bounds: between which the metric lies; the interval ends there.
    """
    mean = float(np.mean(values))
    stderr = None
    if test_over_train is not None:
        stderr = corrected_standard_error(values, test_over_train)
    if stderr is None:
        return Estimate(mean, None, None, len(values))
    half = t_quantile(0.5 + CONFIDENCE / 2, len(values) - 1) * stderr
    least, greatest = bounds
    low = mean - half if least is None else max(least, mean - half)
    high = mean + half if greatest is None else min(greatest, mean + half)
    return Estimate(mean, stderr, (low, high), len(values))


def corrected_t_test(differences: np.ndarray, test_over_train: float) -> tuple[float, float]:
    """The corrected t statistic of paired differences over splits and its two-sided p-value.

    t = mean(d) / √(var(d) · (1/J + n_test/n_train)), J − 1 degrees of freedom. Differences that
    are all equal give p = 1 where they are zero and p = 0 otherwise.

    Raises:
        ValueError: fewer than two differences.
    """
    from scipy import special

    stderr = corrected_standard_error(differences, test_over_train)
    if stderr is None:
        raise ValueError(f"`differences` must have at least 2 splits, got {len(differences)}")
    mean = float(np.mean(differences))
    if stderr == 0.0:
        return (0.0, 1.0) if mean == 0.0 else (math.copysign(math.inf, mean), 0.0)
    t = mean / stderr
    return t, 2.0 * float(special.stdtr(len(differences) - 1, -abs(t)))
