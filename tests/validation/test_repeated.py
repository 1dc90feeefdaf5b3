"""Repeated splits and leave-one-out are those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn import model_selection as sk

from etude.errors import InputError
from etude.validation import LeaveOneOut, Repeated, Stratified

SEEDS = st.integers(0, 2**32 - 1)


def assert_same(expected, splits):
    for (train, test), split in zip(expected, splits, strict=True):
        np.testing.assert_array_equal(train, split.train)
        np.testing.assert_array_equal(test, split.test)
        assert split.validation.size == 0


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(8, 60), folds=st.integers(2, 8), repeats=st.integers(1, 4), seed=SEEDS)
def test_repeated_folds_are_scikit_learns(rows, folds, repeats, seed):
    splitter = sk.RepeatedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    splits = Repeated(folds=folds, repeats=repeats).splits(rows, None, seed)
    assert len(splits) == folds * repeats
    assert_same(splitter.split(np.zeros(rows)), splits)


@settings(max_examples=60, deadline=None)
@given(
    strata=st.lists(st.integers(0, 3), min_size=4, max_size=40),
    folds=st.integers(2, 4),
    repeats=st.integers(1, 4),
    seed=SEEDS,
)
def test_repeated_stratified_folds_are_scikit_learns(strata, folds, repeats, seed):
    strata = np.repeat(strata, folds)
    splitter = sk.RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    validation = Repeated(folds=folds, repeats=repeats, stratified=True)
    splits = validation.splits(len(strata), strata, seed)
    assert_same(splitter.split(np.zeros(len(strata)), strata), splits)


@pytest.mark.parametrize("stratified", [False, True])
def test_validation_rows_of_every_repeat_are_scikit_learns(stratified):
    strata = np.arange(60) % 3
    validation = Repeated(folds=3, repeats=2, stratified=stratified, validation=0.25)
    plain = Repeated(folds=3, repeats=2, stratified=stratified)
    inner = sk.StratifiedShuffleSplit if stratified else sk.ShuffleSplit
    pairs = zip(plain.splits(60, strata, 7), validation.splits(60, strata, 7), strict=True)
    for number, (whole, split) in enumerate(pairs):
        splitter = inner(1, test_size=0.25, random_state=7 + 1 + number)
        ((train, apart),) = splitter.split(np.zeros(len(whole.train)), strata[whole.train])
        np.testing.assert_array_equal(split.train, whole.train[train])
        np.testing.assert_array_equal(split.validation, whole.train[apart])
        np.testing.assert_array_equal(split.test, whole.test)


def test_repeats_differ_and_the_first_is_plain_k_fold():
    strata = np.arange(30) % 2
    splits = Repeated(folds=3, repeats=2, stratified=True).splits(30, strata, 1)
    for one, other in zip(Stratified(folds=3).splits(30, strata, 1), splits[:3], strict=True):
        np.testing.assert_array_equal(one.test, other.test)
    first, second = ([split.test.tolist() for split in splits[place:][:3]] for place in (0, 3))
    assert first != second
    for repeat in (first, second):
        np.testing.assert_array_equal(np.sort(np.concatenate(repeat)), np.arange(30))


def test_repeated_settings_and_rows_are_checked():
    for fields in ({"folds": 1}, {"repeats": 0}, {"repeats": 1001}, {"validation": 1.0}):
        with pytest.raises(ValidationError):
            Repeated(**fields)
    with pytest.raises(InputError, match="`folds` must be at most the number of rows, 3, got 5"):
        Repeated().splits(3, None, 0)
    with pytest.raises(InputError, match="stratified and needs a target of classes"):
        Repeated(stratified=True).splits(30, None, 0)


@pytest.mark.parametrize("rows", [2, 3, 17])
def test_leave_one_out_is_scikit_learns(rows):
    splits = LeaveOneOut().splits(rows, None, 5)
    assert_same(sk.LeaveOneOut().split(np.zeros(rows)), splits)


def test_leave_one_out_with_validation_rows():
    for number, split in enumerate(LeaveOneOut(validation=0.3).splits(11, None, 5)):
        others = np.delete(np.arange(11), number)
        splitter = sk.ShuffleSplit(1, test_size=0.3, random_state=5 + 1 + number)
        ((train, apart),) = splitter.split(others)
        np.testing.assert_array_equal(split.train, others[train])
        np.testing.assert_array_equal(split.validation, others[apart])
        assert split.test.tolist() == [number]


@pytest.mark.parametrize("rows", [1, 5001])
def test_leave_one_out_of_too_few_or_too_many_rows(rows):
    with pytest.raises(InputError, match=f"needs from 2 to 5,000 rows, got {rows:,}"):
        LeaveOneOut().splits(rows, None, 0)


def test_leave_one_out_leaves_a_row_to_train_on():
    with pytest.raises(InputError, match="`validation` must leave at least one row to train on"):
        LeaveOneOut(validation=0.9).splits(2, None, 0)
