"""The choices that may be best: a comparison with the best that keeps its family error.

The best of a sample is the one that luck favoured most, so the usual paired test against it calls
choices worse far too often (docs/statistics.md). This test asks instead how far the worst of
equally good choices falls behind the best of them, and calls a choice worse only beyond that.
"""

from dataclasses import dataclass

import numpy as np

from etude.evidence.comparison import Comparison
from etude.evidence.paired import (
    NOT_APART,
    ONE_SPLIT,
    check_level,
    countable,
    paired_differences,
)
from etude.evidence.ranking import competition_ranks
from etude.evidence.rotation import step_down


@dataclass(frozen=True)
class PossibleBests:
    """Which choices may be best and which are worse.

    Attributes:
        best: the number of the choice that ranks first; None where nothing can be compared.
        choices: numbers of the choices that may be best, by rank, the best first.
        worse: numbers of the choices that are worse, by rank.
        p: choice -> p-value, adjusted for all comparisons; 0 for a choice that diverged and has
            no value to count with, 1 for the best; empty where nothing can be compared.
        method: how it was found, in one sentence; "" where nothing can be compared.
        reason: why nothing can be compared; "" where there is a method.
    """

    best: int | None
    choices: tuple[int, ...]
    worse: tuple[int, ...]
    p: dict[int, float]
    method: str
    reason: str


def possible_bests(comparison: Comparison, level: float = 0.05) -> PossibleBests:
    """The set of complete choices that may be best.

    Where all choices are equally good, the probability that any of them is called worse is at
    most `level`; in general it is the probability that any of the best ones is (approximately:
    see `step_down` and docs/statistics.md). The choice that ranks first is always in the set.
    Choices are compared on the rows on which they are ranked. Where differences do not vary over
    splits, and those of no other choice do, nothing is called worse.

    Args:
        comparison: the values of one data choice.
        level: of the family error.

    Raises:
        InputError: the level does not lie between 0 and 1.
    """
    check_level(level)
    complete = comparison.complete
    numbers, scores = comparison.choices[complete], comparison.scores[complete]
    if not len(numbers):
        return PossibleBests(None, (), (), {}, "", "no choice is complete")
    usable = countable(scores)
    if not usable.any():
        why = "every choice diverged, and no value is known to count them with"
        return PossibleBests(None, _numbers(numbers), (), {}, "", why)
    means = np.where(usable, np.where(usable[:, None], scores, 0.0).mean(axis=1), -np.inf)
    order = np.argsort(competition_ranks(means), kind="stable")
    numbers, scores, usable = numbers[order], scores[order], usable[order]
    finite, lost = numbers[usable], _numbers(numbers[~usable])
    ratio, splits = choosing_over_train(comparison), scores.shape[1]
    if ratio is None or splits < 2:
        if len(numbers) > 1:
            why = NOT_APART if ratio is None else ONE_SPLIT
            return PossibleBests(None, _numbers(finite), lost, {}, "", why)
        ratio = 0.0  # the only choice: nothing is compared
    p = np.ones(1)
    if len(finite) > 1:
        p = step_down(paired_differences(scores[usable], scores[usable][0]), ratio, level)
    return PossibleBests(
        best=int(finite[0]),
        choices=_numbers(finite[p > level]),
        worse=_numbers(finite[p <= level]) + lost,
        p=dict(zip(finite.tolist(), p.tolist(), strict=True)) | dict.fromkeys(lost, 0.0),
        method=_method(comparison, len(finite), level),
        reason="",
    )


def choosing_over_train(comparison: Comparison) -> float | None:
    """Rows that choose for each row that trained; None where they are rows that trained."""
    if comparison.choosing != "validation":
        return comparison.test_over_train
    train = sum(split.train for split in comparison.splits)
    return sum(split.validation for split in comparison.splits) / train if train else None


def _method(comparison: Comparison, count: int, level: float) -> str:
    where = f"on {comparison.choosing} rows, where ranks are made"
    if count == 1:
        return f"compared {where}: no other choice has finite values"
    how = "corrected paired t-test"
    if count > 2:
        how = "step-down max-t test against the best of all, by rotations, with corrected variances"
    share = f"{100 * level:.3g} % of studies"
    return f"{how}, {where}; of equally good choices any is called worse in at most {share}"


def _numbers(choices: np.ndarray) -> tuple[int, ...]:
    return tuple(int(choice) for choice in choices)
