"""Adadelta (Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012)."""

from typing import Annotated, Any, NamedTuple

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class Averages(NamedTuple):
    """Running averages of squared gradients (G) and of squared steps (H)."""

    gradients: Any
    steps: Any


class Adadelta(Algorithm):
    """No learning rate: the size of past steps takes its place.

    G ← αG + (1 − α)g², Δ = √(H + ε) / √(G + ε) · g, W ← W − Δ, H ← αH + (1 − α)Δ².

    Attributes:
        decay: α.
        epsilon: ε.
    """

    decay: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-6

    def init(self, params: Any) -> Any:
        return Averages(jnp.zeros_like(params), jnp.zeros_like(params))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        gradients = self.decay * state.gradients + (1 - self.decay) * gradient**2
        delta = jnp.sqrt(state.steps + self.epsilon) / jnp.sqrt(gradients + self.epsilon) * gradient
        steps = self.decay * state.steps + (1 - self.decay) * delta**2
        return -delta, Averages(gradients, steps)
