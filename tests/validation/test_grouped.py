"""Group splits are those of scikit-learn, and keep groups together."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn import model_selection as sk

from etude.errors import InputError
from etude.validation import Grouped

SEEDS = st.integers(0, 2**32 - 1)
GROUPS = st.lists(st.integers(0, 12), min_size=4, max_size=60).map(np.array)


@settings(max_examples=120, deadline=None)
@given(groups=GROUPS, folds=st.integers(2, 6), shuffle=st.booleans(), seed=SEEDS)
def test_grouped_folds_are_scikit_learns(groups, folds, shuffle, seed):
    rows = len(groups)
    validation = Grouped(folds=folds, shuffle=shuffle)
    if folds > len(np.unique(groups)):
        with pytest.raises(InputError, match="at most the number of groups"):
            validation.splits(rows, None, seed, groups)
        return
    splitter = sk.GroupKFold(folds, shuffle=shuffle, random_state=seed if shuffle else None)
    splits = validation.splits(rows, None, seed, groups)
    expected = splitter.split(np.zeros(rows), groups=groups)
    for (train, test), split in zip(expected, splits, strict=True):
        np.testing.assert_array_equal(train, split.train)
        np.testing.assert_array_equal(test, split.test)
        assert split.validation.size == 0


@settings(max_examples=80, deadline=None)
@given(groups=GROUPS, share=st.floats(0.05, 0.6), seed=SEEDS)
def test_validation_groups_are_scikit_learns_and_no_group_has_two_roles(groups, share, seed):
    validation = Grouped(folds=2, validation=share)
    assume(len(np.unique(groups)) > 1)
    plain = Grouped(folds=2).splits(len(groups), None, seed, groups)
    training = [len(np.unique(groups[split.train])) for split in plain]
    if any(np.ceil(share * count) >= count for count in training):
        with pytest.raises(InputError, match="`validation` must leave at least one group"):
            validation.splits(len(groups), None, seed, groups)
        return
    splits = validation.splits(len(groups), None, seed, groups)
    for number, (whole, split) in enumerate(zip(plain, splits, strict=True)):
        state = (seed + 1 + number) % 2**32
        splitter = sk.GroupShuffleSplit(1, test_size=share, random_state=state)
        rows = whole.train
        ((train, apart),) = splitter.split(np.zeros(len(rows)), groups=groups[rows])
        np.testing.assert_array_equal(split.train, rows[train])
        np.testing.assert_array_equal(split.validation, rows[apart])
        np.testing.assert_array_equal(split.test, whole.test)
        roles = [set(groups[part]) for part in (split.train, split.validation, split.test)]
        assert sum(map(len, roles)) == len(set(groups))


def test_largest_groups_are_dealt_first():
    groups = np.repeat([0, 1, 2, 3], [6, 5, 2, 3])
    first, second = Grouped(folds=2).splits(16, None, 0, groups)
    assert {len(first.test), len(second.test)} == {8}


def test_missing_groups_are_refused():
    with pytest.raises(InputError, match="grouped needs data with groups, got data without"):
        Grouped().splits(20, None, 0)
    with pytest.raises(InputError, match=r"must be 20 group numbers, got the shape \(5,\)"):
        Grouped().splits(20, None, 0, np.arange(5))
    with pytest.raises(InputError, match="at most the number of groups, 3, got 5"):
        Grouped().splits(9, None, 0, np.arange(9) % 3)


def test_a_single_training_group_cannot_be_divided():
    with pytest.raises(InputError, match="group to train on, got 1 of the 1 that a split"):
        Grouped(folds=2, validation=0.2).splits(6, None, 0, np.arange(6) % 2)


def test_settings_are_checked():
    for fields in ({"folds": 1}, {"validation": 1.0}, {"validation": -0.1}):
        with pytest.raises(ValidationError):
            Grouped(**fields)
