"""Averaging (Lakshminarayanan, Pritzel & Blundell, "Simple and Scalable Predictive Uncertainty
Estimation using Deep Ensembles", 2017)."""

from typing import Annotated

from pydantic import Field

from etude.ensemble.base import Ensemble


class Averaging(Ensemble):
    """Networks that differ in initial weights and in the order of rows, averaged.

    ŷ(x) = 1/K Σ_k ŷ_k(x): the mean of probabilities for classes, of numbers for numbers, and
    under `gaussian_nll` mean and variance of the mixture of the K normal distributions. The
    first network is the one that is trained without an ensemble.

    Attributes:
        networks: K. Each has the whole budget of the algorithm.
    """

    networks: Annotated[int, Field(ge=1, le=1_000)] = 5
