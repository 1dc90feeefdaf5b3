"""What is found once at the end of a run: the bootstrap of the choice, from the outputs."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import r2_score, root_mean_squared_error

import etude
from etude import (
    MSE,
    R2,
    RMSE,
    SGD,
    Adam,
    CrossEntropy,
    Diabetes,
    Iris,
    KFold,
    Linear,
    ScikitLearn,
    grid,
)
from etude.evidence.best import BOOTSTRAP
from etude.evidence.selection import bootstrap_of_selection

RULES = (*grid(SGD, learning_rate=[0.01, 0.1], epochs=4), Adam(epochs=4, learning_rate=0.05))


def study(**fields: object) -> etude.Study:
    parts: dict[str, object] = {
        "data": Iris(),
        "model": Linear(),
        "loss": CrossEntropy(),
        "algorithm": RULES,
        "validation": KFold(folds=3, stratified=True),
        "seeds": 2,
    }
    return etude.Study(**(parts | fields))  # type: ignore[arg-type]


def out_of_fold(result: etude.Result, targets: np.ndarray) -> np.ndarray:
    """`[choices, seeds, rows, outputs]`, put together by hand."""
    whole = result.study
    assert whole is not None
    strata = targets if targets.dtype.kind == "i" else None
    splits = whole.validation.splits(len(targets), strata, whole.seed)
    first = result.record.members[0].outputs
    assert first is not None
    shape = (len(result.record.choices), whole.seeds, len(targets), first.shape[1])
    outputs = np.full(shape, np.nan)
    for member in result.record.members:
        outputs[member.choice, member.seed, splits[member.split].test] = member.outputs
    return outputs


def test_accuracy_is_that_of_the_outputs() -> None:
    result = etude.run(study())
    targets = load_iris().target
    right = out_of_fold(result, targets).argmax(-1) == targets
    expected = bootstrap_of_selection(right[..., None], lambda mean: mean[..., 0], True)
    assert expected is not None
    finding = result.record.findings["selection"]["0"]
    assert (finding["choices"], finding["n"]) == ([0, 1, 2], 150)
    # Folds of equal size: the pooled accuracy is the mean over splits.
    for name, value in expected.finding([0, 1, 2], 150).items():
        assert finding[name] == pytest.approx(value, abs=1e-6)
    estimate = result.estimate_of_best()
    assert (estimate.mean, estimate.method) == (finding["mean"], BOOTSTRAP)


@pytest.mark.parametrize(
    ("metric", "by_hand"), [(RMSE(), root_mean_squared_error), (R2(), r2_score)]
)
def test_rows_of_all_splits_are_pooled_in_one_scale(metric: object, by_hand: object) -> None:
    whole = study(data=Diabetes(), loss=MSE(), metric=metric, validation=KFold(folds=3))
    result = etude.run(whole)
    targets = load_diabetes().target
    splits = whole.validation.splits(len(targets), None, 0)
    outputs = out_of_fold(result, targets)[..., 0]
    for split in splits:
        train = targets[split.train]
        outputs[..., split.test] = outputs[..., split.test] * train.std() + train.mean()
    moments = np.broadcast_to(targets, outputs.shape)
    statistics = np.stack([(outputs - targets) ** 2, moments, moments**2], axis=-1)
    sign = 1 if metric.greater_is_better else -1  # type: ignore[attr-defined]
    values = np.array([[by_hand(targets, seed) for seed in choice] for choice in outputs])  # type: ignore[operator]
    pooled = values.mean(axis=1)

    def of_rows(mean: np.ndarray) -> np.ndarray:
        root = np.sqrt(mean[..., 0])
        variance = mean[..., 2] - mean[..., 1] ** 2
        return root if sign < 0 else 1 - mean[..., 0] / variance

    expected = bootstrap_of_selection(statistics, of_rows, sign > 0)
    assert expected is not None
    assert expected.apparent == pytest.approx(sign * max(sign * pooled), rel=1e-6)
    finding = result.record.findings["selection"]["0"]
    # What the ranking shows is the mean over splits; what choosing flatters is taken off it.
    best = max(result.summaries, key=lambda row: sign * row.mean)
    assert finding["apparent"] == pytest.approx(best.mean)
    correction = expected.corrected - expected.apparent
    assert finding["mean"] - best.mean == pytest.approx(correction, rel=0.15, abs=1e-3)


def test_a_choice_that_diverged_is_never_chosen_and_estimators_take_part() -> None:
    rules = (SGD(learning_rate=3e38, epochs=4), *RULES)
    result = etude.run(study(algorithm=rules, estimator=ScikitLearn(estimator="SVC")))
    assert result.record.members[0].status == "diverged"
    finding = result.record.findings["selection"]["0"]
    assert finding["choices"] == [0, 1, 2, 3, 4]
    assert 0.8 < finding["mean"] <= finding["apparent"] + 0.01


def test_with_validation_rows_there_is_nothing_to_draw() -> None:
    result = etude.run(study(validation=KFold(folds=3, validation=0.2)))
    assert list(result.record.findings["selection"]) == ["members"]
    assert result.estimate_of_best().method != BOOTSTRAP


def test_a_store_gives_the_same_and_nothing_is_drawn_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = etude.run(study()).record.findings
    kept = etude.run(study(), tmp_path / "etude.db").record.findings
    assert kept["selection"] == in_memory["selection"]
    monkeypatch.setattr("etude.evidence.conclude._selection", None)
    again = etude.run(study(), tmp_path / "etude.db").record.findings
    assert again["selection"] == kept["selection"]


def test_groups_are_drawn_whole(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(12, 3))
    groups = np.repeat(np.arange(12), 20)
    inputs = centres[groups] + 0.01 * generator.normal(size=(240, 3))
    targets = np.where((generator.random(12) > 0.5)[groups], "a", "b")
    data = etude.Table.from_arrays(inputs, targets, groups=groups)
    result = etude.run(study(data=data, validation=etude.Grouped(folds=4)))
    finding = result.record.findings["selection"]["0"]
    assert finding["n"] == 12
    assert finding["interval"][1] - finding["interval"][0] > 0.2
    with pytest.raises(etude.InputError, match="data table have rows that belong together"):
        etude.plan(study(data=data, validation=KFold(folds=4)))


def test_values_that_are_no_means_of_rows_need_splits_of_some_size() -> None:
    rules = grid(SGD, learning_rate=[0.01, 0.1], epochs=1)
    whole = study(data=Diabetes(), loss=MSE(), algorithm=rules, validation=KFold(folds=40), seeds=1)
    result = etude.run(whole)
    assert list(result.record.findings["selection"]) == ["members"]
    assert "left out" in result.estimate_of_best().method
