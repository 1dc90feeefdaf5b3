"""From data frames of new rows to the arrays that a trained network takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from etude.batch import Spec
from etude.component import nearest
from etude.data.columns import Column, cleaned, labels
from etude.data.frame import to_polars
from etude.data.image_encoder import ImageEncoder
from etude.data.image_file import Channels, Side
from etude.data.symbols import TextEncoder, Unit
from etude.errors import InputError


class Encoder(Protocol):
    """Turns new rows into inputs, in the way in which the rows of the study were turned."""

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when rows of these sizes are not what the encoder makes."""

    def encode(self, frame: Any) -> dict[str, np.ndarray]:
        """The arrays of these rows; the target is not needed, other columns are ignored."""


@dataclass(frozen=True)
class TableEncoder:
    """Encodes rows of a table.

    Attributes:
        columns: the input columns, in order.
        missing: cells of text that mean "no value".
    """

    columns: tuple[Column, ...]
    missing: tuple[str, ...]

    def schema(self) -> dict[str, Any]:
        """All that the encoder knows, as JSON values."""
        return {
            "encoder": "table",
            "columns": [column.document() for column in self.columns],
            "missing": list(self.missing),
        }

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when rows of these sizes are not what the encoder makes."""
        size = sum(column.size() for column in self.columns)
        if spec.inputs != (size,):
            raise InputError(f"`columns` must be {list(spec.inputs)} features, got {size}")

    def features(self) -> tuple[str, ...]:
        """The names of the numbers of one row, such as `age` or `colour = red`."""
        return tuple(feature for column in self.columns for feature in column.features())

    def encode(self, frame: Any) -> dict[str, np.ndarray]:
        """The inputs of new rows.

        Args:
            frame: a data frame of any library, or what `read_frame` gives. The target is not
                needed; columns that were not trained on are ignored.

        Returns:
            `{"inputs": [rows, features]}` in single precision, NaN where a number is missing.

        Raises:
            InputError: a column is missing, or a cell is not of its column's kind. A category
                that did not occur in training is no error: all its features are 0.
        """
        table = cleaned(to_polars(frame), self.missing)
        if table.height == 0:
            raise InputError("the table must have rows, got none")
        present = {name.strip(): name for name in table.columns}
        parts = []
        for column in self.columns:
            if column.name not in present:
                raise InputError(
                    f"the table must have a column {column.name!r}{nearest(column.name, present)}"
                )
            series = table[present[column.name]].rename(column.name)
            parts.append(column.encode(series, None))
        return {"inputs": np.ascontiguousarray(np.concatenate(parts, axis=1))}


@dataclass(frozen=True)
class SeriesEncoder:
    """Encodes windows over the rows of a table in the order of time.

    Attributes:
        table: encodes what is known at each time.
        window: steps of a row.
    """

    table: TableEncoder
    window: int

    def schema(self) -> dict[str, Any]:
        """All that the encoder knows, as JSON values."""
        return self.table.schema() | {"encoder": "series", "window": self.window}

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when rows of these sizes are not what the encoder makes."""
        size = sum(column.size() for column in self.table.columns)
        if spec.inputs != (self.window, size):
            raise InputError(
                f"`window` and `columns` must be {list(spec.inputs)} steps and features, got "
                f"{self.window} and {size}"
            )

    def encode(self, frame: Any) -> dict[str, np.ndarray]:
        """The windows that end at row `window` of a table, at the next, and so on to the last.

        Args:
            frame: a data frame of any library, or what `read_frame` gives, in the order of time.

        Returns:
            `{"inputs": [rows − window + 1, window, features]}` in single precision.

        Raises:
            InputError: as for a table, or it has fewer rows than a window has steps.
        """
        values = self.table.encode(frame)["inputs"]
        if len(values) < self.window:
            raise InputError(
                f"the table must have at least {self.window} rows, which the network looks back, "
                f"got {len(values)}"
            )
        views = np.lib.stride_tricks.sliding_window_view(values, self.window, axis=0)
        return {"inputs": np.ascontiguousarray(views.swapaxes(1, 2))}


