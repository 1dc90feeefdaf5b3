"""Rows that stay in files: a block of them after the other is in memory, and is trained on."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import jax
import numpy as np

from etude.data.base import Prepared, Split
from etude.data.mapping import unmap
from etude.engine.state import Shared, Streamed
from etude.keys import key_of
from etude.validation.base import RowSplit

HELD = 3
"""So many blocks are in memory at most: one that is trained on, and two that are read ahead."""

ALIGNMENT = 64
"""Arrays that begin at a multiple of so many bytes are shared with a CPU device."""


class Blocks:
    """The blocks of one data choice: ranges of rows of one size.

    Every epoch goes through all of them, in an order drawn anew. It depends on the study's seed
    and the epoch alone, so that all members can train on a block while it is in memory. What
    counts the blocks of all epochs, from 0 on, is called a position.

    Args:
        prepared: the data; `block` is about the rows of a block.
        splits: which rows train.
        weights: `[splits, rows]`, what they count in training.
        seed: of the study.

    Attributes:
        rows: of a block; the last one may have fewer, and is filled up with zeros.
        count: how many blocks there are.
        sizes: `[splits, blocks]`, how many rows of each train.
    """

    def __init__(
        self, prepared: Prepared, splits: Sequence[RowSplit], weights: np.ndarray, seed: int
    ) -> None:
        self._prepared, self._weights, self._seed = prepared, weights, seed
        self.count = math.ceil(prepared.rows / prepared.block)
        self.rows = math.ceil(prepared.rows / self.count)
        self._order = [np.sort(split.train).astype(np.int32) for split in splits]
        self._edges = np.minimum(np.arange(self.count + 1) * self.rows, prepared.rows)
        self._places = [np.searchsorted(order, self._edges) for order in self._order]
        self.sizes = np.array([np.diff(places) for places in self._places], np.int32)

    @cached_property
    def bytes(self) -> int:
        """What the blocks take that are in memory at a time."""
        like = jax.tree.leaves((self.arrays, self.splits))
        return min(HELD, self.count) * sum(leaf.nbytes for leaf in like)

    @property
    def arrays(self) -> Any:
        """Arrays of the shapes of a block that take no memory, before any block is read."""
        return jax.tree.map(
            lambda leaf: np.broadcast_to(
                np.zeros((), leaf.dtype), (self.rows, *np.shape(leaf)[1:])
            ),
            self._prepared.arrays,
        )

    @property
    def splits(self) -> Split:
        """No rows that train, in the shapes of a block."""
        splits, places = len(self._order), int(self.sizes.max())
        return Split(
            np.zeros((splits, places), np.int32),
            np.zeros(splits, np.int32),
            np.zeros((splits, self.rows), self._weights.dtype),
        )

    def read(self, shared: Shared, position: int) -> Shared:
        """The block at a position, on the device, beside what is there for all blocks.

        Args:
            shared: what all blocks have in common.
            position: epoch · count + how many blocks come before it in the epoch.
        """
        epoch, place = divmod(position, self.count)
        number = self._shuffled(epoch)[place]
        low, high = self._edges[number : number + 2]
        arrays = jax.tree.map(lambda leaf: self._range(leaf, low, high), self._prepared.arrays)
        splits = self.splits
        for n, (order, places) in enumerate(zip(self._order, self._places, strict=True)):
            rows = order[places[number] : places[number + 1]]
            splits.order[n, : rows.size] = rows - low
            splits.size[n] = rows.size
            splits.weights[n, rows - low] = self._weights[n, rows]
        streamed: Streamed = shared.streamed
        here = streamed._replace(epoch=np.int32(epoch), block=np.int32(place))
        arrays, splits = jax.device_put((arrays, splits))
        return shared._replace(arrays=arrays, splits=splits, streamed=here)

    def _shuffled(self, epoch: int) -> list[int]:
        """The numbers of the blocks in the order in which an epoch goes through them."""

        def drawn(number: int) -> bytes:
            return key_of(self._seed, "order of blocks", epoch, number).tobytes()

        return sorted(range(self.count), key=drawn)

    def _range(self, leaf: np.ndarray, low: int, high: int) -> np.ndarray:
        """The rows of a block out of an array of all rows."""
        block = _aligned((self.rows, *leaf.shape[1:]), leaf.dtype)
        block[: high - low] = leaf[low:high]
        block[high - low :] = 0
        unmap(leaf)
        return block


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """An empty array whose memory a CPU device takes as it is, without a copy of it."""
    size = math.prod(shape) * dtype.itemsize
    raw = np.empty(size + ALIGNMENT, np.uint8)
    begin = -raw.ctypes.data % ALIGNMENT
    return raw[begin : begin + size].view(dtype).reshape(shape)
