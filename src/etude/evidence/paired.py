"""Every choice against a declared baseline: paired over splits, corrected, with Holm."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from etude.errors import InputError
from etude.evidence.comparison import Comparison
from etude.evidence.equivalence import Equivalence, check_region, posterior
from etude.evidence.intervals import t_quantile
from etude.ties import TIE

Verdict = Literal["better", "worse", "undecided", "equivalent"]

NO_SPREAD = "the difference is the same on every split, which says nothing about its spread"
ONE_SPLIT = "one split says nothing about the spread of the difference"
LARGEST = 1e100
"""Beyond every value of single precision; the squares of smaller numbers are finite."""


@dataclass(frozen=True)
class Difference:
    """How a choice differs from the baseline on the judged rows.

    Attributes:
        choice: its number in the study.
        reference: the number of the baseline.
        mean: mean over splits of (choice − reference), in the metric's units. Where it is the
            same on every split and not zero, the only figure that is known.
        stderr: its corrected standard error.
        interval: the approximate interval of this difference alone, 95 % for level 0.05.
        t: mean / stderr.
        p: two-sided p-value of the corrected paired t-test.
        p_holm: the same, adjusted for all comparisons with the baseline.
        effect: mean / standard deviation of the differences over splits, positive is better.
        verdict: "equivalent" where a region is given and the difference lies in it with
            probability 1 − level; else "better" or "worse" where p_holm is at most the level or
            where one side alone has no finite value; else "undecided".
        equivalence: probabilities against the region; None where none is given.
        reason: why figures are None; "" where there are all of them.
    """

    choice: int
    reference: int
    mean: float | None
    stderr: float | None
    interval: tuple[float, float] | None
    t: float | None
    p: float | None
    p_holm: float | None
    effect: float | None
    verdict: Verdict
    equivalence: Equivalence | None
    reason: str = ""


def against(
    comparison: Comparison, reference: int, region: float | None = None, level: float = 0.05
) -> tuple[Difference, ...]:
    """Every other complete choice against the declared baseline, in the order of the study.

    d_1..d_J are the differences on the judged rows of the splits, seeds averaged;
    t = mean(d) / √(var(d) · (1/J + n_test/n_train)) with J − 1 degrees of freedom, p-values
    adjusted by Holm over all choices. Differences that are all equal but not zero have an estimated
    variance of zero, which is chance with few splits, not certainty: they are undecided, and count
    as p = 1 in the adjustment. The baseline must be named before results are seen:
    against the best of the sample these p-values are too small, see `possible_bests`.

    Args:
        comparison: the values of one data choice.
        reference: the number of the baseline in the study.
        region: half the width of the region of practical equivalence, in the metric's units.
        level: of the family error.

    Raises:
        InputError: the baseline is none of the comparison's choices, or a setting is out of
            range.

    Source: Nadeau and Bengio 2003, "Inference for the generalization error"; Holm 1979.
    """
    place = _place(comparison, reference)
    if region is not None:
        check_region(region)
    check_level(level)
    rows = np.flatnonzero(comparison.complete & (comparison.choices != reference))
    numbers = comparison.choices[rows].tolist()
    if not comparison.complete[place]:
        return tuple(_unknown(c, reference, "the baseline is incomplete") for c in numbers)
    base = comparison.judged_values[place]
    values = comparison.judged_values[rows]
    finite = countable(values)
    if not countable(base[None])[0]:
        why = "the baseline diverged, and no value is known to count it with"
        return tuple(
            _unknown(c, reference, why, "better" if good else "undecided")
            for c, good in zip(numbers, finite, strict=True)
        )
    tested = _tested(
        comparison,
        comparison.choices[rows[finite]].tolist(),
        reference,
        paired_differences(values[finite], base),
        region,
        level,
    )
    known = iter(tested)
    why = "the choice diverged, and no value is known to count it with"
    return tuple(
        next(known) if good else _unknown(number, reference, why, "worse")
        for number, good in zip(numbers, finite, strict=True)
    )


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values: the k-th smallest of n times n − k + 1, never falling, at most 1.

    Args:
        p: `[n]`.

    Example:
        >>> holm(np.array([0.04, 0.01, 0.03])).tolist()
        [0.06, 0.03, 0.06]

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    factors = np.arange(len(p), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted


def countable(values: np.ndarray) -> np.ndarray:
    """`[choices]`: whether all of `[choices, J]` are numbers that can be reckoned with."""
    return (np.abs(values) <= LARGEST).all(axis=1)


def paired_differences(values: np.ndarray, base: np.ndarray) -> np.ndarray:
    """`[choices, J]`: values − base, freed of rounding.

    A difference that is rounding alone is 0, and differences that differ from one another by
    rounding alone are equal: no test may take digits for effects.

    Args:
        values: `[choices, J]`, finite.
        base: `[J]`, finite.
    """
    differences = values - base
    rounding = TIE * np.maximum(np.abs(values), np.abs(base))
    differences[np.abs(differences) <= rounding] = 0.0
    constant = np.ptp(differences, axis=1) <= rounding.max(axis=1)
    differences[constant] = differences[constant, :1]
    return differences


def check_level(level: float) -> None:
    """Refuses a level that is none.

    Raises:
        InputError: it does not lie between 0 and 1.
    """
    if not 0 < level < 1:
        raise InputError(f"`level` must lie between 0 and 1, got {level}")


def _place(comparison: Comparison, reference: int) -> int:
    places = np.flatnonzero(comparison.choices == reference)
    if not len(places):
        raise InputError(
            f"`reference` must be one of the choices of data {comparison.data}, "
            f"{comparison.choices.min()} to {comparison.choices.max()}, got {reference}"
        )
    return int(places[0])


def _tested(
    comparison: Comparison,
    numbers: list[int],
    reference: int,
    differences: np.ndarray,
    region: float | None,
    level: float,
) -> list[Difference]:
    """One `Difference` for each row of `[choices, J]`, the differences from the baseline."""
    from scipy import special

    splits = differences.shape[1]
    means = differences.mean(axis=1)
    ratio = comparison.test_over_train
    if ratio is None or splits < 2:
        why = comparison.untestable or ONE_SPLIT
        return [
            replace(_unknown(number, reference, why), mean=float(mean))
            for number, mean in zip(numbers, means, strict=True)
        ]
    # The standard deviation of equal numbers is not exactly zero.
    deviations = np.where(np.ptp(differences, axis=1) > 0, differences.std(axis=1, ddof=1), 0.0)
    stderrs = deviations * np.sqrt(1 / splits + ratio)
    spread = stderrs > 0
    t = means / np.where(spread, stderrs, 1.0)
    p = np.where(spread, 2.0 * special.stdtr(splits - 1, -np.abs(t)), 1.0)
    adjusted = holm(p)
    half = t_quantile(1 - level / 2, splits - 1) * stderrs
    sign = 1.0 if comparison.greater_is_better else -1.0
    beliefs: list[Equivalence] | list[None] = [None] * len(numbers)
    if region is not None:
        beliefs = posterior(sign * means, stderrs, splits - 1, region)
    return [
        Difference(
            choice=number,
            reference=reference,
            mean=float(means[i]),
            stderr=float(stderrs[i]),
            interval=(float(means[i] - half[i]), float(means[i] + half[i])),
            t=float(t[i]),
            p=float(p[i]),
            p_holm=float(adjusted[i]),
            effect=float(sign * means[i] / deviations[i]) if spread[i] else 0.0,
            verdict=_verdict(sign * means[i], adjusted[i], beliefs[i], level),
            equivalence=beliefs[i],
        )
        if spread[i] or means[i] == 0
        else replace(_unknown(number, reference, NO_SPREAD), mean=float(means[i]))
        for i, number in enumerate(numbers)
    ]


def _verdict(better: float, p: float, belief: Equivalence | None, level: float) -> Verdict:
    if belief is not None and belief.equivalent >= 1 - level:
        return "equivalent"
    if p > level:
        return "undecided"
    return "better" if better > 0 else "worse"


def _unknown(
    choice: int, reference: int, reason: str, verdict: Verdict = "undecided"
) -> Difference:
    return Difference(
        choice=choice,
        reference=reference,
        mean=None,
        stderr=None,
        interval=None,
        t=None,
        p=None,
        p_holm=None,
        effect=None,
        verdict=verdict,
        equivalence=None,
        reason=reason,
    )
