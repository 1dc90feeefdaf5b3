"""Gated recurrent units (Cho et al., 2014)."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from etude.model.recurrent import Cell, Recurrent, State


@dataclass(frozen=True)
class GRUCell(Cell):
    """h = (1 − z) ⊙ n + z ⊙ h₋₁; the gates r, z, n lie in PyTorch's order."""

    gates = 3
    inside = 1

    def step(
        self, state: State, inputs: jax.Array, recurrent: jax.Array, bias: jax.Array
    ) -> tuple[State, Any]:
        (before,) = state
        border = 2 * before.shape[-1]
        # σ(x) = ½ + ½ tanh(x/2)
        gates = 0.5 + 0.5 * jnp.tanh(0.5 * (inputs + recurrent)[..., :border])
        r, z = jnp.split(gates, 2, -1)
        candidate = recurrent[..., border:] + bias
        n = jnp.tanh(inputs[..., border:] + r * candidate)
        return (n + z * (before - n),), (gates, n, candidate, before)

    def back(self, saved: Any, slopes: State) -> tuple[Any, State]:
        gates, n, candidate, before = saved
        (hidden,) = slopes
        r, z = jnp.split(gates, 2, -1)
        of_n = hidden * (1 - z) * (1 - n * n)
        of_r = of_n * candidate * r * (1 - r)
        of_z = hidden * (before - n) * z * (1 - z)
        return (jnp.concatenate([of_r, of_z, of_n], -1), of_n * r), (hidden * z,)

    def of_inputs(self, slopes: Any) -> jax.Array:
        return slopes[0]

    def of_recurrent(self, slopes: Any) -> jax.Array:
        gates, candidate = slopes
        return jnp.concatenate([gates[..., : 2 * candidate.shape[-1]], candidate], -1)


class GRU(Recurrent):
    """A layer whose units choose how much of their last values to keep.

    With the gates r, z = σ(xW + b + h₋₁U + c) of their own weights each,

        n = tanh(xW + b + r ⊙ (h₋₁U + c)),  h = (1 − z) ⊙ n + z ⊙ h₋₁,

    the form of PyTorch, in which r acts on the product h₋₁U; in Cho et al. (2014) it acts on
    h₋₁ before the product, and z and 1 − z are exchanged.

    Example:
        >>> GRU(width=64, dropout=0.1).cell().gates
        3
    """

    def cell(self) -> Cell:
        return GRUCell()
