"""The stream of batches over the rows of a table."""

import math
from abc import abstractmethod
from typing import Any

import jax
import jax.numpy as jnp

from etude.batch import Batch
from etude.data.base import Source, Stream
from etude.keys import hashed_bits


def shuffled(order: jax.Array, count: jax.Array, key: jax.Array) -> jax.Array:
    """The first `count` entries of `order` in random order, the others behind them.

    Each pass sorts single words that hold random bits above the place of an entry: XLA sorts
    words on a CPU several times faster than pairs. A pass leaves entries of equal random bits
    in the order of the pass before, so that passes add up their random bits; there are enough
    of them for 8 bits more than the places need.
    """
    size = order.shape[0]
    place_bits = max(1, (size - 1).bit_length())
    random_bits = 31 - place_bits
    places = jnp.arange(size, dtype=jnp.uint32)
    behind = jnp.where(places < count.astype(jnp.uint32), jnp.uint32(0), jnp.uint32(1 << 31))
    for turn in range(math.ceil((place_bits + 8) / random_bits)):
        draws = hashed_bits(key, places, turn)
        draws = (draws >> (32 - random_bits)) << place_bits
        words = jax.lax.sort(behind | draws | places, is_stable=False)
        order = order[(words & jnp.uint32((1 << place_bits) - 1)).astype(jnp.int32)]
    return order


class Rows(Stream):
    """Rows without replacement: every epoch shuffles the training rows and walks through them.

    The carry is the shuffled index of the member's training rows; the rows themselves are
    shared by all members and gathered batch by batch. A short last batch is filled with rows
    of weight 0.
    """

    @abstractmethod
    def gather(self, source: Source, index: jax.Array, weights: jax.Array) -> Batch:
        """The rows of these numbers, scaled as fitted to the training rows."""

    def drawn(self, source: Source, index: jax.Array, weights: jax.Array, key: jax.Array) -> Batch:
        """The rows of these numbers as they are trained on; by default as they are judged.

        A stream that augments its rows, or shifts them, draws from `key` here.
        """
        return self.gather(source, index, weights)

    def init(self, source: Source, key: jax.Array) -> jax.Array:
        return source.split.order

    def epoch(self, source: Source, carry: jax.Array, key: jax.Array) -> jax.Array:
        order, count, _ = source.split
        return shuffled(order, count, key)

    def batches(self, source: Source, batch_size: int) -> jax.Array:
        return (source.split.size + batch_size - 1) // batch_size

    def rows(self, source: Source, carry: jax.Array, index: Any, batch_size: int) -> jax.Array:
        """The numbers of the rows of a batch; arguments as for `batch`."""
        places = index * batch_size + jnp.arange(batch_size)
        # What fills up a short last batch is a training row too: of no weight, and no leak.
        return carry[jnp.minimum(places, source.split.size - 1)]

    def batch(
        self,
        source: Source,
        carry: jax.Array,
        index: Any,
        batch_size: int,
        model: Any,
        key: jax.Array,
    ) -> tuple[jax.Array, Batch]:
        places = index * batch_size + jnp.arange(batch_size)
        rows = self.rows(source, carry, index, batch_size)
        weights = jnp.where(places < source.split.size, source.split.weights[rows], 0)
        return carry, self.drawn(source, rows, weights, key)

    def evaluation(self, source: Source, index: jax.Array, model: Any, key: jax.Array) -> Batch:
        return self.gather(source, index, jnp.ones(index.shape, jnp.result_type(float)))


class InputsAndTargets(Rows):
    """Rows of arrays named `inputs` and `targets`, each standardized by what was fitted.

    inputs ← (inputs − mean) · factor and targets ← (targets − target_mean) / target_scale;
    an empty `fitted` leaves them as they are.

    Attributes:
        missing: whether inputs may be NaN, which stands for a missing number and becomes 0
            after scaling: the mean of the training rows.
    """

    missing: bool = False

    def gather(self, source: Source, index: jax.Array, weights: jax.Array) -> Batch:
        arrays = jax.tree.map(
            lambda array: jnp.take(array, index, axis=0, mode="clip"), source.arrays
        )
        fitted = source.fitted
        inputs, targets, scale, offset = arrays["inputs"], arrays["targets"], 1.0, 0.0
        mean, factor = 0.0, 1.0
        if "mean" in fitted:
            mean, factor = fitted["mean"], fitted["factor"]
            inputs = (inputs - mean) * factor
        if self.missing:
            inputs = jnp.where(jnp.isnan(inputs), 0, inputs)
        if "target_scale" in fitted:
            scale, offset = fitted["target_scale"], fitted["target_mean"]
            targets = (targets - offset) / scale
        return Batch(inputs, targets, weights, scale, offset, mean, factor)
