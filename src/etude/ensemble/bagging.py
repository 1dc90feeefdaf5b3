"""Bagging (Breiman, "Bagging Predictors", 1996)."""

import jax
import jax.numpy as jnp

from etude.ensemble.base import Ensemble
from etude.keys import hashed_bits


class Bagging(Ensemble):
    """Networks that are trained each on a bootstrap sample of the training rows, averaged.

    A network trains on as many rows as there are training rows, drawn from these with
    replacement: some come several times, and about 37 % of them not at all. Predictions are
    averaged as in `averaging`; initial weights and the order of rows differ likewise.

    Attributes:
        networks: how many samples are drawn. Each network has the whole budget of the algorithm.
    """

    def order(self, order: jax.Array, size: jax.Array, key: jax.Array) -> jax.Array:
        places = jnp.arange(order.shape[0], dtype=jnp.uint32)
        drawn = hashed_bits(key, places) % size.astype(jnp.uint32)
        return order[drawn.astype(jnp.int32)]
