"""AdaMax (Kingma & Ba, "Adam: A Method for Stochastic Optimization", 2015)."""

from typing import Annotated, Any, NamedTuple

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class InfinityMoments(NamedTuple):
    """Running average of gradients (m) and fading maximum of their sizes (u)."""

    first: Any
    largest: Any


class Adamax(Algorithm):
    """Adam that divides by the largest recent gradient instead of the root of mean squares.

    m ← β₁m + (1 − β₁)g, u ← max(β₂u, |g| + ε), W ← W − η m / ((1 − β₁ᵗ) u).

    ε, which the paper has not, keeps u above 0, as in Optax and PyTorch.

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.002
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8

    def init(self, params: Any) -> Any:
        return InfinityMoments(jnp.zeros_like(params), jnp.zeros_like(params))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        first = self.beta1 * state.first + (1 - self.beta1) * gradient
        largest = jnp.maximum(self.beta2 * state.largest, jnp.abs(gradient) + self.epsilon)
        unbiased_first = first / (1 - self.beta1**step.number)
        return -self.learning_rate * unbiased_first / largest, InfinityMoments(first, largest)
