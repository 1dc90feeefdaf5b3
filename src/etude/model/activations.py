"""Activations: what a unit does with its weighted sum."""

import math
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

Activation = Literal[
    "sigmoid", "tanh", "relu", "leaky_relu", "gelu", "silu", "identity", "threshold"
]
"""The names of activations in study files."""


def leaky_relu(x: jax.Array) -> jax.Array:
    """x for x ≥ 0, 0.01x below (Maas, Hannun & Ng, 2013)."""
    return jax.nn.leaky_relu(x, 0.01)


def gelu(x: jax.Array) -> jax.Array:
    """x · Φ(x), Φ the normal distribution function, exact (Hendrycks & Gimpel, 2016)."""
    # JAX's own form with the complement of erf takes a third longer.
    return 0.5 * x * (1 + jax.lax.erf(x * math.sqrt(0.5)))


def silu(x: jax.Array) -> jax.Array:
    """x · σ(x) (Elfwing, Uchibe & Doya, 2018)."""
    return x * jax.nn.sigmoid(x)


def identity(x: jax.Array) -> jax.Array:
    """x."""
    return x


@jax.custom_jvp
def threshold(x: jax.Array) -> jax.Array:
    """1 for x ≥ 0, else 0 (McCulloch & Pitts, 1943), differentiated as if it were x.

    The true derivative is 0 wherever it exists, so nothing below would learn; the
    straight-through estimator passes the gradient on unchanged (Bengio, Léonard & Courville,
    2013).
    """
    return (x >= 0).astype(x.dtype)


@threshold.defjvp
def _straight_through(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    return threshold(primals[0]), tangents[0]


ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "leaky_relu": leaky_relu,
    "gelu": gelu,
    "silu": silu,
    "identity": identity,
    "threshold": threshold,
}
"""From the name of an activation to its function, elementwise."""
