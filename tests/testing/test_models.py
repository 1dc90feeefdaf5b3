"""Models of which each breaks one promise, and is found out."""

from collections.abc import Callable
from itertools import count
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import Field

from etude.component import Component, Traced
from etude.errors import InputError
from etude.model.base import Model


class Weights(nnx.Module):
    """xW + b, and something that goes wrong.

    Args:
        wrong: from the outputs and the module to other outputs.
    """

    def __init__(self, inputs: int, outputs: int, rngs: nnx.Rngs, wrong: Any = None) -> None:
        self.layer = nnx.Linear(inputs, outputs, rngs=rngs)
        self.wrong = wrong
        self.deterministic = False

    def __call__(self, x: Any) -> Any:
        found = self.layer(x)
        return found if self.wrong is None else self.wrong(found, self)


def of_weights(wrong: Any = None, more: int = 0) -> Model:
    class Net(Model):
        """A linear network.

        Attributes:
            size: the size of its weights.
        """

        size: Annotated[Traced, Field(gt=0)] = 1.0

        def build(self, spec: Any, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
            return Weights(spec.inputs[0], outputs + more, rngs, wrong)

    return Net()


def output_shape() -> Component:
    return of_weights(more=1)


def same_key() -> Component:
    times = count()

    class Drawing(Model):
        """It draws weights from elsewhere."""

        def build(self, spec: Any, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
            module = Weights(spec.inputs[0], outputs, rngs)
            kernel = module.layer.kernel
            kernel[...] = kernel[...] * np.float32(1 + 1e-6 * next(times))
            return module

    return Drawing()


def traced() -> Component:
    class Guarded(Model):
        """It branches on a number in Python.

        Attributes:
            size: the size of its weights.
        """

        size: Annotated[Traced, Field(gt=0)] = 1.0

        def build(self, spec: Any, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
            assert self.size > 0
            return Weights(spec.inputs[0], outputs, rngs)

    return Guarded()


def batch_sizes() -> Component:
    return of_weights(lambda found, net: found - net.deterministic * jnp.mean(found, 0))


class Foresight(nnx.Module):
    """What follows each symbol of a text, and at every step the last symbol."""

    def __init__(self, symbols: int, outputs: int, rngs: nnx.Rngs) -> None:
        self.table = nnx.Embed(symbols, outputs, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.table(x) + self.table(x[:, -1:])


def causal() -> Component:
    class Seer(Model):
        """It sees what comes later."""

        def check(self, spec: Any) -> None:
            if spec.task != "tokens":
                raise InputError("`model` seer needs text")

        def build(self, spec: Any, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
            return Foresight(spec.vocabulary, outputs, rngs)

    return Seer()


def padding() -> Component:
    return of_weights(lambda found, net: found - (not net.deterministic) * jnp.mean(found, 0))


def gradients() -> Component:
    return of_weights(lambda found, net: found + jnp.sqrt(jnp.sum(net.layer.bias[...] ** 2)))


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make
    for make in (output_shape, same_key, traced, batch_sizes, causal, padding, gradients)
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("model")
