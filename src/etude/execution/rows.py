"""The rows of a split as networks see them, on the host."""

from typing import Any

import jax
import numpy as np

from etude.batch import Batch
from etude.data.base import Source
from etude.engine.material import Material
from etude.metric.base import Metric


def rows_of(material: Material, split: int) -> Batch:
    """All rows in order, scaled by what was fitted to the training rows of a split."""
    shared = material.shared
    fitted, splits = jax.tree.map(lambda leaf: leaf[split], (shared.fitted, shared.splits))
    source = Source(shared.arrays, fitted, splits)
    stream, key = material.prepared.stream, jax.random.key(0)
    parts = [
        stream.evaluation(source, index, None, key)[0]
        for index in range(int(stream.evaluations(source)))
    ]
    rows = material.prepared.rows

    def joined(*leaves: Any) -> np.ndarray:
        return np.concatenate([np.asarray(leaf) for leaf in leaves])[:rows]

    first = parts[0]
    inputs, targets, weights = (
        jax.tree.map(joined, *(getattr(part, name) for part in parts))
        for name in ("inputs", "targets", "weights")
    )
    return Batch(inputs, targets, weights, np.asarray(first.scale), np.asarray(first.offset))


def statistics_of(metric: Metric, prediction: np.ndarray, batch: Batch) -> np.ndarray:
    """`[rows, statistics]` of a metric on the host, in double precision."""
    return np.asarray(metric.statistics(jax.numpy.asarray(prediction), batch), np.float64)
