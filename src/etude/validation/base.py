"""What validation is: which rows train, which choose, which judge."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from etude.component import Component


@dataclass(frozen=True)
class RowSplit:
    """Row numbers for the three roles, and the weights of the training rows.

    Attributes:
        train: rows that are trained on.
        validation: rows that decide when to stop and what to choose; may be empty.
        test: rows that judge, once.
        weights: one weight for each training row; empty means 1 each.
        chooses_for: number of the split whose training rows this one deals again, so that a
            choice can be made for it by its validation rows; -1 for a split that judges. Where
            a choice is made once more by all rows: how many splits judge.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))
    chooses_for: int = -1


class Validation(Component, kind="validation"):
    """How rows are dealt to roles.

    Class attributes:
        keeps_groups: whether rows of one group never stand on both sides of a split.
        ordered: whether rows are a series, in which earlier ones train and later ones judge.
    """

    keeps_groups: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    @abstractmethod
    def splits(
        self,
        rows: int,
        strata: np.ndarray | None,
        seed: int,
        groups: np.ndarray | None = None,
    ) -> tuple[RowSplit, ...]:
        """All splits.

        Args:
            rows: the number of rows.
            strata: `[rows]` class numbers, or None where the target is no class.
            seed: the same seed deals the same rows.
            groups: `[rows]` group numbers, or None where the data know no groups.

        Raises:
            InputError: the rows cannot be split like this.
        """
