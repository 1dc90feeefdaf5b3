"""Metrics that judge the probabilities of classes, not only which is greatest."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from etude.batch import Batch, Spec
from etude.metric.base import Metric
from etude.metric.classification import (
    Accuracy,
    class_numbers,
    classes_behind,
)


class Brier(Metric):
    """The mean of Σ_c (p_c − y_c)² over rows (Brier, 1950), y_c 1 for the true class, else 0.

    With two classes half of it, (p − y)² of either one, as scikit-learn's `brier_score_loss`.
    The trivial predictor gives every class its share among training rows.
    """

    bounds = (0.0, 2.0)
    task = "classes"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        classes = prediction.shape[-1]
        targets = batch.targets
        if targets.ndim < prediction.ndim:
            targets = jax.nn.one_hot(targets, classes, dtype=prediction.dtype)
        squares = (jnp.exp(prediction) - targets) ** 2
        return jnp.sum(squares, -1, keepdims=True) * _whole(classes)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        classes = len(spec.classes)
        shares = np.bincount(class_numbers(train), minlength=classes) / len(train)
        squares = (shares - np.eye(classes)[class_numbers(judged)]) ** 2
        return float(squares.sum(-1).mean() * _whole(classes))


class CalibrationError(Metric):
    """Expected calibration error: Σ_m |B_m| / n · |accuracy(B_m) − confidence(B_m)|.

    B_m are the rows whose confidence, the probability of the most probable class, lies in
    ((m − 1) / M, m / M] (Guo et al., "On Calibration of Modern Neural Networks", 2017). The
    trivial predictor is certain of the most frequent class: one that gives it its share would
    be calibrated, and a network that diverged must not count as that.

    Attributes:
        bins: M, the number of bins, equally wide.
    """

    bounds = (0.0, 1.0)
    task = "classes"

    bins: Annotated[int, Field(ge=1, le=1000)] = 15

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        """Whether it is right less the confidence, in the column of its bin: `[batch, bins]`."""
        right = classes_behind(prediction, batch) == prediction.shape[-1]
        confidence = jnp.exp(jnp.max(prediction, -1))
        place = jnp.ceil(confidence * self.bins) - 1
        inside = jnp.clip(place, 0, self.bins - 1)[:, None] == jnp.arange(self.bins)
        over = right.astype(prediction.dtype) - confidence
        # A confidence that is not a number lies in no bin and must not be lost.
        return jnp.where(inside | jnp.isnan(over)[:, None], over[:, None], 0)

    def value(self, mean: np.ndarray) -> np.ndarray:
        return np.sum(np.abs(mean), -1)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return 1 - Accuracy().trivial(train, judged, spec)


def _whole(classes: int) -> float:
    """By how much the sum over classes is scaled: two classes say the same twice."""
    return 0.5 if classes == 2 else 1.0
