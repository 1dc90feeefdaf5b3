"""Data of which each breaks one promise, and is found out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import Field

from etude.component import Component
from etude.data.assemble import assemble
from etude.data.assemble import fingerprint as fingerprint_of
from etude.data.base import Data, Prepared
from etude.data.columns import Column
from etude.data.rows import InputsAndTargets


def plane(rows: int = 40, seed: int = 0, stream: Any = None, **fields: Any) -> Prepared:
    """Rows of three numbers and a target."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(rows, 3)).astype(np.float32)
    names = tuple(Column(f"x{number}", "number") for number in range(3))
    prepared = assemble(names, x, x.sum(1, keepdims=True).astype(np.float64), target_names=("y",))
    return replace(prepared, **(fields | ({} if stream is None else {"stream": stream()})))


def of_plane(make: Callable[[int], Prepared]) -> Data:
    class Plane(Data):
        """A plane.

        Attributes:
            rows: how many.
        """

        rows: Annotated[int, Field(ge=2)] = 40

        def prepare(self) -> Prepared:
            return make(self.rows)

    return Plane()


def prepared_alike() -> Component:
    return of_plane(lambda rows: plane(rows, int(np.random.default_rng().integers(1 << 30))))


def fingerprint() -> Component:
    return of_plane(lambda rows: plane(rows, fingerprint=fingerprint_of({}, {})))


def sizes() -> Component:
    return of_plane(lambda rows: plane(rows, spec=replace(plane().spec, inputs=(4,))))


def every_row() -> Component:
    class WithReplacement(InputsAndTargets, kind="stream"):
        def epoch(self, source: Any, carry: Any, key: Any) -> Any:
            order = source.split.order
            return order[jax.random.randint(key, order.shape, 0, source.split.size)]

    return of_plane(lambda rows: plane(rows, stream=WithReplacement))


def evaluation() -> Component:
    class InOrder(InputsAndTargets, kind="stream"):
        def evaluation(self, source: Any, index: Any, model: Any, key: Any) -> Any:
            return super().evaluation(source, jnp.sort(index), model, key)

    return of_plane(lambda rows: plane(rows, stream=InOrder))


def held_out() -> Component:
    def make(rows: int) -> Prepared:
        prepared = plane(rows)
        x = prepared.arrays["inputs"]

        def fit(train: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
            mean = x[train].mean(0) + 0.001 * x.mean(0)
            return {"mean": mean, "factor": 1 / x[train].std(0)}

        return replace(prepared, fit=fit)

    return of_plane(make)


def fitted() -> Component:
    def make(rows: int) -> Prepared:
        prepared = plane(rows)
        x = prepared.arrays["inputs"]
        fitted = {"mean": x.mean(0), "factor": 1 / x.std(0)}
        return replace(prepared, fit=lambda train, weights: fitted)

    return of_plane(make)


def in_programs() -> Component:
    class OnTheHost(InputsAndTargets, kind="stream"):
        def gather(self, source: Any, index: Any, weights: Any) -> Any:
            return super().gather(source, jnp.asarray(np.asarray(index)), weights)

    return of_plane(lambda rows: plane(rows, stream=OnTheHost))


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make
    for make in (
        prepared_alike,
        fingerprint,
        sizes,
        every_row,
        evaluation,
        held_out,
        fitted,
        in_programs,
    )
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("data")
