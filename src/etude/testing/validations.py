"""What a validation must do."""

import numpy as np

from etude.errors import InputError
from etude.testing.beside import Beside, demand
from etude.validation.base import RowSplit, Validation

ROWS = (60, 61, 31)
"""How many rows are dealt; a stratified validation has 3 classes, a grouped one 12 groups."""

FEW = (1, 2, 3, 4)


def roles(validation: Validation, beside: Beside) -> None:
    """Some rows train, others judge, and no row has two roles."""
    for rows in ROWS:
        for split in _splits(validation, rows):
            train, choose, test = (getattr(split, role) for role in _ROLES)
            demand(
                len(train) > 0 and len(test) > 0,
                f"{validation} must give every split rows to train on and rows to judge, got "
                f"{len(train)} and {len(test)} of {rows}",
            )
            if np.array_equal(train, test) and len(choose) == 0:
                continue  # all rows train and the same judge: a fit, not a forecast
            shared = len(train) + len(choose) + len(test)
            demand(
                len(np.unique(np.concatenate([train, choose, test]))) == shared,
                f"{validation} gives a row of {rows} two roles, or one role twice, in one split",
            )


def row_numbers(validation: Validation, beside: Beside) -> None:
    """Roles are whole numbers of rows that exist, however many there are."""
    for rows in ROWS:
        for split in _splits(validation, rows):
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
        for split in _splits(validation, rows):
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
        first, second = (_splits(validation, rows) for _ in range(2))
        same = len(first) == len(second) and all(
            np.array_equal(getattr(a, role), getattr(b, role))
            for a, b in zip(first, second, strict=False)
            for role in (*_ROLES, "weights")
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
            found = _splits(validation, rows)
        except InputError as error:
            demand(str(error), f"{validation} refuses {rows} rows without saying why")
            continue
        except Exception as error:
            raise AssertionError(
                f"{validation} must refuse {rows} rows with an InputError that says why, got "
                f"{type(error).__name__}: {error}"
            ) from error
        demand(
            len(found) > 0 and all(len(split.train) and len(split.test) for split in found),
            f"{validation} must refuse {rows} rows or give every split rows to train on and to "
            "judge",
        )


CHECKS = (roles, row_numbers, weights, same_seed, too_few_rows)

_ROLES = ("train", "validation", "test")


def _splits(validation: Validation, rows: int) -> tuple[RowSplit, ...]:
    generator = np.random.default_rng(0)
    strata = generator.permutation(np.arange(rows) % 3)
    groups = generator.permutation(np.arange(rows) % 12)
    stratified = getattr(validation, "stratified", False)
    return validation.splits(rows, strata, 0, None if stratified else groups)
