"""What a validation must do."""

from dataclasses import dataclass

import numpy as np

from etude.errors import InputError
from etude.testing.beside import Beside, demand
from etude.validation.base import RowSplit, Validation

ROWS = (60, 61, 31)
"""How many rows are dealt; a stratified validation has 3 classes, a grouped one 12 groups."""

FEW = (1, 2, 3, 4)


def roles(validation: Validation, beside: Beside) -> None:
    """Some rows train, others judge, or choose for a split that judges; no row has two roles."""
    for rows in ROWS:
        for split in dealt(validation, rows).splits:
            train, choose, test = (getattr(split, role) for role in _ROLES)
            purpose, held = ("judge", test) if split.chooses_for < 0 else ("choose", choose)
            demand(
                len(train) > 0 and len(held) > 0,
                f"{validation} must give every split rows to train on and rows to {purpose}, got "
                f"{len(train)} and {len(held)} of {rows}",
            )
            if np.array_equal(train, test) and len(choose) == 0:
                continue  # all rows train and the same judge: a fit, not a forecast
            shared = len(train) + len(choose) + len(test)
            demand(
                len(np.unique(np.concatenate([train, choose, test]))) == shared,
                f"{validation} gives a row of {rows} two roles, or one role twice, in one split",
            )


def inner_rows(validation: Validation, beside: Beside) -> None:
    """A split that chooses for another deals the training rows of that one alone."""
    for rows in ROWS:
        splits = dealt(validation, rows).splits
        for split in splits:
            if split.chooses_for < 0:
                continue
            demand(
                split.chooses_for < len(splits) and splits[split.chooses_for].chooses_for < 0,
                f"{validation} has a split that chooses for number {split.chooses_for}, which must "
                f"be one of the {len(splits)} splits that judges",
            )
            own = np.concatenate([getattr(split, role) for role in _ROLES])
            outer = splits[split.chooses_for].train
            demand(
                len(split.test) == 0 and np.isin(own, outer).all(),
                f"{validation} chooses for split {split.chooses_for} by rows that do not train it: "
                f"{np.setdiff1d(own, outer)[:5].tolist()}",
            )


def groups(validation: Validation, beside: Beside) -> None:
    """Where it says that it keeps groups together, none stands on both sides of a split."""
    for rows in ROWS:
        found = dealt(validation, rows)
        if found.groups is None or not validation.keeps_groups:
            continue
        for split in found.splits:
            if np.array_equal(split.train, split.test):
                continue
            for first, second in (("train", "test"), ("train", "validation")):
                one, other = (found.groups[getattr(split, role)] for role in (first, second))
                demand(
                    not np.isin(one, other).any(),
                    f"{validation} gives a group of {rows} rows both {first} and {second} rows",
                )


def order(validation: Validation, beside: Beside) -> None:
    """Where it says that rows are a series, no split trains on rows that come later."""
    for rows in ROWS:
        if not validation.ordered:
            return
        for split in dealt(validation, rows).splits:
            held = np.concatenate([split.validation, split.test])
            demand(
                split.train.max() < held.min(),
                f"{validation} trains on row {split.train.max()} of {rows}, which comes after row "
                f"{held.min()} that is held out",
            )


def row_numbers(validation: Validation, beside: Beside) -> None:
    """Roles are whole numbers of rows that exist, however many there are."""
    for rows in ROWS:
        for split in dealt(validation, rows).splits:
            for role in _ROLES:
                found = getattr(split, role)
                demand(
                    found.dtype.kind in "iu" and found.ndim == 1,
                    f"{validation} must give {role} rows as an array of whole numbers, got "
                    f"{found.dtype}{list(found.shape)}",
                )
                demand(
                    len(found) == 0 or (found.min() >= 0 and found.max() < rows),
                    f"{validation} gives row {found.max() if len(found) else 0} as a {role} row "
                    f"of {rows}",
                )


def weights(validation: Validation, beside: Beside) -> None:
    """Weights are none, or one for each training row, finite and at least 0."""
    for rows in ROWS:
        for split in dealt(validation, rows).splits:
            found = np.asarray(split.weights)
            demand(
                found.size in (0, len(split.train)),
                f"{validation} gives {found.size} weights for {len(split.train)} training rows",
            )
            demand(
                found.size == 0
                or (np.isfinite(found).all() and (found >= 0).all() and found.any()),
                f"{validation} gives weights that are negative, not finite or all 0",
            )


def same_seed(validation: Validation, beside: Beside) -> None:
    """The same seed deals the same rows."""
    for rows in ROWS[:1]:
        first, second = (dealt(validation, rows).splits for _ in range(2))
        same = len(first) == len(second) and all(
            np.array_equal(getattr(a, part), getattr(b, part))
            for a, b in zip(first, second, strict=False)
            for part in (*_ROLES, "weights", "chooses_for")
        )
        demand(
            same,
            f"{validation} deals other rows from the same seed: draw from "
            "np.random.RandomState(seed)",
        )


def too_few_rows(validation: Validation, beside: Beside) -> None:
    """Rows that are too few are refused with an InputError, and nothing else."""
    for rows in FEW:
        try:
            found = dealt(validation, rows).splits
        except InputError as error:
            demand(str(error), f"{validation} refuses {rows} rows without saying why")
            continue
        except Exception as error:
            raise AssertionError(
                f"{validation} must refuse {rows} rows with an InputError that says why, got "
                f"{type(error).__name__}: {error}"
            ) from error
        demand(
            len(found) > 0
            and all(
                len(s.train) and len(s.test if s.chooses_for < 0 else s.validation) for s in found
            ),
            f"{validation} must refuse {rows} rows or give every split rows to train on and to "
            "judge",
        )


APART = (roles, inner_rows, groups, order)
"""What keeps rows that are held out from those that train."""

CHECKS = (*APART, row_numbers, weights, same_seed, too_few_rows)

_ROLES = ("train", "validation", "test")


@dataclass(frozen=True)
class Dealt:
    """Some rows, dealt by a validation.

    Attributes:
        splits: what it gave.
        groups: `[rows]`, the groups that it was given; None where it takes none.
    """

    splits: tuple[RowSplit, ...]
    groups: np.ndarray | None


def dealt(validation: Validation, rows: int) -> Dealt:
    """Rows of 3 classes dealt from seed 0, in up to 12 groups unless they are a series.

    Raises:
        InputError: they are refused with groups and without.
    """
    generator = np.random.default_rng(0)
    strata = generator.permutation(np.arange(rows) % 3)
    groups = generator.permutation(np.arange(rows) % 12)
    if validation.ordered:
        return Dealt(validation.splits(rows, strata, 0, None), None)
    try:
        return Dealt(validation.splits(rows, strata, 0, groups), groups)
    except InputError as refused:
        try:
            return Dealt(validation.splits(rows, strata, 0, None), None)
        except InputError:
            raise refused from None
