"""Choices compared over several data sets: ranks, signed ranks, profiles, robust means.

Data sets are the comparisons of one study with several data choices, or of several studies. Each
counts once, whatever its number of splits and seeds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from etude.evidence.intervals import CONFIDENCE
from etude.evidence.paired import holm
from etude.evidence.rounding import counted
from etude.ties import TIE

LEVEL = 0.05
DRAWS = 2000
SEED = 20_210_831
"""Fixed, so that the same runs always show the same interval."""


@dataclass(frozen=True)
class Profile:
    """The performance profile of one choice: a step function, continuous from the right.

    Attributes:
        choice: its row.
        ratios: `[steps]` τ, ascending from 1, at which the function may rise.
        shares: `[steps]` ρ(τ), the share of data sets on which the choice costs at most τ times
            what the best one does; from each ratio to the next.
    """

    choice: int
    ratios: tuple[float, ...]
    shares: tuple[float, ...]

    def at(self, ratio: float) -> float:
        """ρ(τ); 0 for τ < 1."""
        place = int(np.searchsorted(self.ratios, ratio, side="right"))
        return self.shares[place - 1] if place else 0.0


@dataclass(frozen=True)
class SignedRank:
    """Wilcoxon's signed-rank test of two choices over data sets.

    Attributes:
        first, second: their rows.
        n: data sets on which they differ.
        statistic: the smaller of the sums of ranks of positive and of negative differences.
        p: two-sided, exact.
        p_holm: adjusted for all pairs that were tested.
        verdict: "better" or "worse", said of the first, where p_holm is below the level;
            "undecided" otherwise.
        reason: for an undecided pair, that there are too few data sets to decide that many
            pairs, whatever the values; "" where there are enough.
    """

    first: int
    second: int
    n: int
    statistic: float
    p: float
    p_holm: float
    verdict: str
    reason: str


@dataclass(frozen=True)
class AverageRanks:
    """Friedman's test of whether all choices are alike.

    Attributes:
        ranks: for each choice its mean rank over data sets; 1 is best, ties share the mean.
        statistic: Friedman's χ², corrected for ties; None where it cannot be told.
        p: from the χ² distribution with one degree less than choices, which is approximate for
            few data sets.
        n: the number of data sets.
        reason: why there is no test; "" where there is one.
    """

    ranks: tuple[float, ...]
    statistic: float | None
    p: float | None
    n: int
    reason: str = ""


@dataclass(frozen=True)
class InterquartileMean:
    """The mean of the middle half of all runs.

    Attributes:
        mean: None where the middle half is not finite.
        interval: the 95 % percentile interval of the stratified bootstrap; None where a data set
            has a single run, or an end is not finite.
        runs: how many runs there are.
        reason: what could not be told, and why; "" if nothing.
    """

    mean: float | None
    interval: tuple[float, float] | None
    runs: int
    reason: str = ""


def profile(costs: np.ndarray) -> tuple[Profile, ...]:
    """Performance profiles: ρ(τ) = share of data sets with cost ≤ τ · least cost of any choice.

    ρ(1) is the share of data sets on which a choice is best, ρ(∞) that on which it does not
    fail. A data set on which all fail counts for none. Where the least cost is 0, all that cost
    more have an infinite ratio. (Dolan and Moré 2002, "Benchmarking optimization software with
    performance profiles".)

    Args:
        costs: `[choices, data sets]`, at least 0: steps or seconds to a target, or errors; what
            is not finite is a failure.

    Raises:
        ValueError: a cost is negative.
    """
    costs = np.where(np.isfinite(costs), costs, np.inf)
    if (costs < 0).any():
        raise ValueError(f"`costs` must be at least 0, got {costs.min()}")
    if not costs.size:
        return ()
    least = np.broadcast_to(costs.min(axis=0), costs.shape)
    ratios = np.full(costs.shape, np.inf)
    np.divide(costs, least, out=ratios, where=(least > 0) & np.isfinite(costs))
    # Equal costs that differ by rounding, and 0 to 0, are both best.
    ratios[(costs <= least * (1 + TIE)) & np.isfinite(costs)] = 1.0
    found = []
    for choice, row in enumerate(ratios):
        steps = np.unique(np.append(row[np.isfinite(row)], 1.0))
        shares = [float(np.mean(row <= step)) for step in steps]
        found.append(Profile(choice, tuple(float(step) for step in steps), tuple(shares)))
    return tuple(found)


def wilcoxon(scores: np.ndarray, level: float = LEVEL) -> tuple[SignedRank, ...]:
    """Wilcoxon's signed-rank test of every pair of choices, Holm over the pairs.

    Data sets on which two choices are equal are ranked with the others and their ranks then left
    out (Pratt 1959); equal differences share their mean rank. The distribution is exact also
    then: over all 2ⁿ signs of the ranks that are left. (Demšar 2006, "Statistical comparisons of
    classifiers over multiple data sets".)

    Args:
        scores: `[choices, data sets]`, greater is better, all in one unit, for differences are
            ranked across data sets; the infinities are worst and best.
        level: at which a pair is decided, after Holm.
    """
    pairs = [(a, b) for a in range(len(scores)) for b in range(a + 1, len(scores))]
    tests = [_signed_ranks(scores[a], scores[b]) for a, b in pairs]
    adjusted = holm(np.array([p for _, _, _, p in tests]))
    found = []
    for (a, b), (n, positive, negative, p), p_holm in zip(pairs, tests, adjusted, strict=True):
        # The smallest p that n signs can give, when all other pairs are as small.
        least = 2.0 ** (1 - n) if n else 1.0
        reason = ""
        verdict = "undecided"
        if p_holm < level:
            verdict = "better" if positive > negative else "worse"
        elif least * len(pairs) >= level:
            need = math.floor(2 + math.log2(len(pairs) / level))
            reason = (
                f"{n} data sets on which they differ are too few to decide "
                f"{counted(len(pairs), 'pair')}; {need} can be enough"
            )
        found.append(
            SignedRank(a, b, n, min(positive, negative), p, float(p_holm), verdict, reason)
        )
    return tuple(found)


def average_ranks(scores: np.ndarray) -> AverageRanks:
    """Mean ranks over data sets and Friedman's test (Friedman 1937; Demšar 2006).

    χ² = (k − 1) Σ_i (R_i − n(k + 1)/2)² / Σ_ij (r_ij − (k + 1)/2)² with r the ranks and R_i
    their sums: Friedman's statistic corrected for ties.

    Args:
        scores: `[choices, data sets]`, greater is better; units may differ between data sets.
    """
    choices, datasets = scores.shape
    ranks = np.stack([_mid_ranks(-column) for column in scores.T], axis=1) if datasets else scores
    means = tuple(float(mean) for mean in ranks.mean(axis=1)) if datasets else ()
    if choices < 2 or datasets < 2:
        return AverageRanks(means, None, None, datasets, "it needs two choices and two data sets")
    centre = (choices + 1) / 2
    spread = float(np.sum((ranks - centre) ** 2))
    if spread == 0:
        return AverageRanks(means, 0.0, 1.0, datasets)
    from scipy import special

    statistic = (choices - 1) * float(np.sum((ranks.sum(axis=1) - datasets * centre) ** 2)) / spread
    return AverageRanks(means, statistic, float(special.chdtrc(choices - 1, statistic)), datasets)


def interquartile_mean(
    runs: Sequence[np.ndarray], draws: int = DRAWS, seed: int = SEED, independent: bool = True
) -> InterquartileMean:
    """Mean of the middle half of all runs, with a stratified bootstrap interval.

    A quarter of the runs is cut off at either end (rounded down). In every draw each data set's
    runs are drawn from its own with replacement. (Agarwal et al. 2021, "Deep reinforcement
    learning at the edge of the statistical precipice".)

    Args:
        runs: for each data set the values of one choice's runs, in one unit or normalized;
            infinities are runs without a value.
        draws: how often the runs are drawn.
        seed: of the drawing.
        independent: whether the runs of a data set are. Those of splits that share training rows
            are not, and drawing them as if they were gives intervals far too narrow: none is told.
    """
    pooled = np.concatenate([np.asarray(part, np.float64) for part in runs] or [np.empty(0)])
    if not pooled.size:
        return InterquartileMean(None, None, 0, "there are no runs")
    mean = float(_middle(pooled[None])[0])
    if not math.isfinite(mean):
        return InterquartileMean(None, None, pooled.size, "a quarter of the runs has no value")
    if not independent:
        reason = "the runs of a data set are not independent"
        return InterquartileMean(mean, None, pooled.size, reason)
    if min(len(part) for part in runs) < 2:
        reason = "a data set has fewer than two runs, so their spread is unknown"
        return InterquartileMean(mean, None, pooled.size, reason)
    generator = np.random.default_rng(seed)
    drawn = np.concatenate(
        [
            np.asarray(part, np.float64)[generator.integers(len(part), size=(draws, len(part)))]
            for part in runs
        ],
        axis=1,
    )
    tail = 0.5 - CONFIDENCE / 2
    # Ends that are values of draws, not between two, stay defined beside infinite ones.
    low, high = np.quantile(_middle(drawn), [tail, 1 - tail], method="nearest")
    if not (np.isfinite(low) and np.isfinite(high)):
        reason = "so many runs have no value that the interval has no end"
        return InterquartileMean(mean, None, pooled.size, reason)
    return InterquartileMean(mean, (float(low), float(high)), pooled.size)


def _middle(values: np.ndarray) -> np.ndarray:
    """`[draws, runs]` -> `[draws]`, the mean without the quarter at either end."""
    cut = values.shape[1] // 4
    middle = np.sort(values, axis=1)[:, cut : values.shape[1] - cut]
    middle[np.isposinf(middle).any(axis=1) & np.isneginf(middle).any(axis=1)] = np.inf
    return middle.mean(axis=1)


def _signed_ranks(first: np.ndarray, second: np.ndarray) -> tuple[int, float, float, float]:
    """How many differ, the sums of ranks of positive and negative differences, and p."""
    same = np.array([_close(*pair) for pair in zip(first, second, strict=True)], dtype=bool)
    differences = np.subtract(first, second, out=np.zeros(len(first)), where=~same)
    ranks = _mid_ranks(np.abs(differences))
    positive = float(ranks[differences > 0].sum())
    negative = float(ranks[differences < 0].sum())
    left = ranks[differences != 0]
    return len(left), positive, negative, _exact_p(left, min(positive, negative))


def _exact_p(ranks: np.ndarray, statistic: float) -> float:
    """P of a smaller sum of ranks at most `statistic` when every sign is as likely as the other.

    Mean ranks are whole or half numbers, so that twice them can be counted.
    """
    doubled = np.rint(2 * ranks).astype(int)
    chances = np.zeros(int(doubled.sum()) + 1)
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] = (chances[rank:] + chances[: len(chances) - rank]) / 2
        chances[:rank] /= 2
    return min(1.0, 2.0 * float(chances[: round(2 * statistic) + 1].sum()))


def _mid_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 for the smallest; values that differ by rounding alone share the mean rank."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    ranks = np.empty(len(values))
    start = 0
    for end in range(1, len(values) + 1):
        if end == len(values) or not _close(ordered[end - 1], ordered[end]):
            ranks[order[start:end]] = (start + 1 + end) / 2
            start = end
    return ranks


def _close(first: float, second: float) -> bool:
    if not (math.isfinite(first) and math.isfinite(second)):
        return bool(first == second)
    return abs(first - second) <= TIE * max(abs(first), abs(second))
