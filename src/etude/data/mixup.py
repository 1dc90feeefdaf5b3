"""Mixup (Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2018)."""

from typing import Annotated

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.augmentation import Augmentation, before, check_mixable, mixed_targets
from etude.keys import hashed_uniform


def symmetric_beta(alpha: jax.Array, first: jax.Array, second: jax.Array) -> jax.Array:
    """Numbers of the distribution Beta(α, α) from two of equal density between 0 and 1 each.

    ½ ± ½ √(Z / (1 + Z)) with Z = (u^(−1/α) − 1) cos² 2πv, the sign that of cos 2πv: exact for
    every α, and nothing is drawn again (Devroye, "Random variate generation in one line of
    code", 1996).
    """
    power = jnp.exp(jnp.log(first) / alpha)
    cosine = jnp.cos(2 * jnp.pi * second)
    spread = (1 - power) * cosine**2
    # Z / (1 + Z), for a u^(1/α) that may be as small as 0.
    ratio = spread / jnp.maximum(spread + power, jnp.finfo(spread.dtype).tiny)
    return 0.5 + 0.5 * jnp.sign(cosine) * jnp.sqrt(ratio)


class Mixup(Augmentation):
    """x ← λx + (1 − λ)x′ and y ← λy + (1 − λ)y′, where (x′, y′) is another row of the batch.

    λ ~ Beta(α, α) for every row on its own; the larger of λ and 1 − λ is the share of the row
    itself, which alone decides its weight. Classes are mixed as shares of them, numbers as
    numbers.

    Attributes:
        alpha: α: 0 mixes nothing, 1 draws λ with equal density.
    """

    mixes = True

    alpha: Annotated[Traced, Field(ge=0)] = 0.2

    def check(self, spec: Spec) -> None:
        check_mixable(self, spec)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        drawn = hashed_uniform(key, (2, batch.weights.shape[0]))
        mixes = self.alpha > 0
        share = symmetric_beta(jnp.where(mixes, self.alpha, 1), drawn[0], drawn[1])
        share = jnp.where(mixes, jnp.maximum(share, 1 - share), 1)
        partner = before(batch)
        inputs = batch.inputs
        own = share.astype(inputs.dtype).reshape(-1, *[1] * (inputs.ndim - 1))
        mixed = jnp.where(own < 1, own * inputs + (1 - own) * inputs[partner], inputs)
        return batch._replace(inputs=mixed, targets=mixed_targets(batch, partner, share, spec))
