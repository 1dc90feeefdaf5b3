"""Lion (Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class Lion(Algorithm):
    """Every weight takes a step of the same size, against the sign of its momentum.

    c = β₁m + (1 − β₁)g, W ← W − η (sign c + λW), m ← β₂m + (1 − β₂)g.

    Its rate is best three to ten times smaller than Adam's, and its λ as much larger.

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        weight_decay: λ.
    """

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.0001
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.99
    weight_decay: Annotated[Traced, Field(ge=0)] = 0.001

    def init(self, params: Any) -> Any:
        return jnp.zeros_like(params)

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        direction = jnp.sign(self.beta1 * state + (1 - self.beta1) * gradient)
        momentum = self.beta2 * state + (1 - self.beta2) * gradient
        return -self.learning_rate * (direction + self.weight_decay * params), momentum
