"""Metrics of numbers; of several targets, each is measured alone and the mean is told."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.batch import Batch, Spec
from etude.metric.base import Metric


class RMSE(Metric):
    """√ of the mean of (y − ŷ)² over rows, in the user's unit."""

    bounds = (0.0, None)
    task = "numbers"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        return ((prediction - batch.targets) * batch.scale) ** 2

    def value(self, mean: np.ndarray) -> np.ndarray:
        return np.mean(np.sqrt(mean), -1)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return float(self.value(np.mean(_errors(train, judged) ** 2, 0)))


class MeanAbsoluteError(Metric):
    """The mean of |y − ŷ| over rows, in the user's unit."""

    name = "mae"
    bounds = (0.0, None)
    task = "numbers"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        return jnp.abs((prediction - batch.targets) * batch.scale)

    def value(self, mean: np.ndarray) -> np.ndarray:
        return np.mean(mean, -1)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return float(self.value(np.mean(np.abs(_errors(train, judged)), 0)))


class R2(Metric):
    """1 − Σ (y − ŷ)² / Σ (y − ȳ)², ȳ the mean of the judged rows: the share explained.

    Where the judged targets are all equal, or differ by less than rounding lets be seen, it is
    1 for perfect predictions and otherwise unknown (NaN).
    """

    greater_is_better = True
    bounds = (None, 1.0)
    task = "numbers"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        """r², y and y² of each target; in the scale of the batch, which cancels out.

        Targets standardized by their training rows keep y² − ȳ² from losing its digits.
        """
        targets = batch.targets
        return jnp.concatenate([(prediction - targets) ** 2, targets, targets**2], -1)

    def value(self, mean: np.ndarray) -> np.ndarray:
        squares, first, second = np.split(np.asarray(mean, np.float64), 3, -1)
        # Below this share of the mean square a variance is what single precision rounds off.
        return _explained(squares, second - first**2, rounding=1e-6 * second)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        judged = _columns(judged)
        squares = np.mean(_errors(train, judged) ** 2, 0)
        return float(_explained(squares, judged.var(0), rounding=0.0))


def _explained(squares: np.ndarray, variance: np.ndarray, rounding: Any) -> np.ndarray:
    varies = variance > rounding
    ratio = squares / np.where(varies, variance, 1)
    return np.mean(np.where(varies, 1 - ratio, np.where(squares == 0, 1.0, np.nan)), -1)


def _columns(targets: np.ndarray) -> np.ndarray:
    targets = np.asarray(targets, np.float64)
    return targets.reshape(targets.shape[0], -1)


def _errors(train: np.ndarray, judged: np.ndarray) -> np.ndarray:
    return _columns(judged) - _columns(train).mean(0)
