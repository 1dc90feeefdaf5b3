"""Successive halving (Jamieson and Talwalkar 2016, AISTATS)."""

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from etude.search.base import Proposal, Proposals, Search
from etude.search.space import Space


class Halving(Search):
    """Many choices begin, and at every rung the better ones go on from where they are.

    Of n choices ⌈n / factor⌉ go on after `first` epochs, of these as large a part after `first` ·
    factor epochs, and so on to the whole budget. What a choice has reached at a rung is judged on
    the rows that choose, by its mean over splits and seeds; where several are equal the first
    ones go on. Learning rates follow the schedule of the whole budget from the start.

    Attributes:
        factor: of so many choices one goes on, and it trains for so many times the epochs.
        first: epochs before the first rung.
        trials: how many choices are drawn; 0 for all combinations of the study, which then has no
            distributions.
    """

    factor: Annotated[int, Field(ge=2, le=100)] = 3
    first: Annotated[int, Field(ge=1)] = 1
    trials: Annotated[int, Field(ge=0, le=100_000)] = 0

    def proposals(self, space: Space, count: int, seed: int) -> Proposals:
        """The choices that are left, one rung after the other."""
        drawn = space.drawn(self.trials, seed) if self.trials else ()
        left = np.arange(self.trials or count)
        epochs = self.first
        while True:
            told = yield Proposal(drawn, tuple(left.tolist()), epochs if len(left) > 1 else 0)
            if told.ended:
                return
            left = left[better(told.values, math.ceil(len(left) / self.factor))]
            drawn, epochs = (), epochs * self.factor

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """`first` times the powers of the factor, as far as they are below the budget."""
        found, rung = [], self.first
        while rung < epochs:
            found.append(rung)
            rung *= self.factor
        return tuple(found)


def better(values: np.ndarray, count: int) -> np.ndarray:
    """The places of the `count` greatest values, ascending; the first ones where some are equal.

    Example:
        >>> better(np.array([0.5, 0.9, np.nan, 0.5]), 2).tolist()
        [0, 1]
    """
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
    return np.sort(order[:count])
