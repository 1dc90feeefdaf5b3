"""The choices that may be best: a comparison with the best that keeps its family error.

The best of a sample is the one that luck favoured most, so the usual paired test against it calls
choices worse far too often (docs/statistics.md). This test asks instead how far the worst of
equally good choices falls behind the best of them, and calls a choice worse only beyond that.
"""

from dataclasses import dataclass

import numpy as np

from etude.evidence.comparison import Comparison
from etude.evidence.paired import (
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
        choices: numbers of the choices that may be best, by rank.
        worse: numbers of the choices that are worse, by rank. Where validation is nested the one
            that ranks first, on inner rows, may be among them.
        p: choice -> p-value, adjusted for all comparisons; 0 for a choice that diverged and has
            no value to count with, 1 for the best on the rows of the test; empty where nothing
            can be compared.
        method: how it was found, in one sentence; "" where nothing can be compared.
        reason: why nothing can be compared; "" where there is a method.
        ahead: the number of the choice that is best on the rows of the test, where the one that
            ranks first is worse there; None otherwise.
    """

    best: int | None
    choices: tuple[int, ...]
    worse: tuple[int, ...]
    p: dict[int, float]
    method: str
    reason: str
    ahead: int | None = None


def possible_bests(comparison: Comparison, level: float = 0.05) -> PossibleBests:
    """The set of complete choices that may be best.

    Where all choices are equally good, the probability that any of them is called worse is at
    most `level`; in general it is the probability that any of the best ones is (approximately:
    see `step_down` and docs/statistics.md). Choices are compared on the rows on which they are
    ranked, so that the one that ranks first is always in the set. Where validation is nested they
    are compared on those that judge, and the first of the ranking may prove worse there. Where
    differences do not vary over splits, and those of no other choice do, nothing is called worse.

    Args:
        comparison: the values of one data choice.
        level: of the family error.

    Raises:
        InputError: the level does not lie between 0 and 1.
    """
    check_level(level)
    complete = comparison.complete
    numbers, scores = comparison.choices[complete], comparison.tested_scores[complete]
    if not len(numbers):
        return PossibleBests(None, (), (), {}, "", "no choice is complete")
    usable = countable(scores)
    if not usable.any():
        why = "every choice diverged, and no value is known to count them with"
        return PossibleBests(None, _numbers(numbers), (), {}, "", why)
    order = _by_rank(comparison.scores[complete])
    numbers, scores, usable = numbers[order], scores[order], usable[order]
    finite, lost = numbers[usable], _numbers(numbers[~usable])
    ratio, splits = comparison.tested_over_train, scores.shape[1]
    if ratio is None or splits < 2:
        if len(numbers) > 1:
            why = comparison.untestable or ONE_SPLIT
            return PossibleBests(None, _numbers(finite), lost, {}, "", why)
        ratio = 0.0  # the only choice: nothing is compared
    p, first = np.ones(1), 0
    if len(finite) > 1:
        p, first = _p_values(scores[usable], ratio, level)
    return PossibleBests(
        best=int(finite[0]),
        choices=_numbers(finite[p > level]),
        worse=_numbers(finite[p <= level]) + lost,
        p=dict(zip(finite.tolist(), p.tolist(), strict=True)) | dict.fromkeys(lost, 0.0),
        method=_method(comparison, len(finite), level),
        reason="",
        ahead=int(finite[first]) if p[0] <= level else None,
    )


def _by_rank(scores: np.ndarray) -> np.ndarray:
    """The rows of `[choices, splits]` in the order of the ranking, those without values last."""
    known = countable(scores)
    means = np.where(known, np.where(known[:, None], scores, 0.0).mean(axis=1), -np.inf)
    return np.argsort(competition_ranks(means), kind="stable")


def _p_values(scores: np.ndarray, test_over_train: float, level: float) -> tuple[np.ndarray, int]:
    """`[choices]` p-values, and the row that is the best here, of which it is 1.

    It is the first row, but where ranks are made on other rows than those tested on.
    """
    best = int(_by_rank(scores)[0])
    order = np.concatenate([[best], np.delete(np.arange(len(scores)), best)])
    p = np.empty(len(scores))
    p[order] = step_down(paired_differences(scores[order], scores[best]), test_over_train, level)
    return p, best


def _method(comparison: Comparison, count: int, level: float) -> str:
    where = f"on {comparison.tested} rows"
    if comparison.tested == comparison.choosing:
        where += ", where ranks are made"
    if count == 1:
        return f"compared {where}: no other choice has finite values"
    how = "corrected paired t-test"
    if count > 2:
        how = "step-down max-t test against the best of all, by rotations, with corrected variances"
    share = f"{100 * level:.3g} % of studies"
    return f"{how}, {where}; of equally good choices any is called worse in at most {share}"


def _numbers(choices: np.ndarray) -> tuple[int, ...]:
    return tuple(int(choice) for choice in choices)
