"""LAMB (You et al., "Large Batch Optimization for Deep Learning", 2020)."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.adam import Moments
from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class LAMB(Algorithm):
    """AdamW whose step is as long, for each array of weights, as a share η of their length.

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ),
    r = m̂ / (√v̂ + ε) + λW, W ← W − η ‖W‖/‖r‖ r, with the norms of each array on its own and
    ‖W‖/‖r‖ = 1 where one of them is 0.

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
        weight_decay: λ.
    """

    elementwise = False

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.01
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-6
    weight_decay: Annotated[Traced, Field(ge=0)] = 0.01

    def init(self, params: Any) -> Any:
        return Moments(jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        first = jax.tree.map(
            lambda m, g: self.beta1 * m + (1 - self.beta1) * g, state.first, gradient
        )
        second = jax.tree.map(
            lambda v, g: self.beta2 * v + (1 - self.beta2) * g**2, state.second, gradient
        )

        def change(m: jax.Array, v: jax.Array, w: jax.Array) -> jax.Array:
            unbiased_first = m / (1 - self.beta1**step.number)
            unbiased_second = v / (1 - self.beta2**step.number)
            direction = unbiased_first / (jnp.sqrt(unbiased_second) + self.epsilon)
            direction += self.weight_decay * w
            length, size = jnp.linalg.norm(direction), jnp.linalg.norm(w)
            ratio = jnp.where((length > 0) & (size > 0), size / length, 1)
            return -self.learning_rate * ratio * direction

        return jax.tree.map(change, first, second, params), Moments(first, second)
