"""What is fitted to the training rows of images and other large arrays: in pieces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from etude.data.mapping import unmap
from etude.data.standardize import TINY, moments

PIECE = 2**20
"""So many numbers are turned into double precision at once."""

MANY_POSITIONS = 32
"""Images of at least so many pixels are summed up once for all splits."""

BYTE = float(np.float32(1 / 255))
"""What one step of a byte is where bytes count as numbers from 0 to 1."""


@dataclass(frozen=True, eq=False)
class ChannelScale:
    """Mean and scale of each channel over all positions of the training rows.

    For the channel c of the rows r with weights w_r > 0 and positions p (the pixels of an image,
    the steps of a series; one where rows have one axis):

        mean_c = Σ_rp w_r x_rpc / Σ_rp w_r,
        factor_c = 1 / √(Σ_rp w_r (x_rpc − mean_c)² / Σ_rp w_r).

    Where all x_rpc are equal the factor is what it is without scaling: 1/255 for bytes, which
    then are numbers from 0 to 1, and 1 for other numbers. Computed in double precision from
    pieces of the rows (Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", 1979); of images of bytes whole numbers are added up, exactly.

    Attributes:
        inputs: `[rows, ..., channels]`, bytes or numbers in single precision; may be mapped to a
            file, of which no more than a piece is read at a time.
        targets: `[rows, targets]` where targets are scaled too, else None.
        scaled: whether inputs are standardized.
    """

    inputs: np.ndarray
    targets: np.ndarray | None = None
    scaled: bool = True

    def __call__(self, rows: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        """`mean` and `factor` `[channels]`, `target_mean` and `target_scale` `[targets]`.

        Args:
            rows: numbers of the training rows.
            weights: one for each training row; empty means 1 each.

        Returns:
            A dictionary in single precision. Inputs that are numbers and stay as they are have
            no part in it.
        """
        rows = np.asarray(rows)
        weights = np.asarray(weights, np.float64)
        weights = weights if weights.size else np.ones(len(rows))
        rows, weights = rows[weights > 0], weights[weights > 0]
        unscaled = BYTE if self.inputs.dtype == np.uint8 else 1.0
        fitted: dict[str, np.ndarray] = {}
        if self.scaled:
            mean, spread = self._moments(rows, weights)
            factor = np.where(spread > 0, 1 / np.where(spread > 0, spread, 1), unscaled)
            fitted = {"mean": mean.astype(np.float32), "factor": factor.astype(np.float32)}
        elif unscaled != 1:
            channels = self.inputs.shape[-1]
            fitted["mean"] = np.zeros(channels, np.float32)
            fitted["factor"] = np.full(channels, unscaled, np.float32)
        if self.targets is not None:
            mean, spread, _ = moments(self.targets[rows].astype(np.float64), weights)
            fitted["target_mean"] = mean.astype(np.float32)
            fitted["target_scale"] = np.where(spread > 0, spread, 1).astype(np.float32)
        return fitted

    @property
    def _positions(self) -> int:
        return math.prod(self.inputs.shape[1:-1])

    def _moments(self, rows: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each channel; 0 where all values are equal."""
        if self.inputs.dtype == np.uint8 and self._positions >= MANY_POSITIONS:
            return self._moments_of_sums(rows, weights)
        channels = self.inputs.shape[-1]
        total = 0.0
        mean, squares = np.zeros(channels), np.zeros(channels)
        low, high = np.full(channels, np.inf), np.full(channels, -np.inf)
        order = np.argsort(rows, kind="stable")  # a file is read from its beginning to its end
        for start, stop in self._pieces(len(rows)):
            chosen = order[start:stop]
            values = self.inputs[rows[chosen]].astype(np.float64).reshape(-1, channels)
            shares = np.repeat(weights[chosen], self._positions)[:, None]
            part = float(shares.sum())
            part_mean = (shares * values).sum(axis=0) / part
            part_squares = (shares * (values - part_mean) ** 2).sum(axis=0)
            difference = part_mean - mean
            mean = mean + difference * (part / (total + part))
            squares += part_squares + difference**2 * (total * part / (total + part))
            total += part
            low = np.minimum(low, values.min(axis=0))
            high = np.maximum(high, values.max(axis=0))
        spread = np.sqrt(squares / max(total, TINY))
        # The mean of equal values may be rounded, so that their spread is not quite 0.
        spread[(low >= high) | (spread < TINY)] = 0
        return mean, spread

    def _moments_of_sums(
        self, rows: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        sums, squares = self._sums
        total = float(weights.sum()) * self._positions
        mean = weights @ sums[rows] / total
        # About a whole number near the mean no digits are lost, and equal bytes have no spread.
        center = np.round(mean)
        about = squares[rows] - 2 * center * sums[rows] + center**2 * self._positions
        variance = weights @ about / total - (mean - center) ** 2
        return mean, np.sqrt(np.maximum(variance, 0))

    @cached_property
    def _sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Σ_p x and Σ_p x² of every row, `[rows, channels]`: whole numbers, and exact."""
        count, channels = len(self.inputs), self.inputs.shape[-1]
        sums, squares = np.empty((count, channels)), np.empty((count, channels))
        for start, stop in self._pieces(count):
            values = self.inputs[start:stop].astype(np.float64)
            values = values.reshape(stop - start, self._positions, channels)
            sums[start:stop] = values.sum(axis=1)
            squares[start:stop] = np.einsum("rpc,rpc->rc", values, values)
        return sums, squares

    def _pieces(self, rows: int) -> Iterator[tuple[int, int]]:
        for piece in pieces(rows, math.prod(self.inputs.shape[1:]), PIECE):
            yield piece
            unmap(self.inputs)


def pieces(rows: int, size: int, most: int) -> Iterator[tuple[int, int]]:
    """Beginnings and ends of pieces of rows of this size that hold at most `most`, or one row."""
    step = max(1, most // max(1, size))
    for start in range(0, rows, step):
        yield start, min(rows, start + step)
