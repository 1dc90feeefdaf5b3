"""The bootstrap: trained on rows drawn with replacement, judged on those that were not drawn."""

from typing import Annotated

import numpy as np
from pydantic import Field

from etude.errors import InputError
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import EMPTY, checked_strata, inner_seed


class Bootstrap(Validation):
    """In every repeat as many rows as there are come with replacement; the others judge.

    Split i trains on the distinct rows that `RandomState(seed + 1 + i)` draws, each with the
    number of times it was drawn as its weight, and is judged out of bag, on the rows that were
    not drawn: about 1/e = 36.8 % of them. A draw that leaves no row out is drawn again. Where
    the data know groups, whole groups are drawn. (Efron 1979; 1983, "Estimating the error rate
    of a prediction rule".)

    As a network sees 63.2 % of the rows only, the estimate is **pessimistic**: rather worse
    than a network trained on all rows, as that of 2-fold to 3-fold cross-validation. The .632
    estimate beside it takes training rows into account (`etude.evidence.out_of_bag`).

    Attributes:
        repeats: how often rows are drawn.
        stratified: whether every class is drawn as often as it has rows.
    """

    keeps_groups = True

    repeats: Annotated[int, Field(ge=2, le=10_000)] = 50
    stratified: bool = False

    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        if self.stratified and groups is not None:
            raise InputError(
                "`stratified` must be false where the data know groups: classes cannot be in "
                "proportion while whole groups are drawn"
            )
        if groups is not None and groups.shape != (rows,):
            raise InputError(f"`groups` must be {rows} group numbers, got the shape {groups.shape}")
        of_row = np.arange(rows)
        if groups is not None:
            of_row = np.unique(groups, return_inverse=True)[1]
        units = int(of_row.max()) + 1 if rows else 0
        stratum = np.zeros(units, np.int64)
        if self.stratified:
            stratum = np.unique(checked_strata(rows, strata), return_inverse=True)[1]
        members = [np.flatnonzero(stratum == number) for number in np.unique(stratum)]
        if max((len(each) for each in members), default=0) < 2:
            noun = "row" if groups is None else "group"
            raise InputError(
                f"`bootstrap` needs 2 {noun}s or more to draw from, so that some can be left "
                f"out, got {units} {noun}{'' if units == 1 else 's'}"
                f"{' of different classes' if self.stratified and units > 1 else ''}"
            )
        return tuple(
            _split(_times(members, units, inner_seed(seed, number))[of_row])
            for number in range(self.repeats)
        )


def _times(members: list[np.ndarray], units: int, seed: int) -> np.ndarray:
    """`[units]`: how often each is drawn; some unit is left out."""
    generator = np.random.RandomState(seed)
    while True:
        drawn = [each[generator.randint(len(each), size=len(each))] for each in members]
        times = np.bincount(np.concatenate(drawn), minlength=units)
        if (times == 0).any():
            return times


def _split(times: np.ndarray) -> RowSplit:
    train = np.flatnonzero(times)
    return RowSplit(train, EMPTY, np.flatnonzero(times == 0), times[train].astype(np.float64))
