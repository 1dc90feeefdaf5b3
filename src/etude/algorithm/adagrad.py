"""Adagrad (Duchi, Hazan & Singer, "Adaptive Subgradient Methods", 2011)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class Adagrad(Algorithm):
    """Each weight has a rate that falls with its gradients: G ← G + g², W ← W − ηg / √(G + ε).

    Attributes:
        learning_rate: η.
        epsilon: ε.
    """

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.01
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-10

    def init(self, params: Any) -> Any:
        return jnp.zeros_like(params)

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        total = state + gradient**2
        return -self.learning_rate * gradient / jnp.sqrt(total + self.epsilon), total
