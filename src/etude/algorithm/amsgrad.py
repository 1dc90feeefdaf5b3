"""AMSGrad (Reddi, Kale & Kumar, "On the Convergence of Adam and Beyond", 2018)."""

from typing import Annotated, Any, NamedTuple

import jax.numpy as jnp
from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class LargestMoments(NamedTuple):
    """Running averages of gradients (m) and squares (v), and the largest v̂ so far (v̄)."""

    first: Any
    second: Any
    largest: Any


class AMSGrad(Algorithm):
    """Adam whose rates never rise, for it divides by the largest average of squares so far.

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², m̂ = m / (1 − β₁ᵗ), v̄ ← max(v̄, v / (1 − β₂ᵗ)),
    W ← W − η m̂ / (√v̄ + ε).

    The paper corrects no bias. Optax corrects it before the maximum, as here, PyTorch after it.

    Attributes:
        learning_rate: η.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    name = "amsgrad"

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.001
    beta1: Annotated[Traced, Field(ge=0, lt=1)] = 0.9
    beta2: Annotated[Traced, Field(ge=0, lt=1)] = 0.999
    epsilon: Annotated[Traced, Field(gt=0)] = 1e-8

    def init(self, params: Any) -> Any:
        return LargestMoments(*(jnp.zeros_like(params) for _ in range(3)))

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        first = self.beta1 * state.first + (1 - self.beta1) * gradient
        second = self.beta2 * state.second + (1 - self.beta2) * gradient**2
        unbiased_first = first / (1 - self.beta1**step.number)
        largest = jnp.maximum(state.largest, second / (1 - self.beta2**step.number))
        change = -self.learning_rate * unbiased_first / (jnp.sqrt(largest) + self.epsilon)
        return change, LargestMoments(first, second, largest)
