"""What a metric is: a figure of merit that is measured, never trained on."""

from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
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
        probabilistic: whether `statistics` is given as prediction the pair of the expected
            targets and their standard deviations, `[batch, targets]` each.
        of_labels: whether of classes only the most probable one counts, not how probable it is.
        needs: what the judged rows must have for the metric to have a value, in words.
    """

    greater_is_better: ClassVar[bool] = False
    bounds: ClassVar[tuple[float | None, float | None]] = (None, None)
    task: ClassVar[str] = ""
    probabilistic: ClassVar[bool] = False
    of_labels: ClassVar[bool] = False
    needs: ClassVar[str] = ""

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
        """The metric from the mean of the statistics over rows: `[..., statistics]` to `[...]`.

        NaN where it has no value.
        """
        return mean[..., 0]

    @abstractmethod
    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        """The metric of the trivial predictor: the most frequent class, or the training mean.

        NaN where no predictor has a value on these rows, which lack what the metric `needs`.

        Args:
            train: targets of the training rows, in the user's units.
            judged: targets of the rows that are judged.
            spec: the sizes of the data.
        """


class JointMetric(Metric):
    """A metric that is no mean over rows: it looks at all rows of a role together.

    `value` is computed from the `summary` of the statistics in place of their mean.
    """

    @abstractmethod
    def summary(self, statistics: jax.Array, weights: jax.Array) -> jax.Array:
        """The statistics of all rows in a few numbers for each role, `[roles, numbers]`.

        Args:
            statistics: `[rows, statistics]`.
            weights: `[roles, rows]`; a row of weight 0 has no say, whatever its statistics.
        """


def measured(metric: Metric, statistics: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The metric of some rows from their statistics, on the host.

    Args:
        metric: which.
        statistics: `[rows, statistics]` of at least one row.
        weights: `[rows]`; None for 1 each.
    """
    if not isinstance(metric, JointMetric):
        return float(metric.value(np.average(statistics, axis=0, weights=weights)))
    shares = np.ones(len(statistics)) if weights is None else weights
    summary = _summary(metric, jnp.asarray(statistics), jnp.asarray(shares)[None])
    return float(metric.value(np.asarray(summary[0], np.float64)))


@partial(jax.jit, static_argnums=0)
def _summary(metric: JointMetric, statistics: jax.Array, weights: jax.Array) -> jax.Array:
    return metric.summary(statistics, weights)
