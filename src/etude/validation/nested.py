"""Nested validation: inner splits choose, outer splits judge what was chosen."""

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from pydantic import model_validator

from etude.errors import InputError
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import EMPTY
from etude.validation.kfold import KFold


class Nested(Validation):
    """The training rows of every outer split are dealt again, to choose by.

    The outer splits come first, numbers 0 to K − 1, then the inner ones of each in turn. Every
    choice is trained on all of them. The choice for outer split k is the best on the held-out
    rows of the inner splits of k, on average; the test rows of k, which no inner split of k
    holds, judge it. The mean over k is what choosing the best like this is worth, free of the
    flattery of having been chosen. (Stone 1974; Varma and Simon 2006, "Bias in error estimation
    when using cross-validation for model selection".)

    Both are any validations, dealt with the study's seed. The training rows of an outer split
    keep the order of the data, so that `time_series` may stand inside; groups stay together if
    both keep them together, and training weights stay with their rows.

    Attributes:
        outer: which rows judge. Where algorithms stop early it has to set validation rows apart.
        inner: which of the training rows of an outer split choose: its held-out rows, which
            early stopping watches too. It sets no further validation rows apart.
    """

    outer: Validation = KFold()
    inner: Validation = KFold()

    @model_validator(mode="after")
    def _is_nested_once(self) -> Self:
        for field in ("outer", "inner"):
            if isinstance(getattr(self, field), Nested):
                raise ValueError(f"`{field}` must be a validation that is not nested, got nested")
        if getattr(self.inner, "validation", 0.0):
            raise ValueError(
                "`inner` must set no validation rows apart, for its held-out rows are the "
                f"validation rows, got {self.inner}"
            )
        return self

    # A validation declares these for its class; here they depend on the two that are nested.
    @property
    def keeps_groups(self) -> bool:  # type: ignore[override]
        """Whether rows of one group never stand on both sides of a split."""
        return self.outer.keeps_groups and self.inner.keeps_groups

    @property
    def ordered(self) -> bool:  # type: ignore[override]
        """Whether later rows choose and judge."""
        return self.outer.ordered and self.inner.ordered

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        judging = self.outer.splits(rows, strata, seed, groups)
        for split in judging:
            _check_apart(split, "outer")
        choosing: list[RowSplit] = []
        for number, split in enumerate(judging):
            try:
                choosing += self._inner(number, split, strata, seed, groups)
            except InputError as error:
                raise InputError(
                    f"`inner` deals the {split.train.size} training rows of outer split "
                    f"{number + 1}: {error}"
                ) from None
        return (*judging, *choosing)

    def of_all_rows(
        self,
        number: int,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        """`inner` deals all rows, to choose once more when the outer splits have judged.

        Args:
            number: what these splits choose for: as many as there are outer splits.
            rows, strata, seed, groups: as for `splits`.

        Raises:
            InputError: the rows cannot be split like this.
        """
        every = RowSplit(np.arange(rows), EMPTY, EMPTY)
        return tuple(self._inner(number, every, strata, seed, groups))

    def _inner(
        self,
        number: int,
        outer: RowSplit,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None,
    ) -> Iterator[RowSplit]:
        """The inner splits of one outer split, in rows of the data."""
        order = np.argsort(outer.train, kind="stable")
        there = outer.train[order]
        for split in self.inner.splits(len(there), _of(strata, there), seed, _of(groups, there)):
            _check_apart(split, "inner")
            if split.validation.size:
                raise InputError("it must set no validation rows apart, for its held-out rows are")
            weights = split.weights
            if outer.weights.size:
                own = outer.weights[order][split.train]
                weights = own * split.weights if split.weights.size else own
            yield RowSplit(there[split.train], there[split.test], EMPTY, weights, number)


def _of(values: Any, rows: np.ndarray) -> Any:
    return None if values is None else values[rows]


def _check_apart(split: RowSplit, field: str) -> None:
    """Refuse a validation that judges rows which it trains on: there is nothing to nest."""
    if np.isin(split.test, split.train).any():
        raise InputError(f"`{field}` must hold rows out, and judges rows that it trains on")
