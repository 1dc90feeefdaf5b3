"""Normalization of the numbers inside a network."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx

from etude.model.kernels import on_cpu
from etude.model.pooling import max_pool
from etude.model.standardized_maxima import extremes, standardized_maxima

Normalization = Literal["none", "batch", "layer", "weight"]
"""The names of normalizations in study files; "weight" is a matter of the layers themselves."""

EPSILON = 1e-5
"""Added to variances, as in PyTorch."""

MOMENTUM = 0.1
"""The weight of a batch in the running statistics, as in PyTorch."""


class BatchNorm(nnx.Module):  # type: ignore[misc]
    """y = γ (x − μ) / √(σ² + ε) + β (Ioffe & Szegedy, 2015).

    In training μ and σ² are those of the batch, over all axes but the last, each row with its
    weight; in evaluation they are the running ones, r ← 0.9 r + 0.1 (μ or σ² without bias).

    Args:
        features: length of the last axis.
        rngs: not used; nothing is drawn.

    Attributes:
        scale, bias: γ, from 1, and β, from 0.
        mean, variance: the running statistics.
        use_running_average: whether it is in evaluation, as `train()` and `eval()` set it.
    """

    def __init__(self, features: int, rngs: nnx.Rngs) -> None:
        dtype = jnp.result_type(float)
        self.scale = nnx.Param(jnp.ones(features, dtype))
        self.bias = nnx.Param(jnp.zeros(features, dtype))
        self.mean = nnx.BatchStat(jnp.zeros(features, dtype))
        self.variance = nnx.BatchStat(jnp.ones(features, dtype))
        self.use_running_average = False

    def __call__(self, x: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From `[batch, ..., features]` to the same shape.

        Args:
            x: the numbers.
            weights: `[batch]`; rows of weight 0 have no say. By default 1 for each.
        """
        scale, bias = self.scale[...], self.bias[...]
        if self.use_running_average:
            factor = scale * jax.lax.rsqrt(self.variance[...] + EPSILON)
            return x * factor + (bias - self.mean[...] * factor)
        if weights is None:
            weights = jnp.ones(x.shape[0], x.dtype)
        weights = weights.astype(x.dtype)
        total, places = jnp.sum(weights), x[0, ..., 0].size
        shares = jnp.repeat(weights / jnp.where(total > 0, total * places, 1), places)
        rows = x.reshape(-1, x.shape[-1])
        mean, variance = _statistics(jax.lax.stop_gradient(rows) if on_cpu() else rows, shares)
        self._keep(mean, variance, weights, places)
        normal = _batch_norm if on_cpu() else _normalized
        return normal(rows, mean, variance, scale, bias, shares).reshape(x.shape)

    def maxima(self, x: jax.Array, weights: jax.Array | None, window: tuple[int, int]) -> jax.Array:
        """The largest y of every window of images, windows side by side, at a lower price.

        Args:
            x: `[batch, height, width, features]`.
            weights: as for the call.
            window: height and width of a window.
        """
        left = [size % reach for size, reach in zip(x.shape[1:3], window, strict=True)]
        if any(left) or not on_cpu():
            return max_pool(self(x, weights), window)
        if self.use_running_average:
            return self(extremes(window, x, self.scale[...]), weights)
        if weights is None:
            weights = jnp.ones(x.shape[0], x.dtype)
        weights = weights.astype(x.dtype)
        total, places = jnp.sum(weights), x.shape[1] * x.shape[2]
        shares = weights / jnp.where(total > 0, total * places, 1)
        parameters = self.scale[...], self.bias[...]
        y, mean, variance = standardized_maxima(window, EPSILON, x, shares, *parameters)
        self._keep(mean, variance, weights, places)
        return y

    def _keep(self, mean: jax.Array, variance: jax.Array, weights: jax.Array, places: int) -> None:
        total, squares = jnp.sum(weights), jnp.sum(weights**2)
        # As many rows of equal weight would say as much; with weights of 0 and 1 their number.
        count = places * total**2 / jnp.where(total > 0, squares, 1)
        unbiased = jnp.where(count > 1, count / jnp.where(count > 1, count - 1, 1), 1)
        step = jnp.where(total > 0, MOMENTUM, 0).astype(weights.dtype)
        for kept, value in ((self.mean, mean), (self.variance, variance * unbiased)):
            kept[...] += step * (jax.lax.stop_gradient(value) - kept[...])


