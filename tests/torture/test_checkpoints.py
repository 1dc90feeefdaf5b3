"""A run goes on from the newest checkpoint that is whole and fits; else from the beginning."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from etude.engine.checkpoint import to_bytes
from etude.execution import workers
from etude.execution.chunk import Chunk
from torture import runs

STUDY = """
name = "tortured"
[data]
name = "moons"
rows = 60
[model]
name = "mlp"
widths = [3]
[loss]
name = "cross_entropy"
[algorithm]
name = "adam"
learning_rate = 0.1
epochs = 6
[validation]
name = "holdout"
"""
"""One member of six epochs."""


@pytest.fixture(scope="module")
def run() -> Iterator[runs.Run]:
    with runs.compiled_once(STUDY) as run:
        yield run


@contextmanager
def stopping_at(border: int) -> Iterator[None]:
    """The workers stop once they have trained so many epochs."""
    made = workers.Workers._chunk

    def watched(self: workers.Workers, number: int, epochs: int = 0) -> Chunk:
        chunk = made(self, number, epochs)
        keep = chunk.keep

        def kept() -> None:
            keep()
            if chunk.position == border:
                self.stop.set()

        chunk.keep = kept  # type: ignore[method-assign]
        return chunk

    with mock.patch.object(workers.Workers, "_chunk", watched):
        yield


@pytest.mark.parametrize(
    ("damage", "epoch"),
    [
        ([], "newest"),
        (["UPDATE checkpoint SET blob = x'00' WHERE epoch = {newest}"], "older"),
        (["UPDATE checkpoint SET hash = 'x' WHERE epoch = {newest}"], "older"),
        (["UPDATE checkpoint SET blob = zeroblob(length(blob))"], "none"),
        (["UPDATE checkpoint SET blob = 'text' WHERE epoch = {newest}"], "older"),
        (["DELETE FROM checkpoint"], "none"),
        # Whole, but of other code: another number of arrays.
        (["UPDATE checkpoint SET blob = x'{other}', hash = '{hash}'"], "none"),
    ],
)
def test_damaged_checkpoint_falls_back(
    run: runs.Run, tmp_path: Path, damage: list[str], epoch: str
) -> None:
    calm, store = tmp_path / "calm.db", tmp_path / "etude.db"
    run(calm)
    for border in (2, 4):
        with stopping_at(border):
            run(store)
    epochs = [row for (row,) in runs.asked(store, "SELECT epoch FROM checkpoint ORDER BY epoch")]
    assert len(epochs) == 2
    other = to_bytes([np.zeros(2)])
    with closing(sqlite3.connect(store)) as connection, connection:
        for statement in damage:
            names = {
                "newest": epochs[-1],
                "other": other.hex(),
                "hash": hashlib.sha256(other).hexdigest(),
            }
            connection.execute(statement.format(**names))
    begun: list[int] = []
    whole = Chunk._resumed

    def resumed(self: Chunk, *arguments: Any) -> Any:
        carry = whole(self, *arguments)
        begun.append(int(carry.step))
        return carry

    with mock.patch.object(Chunk, "_resumed", resumed):
        run(store)
    assert begun == [{"newest": epochs[-1], "older": epochs[0], "none": 0}[epoch]]
    assert runs.contents(store) == runs.contents(calm)
    assert runs.asked(store, "SELECT count(*) FROM checkpoint") == [(0,)]
