"""Algorithms of which each breaks one promise, and is found out."""

from collections.abc import Callable
from itertools import count
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from etude.algorithm.sgd import SGD
from etude.component import Component


def state_shapes() -> Component:
    class Wrapped(SGD):
        """The weights that it judges by have another structure."""

        def evaluated(self, params: Any, state: Any) -> Any:
            return [params]

    return Wrapped()


def finite_steps() -> Component:
    class Uphill(SGD):
        """It climbs."""

        def update(self, gradient: Any, state: Any, params: Any, step: Any) -> Any:
            return 1e30 * self.learning_rate * gradient, state

    return Uphill()


def population() -> Component:
    class Fixed(SGD):
        """It has a rate of its own."""

        def update(self, gradient: Any, state: Any, params: Any, step: Any) -> Any:
            return -0.1 * gradient, state

    return Fixed()


def shown_divergence() -> Component:
    class Hiding(SGD):
        """It hides what is not a number."""

        def update(self, gradient: Any, state: Any, params: Any, step: Any) -> Any:
            return super().update(jnp.nan_to_num(gradient), state, params, step)

    return Hiding()


def widths() -> Component:
    def checked(gradient: np.ndarray) -> np.ndarray:
        """All of it is spoilt by a part of it: of several members, by any of them."""
        return gradient if np.isfinite(gradient).all() else np.full_like(gradient, np.nan)

    class AllTogether(SGD):
        """It looks at the gradients of all members at once."""

        def update(self, gradient: Any, state: Any, params: Any, step: Any) -> Any:
            like = jax.ShapeDtypeStruct(gradient.shape, gradient.dtype)
            found = jax.pure_callback(checked, like, gradient, vmap_method="expand_dims")
            return super().update(found, state, params, step)

    return AllTogether()


def company() -> Component:
    times = count()

    class Restless(SGD):
        """It draws a number in Python while it is traced."""

        def update(self, gradient: Any, state: Any, params: Any, step: Any) -> Any:
            drawn = np.float32(1 + 1e-6 * next(times))
            return super().update(drawn * gradient, state, params, step)

    return Restless()


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make
    for make in (state_shapes, finite_steps, population, shown_divergence, widths, company)
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("algorithm")
