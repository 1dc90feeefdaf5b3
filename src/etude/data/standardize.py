"""What is fitted to training rows: means and scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TINY = float(np.finfo(np.float32).tiny)
"""A smaller spread has no reciprocal in single precision."""


@dataclass(frozen=True, eq=False)
class Standardization:
    """Means and scales of the training rows.

    For a numeric feature with the values x_r that are not missing, of weight w_r > 0:

        mean = Σ w x / Σ w,  factor = 1 / √(Σ w (x − mean)² / Σ w),

    factor 1 where all x_r are equal. A feature of a category is left as it is where the
    category occurs among the training rows, and is 0 (factor 0) where it does not, as is a
    number of which no training row has a value. Computed in double precision.

    Attributes:
        inputs: `[rows, features]`, NaN where missing.
        targets: `[rows, targets]` where targets are scaled too, else None.
        numeric: for each feature, whether it is a number to be scaled.
        optional: for each feature, whether it is a category, that is 0 unless it occurs.
        scaled: whether numbers are scaled.
    """

    inputs: np.ndarray
    targets: np.ndarray | None
    numeric: np.ndarray
    optional: np.ndarray
    scaled: bool = True

    def __call__(self, rows: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        """`mean` and `factor` `[features]`, `target_mean` and `target_scale` `[targets]`.

        Args:
            rows: numbers of the training rows.
            weights: one for each training row; empty means 1 each.

        Returns:
            A dictionary in single precision; what changes nothing is left out.
        """
        rows = np.asarray(rows)
        weights = np.asarray(weights, np.float64)
        weights = weights if weights.size else np.ones(len(rows))
        rows, weights = rows[weights > 0], weights[weights > 0]
        fitted: dict[str, np.ndarray] = {}
        if (self.scaled and self.numeric.any()) or self.optional.any():
            fitted["mean"], fitted["factor"] = self._inputs(rows, weights)
        if self.targets is not None:
            mean, spread, _ = moments(self.targets[rows].astype(np.float64), weights)
            fitted["target_mean"] = mean.astype(np.float32)
            fitted["target_scale"] = np.where(spread > 0, spread, 1).astype(np.float32)
        return fitted

    def _inputs(self, rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        width = self.inputs.shape[1]
        mean, factor = np.zeros(width), np.ones(width)
        if self.scaled and self.numeric.any():
            values = self.inputs[np.ix_(rows, self.numeric)].astype(np.float64)
            mean[self.numeric], spread, observed = moments(values, weights)
            reciprocal = 1 / np.where(spread > 0, spread, 1)
            factor[self.numeric] = np.where(observed, reciprocal, 0)
        if self.optional.any():
            occurs = (self.inputs[np.ix_(rows, self.optional)] != 0).any(axis=0)
            factor[self.optional] = occurs
        return mean.astype(np.float32), factor.astype(np.float32)


def moments(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weighted mean and standard deviation of each column, ignoring NaN.

    Args:
        values: `[rows, columns]` in double precision.
        weights: `[rows]`, greater than 0.

    Returns:
        The means; the standard deviations (population), 0 where all values are equal or differ
        by less than single precision can divide by; whether there is any value. Mean and
        deviation of a column without values are 0.
    """
    present = ~np.isnan(values)
    shares = weights[:, None] * present
    total = shares.sum(axis=0)
    total = np.where(total > 0, total, 1)
    filled = np.where(present, values, 0)
    mean = (shares * filled).sum(axis=0) / total
    spread = np.sqrt((shares * (filled - mean) ** 2).sum(axis=0) / total)
    observed = present.any(axis=0)
    # the mean of equal values may be rounded, so that their spread is not quite 0
    low = np.min(values, axis=0, where=present, initial=np.inf)
    high = np.max(values, axis=0, where=present, initial=-np.inf)
    spread[(low >= high) | (spread < TINY)] = 0
    return mean, spread, observed
