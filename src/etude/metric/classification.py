"""Metrics of classes; predictions are logarithms of probabilities, `[batch, classes]`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.batch import Batch, Spec
from etude.metric.base import Metric


class Accuracy(Metric):
    """The share of rows whose most probable class is theirs."""

    greater_is_better = True
    bounds = (0.0, 1.0)
    task = "classes"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        targets = batch.targets
        if targets.ndim == prediction.ndim:
            targets = jnp.argmax(targets, -1)
        # Right where every class is behind the true one, as argmax orders them; NaN never is.
        # XLA's own argmax is scalar code on a CPU.
        true = jnp.take_along_axis(prediction, targets[:, None], -1)
        later = jnp.arange(prediction.shape[-1]) >= targets[:, None]
        behind = (prediction < true) | ((prediction == true) & later)
        right = jnp.sum(behind.astype(prediction.dtype), -1) == prediction.shape[-1]
        return right.astype(prediction.dtype)[:, None]

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        counts = np.bincount(_numbers(train), minlength=len(spec.classes))
        return float(np.mean(_numbers(judged) == counts.argmax()))


class LogLoss(Metric):
    """−log of the probability given to the true class, averaged over rows; in nats.

    The trivial predictor gives every class its share among training rows, with one row of each
    class added so that no class has probability 0.
    """

    bounds = (0.0, None)
    task = "classes"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        targets = batch.targets
        if targets.ndim < prediction.ndim:
            targets = jax.nn.one_hot(targets, prediction.shape[-1], dtype=prediction.dtype)
        # A class of probability 0 and share 0 adds 0, not 0 · −∞.
        terms = jnp.where(targets > 0, targets * prediction, 0)
        return -jnp.sum(terms, -1, keepdims=True)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        counts = np.bincount(_numbers(train), minlength=len(spec.classes)) + 1
        return float(-np.mean(np.log(counts / counts.sum())[_numbers(judged)]))


def _numbers(targets: np.ndarray) -> np.ndarray:
    targets = np.asarray(targets)
    return targets.argmax(-1) if targets.ndim > 1 else targets.astype(np.int64)
