"""AdaBelief (Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief ...", 2020)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.adam import Moments
from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class AdaBelief(Algorithm):
    """Adam that divides by how far gradients are from what their average made expect.

    m ← β₁m + (1 − β₁)g, s ← β₂s + (1 − β₂)(g − m)² + ε, m̂ = m / (1 − β₁ᵗ), ŝ = s / (1 − β₂ᵗ),
    W ← W − η m̂ / (√ŝ + ε).

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    name = "adabelief"

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-16

    def init(self, params: Any) -> Any:
        return Moments(jnp.zeros_like(params), jnp.zeros_like(params))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        first = self.beta1 * state.first + (1 - self.beta1) * gradient
        surprise = (gradient - first) ** 2
        second = self.beta2 * state.second + (1 - self.beta2) * surprise + self.epsilon
        unbiased_first = first / (1 - self.beta1**step.number)
        unbiased_second = second / (1 - self.beta2**step.number)
        change = -self.learning_rate * unbiased_first / (jnp.sqrt(unbiased_second) + self.epsilon)
        return change, Moments(first, second)
