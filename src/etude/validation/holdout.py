"""One split: some rows train, others judge."""

import math
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from etude.errors import InputError
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import (
    EMPTY,
    checked_strata,
    inner_seed,
    set_apart,
    set_count_apart,
)


class Holdout(Validation):
    """Rows drawn at random judge; the others train.

    The test rows are the ⌈test · rows⌉ that scikit-learn's `ShuffleSplit` (or
    `StratifiedShuffleSplit`) takes with the study's seed as random state. The validation rows
    are the ⌈validation · rows⌉ that it then takes from the others with the random state
    seed + 1.

    Attributes:
        test: share of all rows that judge.
        validation: share of all rows that choose and decide when to stop.
        stratified: whether all roles have the classes in proportion.
    """

    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    stratified: bool = False

    @model_validator(mode="after")
    def _some_rows_train(self) -> Self:
        if self.test + self.validation >= 1:
            raise ValueError(
                f"`test` and `validation` must add up to less than 1, "
                f"got {self.test} and {self.validation}"
            )
        return self

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        kept = checked_strata(rows, strata) if self.stratified else None
        train, test = set_apart(np.arange(rows), kept, self.test, seed, "test")
        if self.validation == 0:
            return (RowSplit(train, EMPTY, test),)
        count = math.ceil(self.validation * rows)
        train, validation = set_count_apart(train, kept, count, inner_seed(seed, 0), "validation")
        return (RowSplit(train, validation, test),)


class TrainingOnly(Validation):
    """All rows train, and the same rows judge.

    For problems without held-out rows, such as the way of an optimizer on a surface, and for
    training a chosen network on everything. The figure that it gives of a network that learns
    from rows is **optimistic**: it says how well the rows were fitted, not how well others
    would be predicted.
    """

    keeps_groups = True  # nothing is held out

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        if rows == 0:
            raise InputError("`training_only` needs at least one row to train on, got none")
        every = np.arange(rows)
        return (RowSplit(every, EMPTY, every),)
