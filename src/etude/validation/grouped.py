"""Cross-validation in which rows that belong together stay together."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from etude.errors import InputError
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import inner_seed, set_apart


class Grouped(Validation):
    """K-fold cross-validation over groups: no group is both trained and judged on.

    For rows that resemble one another, such as several of one patient; the data says which
    (`group` of a table). The folds are those of scikit-learn's `GroupKFold`: largest groups
    first, each to the fold with the fewest rows, so that folds have about equally many rows; or,
    shuffled, about equally many groups at random with the study's seed as random state.
    Validation rows are those of the groups that `GroupShuffleSplit` takes from the training
    rows of split i with the random state seed + 1 + i.

    Attributes:
        folds: how many folds the groups are dealt to.
        shuffle: whether groups are dealt at random.
        validation: share of each split's training groups whose rows are set apart as validation
            rows.
    """

    keeps_groups = True

    folds: Annotated[int, Field(ge=2)] = 5
    shuffle: bool = False
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        if groups is None:
            raise InputError(
                "`validation` grouped needs data with groups, got data without: name the column "
                "that tells them as `group` of a table"
            )
        if groups.shape != (rows,):
            raise InputError(f"`groups` must be {rows} group numbers, got the shape {groups.shape}")
        found, group = np.unique(groups, return_inverse=True)
        if self.folds > len(found):
            raise InputError(
                f"`folds` must be at most the number of groups, {len(found)}, got {self.folds}"
            )
        fold = self._folds(group, len(found), seed)[group]
        splits = []
        for number in range(self.folds):
            train, test = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            inner = inner_seed(seed, number)
            train, apart = _groups_apart(train, group[train], self.validation, inner)
            splits.append(RowSplit(train, apart, test))
        return tuple(splits)

    def _folds(self, group: np.ndarray, groups: int, seed: int) -> np.ndarray:
        """The fold of each group."""
        fold = np.empty(groups, np.int64)
        if self.shuffle:
            order = np.random.RandomState(seed).permutation(groups)
            for number, block in enumerate(np.array_split(order, self.folds)):
                fold[block] = number
            return fold
        sizes = np.bincount(group)
        filled = np.zeros(self.folds, np.int64)
        for place in np.argsort(sizes, kind="stable")[::-1]:
            fold[place] = filled.argmin()
            filled[fold[place]] += sizes[place]
        return fold


def _groups_apart(
    rows: np.ndarray, group: np.ndarray, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that stay and those of the ⌈share · groups⌉ groups that are set apart."""
    found = np.unique(group)
    count = math.ceil(share * len(found))
    if count >= len(found):
        raise InputError(
            "`validation` must leave at least one group to train on, got "
            f"{count} of the {len(found)} that a split has besides its test groups"
        )
    _, apart = set_apart(found, None, share, seed, "validation")
    chosen = np.isin(group, apart)
    return rows[~chosen], rows[chosen]
