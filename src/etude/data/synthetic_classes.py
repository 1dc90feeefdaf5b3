"""Data made by formulas, with targets that are classes."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.columns import Column
from etude.data.size import check_numbers

LARGEST = 1e6
"""Lengths up to here keep every coordinate within single precision."""

Rows = Annotated[int, Field(ge=4, le=10_000_000)]
Seed = Annotated[int, Field(ge=0)]
Deviation = Annotated[float, Field(ge=0, le=LARGEST)]
Length = Annotated[float, Field(gt=0, le=LARGEST)]
Classes = Annotated[int, Field(ge=2, le=1000)]


class Moons(Data):
    """Two interleaving half circles, in random order, as `sklearn.datasets.make_moons` has them.

    With t evenly spaced from 0 to π: class 0 is (cos t, sin t) for ⌊rows/2⌋ points, class 1 is
    (1 − cos t, ½ − sin t) for the others; normal noise is added to both coordinates.

    Attributes:
        rows: how many points.
        noise: standard deviation of what is added to each coordinate.
        seed: the same seed gives the same points.
    """

    rows: Rows = 200
    noise: Deviation = 0.1
    seed: Seed = 0

    def prepare(self) -> Prepared:
        """Draw the points."""
        first = np.linspace(0, np.pi, self.rows // 2)
        second = np.linspace(0, np.pi, self.rows - self.rows // 2)
        points = np.concatenate(
            [
                np.stack([np.cos(first), np.sin(first)], axis=1),
                np.stack([1 - np.cos(second), 0.5 - np.sin(second)], axis=1),
            ]
        )
        classes = np.repeat([0, 1], [len(first), len(second)])
        return _noisy(points, classes, self.noise, np.random.default_rng(self.seed))


TURNS = 1.5
"""How often an arm of `Spirals` goes round the origin."""


class Spirals(Data):
    """Arms that wind around each other, in random order.

    Point j of the n points of class k lies at radius r = j / n for j = 1 ... n and angle
    2π (1.5 r + k / classes): (r cos, r sin); normal noise is added to both coordinates. After
    Lang & Witbrock, "Learning to Tell Two Spirals Apart", 1988.

    Attributes:
        rows: how many points; the first classes have one more where they do not divide evenly.
        noise: standard deviation of what is added to each coordinate.
        seed: the same seed gives the same points.
        classes: how many arms.
    """

    rows: Rows = 200
    noise: Deviation = 0.02
    seed: Seed = 0
    classes: Classes = 2

    @model_validator(mode="after")
    def _has_rows_for_classes(self) -> Self:
        _check_rows(self.rows, self.classes)
        return self

    def prepare(self) -> Prepared:
        """Draw the points."""
        classes = np.sort(np.arange(self.rows) % self.classes)
        counts = np.bincount(classes)
        radius = np.concatenate([np.arange(1, count + 1) / count for count in counts])
        angle = 2 * np.pi * (TURNS * radius + classes / self.classes)
        points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return _noisy(points, classes, self.noise, np.random.default_rng(self.seed))


class Blobs(Data):
    """Round normal clouds, one for each class, as `sklearn.datasets.make_blobs` draws them.

    The centers are uniform in [−box, box] for every input. The points are those of
    `make_blobs(rows, features, centers=classes, cluster_std=noise, center_box=(-box, box),
    random_state=seed)`.

    Attributes:
        rows: how many points; the first classes have one more where they do not divide evenly.
        classes: how many clouds.
        features: how many inputs.
        noise: standard deviation of a cloud in every direction.
        box: how far the centers may lie from 0.
        seed: the same seed gives the same centers and points.
    """

    rows: Rows = 200
    classes: Classes = 3
    features: Annotated[int, Field(ge=1, le=10_000)] = 2
    noise: Deviation = 1.0
    box: Length = 10.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="after")
    def _has_rows_for_classes(self) -> Self:
        _check_rows(self.rows, self.classes)
        check_numbers(self.rows, self.features)
        return self

    def prepare(self) -> Prepared:
        """Draw centers and points."""
        generator = np.random.RandomState(self.seed)
        centers = generator.uniform(-self.box, self.box, (self.classes, self.features))
        classes = np.sort(np.arange(self.rows) % self.classes)
        points = np.concatenate(
            [
                generator.normal(center, self.noise, (count, self.features))
                for center, count in zip(centers, np.bincount(classes), strict=True)
            ]
        )
        order = np.arange(self.rows)
        generator.shuffle(order)
        return _points(points[order], classes[order])


class RingOfGaussians(Data):
    """Small normal clouds evenly spaced on a circle, in random order; each is a class.

    Cloud k has its center at radius · (cos 2πk/classes, sin 2πk/classes). The usual test whether
    a generative network finds every mode (Metz et al., "Unrolled Generative Adversarial
    Networks", 2017).

    Attributes:
        rows: how many points; the first classes have one more where they do not divide evenly.
        classes: how many clouds.
        radius: of the circle.
        noise: standard deviation of a cloud in both directions.
        seed: the same seed gives the same points.
    """

    rows: Rows = 800
    classes: Classes = 8
    radius: Length = 2.0
    noise: Deviation = 0.05
    seed: Seed = 0

    @model_validator(mode="after")
    def _has_rows_for_classes(self) -> Self:
        _check_rows(self.rows, self.classes)
        return self

    def prepare(self) -> Prepared:
        """Draw the points."""
        classes = np.sort(np.arange(self.rows) % self.classes)
        angle = 2 * np.pi * classes / self.classes
        centers = self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return _noisy(centers, classes, self.noise, np.random.default_rng(self.seed))


def _check_rows(rows: int, classes: int) -> None:
    if rows < 2 * classes:
        raise ValueError(f"`rows` must be at least 2 for each of {classes} classes, got {rows}")


def _noisy(
    points: np.ndarray, classes: np.ndarray, noise: float, generator: np.random.Generator
) -> Prepared:
    """Points with noise, in random order, and their classes."""
    moved = points + noise * generator.normal(size=points.shape)
    order = generator.permutation(len(points))
    return _points(moved[order], classes[order])


def _points(points: np.ndarray, classes: np.ndarray) -> Prepared:
    width = points.shape[1]
    names = ("x", "y") if width == 2 else tuple(f"x{number}" for number in range(width))
    return assemble(
        tuple(Column(name, "number") for name in names),
        points.astype(np.float32),
        classes,
        classes=tuple(str(number) for number in range(int(classes.max()) + 1)),
        target_names=("class",),
    )
