"""RMSprop (Tieleman & Hinton, "Lecture 6.5", 2012)."""

from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class RMSprop(Algorithm):
    """Adagrad that forgets: G ← βG + (1 − β)g², W ← W − ηg / √(G + ε).

    Attributes:
        learning_rate: η.
        decay: β.
        epsilon: ε.
    """

    name = "rmsprop"

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    decay: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8

    def init(self, params: Any) -> Any:
        return jnp.zeros_like(params)

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        average = self.decay * state + (1 - self.decay) * gradient**2
        return -self.learning_rate * gradient / jnp.sqrt(average + self.epsilon), average
