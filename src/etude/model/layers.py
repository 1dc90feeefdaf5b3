"""Layers that several families of networks are made of."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import Field

from etude.batch import Spec
from etude.errors import InputError
from etude.model.initializers import Initializer

Widths = Annotated[
    tuple[Annotated[int, Field(ge=1, le=10_000_000)], ...], Field(min_length=1, max_length=200)
]
"""Units of each hidden layer."""


class Stack(nnx.Module):  # type: ignore[misc]
    """Fully connected layers: h ← φ(hW + b), the last one without φ.

    Args:
        sizes: inputs, width of each hidden layer, outputs.
        activation: φ.
        initializer: draws each W `[inputs, outputs]`.
        bias_initializer: draws each b `[outputs]`.
        rngs: where initial weights draw their random numbers.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        activation: Callable[[jax.Array], jax.Array],
        initializer: Initializer,
        bias_initializer: Initializer,
        rngs: nnx.Rngs,
    ) -> None:
        self.activation = activation
        self.layers = nnx.List(
            [
                nnx.Linear(
                    inputs,
                    outputs,
                    kernel_init=initializer,
                    bias_init=bias_initializer,
                    param_dtype=jnp.result_type(float),
                    rngs=rngs,
                )
                for inputs, outputs in pairwise(sizes)
            ]
        )

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """From `[batch, ...]` to `[batch, outputs]`."""
        hidden = inputs.reshape(inputs.shape[0], -1)
        for layer in self.layers[:-1]:
            hidden = self.activation(layer(hidden))
        return self.layers[-1](hidden)


def features(spec: Spec) -> int:
    """How many numbers the inputs of one row are."""
    return math.prod(spec.inputs)


def check_features(model: str, spec: Spec) -> None:
    """Raise an `InputError` when a row has no inputs."""
    if features(spec) < 1:
        raise InputError(
            f"`model` {model} needs at least 1 input number per row, "
            f"got inputs of shape {list(spec.inputs)}"
        )


def checked_bias_initializer(initializer: Initializer) -> Initializer:
    """The initializer, if it can draw biases.

    Raises:
        ValueError: it needs a matrix, and biases are vectors.
    """
    if initializer.axes > 1:
        raise ValueError(
            "`bias_initializer` must be one for vectors (zeros, constant, normal or uniform), "
            f"got {initializer.name}"
        )
    return initializer