def _statistics(rows: jax.Array, shares: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of `[rows, features]`; sums as products, which are faster on a CPU."""
    mean = shares @ rows
    return mean, shares @ jnp.square(rows - mean)


def _normalized(
    rows: jax.Array,
    mean: jax.Array,
    variance: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    shares: jax.Array,
) -> jax.Array:
    return (rows - mean) * (scale * jax.lax.rsqrt(variance + EPSILON)) + bias


@jax.custom_vjp
def _batch_norm(
    rows: jax.Array,
    mean: jax.Array,
    variance: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    shares: jax.Array,
) -> jax.Array:
    """`_normalized`, whose derivative in the rows goes through their mean and variance too."""
    return _normalized(rows, mean, variance, scale, bias, shares)


def _batch_norm_forward(*arguments: Any) -> Any:
    return _normalized(*arguments), arguments


def _batch_norm_backward(kept: Any, slope: jax.Array) -> Any:
    """With z = (x − μ) / √(σ² + ε), g the slope and s the shares of the rows:

    dx = γ (g − s Σg − s z Σgz) / √(σ² + ε), dγ = Σgz, dβ = Σg.
    """
    rows, mean, variance, scale, _, shares = kept
    factor = jax.lax.rsqrt(variance + EPSILON)
    ones, centred = jnp.ones(rows.shape[0], rows.dtype), rows - mean
    of_bias = ones @ slope
    of_scale = factor * (ones @ (slope * centred))
    means = of_bias + centred * (factor * of_scale)
    of_rows = (scale * factor) * (slope - shares[:, None] * means)
    return of_rows, None, None, of_scale, of_bias, None


_batch_norm.defvjp(_batch_norm_forward, _batch_norm_backward)


class LayerNorm(nnx.Module):  # type: ignore[misc]
    """y = γ (x − μ) / √(σ² + ε) + β with mean and variance over the last axis (Ba et al., 2016).

    Args:
        features: length of the last axis.
        rngs: not used; nothing is drawn.

    Attributes:
        scale, bias: γ, from 1, and β, from 0.
    """

    def __init__(self, features: int, rngs: nnx.Rngs) -> None:
        dtype = jnp.result_type(float)
        self.scale = nnx.Param(jnp.ones(features, dtype))
        self.bias = nnx.Param(jnp.zeros(features, dtype))

    def __call__(self, x: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """From `[..., features]` to the same shape; weights of rows change nothing."""
        return layer_norm(x, self.scale[...], self.bias[...])


def layer_norm(x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    """γ (x − μ) / √(σ² + ε) + β over the last axis of `[..., features]`."""
    return _layer_norm(x, scale, bias) if on_cpu() else _layer_norm_forward(x, scale, bias)[0]


@jax.custom_vjp
def _layer_norm(x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    return _layer_norm_forward(x, scale, bias)[0]


def _layer_norm_forward(x: jax.Array, scale: jax.Array, bias: jax.Array) -> Any:
    mean = jnp.mean(x, -1, keepdims=True)
    centred = x - mean
    factor = jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + EPSILON)
    return centred * factor * scale + bias, (x, mean, factor, scale)


def _layer_norm_backward(kept: Any, slope: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """With z = (x − μ) / √(σ² + ε) and g the slope: dx = (γg − mean(γg) − z mean(γgz)) / √(σ² + ε).

    Means and sums are products with a vector, which take half the time of sums over an axis.
    """
    x, mean, factor, scale = kept
    features = x.shape[-1]
    rows, slopes = x.reshape(-1, features), slope.reshape(-1, features)
    mean, factor = mean.reshape(-1, 1), factor.reshape(-1, 1)
    normal = (rows - mean) * factor
    both = slopes * normal
    share = (scale / features)[:, None]
    of_rows = factor * (slopes * scale - slopes @ share - normal * (both @ share))
    ones = jnp.ones((1, rows.shape[0]), x.dtype)
    return of_rows.reshape(x.shape), (ones @ both)[0], (ones @ slopes)[0]


_layer_norm.defvjp(_layer_norm_forward, _layer_norm_backward)


class NoNorm(nnx.Module):  # type: ignore[misc]
    """y = x: where a network has no normalization layers."""

    def __call__(self, x: jax.Array, weights: jax.Array | None = None) -> jax.Array:
        """x."""
        return x


def norm(kind: Normalization, features: int, rngs: nnx.Rngs) -> Any:
    """The layer of a normalization, called as `layer(x, weights)` whichever it is."""
    match kind:
        case "batch":
            return BatchNorm(features, rngs)
        case "layer":
            return LayerNorm(features, rngs)
    return NoNorm()
