"""Initializers: how the first weights are drawn.

`fan_in` and `fan_out` are the numbers of inputs and outputs of one unit. For an array of shape
`[..., inputs, outputs]` they are inputs and outputs times the product of the leading axes (the
size of a convolution's kernel).

The normal forms are not truncated: truncation at two standard deviations, as some libraries do
it, needs a correction to keep the variance that gives these initializers their meaning.
"""

import math
from abc import abstractmethod
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.component import Component, Traced


class Initializer(Component, kind="initializer"):
    """Draws an array of weights.

    Class attributes:
        axes: how many axes an array must have at least.
    """

    axes: ClassVar[int] = 0

    @abstractmethod
    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        """An array of this shape; the signature of JAX's own initializers.

        Args:
            key: a random key.
            shape: `[..., inputs, outputs]` for the weights of a layer.
            dtype: by default JAX's floating-point type.
        """


class Zeros(Initializer):
    """Every weight 0. Units of a hidden layer that start equal stay equal."""

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return jnp.zeros(shape, dtype)


class Constant(Initializer):
    """Every weight the same.

    Attributes:
        value: the weight.
    """

    value: Traced = 0.0

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return jnp.full(shape, self.value, _float(dtype))


class Normal(Initializer):
    """W ~ N(0, std²).

    Attributes:
        std: standard deviation.
    """

    std: Annotated[Traced, Field(ge=0)] = 0.01

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return _normal(key, shape, dtype, self.std)


class Uniform(Initializer):
    """W ~ U(−scale, scale), of variance scale² / 3.

    Attributes:
        scale: the largest absolute weight.
    """

    scale: Annotated[Traced, Field(ge=0)] = 0.01

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return _uniform(key, shape, dtype, self.scale)


class LecunUniform(Initializer):
    """Uniform of variance 1 / fan_in (LeCun, Bottou, Orr & Müller, "Efficient BackProp", 1998)."""

    axes = 2

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return _uniform(key, shape, dtype, math.sqrt(3 / _fans(shape)[0]))


class LecunNormal(Initializer):
    """Normal of variance 1 / fan_in (LeCun, Bottou, Orr & Müller, "Efficient BackProp", 1998)."""

    axes = 2

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return _normal(key, shape, dtype, math.sqrt(1 / _fans(shape)[0]))


class XavierUniform(Initializer):
    """Uniform of variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010, equation 16)."""

    axes = 2

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return _uniform(key, shape, dtype, math.sqrt(6 / sum(_fans(shape))))


class XavierNormal(Initializer):
    """Normal of variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010)."""

    axes = 2

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return _normal(key, shape, dtype, math.sqrt(2 / sum(_fans(shape))))


class HeUniform(Initializer):
    """Uniform of variance 2 / fan_in, made for ReLU (He, Zhang, Ren & Sun, 2015)."""

    axes = 2

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return _uniform(key, shape, dtype, math.sqrt(6 / _fans(shape)[0]))


class HeNormal(Initializer):
    """Normal of variance 2 / fan_in, made for ReLU (He, Zhang, Ren & Sun, 2015)."""

    axes = 2

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        return _normal(key, shape, dtype, math.sqrt(2 / _fans(shape)[0]))


class Orthogonal(Initializer):
    """gain · Q, Q with orthonormal rows or columns (Saxe, McClelland & Ganguli, 2014).

    All axes but the last are taken together; Q is uniform over such matrices.

    Attributes:
        gain: every singular value.
    """

    axes = 2

    gain: Annotated[Traced, Field(ge=0)] = 1.0

    def __call__(self, key: jax.Array, shape: tuple[int, ...], dtype: Any = None) -> jax.Array:
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        q, r = jnp.linalg.qr(jax.random.normal(key, tall, _float(dtype)))
        # The signs of R's diagonal are the solver's choice; without them Q is not uniform.
        q *= jnp.where(jnp.diagonal(r) < 0, -1, 1)
        return (self.gain * (q if rows >= columns else q.T)).reshape(shape).astype(q.dtype)


def _float(dtype: Any) -> Any:
    return jnp.result_type(float) if dtype is None else dtype


def _normal(key: jax.Array, shape: tuple[int, ...], dtype: Any, std: Any) -> jax.Array:
    dtype = _float(dtype)
    return jnp.asarray(std, dtype) * jax.random.normal(key, shape, dtype)


def _uniform(key: jax.Array, shape: tuple[int, ...], dtype: Any, bound: Any) -> jax.Array:
    dtype = _float(dtype)
    return jnp.asarray(bound, dtype) * jax.random.uniform(key, shape, dtype, -1, 1)


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    kernel = math.prod(shape[:-2])
    return shape[-2] * kernel, shape[-1] * kernel
