"""Dropout (Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, 2014)."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import Field

from etude.component import AbsentAtDefault, Traced
from etude.keys import fold, hashed_bits

Rate = Annotated[Traced, AbsentAtDefault(), Field(ge=0, lt=1)]
"""The share of numbers that a network drops; at its default 0 its programs have no dropout."""


class DropoutState(nnx.Variable):  # type: ignore[misc]
    """What dropout keeps beside the weights of a network."""


class Dropout(nnx.Module):  # type: ignore[misc]
    """y = m · x / (1 − p), every m by itself 0 with probability p, else 1; y = x in evaluation.

    Every layer and every call draws another mask. Masks follow from a key and the number of the
    call alone; they are cheap bits, good enough to drop by, and the same numbers that a rate
    drops are among those that a higher rate drops.

    Args:
        rate: p; it may be a tracer. The number 0 leaves the layer without any state.
        rngs: its stream `dropout` gives the key.

    Attributes:
        deterministic: whether it is in evaluation, as `train()` and `eval()` set it.
    """

    def __init__(self, rate: Any, rngs: nnx.Rngs) -> None:
        self.deterministic = False
        self.rate = self.key = self.count = nnx.data(None)
        if not (isinstance(rate, int | float) and rate == 0):
            self.rate = DropoutState(jnp.asarray(rate, jnp.result_type(float)))
            self.key = DropoutState(jax.random.key_data(rngs.dropout()))
            self.count = DropoutState(jnp.zeros((), jnp.uint32))

    def __call__(self, x: jax.Array) -> jax.Array:
        """The array `[...]` without the dropped numbers, and the others larger."""
        if self.deterministic or self.rate is None:
            return x
        key, rate = fold(self.key[...], self.count[...]), self.rate[...]
        self.count[...] += 1
        places = jax.lax.iota(jnp.uint32, x.size).reshape(x.shape)
        # 24 bits: single precision tells all of them apart.
        drawn = (hashed_bits(key, places) >> 8).astype(jnp.float32)
        kept = drawn >= rate.astype(jnp.float32) * jnp.float32(1 << 24)
        return jnp.where(kept, x * (1 / (1 - rate)).astype(x.dtype), 0)
