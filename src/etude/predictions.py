"""Predictions of a saved network as a table."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from etude.evidence.rounding import safe_cell
from etude.network import Network


def predictions_csv(network: Network, table: Path) -> str:
    """One line for each row of a file: its number, the prediction, the probability of each class.

    Args:
        network: a trained network.
        table: new rows, as CSV, Parquet or NumPy; the target column is not needed.

    Raises:
        InputError: the file cannot be read, or lacks a column; the message names it.
    """
    from etude.data.frame import read_frame

    frame = read_frame(table)
    predictions = network.predict(frame)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if network.spec.classes:
        probabilities = network.probabilities(frame)
        writer.writerow(["row", "prediction"] + [f"p({c})" for c in network.spec.classes])
        for number, (label, row) in enumerate(zip(predictions, probabilities, strict=True), 1):
            writer.writerow([number, safe_cell(str(label))] + [f"{p:.6g}" for p in row])
    else:
        columns = np.atleast_2d(np.asarray(predictions).T).T
        names = _target_names(network, columns.shape[1])
        writer.writerow(["row", *names])
        for number, row in enumerate(columns, 1):
            writer.writerow([number] + [f"{value:.7g}" for value in row])
    return text.getvalue()


def _target_names(network: Network, count: int) -> list[str]:
    if count == 1:
        return ["prediction"]
    named: Any = network.schema.get("target", [])
    if len(named) == count:
        return [f"prediction of {name}" for name in named]
    return [f"prediction {number}" for number in range(1, count + 1)]
