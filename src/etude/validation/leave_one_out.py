"""Cross-validation in which every row is a fold."""

from typing import Annotated

import numpy as np
from pydantic import Field

from etude.errors import InputError
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import dealt_folds

MOST_ROWS = 5000
"""More rows would take gigabytes for their splits, and days of training."""


class LeaveOneOut(Validation):
    """Split i is judged on row i alone and trained on all others: one network for every row.

    The splits are those of scikit-learn's `LeaveOneOut`. Validation rows are those that
    `ShuffleSplit` takes from the training rows of split i with the random state seed + 1 + i.
    Metrics are of one row each and averaged: the RMSE is then the mean absolute error, and one
    that needs several rows (`r2`, `roc_auc`) has no value.

    Attributes:
        validation: share of each split's training rows that is set apart as validation rows.
    """

    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        if not 2 <= rows <= MOST_ROWS:
            raise InputError(
                f"`leave_one_out` trains a network for every row and needs from 2 to {MOST_ROWS:,} "
                f"rows, got {rows:,}: use kfold for more"
            )
        return dealt_folds(rows, None, seed, folds=rows, shuffle=False, validation=self.validation)
