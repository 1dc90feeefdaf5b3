"""Data made by formulas."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.columns import Column


def sine_truth(x: np.ndarray) -> np.ndarray:
    """The noiseless target of `Sine`: f(x) = sin x, elementwise."""
    return np.sin(x)


class Sine(Data):
    """A sine with noise: x uniform in [−π, π], y = sin x + noise · ε, ε standard normal.

    `sine_truth` is the target without noise. Inputs are standardized as fitted to the training
    rows, targets are not.

    Attributes:
        rows: how many points.
        noise: standard deviation of what is added to the sine.
        seed: the same seed gives the same points.
    """

    rows: Annotated[int, Field(ge=2)] = 200
    noise: Annotated[float, Field(ge=0)] = 0.1
    seed: Annotated[int, Field(ge=0)] = 0

    def prepare(self) -> Prepared:
        """Draw the points."""
        generator = np.random.default_rng(self.seed)
        # rounded first, so that the target belongs to the input that the network sees
        x = generator.uniform(-np.pi, np.pi, (self.rows, 1)).astype(np.float32)
        y = sine_truth(x.astype(np.float64)) + self.noise * generator.normal(size=x.shape)
        return assemble((Column("x", "number"),), x, y, target_names=("y",), scale_target=False)


def _points(
    points: np.ndarray, classes: np.ndarray, noise: float, generator: np.random.Generator
) -> Prepared:
    """Points in the plane with noise, in random order, and their classes."""
    moved = points + noise * generator.normal(size=points.shape)
    order = generator.permutation(len(points))
    return assemble(
        (Column("x", "number"), Column("y", "number")),
        moved[order].astype(np.float32),
        classes[order],
        classes=tuple(str(number) for number in range(int(classes.max()) + 1)),
        target_names=("class",),
    )


class Moons(Data):
    """Two interleaving half circles, in random order, as `sklearn.datasets.make_moons` has them.

    With t evenly spaced from 0 to π: class 0 is (cos t, sin t) for ⌊rows/2⌋ points, class 1 is
    (1 − cos t, ½ − sin t) for the others; normal noise is added to both coordinates.

    Attributes:
        rows: how many points.
        noise: standard deviation of what is added to each coordinate.
        seed: the same seed gives the same points.
    """

    rows: Annotated[int, Field(ge=4)] = 200
    noise: Annotated[float, Field(ge=0)] = 0.1
    seed: Annotated[int, Field(ge=0)] = 0

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
        return _points(points, classes, self.noise, np.random.default_rng(self.seed))


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

    rows: Annotated[int, Field(ge=4)] = 200
    noise: Annotated[float, Field(ge=0)] = 0.02
    seed: Annotated[int, Field(ge=0)] = 0
    classes: Annotated[int, Field(ge=2)] = 2

    @model_validator(mode="after")
    def _has_rows_for_classes(self) -> Self:
        if self.rows < 2 * self.classes:
            raise ValueError(
                f"`rows` must be at least 2 for each of {self.classes} classes, got {self.rows}"
            )
        return self

    def prepare(self) -> Prepared:
        """Draw the points."""
        classes = np.sort(np.arange(self.rows) % self.classes)
        counts = np.bincount(classes)
        radius = np.concatenate([np.arange(1, count + 1) / count for count in counts])
        angle = 2 * np.pi * (TURNS * radius + classes / self.classes)
        points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return _points(points, classes, self.noise, np.random.default_rng(self.seed))
