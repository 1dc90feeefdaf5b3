"""Data made by formulas, with targets that are numbers and a truth that is known."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.columns import Column
from etude.data.size import check_numbers

LARGEST = 1e6
"""Coefficients and deviations up to here keep every target within single precision."""

Rows = Annotated[int, Field(ge=2, le=10_000_000)]
Seed = Annotated[int, Field(ge=0)]
Deviation = Annotated[float, Field(ge=0, le=LARGEST)]
Coefficient = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]


class Sine(Data):
    """A sine with noise: x uniform in [−π, π], y = sin x + noise · ε, ε standard normal.

    Inputs are standardized as fitted to the training rows, targets are not.

    Attributes:
        rows: how many points.
        noise: standard deviation of what is added to the sine.
        seed: the same seed gives the same points.
    """

    rows: Rows = 200
    noise: Deviation = 0.1
    seed: Seed = 0

    def truth(self, x: np.ndarray) -> np.ndarray:
        """The target without noise, f(x) = sin x, elementwise."""
        return np.sin(x)

    def prepare(self) -> Prepared:
        """Draw the points."""
        generator = np.random.default_rng(self.seed)
        x = _rounded(generator.uniform(-np.pi, np.pi, (self.rows, 1)))
        truth = self.truth(x)
        return _relation(x, truth, truth + self.noise * generator.normal(size=x.shape))


class HeteroscedasticSine(Data):
    """A sine whose noise grows: x uniform in [−π, π], y = sin x + σ(x) · ε, ε standard normal.

    σ(x) is a straight line. Inputs are standardized as fitted to the training rows, targets are
    not.

    Attributes:
        rows: how many points.
        noise: σ(−π) and σ(π).
        seed: the same seed gives the same points.
    """

    rows: Rows = 200
    noise: tuple[Deviation, Deviation] = (0.05, 0.5)
    seed: Seed = 0

    def truth(self, x: np.ndarray) -> np.ndarray:
        """The target without noise, f(x) = sin x, elementwise."""
        return np.sin(x)

    def deviation(self, x: np.ndarray) -> np.ndarray:
        """σ(x), the standard deviation of the noise, elementwise."""
        return np.interp(x, [-np.pi, np.pi], self.noise)

    def prepare(self) -> Prepared:
        """Draw the points."""
        generator = np.random.default_rng(self.seed)
        x = _rounded(generator.uniform(-np.pi, np.pi, (self.rows, 1)))
        truth = self.truth(x)
        return _relation(x, truth, truth + self.deviation(x) * generator.normal(size=x.shape))


class LinearRegression(Data):
    """A plane with noise and outliers: y = intercept + Σ_j coefficient_j x_j + noise · ε.

    x and ε are standard normal. Then ⌊outliers · rows + ½⌋ rows drawn at random are moved by
    `outlier_size`, up or down with equal chance. Inputs are standardized as fitted to the
    training rows, targets are not.

    Attributes:
        rows: how many points.
        coefficients: one for each input.
        intercept: the target where all inputs are 0.
        noise: standard deviation of the noise.
        outliers: share of the rows that are outliers.
        outlier_size: how far the target of an outlier is moved.
        seed: the same seed gives the same points.
    """

    rows: Rows = 200
    coefficients: Annotated[tuple[Coefficient, ...], Field(min_length=1)] = (1.0, -2.0, 0.5)
    intercept: Coefficient = 0.0
    noise: Deviation = 0.1
    outliers: Share = 0.0
    outlier_size: Deviation = 10.0
    seed: Seed = 0

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        check_numbers(self.rows, len(self.coefficients))
        return self

    def truth(self, x: np.ndarray) -> np.ndarray:
        """The target without noise and outliers: `[rows, inputs]` to `[rows, 1]`."""
        return self.intercept + x @ np.array(self.coefficients)[:, None]

    def prepare(self) -> Prepared:
        """Draw the points."""
        generator = np.random.default_rng(self.seed)
        x = _rounded(generator.normal(size=(self.rows, len(self.coefficients))))
        truth = self.truth(x)
        y = truth + self.noise * generator.normal(size=truth.shape)
        return _relation(x, truth, _moved(y, self.outliers, self.outlier_size, generator))


class PolynomialRegression(Data):
    """A polynomial with noise and outliers: y = Σ_k coefficient_k xᵏ + noise · ε.

    x is uniform in [−1, 1], ε standard normal. Then ⌊outliers · rows + ½⌋ rows drawn at random
    are moved by `outlier_size`, up or down with equal chance. The default, 4x³ − 3x, waves once
    between −1 and 1. Inputs are standardized as fitted to the training rows, targets are not.

    Attributes:
        rows: how many points.
        coefficients: from that of x⁰ on.
        noise: standard deviation of the noise.
        outliers: share of the rows that are outliers.
        outlier_size: how far the target of an outlier is moved.
        seed: the same seed gives the same points.
    """

    rows: Rows = 200
    coefficients: Annotated[tuple[Coefficient, ...], Field(min_length=1, max_length=100)] = (
        0.0,
        -3.0,
        0.0,
        4.0,
    )
    noise: Deviation = 0.1
    outliers: Share = 0.0
    outlier_size: Deviation = 10.0
    seed: Seed = 0

    def truth(self, x: np.ndarray) -> np.ndarray:
        """The target without noise and outliers, elementwise."""
        return np.polynomial.polynomial.polyval(x, self.coefficients)

    def prepare(self) -> Prepared:
        """Draw the points."""
        generator = np.random.default_rng(self.seed)
        x = _rounded(generator.uniform(-1, 1, (self.rows, 1)))
        truth = self.truth(x)
        y = truth + self.noise * generator.normal(size=x.shape)
        return _relation(x, truth, _moved(y, self.outliers, self.outlier_size, generator))


def _rounded(x: np.ndarray) -> np.ndarray:
    """Inputs as the network sees them, so that the target belongs to these."""
    return x.astype(np.float32).astype(np.float64)


def _moved(y: np.ndarray, share: float, size: float, generator: np.random.Generator) -> np.ndarray:
    """Targets of which some are outliers."""
    chosen = generator.permutation(len(y))[: int(share * len(y) + 0.5)]
    moved = y.copy()
    moved[chosen] += size * generator.choice([-1.0, 1.0], (len(chosen), 1))
    return moved


def _relation(x: np.ndarray, truth: np.ndarray, y: np.ndarray) -> Prepared:
    names = ("x",) if x.shape[1] == 1 else tuple(f"x{number}" for number in range(x.shape[1]))
    return assemble(
        tuple(Column(name, "number") for name in names),
        x.astype(np.float32),
        y,
        target_names=("y",),
        scale_target=False,
        truth=truth,
    )
