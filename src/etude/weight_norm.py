"""The weights of a layer under weight normalization, which models use and losses penalize."""

import jax
import jax.numpy as jnp


def normalized_weights(direction: jax.Array, length: jax.Array) -> jax.Array:
    """g · v / ‖v‖, for every output on its own (Salimans & Kingma, 2016).

    Args:
        direction: v, `[..., outputs]`; one of zeros has no direction and stays 0.
        length: g, `[outputs]`.
    """
    squares = jnp.sum(direction**2, tuple(range(direction.ndim - 1)))
    return direction * (length * jax.lax.rsqrt(jnp.where(squares > 0, squares, 1)))
