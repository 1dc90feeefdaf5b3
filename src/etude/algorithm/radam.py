"""RAdam (Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2020)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.adam import Moments
from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class RAdam(Algorithm):
    """Adam that trusts its per-weight rates only as far as they rest on enough gradients.

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ),
    ρ∞ = 2 / (1 − β₂) − 1, ρ = ρ∞ − 2t β₂ᵗ / (1 − β₂ᵗ),
    r = √((ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ)),
    W ← W − η r m̂ / (√v̂ + ε) where ρ ≥ 5, W ← W − η m̂ before.

    The bound is 5 as in the authors' code, Optax and PyTorch; the paper has 4.

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    name = "radam"

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8

    def init(self, params: Any) -> Any:
        return Moments(jnp.zeros_like(params), jnp.zeros_like(params))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        first = self.beta1 * state.first + (1 - self.beta1) * gradient
        second = self.beta2 * state.second + (1 - self.beta2) * gradient**2
        # ρ is a small difference of large numbers: 1 − β₂ᵗ must keep all its digits.
        logarithm = step.number * jnp.log(self.beta2)
        bias = -jnp.expm1(logarithm)
        limit = 2 / (1 - self.beta2) - 1
        gradients = limit - 2 * step.number * jnp.exp(logarithm) / bias
        enough = gradients >= 5
        rho = jnp.where(enough, gradients, 5)
        trust = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
        unbiased_first = first / (1 - self.beta1**step.number)
        scaled = jnp.sqrt(trust) * unbiased_first / (jnp.sqrt(second / bias) + self.epsilon)
        change = -self.learning_rate * jnp.where(enough, scaled, unbiased_first)
        return change, Moments(first, second)
