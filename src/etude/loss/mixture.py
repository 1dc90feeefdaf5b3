"""What two networks say together."""

from typing import Any

import jax
import jax.numpy as jnp


def mean(first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
    """(1 − s) a + s b."""
    return first + share * (second - first)


def log_mean(first: jax.Array, second: jax.Array, share: Any) -> jax.Array:
    """log((1 − s) eᵃ + s eᵇ), also where both are too small for their exponentials."""
    return jnp.logaddexp(jnp.log1p(-share) + first, jnp.log(share) + second)
