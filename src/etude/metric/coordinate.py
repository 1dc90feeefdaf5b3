"""Where a point is that walks over a surface."""

import math
from typing import Any, Literal

import jax
import numpy as np

from etude.batch import Batch, Spec
from etude.metric.base import Metric


class Coordinate(Metric):
    """One coordinate of the point, x or y, with its sign: epoch by epoch the path that it walks.

    No place is better than another by itself, and the smaller number counts as better only
    because a metric has to have a direction: compare points by their height, the loss.

    Attributes:
        axis: which coordinate.
    """

    task = "surface"

    axis: Literal["x", "y"] = "x"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        column = "xy".index(self.axis)
        return prediction[:, column : column + 1]

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        """Infinite: a point that diverged is nowhere."""
        return math.inf
