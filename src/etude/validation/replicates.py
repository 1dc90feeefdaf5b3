"""Replicates: the same rows judge networks that were trained on rows drawn anew each time."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from etude.errors import InputError
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import EMPTY, check_some_stay, inner_seed, set_count_apart


class Replicates(Validation):
    """One set of test rows, and training rows drawn anew from the others for every replicate.

    How predictions of the same rows vary with the training rows is the variance of a method, and
    how far their mean is off its bias: `result.bias_variance()` takes them apart. The test rows
    are the ⌈test · rows⌉ of `holdout`; replicate i trains on the ⌈train · rest⌉ rows that
    `RandomState(seed + 1 + i)` draws from the rest without replacement. Where the data know
    groups, whole groups are dealt, and shares are of their number.

    Replicates share their test rows, and training rows too: the smaller `train`, the fewer.
    They tell how a method varies, not how sure its value on new rows is.

    Attributes:
        repeats: how many replicates there are.
        test: share of all rows that judge.
        train: share of the other rows that trains in each replicate.
    """

    keeps_groups = True

    repeats: Annotated[int, Field(ge=2, le=10_000)] = 20
    test: Annotated[float, Field(gt=0, lt=1)] = 0.3
    train: Annotated[float, Field(gt=0, lt=1)] = 0.5

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        if groups is not None and groups.shape != (rows,):
            raise InputError(f"`groups` must be {rows} group numbers, got the shape {groups.shape}")
        of_row = np.arange(rows)
        if groups is not None:
            of_row = np.unique(groups, return_inverse=True)[1]
        units = np.arange(int(of_row.max()) + 1 if rows else 0)
        count = math.ceil(self.test * len(units))
        noun = "row" if groups is None else "group"
        check_some_stay(len(units), count, "test", noun)
        rest, test = set_count_apart(units, None, count, seed, "test")
        drawn = math.ceil(self.train * len(rest))
        if drawn == len(rest):
            raise InputError(
                f"`train` must leave out some of the {noun}s that are not for testing, so that "
                f"replicates differ, got {drawn} of {len(rest)}"
            )
        judged = np.flatnonzero(np.isin(of_row, test))
        splits = []
        for number in range(self.repeats):
            order = np.random.RandomState(inner_seed(seed, number)).permutation(rest)
            train = np.flatnonzero(np.isin(of_row, order[:drawn]))
            splits.append(RowSplit(train, EMPTY, judged))
        return tuple(splits)
