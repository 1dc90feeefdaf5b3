"""Tables in files and in memory, brought to one form: a polars data frame.

The cells of a text file (CSV, TSV) stay text here, exactly as they stand in the file; what they
mean is decided by `etude.data.columns`, once for the table that is trained on, and by the stored
column descriptions for new rows. So a column of codes such as 007 does not turn into numbers
because the rows to predict happen to have digits only.

Rows are counted from 1 in every message; the header of a text file is not counted.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.data.arrays import check_name, read_numpy
from etude.data.size import LARGEST_FILE, told, too_large
from etude.errors import InputError

if TYPE_CHECKING:
    import polars

TEXT_FILES = {".csv": ",", ".tsv": "\t"}
"""Suffixes of files whose cells are text, and the separator that is expected."""

SUFFIXES = (*TEXT_FILES, ".parquet", ".pq", ".npz", ".npy")


def read_frame(path: str | Path, max_bytes: int = LARGEST_FILE) -> polars.DataFrame:
    """The table in a file.

    Args:
        path: `.csv` or `.tsv` (UTF-8, first line the column names; `;` and tab are recognized
            as separators), `.parquet`, `.npy` (a 2-D array: columns "0", "1", ...; or a
            structured array: its fields) or `.npz` (each 1-D array `a` is a column "a", each
            2-D array `b` the columns "b_0", "b_1", ...). A relative path starts at the working
            folder.
        max_bytes: larger files are refused; for compressed formats what they expand to counts.

    Returns:
        A polars data frame with at least one row. All columns of text files are text.

    Raises:
        InputError: the file is missing, too large, empty, or not what its suffix says.
    """
    try:
        file = expanded(path)
        if file.suffix.lower() not in SUFFIXES:
            raise InputError(f"`path` must end in one of {', '.join(SUFFIXES)}, got {told(path)}")
        if not file.is_file():
            raise InputError(f"`path` must name a file, and {told(path)} {no_file(file)}")
        size = file.stat().st_size
        if size == 0:
            raise InputError(f"`path` must name a table, and {told(path)} is empty")
        if size > max_bytes:
            raise InputError(too_large(file, size, max_bytes))
        frame = _read(file, max_bytes)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"`path` cannot be read ({reason}), got {told(path)}") from None
    if frame.height == 0 or frame.width == 0:
        raise InputError(f"`path` must name a table with rows, and {told(path)} has none")
    return frame


def expanded(path: str | Path) -> Path:
    """A path in which `~` stands for the home folder.

    Raises:
        InputError: there is no such home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"`path` must name a file, and {told(path)} starts at no home") from None


def no_file(file: Path) -> str:
    """What a path is that is no file, in the words of a message."""
    if file.is_dir():
        return "is a folder"
    return "is a device or a pipe" if file.exists() else "does not exist"


def _read(file: Path, max_bytes: int) -> polars.DataFrame:
    match file.suffix.lower():
        case ".csv" | ".tsv":
            return _read_text(file)
        case ".parquet" | ".pq":
            return _read_parquet(file, max_bytes)
        case _:
            return read_numpy(file, max_bytes)


def _read_text(file: Path) -> polars.DataFrame:
    import polars

    separator, header = _header(file)
    try:
        frame = polars.read_csv(file, infer_schema=False, separator=separator, glob=False)
    except polars.exceptions.NoDataError:
        raise InputError(f"`path` must name a table, and {told(file)} is empty") from None
    except polars.exceptions.PolarsError as error:
        _check_lines(file, separator, len(header))
        reason = str(error).splitlines()[0]
        raise InputError(f"{told(file)} cannot be read as a table: {reason}") from None
    if frame.height and frame[:, -1].null_count():
        _check_lines(file, separator, len(header))
    if frame.width != len(header):
        raise InputError(f"{told(file)} cannot be read as a table: its header is broken")
    frame.columns = header
    return _without_blank_end(frame)


def _header(file: Path) -> tuple[str, list[str]]:
    """The separator and the column names, which must differ."""
    separator = TEXT_FILES[file.suffix.lower()]
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            line = lines.readline()
            if separator not in line:
                separator = next((mark for mark in ";\t," if mark in line), separator)
            lines.seek(0)
            header = [name.strip() for name in next(csv.reader(lines, delimiter=separator), [])]
    except UnicodeDecodeError:
        raise InputError(_encoding(file)) from None
    except csv.Error as error:
        raise InputError(f"{told(file)} cannot be read as a table: {error}") from None
    if "\0" in line:
        raise InputError(f"{told(file)} must be encoded in UTF-8, and has zero bytes in its header")
    twice = sorted(name for name, times in Counter(header).items() if times > 1)
    if twice:
        raise InputError(f"{told(file)} must have different column names, got {twice[0]!r} twice")
    return separator, header


