"""Metrics as a study measures them, inside the compiled program, against scikit-learn."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import norm
from sklearn import metrics

import etude
from etude.data.table import Table
from etude.engine.device import current_device
from etude.engine.plan import plan
from etude.errors import InputError
from etude.evidence.result import Result
from etude.execution.run import run
from etude.metric.base import Metric
from etude.store.records import StudyRecord

EASY = {
    etude.TopK(k=2): lambda y, p: metrics.top_k_accuracy_score(y, p, k=2),
    etude.F1(): lambda y, p: metrics.f1_score(y, p.argmax(1), average="macro"),
    etude.BalancedAccuracy(): lambda y, p: metrics.balanced_accuracy_score(y, p.argmax(1)),
    etude.Brier(): lambda y, p: metrics.brier_score_loss(y, p),
    etude.RocAuc(): lambda y, p: metrics.roc_auc_score(y, p, multi_class="ovr"),
}


def study(**fields: Any) -> etude.Study:
    values: dict[str, Any] = {
        "data": etude.Blobs(rows=90, classes=3, noise=6.0),
        "model": etude.MLP(widths=(4,)),
        "loss": etude.CrossEntropy(),
        "algorithm": etude.Adam(epochs=3, batch_size=16, learning_rate=0.01),
        "validation": etude.Stratified(folds=3, validation=0.2),
    }
    return etude.Study(**(values | fields))


def probabilities(outputs: np.ndarray) -> np.ndarray:
    found = np.exp(log_softmax(outputs.astype(np.float64), 1))
    return found / found.sum(1, keepdims=True)


def trained(one: etude.Study, width: int = 1) -> tuple[StudyRecord, Any]:
    device = replace(current_device(1), fixed_width=width)
    record = run(one, device=device)
    assert {member.status for member in record.members} == {"done"}
    return record, plan(one, device).materials[0]


@pytest.mark.parametrize("metric", EASY, ids=lambda metric: metric.name)
def test_of_classes(metric: Metric) -> None:
    # side by side where all rows are looked at together
    record, material = trained(study(metric=metric), width=2 if metric.name == "roc_auc" else 1)
    assert record.metric == metric.name
    assert record.metrics == ("loss", "accuracy", "log_loss", metric.name)
    for member in record.members:
        test = material.splits[member.split].test
        y, p = material.prepared.targets[test], probabilities(member.outputs)
        values = member.values["test"]
        assert values[metric.name] == pytest.approx(EASY[metric](y, p), rel=1e-5)
        assert values["accuracy"] == pytest.approx(metrics.accuracy_score(y, p.argmax(1)))
        assert values["log_loss"] == pytest.approx(metrics.log_loss(y, p), rel=1e-5)
        assert member.values["validation"][metric.name] is not None
    (row,) = Result(record).summaries
    mean = np.mean([member.values["test"][metric.name] for member in record.members])
    assert row.mean == pytest.approx(mean)


def test_the_area_of_rows_that_are_evaluated_in_several_batches() -> None:
    """5,001 rows come in two batches, the second filled up with a row that counts nowhere."""
    x = np.random.default_rng(0).normal(size=(5001, 2))
    labels = np.where(x.sum(1) + np.random.default_rng(1).normal(size=5001) > 0.5, "yes", "no")
    one = study(
        data=Table.from_arrays(x, labels),
        algorithm=etude.SGD(epochs=1, batch_size=256),
        validation=etude.KFold(folds=2, validation=0.3),
        metric=etude.RocAuc(),
    )
    record, material = trained(one)
    for member in record.members:
        split = material.splits[member.split]
        y = material.prepared.targets[split.test]
        expected = metrics.roc_auc_score(y, member.outputs[:, 1] - member.outputs[:, 0])
        assert member.values["test"]["roc_auc"] == pytest.approx(expected, rel=2e-6)
        assert member.curves.shape == (1, 3, 4)


def test_a_metric_of_all_rows_leaves_the_others_their_bits() -> None:
    plain, _ = trained(study())
    more, _ = trained(study(metric=etude.RocAuc()))
    for first, second in zip(plain.members, more.members, strict=True):
        np.testing.assert_array_equal(first.curves, second.curves[..., :3])
        np.testing.assert_array_equal(first.outputs, second.outputs)


@pytest.mark.parametrize("variance", ["network", "fixed"])
def test_nll(variance: str) -> None:
    x = np.random.default_rng(0).normal(size=(60, 2))
    y = 1000 + 50 * x[:, 0] + 20 * np.random.default_rng(1).normal(size=60)
    loss = etude.GaussianNLL(variance=variance)
    record, material = trained(
        study(
            data=Table.from_arrays(x, y),
            loss=loss,
            metric=etude.NLL(),
            validation=etude.KFold(folds=3),
        )
    )
    assert record.metrics == ("loss", "rmse", "mae", "r2", "nll")
    for member in record.members:
        split = material.splits[member.split]
        location, scale = y[split.train].mean(), y[split.train].std()
        mean = location + scale * member.outputs[:, 0]
        deviation = scale * (
            np.exp(member.outputs[:, 1] / 2) if variance == "network" else np.ones(len(mean))
        )
        expected = -norm.logpdf(y[split.test], mean, deviation).mean()
        assert member.values["test"]["nll"] == pytest.approx(expected, rel=1e-4)
        assert member.values["test"]["nll"] == pytest.approx(
            member.values["test"]["loss"] + np.log(scale), rel=1e-4
        )


def test_nll_of_a_loss_without_deviations_is_refused() -> None:
    one = study(data=etude.Sine(), loss=etude.MSE(), metric=etude.NLL(), validation=etude.KFold())
    with pytest.raises(InputError, match="`loss` mse tells no standard deviation"):
        plan(one)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"metric": etude.RocAuc(), "validation": etude.LeaveOneOut()},
            "roc_auc needs rows of at least two classes among the test rows of every split, "
            "and the 1 of split 1 lack that",
        ),
        (
            {
                "metric": etude.R2(),
                "validation": etude.LeaveOneOut(),
                "data": etude.Sine(rows=20),
                "loss": etude.MSE(),
            },
            "r2 needs two rows of different targets among the test rows",
        ),
        (
            {
                "metric": etude.F1(average="binary"),
                "data": Table.from_arrays(np.arange(8.0)[:, None], np.repeat(["a", "b"], 4)),
                "validation": etude.KFold(folds=2, shuffle=False),
            },
            "f1 needs a row of the second class among the test rows of every split, "
            "and the 4 of split 1 lack that",
        ),
    ],
)
def test_rows_that_can_give_no_value_are_refused_before_training(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        plan(study(**fields))


def test_a_chosen_network_is_measured_on_all_rows() -> None:
    one = study(metric=etude.RocAuc())
    result = etude.run(one)
    network = etude.refit(result)
    prepared = one.data[0].prepare()
    inputs = prepared.arrays["inputs"]
    expected = metrics.roc_auc_score(
        prepared.targets, probabilities(network.outputs(inputs)), multi_class="ovr"
    )
    assert network.history["train"]["roc_auc"] == pytest.approx(expected, rel=1e-5)


def test_estimators_are_measured_by_the_same_metrics() -> None:
    forest = etude.estimator.ScikitLearn(
        estimator="RandomForestClassifier", parameters={"n_estimators": 5}
    )
    record, material = trained(study(metric=etude.RocAuc(), estimator=forest))
    (judged,) = [c for c in range(2) if "estimator" in record.choices[c].document]
    for member in record.members:
        if member.choice == judged:
            test = material.splits[member.split].test
            # Normalizing them anew would part the many ties of a small forest.
            votes = np.exp(member.outputs.astype(np.float64))
            expected = metrics.roc_auc_score(
                material.prepared.targets[test], votes, multi_class="ovr"
            )
            assert member.values["test"]["roc_auc"] == pytest.approx(expected, rel=1e-5)
    ridge = etude.estimator.ScikitLearn(estimator="Ridge")
    one = study(
        data=etude.Sine(),
        loss=etude.GaussianNLL(),
        metric=etude.NLL(),
        validation=etude.KFold(),
        estimator=ridge,
    )
    with pytest.raises(InputError, match="nll needs standard deviations, and `estimator`"):
        plan(one)
