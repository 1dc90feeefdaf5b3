"""Rows drawn with replacement train, those left out judge."""

import numpy as np
import pytest
from pydantic import ValidationError

from etude.errors import InputError
from etude.validation.bootstrap import Bootstrap


def test_rows_are_those_that_numpy_draws_with_replacement() -> None:
    splits = Bootstrap(repeats=3).splits(50, None, 11)
    for number, split in enumerate(splits):
        drawn = np.random.RandomState(11 + 1 + number).randint(50, size=50)
        np.testing.assert_array_equal(split.train, np.unique(drawn))
        np.testing.assert_array_equal(split.weights, np.bincount(drawn)[np.unique(drawn)])
        np.testing.assert_array_equal(split.test, np.setdiff1d(np.arange(50), drawn))
        assert split.validation.size == 0
        assert split.weights.sum() == 50


def test_about_a_share_of_one_over_e_is_left_out() -> None:
    shares = [len(split.test) / 1000 for split in Bootstrap(repeats=200).splits(1000, None, 0)]
    # The standard deviation of one share is √((1/e)(1 − 2/e) / 1000) = 0.0099.
    assert np.mean(shares) == pytest.approx((1 - 1 / 1000) ** 1000, abs=4 * 0.0099 / np.sqrt(200))


def test_classes_are_drawn_as_often_as_they_have_rows() -> None:
    strata = np.repeat([0, 1, 2], [30, 15, 5])
    for split in Bootstrap(repeats=10, stratified=True).splits(50, strata, 0):
        drawn = np.bincount(strata[split.train], weights=split.weights)
        assert drawn.tolist() == [30, 15, 5]


def test_whole_groups_are_drawn() -> None:
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(12), 4))
    for split in Bootstrap(repeats=10).splits(48, None, 0, groups):
        times = np.zeros(48)
        times[split.train] = split.weights
        for group in range(12):
            assert len(set(times[groups == group].tolist())) == 1
        assert split.weights.sum() == 48
        assert not set(groups[split.train].tolist()) & set(groups[split.test].tolist())


def test_some_row_is_always_left_out() -> None:
    for split in Bootstrap(repeats=100).splits(2, None, 0):
        assert len(split.train) == len(split.test) == 1


@pytest.mark.parametrize(
    ("validation", "rows", "strata", "groups", "message"),
    [
        (Bootstrap(), 1, None, None, "needs 2 rows or more to draw from, .* got 1 row$"),
        (Bootstrap(), 4, None, np.zeros(4, int), "needs 2 groups or more"),
        (Bootstrap(stratified=True), 3, np.arange(3), None, "got 3 rows of different classes"),
        (Bootstrap(stratified=True), 3, None, None, "needs a target of classes"),
        (Bootstrap(stratified=True), 4, np.zeros(4), np.arange(4), "`stratified` must be false"),
        (Bootstrap(), 4, None, np.arange(3), "`groups` must be 4 group numbers"),
    ],
)
def test_what_cannot_be_drawn_is_refused(validation, rows, strata, groups, message) -> None:
    with pytest.raises(InputError, match=message):
        validation.splits(rows, strata, 0, groups)


def test_a_single_repeat_is_refused() -> None:
    with pytest.raises(ValidationError, match="repeats"):
        Bootstrap(repeats=1)
