"""Series made by formulas, as tables of what came before."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from etude.component import Added
from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.columns import Column
from etude.data.size import check_numbers
from etude.data.windows import windowed


class Autoregressive(Data):
    """A stationary autoregressive series: y_t = Σ_k coefficient_k y_{t−k} + noise · ε_t.

    ε is standard normal. A row holds the `lags` values before y_t, the last one first, and y_t
    as target; rows are in the order of time, so that `time_series` splits them as they are. The
    series starts from its stationary distribution. Inputs are standardized as fitted to the
    training rows, targets are not. Box & Jenkins, "Time Series Analysis", 1970.

    Attributes:
        rows: how many values are targets.
        coefficients: of y_{t−1}, y_{t−2} and so on.
        noise: standard deviation of what is new at each time.
        lags: how many earlier values are inputs; at least as many as there are coefficients.
        seed: the same seed gives the same series.
        sequence: whether the values before y_t are the steps of a sequence `[lags, 1]`, the
            earliest first and all standardized alike, as recurrent networks read them.
    """

    rows: Annotated[int, Field(ge=2, le=10_000_000)] = 500
    coefficients: Annotated[tuple[float, ...], Field(min_length=1, max_length=20)] = (0.6, 0.3)
    noise: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    lags: Annotated[int, Field(ge=1, le=1000)] = 2
    seed: Annotated[int, Field(ge=0)] = 0
    sequence: Annotated[bool, Added()] = False

    @model_validator(mode="after")
    def _is_stationary(self) -> Self:
        if self.lags < len(self.coefficients):
            raise ValueError(
                f"`lags` must be at least the number of coefficients, {len(self.coefficients)}, "
                f"got {self.lags}"
            )
        check_numbers(self.rows, self.lags)
        size = float(np.abs(np.linalg.eigvals(self._companion())).max())
        if not size < 1 - 1e-6:
            raise ValueError(
                "`coefficients` must make a stationary series, one whose companion matrix has "
                f"eigenvalues below 1 in size, got {size:.6g}"
            )
        return self

    def truth(self, x: np.ndarray) -> np.ndarray:
        """What is expected of y_t: `[rows, lags]`, or `[rows, lags, 1]`, to `[rows, 1]`."""
        if self.sequence:
            x = x[:, ::-1, 0]
        return x[:, : len(self.coefficients)] @ np.array(self.coefficients)[:, None]

    def prepare(self) -> Prepared:
        """Draw the series."""
        series = self._series(self.rows + self.lags)
        if self.sequence:
            values = series[:, None].astype(np.float32)
            column = (Column("y", "number"),)
            each = assemble(
                column, values, series[:, None], target_names=("y",), scale_target=False
            )
            rows = windowed(each, self.lags, 1)
            return replace(rows, truth=self.truth(rows.arrays["inputs"].astype(np.float64)))
        windows = np.lib.stride_tricks.sliding_window_view(series, self.lags + 1)
        inputs = np.ascontiguousarray(windows[:, -2::-1]).astype(np.float32)
        return assemble(
            tuple(Column(f"lag {number}", "number") for number in range(1, self.lags + 1)),
            inputs,
            windows[:, -1:].copy(),
            target_names=("y",),
            scale_target=False,
            truth=self.truth(inputs.astype(np.float64)),
        )

    def _companion(self) -> np.ndarray:
        """The matrix that takes (y_{t−1}, y_{t−2}, ...) to what is expected one time later."""
        order = len(self.coefficients)
        matrix = np.eye(order, k=-1)
        matrix[0] = self.coefficients
        return matrix

    def _series(self, length: int) -> np.ndarray:
        from scipy.linalg import solve_discrete_lyapunov
        from scipy.signal import lfilter, lfiltic

        generator = np.random.default_rng(self.seed)
        order = len(self.coefficients)
        new = np.zeros((order, order))
        new[0, 0] = 1
        spread, directions = np.linalg.eigh(solve_discrete_lyapunov(self._companion(), new))
        start = directions @ (np.sqrt(np.maximum(spread, 0)) * generator.normal(size=order))
        recursion = [1.0, *(-value for value in self.coefficients)]
        state = lfiltic([1.0], recursion, start)
        later, _ = lfilter([1.0], recursion, generator.normal(size=length - order), zi=state)
        return self.noise * np.concatenate([start[::-1], later])
