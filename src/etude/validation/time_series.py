"""Validation forward in time: trained on the past, judged on what follows."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from etude.errors import InputError
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import EMPTY


class TimeSeries(Validation):
    """An expanding window: split i trains on the rows before its test rows, never on later ones.

    Rows are in the order of time: as they come, or as `order` of a table sorts them. The last
    folds · test_size rows are judged, test_size in each split: the splits of scikit-learn's
    `TimeSeriesSplit`. Validation rows are the last of the training window; `gap` rows are left
    out before them too.

    Attributes:
        folds: the number of splits.
        test_size: rows that are judged in a split; 0 for ⌊rows / (folds + 1)⌋.
        gap: rows left out between the rows that train and those that judge, for targets that
            look into the future.
        max_train_size: the window is no longer than so many rows and moves; 0 for no limit.
        validation: share of each training window that is set apart as validation rows.
    """

    ordered = True

    folds: Annotated[int, Field(ge=2)] = 5
    test_size: Annotated[int, Field(ge=0)] = 0
    gap: Annotated[int, Field(ge=0)] = 0
    max_train_size: Annotated[int, Field(ge=0)] = 0
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        if self.folds >= rows:
            raise InputError(
                f"`folds` must be less than the number of rows, {rows}, got {self.folds}"
            )
        size = self.test_size or rows // (self.folds + 1)
        first = rows - self.folds * size
        if first - self.gap < 1:
            raise InputError(
                f"`folds` × test rows + `gap` must leave at least one of the {rows} rows to train "
                f"on, got {self.folds} × {size} + {self.gap}"
            )
        return tuple(self._split(start, size) for start in range(first, rows, size))

    def _split(self, start: int, size: int) -> RowSplit:
        end = start - self.gap
        begin = max(0, end - self.max_train_size) if self.max_train_size else 0
        test = np.arange(start, start + size)
        apart = math.ceil(self.validation * (end - begin))
        if apart == 0:
            return RowSplit(np.arange(begin, end), EMPTY, test)
        last = end - apart - self.gap
        if last <= begin:
            raise InputError(
                f"`validation` must leave at least one row to train on, got {apart} rows and "
                f"a `gap` of {self.gap} of the {end - begin} before test row {start + 1}"
            )
        return RowSplit(np.arange(begin, last), np.arange(end - apart, end), test)
