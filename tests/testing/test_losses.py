"""Losses of which each breaks one promise, and is found out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from etude.component import Component
from etude.loss.classification import CrossEntropy
from etude.loss.regression import MAE, MSE, Huber


def value_per_row() -> Component:
    class Column(MSE):
        """A column of values."""

        def __call__(self, outputs: Any, batch: Any) -> Any:
            return super().__call__(outputs, batch)[:, None]

        def objective(self, model: Any, batch: Any, key: Any) -> Any:
            values = MSE()(self.evaluate(model, batch), batch)
            weighted = jnp.where(batch.weights > 0, batch.weights * values, 0)
            return jnp.sum(weighted) / jnp.sum(batch.weights)

    return Column()


def prediction() -> Component:
    class First(MSE):
        """It predicts one of the targets."""

        def prediction(self, outputs: Any) -> Any:
            return outputs[:, :1]

    return First()


def deviation() -> Component:
    class Logarithmic(MSE):
        """It tells the logarithm of a deviation."""

        def deviation(self, outputs: Any) -> Any:
            return jnp.log(jnp.full_like(outputs, 0.5))

    return Logarithmic()


def traced() -> Component:
    class Branching(Huber):
        """It branches on a number in Python."""

        def __call__(self, outputs: Any, batch: Any) -> Any:
            return super().__call__(outputs, batch) if self.delta > 0 else MAE()(outputs, batch)

    return Branching()


def shares() -> Component:
    class Doubled(CrossEntropy):
        """Of shares of classes it has another value."""

        def __call__(self, outputs: Any, batch: Any) -> Any:
            return super().__call__(outputs, batch) * batch.targets.ndim

    return Doubled()


def weightless_rows() -> Component:
    class Unweighted(MSE):
        """The mean over all rows, padded ones too."""

        def objective(self, model: Any, batch: Any, key: Any) -> Any:
            return jnp.mean(self(self.evaluate(model, batch), batch))

    return Unweighted()


def finite_differences() -> Component:
    class Halved(MSE):
        """Half of its gradient is held back."""

        def __call__(self, outputs: Any, batch: Any) -> Any:
            residual = outputs - batch.targets
            return jnp.sum(jax.lax.stop_gradient(residual) * residual, -1)

    return Halved()


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make
    for make in (
        value_per_row,
        prediction,
        deviation,
        traced,
        shares,
        weightless_rows,
        finite_differences,
    )
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("loss")
