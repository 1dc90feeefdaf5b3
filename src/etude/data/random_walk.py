"""A series that drifts, told by its time."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.columns import Column


class RandomWalk(Data):
    """A random walk with drift: y_t = y_{t−1} + drift + noise · ε_t, y_0 = 0, ε standard normal.

    A row holds the time t = 1, 2, ... and y_t as target; rows are in the order of time, so that
    `time_series` splits them as they are. Neighbours are alike, and what comes later is not: from
    the last value y_t on, y_{t+h} is expected h · drift away, with the standard deviation
    noise · √h. Inputs are standardized as fitted to the training rows, targets are not. Pearson
    1905, "The problem of the random walk".

    Attributes:
        rows: how many times there are.
        drift: how far it moves at each time, on average.
        noise: standard deviation of what is new at each time.
        seed: the same seed gives the same walk.
    """

    rows: Annotated[int, Field(ge=2, le=10_000_000)] = 300
    drift: Annotated[float, Field(ge=-1e3, le=1e3)] = 0.0
    noise: Annotated[float, Field(gt=0, le=1e3)] = 1.0
    seed: Annotated[int, Field(ge=0)] = 0

    def prepare(self) -> Prepared:
        """Draw the walk."""
        generator = np.random.default_rng(self.seed)
        times = np.arange(1.0, self.rows + 1)
        walk = self.drift * times + self.noise * np.cumsum(generator.normal(size=self.rows))
        return assemble(
            (Column("time", "number"),),
            times[:, None].astype(np.float32),
            walk[:, None],
            target_names=("y",),
            scale_target=False,
        )
