"""From data frames of new rows to the arrays that a trained network takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from etude.component import nearest
from etude.data.columns import Column, labels
from etude.data.frame import to_polars
from etude.errors import InputError


class Encoder(Protocol):
    """Turns new rows into inputs, in the way in which the rows of the study were turned."""

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

    @classmethod
    def from_schema(cls, schema: dict[str, Any]) -> TableEncoder:
        """The encoder that `schema()` describes."""
        return cls(
            tuple(Column.from_document(column) for column in schema["columns"]),
            tuple(schema["missing"]),
        )

    def schema(self) -> dict[str, Any]:
        """All that the encoder knows, as JSON values."""
        return {
            "encoder": "table",
            "columns": [column.document() for column in self.columns],
            "missing": list(self.missing),
        }

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
        table = to_polars(frame)
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
            parts.append(column.encode(series, self.missing))
        return {"inputs": np.ascontiguousarray(np.concatenate(parts, axis=1))}


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

    @classmethod
    def from_schema(cls, schema: dict[str, Any]) -> RatingsEncoder:
        """The encoder that `schema()` describes."""
        user, item = schema["columns"]
        return cls((user, item), tuple(schema["users"]), tuple(schema["items"]))

    def schema(self) -> dict[str, Any]:
        """All that the encoder knows, as JSON values."""
        return {
            "encoder": "ratings",
            "columns": list(self.columns),
            "users": list(self.users),
            "items": list(self.items),
        }

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


def encoder_from_schema(schema: dict[str, Any]) -> Encoder:
    """The encoder that a stored schema describes.

    Raises:
        InputError: the schema is of no kind known here.
    """
    match schema.get("encoder"):
        case "table":
            return TableEncoder.from_schema(schema)
        case "ratings":
            return RatingsEncoder.from_schema(schema)
        case other:
            raise InputError(f"`encoder` must be 'table' or 'ratings', got {other!r}")
