"""What the columns of a table mean, and how each becomes numbers.

A column is a number, a boolean (0 or 1), a date (days since 1970-01-01) or a category. What it
is, and which categories there are, is read from the whole table; nothing else is: means and
scales are fitted to training rows (`etude.data.standardize`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import ConfigDict

from etude.errors import InputError

if TYPE_CHECKING:
    import polars

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
"""Cells of text that say that there is no value."""

LARGEST = 1e37
"""Numbers beyond are refused: their squares and differences overflow single precision."""

ROUNDING = 1e3
"""A column that lies further than this many times its spread from 0 is moved towards 0 before
it is rounded to single precision, which would lose more than 1e-4 of the spread otherwise."""

Kind = Literal["number", "boolean", "date", "category"]

Missing = tuple[str, ...] | None
"""Cells of text that mean "no value"; None where the text is clean already (`cleaned`)."""


@dataclass(frozen=True)
class Column:
    """One input column as the user knows it.

    Attributes:
        name: its name in the table.
        kind: how its cells are read.
        gaps: whether values are missing; then there is one feature more that says where.
        offset: what is subtracted from numbers before they are rounded to single precision.
        categories: the labels of a category, in order.
        numeric: whether these labels are numbers, so that "1" and "1.0" are the same.
    """

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    name: str
    kind: Kind
    gaps: bool = False
    offset: float = 0.0
    categories: tuple[str, ...] = ()
    numeric: bool = False

    def document(self) -> dict[str, Any]:
        """The description as JSON values."""
        return asdict(self) | {"categories": list(self.categories)}

    def features(self) -> tuple[str, ...]:
        """The names of the numbers that the column becomes."""
        values = (
            tuple(f"{self.name} = {label}" for label in self.categories)
            if self.kind == "category"
            else (self.name,)
        )
        return values + ((f"{self.name} is missing",) if self.gaps else ())

    def size(self) -> int:
        """How many numbers the column becomes."""
        values = len(self.categories) if self.kind == "category" else 1
        return values + self.gaps

    def encode(self, series: polars.Series, missing: Missing) -> np.ndarray:
        """The cells as numbers, `[rows, features]` in single precision.

        Numbers, booleans and dates are one number, NaN where it is missing, and categories a 1
        at their place; where the column has gaps a last feature is 1 where the value is missing.
        A category that is not among `categories` is 0 everywhere.

        Raises:
            InputError: a cell is not of the column's kind, or missing though the column has no
                gaps (a network that has never seen one cannot say what it means).
        """
        if self.kind == "category":
            return self._one_hot(labels(series, missing, self.numeric))
        values = numbers(series, self.kind, missing)
        absent = np.isnan(values)
        if absent.any() and not self.gaps:
            raise InputError(
                f"column {self.name!r}, row {int(np.argmax(absent)) + 1}: must have a value, "
                "for the table that was trained on has no gap in this column"
            )
        single = (values - self.offset).astype(np.float32)[:, None]
        if not self.gaps:
            return single
        return np.concatenate([single, absent[:, None].astype(np.float32)], axis=1)

    def _one_hot(self, series: polars.Series) -> np.ndarray:
        import polars

        place = {label: number for number, label in enumerate(self.categories)}
        codes = series.replace_strict(place, default=-1, return_dtype=polars.Int64).to_numpy()
        encoded = np.zeros((len(series), self.size()), np.float32)
        known = np.flatnonzero(codes >= 0)
        encoded[known, codes[known]] = 1
        if self.gaps:
            encoded[:, -1] = series.is_null().to_numpy()
        return encoded


def describe(
    series: polars.Series,
    *,
    text: bool,
    missing: Missing,
    category: bool = False,
    max_categories: int = 100,
    centered: bool = True,
) -> Column:
    """What a column of the table means.

    Args:
        series: its cells.
        text: whether the table comes from a text file, so that text may stand for numbers.
        missing: cells of text that mean "no value".
        category: whether numbers are to be taken as categories.
        max_categories: more categories are refused.
        centered: whether the mean will be subtracted, so that an offset does no harm.

    Raises:
        InputError: the column is of an unusable type, has no value at all, has infinite or too
            large numbers, or has too many categories.
    """
    name = series.name
    kind = kind_of(series, text, missing)
    if kind == "category" or category:
        named = labels(series, missing, kind != "category")
        gaps = named.null_count()
        _check_any(name, gaps, len(series))
        different = named.n_unique() - (gaps > 0)
        if different > max_categories:
            raise InputError(
                f"column {name!r} has {different:,} categories such as {named.min()!r}, "
                f"more than `max_categories` = {max_categories}: list it in `drop`, or raise "
                f"`max_categories`{_first_text(series, text, missing)}"
            )
        categories = ordered(named, kind != "category")
        return Column(name, "category", gaps > 0, categories=categories, numeric=kind != "category")
    values = numbers(series, kind, missing)
    observed = values[~np.isnan(values)]
    _check_any(name, len(values) - len(observed), len(values))
    offset = _offset(observed) if centered and kind != "boolean" else 0.0
    return Column(name, kind, len(observed) < len(values), offset)


def _check_any(name: str, gaps: int, rows: int) -> None:
    if gaps == rows:
        raise InputError(f"column {name!r} has no value in any row: list it in `drop`")


def _first_text(series: polars.Series, text: bool, missing: Missing) -> str:
    """For a column of numbers that a stray word turned into text: where the word stands."""
    import polars

    if not text:
        return ""
    cells = clean(series, missing)
    strange = cells.is_not_null() & cells.cast(polars.Float64, strict=False).is_null()
    if 2 * int(strange.sum()) > len(cells) - cells.null_count():
        return ""
    row = int(strange.to_numpy().argmax())
    return (
        f" (most cells are numbers, and row {row + 1} has {cells[row]!r}: if that is a gap, list "
        "it in `missing`)"
    )


def _offset(values: np.ndarray) -> float:
    low, high = float(values.min()), float(values.max())
    far = max(abs(low), abs(high)) > ROUNDING * (high - low)
    return (low + high) / 2 if far and high > low else 0.0


def kind_of(series: polars.Series, text: bool, missing: Missing) -> Kind:
    """Whether cells are numbers, booleans, dates or categories.

    Raises:
        InputError: they are of a type that is none of these.
    """
    import polars

    dtype = series.dtype
    if dtype.is_numeric():
        return "number"
    if dtype == polars.Boolean:
        return "boolean"
    if dtype in (polars.Date, polars.Datetime):
        return "date"
    if isinstance(dtype, polars.Null):
        raise InputError(f"column {series.name!r} has no value in any row: list it in `drop`")
    if not _is_text(dtype):
        raise InputError(
            f"column {series.name!r} must hold numbers, text, booleans or dates, got {dtype}: "
            "list it in `drop`"
        )
    if not text:
        return "category"
    cells = clean(series, missing)
    gaps = cells.null_count()
    if gaps == len(cells):
        return "category"
    if _floats(cells).null_count() == gaps:
        return "number"
    cells = cells.drop_nulls().unique()
    if cells.str.to_lowercase().is_in(["true", "false"]).all():
        return "boolean"
    if _days(cells).null_count() == 0:
        return "date"
    return "category"


def _is_text(dtype: Any) -> bool:
    import polars

    return dtype in (polars.String, polars.Categorical, polars.Enum)


def clean(series: polars.Series, missing: Missing) -> polars.Series:
    """Text without blanks around it, null where it says that there is no value."""
    return series if missing is None else cleaned(series.to_frame(), missing).to_series()


def cleaned(frame: polars.DataFrame, missing: tuple[str, ...]) -> polars.DataFrame:
    """The table with all its columns of text clean, which is many times faster at once.

    The columns keep their names, which may be patterns to polars: so they are chosen by type.
    """
    import polars
    from polars import selectors

    texts = selectors.string() | selectors.categorical() | selectors.enum()
    cells = texts.cast(polars.String).str.strip_chars()
    return frame.with_columns(polars.when(~cells.is_in(list(missing))).then(cells))


def numbers(series: polars.Series, kind: Kind, missing: Missing) -> np.ndarray:
    """The cells as numbers in double precision, NaN where there is no value.

    Raises:
        InputError: a cell is not of this kind, or a number is infinite or beyond `LARGEST`.
    """
    import polars

    dtype = series.dtype
    cells = clean(series, missing) if _is_text(dtype) else series
    if isinstance(dtype, polars.Null):
        read = cells.cast(polars.Float64)
    elif kind == "date":
        if dtype in (polars.Date, polars.Datetime) or _is_text(dtype):
            read = _days(cells)
        else:
            raise InputError(f"column {series.name!r} must hold dates, got {dtype}")
    elif _is_text(dtype):
        read = _booleans(cells) if kind == "boolean" else _floats(cells)
    elif dtype.is_numeric() or dtype == polars.Boolean:
        read = cells.cast(polars.Float64)
    else:
        raise InputError(f"column {series.name!r} must hold {kind}s, got {dtype}")
    values = read.to_numpy().astype(np.float64)
    wrong = np.zeros(len(values), bool)
    if read.null_count() > cells.null_count():
        wrong = (read.is_null() & cells.is_not_null()).to_numpy()
    if kind == "boolean":
        wrong = wrong | ~(np.isnan(values) | (values == 0) | (values == 1))
    if wrong.any():
        row = int(wrong.argmax())
        article = {"number": "a number", "boolean": "true or false", "date": "a date"}[kind]
        raise InputError(
            f"column {series.name!r}, row {row + 1}: must be {article}, got {series[row]!r}"
        )
    large = np.abs(values) > LARGEST
    if large.any():
        row = int(np.argmax(large))
        value = values[row]
        rule = "be finite" if np.isinf(value) else f"be at most {LARGEST:g} in size"
        raise InputError(f"column {series.name!r}, row {row + 1}: must {rule}, got {value}")
    return values


def _floats(cells: polars.Series) -> polars.Series:
    import polars

    return cells.cast(polars.Float64, strict=False)


def _booleans(cells: polars.Series) -> polars.Series:
    import polars

    meaning = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
    return cells.str.to_lowercase().replace_strict(
        meaning, default=None, return_dtype=polars.Float64
    )


def _days(cells: polars.Series) -> polars.Series:
    """Days since 1970-01-01 (UTC); null where text is no ISO 8601 date, with a time or without."""
    import polars

    if _is_text(cells.dtype):
        plain = cells.str.replace("T", " ").str.replace("Z$", "")
        moments = plain.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
        for form in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"):
            if moments.null_count() == cells.null_count():
                break
            more = plain.str.to_datetime(form, strict=False, time_unit="us")
            moments = moments.zip_with(moments.is_not_null(), more)
    else:
        moments = cells.cast(polars.Datetime("us"))
    return moments.cast(polars.Int64).cast(polars.Float64) / 86_400e6


def labels(series: polars.Series, missing: Missing, numeric: bool) -> polars.Series:
    """The cells as labels of categories, null where there is no value.

    Args:
        series: the cells.
        missing: cells of text that mean "no value".
        numeric: whether text is to be read as a number where it is one: "1.0" is then "1".

    Raises:
        InputError: the cells are of a type that has no labels.
    """
    import polars

    dtype = series.dtype
    if _is_text(dtype):
        cells = clean(series, missing)
        names = {}
        if numeric:
            unique = cells.drop_nulls().unique()
            read = unique.cast(polars.Float64, strict=False)
            names = {
                cell: _label(value)
                for cell, value in zip(unique.to_list(), read.to_list(), strict=True)
                if value is not None
            }
        return cells.replace(names) if names else cells
    if dtype == polars.Boolean:
        return series.replace_strict(
            {True: "True", False: "False"}, default=None, return_dtype=polars.String
        )
    if isinstance(dtype, polars.Null):
        return series.cast(polars.String)
    if dtype in (polars.Date, polars.Datetime):
        return series.cast(polars.String)
    if not dtype.is_numeric():
        raise InputError(f"column {series.name!r} must hold categories, got {dtype}")
    if dtype.is_integer():
        return series.cast(polars.String)
    values = series.cast(polars.Float64).fill_nan(None)
    names = {value: _label(value) for value in values.drop_nulls().unique().to_list()}
    return values.replace_strict(names, default=None, return_dtype=polars.String)


def _label(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)


def ordered(named: polars.Series, numeric: bool) -> tuple[str, ...]:
    """The labels that occur, in the order of their numbers or of their letters."""
    found = named.drop_nulls().unique().to_list()
    return tuple(sorted(found, key=_number_or_text if numeric else str))


def _number_or_text(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return float("inf"), label
