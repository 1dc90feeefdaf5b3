"""Metrics of classes that count who was taken for whom."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.metric.base import Metric
from etude.metric.classification import (
    class_numbers,
    frequent_classes,
    mean_where,
    predicted_classes,
    true_classes,
)


class F1(Metric):
    """The harmonic mean of precision and recall: F₁ = 2 TP / (2 TP + FP + FN).

    As scikit-learn's `f1_score` averages it: "macro" is the mean over the classes that occur
    among the targets or the predictions, "weighted" the mean over classes by their number of
    rows, "micro" counts all classes together (and is the accuracy), "binary" is the F₁ of the
    second of two classes. The trivial predictor says the most frequent class.

    Attributes:
        average: how the classes are averaged.
    """

    greater_is_better = True
    bounds = (0.0, 1.0)
    of_labels = True
    task = "classes"
    needs = "a row of the second class"

    average: Literal["macro", "micro", "weighted", "binary"] = "macro"

    def check(self, spec: Spec) -> None:
        super().check(spec)
        if self.average == "binary" and len(spec.classes) != 2:
            raise InputError(
                f'`average` must be "macro", "micro" or "weighted" for {len(spec.classes)} '
                f'classes, got "{self.average}", which is for 2'
            )

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        """For each class, whether it is right, predicted and true: `[batch, 3 · classes]`."""
        said, true = _said_and_true(prediction, batch)
        return jnp.concatenate([said * true, said, true], -1)

    def value(self, mean: np.ndarray) -> np.ndarray:
        right, said, true = np.split(np.asarray(mean, np.float64), 3, -1)
        if self.average == "micro":
            right, said, true = (part.sum(-1, keepdims=True) for part in (right, said, true))
        elif self.average == "binary":
            right, said, true = (part[..., 1:] for part in (right, said, true))
            said = np.where(true > 0, said, 0)  # without a true row there is no value
        occurs = said + true > 0
        scores = 2 * right / np.where(occurs, said + true, 1)
        if self.average == "weighted":
            rows = true.sum(-1)
            return np.sum(true * scores, -1) / np.where(rows > 0, rows, np.nan)
        return mean_where(scores, occurs)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        said, true = _trivial_shares(train, judged, spec)
        return float(self.value(np.concatenate([said * true, said, true])))


class BalancedAccuracy(Metric):
    """The mean over classes of the share of their rows that are told right (recall).

    Over the classes that occur among the judged targets, as scikit-learn's
    `balanced_accuracy_score`. The trivial predictor says the most frequent class.
    """

    greater_is_better = True
    bounds = (0.0, 1.0)
    of_labels = True
    task = "classes"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        """For each class, whether it is right and whether it is true: `[batch, 2 · classes]`."""
        said, true = _said_and_true(prediction, batch)
        return jnp.concatenate([said * true, true], -1)

    def value(self, mean: np.ndarray) -> np.ndarray:
        right, true = np.split(np.asarray(mean, np.float64), 2, -1)
        return mean_where(right / np.where(true > 0, true, 1), true > 0)

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        said, true = _trivial_shares(train, judged, spec)
        return float(self.value(np.concatenate([said * true, true])))


def _said_and_true(prediction: jax.Array, batch: Batch) -> tuple[jax.Array, jax.Array]:
    """`[batch, classes]` each: 1 for the class that is predicted, and for the true one."""
    targets = true_classes(prediction, batch)
    true = jax.nn.one_hot(targets, prediction.shape[-1], dtype=prediction.dtype)
    return predicted_classes(prediction), true


def _trivial_shares(
    train: np.ndarray, judged: np.ndarray, spec: Spec
) -> tuple[np.ndarray, np.ndarray]:
    """`[classes]` each: shares of the rows that the trivial predictor says, and true shares."""
    said = np.eye(len(spec.classes))[frequent_classes(train, spec)[0]]
    true = np.bincount(class_numbers(judged), minlength=len(spec.classes)) / len(judged)
    return said, true
