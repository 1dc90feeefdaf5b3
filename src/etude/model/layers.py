"""Layers that several families of networks are made of."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import Field

from etude.batch import Spec
from etude.errors import InputError
from etude.model.dropout import Dropout
from etude.model.initializers import Initializer
from etude.model.normalization import Normalization, norm
from etude.model.product import product
from etude.weight_norm import normalized_weights

Widths = Annotated[
    tuple[Annotated[int, Field(ge=1, le=10_000_000)], ...], Field(min_length=1, max_length=200)
]
"""Units of each hidden layer."""


class Dense(nnx.Module):  # type: ignore[misc]
    """y = xW + b, on the last axis.

    With `weight_norm` every column of W is g · v / ‖v‖: its length g is a weight of its own
    (Salimans & Kingma, 2016). W starts as it does without.

    Args:
        inputs, outputs: lengths of the last axis before and after.
        initializer: draws W (or v) `[inputs, outputs]`.
        bias_initializer: draws b `[outputs]`.
        rngs: where initial weights draw their random numbers.
        bias: whether there is b.
        weight_norm: whether lengths and directions of W are apart.

    Attributes:
        kernel: W, or v.
        bias: b, or None.
        scale: g `[outputs]`, or None.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        initializer: Initializer,
        bias_initializer: Initializer,
        rngs: nnx.Rngs,
        *,
        bias: bool = True,
        weight_norm: bool = False,
    ) -> None:
        dtype = jnp.result_type(float)
        kernel = initializer(rngs.params(), (inputs, outputs), dtype)
        # Drawn for in any case: further layers start the same with and without it.
        key = rngs.params()
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.data(None)
        if bias:
            self.bias = nnx.Param(bias_initializer(key, (outputs,), dtype))
        self.scale = nnx.data(None)
        if weight_norm:
            self.scale = nnx.Param(jnp.sqrt(jnp.sum(kernel**2, 0)))

    def __call__(self, x: jax.Array) -> jax.Array:
        """From `[..., inputs]` to `[..., outputs]`."""
        kernel = self.kernel[...]
        if self.scale is not None:
            kernel = normalized_weights(kernel, self.scale[...])
        y = product(x, kernel)
        return y if self.bias is None else y + self.bias[...]


class Stack(nnx.Module):  # type: ignore[misc]
    """Fully connected layers: h ← dropout(φ(norm(hW + b))), the last one hW + b.

    Before batch normalization there is no b, which it would take off again.

    Args:
        sizes: inputs, width of each hidden layer, outputs.
        activation: φ.
        initializer: draws each W `[inputs, outputs]`.
        bias_initializer: draws each b `[outputs]`.
        rngs: where initial weights and dropout draw their random numbers.
        normalization: of the hidden layers; "weight" is that of every W.
        dropout: the rate of dropout.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        activation: Callable[[jax.Array], jax.Array],
        initializer: Initializer,
        bias_initializer: Initializer,
        rngs: nnx.Rngs,
        normalization: Normalization = "none",
        dropout: Any = 0.0,
    ) -> None:
        self.activation = activation
        hidden = len(sizes) - 2
        self.layers = nnx.List(
            [
                Dense(
                    inputs,
                    outputs,
                    initializer,
                    bias_initializer,
                    rngs,
                    bias=place == hidden or normalization != "batch",
                    weight_norm=normalization == "weight",
                )
                for place, (inputs, outputs) in enumerate(pairwise(sizes))
            ]
        )
        self.norms = nnx.List([norm(normalization, size, rngs) for size in sizes[1:-1]])
        self.dropouts = nnx.List([Dropout(dropout, rngs) for _ in range(hidden)])

    def __call__(self, inputs: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From `[batch, ...]`, rows with weights `[batch]`, to `[batch, outputs]`."""
        hidden = inputs.reshape(inputs.shape[0], -1)
        for layer, normalize, drop in zip(self.layers, self.norms, self.dropouts, strict=False):
            hidden = drop(self.activation(normalize(layer(hidden), weights)))
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
