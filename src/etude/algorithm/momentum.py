"""Gradient descent with momentum (Polyak, "Some methods of speeding up ...", 1964)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class Momentum(Algorithm):
    """Gradient descent with momentum: a ← βa + g, W ← W − ηa.

    Attributes:
        learning_rate: η.
        momentum: β.
    """

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.01
    momentum: Annotated[Traced, Field(ge=0, lt=1)] = 0.9

    def init(self, params: Any) -> Any:
        return jnp.zeros_like(params)

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        velocity = self.momentum * state + gradient
        return -self.learning_rate * velocity, velocity
