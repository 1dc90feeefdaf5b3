"""Initializers of which each breaks one promise, and is found out."""

from collections.abc import Callable
from itertools import count
from typing import Any

import jax.numpy as jnp
import pytest

from etude.component import Component
from etude.model.initializers import Normal


def arrays() -> Component:
    class Single(Normal):
        """Always single precision."""

        def __call__(self, key: Any, shape: Any, dtype: Any = None) -> Any:
            return super().__call__(key, shape, jnp.float32)

    return Single()


def same_key() -> Component:
    times = count()

    class Restless(Normal):
        """A part of it is drawn elsewhere."""

        def __call__(self, key: Any, shape: Any, dtype: Any = None) -> Any:
            drawn = super().__call__(key, shape, dtype)
            return drawn * jnp.asarray(1 + 1e-6 * next(times), dtype)

    return Restless()


def traced() -> Component:
    class Guarded(Normal):
        """It branches on a number in Python."""

        def __call__(self, key: Any, shape: Any, dtype: Any = None) -> Any:
            return super().__call__(key, shape, dtype) if self.std > 0 else jnp.zeros(shape, dtype)

    return Guarded()


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make for make in (arrays, same_key, traced)
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("initializer")
