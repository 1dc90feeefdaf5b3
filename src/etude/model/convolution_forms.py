"""The forms of a convolution and of its gradient that are fast on a CPU.

XLA computes a convolution there at the rate of matrix products, unless its channels are few, and
the gradient that it derives tens of times slower. Each form here is the same up to rounding.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from etude.model.product import transposed_product

Pair = tuple[int, int]

IMAGES = ("NHWC", "HWIO", "NHWC")

FEW_CHANNELS = 4
"""Up to so many channels an image's patches are copied: XLA's convolution has no use of them."""

BLOCK = 4
"""Of few channels the outputs are computed so many neighbours at a time."""

PARTS = 2
"""A kernel's gradient is summed over so many parts of a batch."""


class Geometry(NamedTuple):
    """Where a kernel meets an image.

    Attributes:
        strides: how far apart the outputs lie, along height and width.
        padding: zeros before and after height and width.
        dilation: how far apart the kernel's numbers lie.
        groups: how many parts the channels are cut into, each of them with outputs of its own.
    """

    strides: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair
    groups: int


def plain(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """XLA's own convolution."""
    return lax.conv_general_dilated(
        x,
        kernel,
        geometry.strides,
        geometry.padding,
        rhs_dilation=geometry.dilation,
        dimension_numbers=IMAGES,
        feature_group_count=geometry.groups,
    )


def input_gradient(
    geometry: Geometry, slope: jax.Array, kernel: jax.Array, shape: tuple[int, ...]
) -> jax.Array:
    """The slopes, `strides` apart, under the kernel that is turned by half a circle."""
    height, width, channels, outputs = kernel.shape
    groups = geometry.groups
    turned = jnp.flip(kernel, (0, 1)).reshape(height, width, channels, groups, outputs // groups)
    turned = turned.transpose(0, 1, 4, 3, 2).reshape(height, width, -1, groups * channels)
    padding = []
    for axis in (0, 1):
        reach = (kernel.shape[axis] - 1) * geometry.dilation[axis]
        before = reach - geometry.padding[axis][0]
        spread = (slope.shape[1 + axis] - 1) * geometry.strides[axis] + 1
        padding.append((before, shape[1 + axis] + reach - spread - before))
    return lax.conv_general_dilated(
        slope,
        turned,
        (1, 1),
        padding,
        lhs_dilation=geometry.strides,
        rhs_dilation=geometry.dilation,
        dimension_numbers=IMAGES,
        feature_group_count=groups,
    )


def input_gradient_by_phases(
    geometry: Geometry, slope: jax.Array, kernel: jax.Array, shape: tuple[int, ...]
) -> jax.Array:
    """The same for strides s without zeros between the slopes.

    The pixel s q + r of the padded image meets the kernel's numbers r, r + s, r + 2s, … alone: one
    convolution gives all s × s phases r as channels (Shi et al., 2016: sub-pixel convolution).
    """
    (down, across), ((top, _), (left, _)) = geometry.strides, geometry.padding
    height, width = shape[1:3]
    taps = [-(-kernel.shape[axis] // geometry.strides[axis]) for axis in (0, 1)]
    room = [taps[axis] * geometry.strides[axis] - kernel.shape[axis] for axis in (0, 1)]
    phases = jnp.pad(kernel, ((0, room[0]), (0, room[1]), (0, 0), (0, 0)))
    phases = phases.reshape(taps[0], down, taps[1], across, *kernel.shape[2:])
    phases = jnp.flip(phases, (0, 2)).transpose(0, 2, 5, 1, 3, 4)
    rows, columns = (height + top - 1) // down + 1, (width + left - 1) // across + 1
    found = lax.conv_general_dilated(
        slope,
        phases.reshape(*taps, kernel.shape[3], -1),
        (1, 1),
        [(taps[0] - 1, rows - slope.shape[1]), (taps[1] - 1, columns - slope.shape[2])],
        dimension_numbers=IMAGES,
    )
    found = found.reshape(-1, rows, columns, down, across, shape[3]).transpose(0, 1, 3, 2, 4, 5)
    found = found.reshape(-1, rows * down, columns * across, shape[3])
    return found[:, top : top + height, left : left + width]


def in_parts(
    gradient: Callable[[jax.Array, jax.Array], jax.Array], x: jax.Array, slope: jax.Array
) -> jax.Array:
    """The sum of the gradients of parts of a batch, in a loop.

    XLA would compute the slopes a second time, and element by element, where their reshaped form
    is needed; what a loop reads it keeps as it is.
    """
    size, left = divmod(x.shape[0], PARTS)
    if left:
        return gradient(x, slope)

    def part(y: jax.Array, index: Any) -> jax.Array:
        return lax.dynamic_slice_in_dim(y, index * size, size)

    def add(index: Any, total: jax.Array) -> jax.Array:
        return total + gradient(part(x, index), part(slope, index))

    found = jax.eval_shape(gradient, x, slope)
    return lax.fori_loop(0, PARTS, add, jnp.zeros(found.shape, found.dtype))


def kernel_gradient_by_patches(
    geometry: Geometry, x: jax.Array, slope: jax.Array, shape: tuple[int, ...]
) -> jax.Array:
    """For every group one matrix product of patches, a row for each of its numbers, with slopes."""
    height, width, channels, outputs = shape
    groups, (rows, columns) = geometry.groups, slope.shape[1:3]
    (down, across), (apart, aside) = geometry.strides, geometry.dilation
    padded = _padded(x, geometry.padding).transpose(3, 0, 1, 2)
    patches = jnp.stack(
        [
            lax.slice(
                padded,
                (0, 0, u, v),
                (*padded.shape[:2], u + (rows - 1) * down + 1, v + (columns - 1) * across + 1),
                (1, 1, down, across),
            ).reshape(groups, channels, -1)
            for u in range(0, height * apart, apart)
            for v in range(0, width * aside, aside)
        ],
        1,
    ).reshape(groups, height * width * channels, -1)
    slopes = slope.reshape(-1, groups, outputs // groups)
    return jnp.einsum("gkn,ngo->kgo", patches, slopes).reshape(shape)


def kernel_gradient_by_convolution(
    geometry: Geometry, x: jax.Array, slope: jax.Array, shape: tuple[int, ...]
) -> jax.Array:
    """The images under the slopes as a kernel: channels are the batch, rows are the channels."""
    padding = []
    for axis in (0, 1):
        seen = (shape[axis] - 1) * geometry.dilation[axis] + 1
        seen += (slope.shape[1 + axis] - 1) * geometry.strides[axis]
        before = geometry.padding[axis][0]
        padding.append((before, seen - before - x.shape[1 + axis]))
    return lax.conv_general_dilated(
        x.transpose(3, 1, 2, 0),
        slope.transpose(1, 2, 0, 3),
        geometry.dilation,
        padding,
        rhs_dilation=geometry.strides,
        dimension_numbers=IMAGES,
    ).transpose(1, 2, 0, 3)


def few_channels(geometry: Geometry, x: jax.Array) -> bool:
    """Whether products of patches are faster than XLA's convolution."""
    return x.shape[3] <= FEW_CHANNELS and geometry.groups == 1 and geometry.dilation == (1, 1)


def by_blocks(geometry: Geometry, x: jax.Array, kernel: jax.Array) -> jax.Array:
    """One matrix product that gives several neighbours of a row of outputs together.

    A patch is what a block of outputs sees; the kernel lies in a wider one once for each of them,
    with zeros where it does not reach. Those are cheaper than narrow matrices and more patches.
    """
    height, width, _, outputs = kernel.shape
    rows, columns = output_size(x.shape, kernel.shape, geometry)
    block, reach = _block(geometry, columns, width)
    across = geometry.strides[1]
    wide = jnp.stack(
        [
            jnp.pad(kernel, ((0, 0), (start, reach - width - start), (0, 0), (0, 0)))
            for start in range(0, block * across, across)
        ],
        3,
    )
    patches = _block_patches(geometry, x, (rows, columns), (height, reach, block))
    found = patches @ wide.reshape(patches.shape[1], block * outputs)
    return found.reshape(-1, rows, columns, outputs)


def kernel_gradient_by_blocks(
    geometry: Geometry, x: jax.Array, slope: jax.Array, shape: tuple[int, ...]
) -> jax.Array:
    """The product of the same patches with the slopes; the kernel's copies are added up."""
    height, width, channels, outputs = shape
    rows, columns = slope.shape[1:3]
    block, reach = _block(geometry, columns, width)
    across = geometry.strides[1]
    patches = _block_patches(geometry, x, (rows, columns), (height, reach, block))
    wide = transposed_product(patches, slope.reshape(-1, block * outputs))
    wide = wide.reshape(height, reach, channels, block, outputs)
    starts = range(0, block * across, across)
    parts = [wide[:, start : start + width, :, place] for place, start in enumerate(starts)]
    return sum(parts[1:], start=parts[0])


def _block(geometry: Geometry, columns: int, width: int) -> Pair:
    """How many neighbours are computed together, and how many columns they see."""
    block = next(size for size in range(BLOCK, 0, -1) if columns % size == 0)
    return block, (block - 1) * geometry.strides[1] + width


def _block_patches(
    geometry: Geometry, x: jax.Array, size: Pair, window: tuple[int, int, int]
) -> jax.Array:
    """What each block of outputs sees, `[blocks, height * reach * channels]`."""
    (down, across), (rows, columns), (height, reach, block) = geometry.strides, size, window
    padded = _padded(x, geometry.padding)
    batch, channels = x.shape[0], x.shape[3]
    last = (columns // block - 1) * block * across
    parts = [
        lax.slice(
            padded,
            (0, u, v, 0),
            (batch, u + (rows - 1) * down + 1, v + last + 1, channels),
            (1, down, block * across, 1),
        )
        for u in range(height)
        for v in range(reach)
    ]
    return jnp.concatenate(parts, 3).reshape(-1, height * reach * channels)


def output_size(x: Sequence[int], kernel: Sequence[int], geometry: Geometry) -> Pair:
    """Height and width of the outputs; less than 1 where the kernel does not fit."""

    def along(axis: int) -> int:
        seen = (kernel[axis] - 1) * geometry.dilation[axis] + 1
        return (x[1 + axis] + sum(geometry.padding[axis]) - seen) // geometry.strides[axis] + 1

    return along(0), along(1)


def _padded(x: jax.Array, padding: tuple[Pair, Pair]) -> jax.Array:
    return jnp.pad(x, ((0, 0), *padding, (0, 0)))
