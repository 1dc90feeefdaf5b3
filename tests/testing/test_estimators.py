"""Estimators of which each breaks one promise, and is found out."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from etude.component import Component
from etude.estimator.base import Estimator


class Nearest(Estimator, kind="estimator"):
    """The mean of the training targets, or the shares of the classes among them."""

    def versions(self) -> dict[str, str]:
        return {"numpy": np.__version__}

    def predict(
        self, inputs: Any, targets: Any, train: Any, weights: Any, spec: Any, seed: int
    ) -> Any:
        if spec.task == "classes":
            shares = np.bincount(targets[train], minlength=len(spec.classes)) / len(train)
            return np.tile(np.log(shares), (len(inputs), 1))
        return np.tile(targets[train].mean(0), (len(inputs), 1))


def prediction() -> Component:
    class Shares(Nearest):
        """Probabilities, not their logarithms."""

        def predict(self, *given: Any) -> Any:
            found = super().predict(*given)
            return np.exp(found) if given[4].task == "classes" else found

    return Shares()


def unseen_targets() -> Component:
    class Peeking(Nearest):
        """It is trained on all rows."""

        def predict(self, inputs: Any, targets: Any, *given: Any) -> Any:
            _, _, spec, seed = given
            every = np.arange(len(inputs))
            return super().predict(inputs, targets, every, np.ones(len(every)), spec, seed)

    return Peeking()


def same_seed() -> Component:
    class Restless(Nearest):
        """A part of it is drawn elsewhere."""

        def predict(self, *given: Any) -> Any:
            return super().predict(*given) * (1 + 1e-7 * np.random.default_rng().uniform(0.5, 1))

    return Restless()


def versions() -> Component:
    class Timeless(Nearest):
        """It tells no version."""

        def versions(self) -> dict[str, str]:
            return {}

    return Timeless()


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make for make in (prediction, unseen_targets, same_seed, versions)
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("estimator")
