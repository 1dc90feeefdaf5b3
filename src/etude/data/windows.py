"""Windows of a series: rows that look back a number of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from etude.data.assemble import fingerprint
from etude.data.base import Prepared
from etude.data.encoder import SeriesEncoder
from etude.errors import InputError


@dataclass(frozen=True, eq=False)
class WindowScale:
    """Means and scales of what the windows of the training rows hold.

    A time that lies in several windows counts once. Targets are scaled by those of the training
    rows, each with its weight.

    Attributes:
        of_times: fits to numbers of times, and their weights.
        window: steps of a row; row i is the times i to i + window − 1.
        horizon: the target of row i is that of the time i + window − 1 + horizon.
    """

    of_times: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]
    window: int
    horizon: int

    def __call__(self, rows: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        """`mean` and `factor` `[features]`, `target_mean` and `target_scale` `[targets]`.

        Args:
            rows: numbers of the training rows.
            weights: one for each training row; empty means 1 each.
        """
        rows = np.asarray(rows)
        counted = rows[np.asarray(weights) > 0] if len(weights) else rows
        seen = np.unique(counted[:, None] + np.arange(self.window))
        inputs = self.of_times(seen, np.empty(0))
        targets = self.of_times(rows + self.window - 1 + self.horizon, weights)
        return {
            name: (targets if name.startswith("target") else inputs)[name]
            for name in (*inputs, *targets)
        }


def windowed(series: Prepared, window: int, horizon: int) -> Prepared:
    """Rows that look back, of a table whose rows are times.

    Row i holds the inputs of the times i to i + window − 1, the earliest first, and the targets
    of the time i + window − 1 + horizon.

    Args:
        series: the table, all inputs and targets that a time has being in its row.
        window: steps of a row.
        horizon: how many times ahead the targets lie.

    Raises:
        InputError: there are not as many times as one row needs.
    """
    rows = series.rows - window - horizon + 1
    if rows < 1:
        raise InputError(
            f"`window` + `horizon` must be at most the number of rows of the table, "
            f"{series.rows}, got {window} + {horizon}"
        )
    assert series.targets is not None
    values, first = series.arrays["inputs"], window - 1 + horizon
    views = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)[:rows]
    encoder = SeriesEncoder(series.encoder, window)
    told = {"task": series.spec.task, "target": series.schema["target"], "classes": []}
    schema = encoder.schema() | told | {"horizon": horizon}
    content = {"inputs": values, "targets": series.targets}
    return replace(
        series,
        spec=replace(series.spec, inputs=(window, values.shape[1])),
        arrays={
            "inputs": np.ascontiguousarray(views.swapaxes(1, 2)),
            "targets": series.arrays["targets"][first:],
        },
        rows=rows,
        fingerprint=fingerprint(content, schema),
        fit=WindowScale(series.fit, window, horizon),
        encoder=encoder,
        schema=schema,
        targets=series.targets[first:],
        truth=None if series.truth is None else series.truth[first:],
    )
