"""Squared bias, variance and noise add up exactly, and are those of the networks themselves."""

import json
from dataclasses import replace

import numpy as np
import pytest

import etude
from etude.algorithm.adam import Adam
from etude.data.bundled import Iris
from etude.data.synthetic_regression import Sine
from etude.data.table import Table
from etude.errors import InputError
from etude.estimator.scikit_learn import ScikitLearn
from etude.evidence.bias_variance import Term, bias_variance, decompose, finding
from etude.evidence.result import Result
from etude.loss.classification import CrossEntropy
from etude.loss.regression import MSE
from etude.metric.calibration import Brier
from etude.model.linear import Linear
from etude.model.mlp import MLP
from etude.store.store import Store
from etude.study import Study
from etude.sweep import grid
from etude.validation.kfold import KFold
from etude.validation.replicates import Replicates
from study_records import study_record


def drawn(seed: int = 0, shape: tuple[int, ...] = (7, 2, 11, 3)) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    truth = random.normal(size=shape[2:])
    return random.normal(size=shape), truth + 0.3 * random.normal(size=shape[2:]), truth


def test_the_parts_add_up_to_the_error_exactly() -> None:
    predictions, targets, truth = drawn()
    weights = np.random.default_rng(1).uniform(0.5, 2, 11)
    for weighed in (None, weights):
        found = decompose(4, predictions, targets, truth, weighed)
        assert found.error == pytest.approx(
            found.squared_bias_and_noise.value + found.variance.value, rel=1e-13
        )
        assert found.error_to_truth == pytest.approx(
            found.squared_bias.value + found.variance.value, rel=1e-13
        )
    assert (found.choice, found.networks, found.rows) == (4, 14, 11)


def test_the_parts_are_those_of_their_definition() -> None:
    predictions, targets, truth = drawn()
    found = decompose(0, predictions, targets, truth)
    networks = predictions.reshape(14, 11, 3)
    mean = networks.mean(axis=0)
    rows = range(11)
    assert found.squared_bias.value == pytest.approx(
        np.mean([np.sum((mean[x] - truth[x]) ** 2) for x in rows])
    )
    assert found.variance.value == pytest.approx(
        np.mean([[np.sum((each[x] - mean[x]) ** 2) for x in rows] for each in networks])
    )
    assert found.noise == pytest.approx(
        np.mean([np.sum((targets[x] - truth[x]) ** 2) for x in rows])
    )


def test_the_standard_errors_are_those_of_the_jackknife() -> None:
    predictions, targets, truth = drawn()
    found = decompose(0, predictions, targets, truth)
    without = [
        decompose(0, np.delete(predictions, replicate, axis=0), targets, truth)
        for replicate in range(7)
    ]
    for name in ("squared_bias", "variance", "squared_bias_and_noise"):
        term: Term = getattr(found, name)
        pseudo = [7 * term.value - 6 * getattr(each, name).value for each in without]
        assert term.of_replicates == pytest.approx(pseudo)
        assert term.stderr == pytest.approx(np.std(pseudo, ddof=1) / np.sqrt(7))


@pytest.mark.parametrize("replicates", [2, 3, 10])
def test_corrected_figures_do_not_depend_on_how_many_replicates_there_are(replicates: int) -> None:
    """Networks with bias .5 and variance 1: of those trained the squared bias holds 1/R more."""
    random = np.random.default_rng(3)
    predictions = 0.5 + random.normal(size=(replicates, 1, 40_000, 1))
    found = decompose(0, predictions, np.zeros((40_000, 1)), np.zeros((40_000, 1)))
    assert found.squared_bias.value == pytest.approx(0.25 + 1 / replicates, abs=0.03)
    assert found.variance.value == pytest.approx(1 - 1 / replicates, abs=0.03)
    assert found.squared_bias.corrected == pytest.approx(0.25, abs=0.03)
    assert found.variance.corrected == pytest.approx(1, abs=0.03)


def test_corrected_figures_are_the_unbiased_ones_and_add_up_to_the_error_exactly() -> None:
    """Of one network a replicate they are those of variances over R − 1."""
    weights = np.random.default_rng(1).uniform(0.5, 2, 11)
    predictions, targets, truth = drawn(shape=(4, 1, 11, 3))
    found = decompose(0, predictions, targets, truth, weights)
    variance = predictions[:, 0].var(axis=0, ddof=1).sum(axis=-1) @ weights / weights.sum()
    assert found.variance.corrected == pytest.approx(variance, rel=1e-12)
    for term in (found.squared_bias, found.squared_bias_and_noise):
        assert term.corrected == pytest.approx(term.value - variance / 4, rel=1e-12)
    for seeds in (1, 3):
        predictions, targets, truth = drawn(shape=(4, seeds, 11, 3))
        found = decompose(0, predictions, targets, truth, weights)
        whole = found.squared_bias.corrected + found.variance.corrected
        assert whole == pytest.approx(found.error_to_truth, rel=1e-12)
        whole = found.squared_bias_and_noise.corrected + found.variance.corrected
        assert whole == pytest.approx(found.error, rel=1e-12)


def test_of_several_seeds_the_corrected_figures_are_those_expected() -> None:
    """Bias .5; variance 1 of the training rows and 2 of the seed: 3 whatever R is."""
    random = np.random.default_rng(4)
    zeros = np.zeros((1, 1))
    found = [
        decompose(
            0, 0.5 + random.normal(size=(3, 1, 1, 1)) + 2**0.5 * random.normal(size=(3, 2, 1, 1)),
            zeros, zeros,
        )
        for _ in range(4000)
    ]  # fmt: skip
    for terms, expected in (
        ([part.variance.corrected for part in found], 3.0),
        ([part.squared_bias.corrected for part in found], 0.25),
    ):
        error = np.std(terms) / np.sqrt(len(terms))
        assert np.mean(terms) == pytest.approx(expected, abs=4 * error)
    assert np.mean([part.variance.value for part in found]) < 2.5


