"""Row numbers dealt to folds and shares, equal to scikit-learn's splitters of the same seed.

The arithmetic is written out because importing scikit-learn takes longer than training a small
study. Random numbers are NumPy's `RandomState`, for that is what scikit-learn draws from.
"""

import math
from collections.abc import Iterator

import numpy as np

from etude.errors import InputError
from etude.validation.base import RowSplit

EMPTY = np.empty(0, dtype=np.int64)

MOST_PLACES = 250_000_000
"""Folds times rows, for each of which a number is kept: 2 GB."""


def dealt_folds(
    rows: int,
    strata: np.ndarray | None,
    seed: int,
    *,
    folds: int,
    shuffle: bool,
    validation: float,
    repeats: int = 1,
) -> tuple[RowSplit, ...]:
    """The splits of K-fold cross-validation: every row is judged exactly once, or in each repeat.

    The folds are those of `KFold(folds, shuffle=shuffle, random_state=seed)`, or of
    `StratifiedKFold` where strata are given; with repeats those of `RepeatedKFold` or
    `RepeatedStratifiedKFold`. Validation rows are taken from the training rows of split i by
    `ShuffleSplit(test_size=validation, random_state=inner_seed(seed, i))`, or by
    `StratifiedShuffleSplit`.

    Args:
        rows: the number of rows.
        strata: `[rows]` class numbers to keep in proportion; None deals without regard to them.
        seed: the random state.
        folds: the number of folds.
        shuffle: False deals neighbouring rows to the same fold.
        validation: share of the training rows that is set apart; 0 sets none apart.
        repeats: how often all rows are dealt anew.

    Raises:
        InputError: there are fewer rows, or rows of a class, than folds.
    """
    if folds > rows:
        raise InputError(f"`folds` must be at most the number of rows, {rows}, got {folds}")
    if folds * rows > MOST_PLACES:
        raise InputError(
            f"`folds` times the number of rows, {rows:,}, must be at most {MOST_PLACES:,}, "
            f"got {folds:,} folds"
        )
    generator = np.random.RandomState(seed)
    splits: list[RowSplit] = []
    for _ in range(repeats):
        if strata is None:
            number = _folds_of_rows(rows, folds, shuffle, generator)
        else:
            number = _folds_of_classes(strata, folds, shuffle, generator)
        for fold in range(folds):
            train, test = np.flatnonzero(number != fold), np.flatnonzero(number == fold)
            inner = inner_seed(seed, len(splits))
            train, apart = set_apart(train, strata, validation, inner, "validation")
            splits.append(RowSplit(train, apart, test))
    return tuple(splits)


def inner_seed(seed: int, split: int) -> int:
    """The random state that takes validation rows from the training rows of a split.

    It is seed + 1 + split, modulo 2³².
    """
    return (seed + 1 + split) % 2**32


def set_apart(
    rows: np.ndarray, strata: np.ndarray | None, share: float, seed: int, field: str
) -> tuple[np.ndarray, np.ndarray]:
    """The rows that stay and the ⌈share · rows⌉ that are set apart; a share of 0 takes none.

    Args:
        rows: the row numbers to choose from.
        strata: class numbers of all rows of the data, to be kept in proportion, or None.
        share: how much is set apart.
        seed: the random state.
        field: the name of the share, for messages.

    Raises:
        InputError: nothing would stay, or a class would miss on one of the sides.
    """
    if share == 0:
        return rows, EMPTY
    return set_count_apart(rows, strata, math.ceil(share * len(rows)), seed, field)


def set_count_apart(
    rows: np.ndarray, strata: np.ndarray | None, count: int, seed: int, field: str
) -> tuple[np.ndarray, np.ndarray]:
    """Like `set_apart`, with the number of rows to set apart."""
    check_some_stay(len(rows), count, field)
    if strata is None:
        drawn = np.random.RandomState(seed).permutation(len(rows))
        return rows[drawn[count:]], rows[drawn[:count]]
    stay, apart = _classes_apart(strata[rows], count, seed, field)
    return rows[stay], rows[apart]


def check_some_stay(rows: int, count: int, field: str, noun: str = "row") -> None:
    """Raise an `InputError` when setting so many rows apart leaves none to train on."""
    if count >= rows:
        raise InputError(
            f"`{field}` must leave at least one {noun} to train on, "
            f"got {count} of the {rows} {noun}s there are"
        )


