"""Tables: files, data frames and arrays, with numbers and categories, gaps allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from etude.component import Added, Incidental
from etude.data.arrays import frame_of_arrays
from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.columns import (
    MISSING,
    Column,
    cleaned,
    describe,
    kind_of,
    labels,
    numbers,
    ordered,
)
from etude.data.frame import Content
from etude.data.named_columns import (
    check_named,
    check_one_source,
    check_present,
    in_order,
    table_of,
    target_numbers,
)
from etude.data.size import LARGEST_FILE
from etude.errors import InputError

if TYPE_CHECKING:
    import polars

FEW = 20
"""Whole numbers with at most this many different values are taken for classes."""


class Table(Data):
    """Rows of a table: every column but the target is an input.

    Columns are numbers, booleans (0 and 1), dates (ISO 8601; days since 1970-01-01) or
    categories (text; one feature each, 1 where the row has it). Kinds, categories and class
    labels are read from the whole table; means and scales are fitted to the training rows of
    each split alone: x ← (x − mean) / deviation.

    Values may be missing anywhere but in the target. A missing number counts as the mean of the
    training rows (as 0 with `scale = "none"`), and one more feature says where it is missing; a
    missing category is a category of its own. A category that does not occur in the training
    rows is 0 everywhere.

    The columns named by `group` and `order` are no inputs: a network that is to be judged on new
    groups or later times has nothing to learn from them. Where they are to be inputs as well,
    give the table a second column of the kind.

    Attributes:
        path: a CSV, TSV, Parquet, .npy or .npz file (see `read_frame`), relative to the working
            folder; empty for a table in memory (`from_frame`, `from_arrays`).
        target: the column to predict, or several columns of numbers.
        task: "classes" or "numbers". "auto" takes text and booleans for classes, and numbers
            too if they are whole and there are 2 different ones, or at most 20 and at most one
            for every 5 rows.
        drop: columns to leave out.
        group: the column of labels of which rows belong together, as of one patient, for
            `grouped` validation; "" for none.
        order: the column of numbers or dates by which rows are sorted, for `time_series`
            validation; equal ones stay as they come. "" leaves all rows as they come.
        categorical: columns of numbers that are categories.
        scale: whether numeric inputs are standardized.
        scale_target: whether numeric targets are standardized for training. Metrics and
            predictions are in the units of the table in any case.
        missing: cells of text that mean "no value".
        max_categories: a column with more categories, or a target with more classes, is refused.
        max_bytes: larger files are refused, and tables that take more once they are encoded.
        content: the table in memory.

    Example:
        >>> import numpy as np
        >>> table = Table.from_arrays(np.arange(12.0).reshape(6, 2), ["a", "b"] * 3)
        >>> table.prepare().spec.classes
        ('a', 'b')
    """

    path: Annotated[str, Incidental()] = ""
    target: Annotated[str, Field(min_length=1)] | Annotated[tuple[str, ...], Field(min_length=1)]
    task: Literal["auto", "classes", "numbers"] = "auto"
    drop: tuple[str, ...] = ()
    group: Annotated[str, Added()] = ""
    order: Annotated[str, Added()] = ""
    categorical: tuple[str, ...] = ()
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
        """A table in memory.

        Args:
            frame: a data frame of pandas, polars, Arrow or any other library that narwhals
                knows; the index of pandas is no column.
            target: the column to predict.
            fields: the other fields.
        """
        return cls(target=target, content=Content(frame), **fields)

    @classmethod
    def from_arrays(
        cls,
        X: Any,
        y: Any,
        *,
        columns: tuple[str, ...] = (),
        target: str = "target",
        groups: Any = None,
        **fields: Any,
    ) -> Self:
        """A table in memory.

        Args:
            X: `[rows, columns]` numbers, NaN where missing.
            y: `[rows]` numbers or labels, or `[rows, targets]` numbers.
            columns: the names of the columns of X; x0, x1, ... by default.
            target: the name of the target; several are called `target_0`, `target_1`, ...
            groups: `[rows]` labels of which rows belong together; becomes the column "group".
            fields: the other fields.

        Raises:
            InputError: the shapes do not fit, or the arrays hold other things.
        """
        X, y = np.asarray(X), np.asarray(y)
        if X.ndim != 2:
            raise InputError(f"`X` must have 2 axes (rows, columns), got shape {X.shape}")
        if len(X) == 0:
            raise InputError("`X` must have rows, got none")
        names = tuple(columns) or tuple(f"x{number}" for number in range(X.shape[1]))
        if len(names) != X.shape[1]:
            raise InputError(
                f"`columns` must name the {X.shape[1]} columns of `X`, got {len(names)} names"
            )
        y = _plain(y)
        several = y.ndim == 2
        targets = tuple(f"{target}_{n}" for n in range(y.shape[1])) if several else target
        if len(set(names)) < len(names) or set(names) & set(targets if several else (target,)):
            raise InputError("`columns` must have different names, and other ones than the target")
        parts = dict(zip(names, X.T, strict=True)) | {target: y}
        if groups is not None:
            if "group" in parts:
                raise InputError('`columns` and `target` must not be "group" beside `groups`')
            fields = {"group": "group"} | fields
            parts["group"] = _plain(np.asarray(groups))
        frame = frame_of_arrays(parts, "`X` and `y`")
        return cls(target=targets, content=Content(frame), **fields)

    def user_files(self) -> tuple[str, ...]:
        return (self.path,) if self.path else ()

    def prepare(self) -> Prepared:
        """Read, check and encode the table."""
        frame, text = table_of(self.path, self.content, self.max_bytes)
        targets = (self.target,) if isinstance(self.target, str) else self.target
        self._check_columns(frame, targets)
        apart = {*self.drop, *targets, *self._named("group"), *self._named("order")}
        inputs = [name for name in frame.columns if name not in apart]
        if not inputs:
            raise InputError("the table must have a column besides the target, got none")
        if "" in inputs:
            raise InputError(
                f'column {frame.columns.index("") + 1} has no name: name it, or list "" in '
                "`drop`, or write the file without row numbers (pandas: index=False)"
            )
        frame = cleaned(frame, self.missing)
        if self.order:
            frame = frame[in_order(frame[self.order], text)]
        values, classes = self._targets(frame, targets, text)
        columns = tuple(
            describe(
                frame[name],
                text=text,
                missing=None,
                category=name in self.categorical,
                max_categories=self.max_categories,
                centered=self.scale == "standard",
            )
            for name in inputs
        )
        self._check_size(columns, frame.height)
        parts = [column.encode(frame[column.name], None) for column in columns]
        return assemble(
            columns,
            np.ascontiguousarray(np.concatenate(parts, axis=1)),
            values,
            classes=classes,
            target_names=targets,
            missing=self.missing,
            scaled=self.scale == "standard",
            scale_target=self.scale_target,
            groups=self._groups(frame[self.group]) if self.group else None,
        )

    def _named(self, field: Literal["group", "order"]) -> tuple[str, ...]:
        name = getattr(self, field)
        return (name,) if name else ()

    def _check_size(self, columns: tuple[Column, ...], rows: int) -> None:
        needed = 4 * rows * sum(column.size() for column in columns)
        if needed > self.max_bytes:
            widest = max(columns, key=Column.size)
            raise InputError(
                f"the table takes {needed:,} bytes once column {widest.name!r} is "
                f"{widest.size():,} features of {rows:,} rows, and so on; `max_bytes` allows "
                f"{self.max_bytes:,}: list columns in `drop`"
            )

    def _check_columns(self, frame: polars.DataFrame, targets: tuple[str, ...]) -> None:
        fields = {
            "target": targets,
            "drop": self.drop,
            "categorical": self.categorical,
            "group": self._named("group"),
            "order": self._named("order"),
        }
        check_named(frame, fields, targets)

    def _groups(self, series: polars.Series) -> np.ndarray:
        """`[rows]` group numbers, in the order of the labels."""
        import polars

        named = labels(series, None, numeric=True)
        check_present("group", series.name, named.is_null().to_numpy())
        place = {label: number for number, label in enumerate(ordered(named, numeric=True))}
        return named.replace_strict(place, return_dtype=polars.Int64).to_numpy()

    def _targets(
        self, frame: polars.DataFrame, names: tuple[str, ...], text: bool
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """Class numbers `[rows]` and their labels, or numbers `[rows, targets]` and none."""
        kinds = [kind_of(frame[name], text, None) for name in names]
        if len(names) == 1 and self._are_classes(frame[names[0]], kinds[0]):
            return self._classes(frame[names[0]], kinds[0])
        rule = "several targets" if len(names) > 1 else '`task` = "numbers"'
        values = target_numbers(frame, names, text, rule)
        if self.task == "classes":
            raise InputError(
                f'`target` must name one column for `task` = "classes", got {len(names)}'
            )
        return values, ()

    def _are_classes(self, series: polars.Series, kind: str) -> bool:
        if self.task != "auto":
            return self.task == "classes"
        if kind == "date":
            raise InputError(
                f"target {series.name!r} must hold classes or numbers, got dates: "
                "give them as numbers of days"
            )
        if kind != "number":
            return True
        values = numbers(series, "number", None)
        values = values[~np.isnan(values)]
        different = np.unique(values)
        whole = bool((different == np.floor(different)).all())
        return whole and (len(different) <= 2 or len(different) <= min(FEW, len(values) // 5))

    def _classes(self, series: polars.Series, kind: str) -> tuple[np.ndarray, tuple[str, ...]]:
        import polars

        # booleans of a text file keep the spelling of the file
        numeric = kind == "number"
        if numeric:
            numbers(series, "number", None)
        named = labels(series, None, numeric)
        check_present("target", series.name, named.is_null().to_numpy())
        different = named.n_unique()
        if different < 2:
            raise InputError(
                f"target {series.name!r} must have at least 2 classes, got {named[0]!r} only"
            )
        if different > self.max_categories:
            raise InputError(
                f"target {series.name!r} has {different:,} classes, more than "
                f"`max_categories` = {self.max_categories}: choose another target or `task`, or "
                "raise `max_categories`"
            )
        classes = ordered(named, numeric)
        place = {label: number for number, label in enumerate(classes)}
        return named.replace_strict(place, return_dtype=polars.Int64).to_numpy(), classes


def _plain(values: np.ndarray) -> np.ndarray:
    """Python objects as text."""
    if values.dtype != object:
        return values
    return np.array([str(value) for value in values.ravel()]).reshape(values.shape)
