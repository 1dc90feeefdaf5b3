"""Practical equivalence: how likely it is that two choices differ by less than anyone cares."""

import math
from dataclasses import dataclass

import numpy as np

from etude.errors import InputError
from etude.evidence.intervals import corrected_standard_error


@dataclass(frozen=True)
class Equivalence:
    """Posterior probabilities of what lies behind paired differences; they sum to 1.

    Attributes:
        worse: that the choice is worse by more than the region.
        equivalent: that the two differ by no more than the region.
        better: that the choice is better by more than the region.
    """

    worse: float
    equivalent: float
    better: float


def equivalence(differences: np.ndarray, test_over_train: float, region: float) -> Equivalence:
    """Posterior of the correlated t-test, cut at the borders of a region of equivalence.

    Under the flat prior the difference behind the d_1..d_J follows Student's t with J − 1
    degrees of freedom, centre mean(d) and scale √(var(d) · (1/J + n_test/n_train)).

    Args:
        differences: `[J]`, choice − reference on every split, greater is better.
        test_over_train: rows that judge for each row that trained, 1/(K − 1) for K folds.
        region: half the width of the region, in the metric's units.

    Raises:
        InputError: the region is negative or not finite.
        ValueError: fewer than two differences.

    Source: Benavoli, Corani, Demšar and Zaffalon 2017, "Time for a change".
    """
    check_region(region)
    stderr = corrected_standard_error(differences, test_over_train)
    if stderr is None:
        raise ValueError(f"`differences` must have at least 2 splits, got {len(differences)}")
    mean = np.array([np.mean(differences)])
    return posterior(mean, np.array([stderr]), len(differences) - 1, region)[0]


def posterior(
    mean: np.ndarray, stderr: np.ndarray, degrees: int, region: float
) -> list[Equivalence]:
    """The same for many differences at once, from their means and corrected standard errors.

    A standard error of zero puts all belief on the mean itself; the border belongs to the region.

    Args:
        mean: `[n]`, greater is better.
        stderr: `[n]`.
        degrees: J − 1.
        region: half the width of the region.
    """
    from scipy import special

    spread = stderr > 0
    scale = np.where(spread, stderr, 1.0)
    worse = np.where(
        spread, special.stdtr(degrees, (-region - mean) / scale), (mean < -region).astype(float)
    )
    # The upper tail as a lower one of the mirrored variable keeps its digits.
    better = np.where(
        spread, special.stdtr(degrees, (mean - region) / scale), (mean > region).astype(float)
    )
    return [
        Equivalence(float(low), max(0.0, 1.0 - float(low) - float(high)), float(high))
        for low, high in zip(worse, better, strict=True)
    ]


def check_region(region: float) -> None:
    """Refuses a region that is none.

    Raises:
        InputError: it is negative or not finite.
    """
    if not (math.isfinite(region) and region >= 0):
        raise InputError(f"`region` must be a finite number of at least 0, got {region}")
