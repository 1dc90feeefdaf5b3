"""Our validations leak nothing; validations and data that do are found out."""

from typing import Any

import numpy as np
import polars
import pytest

import etude.testing
from etude.algorithm.adam import Adam
from etude.data.base import Data
from etude.data.series import Series
from etude.data.table import Table
from etude.loss.regression import MSE
from etude.model.mlp import MLP
from etude.study import Study
from etude.testing.leak_detector import Columns
from etude.validation.base import RowSplit, Validation
from etude.validation.bootstrap import Bootstrap
from etude.validation.grouped import Grouped
from etude.validation.holdout import Holdout, TrainingOnly
from etude.validation.kfold import KFold, Stratified
from etude.validation.leave_one_out import LeaveOneOut
from etude.validation.nested import Nested
from etude.validation.repeated import Repeated
from etude.validation.replicates import Replicates
from etude.validation.time_series import TimeSeries

OURS = (
    KFold(validation=0.2),
    Stratified(),
    Repeated(repeats=2, folds=3),
    LeaveOneOut(),
    Holdout(validation=0.1),
    Holdout(stratified=True),
    Holdout(shuffle=False),
    Grouped(validation=0.2),
    TimeSeries(gap=1, validation=0.2),
    Bootstrap(repeats=4),
    Bootstrap(repeats=4, stratified=True),
    Replicates(repeats=4),
    TrainingOnly(),
    Nested(outer=KFold(validation=0.1), inner=KFold(folds=3)),
    Nested(outer=TimeSeries(folds=3), inner=TimeSeries(folds=2)),
    Nested(outer=Grouped(folds=3), inner=Grouped(folds=3)),
    Nested(outer=Bootstrap(repeats=2), inner=Stratified(folds=2)),
)


@pytest.mark.parametrize("validation", OURS, ids=str)
def test_nothing_leaks_in_ours(validation: Validation) -> None:
    assert etude.testing.leaks(validation) == {}


def test_every_validation_is_tried() -> None:
    from etude.component import registered

    ours = {
        name
        for name, cls in registered("validation").items()
        if cls.__module__.startswith("etude.")
    }
    assert ours == {validation.name for validation in OURS}


class Peeking(Validation):
    """Trains on a tenth of the rows that it judges by."""

    def splits(self, rows: int, strata: Any, seed: int, groups: Any = None) -> tuple[RowSplit, ...]:
        return tuple(
            RowSplit(np.append(s.train, s.test[::10]), s.validation, s.test)
            for s in KFold().splits(rows, strata, seed)
        )


def test_a_validation_that_trains_on_held_out_rows_is_found() -> None:
    found = etude.testing.leaks(Peeking())
    assert found.keys() == {"roles"}
    assert "gives a row of 60 two roles" in found["roles"]


def scaled_before(columns: Columns) -> Data:
    """Scales by the mean and spread of all rows, before they are split."""
    values = {
        name: (cells - cells.mean()) / cells.std() if name == "number" else cells
        for name, cells in columns.items()
    }
    frame = polars.DataFrame(values)
    return Table.from_frame(
        frame, target="target", task="numbers", scale="none", scale_target=False
    )


def target_means(columns: Columns) -> Data:
    """Every word becomes the mean target of all rows that have it."""
    words, places = np.unique(columns["word"].astype(str), return_inverse=True)
    means = np.array([columns["target"][places == n].mean() for n in range(len(words))])
    frame = polars.DataFrame({"mean": means[places], "target": columns["target"]})
    return Table.from_frame(frame, target="target", task="numbers")


def vocabulary_of_all(columns: Columns) -> Data:
    """A word becomes the rank of its frequency among all rows."""
    _, places, counts = np.unique(
        columns["word"].astype(str), return_inverse=True, return_counts=True
    )
    rank = np.argsort(np.argsort(counts))
    frame = polars.DataFrame({"rank": rank[places].astype(float), "target": columns["target"]})
    return Table.from_frame(frame, target="target", task="numbers", scale="none")


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (scaled_before, "inputs by up to"),
        (target_means, "inputs by up to"),
        (vocabulary_of_all, "inputs"),
    ],
)
def test_data_fitted_to_all_rows_are_found(make, what: str) -> None:
    found = etude.testing.leaks(make=make)
    assert found.keys() == {"fitted"}
    assert what in found["fitted"]
    assert (
        "fit scales, vocabularies and means to the training rows of each split" in found["fitted"]
    )


def test_a_column_that_is_filled_from_held_out_targets_is_found() -> None:
    """Where the held-out column is noise its own row's target is put: the same as in all rows."""

    def filled(columns: Columns) -> Data:
        frame = polars.DataFrame(dict(columns)).with_columns(held_out=polars.col("target"))
        return Table.from_frame(frame, target="target", task="numbers")

    assert "explains 1.00 of their variance" in etude.testing.leaks(make=filled)["column"]


def test_data_without_scaling_and_a_series_pass() -> None:
    def plain(columns: Columns) -> Data:
        frame = polars.DataFrame(dict(columns))
        return Table.from_frame(frame, target="target", task="numbers", scale="none")

    assert etude.testing.leaks(make=plain) == {}

    def series(columns: Columns) -> Data:
        """One time more than rows: the first one has nothing before it."""
        frame = polars.DataFrame({"target": np.append([0.0], columns["target"])})
        return Series.from_frame(frame, target="target", window=1)

    assert etude.testing.leaks(TimeSeries(folds=3), series) == {}


@pytest.mark.parametrize(
    "validation",
    [KFold(folds=3), Nested(outer=KFold(folds=3), inner=KFold(folds=2)), Bootstrap(repeats=3)],
    ids=str,
)
def test_a_network_is_not_helped_by_a_column_that_tells_held_out_targets(validation) -> None:
    """The whole engine: a network reads the column, which is the target in held-out rows alone."""
    random = np.random.default_rng(0)
    rows = 90
    target = random.normal(size=rows)
    for split in validation.splits(rows, None, 0)[:1]:
        held = random.normal(size=rows)
        held[split.test] = target[split.test]
        study = Study(
            data=Table.from_arrays(held[:, None], target, task="numbers"),
            model=MLP(widths=(8,)),
            loss=MSE(),
            algorithm=Adam(learning_rate=0.02, epochs=10),
            validation=validation,
            metric=etude.R2(),
        )
        members = etude.run(study).record.members
        assert members[0].values["test"]["r2"] < 0.5
        # Where the same column tells the target in all rows it does help.
        known = study.model_copy(
            update={"data": (Table.from_arrays(target[:, None], target, task="numbers"),)}
        )
        assert etude.run(known).record.members[0].values["test"]["r2"] > 0.5
