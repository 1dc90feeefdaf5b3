"""AdamW (Loshchilov & Hutter, "Decoupled Weight Decay Regularization", 2019)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.adam import Moments
from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class AdamW(Algorithm):
    """Adam with weights that decay on their own: W ← W − η (m̂ / (√v̂ + ε) + λW).

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
        weight_decay: λ.
    """

    name = "adamw"

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8
    weight_decay: Annotated[Traced, Field(ge=0)] = 0.01

    def init(self, params: Any) -> Any:
        return Moments(jnp.zeros_like(params), jnp.zeros_like(params))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        first = self.beta1 * state.first + (1 - self.beta1) * gradient
        second = self.beta2 * state.second + (1 - self.beta2) * gradient**2
        unbiased_first = first / (1 - self.beta1**step.number)
        unbiased_second = second / (1 - self.beta2**step.number)
        direction = unbiased_first / (jnp.sqrt(unbiased_second) + self.epsilon)
        return -self.learning_rate * (direction + self.weight_decay * params), Moments(
            first, second
        )
