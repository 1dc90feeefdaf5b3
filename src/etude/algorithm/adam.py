"""Adam (Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015)."""

from typing import Annotated, Any, NamedTuple

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class Moments(NamedTuple):
    """Running averages of gradients (m) and of squared gradients (v)."""

    first: Any
    second: Any


class Adam(Algorithm):
    """Momentum and per-weight rates from averages that start unbiased.

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ),
    W ← W − η m̂ / (√v̂ + ε): algorithm 1 of the paper.

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8

    def init(self, params: Any) -> Any:
        return Moments(jnp.zeros_like(params), jnp.zeros_like(params))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        first = self.beta1 * state.first + (1 - self.beta1) * gradient
        second = self.beta2 * state.second + (1 - self.beta2) * gradient**2
        unbiased_first = first / (1 - self.beta1**step.number)
        unbiased_second = second / (1 - self.beta2**step.number)
        change = -self.learning_rate * unbiased_first / (jnp.sqrt(unbiased_second) + self.epsilon)
        return change, Moments(first, second)