def _check_lines(file: Path, separator: str, columns: int) -> None:
    """Every line must have as many cells as there are columns.

    Only called where something is odd: the reader of polars fills short rows with nothing.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, delimiter=separator)
            for row in reader:
                if row and len(row) != columns:
                    raise InputError(
                        f"{told(file)}, line {reader.line_num}: must have {columns} cells as "
                        f"the header has, got {len(row)}"
                    )
    except UnicodeDecodeError:
        raise InputError(_encoding(file)) from None
    except csv.Error as error:
        raise InputError(
            f"{told(file)}, line {reader.line_num}: cannot be read as a table: {error}"
        ) from None


def _encoding(file: Path) -> str:
    """Where a file stops being UTF-8."""
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return f"{told(file)} must be encoded in UTF-8, and line {number} is not"
    return f"{told(file)} must be encoded in UTF-8"


def _without_blank_end(frame: polars.DataFrame) -> polars.DataFrame:
    """Without the blank lines at the end of a file, which are read as rows of gaps."""
    import polars

    if frame.height == 0:
        return frame
    filled = frame.select(polars.any_horizontal(polars.all().is_not_null())).to_series()
    last = filled.arg_true().max()
    return frame.head(0 if last is None else int(str(last)) + 1)


def _read_parquet(file: Path, max_bytes: int) -> polars.DataFrame:
    import polars

    try:
        with _silent():
            lazy = polars.scan_parquet(file, glob=False)
            columns = len(lazy.collect_schema())
            expanded = 8 * columns * int(lazy.select(polars.len()).collect().item())
            if expanded > max_bytes:
                raise InputError(too_large(file, expanded, max_bytes))
            frame = lazy.collect()
    except polars.exceptions.PanicException:
        raise InputError(f"{told(file)} cannot be read as Parquet: it is damaged") from None
    except polars.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{told(file)} cannot be read as Parquet: {reason}") from None
    if frame.estimated_size() > max_bytes:
        raise InputError(too_large(file, int(frame.estimated_size()), max_bytes))
    return frame


@contextmanager
def _silent() -> Iterator[None]:
    """Keeps from standard error what polars writes there when a damaged file makes it panic."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def to_polars(frame: Any) -> polars.DataFrame:
    """A polars data frame with the columns of any data frame that narwhals knows.

    Args:
        frame: of pandas, polars, Arrow, Modin, cuDF, ...; the index of pandas is left out.

    Raises:
        InputError: it is no data frame (a lazy frame must be collected first), two columns have
            one name, or a column mixes values of different types.
    """
    import narwhals
    import polars

    try:
        table = narwhals.from_native(frame, eager_only=True)
        if isinstance(frame, polars.DataFrame):
            return frame
        columns = [_to_series(column) for column in table.iter_columns()]
        return polars.DataFrame(columns)
    except (narwhals.exceptions.DuplicateError, polars.exceptions.DuplicateError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"`frame` must have different column names: {reason}") from None
    except InputError:
        raise
    except TypeError as error:
        raise InputError(f"`frame` must be a data frame held in memory: {error}") from None


def _to_series(column: Any) -> polars.Series:
    import narwhals
    import polars

    name = str(column.name)
    check_name(name)
    gaps = column.is_null().to_list()
    if isinstance(column.dtype, narwhals.Datetime):
        moments = column.dt.timestamp("us").to_list()
        values = [None if gap else int(value) for value, gap in zip(moments, gaps, strict=True)]
        return polars.Series(name, values, polars.Int64).cast(polars.Datetime("us"))
    if column.dtype.is_numeric() and not any(gaps):
        return polars.Series(name, column.to_numpy())
    values = [None if gap else value for value, gap in zip(column.to_list(), gaps, strict=True)]
    try:
        return polars.Series(name, values)
    except UnicodeEncodeError:
        raise InputError(
            f"column {name!r} must hold text in Unicode, got half a character"
        ) from None
    except (TypeError, OverflowError, polars.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"column {name!r} must hold values of one type: {reason}") from None


class Content:
    """A table held in memory, known by the hash of what it holds.

    Two contents are equal when their columns have the same names, types and values in the same
    order. It is not to be changed.

    Attributes:
        frame: the table.
        fingerprint: SHA-256 of its content.
    """

    __slots__ = ("fingerprint", "frame")

    frame: polars.DataFrame
    fingerprint: str

    def __init__(self, frame: Any) -> None:
        table = to_polars(frame).clone()
        object.__setattr__(self, "frame", table)
        object.__setattr__(self, "fingerprint", _fingerprint(table))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a table in memory is not to be changed, got a new {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and other.fingerprint == self.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Content({self.frame.height} × {self.frame.width}, {self.fingerprint[:12]})"

    def __reduce__(self) -> Any:
        return Content, (self.frame,)

    def document(self) -> dict[str, Any]:
        """What stands for the table in documents: its size and its fingerprint."""
        return {
            "rows": self.frame.height,
            "columns": self.frame.width,
            "fingerprint": self.fingerprint,
        }


def _fingerprint(frame: polars.DataFrame) -> str:
    import polars

    wide = (polars.Int128, polars.UInt128)  # NumPy has no such numbers
    digest = hashlib.sha256()
    for column in frame.iter_columns():
        digest.update(json.dumps([column.name, str(column.dtype), len(column)]).encode())
        if column.dtype.is_float() or (column.dtype.is_integer() and column.dtype not in wide):
            digest.update(column.is_null().to_numpy().tobytes())
            digest.update(np.ascontiguousarray(column.fill_null(0).to_numpy()).tobytes())
        else:
            digest.update(json.dumps(column.to_list(), default=str).encode())
    return digest.hexdigest()
