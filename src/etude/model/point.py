"""The network of a surface: the point itself."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from etude.batch import Spec
from etude.component import Traced
from etude.errors import InputError
from etude.model.base import Model


class PointModule(nnx.Module):  # type: ignore[misc]
    """Two weights, which are the outputs of every row."""

    def __init__(self, x: Any, y: Any) -> None:
        dtype = jnp.result_type(float)
        self.point = nnx.Param(jnp.stack([jnp.asarray(x, dtype), jnp.asarray(y, dtype)]))

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """The point for every row, `[batch, 2]`."""
        return jnp.broadcast_to(self.point[...], (inputs.shape[0], 2))


class Point(Model):
    """A point (x, y) that walks down a surface; its weights are its coordinates.

    Attributes:
        x: where it starts.
        y: where it starts.
    """

    x: Traced = -1.0
    y: Traced = 1.0

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        if outputs != 2:
            raise InputError(
                f"`model` point gives 2 numbers, its coordinates, and the loss wants {outputs}"
            )
        return PointModule(self.x, self.y)
