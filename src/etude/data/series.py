"""Series in files and in memory: the next values from those before."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from etude.component import Incidental
from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.columns import MISSING, cleaned, describe
from etude.data.frame import Content
from etude.data.named_columns import (
    check_named,
    check_one_source,
    in_order,
    table_of,
    target_numbers,
)
from etude.data.size import LARGEST_FILE
from etude.data.windows import windowed
from etude.errors import InputError


class Series(Data):
    """Windows over the rows of a table in the order of time, and what comes after each.

    With the values v_t of all columns at the time t, and of the target y_t, a row is

        inputs v_{t−window+1}, ..., v_t  `[window, features]`,  target y_{t+horizon}.

    The target's own past is an input, and so are the `columns` named. Rows are in the order of
    t, one for each t that has a whole window and a target. Columns are read as those of a
    `table`; means and scales are fitted to what the windows of the training rows hold.

    Neighbouring rows share values, so that validations which shuffle, such as `kfold`, train on
    values that they judge by. With `time_series`, or `holdout` with `shuffle = false`, training
    rows reach to times before those of all targets that are judged, inputs and targets alike.
    At the time of the first forecast that is judged, the targets of the horizon − 1 rows before
    are still to come: `gap = horizon - 1` of `time_series` leaves these rows out.

    To predict, a network takes a table of the same columns in the order of time and gives a
    forecast for every window in it, the last one from its last rows.

    Attributes:
        path: a CSV, TSV, Parquet, .npy or .npz file, relative to the working folder; empty for
            a table in memory (`from_frame`).
        target: the column of numbers to predict, or several.
        columns: further columns that are inputs.
        window: how many times the network sees.
        horizon: how many times ahead the target lies.
        order: the column of numbers or dates by which rows are sorted; "" leaves them as they
            come.
        scale: whether numeric inputs are standardized.
        scale_target: whether targets are standardized for training. Metrics and predictions are
            in the units of the table in any case.
        missing: cells of text that mean "no value"; the target must have one at every time.
        max_categories: a column with more categories is refused.
        max_bytes: larger files are refused, and series whose windows take more.
        content: the table in memory.

    Example:
        >>> import polars
        >>> frame = polars.DataFrame({"load": [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]})
        >>> Series.from_frame(frame, target="load", window=3).prepare().rows
        3
    """

    path: Annotated[str, Incidental()] = ""
    target: Annotated[str, Field(min_length=1)] | Annotated[tuple[str, ...], Field(min_length=1)]
    columns: tuple[str, ...] = ()
    window: Annotated[int, Field(ge=1, le=100_000)] = 24
    horizon: Annotated[int, Field(ge=1, le=100_000)] = 1
    order: str = ""
    scale: Literal["standard", "none"] = "standard"
    scale_target: bool = True
    missing: tuple[str, ...] = MISSING
    max_categories: Annotated[int, Field(ge=2)] = 100
    max_bytes: Annotated[int, Incidental(), Field(ge=1)] = LARGEST_FILE
    content: SkipJsonSchema[Content | None] = None

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        check_one_source(self.path, self.content)
        return self

    @classmethod
    def from_frame(cls, frame: Any, target: str | tuple[str, ...], **fields: Any) -> Self:
        """A series in memory.

        Args:
            frame: a data frame of any library that narwhals knows, a row for each time; or what
                `Table.from_frame` takes.
            target: the column to predict.
            fields: the other fields.
        """
        return cls(target=target, content=Content(frame), **fields)

    def user_files(self) -> tuple[str, ...]:
        return (self.path,) if self.path else ()

    def prepare(self) -> Prepared:
        """Read, check and encode the series."""
        frame, text = table_of(self.path, self.content, self.max_bytes)
        targets = (self.target,) if isinstance(self.target, str) else self.target
        order = (self.order,) if self.order else ()
        fields = {"target": targets, "columns": self.columns, "order": order}
        check_named(frame, fields, targets)
        frame = cleaned(frame, self.missing)
        if self.order:
            frame = frame[in_order(frame[self.order], text, one_each=True)]
        columns = tuple(
            describe(
                frame[name],
                text=text,
                missing=None,
                max_categories=self.max_categories,
                centered=self.scale == "standard",
            )
            for name in (*targets, *self.columns)
        )
        values = target_numbers(frame, targets, text, "a series")
        features = sum(column.size() for column in columns)
        needed = 4 * frame.height * self.window * features
        if needed > self.max_bytes:
            raise InputError(
                f"the windows take {needed:,} bytes, {self.window:,} × {features:,} numbers for "
                f"each of {frame.height:,} rows; `max_bytes` allows {self.max_bytes:,}: choose a "
                "shorter `window`, or raise `max_bytes`"
            )
        parts = [column.encode(frame[column.name], None) for column in columns]
        series = assemble(
            columns,
            np.ascontiguousarray(np.concatenate(parts, axis=1)),
            values,
            target_names=targets,
            missing=self.missing,
            scaled=self.scale == "standard",
            scale_target=self.scale_target,
        )
        return windowed(series, self.window, self.horizon)
