"""Convolution of images, with a gradient that is as fast as itself on a CPU."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from etude.errors import InputError
from etude.model.convolution_forms import (
    Geometry,
    Pair,
    by_blocks,
    few_channels,
    in_parts,
    input_gradient,
    input_gradient_by_phases,
    kernel_gradient_by_blocks,
    kernel_gradient_by_convolution,
    kernel_gradient_by_patches,
    output_size,
    plain,
)
from etude.model.initializers import Initializer
from etude.model.kernels import on_cpu
from etude.model.product import product
from etude.weight_norm import normalized_weights

Padding = Literal["SAME", "VALID"] | Sequence[Pair]
"""SAME: outputs are as many as inputs, divided by the stride; VALID: no padding; or the numbers
of zeros before and after height and width."""


def convolution(
    x: jax.Array,
    kernel: jax.Array,
    strides: Pair = (1, 1),
    padding: Padding = "SAME",
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> jax.Array:
    """y[b, i, j, o] = Σ x[b, s i + d u − p, s j + d v − p, c] k[u, v, c, o] over u, v and c.

    Args:
        x: images `[batch, height, width, channels]`.
        kernel: `[height, width, channels / groups, outputs]`.
        strides: s, along height and width.
        padding: p, and as much on the other side: SAME, VALID or zeros before and after height
            and width.
        dilation: d.
        groups: outputs of the first of so many parts see the first part of the channels alone,
            and so on.

    Returns:
        `[batch, height, width, outputs]`.

    Raises:
        InputError: channels and groups do not fit, or the kernel does not fit into the image.
    """
    size = _pairs(x.shape[1:3], kernel.shape[:2], strides, padding, dilation)
    geometry = Geometry(strides, size, dilation, groups)
    if x.shape[3] != kernel.shape[2] * groups or kernel.shape[3] % groups:
        raise InputError(
            f"`kernel` {list(kernel.shape)} with {groups} groups does not fit {x.shape[3]} channels"
        )
    if min(output_size(x.shape, kernel.shape, geometry)) < 1:
        raise InputError(
            f"`kernel` of {kernel.shape[0]}×{kernel.shape[1]} with dilation {list(dilation)} does "
            f"not fit into images of {x.shape[1]}×{x.shape[2]}"
        )
    if kernel.shape[:2] == (1, 1) and groups == 1 and geometry.padding == ((0, 0), (0, 0)):
        return product(x[:, :: strides[0], :: strides[1]], kernel[0, 0])
    if on_cpu():
        return _convolution(geometry, x, kernel)
    return plain(geometry, x, kernel)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _convolution(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    if few_channels(geometry, x):
        return by_blocks(geometry, x, kernel)
    return plain(geometry, x, kernel)


def _forward(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, Any]:
    return _convolution(geometry, x, kernel), (x, kernel)


def _backward(geometry: Geometry, saved: Any, slope: jax.Array) -> tuple[jax.Array, jax.Array]:
    x, kernel = saved
    if few_channels(geometry, x):
        form = kernel_gradient_by_blocks
    elif geometry.groups > 1:
        form = kernel_gradient_by_patches
    else:
        form = kernel_gradient_by_convolution
    of_kernel = in_parts(partial(form, geometry, shape=kernel.shape), x, slope)
    if geometry.strides == (1, 1) or geometry.dilation != (1, 1) or geometry.groups > 1:
        return input_gradient(geometry, slope, kernel, x.shape), of_kernel
    return input_gradient_by_phases(geometry, slope, kernel, x.shape), of_kernel


_convolution.defvjp(_forward, _backward)


def _pairs(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Pair,
    padding: Padding,
    dilation: Pair,
) -> tuple[Pair, Pair]:
    """The zeros before and after height and width."""
    if isinstance(padding, str):
        seen = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        found = lax.padtype_to_pads(size, seen, strides, padding)
    else:
        found = list(padding)
    (top, bottom), (left, right) = found
    return (int(top), int(bottom)), (int(left), int(right))


class Conv(nnx.Module):  # type: ignore[misc]
    """Convolution with a kernel k and biases b: y = x ∗ k + b (LeCun et al., 1989).

    With `weight_norm` the kernel of every output is g · v / ‖v‖: its length g is a weight of its
    own (Salimans & Kingma, 2016). It starts as it does without.

    Args:
        inputs, outputs: numbers of channels.
        size: height and width of the kernel.
        initializer: draws k (or v) `[height, width, inputs / groups, outputs]`.
        bias_initializer: draws b `[outputs]`.
        rngs: where initial weights draw their random numbers.
        strides, padding, dilation, groups: as for `convolution`.
        bias: whether there is b.
        weight_norm: whether lengths and directions are apart.

    Attributes:
        kernel: k, or v.
        bias: b, or None.
        scale: g `[outputs]`, or None.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: Pair,
        initializer: Initializer,
        bias_initializer: Initializer,
        rngs: nnx.Rngs,
        *,
        strides: Pair = (1, 1),
        padding: Padding = "SAME",
        dilation: Pair = (1, 1),
        groups: int = 1,
        bias: bool = True,
        weight_norm: bool = False,
    ) -> None:
        dtype = jnp.result_type(float)
        kernel = initializer(rngs.params(), (*size, inputs // groups, outputs), dtype)
        # Drawn for in any case: further layers start the same with and without it.
        key = rngs.params()
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.data(None)
        if bias:
            self.bias = nnx.Param(bias_initializer(key, (outputs,), dtype))
        self.scale = nnx.data(None)
        if weight_norm:
            self.scale = nnx.Param(jnp.sqrt(jnp.sum(kernel**2, (0, 1, 2))))
        self.strides = strides
        self.padding = padding if isinstance(padding, str) else tuple(padding)
        self.dilation = dilation
        self.groups = groups

    def __call__(self, x: jax.Array) -> jax.Array:
        """From `[batch, height, width, inputs]` to `[batch, height, width, outputs]`."""
        y = self.convolved(x)
        return y if self.bias is None else y + self.bias[...]

    def convolved(self, x: jax.Array) -> jax.Array:
        """x ∗ k, before the biases."""
        kernel = self.kernel[...]
        if self.scale is not None:
            kernel = normalized_weights(kernel, self.scale[...])
        return convolution(x, kernel, self.strides, self.padding, self.dilation, self.groups)
