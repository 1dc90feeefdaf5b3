"""Pooling: one number for each window of an image, channel by channel."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from etude.errors import InputError
from etude.model.kernels import on_cpu

Pair = tuple[int, int]


def max_pool(x: jax.Array, window: Pair, strides: Pair | None = None) -> jax.Array:
    """The largest number of every window that lies within the image.

    Where several are the largest the gradient goes to the first of them, row by row, as in XLA
    and PyTorch.

    Args:
        x: images `[batch, height, width, channels]`.
        window: height and width of a window.
        strides: how far apart windows lie; by default they lie side by side.

    Returns:
        `[batch, rows, columns, channels]`, `(height - window) // stride + 1` rows.

    Raises:
        InputError: the image is smaller than a window.
    """
    strides = window if strides is None else strides
    _check(x, window)
    if on_cpu():
        return _max_pool(window, strides, x)
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *window, 1), (1, *strides, 1), "VALID")


def average_pool(x: jax.Array, window: Pair, strides: Pair | None = None) -> jax.Array:
    """The mean of every window that lies within the image; arguments as for `max_pool`."""
    strides = window if strides is None else strides
    _check(x, window)
    parts = _parts(x, window, strides)
    return sum(parts[1:], start=parts[0]) / len(parts)


def global_average_pool(x: jax.Array) -> jax.Array:
    """The mean of every channel: from `[batch, height, width, channels]` to `[batch, channels]`."""
    return jnp.mean(x, (1, 2))


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _max_pool(window: Pair, strides: Pair, x: jax.Array) -> jax.Array:
    return _largest(_parts(x, window, strides))


def _forward(window: Pair, strides: Pair, x: jax.Array) -> tuple[jax.Array, Any]:
    pooled = _max_pool(window, strides, x)
    return pooled, (x, pooled)


def _backward(window: Pair, strides: Pair, saved: Any, slope: jax.Array) -> tuple[jax.Array]:
    x, pooled = saved
    # Comparing again with the maximum is cheaper than to scatter to remembered places.
    first = jnp.full(pooled.shape, len(_parts(x, window, strides)) - 1, jnp.int32)
    for place, part in reversed(list(enumerate(_parts(x, window, strides)))):
        first = jnp.where(part == pooled, place, first)
    if strides == window:
        return (_side_by_side(window, x.shape, first, slope),)
    height, width = window
    total = jnp.zeros_like(x)
    for place in range(height * width):
        part = jnp.where(first == place, slope, 0)
        total += lax.pad(
            part, jnp.zeros((), x.dtype), _spread(divmod(place, width), strides, x, slope)
        )
    return (total,)


_max_pool.defvjp(_forward, _backward)


def _side_by_side(
    window: Pair, shape: tuple[int, ...], first: jax.Array, slope: jax.Array
) -> jax.Array:
    """The slope of every window at its first largest number, where no two windows meet."""
    batch, rows, columns, channels = slope.shape
    height, width = window

    def over_windows(y: jax.Array) -> jax.Array:
        spread = (batch, rows, height, columns, width, channels)
        return jnp.broadcast_to(y[:, :, None, :, None], spread)

    places = jnp.arange(height * width).reshape(1, 1, height, 1, width, 1)
    found = jnp.where(over_windows(first) == places, over_windows(slope), 0)
    found = found.reshape(batch, rows * height, columns * width, channels)
    beyond = (shape[1] - rows * height, shape[2] - columns * width)
    if beyond == (0, 0):
        return found
    return jnp.pad(found, ((0, 0), (0, beyond[0]), (0, beyond[1]), (0, 0)))


def _spread(start: Pair, strides: Pair, x: jax.Array, slope: jax.Array) -> list[Any]:
    """How to pad what windows got from one of their places so that it lies there."""
    axes = []
    for axis in (0, 1):
        covered = start[axis] + (slope.shape[1 + axis] - 1) * strides[axis] + 1
        axes.append((start[axis], x.shape[1 + axis] - covered, strides[axis] - 1))
    return [(0, 0, 0), *axes, (0, 0, 0)]


def _parts(x: jax.Array, window: Pair, strides: Pair) -> list[jax.Array]:
    """For each place in a window what all windows have there."""
    batch, height, width, channels = x.shape
    rows, columns = (
        (size - reach) // stride + 1
        for size, reach, stride in zip((height, width), window, strides, strict=True)
    )
    return [
        lax.slice(
            x,
            (0, u, v, 0),
            (batch, u + (rows - 1) * strides[0] + 1, v + (columns - 1) * strides[1] + 1, channels),
            (1, *strides, 1),
        )
        for u in range(window[0])
        for v in range(window[1])
    ]


def _largest(parts: Sequence[jax.Array]) -> jax.Array:
    largest = parts[0]
    for part in parts[1:]:
        largest = jnp.maximum(largest, part)
    return largest


def _check(x: jax.Array, window: Pair) -> None:
    if x.shape[1] < window[0] or x.shape[2] < window[1]:
        raise InputError(
            f"`window` of {window[0]}×{window[1]} does not fit into images of "
            f"{x.shape[1]}×{x.shape[2]}"
        )
