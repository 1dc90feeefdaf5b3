"""Metrics of numbers; of several targets, each is measured alone and the mean is told."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.batch import Batch, Spec
from etude.errors import InputError
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
    needs = "two rows of different targets"

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


class NLL(Metric):
    """−log of the density of the targets, averaged over rows; in nats, in the user's units.

    Σ_d ½ log 2π + log σ_d + ½ ((y_d − μ_d) / σ_d)², for a loss that tells the standard deviation
    σ of its prediction μ. Of classes the negative log-likelihood is called `log_loss`. The
    trivial predictor is normal with mean and deviation of the training rows.
    """

    task = "numbers"
    probabilistic = True

    def check(self, spec: Spec) -> None:
        if spec.task == "classes":
            raise InputError(
                "`metric` nll needs a target of numbers, got classes, for which it is `log_loss`"
            )
        super().check(spec)

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        mean, deviation = prediction
        standardized = (batch.targets - mean) / deviation
        terms = jnp.log(deviation * batch.scale) + 0.5 * standardized**2
        return jnp.sum(terms + 0.5 * math.log(2 * math.pi), -1, keepdims=True)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        deviation = _columns(train).std(0)
        if not np.all(deviation > 0):
            return float("inf")
        squares = np.mean((_errors(train, judged) / deviation) ** 2, 0)
        return float(np.sum(np.log(deviation) + 0.5 * squares + 0.5 * np.log(2 * np.pi)))


def _explained(squares: np.ndarray, variance: np.ndarray, rounding: Any) -> np.ndarray:
    varies = variance > rounding
    ratio = squares / np.where(varies, variance, 1)
    return np.mean(np.where(varies, 1 - ratio, np.where(squares == 0, 1.0, np.nan)), -1)


def _columns(targets: np.ndarray) -> np.ndarray:
    targets = np.asarray(targets, np.float64)
    return targets.reshape(targets.shape[0], -1)


def _errors(train: np.ndarray, judged: np.ndarray) -> np.ndarray:
    return _columns(judged) - _columns(train).mean(0)