@dataclass(frozen=True)
class RatingsEncoder:
    """Encodes pairs of a user and an item as their numbers.

    Attributes:
        columns: the names of the columns of users and of items.
        users: the labels of the users in the order of their numbers.
        items: the labels of the items.
    """

    columns: tuple[str, str]
    users: tuple[str, ...]
    items: tuple[str, ...]

    def schema(self) -> dict[str, Any]:
        """All that the encoder knows, as JSON values."""
        return {
            "encoder": "ratings",
            "columns": list(self.columns),
            "users": list(self.users),
            "items": list(self.items),
        }

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when rows of these sizes are not what the encoder makes."""
        sizes = {"users": len(self.users), "items": len(self.items)}
        if spec.inputs != (2,) or dict(spec.sizes) != sizes:
            raise InputError(f"`users` and `items` must be {dict(spec.sizes)}, got {sizes}")

    def encode(self, frame: Any) -> dict[str, np.ndarray]:
        """The numbers of users and items.

        Returns:
            `{"inputs": [rows, 2]}`, whole numbers.

        Raises:
            InputError: a column is missing, or a user or an item has no rating in the study:
                nothing is known of them.
        """
        import polars

        table = to_polars(frame)
        if table.height == 0:
            raise InputError("the table must have rows, got none")
        parts = []
        for name, known in zip(self.columns, (self.users, self.items), strict=True):
            if name not in table.columns:
                raise InputError(
                    f"the table must have a column {name!r}{nearest(name, table.columns)}"
                )
            place = {label: number for number, label in enumerate(known)}
            named = labels(table[name], (), numeric=False)
            codes = named.replace_strict(place, default=-1, return_dtype=polars.Int32).to_numpy()
            if (codes < 0).any():
                row = int(np.argmax(codes < 0))
                raise InputError(
                    f"column {name!r}, row {row + 1}: must be one of the {len(known):,} that "
                    f"were rated in the study, got {table[name][row]!r}"
                )
            parts.append(codes)
        return {"inputs": np.stack(parts, axis=1)}


class _Schema(BaseModel):
    """What every stored schema says beside what its encoder needs."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    task: str
    target: tuple[str, ...]
    classes: tuple[str, ...]


class _TableSchema(_Schema):
    columns: tuple[Column, ...]
    missing: tuple[str, ...]


class _SeriesSchema(_TableSchema):
    window: int
    horizon: int


class _RatingsSchema(_Schema):
    columns: tuple[str, str]
    users: tuple[str, ...]
    items: tuple[str, ...]


class _TextSchema(_Schema):
    unit: Unit
    symbols: tuple[str, ...]
    unknown: bool
    end: str


class _ImagesSchema(_Schema):
    height: Side
    width: Side
    channels: Channels
    resized: bool


def encoder_from_schema(schema: dict[str, Any]) -> Encoder:
    """The encoder that a stored schema describes.

    Raises:
        InputError: the schema is of no kind known here, or says something that cannot be.
    """
    text = json.dumps(schema)
    try:
        match schema.get("encoder"):
            case "table":
                table = _TableSchema.model_validate_json(text)
                return TableEncoder(table.columns, table.missing)
            case "series":
                series = _SeriesSchema.model_validate_json(text)
                return SeriesEncoder(TableEncoder(series.columns, series.missing), series.window)
            case "ratings":
                ratings = _RatingsSchema.model_validate_json(text)
                return RatingsEncoder(ratings.columns, ratings.users, ratings.items)
            case "text":
                known = _TextSchema.model_validate_json(text)
                return TextEncoder(known.unit, known.symbols, known.unknown, known.end)
            case "images":
                images = _ImagesSchema.model_validate_json(text)
                return ImageEncoder(images.height, images.width, images.channels, images.resized)
            case other:
                kinds = "'table', 'series', 'ratings', 'text' or 'images'"
                raise InputError(f"`encoder` must be {kinds}, got {other!r}")
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise InputError(f"`{place}` of `schema`: {detail['msg']}") from None
