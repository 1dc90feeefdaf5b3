"""Hundreds of tables that are broken, absurd or hostile, the same on every machine."""

import decimal
import os
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import binary_tables
import numpy as np
import pandas
import polars
import pyarrow
import text_tables
from cases import EVIL, Case, rows, text_file


@cache
def cases() -> tuple[Case, ...]:
    """All of them."""
    return (
        *text_tables.encodings(),
        *text_tables.shapes(),
        *text_tables.cells(),
        *text_tables.targets(),
        *text_tables.large(),
        *binary_tables.parquet(),
        *binary_tables.numpy_files(),
        *_frames(),
        *_places(),
    )


def _frames() -> Iterator[Case]:
    y = ["a", "b"] * 6
    n, zeros = np.arange(12.0), np.zeros((9, 3))

    def memory(title: str, make: Callable[[], Any], **fields: Any) -> Case:
        return Case(f"a frame: {title}", lambda _: make(), fields)

    yield memory("of mixed values", lambda: pandas.DataFrame({"x": [1, "a", None] * 4, "y": y}))
    yield memory("of objects", lambda: pandas.DataFrame({"x": [object()] * 12, "y": y}))
    yield memory("of lists", lambda: pandas.DataFrame({"x": [[1]] * 12, "y": y}))
    half = pandas.Series(["\ud800"] * 12, dtype=object)
    yield memory("of half characters", lambda: pandas.DataFrame({"x": half, "y": y}))
    names = pandas.Index(["\ud800", "y"], dtype=object)
    yield memory("of half a name", lambda: pandas.DataFrame(zeros[:, :2], columns=names))
    yield memory("of huge numbers", lambda: pandas.DataFrame({"x": [10**30] * 12, "y": y}))
    yield memory("of names twice", lambda: pandas.DataFrame(zeros, columns=["x", "x", "y"]))
    yield memory("of numbers for names", lambda: pandas.DataFrame({0: n, 1: y}), target="1")
    yield memory("of equal names", lambda: pandas.DataFrame({1: n, "1": n, "y": y}))
    yield memory("of names in levels", lambda: pandas.DataFrame({("a", "x"): n, ("a", "y"): y}))
    yield memory("of no name", lambda: pandas.DataFrame({None: n, "y": y}))
    yield memory("of evil names", lambda: pandas.DataFrame(dict.fromkeys(EVIL, n) | {"y": y}))
    yield memory("of spans", lambda: pandas.DataFrame({"x": pandas.to_timedelta(n, "D"), "y": y}))
    yield memory(
        "of periods",
        lambda: pandas.DataFrame({"x": pandas.period_range("2020", periods=12), "y": y}),
    )
    yield memory("of intervals", lambda: pandas.DataFrame({"x": pandas.cut(n, 3), "y": y}))
    yield memory(
        "of zones",
        lambda: pandas.DataFrame({"x": pandas.date_range("2020", periods=12, tz="UTC"), "y": y}),
    )
    yield memory("of complex numbers", lambda: pandas.DataFrame({"x": n * 1j, "y": y}))
    yield memory("of gaps", lambda: pandas.DataFrame({"x": pandas.array([1, None] * 6), "y": y}))
    yield memory(
        "of sparse numbers",
        lambda: pandas.DataFrame({"x": pandas.arrays.SparseArray(n), "y": y}),
    )
    yield memory("of categories", lambda: pandas.DataFrame({"x": pandas.Categorical(y), "y": y}))
    yield memory("of nothing", lambda: pandas.DataFrame())
    yield memory("of no rows", lambda: pandas.DataFrame({"x": n[:0], "y": y[:0]}))
    yield memory("of no columns", lambda: pandas.DataFrame(index=range(9)))
    yield memory("not collected", lambda: polars.LazyFrame({"x": n, "y": y}))
    yield memory("of Python objects", lambda: polars.DataFrame({"x": [{1}] * 12, "y": y}))
    yield memory("of structures", lambda: polars.DataFrame({"x": [{"a": 1}] * 12, "y": y}))
    yield memory("of Arrow's lists", lambda: pyarrow.table({"x": [[1]] * 12, "y": y}))
    yield memory(
        "of Arrow's dictionaries",
        lambda: pyarrow.table({"x": pyarrow.array(y).dictionary_encode(), "y": y}),
    )
    yield memory(
        "of Arrow's names twice",
        lambda: pyarrow.Table.from_arrays([pyarrow.array(n)] * 2, names=["y", "y"]),
    )
    yield memory(
        "of Arrow's decimals",
        lambda: pyarrow.table({"x": pyarrow.array([decimal.Decimal("1.5")] * 12), "y": y}),
    )
    yield memory("of Arrow's bytes", lambda: pyarrow.table({"x": [b"\xff"] * 12, "y": y}))
    yield memory("of Arrow's nothing", lambda: pyarrow.table({"x": pyarrow.nulls(12), "y": y}))
    for title, made in {
        "that is a dictionary": {"x": [1, 2], "y": [1, 2]},
        "that is a list": [[1, 2], [3, 4]],
        "that is text": "x,y\n1,2\n",
        "that is an array": np.zeros((9, 2)),
        "that is a series": pandas.Series(n, name="y"),
        "that is None": None,
        "that is a class": pandas.DataFrame,
    }.items():
        yield memory(title, lambda made=made: [made])


def _places() -> Iterator[Case]:
    def link(folder: Path) -> str:
        (folder / "t.csv").symlink_to("t.csv")
        return str(folder / "t.csv")

    def directory(folder: Path) -> str:
        (folder / "t.csv").mkdir()
        return str(folder / "t.csv")

    def pipe(folder: Path) -> str:
        os.mkfifo(folder / "t.csv")
        return str(folder / "t.csv")

    def device(folder: Path) -> str:
        (folder / "t.csv").symlink_to("/dev/zero")
        return str(folder / "t.csv")

    def named(folder: Path) -> str:
        return text_file(rows("1", "2"), "\x1b[31m\u202e<b>=1+1.csv")(folder)

    def sparse(folder: Path) -> str:
        with (folder / "t.csv").open("wb") as file:
            file.truncate(2**40)
        return str(folder / "t.csv")

    for make in (link, directory, pipe, device, named, sparse):
        yield Case(f"a {make.__name__}", make)
    for path in ("", "t.csv", "t", "~", "~nobody-there/t.csv", "a\0b.csv", "n" * 300 + ".csv"):
        yield Case(f"the path {path[:30]!r}", lambda _, path=path: path)
