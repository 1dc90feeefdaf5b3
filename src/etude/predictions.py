"""Predictions of a saved network as a table."""

import csv
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from etude.data.channel_scale import pieces
from etude.errors import InputError
from etude.evidence.rounding import safe_cell
from etude.network import Network

PIECE_BYTES = 2**26
"""So many bytes of images are read and predicted at once."""


def predictions_csv(network: Network, source: Path) -> str:
    """One line for each row or image: its number or name, the prediction, its probabilities.

    Text that a spreadsheet would take for a formula is led by an apostrophe.

    Args:
        network: a trained network.
        source: new rows, as CSV, Parquet or NumPy; the target column is not needed. For a
            network of images an image, a folder of images, or a .npy file of pixels.

    Raises:
        InputError: the file cannot be read, or lacks a column; the message names it.
    """
    kind = network.schema.get("encoder")
    if kind == "text":
        raise InputError(
            "`predict` needs a network that predicts rows, and this one continues text: use "
            "`etude sample`"
        )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if kind == "images" and source.suffix.lower() != ".npy":
        writer.writerow(["file", *_columns(network)])
        parts = _images(network, source)
    else:
        writer.writerow(["row", *_columns(network)])
        parts = _rows(network, source)
    for names, rows in parts:
        writer.writerows(
            [name, *line] for name, line in zip(names, _lines(network, rows), strict=True)
        )
    return text.getvalue()


Part = tuple[Sequence[Any], Any]
"""What the rows are called, and the rows as a network takes them."""


def _rows(network: Network, source: Path) -> Iterator[Part]:
    from etude.data.array_file import mapped
    from etude.data.frame import read_frame

    if network.schema and network.schema.get("encoder") != "images":
        frame = read_frame(source)
        # A forecast has the number of the last row that it looks back on.
        first = network.spec.inputs[0] if network.schema["encoder"] == "series" else 1
        yield range(first, frame.height + 1), frame
        return
    array = mapped(source, "input")
    if array.ndim < 2 or len(array) == 0:
        raise InputError(f"`input` must have rows of numbers, got shape {list(array.shape)}")
    if array.shape[1:] == network.spec.inputs[:-1] and network.spec.inputs[-1:] == (1,):
        array = array[..., None]
    for start, stop in pieces(len(array), array[:1].nbytes, PIECE_BYTES):
        yield range(start + 1, stop + 1), array[start:stop]


def _images(network: Network, source: Path) -> Iterator[Part]:
    from etude.data.encoder import encoder_from_schema
    from etude.data.image_file import image_files

    encoder = encoder_from_schema(network.schema)
    files = image_files(source)
    top = source if source.is_dir() else source.parent
    for start, stop in pieces(len(files), math.prod(network.spec.inputs), PIECE_BYTES):
        part = files[start:stop]
        names = [safe_cell(_in_unicode(file.relative_to(top).as_posix())) for file in part]
        yield names, encoder.encode(part)["inputs"]


def _in_unicode(name: str) -> str:
    """A file's name, in which bytes that are no UTF-8 are written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _columns(network: Network) -> list[str]:
    if network.spec.classes:
        return ["prediction"] + [f"p({label})" for label in network.spec.classes]
    return _target_names(network, network.spec.targets)


def _lines(network: Network, rows: Any) -> Iterator[list[str]]:
    """The cells of each row behind its name."""
    if network.spec.classes:
        labels, probabilities = network.predict(rows), network.probabilities(rows)
        for label, row in zip(labels, probabilities, strict=True):
            yield [safe_cell(str(label))] + [f"{p:.6g}" for p in row]
        return
    for values in np.atleast_2d(np.asarray(network.predict(rows)).T).T:
        yield [f"{value:.7g}" for value in values]


def _target_names(network: Network, count: int) -> list[str]:
    if count == 1:
        return ["prediction"]
    named: Any = network.schema.get("target", [])
    if len(named) == count:
        return [f"prediction of {name}" for name in named]
    return [f"prediction {number}" for number in range(1, count + 1)]
