"""Metrics of classes; predictions are logarithms of probabilities, `[batch, classes]`."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.metric.base import Metric


class Accuracy(Metric):
    """The share of rows whose most probable class is theirs."""

    greater_is_better = True
    bounds = (0.0, 1.0)
    of_labels = True
    task = "classes"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        right = classes_behind(prediction, batch) == prediction.shape[-1]
        return right.astype(prediction.dtype)[:, None]

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return float(np.mean(class_numbers(judged) == frequent_classes(train, spec)[0]))


class TopK(Metric):
    """The share of rows whose class is among the k most probable ones.

    Of equally probable classes the earlier one counts as more probable, as for `accuracy`,
    which is k = 1. The trivial predictor names the k most frequent classes.

    Attributes:
        k: how many classes are named; fewer than there are.
    """

    greater_is_better = True
    bounds = (0.0, 1.0)
    task = "classes"

    k: Annotated[int, Field(ge=1)] = 5

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if self.k >= len(spec.classes):
            raise InputError(
                f"`k` must be less than the number of classes, {len(spec.classes)}, got {self.k}"
            )

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        among = classes_behind(prediction, batch) > prediction.shape[-1] - self.k
        return among.astype(prediction.dtype)[:, None]

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        named = frequent_classes(train, spec)[: self.k]
        return float(np.mean(np.isin(class_numbers(judged), named)))


class LogLoss(Metric):
    """−log of the probability given to the true class, averaged over rows; in nats.

    The negative log-likelihood of classes; `nll` is that of numbers. The trivial predictor gives
    every class its share among training rows, with one row of each class added so that no class
    has probability 0.
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
        counts = np.bincount(class_numbers(train), minlength=len(spec.classes)) + 1
        return float(-np.mean(np.log(counts / counts.sum())[class_numbers(judged)]))


def classes_behind(prediction: jax.Array, batch: Batch) -> jax.Array:
    """`[batch]`: how many classes are not more probable than the true one, itself included.

    They are all classes where it is the most probable. NaN is behind nothing.
    """
    targets = true_classes(prediction, batch)
    # As argmax orders them: of equal ones the first. XLA's own argmax is scalar code on a CPU.
    true = jnp.take_along_axis(prediction, targets[:, None], -1)
    later = jnp.arange(prediction.shape[-1]) >= targets[:, None]
    behind = (prediction < true) | ((prediction == true) & later)
    return jnp.sum(behind.astype(prediction.dtype), -1)


def true_classes(prediction: jax.Array, batch: Batch) -> jax.Array:
    """`[batch]` class numbers, where targets are numbers or shares of the classes."""
    targets = batch.targets
    return jnp.argmax(targets, -1) if targets.ndim == prediction.ndim else targets


def predicted_classes(prediction: jax.Array) -> jax.Array:
    """`[batch, classes]`: 1 for the most probable class, the first of several; 0 beside NaN."""
    places = jnp.arange(prediction.shape[-1])
    best = prediction == jnp.max(prediction, -1, keepdims=True)
    first = jnp.min(jnp.where(best, places, places.size), -1, keepdims=True)
    return (places == first).astype(prediction.dtype)


def class_numbers(targets: np.ndarray) -> np.ndarray:
    """`[rows]` class numbers on the host, where targets are numbers or shares of the classes."""
    targets = np.asarray(targets)
    return targets.argmax(-1) if targets.ndim > 1 else targets.astype(np.int64)


def frequent_classes(train: np.ndarray, spec: Spec) -> np.ndarray:
    """`[classes]`, the most frequent one first; of equally frequent ones the earlier."""
    counts = np.bincount(class_numbers(train), minlength=len(spec.classes))
    return np.argsort(-counts, kind="stable")


def mean_where(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The mean over the last axis of the values that are known; NaN where none is."""
    count = np.sum(known, -1)
    total = np.sum(np.where(known, values, 0), -1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
