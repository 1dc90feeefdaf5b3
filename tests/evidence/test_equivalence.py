"""The golden figures of RULES 21 (baycomp 1.0.3) and integration of the posterior density."""

import numpy as np
import pytest
from scipy import integrate, stats

from etude.errors import InputError
from etude.evidence.equivalence import equivalence, posterior

GOLDEN = np.array([0.01, 0.02, -0.01, 0.03, 0, 0.02, 0.01, 0.015, -0.005, 0.02])


def test_golden_figures_of_baycomp() -> None:
    found = equivalence(GOLDEN, 1 / 9, 0.01)
    assert found.worse == pytest.approx(0.002815, abs=5e-7)
    assert found.equivalent == pytest.approx(0.430783, abs=5e-7)
    assert found.better == pytest.approx(0.566402, abs=5e-7)


@pytest.mark.parametrize(("folds", "region"), [(2, 0.3), (5, 0.01), (10, 1.0), (30, 0.0)])
def test_probabilities_are_integrals_of_the_posterior_density(folds: int, region: float) -> None:
    differences = np.random.default_rng(folds).normal(0.2, 0.6, folds)
    ratio = 1 / (folds - 1)
    density = stats.t(
        folds - 1, differences.mean(), np.sqrt(differences.var(ddof=1) * (1 / folds + ratio))
    ).pdf
    found = equivalence(differences, ratio, region)
    assert found.worse == pytest.approx(integrate.quad(density, -np.inf, -region)[0], abs=1e-7)
    assert found.equivalent == pytest.approx(integrate.quad(density, -region, region)[0], abs=1e-7)
    assert found.better == pytest.approx(integrate.quad(density, region, np.inf)[0], abs=1e-7)


def test_turning_the_differences_exchanges_better_and_worse() -> None:
    found, turned = equivalence(GOLDEN, 1 / 9, 0.01), equivalence(-GOLDEN, 1 / 9, 0.01)
    assert (found.worse, found.better) == (turned.better, turned.worse)
    assert found.worse + found.equivalent + found.better == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.02, (0, 0, 1)), (-0.02, (1, 0, 0)), (0.0, (0, 1, 0)), (0.01, (0, 1, 0))],
)
def test_without_spread_all_belief_is_on_the_mean(value: float, expected: tuple) -> None:
    found = equivalence(np.full(4, value), 1 / 3, 0.01)
    assert (found.worse, found.equivalent, found.better) == expected


def test_many_at_once_are_the_same_as_each_alone() -> None:
    differences = np.random.default_rng(1).normal(size=(7, 5))
    stderrs = np.sqrt(differences.var(axis=1, ddof=1) * (1 / 5 + 1 / 4))
    many = posterior(differences.mean(axis=1), stderrs, 4, 0.3)
    for row, found in zip(differences, many, strict=True):
        alone = equivalence(row, 1 / 4, 0.3)
        assert found.worse == pytest.approx(alone.worse, rel=1e-12)
        assert found.equivalent == pytest.approx(alone.equivalent, rel=1e-12)


@pytest.mark.parametrize("region", [-0.1, float("nan"), float("inf")])
def test_a_region_that_is_none_is_refused(region: float) -> None:
    with pytest.raises(InputError, match="`region` must be a finite number of at least 0, got"):
        equivalence(GOLDEN, 1 / 9, region)


def test_one_split_has_no_posterior() -> None:
    with pytest.raises(ValueError, match="at least 2 splits, got 1"):
        equivalence(np.array([0.1]), 0.25, 0.01)
