"""Metrics of which each breaks one promise, and is found out."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from etude.component import Component
from etude.metric.base import JointMetric
from etude.metric.regression import RMSE


def statistics_shape() -> Component:
    class Gappy(RMSE):
        """A statistic that is no number."""

        def statistics(self, prediction: Any, batch: Any) -> Any:
            found = super().statistics(prediction, batch)
            return jnp.concatenate([found, jnp.full_like(found[:, :1], jnp.nan)], -1)

        def value(self, mean: np.ndarray) -> np.ndarray:
            return super().value(mean[..., :-1])

        def trivial(self, train: Any, judged: Any, spec: Any) -> float:
            return RMSE().trivial(train, judged, spec)

    return Gappy()


def row_order() -> Component:
    class Relative(RMSE):
        """A row is compared with the others of its batch."""

        def statistics(self, prediction: Any, batch: Any) -> Any:
            found = super().statistics(prediction, batch)
            return found + 0.01 * jnp.mean(found, 0)

    return Relative()


def row_weights() -> Component:
    class Widest(JointMetric):
        """The largest error of all rows, whatever they weigh."""

        bounds = (0.0, None)
        task = "numbers"

        def statistics(self, prediction: Any, batch: Any) -> Any:
            return jnp.abs(prediction - batch.targets)

        def summary(self, statistics: Any, weights: Any) -> Any:
            return jnp.full((weights.shape[0], 1), jnp.max(statistics))

        def trivial(self, train: Any, judged: Any, spec: Any) -> float:
            return float(np.abs(judged - train.mean(0)).max())

    return Widest()


def in_programs() -> Component:
    class OnTheHost(RMSE):
        """It calls NumPy, and does not say how to for several members."""

        def statistics(self, prediction: Any, batch: Any) -> Any:
            found = super().statistics(prediction, batch)
            like = jax.ShapeDtypeStruct(found.shape, found.dtype)
            return jax.pure_callback(np.asarray, like, found)

    return OnTheHost()


def curves() -> Component:
    class Flat(RMSE):
        """It takes the mean of one role for that of all."""

        def value(self, mean: np.ndarray) -> np.ndarray:
            return np.sqrt(np.mean(mean))

    return Flat()


def within_bounds() -> Component:
    class Narrow(RMSE):
        """It goes beyond its bounds."""

        bounds = (0.0, 0.5)

        def trivial(self, train: Any, judged: Any, spec: Any) -> float:
            return 0.5

    return Narrow()


def direction() -> Component:
    class Reversed(RMSE):
        """It says that greater errors are better."""

        greater_is_better = True

        def trivial(self, train: Any, judged: Any, spec: Any) -> float:
            return 0.0

    return Reversed()


def trivial() -> Component:
    class Unknown(RMSE):
        """Its trivial predictor has no value."""

        def trivial(self, train: Any, judged: Any, spec: Any) -> float:
            return float("nan")

    return Unknown()


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make
    for make in (
        statistics_shape,
        row_order,
        row_weights,
        in_programs,
        curves,
        within_bounds,
        direction,
        trivial,
    )
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("metric")
