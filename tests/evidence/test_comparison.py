"""What each member counts with, and which rows choose."""

from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.comparison import comparisons
from study_records import study_record, with_members


def test_seeds_are_averaged_inside_each_split() -> None:
    record = study_record(rates=2, rules=("adam",), folds=3, seeds=2)
    (comparison,) = comparisons(record)
    for index, choice in enumerate(comparison.choices):
        for split in range(3):
            values = [
                member.values["test"]["accuracy"]
                for member in record.members
                if (member.choice, member.split) == (choice, split)
            ]
            assert len(values) == 2
            assert comparison.judged_values[index, split] == pytest.approx(np.mean(values))


def test_a_diverged_member_counts_with_the_trivial_predictor() -> None:
    record = study_record(rates=1, rules=("adam",), folds=2, seeds=2)
    before = comparisons(record)[0].judged_values
    record = with_members(record, {0: {"status": "diverged", "values": {}}})
    after = comparisons(record)[0].judged_values
    other = record.members[1].values["test"]["accuracy"]
    assert after[0, 0] == pytest.approx((0.1019 + other) / 2)
    assert after[0, 1] == before[0, 1]


@pytest.mark.parametrize(("greater", "worst"), [(True, -np.inf), (False, np.inf)])
def test_without_a_trivial_value_a_diverged_member_is_worst(greater: bool, worst: float) -> None:
    record = study_record(rates=1, rules=("adam",), folds=2, seeds=1)
    record = with_members(record, {0: {"status": "diverged", "values": {}}})
    splits = tuple(replace(split, trivial={}) for split in record.splits)
    record = replace(record, splits=splits, greater_is_better=greater)
    (comparison,) = comparisons(record)
    assert comparison.judged_values[0, 0] == worst
    assert comparison.scores[0, 0] == -np.inf


@pytest.mark.parametrize("status", ["failed", "pending", "running"])
def test_a_member_without_an_end_makes_its_choice_incomplete(status: str) -> None:
    record = study_record(rates=2, rules=("adam",), folds=2, seeds=2)
    record = with_members(record, {1: {"status": status}})
    (comparison,) = comparisons(record)
    assert comparison.complete.tolist() == [False, True]
    assert np.isnan(comparison.judged_values[0, 0])
    assert np.isfinite(comparison.judged_values[0, 1])


def test_validation_rows_choose_where_every_split_has_them() -> None:
    assert comparisons(study_record(rates=1, folds=3))[0].choosing == "test"
    inside = study_record(rates=1, folds=3, validation_rows=200)
    (comparison,) = comparisons(inside)
    assert (comparison.choosing, comparison.judged) == ("validation", "test")
    assert not np.array_equal(comparison.choosing_values, comparison.judged_values)


def test_choices_are_compared_within_their_data_only() -> None:
    record = study_record(rates=2, rules=("adam", "sgd"), folds=2, data=("digits", "wine"))
    first, second = comparisons(record)
    assert first.choices.tolist() == [0, 1, 2, 3]
    assert second.choices.tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize("folds", [2, 5, 10])
def test_the_correction_of_k_folds_is_one_over_k_minus_one(folds: int) -> None:
    record = study_record(rates=1, folds=folds)
    rows = 1797
    sizes = [rows // folds + (split < rows % folds) for split in range(folds)]
    splits = tuple(
        replace(split, test=size, train=rows - size)
        for split, size in zip(record.splits, sizes, strict=True)
    )
    ratio = comparisons(replace(record, splits=splits))[0].test_over_train
    assert ratio == pytest.approx(1 / (folds - 1), rel=1e-14)


def test_rows_that_trained_give_no_intervals() -> None:
    record = replace(study_record(rates=1, folds=2), judged="train")
    assert comparisons(record)[0].test_over_train is None
