"""Our validations leak nothing; validations and data that do are found out."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars
import pytest

import etude.testing
from etude import component
from etude.algorithm.adam import Adam
from etude.algorithm.stopping import EarlyStopping
from etude.batch import Batch
from etude.data.base import Data, Prepared, Source
from etude.data.input_noise import InputNoise
from etude.data.mixup import Mixup
from etude.data.rows import InputsAndTargets
from etude.data.series import Series
from etude.data.table import Table
from etude.ensemble.bagging import Bagging
from etude.ensemble.boosting import Boosting
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


def test_one_row_near_the_mean_does_not_swamp_a_leak() -> None:
    """Of rows left out alone some target is near the mean, which no column predicts better."""

    def nearly_filled(columns: Columns) -> Data:
        noise = 0.2 * np.random.default_rng(9).normal(size=len(columns["target"]))
        return etude.testing.leak_detector.table({**columns, "held_out": columns["target"] + noise})

    found = etude.testing.leaks(LeaveOneOut(), nearly_filled)
    assert found.keys() == {"column"}
    assert "explains 0.95" in found["column"]


class FromAllRows(InputsAndTargets):
    """A batch of any rows, which all count."""

    def batch(
        self, source: Source, carry: Any, index: Any, batch_size: int, model: Any, key: jax.Array
    ) -> tuple[Any, Batch]:
        rows = jax.random.randint(key, (batch_size,), 0, len(source.arrays["targets"]))
        return carry, self.gather(source, rows, jnp.ones(batch_size))


class TableFromAllRows(Table):
    def prepare(self) -> Prepared:
        prepared = super().prepare()
        assert isinstance(prepared.stream, InputsAndTargets)
        return replace(prepared, stream=FromAllRows(missing=prepared.stream.missing))


class FromTheMeanOfAll(Boosting):
    """Begins at the mean target of all rows, those that do not train among them."""

    def begin(self, loss: Any, said: jax.Array, batch: Batch) -> tuple[jax.Array, Any]:
        return super().begin(loss, said, batch._replace(weights=jnp.ones_like(batch.weights)))


def test_batches_from_rows_that_do_not_train_are_found() -> None:
    """Nothing else finds them: what the rows hold is fitted as it should be."""

    def from_all(columns: Columns) -> Data:
        frame = polars.DataFrame(dict(columns))
        return TableFromAllRows.from_frame(frame, target="target", task="numbers")

    found = etude.testing.leaks(make=from_all)
    assert found.keys() == {"trained"}
    assert "trains on 96 rows goes another way when other rows change" in found["trained"]


def test_an_ensemble_that_looks_at_all_rows_is_found() -> None:
    rule = Adam(epochs=1, ensemble=FromTheMeanOfAll(networks=2))
    assert etude.testing.leaks(algorithm=rule).keys() == {"trained"}


@pytest.mark.parametrize(
    "algorithm",
    [
        Adam(epochs=1, ensemble=Bagging(networks=2)),
        Adam(epochs=1, ensemble=Boosting(networks=2)),
        Adam(epochs=3, stopping=EarlyStopping(patience=1)),
    ],
    ids=["bagging", "boosting", "stopping"],
)
def test_ensembles_and_early_stopping_of_ours_leak_nothing(algorithm: Any) -> None:
    assert etude.testing.leaks(KFold(validation=0.2), algorithm=algorithm) == {}


def test_augmentations_of_ours_leak_nothing() -> None:
    def augmented(columns: Columns) -> Data:
        parts = (InputNoise(std=0.3), Mixup(alpha=0.4))
        return etude.testing.leak_detector.table(columns).changed(augment=parts)

    assert etude.testing.leaks(make=augmented) == {}


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


# These leak on purpose, and no other test is to find them among the components.
for leaking in (Peeking, TableFromAllRows, FromAllRows, FromTheMeanOfAll):
    component._registry[leaking.kind].pop(leaking.name, None)
