"""What each member counts with, and which rows choose."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import etude
from etude.algorithm.adam import Adam
from etude.data.synthetic_regression import Sine
from etude.evidence.comparison import comparisons
from etude.evidence.result import Result
from etude.loss.regression import MSE
from etude.model.linear import Linear
from etude.store.records import StudyRecord
from etude.store.store import Store
from etude.study import Study
from etude.sweep import grid
from etude.validation.base import RowSplit, Validation
from etude.validation.dealing import EMPTY
from etude.validation.kfold import KFold
from etude.validation.nested import Nested
from etude.validation.replicates import Replicates
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


class OneTestSet(Validation):
    """The last ten of 40 rows judge every split, in an order that changes."""

    def splits(self, rows: int, strata: Any, seed: int, groups: Any = None) -> tuple[RowSplit, ...]:
        return tuple(
            RowSplit(np.arange(5 * split, 5 * split + 15), EMPTY, np.roll(np.arange(30, 40), split))
            for split in range(4)
        )


def _study(validation: Validation) -> Study:
    return Study(name="one", data=Sine(rows=40), model=Linear(), loss=MSE(),
                 algorithm=grid(Adam, learning_rate=[0.001, 0.1], epochs=1),
                 validation=validation)  # fmt: skip


def _told_without_tests(result: Result) -> None:
    """No interval, no test, no probability of being best: not in any form."""
    (comparison,) = result.comparisons
    assert comparison.same_test_rows
    assert "judged on the same rows" in comparison.untestable
    assert comparison.test_over_train is None
    assert all(row.stderr is row.interval is row.p_best is None for row in result.summaries)
    assert all(row["p_best"] is None for row in result.json()["choices"])
    assert result.frame()["p_best"].to_list() == [None, None]
    table = result.table()
    assert {row[table.headers().index("p best")] for row in table.rows()} == {"–"}
    assert result.possible_bests[0].best is None
    assert result.compare(1)[0].p is None


@pytest.mark.parametrize(
    "validation",
    [OneTestSet(), Replicates(repeats=3), Nested(outer=OneTestSet(), inner=KFold(folds=2))],
    ids=str,
)
def test_splits_that_share_their_test_rows_are_known_by_these_rows(
    validation: Validation, tmp_path: Path
) -> None:
    _told_without_tests(etude.run(_study(validation), tmp_path / "etude.db"))
    with Store.open(tmp_path / "etude.db", readonly=True) as store:
        _told_without_tests(Result(store.load("one")))


def test_splits_with_test_rows_of_their_own_share_none() -> None:
    record = etude.run(_study(KFold(folds=3))).record
    assert not any(split.judged_as_first for split in record.splits)
    assert not comparisons(record)[0].same_test_rows
    assert Result(record).summaries[0].p_best is not None


@pytest.mark.parametrize("outer", [False, True])
def test_older_records_tell_replicates_by_their_name(outer: bool) -> None:
    def named(name: str) -> StudyRecord:
        told = {"name": "nested", "outer": {"name": name}} if outer else {"name": name}
        record = study_record(rates=2, rules=("adam",), folds=3)
        return replace(record, document=record.document | {"validation": told})

    assert comparisons(named("replicates"))[0].same_test_rows
    assert not comparisons(named("kfold"))[0].same_test_rows
