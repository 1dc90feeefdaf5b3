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
    assert finding == expected.finding([0, 1, 2], 150)
    estimate = result.estimate_of_best()
    assert (estimate.mean, estimate.method) == (expected.corrected, BOOTSTRAP)


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
    values = [[by_hand(targets, seed) for seed in choice] for choice in outputs]  # type: ignore[operator]
    sign = 1 if metric.greater_is_better else -1  # type: ignore[attr-defined]
    apparent = sign * max(sign * np.mean(values, axis=1))
    assert result.record.findings["selection"]["0"]["apparent"] == pytest.approx(apparent, rel=1e-4)


def test_a_choice_that_diverged_is_never_chosen_and_estimators_take_part() -> None:
    rules = (SGD(learning_rate=3e38, epochs=4), *RULES)
    result = etude.run(study(algorithm=rules, estimator=ScikitLearn(estimator="SVC")))
    assert result.record.members[0].status == "diverged"
    finding = result.record.findings["selection"]["0"]
    assert finding["choices"] == [0, 1, 2, 3, 4]
    assert 0.8 < finding["mean"] <= finding["apparent"] + 0.01


def test_with_validation_rows_there_is_nothing_to_draw() -> None:
    result = etude.run(study(validation=KFold(folds=3, validation=0.2)))
    assert result.record.findings["selection"] == {}
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
