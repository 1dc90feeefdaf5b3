"""Cross-validation: every row is judged once, by networks that were not trained on it."""

from typing import Annotated

import numpy as np
from pydantic import Field

from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import checked_strata, dealt_folds


class KFold(Validation):
    """Rows are dealt to `folds` groups; split i is judged on group i and trained on the others.

    The groups are those of scikit-learn's `KFold` (or `StratifiedKFold`) with the study's seed
    as random state. Validation rows are those that `ShuffleSplit` (or `StratifiedShuffleSplit`)
    takes from the training rows of split i with the random state seed + 1 + i.

    Attributes:
        folds: the number of groups.
        shuffle: whether rows are shuffled before they are dealt.
        stratified: whether every group has the classes in proportion.
        validation: share of each split's training rows that is set apart as validation rows.
    """

    name = "kfold"

    folds: Annotated[int, Field(ge=2)] = 5
    shuffle: bool = True
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
            shuffle=self.shuffle,
            validation=self.validation,
        )


class Stratified(Validation):
    """K-fold cross-validation with the classes in proportion in every group.

    The same splits as `KFold(stratified=True)`.

    Attributes:
        folds: the number of groups.
        shuffle: whether rows are shuffled before they are dealt.
        validation: share of each split's training rows that is set apart as validation rows.
    """

    folds: Annotated[int, Field(ge=2)] = 5
    shuffle: bool = True
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        same = KFold(
            folds=self.folds, shuffle=self.shuffle, stratified=True, validation=self.validation
        )
        return same.splits(rows, strata, seed, groups)
