"""Validations of which each breaks one promise, and is found out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etude.component import Component
from etude.validation.base import RowSplit, Validation


def dealt(make: Callable[[int, int], RowSplit]) -> Validation:
    class Dealt(Validation):
        """One split."""

        def splits(
            self, rows: int, strata: Any, seed: int, groups: Any = None
        ) -> tuple[RowSplit, ...]:
            return (make(rows, seed),)

    return Dealt()


def halves(rows: int) -> RowSplit:
    """The even rows train, the odd ones judge."""
    every = np.arange(rows)
    return RowSplit(every[::2], every[:0], every[1::2] if rows > 1 else every)


def roles() -> Component:
    def make(rows: int, seed: int) -> RowSplit:
        split = halves(rows)
        return replace(split, test=np.append(split.test, 0) if rows > 1 else split.test)

    return dealt(make)


def inner_rows() -> Component:
    class Looking(Validation):
        """Chooses by a row that judges."""

        def splits(
            self, rows: int, strata: Any, seed: int, groups: Any = None
        ) -> tuple[RowSplit, ...]:
            outer = halves(rows)
            if rows < 4:
                return (outer,)
            inner = RowSplit(outer.train[:1], outer.test[:1], outer.test[:0], chooses_for=0)
            return outer, inner

    return Looking()


def groups() -> Component:
    class Together(Validation):
        """Says that it keeps groups together."""

        keeps_groups = True

        def splits(
            self, rows: int, strata: Any, seed: int, groups: Any = None
        ) -> tuple[RowSplit, ...]:
            return (halves(rows),)

    return Together()


def order() -> Component:
    class Forward(Validation):
        """Says that it goes forward in time."""

        ordered = True

        def splits(
            self, rows: int, strata: Any, seed: int, groups: Any = None
        ) -> tuple[RowSplit, ...]:
            return (halves(rows),)

    return Forward()


def row_numbers() -> Component:
    return dealt(lambda rows, seed: replace(halves(rows), train=np.arange(0.0, rows, 2)))


def weights() -> Component:
    return dealt(lambda rows, seed: replace(halves(rows), weights=np.ones(rows + 1)))


def same_seed() -> Component:
    def make(rows: int, seed: int) -> RowSplit:
        order = np.random.default_rng().permutation(rows)
        return RowSplit(order[: -(-rows // 2)], order[:0], order[rows // 2 :][-1:])

    return dealt(make)


def too_few_rows() -> Component:
    def make(rows: int, seed: int) -> RowSplit:
        return halves(rows + 0 // (rows - 1))

    return dealt(make)


BROKEN: dict[str, Callable[[], Component]] = {
    make.__name__: make
    for make in (
        roles,
        inner_rows,
        groups,
        order,
        row_numbers,
        weights,
        same_seed,
        too_few_rows,
    )
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_check_finds_what_it_alone_can_find(name: str, alone: Callable[..., None]) -> None:
    alone(BROKEN[name](), name)


def test_every_check_finds_something(own_checks: Callable[[str], set[str]]) -> None:
    assert set(BROKEN) == own_checks("validation")