def checked_strata(rows: int, strata: np.ndarray | None) -> np.ndarray:
    """The strata, which a stratified validation cannot do without.

    Raises:
        InputError: there are none.
    """
    if strata is None:
        raise InputError(
            "`validation` is stratified and needs a target of classes, got a target without"
        )
    if strata.shape != (rows,):
        raise InputError(f"`strata` must be {rows} class numbers, got the shape {strata.shape}")
    return strata


def _folds_of_rows(
    rows: int, folds: int, shuffle: bool, generator: np.random.RandomState
) -> np.ndarray:
    """The fold of each row: blocks of ⌈rows / folds⌉, later ⌊rows / folds⌋ rows."""
    order = np.arange(rows)
    if shuffle:
        generator.shuffle(order)
    number = np.empty(rows, dtype=np.int64)
    for fold, block in enumerate(np.array_split(order, folds)):
        number[block] = fold
    return number


def _folds_of_classes(
    strata: np.ndarray, folds: int, shuffle: bool, generator: np.random.RandomState
) -> np.ndarray:
    """The fold of each row, every class spread evenly over the folds."""
    classes, first, code, counts = np.unique(
        strata, return_index=True, return_inverse=True, return_counts=True
    )
    if counts.min() < folds:
        raise InputError(
            f"`folds` must be at most the number of rows of every class, got {folds} and "
            f"{_rows_of_class(classes, counts)}"
        )
    # Classes are numbered in the order in which they appear in the data, as scikit-learn does.
    rank = np.empty(len(classes), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(classes))
    code = rank[code]
    # Dealing the sorted rows like cards says how many rows of each class each fold is due.
    ordered = np.sort(code)
    due = [np.bincount(ordered[fold::folds], minlength=len(classes)) for fold in range(folds)]
    number = np.empty(len(strata), dtype=np.int64)
    for stratum, counts_of_folds in enumerate(np.transpose(due)):
        folds_of_class = np.arange(folds).repeat(counts_of_folds)
        if shuffle:
            generator.shuffle(folds_of_class)
        number[code == stratum] = folds_of_class
    return number


def _classes_apart(
    strata: np.ndarray, count: int, seed: int, field: str
) -> tuple[np.ndarray, np.ndarray]:
    """Positions that stay and `count` positions set apart, classes in proportion on both sides."""
    classes, code, counts = np.unique(strata, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise InputError(
            f"`{field}` needs two rows of every class to keep classes in proportion, got "
            f"{_rows_of_class(classes, counts)}"
        )
    if min(count, len(strata) - count) < len(classes):
        raise InputError(
            f"`{field}` must leave on both sides at least as many rows as there are classes, "
            f"{len(classes)}, got {count} of {len(strata)} rows"
        )
    generator = np.random.RandomState(seed)
    staying = _in_proportion(counts, len(strata) - count, generator)
    leaving = _in_proportion(counts - staying, count, generator)
    stay: list[int] = []
    apart: list[int] = []
    for rows_of_class, keep, leave in zip(_by_class(code), staying, leaving, strict=True):
        drawn = rows_of_class[generator.permutation(len(rows_of_class))]
        stay.extend(drawn[:keep])
        apart.extend(drawn[keep : keep + leave])
    return generator.permutation(stay), generator.permutation(apart)


def _by_class(code: np.ndarray) -> Iterator[np.ndarray]:
    """The positions of each class in turn."""
    order = np.argsort(code, kind="stable")
    yield from np.split(order, np.cumsum(np.bincount(code))[:-1])


def _in_proportion(counts: np.ndarray, draws: int, generator: np.random.RandomState) -> np.ndarray:
    """How many of `draws` rows come from each class: the largest remainders are rounded up.

    Ties are broken at random.
    """
    exact = counts / counts.sum() * draws
    shares = np.floor(exact)
    remainders = exact - shares
    missing = int(draws - shares.sum())
    for remainder in np.unique(remainders)[::-1]:
        if missing == 0:
            break
        (tied,) = np.nonzero(remainders == remainder)
        chosen = generator.choice(tied, size=min(len(tied), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return shares.astype(np.int64)


def _rows_of_class(classes: np.ndarray, counts: np.ndarray) -> str:
    smallest = int(counts.argmin())
    rows = "1 row" if counts[smallest] == 1 else f"{counts[smallest]} rows"
    return f"class number {classes[smallest]} with {rows}"
