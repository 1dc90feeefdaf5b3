"""Surfaces over the plane, to watch an algorithm walk down.

A surface is data, so that all surfaces share one compiled program:

    f(x, y) = Σ_k s_k r_k(x, y)²,   r_k(x, y) = Σ_ij c[k, i, j] xⁱ yʲ.

Its one row has the coefficients c as inputs and the signs (with their sizes) s as targets; the
network is the point (x, y) itself.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from etude.batch import Spec
from etude.data.assemble import fingerprint
from etude.data.base import Data, Prepared
from etude.data.rows import InputsAndTargets

SQUARES, X_POWERS, Y_POWERS = 3, 3, 4
"""The sizes of the coefficients, common to all surfaces: k, i and j."""

Function = Literal["ravine", "rosenbrock", "beale", "himmelblau", "saddle"]

Terms = tuple[tuple[float, dict[tuple[int, int], float]], ...]
"""The s_k of a surface, each with the c[k, i, j] that are not 0 by (i, j)."""

_TERMS: dict[str, Terms] = {
    "rosenbrock": ((1, {(0, 0): 1, (1, 0): -1}), (100, {(0, 1): 1, (2, 0): -1})),
    "beale": (
        (1, {(0, 0): 1.5, (1, 0): -1, (1, 1): 1}),
        (1, {(0, 0): 2.25, (1, 0): -1, (1, 2): 1}),
        (1, {(0, 0): 2.625, (1, 0): -1, (1, 3): 1}),
    ),
    "himmelblau": (
        (1, {(2, 0): 1, (0, 1): 1, (0, 0): -11}),
        (1, {(1, 0): 1, (0, 2): 1, (0, 0): -7}),
    ),
    "saddle": ((1, {(1, 0): 1}), (-1, {(0, 1): 1})),
}


def height(function: Function, x: np.ndarray, y: np.ndarray, condition: float = 20) -> np.ndarray:
    """The surface by its textbook formula, in double precision.

    | name | f(x, y) | minimum |
    |---|---|---|
    | ravine | ½ (x² + condition · y²) | 0 at (0, 0) |
    | rosenbrock | (1 − x)² + 100 (y − x²)² | 0 at (1, 1) |
    | beale | (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)² | 0 at (3, 0.5) |
    | himmelblau | (x² + y − 11)² + (x + y² − 7)² | 0 at (3, 2) and three more |
    | saddle | x² − y² | none |

    Args:
        function: which surface.
        x: numbers of any shape.
        y: numbers of the same shape.
        condition: of the ravine only.

    Returns:
        The heights, of the shape of x and y.
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    match function:
        case "ravine":
            return (x**2 + condition * y**2) / 2
        case "rosenbrock":
            return (1 - x) ** 2 + 100 * (y - x**2) ** 2
        case "beale":
            return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2
        case "himmelblau":
            return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2
        case "saddle":
            return x**2 - y**2


class Surface(Data):
    """A function of two numbers; `height` has the formulas.

    Attributes:
        function: which one.
        condition: how much steeper the ravine is across than along.
    """

    function: Function
    condition: Annotated[float, Field(ge=1)] = 20.0

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if self.function != "ravine" and self.condition != 20:
            raise ValueError(
                f"`condition` is for the ravine and not for {self.function}, got {self.condition}"
            )
        return self

    def prepare(self) -> Prepared:
        """One row: coefficients and signs."""
        terms: Terms
        if self.function == "ravine":
            terms = ((0.5, {(1, 0): 1.0}), (self.condition / 2, {(0, 1): 1.0}))
        else:
            terms = _TERMS[self.function]
        coefficients = np.zeros((1, SQUARES, X_POWERS, Y_POWERS), np.float32)
        signs = np.zeros((1, SQUARES))
        for k, (sign, powers) in enumerate(terms):
            signs[0, k] = sign
            for (i, j), value in powers.items():
                coefficients[0, k, i, j] = value
        return Prepared(
            spec=Spec("surface", (SQUARES, X_POWERS, Y_POWERS), SQUARES),
            stream=InputsAndTargets(),
            arrays={"inputs": coefficients, "targets": signs.astype(np.float32)},
            rows=1,
            fingerprint=fingerprint({"inputs": coefficients, "targets": signs}, {}),
            targets=signs,
        )
