"""Gradient descent (Robbins & Monro, "A Stochastic Approximation Method", 1951)."""

from typing import Annotated, Any

from pydantic import Field

from etude.algorithm.base import Algorithm, Step
from etude.component import Traced


class SGD(Algorithm):
    """Gradient descent: W ← W − ηg.

    Attributes:
        learning_rate: η.
    """

    learning_rate: Annotated[Traced, Field(gt=0)] = 0.1

    def update(self, gradient: Any, state: Any, params: Any, step: Step) -> tuple[Any, Any]:
        return -self.learning_rate * gradient, state
