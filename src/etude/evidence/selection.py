"""What choosing the best of several is worth, by the bootstrap of the choice (BBC-CV).

Bootstrap bias corrected cross-validation: Tsamardinos, Greasidou and Borboudakis 2018,
"Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation".
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from etude.evidence.intervals import CONFIDENCE

DRAWS = 1000
SEED = 20_180_927
"""Fixed, so that the same study always shows the same estimate."""

NUMBERS = 8_000_000
"""So many numbers are held at a time for the weights of rows, and for the means: some 64 MB."""


class Selection(NamedTuple):
    """The best of several choices, as it seems and freed of the choice.

    Attributes:
        apparent: the value of the choice that is best on all rows, on these same rows.
        corrected: mean over draws of the value on rows that had no say in choosing.
        interval: the percentile interval of 95 % over draws. A draw judges on about 37 % of the
            rows, so the interval is rather too wide than too narrow.
    """

    apparent: float
    corrected: float
    interval: tuple[float, float]

    def about(
        self, shown: float, bounds: tuple[float | None, float | None] = (None, None)
    ) -> "Selection":
        """The same correction of another estimate of the best choice's value.

        Args:
            shown: that estimate.
            bounds: between which the metric lies.
        """
        least, greatest = (np.nan if bound is None else bound for bound in bounds)

        def moved(value: float) -> float:
            value = value + shown - self.apparent
            return float(np.fmin(np.fmax(value, least), greatest))

        low, high = self.interval
        return Selection(shown, moved(self.corrected), (moved(low), moved(high)))

    def finding(self, choices: Sequence[int], rows: int, draws: int = DRAWS) -> dict[str, Any]:
        """The estimate as a study record keeps it: plain JSON values.

        Args:
            choices: the numbers of the choices that there were to choose from.
            rows: how many rows were drawn.
            draws: how often.
        """
        return {
            "mean": self.corrected,
            "stderr": None,
            "interval": list(self.interval),
            "apparent": self.apparent,
            "n": rows,
            "draws": draws,
            "choices": [int(choice) for choice in choices],
        }


def bootstrap_of_selection(
    statistics: np.ndarray,
    value: Callable[[np.ndarray], np.ndarray],
    greater_is_better: bool,
    draws: int = DRAWS,
    seed: int = SEED,
    groups: np.ndarray | None = None,
) -> Selection | None:
    """The value of choosing the best, judged in every draw on the rows that were not drawn.

    In every draw as many rows as there are come from all rows with replacement. The choice that
    is best on the drawn rows is judged on the others. Nothing is trained again. As a draw holds
    63 % of the rows only, the estimate leans to the pessimistic side.

    The rows are those that were judged by networks not trained on them: each row of K-fold,
    grouped or leave-one-out splits, the test rows of a hold-out, of a time series those after
    its first window. Where repeated splits judge a row several times, or several seeds do, each
    repeat and seed is a network of its own: the value is computed for each and averaged.

    Args:
        statistics: `[choices, rows, S]` statistics of the metric for each row, or
            `[choices, networks, rows, S]`. A choice of which any is not finite is never chosen.
        value: the metric from means of the statistics over rows, `[..., S]` to `[...]`.
        greater_is_better: in which direction the metric improves.
        draws: how often rows are drawn.
        seed: of the drawing.
        groups: `[rows]` where rows belong together (people, days): groups are then drawn.

    Returns:
        None where it cannot be told: fewer than two rows or groups, or no choice with a value.
    """
    table = np.asarray(statistics, np.float64)
    if table.ndim == 3:
        table = table[:, None]
    known = np.isfinite(table).all(axis=(1, 2, 3))
    table = table if known.all() else table[known]
    choices, networks, rows, width = table.shape
    of_row = np.arange(rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = int(of_row.max()) + 1 if rows else 0
    if not choices or count < 2:
        return None
    sign = 1.0 if greater_is_better else -1.0

    def scores(means: np.ndarray) -> np.ndarray:
        """`[..., networks, S]` -> `[...]`, greater is better; what has no value is worst."""
        found = sign * np.asarray(value(means)).mean(axis=-1)
        return np.where(np.isfinite(found), found, -np.inf)

    apparent = scores(table.mean(axis=2)).max()
    generator = np.random.default_rng(seed)
    step = max(1, NUMBERS // max(rows, choices * networks * width))
    judged = np.concatenate(
        [
            _judged(table, scores, _weights(generator, min(step, draws - start), of_row))
            for start in range(0, draws, step)
        ]
    )
    # A draw that leaves no row out, or whose rows give no value, tells nothing.
    judged = judged[np.isfinite(judged)]
    if not len(judged) or not np.isfinite(apparent):
        return None
    tail = 0.5 - CONFIDENCE / 2
    low, high = sorted(float(sign * edge) for edge in np.quantile(judged, [tail, 1 - tail]))
    return Selection(float(sign * apparent), float(sign * judged.mean()), (low, high))


def _weights(generator: np.random.Generator, size: int, of_row: np.ndarray) -> np.ndarray:
    """`[size, rows]`: how often each row is drawn."""
    count = int(of_row.max()) + 1
    drawn = generator.integers(count, size=(size, count)) + count * np.arange(size)[:, None]
    times = np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count)
    return times[:, of_row].astype(np.float64)


def _judged(
    table: np.ndarray,
    scores: Callable[[np.ndarray], np.ndarray],
    weights: np.ndarray,
) -> np.ndarray:
    """`[draws]`: the score of the choice best on the drawn rows, on those not drawn."""
    choices, networks, rows, width = table.shape
    # One statistic at a time: the table as a matrix would be a second copy of it.
    sums = [weights @ table[..., number].reshape(-1, rows).T for number in range(width)]
    means = np.stack(sums, axis=-1).reshape(len(weights), choices, networks, width)
    means /= weights.sum(axis=1)[:, None, None, None]
    winners = scores(means).argmax(axis=1)
    left = (weights == 0).astype(np.float64)
    counts = left.sum(axis=1)
    judged = np.full(len(weights), -np.inf)
    for winner in np.unique(winners):
        draws = np.flatnonzero((winners == winner) & (counts > 0))
        total = np.einsum("dr,nrs->dns", left[draws], table[winner], optimize=True)
        judged[draws] = scores(total / counts[draws, None, None])
    return judged
