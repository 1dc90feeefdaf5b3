"""Nesterov's accelerated gradient (Nesterov 1983; Sutskever et al. 2013)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class Nesterov(Algorithm):
    """Momentum with the gradient taken ahead: a ← βa + ∇L(W − ηβa), W ← W − ηa.

    The usual rewritten form follows the variable W − ηβa instead of W and is the same only
    while η and β are constant.

    Attributes:
        learning_rate: η.
        momentum: β.
    """

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.01
    momentum: Annotated[Traced, Field(ge=0, lt=1)] = 0.9

    def init(self, params: Any) -> Any:
        return jnp.zeros_like(params)

    def point(self, params: Any, state: Any) -> Any:
        return params - self.learning_rate * self.momentum * state

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        velocity = self.momentum * state + gradient
        return -self.learning_rate * velocity, velocity
