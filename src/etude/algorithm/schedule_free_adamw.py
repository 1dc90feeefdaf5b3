"""Schedule-free AdamW (Defazio et al., "The Road Less Scheduled", 2024)."""

from typing import Annotated, Any, NamedTuple

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class Iterate(NamedTuple):
    """The weights that follow the gradient (z), v, and what the average of z rests on."""

    fast: Any
    second: Any
    largest_rate: Any
    total: Any


class ScheduleFreeAdamW(Algorithm):
    """AdamW whose weights are an average of its steps, which needs no falling learning rate.

    W is the average that is judged, z follows the gradient, and g is taken between them at
    y = (1 − β₁)z + β₁W: v ← β₂v + (1 − β₂)g², v̂ = v / (1 − β₂ᵗ), z ← z − η (g / (√v̂ + ε) + λy),
    W ← W + c (z − W). The share c = w / Σw weighs steps by w = (largest η so far)ᵖ, so that those
    of a warm-up count less.

    A warm-up helps; a schedule that falls is what it does without. Statistics of batch
    normalization are gathered at y, not W.

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
        weight_decay: λ.
        weight_power: p; 0 weighs all steps the same.
    """

    name = "schedule_free_adamw"

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.0025
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8
    weight_decay: Annotated[Traced, Field(ge=0)] = 0.0
    weight_power: Annotated[Traced, Field(ge=0)] = 2.0

    def init(self, params: Any) -> Any:
        zero = jnp.zeros((), params.dtype)
        return Iterate(params, jnp.zeros_like(params), zero, zero)

    def point(self, params: Any, state: Any) -> Any:
        return (1 - self.beta1) * state.fast + self.beta1 * params

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        second = self.beta2 * state.second + (1 - self.beta2) * gradient**2
        unbiased_second = second / (1 - self.beta2**step.number)
        direction = gradient / (jnp.sqrt(unbiased_second) + self.epsilon)
        decay = self.weight_decay * self.point(params, state)
        fast = state.fast - self.learning_rate * (direction + decay)
        largest_rate = jnp.maximum(state.largest_rate, self.learning_rate)
        weight = largest_rate**self.weight_power
        total = state.total + weight
        return weight / total * (fast - params), Iterate(fast, second, largest_rate, total)
