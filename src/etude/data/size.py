"""How large the files of a user may be, and how messages name them."""

from pathlib import Path

LARGEST_FILE = 2 * 1024**3
"""Files of more bytes are refused unless the limit is raised."""

LONGEST_PATH = 200
"""Paths of more characters are not told as a whole."""

MOST_NUMBERS = 250_000_000
"""Inputs of data that are made by a formula are at most so many: 2 GB."""


def told(path: str | Path) -> str:
    """A path as messages tell it: in quotes, and cut in the middle where it is long."""
    text = repr(str(path))
    return text if len(text) <= LONGEST_PATH else f"{text[: LONGEST_PATH // 2]}…{text[-40:]}"


def too_large(file: Path, size: int, max_bytes: int) -> str:
    """What a file is refused with that has more bytes than are allowed."""
    return f"{told(file)} has {size:,} bytes; `max_bytes` allows {max_bytes:,}"


def check_numbers(rows: int, columns: int) -> None:
    """Raise a `ValueError` when the inputs of so many rows take too much memory."""
    if rows * columns > MOST_NUMBERS:
        raise ValueError(
            f"`rows` times the number of inputs, {columns:,}, must be at most {MOST_NUMBERS:,}, "
            f"got {rows:,} rows"
        )
