"""Long short-term memory (Hochreiter & Schmidhuber, 1997)."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from etude.component import Traced
from etude.model.recurrent import Cell, Recurrent, State


@dataclass(frozen=True)
class LSTMCell(Cell):
    """c = f ⊙ c₋₁ + i ⊙ g, h = o ⊙ tanh c; the gates i, f, g, o lie in PyTorch's order."""

    gates = 4
    states = 2

    def step(
        self, state: State, inputs: jax.Array, recurrent: jax.Array, bias: jax.Array
    ) -> tuple[State, Any]:
        _, before = state
        values = _values(inputs + recurrent)
        i, f, g, o = jnp.split(values, 4, -1)
        memory = f * before + i * g
        return (o * jnp.tanh(memory), memory), (values, before)

    def back(self, saved: Any, slopes: State) -> tuple[Any, State]:
        values, before = saved
        hidden, memory = slopes
        i, f, g, o = jnp.split(values, 4, -1)
        squashed = jnp.tanh(f * before + i * g)
        memory = memory + hidden * o * (1 - squashed * squashed)
        told = jnp.concatenate(
            [
                memory * g * i * (1 - i),
                memory * before * f * (1 - f),
                memory * i * (1 - g * g),
                hidden * squashed * o * (1 - o),
            ],
            -1,
        )
        return told, (jnp.zeros_like(hidden), memory * f)


def _values(sums: jax.Array) -> jax.Array:
    """σ of the sums of i, f and o, tanh of those of g, `[batch, 4 · width]`.

    σ(x) = ½ + ½ tanh(x/2): all gates are one tanh.
    """
    size = sums.shape[-1]
    is_g = jnp.arange(size) // (size // 4) == 2
    half = jnp.where(is_g, 1, 0.5).astype(sums.dtype)
    return half * jnp.tanh(half * sums) + (1 - half)


class LSTM(Recurrent):
    """A layer of memory cells that gates open to what comes, stays and goes out.

    With the gates i, f, o = σ(xW + b + h₋₁U + c) and the candidate g = tanh(...) alike,

        c = f ⊙ c₋₁ + i ⊙ g,  h = o ⊙ tanh c.

    Slopes go back along c undamped while f is 1 (Hochreiter & Schmidhuber, 1997; the forget
    gate f: Gers, Schmidhuber & Cummins, 2000). No peepholes; gates and biases as in PyTorch.

    Attributes:
        forget_bias: what is added to the biases of f at first; with 1 memory is kept from the
            start (Jozefowicz, Zaremba & Sutskever, 2015).

    Example:
        >>> LSTM(width=128, layers=2).cell().gates
        4
    """

    forget_bias: Traced = 1.0

    def cell(self) -> Cell:
        return LSTMCell()

    def first_biases(self) -> tuple[Any, ...]:
        return (0.0, self.forget_bias, 0.0, 0.0)
