"""Columns that a study names: whether the table has them, and what they must hold."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from etude.component import nearest
from etude.data.columns import kind_of, numbers
from etude.data.frame import TEXT_FILES, Content, read_frame
from etude.errors import InputError

if TYPE_CHECKING:
    import polars


def table_of(path: str, content: Content | None, max_bytes: int) -> tuple[polars.DataFrame, bool]:
    """The table in memory, or else in the file, and whether its cells are text of a file."""
    if content is not None:
        frame, text = content.frame, False
    else:
        frame = read_frame(path, max_bytes)
        text = any(path.lower().endswith(suffix) for suffix in TEXT_FILES)
    if frame.height == 0:
        raise InputError("the table must have rows, got none")
    return frame, text


def check_one_source(path: str, content: Content | None) -> None:
    """Raise a `ValueError` unless either a file is named or a table in memory is given."""
    if not path and content is None:
        raise ValueError("`path` must name a file, got ''")
    if path and content is not None:
        raise ValueError(f"`path` must be empty for a table in memory, got {path!r}")


def check_named(
    frame: polars.DataFrame, fields: dict[str, tuple[str, ...]], targets: tuple[str, ...]
) -> None:
    """Raise an `InputError` unless fields name columns of the table, each once.

    Args:
        frame: the table.
        fields: the columns that each field names.
        targets: the target columns, which no field but `target` may name.
    """
    present = dict.fromkeys(frame.columns)
    for field, names in fields.items():
        for name in names:
            if name not in present:
                raise InputError(
                    f"`{field}` must name columns of the table, and {name!r} is none"
                    f"{nearest(name, present)}"
                )
            if field != "target" and name in targets:
                raise InputError(f"`{field}` must not name the target, got {name!r}")
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise InputError(f"`{field}` must name a column once, got {twice[0]!r} twice")


def in_order(series: polars.Series, text: bool, one_each: bool = False) -> np.ndarray:
    """The row numbers in the order of this column of numbers or dates.

    Args:
        series: the column.
        text: whether its cells are text of a file.
        one_each: whether two rows of one value are refused.
    """
    kind = kind_of(series, text, None)
    if kind not in ("number", "date"):
        raise InputError(
            f"`order` must name a column of numbers or dates, and {series.name!r} is a {kind}"
        )
    values = numbers(series, kind, None)
    check_present("order", series.name, np.isnan(values))
    order = np.argsort(values, kind="stable")
    twice = np.flatnonzero(np.diff(values[order]) == 0)
    if one_each and twice.size:
        raise InputError(
            f"column {series.name!r}, rows {order[twice[0]] + 1} and {order[twice[0] + 1] + 1}: "
            "`order` must have another value in every row, for one series is read"
        )
    return order


def target_numbers(
    frame: polars.DataFrame, names: tuple[str, ...], text: bool, rule: str
) -> np.ndarray:
    """Targets that are numbers or booleans, `[rows, targets]`, one in every row.

    Args:
        frame: the table.
        names: the target columns.
        text: whether its cells are text of a file.
        rule: what needs numbers, as messages tell it.
    """
    values = []
    for name in names:
        kind = kind_of(frame[name], text, None)
        if kind not in ("number", "boolean"):
            several = {"category": "categories", "date": "dates"}
            raise InputError(f"target {name!r} must hold numbers for {rule}, got {several[kind]}")
        column = numbers(frame[name], kind, None)
        check_present("target", name, np.isnan(column))
        values.append(column)
    return np.stack(values, axis=1)


def check_present(role: str, name: str, absent: np.ndarray) -> None:
    """Raise an `InputError` where rows have no value in the column of a role."""
    rows = np.flatnonzero(absent) + 1
    if len(rows):
        first = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
        raise InputError(
            f"{role} {name!r} must have a value in every row, and {len(rows):,} have none "
            f"(rows {first}): remove them"
        )
