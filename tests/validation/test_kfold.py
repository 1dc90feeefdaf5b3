import numpy as np
import pytest
from pydantic import ValidationError

from etude.errors import InputError
from etude.validation import KFold, Stratified


@pytest.mark.parametrize(
    ("field", "value"), [("folds", 1), ("validation", 1.0), ("validation", -0.1)]
)
@pytest.mark.parametrize("validation", [KFold, Stratified])
def test_settings_out_of_range_are_refused(validation, field, value):
    with pytest.raises(ValidationError, match=field):
        validation(**{field: value})


def test_more_folds_than_rows():
    with pytest.raises(InputError, match="`folds` must be at most the number of rows, 3, got 5"):
        KFold().splits(3, None, 0)


def test_a_class_with_fewer_rows_than_folds():
    strata = np.array([0] * 10 + [4] * 3)
    message = r"rows of every class, got 5 and class number 4 with 3 rows"
    with pytest.raises(InputError, match=message):
        Stratified().splits(13, strata, 0)
    with pytest.raises(InputError, match=message):
        KFold(stratified=True).splits(13, strata, 0)


@pytest.mark.parametrize("validation", [KFold(stratified=True), Stratified()])
def test_stratified_without_classes(validation):
    with pytest.raises(InputError, match="stratified and needs a target of classes"):
        validation.splits(100, None, 0)


def test_no_training_rows_left():
    with pytest.raises(InputError, match="`validation` must leave at least one row to train on"):
        KFold(folds=2, validation=0.9).splits(4, None, 0)


def test_a_class_with_one_training_row_has_none_for_validation():
    strata = np.array([0] * 10 + [1] * 2)
    with pytest.raises(InputError, match="`validation` needs two rows of every class"):
        KFold(folds=2, stratified=True, validation=0.3).splits(12, strata, 0)


def test_unshuffled_folds_are_blocks_and_need_no_seed():
    first, second = KFold(folds=2, shuffle=False).splits(5, None, 1)
    assert first.test.tolist() == [0, 1, 2]
    assert second.test.tolist() == [3, 4]
    assert KFold(folds=2, shuffle=False).splits(5, None, 2)[0].test.tolist() == [0, 1, 2]


def test_stratified_folds_hold_every_class_in_proportion():
    strata = np.repeat([0, 1, 2], [50, 30, 20])
    for split in Stratified(folds=5, validation=0.25).splits(100, strata, 3):
        assert np.bincount(strata[split.test]).tolist() == [10, 6, 4]
        assert np.bincount(strata[split.validation]).tolist() == [10, 6, 4]
        assert np.bincount(strata[split.train]).tolist() == [30, 18, 12]


def test_plain_folds_do_not_look_at_classes():
    strata = np.repeat([0, 1], 10)
    for one, other in zip(KFold().splits(20, strata, 4), KFold().splits(20, None, 4), strict=True):
        np.testing.assert_array_equal(one.test, other.test)
