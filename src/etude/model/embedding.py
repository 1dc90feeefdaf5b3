"""Embeddings: a vector for every symbol, and for every place in a sequence."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from etude.model.initializers import Initializer

Positions = Literal["learned", "sinusoidal"]
"""The names of embeddings of places in study files."""


class Embedding(nnx.Module):  # type: ignore[misc]
    """A vector for every symbol (Bengio, Ducharme, Vincent & Jauvin, 2003).

    The lookup and the sums that are its derivative are faster than products with one-hot rows
    for vocabularies of any size.

    Args:
        symbols: how many symbols there are, numbered from 0.
        features: length of a vector.
        initializer: draws the table `[symbols, features]`.
        rngs: where initial weights draw their random numbers.

    Attributes:
        table: the vectors.
    """

    def __init__(
        self, symbols: int, features: int, initializer: Initializer, rngs: nnx.Rngs
    ) -> None:
        dtype = jnp.result_type(float)
        self.table = nnx.Param(initializer(rngs.params(), (symbols, features), dtype))

    def __call__(self, symbols: jax.Array) -> jax.Array:
        """From whole numbers `[...]` to vectors `[..., features]`."""
        return jnp.take(self.table[...], symbols, axis=0, mode="clip")


class PositionalEmbedding(nnx.Module):  # type: ignore[misc]
    """x + p: a vector for every place in a sequence is added to what stands there.

    Learned vectors are weights (Gehring et al., 2017); sinusoidal ones are those of `sinusoids`.

    Args:
        kind: "learned" or "sinusoidal".
        steps: length of the longest sequence.
        features: length of a vector.
        initializer: draws the learned vectors `[steps, features]`.
        rngs: where initial weights draw their random numbers.

    Attributes:
        table: the learned vectors, or None.
    """

    def __init__(
        self,
        kind: Positions,
        steps: int,
        features: int,
        initializer: Initializer,
        rngs: nnx.Rngs,
    ) -> None:
        dtype = jnp.result_type(float)
        self.table = nnx.data(None)
        if kind == "learned":
            self.table = nnx.Param(initializer(rngs.params(), (steps, features), dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        """The sums, `[batch, steps, features]`; sequences may be shorter than the longest."""
        if self.table is None:
            return x + sinusoids(*x.shape[1:]).astype(x.dtype)
        return x + self.table[...][: x.shape[1]]


def sinusoids(steps: int, features: int) -> np.ndarray[Any, Any]:
    """p[t, 2i] = sin(t / 10000^(2i / features)), p[t, 2i + 1] the cosine (Vaswani et al., 2017).

    Returns:
        `[steps, features]` in double precision.
    """
    even = np.arange(features) // 2 * 2
    angles = np.arange(steps)[:, None] / 10_000.0 ** (even / features)
    return np.where(np.arange(features) % 2 == 0, np.sin(angles), np.cos(angles))
