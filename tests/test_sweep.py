import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from etude.algorithm import SGD, Adam
from etude.model import MLP
from etude.sweep import (
    choice,
    grid,
    int_uniform,
    linear_range,
    log_range,
    log_uniform,
    sample,
    uniform,
)


def test_a_grid_is_every_combination_the_last_field_fastest():
    rules = grid(Adam, learning_rate=[0.1, 0.2], beta1=[0.5, 0.6, 0.7], epochs=3)
    assert [(rule.learning_rate, rule.beta1) for rule in rules] == list(
        itertools.product([0.1, 0.2], [0.5, 0.6, 0.7])
    )
    assert {rule.epochs for rule in rules} == {3}


def test_grids_are_joined_and_tuples_are_values():
    assert grid(SGD) + grid(Adam) == (SGD(), Adam())
    assert [model.widths for model in grid(MLP, widths=[(8,), (8, 8)])] == [(8,), (8, 8)]
    assert grid(MLP, widths=(8, 8)) == (MLP(widths=(8, 8)),)


def test_a_grid_checks_its_values():
    with pytest.raises(ValueError, match="`epochs` must list at least one value, got"):
        grid(SGD, epochs=[])
    with pytest.raises(ValidationError, match="learning_rate"):
        grid(SGD, learning_rate=[0.1, -1])


@settings(deadline=None)
@given(
    low=st.floats(-1e6, 1e6),
    width=st.floats(1e-3, 1e6),
    count=st.integers(2, 40),
)
def test_a_linear_range_is_evenly_spaced(low, width, count):
    high = low + width
    values = linear_range(low, high, count)
    assert (values[0], values[-1], len(values)) == (low, high, count)
    assert all(one < other for one, other in itertools.pairwise(values))
    scale = max(abs(low), abs(high))
    np.testing.assert_allclose(values, np.linspace(low, high, count), rtol=0, atol=1e-5 * scale)


@settings(deadline=None)
@given(low=st.floats(1e-300, 1e300), ratio=st.floats(1.01, 1e6), count=st.integers(2, 40))
def test_a_log_range_grows_by_a_constant_factor(low, ratio, count):
    high = low * ratio
    values = log_range(low, high, count)
    assert (values[0], values[-1], len(values)) == (low, high, count)
    assert all(one < other for one, other in itertools.pairwise(values))
    np.testing.assert_allclose(np.log(values), np.linspace(*np.log([low, high]), count), atol=1e-5)


def test_ranges_read_well():
    assert log_range(1e-4, 1e-1, 4) == [0.0001, 0.001, 0.01, 0.1]
    assert linear_range(0, 1, 4) == [0.0, 0.333333, 0.666667, 1.0]
    assert linear_range(5, 5, 1) == log_range(5, 5, 1) == [5.0]


def test_numbers_close_together_stay_apart():
    assert linear_range(1_000_000, 1_000_004, 5) == [1e6, 1000001, 1000002, 1000003, 1000004]
    with pytest.raises(ValueError, match="there are no 5 different numbers"):
        linear_range(1.0, math.nextafter(1.0, 2.0), 5)


def test_ranges_as_wide_as_numbers_go():
    assert log_range(1e-308, 1e308, 3) == [1e-308, 1.0, 1e308]
    assert linear_range(-1e308, 1e308, 3) == [-1e308, 0.0, 1e308]


@pytest.mark.parametrize("make", [linear_range, log_range])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 2, 0), "`count` must be at least 1, got 0"),
        ((1, 2, 2.0), "`count` must be a whole number, got 2.0"),
        ((1, 2, True), "`count` must be a whole number, got True"),
        ((2, 1, 3), "`low` must be less than `high`, got 2 and 1"),
        ((1, 1, 2), "`low` must be less than `high`, got 1 and 1"),
        ((1, float("inf"), 2), "between finite numbers, got 1 and inf"),
        ((float("nan"), 1, 2), "between finite numbers, got nan and 1"),
    ],
)
def test_ranges_check_their_numbers(make, arguments, message):
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        make(*arguments)
    assert message in str(raised.value)


def test_logarithms_need_positive_numbers():
    with pytest.raises(ValueError, match="greater than 0 on a logarithmic range, got 0"):
        log_range(0, 1, 3)
    with pytest.raises(ValueError, match="greater than 0 for log_uniform, got -1"):
        log_uniform(-1, 1)


def test_a_sample_is_drawn_from_its_distributions():
    rules = sample(
        Adam,
        400,
        seed=3,
        learning_rate=log_uniform(1e-4, 1e-1),
        beta1=uniform(0.5, 0.9),
        batch_size=choice([16, 32]),
        epochs=int_uniform(1, 3),
        beta2=0.99,
    )
    assert {rule.batch_size for rule in rules} == {16, 32}
    assert {rule.epochs for rule in rules} == {1, 2, 3}
    assert {rule.beta2 for rule in rules} == {0.99}
    logs = np.log10([rule.learning_rate for rule in rules])
    assert -4 <= logs.min() < logs.max() <= -1
    assert abs(logs.mean() + 2.5) < 5 * (3 / math.sqrt(12)) / math.sqrt(400)
    betas = np.array([rule.beta1 for rule in rules])
    assert 0.5 <= betas.min() < betas.max() <= 0.9
    assert abs(betas.mean() - 0.7) < 5 * (0.4 / math.sqrt(12)) / math.sqrt(400)


def test_the_same_seed_draws_the_same():
    def drawn(seed):
        return sample(SGD, 5, seed=seed, learning_rate=log_uniform(1e-3, 1))

    random.seed(1)
    first = drawn(0)
    random.seed(2)
    assert drawn(0) == first != drawn(1)


def test_distributions_check_their_numbers():
    with pytest.raises(ValueError, match=r"between whole numbers, got 1\.5 and 3"):
        int_uniform(1.5, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`choice` must list at least one value"):
        choice([])
    with pytest.raises(ValueError, match="`count` must be at least 1, got 0"):
        sample(SGD, 0)
