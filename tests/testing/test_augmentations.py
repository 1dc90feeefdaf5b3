"""Augmentations of which each breaks one promise, and is found out."""

from collections.abc import Callable
from typing import Annotated, Any

import jax.numpy as jnp
import pytest
from pydantic import Field

from etude.component import Component, Traced
from etude.data.augmentation import Augmentation
from etude.data.input_noise import InputNoise
from etude.data.mixup import Mixup
from etude.keys import hashed_uniform


def same_rows() -> Component:
    class Heavier(InputNoise):
        """Rows weigh more."""

        def __call__(self, batch: Any, key: Any, spec: Any) -> Any:
            return super().__call__(batch, key, spec)._replace(weights=2 * batch.weights)

    return Heavier()


def targets() -> Component:
    class Secret(Mixup):
        """It mixes targets and does not say so."""

        mixes = False

    return Secret()


def strength_zero() -> Component:
    class Rounding(InputNoise):
        """It computes with inputs that it leaves."""

        def __call__(self, batch: Any, key: Any, spec: Any) -> Any:
            after = super().__call__(batch, key, spec)
            return after._replace(inputs=after.inputs / 3 * 3 + 1e-6)

    return Rounding()


def idle_rows() -> Component:
    class Neighbour(Mixup):
        """The next row is the partner, whatever it weighs."""

        def __call__(self, batch: Any, key: Any, spec: Any) -> Any:
            even = batch._replace(weights=jnp.ones_like(batch.weights))
            return super().__call__(even, key, spec)._replace(weights=batch.weights)

    return Neighbour()


def draws() -> Component:
    class Brighter(Augmentation):
        """It draws nothing.

        Attributes:
            light: what is added.
        """

        light: Annotated[Traced, Field(ge=0)] = 1.0

        def __call__(self, batch: Any, key: Any, spec: Any) -> Any:
            return batch._replace(inputs=batch.inputs + self.light)

    return Brighter()


def in_programs() -> Component:
    class Branching(InputNoise):
        """It branches on a number in Python, where there is no tracer."""

        def __call__(self, batch: Any, key: Any, spec: Any) -> Any:
            moved = hashed_uniform(key, batch.inputs.shape) * jnp.where(self.std > 0, 1.0, 0.0)
            if isinstance(self.std, float):
                moved = 2 * moved
            return batch._replace(
                inputs=jnp.where(self.std > 0, batch.inputs + moved, batch.inputs)
            )

    return Branching()


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make
    for make in (same_rows, targets, strength_zero, idle_rows, draws, in_programs)
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("augmentation")
