"""The simple recurrent network (Elman, "Finding structure in time", 1990)."""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

from etude.model.recurrent import Cell, Recurrent, State


@dataclass(frozen=True)
class ElmanCell(Cell):
    """h = φ(xW + h₋₁U + b).

    Attributes:
        activation: φ.
    """

    activation: Literal["tanh", "relu"]

    gates = 1

    def step(
        self, state: State, inputs: jax.Array, recurrent: jax.Array, bias: jax.Array
    ) -> tuple[State, Any]:
        total = inputs + recurrent
        hidden = jnp.tanh(total) if self.activation == "tanh" else jax.nn.relu(total)
        return (hidden,), hidden

    def back(self, saved: Any, slopes: State) -> tuple[Any, State]:
        (slope,) = slopes
        if self.activation == "tanh":
            slope = slope * (1 - saved * saved)
        else:
            slope = jnp.where(saved > 0, slope, 0)
        return slope, (jnp.zeros_like(slope),)


class RNN(Recurrent):
    """A layer of units that see their own last values (Elman, 1990).

    h_t = φ(x_tW + b + h_{t−1}U + c), ŷ = hV + d. Slopes shrink or grow with every step, so that
    what is far back is forgotten (Bengio, Simard & Frasconi, 1994).

    Attributes:
        activation: φ: tanh, or relu (Le, Jaitly & Hinton, 2015).

    Example:
        >>> from etude.batch import Spec
        >>> RNN(width=32).check(Spec("numbers", (100, 2)))
    """

    activation: Literal["tanh", "relu"] = "tanh"

    def cell(self) -> Cell:
        return ElmanCell(self.activation)
