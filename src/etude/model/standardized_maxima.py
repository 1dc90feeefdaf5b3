"""Batch normalization of images and max pooling after it, as one operation.

    y = max γ (x − μ) / √(σ² + ε) + β over each window,  μ = Σ wᵢ xᵢ,  σ² = Σ wᵢ (xᵢ − μ)²

A straight line keeps the order of numbers, or turns it where γ < 0: only the largest x of a
window, or the smallest, has to be normalized. So the images are read three times and written
never, and their gradient is written once.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Pair = tuple[int, int]
Normalized = tuple[jax.Array, jax.Array, jax.Array]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def standardized_maxima(
    window: Pair,
    epsilon: float,
    x: jax.Array,
    shares: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
) -> Normalized:
    """y, μ and σ². Through μ and σ² as such, and through w, no gradient is passed on.

    Where several numbers of a window are the largest the gradient goes to the first of them.

    Args:
        window: height and width of the windows, which lie side by side and leave nothing over.
        epsilon: ε.
        x: images `[batch, height, width, features]`.
        shares: w `[batch]`, the weight of every place of an image; over all places the sum is 1,
            or 0 where all images weigh 0.
        scale, bias: γ and β, `[features]`.
    """
    return _forward(window, epsilon, x, shares, scale, bias)[0]


def _forward(
    window: Pair,
    epsilon: float,
    x: jax.Array,
    shares: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
) -> tuple[Normalized, Any]:
    mean = _sum(shares, x)
    centred = _centred(x, mean)
    variance = _sum_of_products(shares, centred, centred, x.shape[3])
    inverse = lax.rsqrt(variance + epsilon)
    found = extremes(window, x, scale)
    y = (found - mean) * (scale * inverse) + bias
    return (y, mean, variance), (x, found, shares, scale, mean, inverse)


def _backward(
    window: Pair, epsilon: float, saved: Any, slopes: Normalized
) -> tuple[jax.Array, None, jax.Array, jax.Array]:
    """With z = (x − μ) / √(σ² + ε), z' that of a window's extreme and g the slope:

    dx = γ (g at the extreme − w Σg − w z Σgz') / √(σ² + ε), dγ = Σgz', dβ = Σg.
    """
    x, found, shares, scale, mean, inverse = saved
    slope, ones, factor = slopes[0], jnp.ones_like(shares), scale * inverse
    of_bias = _sum(ones, slope)
    centred = _centred(found, mean)
    of_scale = _sum_of_products(ones, slope, centred, slope.shape[3]) * inverse
    (height, width), (batch, rows, columns, features) = window, slope.shape
    cells = x.reshape(batch, rows, height, columns, width, features)
    count = height * width
    first = jnp.full(slope.shape, count - 1, jnp.int32)
    for place in reversed(range(count - 1)):
        u, v = divmod(place, width)
        first = jnp.where(cells[:, :, u, :, v] == found, place, first)
    places = jnp.arange(count).reshape(1, 1, height, 1, width, 1)
    passed = (slope * factor)[:, :, None, :, None]
    chosen = jnp.where(first[:, :, None, :, None] == places, passed, 0)
    common = factor * (of_bias - mean * (inverse * of_scale))
    line = common + cells * (factor * inverse * of_scale)
    of_x = chosen - shares.reshape(-1, 1, 1, 1, 1, 1) * line
    return of_x.reshape(x.shape), None, of_scale, of_bias


standardized_maxima.defvjp(_forward, _backward)


def extremes(window: Pair, x: jax.Array, scale: jax.Array) -> jax.Array:
    """The largest number of each window where γ ≥ 0, else the smallest."""
    (height, width), (batch, rows, columns, features) = window, x.shape
    cells = x.reshape(batch, rows // height, height, columns // width, width, features)
    parts = [cells[:, :, u, :, v] for u in range(height) for v in range(width)]
    largest = smallest = parts[0]
    for part in parts[1:]:
        largest, smallest = jnp.maximum(largest, part), jnp.minimum(smallest, part)
    return jnp.where(scale < 0, smallest, largest)


def _sum(weights: jax.Array, y: jax.Array) -> jax.Array:
    """Σ wᵢ yᵢ of each channel: a product of matrices is the fastest sum on a CPU."""
    return jnp.sum((weights @ y.reshape(y.shape[0], -1)).reshape(-1, y.shape[-1]), 0)


def _sum_of_products(
    weights: jax.Array, y: jax.Array, centred: jax.Array, features: int
) -> jax.Array:
    """Σ wᵢ yᵢ zᵢ of each channel, z as `_centred` gives it."""
    columns = weights @ jnp.sum(y.reshape(centred.shape) * centred, 1)
    return jnp.sum(columns.reshape(-1, features), 0)


def _centred(x: jax.Array, mean: jax.Array) -> jax.Array:
    """x − μ as `[batch, height, width * features]`: long rows are summed faster than channels."""
    folded = x.reshape(*x.shape[:2], -1)
    return folded - jnp.tile(mean, x.shape[2])
