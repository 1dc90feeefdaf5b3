"""Ratings of items by users, for recommendation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from etude.batch import Spec
from etude.component import Incidental, nearest
from etude.data.assemble import check_rounding, fingerprint
from etude.data.base import Data, Prepared
from etude.data.columns import labels, numbers
from etude.data.download import find_or_download
from etude.data.encoder import RatingsEncoder
from etude.data.frame import read_frame
from etude.data.rows import InputsAndTargets
from etude.data.size import LARGEST_FILE
from etude.data.standardize import moments
from etude.errors import InputError

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True, eq=False)
class RatingScale:
    """The mean of the training ratings, and 1 or their standard deviation.

    Attributes:
        targets: `[rows, 1]`.
        scaled: whether ratings are divided by their standard deviation.
    """

    targets: np.ndarray
    scaled: bool

    def __call__(self, rows: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        """`target_mean` and `target_scale`, `[1]` each, in single precision.

        Args:
            rows: numbers of the training rows.
            weights: one for each training row; empty means 1 each.
        """
        weights = np.asarray(weights, np.float64)
        weights = weights if weights.size else np.ones(len(rows))
        mean, spread, _ = moments(self.targets[rows].astype(np.float64), weights)
        scale = np.where(spread > 0, spread, 1) if self.scaled else np.ones_like(mean)
        return {
            "target_mean": mean.astype(np.float32),
            "target_scale": scale.astype(np.float32),
        }


def prepare_ratings(
    ids: np.ndarray, ratings: np.ndarray, encoder: RatingsEncoder, target: str, scale_target: bool
) -> Prepared:
    """Ratings, ready to be split.

    Args:
        ids: `[rows, 2]`, the numbers of user and item.
        ratings: `[rows, 1]` in double precision.
        encoder: knows the labels of users and items.
        target: the name of the column of ratings.
        scale_target: whether ratings are divided by their standard deviation.
    """
    check_rounding(ratings, (target,))
    targets = ratings.astype(np.float32)
    inputs = ids.astype(np.int32)
    schema = encoder.schema() | {"task": "numbers", "target": [target], "classes": []}
    sizes = (("users", len(encoder.users)), ("items", len(encoder.items)))
    return Prepared(
        spec=Spec("numbers", (2,), 1, sizes=sizes),
        stream=InputsAndTargets(),
        arrays={"inputs": inputs, "targets": targets},
        rows=len(inputs),
        fingerprint=fingerprint({"inputs": inputs, "targets": ratings}, schema),
        fit=RatingScale(targets, scale_target),
        columns=encoder.columns,
        encoder=encoder,
        schema=schema,
        targets=ratings,
    )


class Ratings(Data):
    """A file of ratings: one row says which user gave which item which rating.

    Users and items are numbered in the order of their labels; all that occur in the file are
    known, also where a split has no training row of them. The mean of the training ratings is
    subtracted for training.

    Attributes:
        path: a file as `read_frame` reads it, relative to the working folder.
        user: the column of users, text or numbers.
        item: the column of items, text or numbers.
        rating: the column of ratings, numbers.
        scale_target: whether ratings are divided by their standard deviation for training.
        max_bytes: larger files are refused.
    """

    path: Annotated[str, Incidental(), Field(min_length=1)]
    user: str = "user"
    item: str = "item"
    rating: str = "rating"
    scale_target: bool = False
    max_bytes: Annotated[int, Incidental(), Field(ge=1)] = LARGEST_FILE

    def user_files(self) -> tuple[str, ...]:
        return (self.path,)

    def prepare(self) -> Prepared:
        """Read and number users and items."""
        frame = read_frame(self.path, self.max_bytes)
        fields = {"user": self.user, "item": self.item, "rating": self.rating}
        for field, name in fields.items():
            if name not in frame.columns:
                raise InputError(
                    f"`{field}` must name a column of the table, and {name!r} is none"
                    f"{nearest(name, frame.columns)}"
                )
        if len(set(fields.values())) < len(fields):
            raise InputError("`user`, `item` and `rating` must name three different columns")
        users, items = (_known(frame[name]) for name in (self.user, self.item))
        encoder = RatingsEncoder((self.user, self.item), users, items)
        ratings = numbers(frame[self.rating], "number", ("",))[:, None]
        absent = np.isnan(ratings[:, 0])
        if absent.any():
            raise InputError(
                f"column {self.rating!r}, row {int(np.argmax(absent)) + 1}: must have a value"
            )
        ids = encoder.encode(frame)["inputs"]
        return prepare_ratings(ids, ratings, encoder, self.rating, self.scale_target)


def _known(series: polars.Series) -> tuple[str, ...]:
    """The labels that occur, whole numbers by size and before text."""
    named = labels(series, ("",), numeric=False)
    if named.null_count():
        row = int(named.is_null().to_numpy().argmax())
        raise InputError(f"column {series.name!r}, row {row + 1}: must have a value")
    return tuple(sorted(named.unique().to_list(), key=_by_number))


def _by_number(label: str) -> tuple[bool, int, str]:
    return not label.isdecimal(), int(label) if label.isdecimal() else 0, label


class MovieLens(Data):
    """100,000 ratings (1 to 5) of 1,682 films by 943 people: MovieLens 100K.

    Harper & Konstan, "The MovieLens Datasets", 2015. Found as ml-100k/u.data in the folder that
    the environment variable ETUDE_DATA names, or else downloaded from GroupLens, whose terms of
    use apply. User and item numbers are those of the file less 1; the mean of the training
    ratings is subtracted for training.

    Attributes:
        scale_target: whether ratings are divided by their standard deviation for training.
    """

    name = "movielens_100k"

    scale_target: bool = False

    def prepare(self) -> Prepared:
        """Find or download the file, and read it."""
        file = find_or_download(
            "ml-100k/u.data",
            sha256="06416e597f82b7342361e41163890c81036900f418ad91315590814211dca490",
            url="https://files.grouplens.org/datasets/movielens/ml-100k.zip",
            member="ml-100k/u.data",
            max_bytes=4 * 1024**2,
            max_archive_bytes=16 * 1024**2,
        )
        table = np.array(file.read_bytes().split(), np.int64).reshape(-1, 4)
        encoder = RatingsEncoder(
            ("user", "item"),
            tuple(str(number + 1) for number in range(943)),
            tuple(str(number + 1) for number in range(1682)),
        )
        ids, ratings = table[:, :2] - 1, table[:, 2:3].astype(np.float64)
        return prepare_ratings(ids, ratings, encoder, "rating", self.scale_target)
