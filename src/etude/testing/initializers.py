"""What an initializer must do."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.model.initializers import Initializer
from etude.testing.beside import QUICK, Beside, close, demand, same_bits

SHAPES = ((8, 6), (3, 3, 4, 5), (5,))


def arrays(initializer: Initializer, beside: Beside) -> None:
    """It draws finite arrays of the shape and type asked for."""
    shapes = _shapes(initializer)
    _try(initializer, [(shape, None, "float32") for shape in shapes])
    with jax.enable_x64(True):
        _try(initializer, [(shapes[0], None, "float64"), (shapes[0], jnp.float32, "float32")])


def same_key(initializer: Initializer, beside: Beside) -> None:
    """The same key draws the same numbers."""
    first, second = (initializer(jax.random.key(0), SHAPES[0]) for _ in range(2))
    demand(
        same_bits(first, second),
        f"{initializer} draws other numbers from the same key: they must come from the key alone",
    )


def traced(initializer: Initializer, beside: Beside) -> None:
    """It draws inside programs, where its traced numbers and the key are tracers."""

    def drawn(initializer: Initializer, key: Any) -> Any:
        return initializer(key, SHAPES[0])

    key = jax.random.key(0)
    inside = jax.jit(drawn, compiler_options=QUICK)(initializer, key)
    demand(
        close(inside, drawn(initializer, key)),
        f"{initializer} draws other numbers inside a program",
    )


CHECKS = (arrays, same_key, traced)


def _try(initializer: Initializer, asked: list[tuple[tuple[int, ...], Any, str]]) -> None:
    """Draw arrays of these shapes and types, which are to be of the types that are named."""

    def drawn(key: Any) -> list[Any]:
        return [initializer(key, shape, dtype) for shape, dtype, _ in asked]

    found = jax.jit(drawn, compiler_options=QUICK)(jax.random.key(0))
    for array, (shape, dtype, expected) in zip(found, asked, strict=True):
        demand(
            array.shape == shape and array.dtype == expected,
            f"{initializer} must draw {expected}{list(shape)} where the type asked for is "
            f"{dtype}, got {array.dtype}{list(array.shape)}",
        )
        demand(np.isfinite(array).all(), f"{initializer} draws numbers that are not finite")


def _shapes(initializer: Initializer) -> list[tuple[int, ...]]:
    return [shape for shape in SHAPES if len(shape) >= initializer.axes]
