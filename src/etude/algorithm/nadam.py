"""NAdam (Dozat, "Incorporating Nesterov Momentum into Adam", 2016)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.adam import Moments
from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class NAdam(Algorithm):
    """Adam that looks one step of its momentum ahead.

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², v̂ = v / (1 − β₂ᵗ),
    m̂ = β₁m / (1 − β₁ᵗ⁺¹) + (1 − β₁)g / (1 − β₁ᵗ), W ← W − η m̂ / (√v̂ + ε).

    β₁ is constant, as in Optax; PyTorch raises it from step to step by default.

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    name = "nadam"

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8

    def init(self, params: Any) -> Any:
        return Moments(jnp.zeros_like(params), jnp.zeros_like(params))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        first = self.beta1 * state.first + (1 - self.beta1) * gradient
        second = self.beta2 * state.second + (1 - self.beta2) * gradient**2
        ahead = self.beta1 * first / (1 - self.beta1 ** (step.number + 1))
        ahead += (1 - self.beta1) * gradient / (1 - self.beta1**step.number)
        unbiased_second = second / (1 - self.beta2**step.number)
        change = -self.learning_rate * ahead / (jnp.sqrt(unbiased_second) + self.epsilon)
        return change, Moments(first, second)
