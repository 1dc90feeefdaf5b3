"""Signum (Bernstein et al., "signSGD: Compressed Optimisation for Non-Convex Problems", 2018)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class Signum(Algorithm):
    """Every weight takes a step of the same size, against the sign of its average gradient.

    m ← βm + (1 − β)g, W ← W − η sign(m). However long a gradient is, the step is not.

    Attributes:
        learning_rate: η, the size of the steps.
        momentum: β.
    """

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    momentum: Annotated[Traced, Field(ge=0, lt=1)] = 0.9

    def init(self, params: Any) -> Any:
        return jnp.zeros_like(params)

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        average = self.momentum * state + (1 - self.momentum) * gradient
        return -self.learning_rate * jnp.sign(average), average