def test_a_record_keeps_every_figure() -> None:
    predictions, targets, truth = drawn()
    parts = [decompose(0, predictions, targets, truth), decompose(1, predictions, targets)]
    kept = json.loads(json.dumps(finding(parts)))
    findings = {"bias_variance": {"members": "x", "0": kept}}
    record = replace(study_record(rates=2, rules=("adam",)), findings=findings)
    assert bias_variance(record, Result(record).comparisons[0]) == tuple(parts)


@pytest.fixture(scope="module")
def on_a_sine() -> Result:
    study = Study(
        name="parts",
        data=Sine(rows=90, noise=0.4, seed=2),
        model=grid(MLP, widths=[(2,), (16,)]),
        loss=MSE(),
        algorithm=Adam(learning_rate=0.03, epochs=15),
        estimator=tuple(
            ScikitLearn(estimator="KNeighborsRegressor", parameters={"n_neighbors": count})
            for count in (1, 20)
        ),
        validation=Replicates(repeats=6),
        seeds=2,
    )
    return etude.run(study)


def test_of_stored_outputs_the_parts_add_up_to_twelve_digits(on_a_sine: Result) -> None:
    outputs = {(m.choice, m.split, m.seed): m.outputs for m in on_a_sine.record.members}
    prepared = on_a_sine.study.data[0].prepare()
    test = on_a_sine.study.validation.splits(90, None, 0)[0].test
    targets, truth = prepared.targets[test], prepared.truth[test]
    found = on_a_sine.bias_variance()
    assert [part.choice for part in found] == [0, 1, 2, 3]
    for part in found:
        predictions = np.array(
            [outputs[part.choice, split, seed] for split in range(6) for seed in range(2)],
            np.float64,
        )
        error = np.mean(np.sum((predictions - truth) ** 2, axis=2))
        assert part.error_to_truth == pytest.approx(error, abs=1e-12)
        assert abs(part.squared_bias.value + part.variance.value - error) < 1e-12
        mean = predictions.mean(axis=0)
        assert abs(part.squared_bias.value - np.mean((mean - truth) ** 2)) < 1e-12
        assert abs(part.noise - np.mean((targets - truth) ** 2)) < 1e-12
        whole = part.squared_bias_and_noise.value + part.variance.value
        assert abs(whole - np.mean((predictions - targets) ** 2)) < 1e-12
        assert (part.networks, part.rows) == (12, 27)


def test_one_neighbour_varies_and_many_are_biased(on_a_sine: Result) -> None:
    *_, one, many = on_a_sine.bias_variance()
    assert one.variance.value > 3 * many.variance.value
    assert many.squared_bias.value > 2 * one.squared_bias.value


def test_the_finding_is_kept_and_a_second_run_finds_it(on_a_sine: Result, tmp_path) -> None:
    first = etude.run(on_a_sine.study, tmp_path / "etude.db")
    again = etude.run(on_a_sine.study, tmp_path / "etude.db")
    assert again.record.trained == 0
    assert again.bias_variance() == first.bias_variance() == on_a_sine.bias_variance()
    with Store.open(tmp_path / "etude.db", readonly=True) as store:
        assert Result(store.load("parts")).bias_variance() == first.bias_variance()


def test_of_scaled_targets_the_parts_are_in_the_units_of_the_table() -> None:
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 2))
    y = 1000 + 50 * X @ np.array([[1.0], [-2.0]]) + 5 * random.normal(size=(60, 1))
    study = Study(
        data=Table.from_arrays(X, y[:, 0], task="numbers"),
        model=Linear(),
        loss=MSE(),
        algorithm=Adam(learning_rate=0.1, epochs=30),
        validation=Replicates(repeats=4),
    )
    result = etude.run(study)
    (part,) = result.bias_variance()
    assert part.squared_bias is None
    assert part.noise is None
    assert part.error_to_truth is None
    # Errors are mean squares over the same rows for every network, so the metric tells them too.
    squares = [m.values["test"]["rmse"] ** 2 for m in result.record.members]
    assert part.error == pytest.approx(np.mean(squares), rel=1e-5)
    assert part.error == pytest.approx(part.squared_bias_and_noise.value + part.variance.value)


def test_of_classes_the_parts_are_those_of_the_brier_score() -> None:
    study = Study(
        data=Iris(),
        model=Linear(),
        loss=CrossEntropy(),
        algorithm=Adam(learning_rate=0.05, epochs=5),
        validation=Replicates(repeats=4),
        metric=Brier(),
    )
    result = etude.run(study)
    (part,) = result.bias_variance()
    scores = [member.values["test"]["brier"] for member in result.record.members]
    assert part.error == pytest.approx(np.mean(scores), rel=1e-5)
    assert part.error == pytest.approx(part.squared_bias_and_noise.value + part.variance.value)


def test_where_splits_have_test_rows_of_their_own_the_reason_is_told() -> None:
    study = Study(data=Sine(rows=20), model=Linear(), loss=MSE(), algorithm=Adam(epochs=1),
                  validation=KFold(folds=2))  # fmt: skip
    result = etude.run(study)
    assert "bias_variance" not in result.record.findings
    with pytest.raises(InputError, match=r"needs a study that has ended, on replicates .* kfold"):
        result.bias_variance()
