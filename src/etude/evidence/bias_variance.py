"""Bias, variance and noise of a method, by networks that were trained on replicates of its rows.

With ŷ_r(x) what the network of replicate r predicts for a row x, ȳ(x) their mean, f(x) the target
without noise and y(x) the target with it, and means over the rows that judge, exactly

    mean (ŷ − f)² = mean (ȳ − f)² + mean (ŷ − ȳ)²      squared bias + variance
    mean (ŷ − y)² = mean (ȳ − y)² + mean (ŷ − ȳ)²      squared bias and noise + variance

Squares are summed over the targets of a row; of classes they are of probabilities, so that the
left side is the Brier score. (Geman, Bienenstock and Doursat 1992, "Neural networks and the
bias/variance dilemma".)

These are the parts of the networks that were trained. The mean of R of them still varies, so the
squared bias holds 1/R of the variance, and the variance lacks it: of two replicates half of the
variance stands there as bias. What is expected of the method is the jackknife's corrected figure,
which adds up to the same error. Of one network for each replicate it is

    variance · R/(R − 1)    and    squared bias − variance/(R − 1).

(Quenouille 1956, "Notes on bias in estimation".)
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from etude.evidence.comparison import Comparison
from etude.store.records import StudyRecord

FINDING = "bias_variance"
"""The name among the findings of a study."""


@dataclass(frozen=True)
class Term:
    """One part of the error.

    Attributes:
        value: the part itself, as it is of the networks that were trained.
        stderr: its standard error by the jackknife over replicates: how far it would change with
            other draws from these training rows. Other test rows are not in it.
            Two replicates cannot tell it.
        of_replicates: the pseudo-values of the jackknife, one for each replicate, whose spread
            that is. Choices share replicates: subtract those of two choices, and their mean and
            standard error tell whether the parts differ.
    """

    value: float
    stderr: float
    of_replicates: tuple[float, ...]

    @property
    def corrected(self) -> float:
        """The part as it is expected of the method: the mean of the pseudo-values.

        It does not depend on how many replicates there are, save for luck. That of a squared bias
        near 0 may be negative.
        """
        return float(np.mean(self.of_replicates))


@dataclass(frozen=True)
class BiasVariance:
    """The error of one choice, taken apart.

    Values add up to the error, and so do the corrected ones.

    Attributes:
        choice: its number in the study.
        squared_bias: mean (ȳ − f)²; None where the target without noise is not known.
        variance: mean (ŷ − ȳ)².
        noise: mean (y − f)² of the rows that judge; None likewise.
        squared_bias_and_noise: mean (ȳ − y)².
        error: mean (ŷ − y)²: squared bias and noise + variance.
        error_to_truth: mean (ŷ − f)²: squared bias + variance; None where f is not known.
        networks: how many were trained: replicates × seeds.
        rows: how many rows judge.
    """

    choice: int
    squared_bias: Term | None
    variance: Term
    noise: float | None
    squared_bias_and_noise: Term
    error: float
    error_to_truth: float | None
    networks: int
    rows: int


def decompose(
    choice: int,
    predictions: np.ndarray,
    targets: np.ndarray,
    truth: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> BiasVariance:
    """Take the error of predictions apart, in double precision.

    Args:
        choice: the number of the choice.
        predictions: `[replicates, seeds, rows, targets]` of at least two replicates.
        targets: `[rows, targets]`; of classes 1 for that of the row and 0 for others.
        truth: the same without noise, if it is known.
        weights: `[rows]`, what rows count; None for 1 each.
    """
    predictions = np.asarray(predictions, np.float64)
    replicates, seeds, rows, _ = predictions.shape
    weights = np.ones(rows) if weights is None else np.asarray(weights, np.float64)

    def mean(squares: np.ndarray) -> np.ndarray:
        """`[..., rows, targets]` -> `[...]`: summed over targets, the mean over rows."""
        return np.asarray(squares.sum(axis=-1) @ weights / weights.sum())

    of_replicates = predictions.mean(axis=1)  # [replicates, rows, targets]
    middle = of_replicates.mean(axis=0)
    # ȳ without one replicate, and from that every part without it.
    without = middle + (middle - of_replicates) / (replicates - 1)
    spreads = mean((predictions - middle) ** 2).mean(axis=1)
    variance = float(spreads.mean())
    varying = (replicates * variance - spreads) / (replicates - 1) - mean((without - middle) ** 2)

    def apart(goal: np.ndarray) -> Term:
        return _term(float(mean((middle - goal) ** 2)), mean((without - goal) ** 2))

    return BiasVariance(
        choice=choice,
        squared_bias=None if truth is None else apart(truth),
        variance=_term(variance, varying),
        noise=None if truth is None else float(mean((targets - truth) ** 2)),
        squared_bias_and_noise=apart(targets),
        error=float(mean((predictions - targets) ** 2).mean()),
        error_to_truth=None if truth is None else float(mean((predictions - truth) ** 2).mean()),
        networks=replicates * seeds,
        rows=rows,
    )


def finding(parts: Iterable[BiasVariance]) -> list[dict[str, Any]]:
    """The parts as a study record keeps them: plain JSON values."""
    return [asdict(part) for part in parts]


def bias_variance(record: StudyRecord, comparison: Comparison) -> tuple[BiasVariance, ...]:
    """The parts of every choice whose networks have all been trained, in the order of the study.

    They are found once, when a study on replicates has ended; () where they were not.
    """
    kept = record.findings.get(FINDING, {}).get(str(comparison.data), [])
    return tuple(
        BiasVariance(
            **row
            | {
                name: None if row[name] is None else _read(row[name])
                for name in ("squared_bias", "variance", "squared_bias_and_noise")
            }
        )
        for row in kept
    )


def _term(value: float, without: np.ndarray) -> Term:
    """A part with its jackknife: `without` has the part without each replicate."""
    count = len(without)
    pseudo = count * value - (count - 1) * without
    stderr = float(np.std(pseudo, ddof=1) / np.sqrt(count))
    return Term(value, stderr, tuple(pseudo.tolist()))


def _read(kept: dict[str, Any]) -> Term:
    return Term(kept["value"], kept["stderr"], tuple(kept["of_replicates"]))
