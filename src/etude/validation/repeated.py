"""Cross-validation several times over, each time with other folds."""

from typing import Annotated

import numpy as np
from pydantic import Field

from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import checked_strata, dealt_folds


class Repeated(Validation):
    """K-fold cross-validation, repeated with rows dealt anew each time.

    The splits are those of scikit-learn's `RepeatedKFold` (or `RepeatedStratifiedKFold`) with
    the study's seed as random state, one repeat after the other. Validation rows are those that
    `ShuffleSplit` (or `StratifiedShuffleSplit`) takes from the training rows of split i with
    the random state seed + 1 + i. Repeats steady the mean; as they share their rows, the
    corrected standard error shrinks far less than with the root of their number.

    Attributes:
        folds: the number of groups that rows are dealt to.
        repeats: how often they are dealt.
        stratified: whether every group has the classes in proportion.
        validation: share of each split's training rows that is set apart as validation rows.
    """

    folds: Annotated[int, Field(ge=2)] = 5
    repeats: Annotated[int, Field(ge=1, le=1000)] = 10
    stratified: bool = False
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        return dealt_folds(
            rows,
            checked_strata(rows, strata) if self.stratified else None,
            seed,
            folds=self.folds,
            shuffle=True,
            validation=self.validation,
            repeats=self.repeats,
        )
