"""One split: some rows train, others judge."""

import math
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from etude.component import Added
from etude.errors import InputError
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import (
    EMPTY,
    check_some_stay,
    checked_strata,
    inner_seed,
    set_count_apart,
)


class Holdout(Validation):
    """Rows drawn at random judge; the others train.

    The test rows are the ⌈test · rows⌉ that scikit-learn's `ShuffleSplit` (or
    `StratifiedShuffleSplit`) takes with the study's seed as random state. The validation rows
    are the ⌈validation · rows⌉ that it then takes from the others with the random state
    seed + 1. Where the data know groups, whole groups are dealt like this, and shares are of
    their number, as in `GroupShuffleSplit`.

    Text and series are judged on their end: with `shuffle = false` the last rows judge, those
    before them choose, and the first ones train. Groups are then in the order of their first
    rows.

    Attributes:
        test: share of all rows that judge.
        validation: share of all rows that choose and decide when to stop.
        stratified: whether all roles have the classes in proportion.
        shuffle: whether rows are drawn at random; False takes them from the end.
    """

    keeps_groups = True

    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0
    stratified: bool = False
    shuffle: Annotated[bool, Added()] = True

    @property
    def ordered(self) -> bool:  # type: ignore[override]
        """Whether later rows judge."""
        return not self.shuffle

    @model_validator(mode="after")
    def _shuffles_strata(self) -> Self:
        if self.stratified and not self.shuffle:
            raise ValueError(
                "`shuffle` must be true where `stratified` is: the last rows are in no proportion"
            )
        return self

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
        if groups is None:
            kept = checked_strata(rows, strata) if self.stratified else None
            return (self._dealt(np.arange(rows), kept, seed, "row"),)
        if groups.shape != (rows,):
            raise InputError(f"`groups` must be {rows} group numbers, got the shape {groups.shape}")
        if self.stratified:
            raise InputError(
                "`stratified` must be false where the data know groups: classes cannot be in "
                "proportion while whole groups are dealt"
            )
        _, first, group = np.unique(groups, return_index=True, return_inverse=True)
        found = np.arange(len(first)) if self.shuffle else np.argsort(first)
        dealt = self._dealt(found, None, seed, "group")
        train, validation, test = (
            np.flatnonzero(np.isin(group, part))
            for part in (dealt.train, dealt.validation, dealt.test)
        )
        return (RowSplit(train, validation, test),)

    def _dealt(self, rows: np.ndarray, strata: np.ndarray | None, seed: int, noun: str) -> RowSplit:
        """The roles of rows, or of groups."""
        tests, chosen = (math.ceil(share * len(rows)) for share in (self.test, self.validation))
        check_some_stay(len(rows), tests, "test", noun)
        check_some_stay(len(rows) - tests, chosen, "validation", noun)
        if not self.shuffle:
            last = len(rows) - tests
            return RowSplit(rows[: last - chosen], rows[last - chosen : last], rows[last:])
        train, test = set_count_apart(rows, strata, tests, seed, "test")
        if chosen == 0:
            return RowSplit(train, EMPTY, test)
        inner = inner_seed(seed, 0)
        train, validation = set_count_apart(train, strata, chosen, inner, "validation")
        return RowSplit(train, validation, test)


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
