"""Attention (Vaswani et al., "Attention is all you need", 2017)."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from etude.model.dropout import Dropout
from etude.model.initializers import Initializer, Zeros
from etude.model.layers import Dense
from etude.model.normalization import LayerNorm

QUERIES = 64
"""Queries that causal attention treats at a time: each block sees only the keys up to its end."""


def attention(
    queries: jax.Array,
    keys: jax.Array,
    values: jax.Array,
    causal: bool,
    drop: Callable[[jax.Array], jax.Array] = lambda shares: shares,
) -> jax.Array:
    """softmax(QKᵀ / √d) V; where it is causal, a query sees keys of its own step and before.

    Args:
        queries, keys, values: Q, K and V, `[batch, heads, steps, d]`.
        causal: whether later steps are hidden. Blocks of queries then take no keys after their
            own, so that half of the products are never made.
        drop: dropout of the shares that a query gives the keys.

    Returns:
        `[batch, heads, steps, d]`.
    """
    queries = queries * (1 / math.sqrt(queries.shape[-1]))
    if not causal:
        return drop(jax.nn.softmax(queries @ keys.swapaxes(-1, -2))) @ values
    blocks = []
    for start in range(0, queries.shape[2], QUERIES):
        block = queries[:, :, start : start + QUERIES]
        end = start + block.shape[2]
        scores = block @ keys[:, :, :end].swapaxes(-1, -2)
        seen = jnp.arange(end) <= jnp.arange(start, end)[:, None]
        shares = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf))
        blocks.append(drop(shares) @ values[:, :, :end])
    return blocks[0] if len(blocks) == 1 else jnp.concatenate(blocks, 2)


def check_heads(heads: int, width: int) -> None:
    """Raise a `ValueError` when the width is not shared out evenly."""
    if width % heads:
        raise ValueError(f"`width` must be a multiple of `heads` ({heads}), got {width}")


class MultiHeadAttention(nnx.Module):  # type: ignore[misc]
    """y = concat(head₁, …) W + b, each head the attention of its own part of xU + c.

    xU + c holds queries, keys and values of all heads side by side: one product.

    Args:
        width: numbers of x at each step.
        heads: how many; each has width / heads numbers.
        causal: whether a step sees no later ones.
        initializer: draws U `[width, 3 width]`; c and b start at 0.
        last: draws W `[width, width]`.
        rngs: where initial weights and dropout draw their random numbers.
        dropout: the rate at which shares of keys are dropped.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        causal: bool,
        initializer: Initializer,
        last: Initializer,
        rngs: nnx.Rngs,
        dropout: Any = 0.0,
    ) -> None:
        self.heads = heads
        self.causal = causal
        self.inputs = Dense(width, 3 * width, initializer, Zeros(), rngs)
        self.outputs = Dense(width, width, last, Zeros(), rngs)
        self.dropout = Dropout(dropout, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """From `[batch, steps, width]` to the same shape."""
        batch, steps, width = x.shape

        def heads(part: jax.Array) -> jax.Array:
            return part.reshape(batch, steps, self.heads, -1).transpose(0, 2, 1, 3)

        queries, keys, values = map(heads, jnp.split(self.inputs(x), 3, -1))
        mixed = attention(queries, keys, values, self.causal, self.dropout)
        return self.outputs(mixed.transpose(0, 2, 1, 3).reshape(batch, steps, width))


class TransformerBlock(nnx.Module):  # type: ignore[misc]
    """Attention, then two layers at each step by itself; each is added to what it was given.

    norm_first: x ← x + f(norm(x)) (Xiong et al., 2020); else x ← norm(x + f(x)), as at first
    (Vaswani et al., 2017). Dropout acts on f's outputs and on the shares of attention.

    Args:
        width: numbers at each step.
        heads: heads of attention.
        hidden: units between the two layers.
        activation: of these units.
        causal: whether a step sees no later ones.
        norm_first: where layer normalization stands.
        initializer: draws the weights of queries, keys, values and of the first layer.
        last: draws those of the layers whose outputs are added.
        rngs: where initial weights and dropout draw their random numbers.
        dropout: its rate.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        activation: Callable[[jax.Array], jax.Array],
        causal: bool,
        norm_first: bool,
        initializer: Initializer,
        last: Initializer,
        rngs: nnx.Rngs,
        dropout: Any = 0.0,
    ) -> None:
        self.norm_first = norm_first
        self.activation = activation
        self.attention = MultiHeadAttention(width, heads, causal, initializer, last, rngs, dropout)
        self.first = Dense(width, hidden, initializer, Zeros(), rngs)
        self.second = Dense(hidden, width, last, Zeros(), rngs)
        self.norms = nnx.List([LayerNorm(width, rngs) for _ in range(2)])
        self.dropouts = nnx.List([Dropout(dropout, rngs) for _ in range(2)])

    def __call__(self, x: jax.Array) -> jax.Array:
        """From `[batch, steps, width]` to the same shape."""
        x = self._added(x, 0, self.attention)
        return self._added(x, 1, lambda x: self.second(self.activation(self.first(x))))

    def _added(self, x: jax.Array, place: int, part: Callable[[jax.Array], jax.Array]) -> jax.Array:
        norm, drop = self.norms[place], self.dropouts[place]
        if self.norm_first:
            return x + drop(part(norm(x)))
        return norm(x + drop(part(x)))
