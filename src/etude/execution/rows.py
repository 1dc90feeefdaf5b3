"""The rows of a split as networks see them, on the host."""

import jax
import numpy as np

from etude.batch import Batch
from etude.data.base import Source
from etude.engine.material import Material
from etude.metric.base import Metric


def rows_of(material: Material, split: int, rows: np.ndarray) -> Batch:
    """Rows as they are judged, scaled by what was fitted to the training rows of a split.

    Args:
        material: the data.
        split: number of the split.
        rows: numbers of rows.
    """
    shared, arrays = material.shared, material.shared.arrays
    if material.blocks is not None:
        arrays, rows = material.gathered(rows), np.arange(len(rows))
    fitted, splits = jax.tree.map(lambda leaf: leaf[split], (shared.fitted, shared.splits))
    source = Source(arrays, fitted, splits)
    stream = material.prepared.stream
    return jax.tree.map(np.asarray, stream.evaluation(source, rows, None, jax.random.key(0)))


def statistics_of(metric: Metric, prediction: np.ndarray, batch: Batch) -> np.ndarray:
    """`[rows, statistics]` of a metric on the host, in double precision."""
    return np.asarray(metric.statistics(jax.numpy.asarray(prediction), batch), np.float64)
