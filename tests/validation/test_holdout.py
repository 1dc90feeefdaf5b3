import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn import model_selection as sk

from etude.errors import InputError
from etude.validation import Holdout, TrainingOnly


@pytest.mark.parametrize(("field", "value"), [("test", 0), ("test", 1), ("validation", -0.1)])
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        Holdout(**{field: value})


def test_shares_must_leave_training_rows():
    with pytest.raises(ValidationError, match=r"add up to less than 1, got 0\.5 and 0\.5"):
        Holdout(test=0.5, validation=0.5)
    with pytest.raises(InputError, match="`test` must leave at least one row to train on, got 1"):
        Holdout(test=0.2).splits(1, None, 0)
    with pytest.raises(InputError, match="`validation` must leave at least one row"):
        Holdout(test=0.4, validation=0.4).splits(3, None, 0)


def test_shares_are_of_all_rows():
    (split,) = Holdout(test=0.2, validation=0.1).splits(50, None, 0)
    assert (len(split.train), len(split.validation), len(split.test)) == (35, 5, 10)


def test_stratified_without_classes():
    with pytest.raises(InputError, match="stratified and needs a target of classes"):
        Holdout(stratified=True).splits(100, None, 0)


def test_stratified_holdout_needs_two_rows_of_a_class_and_room_for_all():
    with pytest.raises(InputError, match="class number 2 with 1 row"):
        Holdout(stratified=True).splits(5, np.array([0, 0, 1, 1, 2]), 0)
    with pytest.raises(InputError, match="as many rows as there are classes, 2, got 1 of 4"):
        Holdout(stratified=True).splits(4, np.array([0, 0, 1, 1]), 0)


def test_training_only_judges_the_rows_it_trains_on():
    (split,) = TrainingOnly().splits(4, None, 9)
    assert split.train.tolist() == split.test.tolist() == [0, 1, 2, 3]
    assert split.validation.size == 0
    assert "optimistic" in (TrainingOnly.__doc__ or "")
    with pytest.raises(InputError, match="at least one row"):
        TrainingOnly().splits(0, None, 0)


def test_unshuffled_the_last_rows_judge_and_those_before_choose():
    (split,) = Holdout(test=0.25, validation=0.15, shuffle=False).splits(10, None, 7)
    assert split.train.tolist() == [0, 1, 2, 3, 4]
    assert split.validation.tolist() == [5, 6]
    assert split.test.tolist() == [7, 8, 9]
    (split,) = Holdout(test=0.1, shuffle=False).splits(10, None, 7)
    assert (split.train.tolist(), split.validation.size) == (list(range(9)), 0)
    assert Holdout(shuffle=False).ordered
    assert not Holdout().ordered
    with pytest.raises(InputError, match="`test` must leave at least one row to train on, got 1"):
        Holdout(shuffle=False).splits(1, None, 0)
    with pytest.raises(ValidationError, match="`shuffle` must be true where `stratified` is"):
        Holdout(shuffle=False, stratified=True)


def test_stored_results_keep_their_identity():
    assert "shuffle" not in Holdout().specification()
    assert Holdout(shuffle=False).specification()["shuffle"] is False


SHARES = st.floats(0.05, 0.6)


@settings(max_examples=100, deadline=None)
@given(
    groups=st.lists(st.integers(0, 12), min_size=1, max_size=60).map(np.array),
    test=SHARES,
    validation=st.floats(0.05, 0.3),
    seed=st.integers(0, 2**32 - 1),
)
def test_groups_are_dealt_as_scikit_learn_deals_them(groups, test, validation, seed):
    holdout = Holdout(test=test, validation=validation)
    count = len(np.unique(groups))
    assume(np.ceil(test * count) + np.ceil(validation * count) < count)
    (split,) = holdout.splits(len(groups), None, seed, groups)
    splitter = sk.GroupShuffleSplit(1, test_size=test, random_state=seed)
    ((others, expected),) = splitter.split(np.zeros(len(groups)), groups=groups)
    np.testing.assert_array_equal(split.test, expected)
    np.testing.assert_array_equal(np.union1d(split.train, split.validation), others)
    roles = [set(groups[part]) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, roles)) == count == len(set.union(*roles))
    assert len(roles[1]) == np.ceil(validation * count)


def test_unshuffled_groups_are_in_the_order_of_their_first_rows():
    groups = np.array([5, 5, 2, 9, 2, 1, 9])
    (split,) = Holdout(test=0.25, validation=0.25, shuffle=False).splits(7, None, 0, groups)
    assert split.train.tolist() == [0, 1, 2, 4]
    assert split.validation.tolist() == [3, 6]
    assert split.test.tolist() == [5]


def test_groups_that_cannot_be_dealt():
    with pytest.raises(InputError, match="at least one group to train on, got 1 of the 1 groups"):
        Holdout().splits(3, None, 0, np.zeros(3, int))
    with pytest.raises(InputError, match="`stratified` must be false where the data know groups"):
        Holdout(stratified=True).splits(4, np.array([0, 1, 0, 1]), 0, np.arange(4))
    with pytest.raises(InputError, match="`groups` must be 3 group numbers"):
        Holdout().splits(3, None, 0, np.zeros(4, int))
