"""A plane with noise of heavy tails."""

from typing import Annotated

import numpy as np
from pydantic import Field

from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.columns import Column

COEFFICIENTS = (1.0, -2.0, 0.5)


class StudentPlane(Data):
    """y = x₀ − 2x₁ + ½x₂ + noise · t, x standard normal, t by Student's t distribution.

    With `degrees` of at most 2 the noise has no finite variance, and with at most 1 no mean.
    Inputs are standardized as fitted to the training rows, targets are not.

    Attributes:
        rows: how many points.
        degrees: degrees of freedom of t; the fewer, the heavier its tails.
        noise: what t is multiplied with.
        seed: the same seed gives the same points.
    """

    rows: Annotated[int, Field(ge=2, le=1_000_000)] = 200
    degrees: Annotated[float, Field(ge=0.5)] = 2.0
    noise: Annotated[float, Field(ge=0, le=1000)] = 0.3
    seed: Annotated[int, Field(ge=0)] = 0

    def prepare(self) -> Prepared:
        """Draw the points."""
        generator = np.random.default_rng(self.seed)
        # In single precision, as networks see them: so that the targets belong to these inputs.
        x = generator.normal(size=(self.rows, len(COEFFICIENTS))).astype(np.float32)
        truth = (x.astype(np.float64) @ COEFFICIENTS)[:, None]
        return assemble(
            tuple(Column(f"x{number}", "number") for number in range(len(COEFFICIENTS))),
            x,
            truth + self.noise * generator.standard_t(self.degrees, truth.shape),
            target_names=("y",),
            scale_target=False,
            truth=truth,
        )
