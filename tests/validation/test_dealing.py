"""Splits are those of scikit-learn for the same random state."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import model_selection as sk

from etude.errors import InputError
from etude.validation import Holdout, KFold, Stratified

SEEDS = st.integers(0, 2**32 - 1)
SHARES = st.one_of(st.sampled_from([0.07, 0.1, 0.2, 0.25, 1 / 3, 0.5]), st.floats(0.02, 0.7))


@st.composite
def class_numbers(draw, most=4):
    """Class numbers, not in order of appearance and with gaps, as a user's data has them."""
    classes = draw(st.lists(st.integers(0, 9), min_size=1, max_size=most, unique=True))
    return np.array(draw(st.lists(st.sampled_from(classes), min_size=2, max_size=60)))


def reference(splitter, strata):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return list(splitter.split(np.zeros(len(strata)), strata))
        except (ValueError, UserWarning):
            return None


def ours(validation, strata, seed):
    try:
        return validation.splits(len(strata), strata, seed)
    except InputError:
        return None


def agree(expected, actual):
    """Both refuse, or all rows agree, order included."""
    assert (expected is None) == (actual is None)
    for (train, test), split in zip(expected or (), actual or (), strict=True):
        np.testing.assert_array_equal(train, split.train)
        np.testing.assert_array_equal(test, split.test)
        assert split.validation.size == 0


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(1, 200), folds=st.integers(2, 12), shuffle=st.booleans(), seed=SEEDS)
def test_kfold_is_scikit_learns(rows, folds, shuffle, seed):
    splitter = sk.KFold(folds, shuffle=shuffle, random_state=seed if shuffle else None)
    expected = reference(splitter, np.zeros(rows))
    agree(expected, ours(KFold(folds=folds, shuffle=shuffle), np.zeros(rows), seed))


@settings(max_examples=150, deadline=None)
@given(strata=class_numbers(), folds=st.integers(2, 6), shuffle=st.booleans(), seed=SEEDS)
def test_stratified_folds_are_scikit_learns(strata, folds, shuffle, seed):
    splitter = sk.StratifiedKFold(folds, shuffle=shuffle, random_state=seed if shuffle else None)
    expected = reference(splitter, strata)
    agree(expected, ours(KFold(folds=folds, shuffle=shuffle, stratified=True), strata, seed))
    agree(expected, ours(Stratified(folds=folds, shuffle=shuffle), strata, seed))


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(1, 200), share=SHARES, seed=SEEDS)
def test_holdout_is_scikit_learns(rows, share, seed):
    expected = reference(sk.ShuffleSplit(1, test_size=share, random_state=seed), np.zeros(rows))
    agree(expected, ours(Holdout(test=share), np.zeros(rows), seed))


@settings(max_examples=150, deadline=None)
@given(strata=class_numbers(), share=SHARES, seed=SEEDS)
def test_stratified_holdout_is_scikit_learns(strata, share, seed):
    expected = reference(sk.StratifiedShuffleSplit(1, test_size=share, random_state=seed), strata)
    agree(expected, ours(Holdout(test=share, stratified=True), strata, seed))


@settings(max_examples=100, deadline=None)
@given(
    strata=class_numbers(),
    folds=st.integers(2, 5),
    share=SHARES,
    seed=SEEDS,
    stratified=st.booleans(),
)
def test_validation_rows_of_a_fold_are_scikit_learns(strata, folds, share, seed, stratified):
    validation = KFold(folds=folds, stratified=stratified, validation=share)
    outer = sk.StratifiedKFold if stratified else sk.KFold
    inner = sk.StratifiedShuffleSplit if stratified else sk.ShuffleSplit
    folds_expected = reference(outer(folds, shuffle=True, random_state=seed), strata)
    splits = ours(validation, strata, seed)
    if splits is None:
        assume(folds_expected is not None)
        refused = [
            reference(inner(1, test_size=share, random_state=0), strata[train]) is None
            for train, _ in folds_expected
        ]
        assert any(refused)
        return
    for number, ((rows, test), split) in enumerate(zip(folds_expected, splits, strict=True)):
        state = (seed + 1 + number) % 2**32
        ((train, apart),) = reference(inner(1, test_size=share, random_state=state), strata[rows])
        np.testing.assert_array_equal(split.train, rows[train])
        np.testing.assert_array_equal(split.validation, rows[apart])
        np.testing.assert_array_equal(split.test, test)


@settings(max_examples=100, deadline=None)
@given(
    strata=class_numbers(),
    test=st.floats(0.05, 0.5),
    share=st.floats(0.05, 0.45),
    seed=SEEDS,
    stratified=st.booleans(),
)
def test_validation_rows_of_a_holdout_are_scikit_learns(strata, test, share, seed, stratified):
    splits = ours(Holdout(test=test, validation=share, stratified=stratified), strata, seed)
    assume(splits is not None)
    (split,) = splits
    splitter = sk.StratifiedShuffleSplit if stratified else sk.ShuffleSplit
    ((rest, judged),) = reference(splitter(1, test_size=test, random_state=seed), strata)
    count = math.ceil(share * len(strata))
    inner = splitter(1, test_size=count, random_state=(seed + 1) % 2**32)
    ((train, apart),) = reference(inner, strata[rest])
    np.testing.assert_array_equal(split.test, judged)
    np.testing.assert_array_equal(split.validation, rest[apart])
    np.testing.assert_array_equal(split.train, rest[train])


@settings(max_examples=60, deadline=None)
@given(
    strata=class_numbers(),
    folds=st.integers(2, 5),
    share=st.floats(0, 0.6),
    stratified=st.booleans(),
    seed=SEEDS,
)
def test_every_row_has_one_role_in_a_split_and_is_judged_once(
    strata, folds, share, stratified, seed
):
    splits = ours(KFold(folds=folds, stratified=stratified, validation=share), strata, seed)
    assume(splits is not None)
    every = np.arange(len(strata))
    for split in splits:
        roles = np.concatenate([split.train, split.validation, split.test])
        np.testing.assert_array_equal(np.sort(roles), every)
        assert split.train.size > 0
    judged = np.concatenate([split.test for split in splits])
    np.testing.assert_array_equal(np.sort(judged), every)


def test_classes_without_rows_in_the_data_do_not_matter():
    strata = np.array([7, 3] * 10)
    renumbered = np.array([1, 0] * 10)
    for one, other in zip(
        Stratified(folds=2).splits(20, strata, 5),
        Stratified(folds=2).splits(20, renumbered, 5),
        strict=True,
    ):
        np.testing.assert_array_equal(one.test, other.test)


def test_the_last_seed_has_a_random_state_for_validation_rows():
    split, _ = KFold(folds=2, validation=0.5).splits(8, None, 2**32 - 1)
    ((_, apart),) = sk.ShuffleSplit(1, test_size=0.5, random_state=0).split(np.zeros(4))
    rows = np.sort(np.concatenate([split.train, split.validation]))
    np.testing.assert_array_equal(split.validation, rows[apart])


@pytest.mark.parametrize(
    "validation", [KFold(stratified=True), Stratified(), Holdout(stratified=True)]
)
def test_strata_of_another_length_are_refused(validation):
    with pytest.raises(InputError, match=r"`strata` must be 6 class numbers, got the shape \(5,\)"):
        validation.splits(6, np.zeros(5, dtype=int), 0)
