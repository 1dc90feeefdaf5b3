import numpy as np
import pytest
from pydantic import ValidationError

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
