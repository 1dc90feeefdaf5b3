"""What a metric is: a figure of merit that is measured, never trained on."""

from abc import abstractmethod
from typing import Any, ClassVar

import jax
import numpy as np

from etude.batch import Batch, Spec
from etude.component import Component
from etude.errors import InputError


class Metric(Component, kind="metric"):
    """A figure computed from the mean of statistics of rows.

    Class attributes:
        greater_is_better: in which direction it improves.
        bounds: the least and the greatest value that it can take; None for no bound.
        task: the task whose targets it judges; "" for any.
    """

    greater_is_better: ClassVar[bool] = False
    bounds: ClassVar[tuple[float | None, float | None]] = (None, None)
    task: ClassVar[str] = ""

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when the metric has no meaning for data of these sizes."""
        if self.task and spec.task != self.task:
            raise InputError(f"`metric` {self.name} needs a target of {self.task}, got {spec.task}")

    @abstractmethod
    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        """Statistics of each row, `[batch, statistics]`, in the user's units.

        Args:
            prediction: what `Loss.prediction` gives.
            batch: the rows.
        """

    def value(self, mean: np.ndarray) -> np.ndarray:
        """The metric from the mean of the statistics over rows: `[..., statistics]` to `[...]`."""
        return mean[..., 0]

    @abstractmethod
    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        """The metric of the trivial predictor: the most frequent class, or the training mean.

        Args:
            train: targets of the training rows, in the user's units.
            judged: targets of the rows that are judged.
            spec: the sizes of the data.
        """
