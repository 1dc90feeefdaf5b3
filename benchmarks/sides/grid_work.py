"""A grid of small networks under K-fold cross-validation: which, on which rows."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

FOLDS = 5
SPLIT_SEED = 0
HIDDEN = 64

RULES = {"sgd": (1e-3, 1.0), "momentum": (1e-4, 0.3), "nesterov": (1e-4, 0.3), "adam": (3e-5, 0.1)}
"""The update rules that all sides have, and the range of the learning rate of each."""


@dataclass(frozen=True)
class Grid:
    """Rules × learning rates × folds × seeds.

    Attributes:
        table: a file of NumPy, `[rows, inputs + 1]`, whose last column is the class; "" is digits.
        rates: learning rates for each rule.
        seeds: networks for each of them on each fold.
        epochs: how often each network goes through its training rows.
        batch_size: rows of a step, drawn without replacement.
        every: train only every so manieth learning rate.
    """

    table: str = ""
    rates: int = 24
    seeds: int = 2
    epochs: int = 20
    batch_size: int = 32
    every: int = 1

    def values(self, rule: str) -> list[float]:
        """The learning rates of a rule; with `every`, those in the middle of each run."""
        whole = [float(f"{value:.6g}") for value in np.geomspace(*RULES[rule], self.rates)]
        return whole[self.every // 2 :: self.every]

    @property
    def networks(self) -> int:
        """How many networks it trains."""
        return sum(len(self.values(rule)) for rule in RULES) * FOLDS * self.seeds

    @property
    def work(self) -> dict[str, Any]:
        """The grid as JSON knows it."""
        return json.loads(json.dumps(asdict(self)))

    @classmethod
    def of(cls, work: Mapping[str, Any]) -> "Grid":
        """The grid that `work` tells."""
        return cls(**work)

    def __str__(self) -> str:
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return (
            f"{len(RULES)} update rules × {self.rates} learning rates × {FOLDS} folds × {seeds} = "
            f"{self.networks} networks, {self.epochs} epochs in batches of {self.batch_size}"
        )


class Rows(NamedTuple):
    """All rows, and the splits: pairs of training and test row numbers."""

    x: np.ndarray
    y: np.ndarray
    splits: list[tuple[np.ndarray, np.ndarray]]


def rows(table: str) -> Rows:
    """Inputs in single precision as they are, classes, and stratified folds."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold

    if table:
        whole = np.load(table)
        x, y = whole[:, :-1].astype(np.float32), whole[:, -1].astype(np.int64)
    else:
        x, y = load_digits(return_X_y=True)
        x, y = x.astype(np.float32), y.astype(np.int64)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SPLIT_SEED)
    return Rows(x, y, list(splitter.split(x, y)))
