"""Columns of a result as the user's own kind of data frame."""

from typing import Any, Literal

from etude.errors import InputError

Kind = Literal["polars", "pandas", "arrow"]


def one_type(values: list[Any]) -> list[Any]:
    """The values as they are if a column can hold them, as text otherwise."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int} or kinds <= {int, float}:
        return [None if v is None else v if kinds <= {int} else float(v) for v in values]
    if kinds <= {bool} or kinds <= {str}:
        return values
    return [None if value is None else str(value) for value in values]


def frame_of(columns: dict[str, list[Any]], kind: str) -> Any:
    """The columns as a data frame of this kind.

    Raises:
        InputError: there is no such kind, or a package that it needs is missing.
    """
    if kind == "pandas":
        import pandas  # type: ignore[import-untyped]

        return pandas.DataFrame(columns)
    if kind not in ("polars", "arrow"):
        raise InputError(f"`kind` must be 'polars', 'pandas' or 'arrow', got {kind!r}")
    import polars

    frame = polars.DataFrame(columns, strict=False)
    if kind == "polars":
        return frame
    try:
        return frame.to_arrow()
    except ModuleNotFoundError:
        raise InputError("`kind` 'arrow' needs the package pyarrow; install it first") from None
