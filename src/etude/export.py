"""Results as files for other programs: CSV and Parquet."""

from pathlib import Path
from typing import Any

from etude.errors import InputError
from etude.evidence.result import Result
from etude.evidence.rounding import safe_cell
from etude.files import write_whole

FORMATS = (".csv", ".parquet")


def export(result: Result, path: Path, members: bool = False) -> int:
    """Write the ranking, or every network, as a table.

    In CSV, text that a spreadsheet would take for a formula is led by an apostrophe; numbers
    stay numbers. Parquet holds text as it is.

    Args:
        result: what the study found.
        path: a file that ends in .csv or .parquet; it is replaced as a whole or not at all.
        members: one row for each network instead of one for each choice.

    Returns:
        the number of rows.

    Raises:
        InputError: the file's ending is none of the two.
    """
    check_format(path)
    frame = result.members() if members else result.frame()
    write_whole(path, _bytes(frame, path.suffix.lower()))
    return int(frame.height)


def check_format(path: Path) -> None:
    """Refuse a file of another ending, before anything is computed for it."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"the output must end in {' or '.join(FORMATS)}, got {path.name!r}")


def _bytes(frame: Any, suffix: str) -> bytes:
    import io

    import polars

    content = io.BytesIO()
    if suffix == ".parquet":
        frame.write_parquet(content)
    else:
        text = polars.col(polars.String)
        safe = frame.with_columns(text.map_elements(safe_cell, return_dtype=polars.String))
        safe.rename({name: safe_cell(name) for name in safe.columns}).write_csv(content)
    return content.getvalue()
