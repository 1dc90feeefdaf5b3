"""Estimators of scikit-learn as choices, against scikit-learn on the same rows."""

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error
from sklearn.preprocessing import StandardScaler

import etude
from etude import SGD, CrossEntropy, Diabetes, InputError, Iris, KFold, Linear, Study
from etude.estimator import ScikitLearn
from etude.keys import key_of
from etude.study import choice_labels


def study(*estimators: ScikitLearn, **fields: object) -> Study:
    parts: dict[str, object] = {
        "data": Iris(),
        "model": Linear(),
        "loss": CrossEntropy(),
        "algorithm": SGD(epochs=1),
        "validation": KFold(folds=3, stratified=True),
        "estimator": estimators,
    }
    return Study(**(parts | fields))  # type: ignore[arg-type]


def of_choice(result: etude.Result, choice: int) -> list:
    return [member for member in result.record.members if member.choice == choice]


def test_a_forest_is_scikit_learns_own() -> None:
    forest = ScikitLearn(estimator="RandomForestClassifier", parameters={"n_estimators": 7})
    whole = study(forest, seeds=2)
    members = of_choice(etude.run(whole), 1)
    assert len(members) == 6
    inputs, targets = load_iris(return_X_y=True)
    splits = whole.validation.splits(150, targets, whole.seed)
    for member in members:
        split = splits[member.split]
        scaler = StandardScaler().fit(inputs[split.train].astype(np.float32))
        scaled = scaler.transform(inputs.astype(np.float32)).astype(np.float32)
        seed = int(key_of(0, member.seed, member.split, "estimator", "")[0])
        made = RandomForestClassifier(n_estimators=7, random_state=seed)
        made.fit(scaled[split.train], targets[split.train])
        own = made.predict_proba(scaled[split.test])
        assert member.status == "done"
        assert member.values["test"]["accuracy"] == pytest.approx(
            accuracy_score(targets[split.test], own.argmax(1)), abs=0.021
        )
        clipped = np.clip(own, np.finfo(np.float32).eps, 1)
        assert member.values["test"]["log_loss"] == pytest.approx(
            log_loss(targets[split.test], clipped / clipped.sum(1, keepdims=True)), abs=0.3
        )


def test_a_ridge_regression_is_scikit_learns_own() -> None:
    ridge = ScikitLearn(estimator="Ridge", parameters={"alpha": 3.0})
    whole = study(ridge, data=Diabetes(), loss=etude.MSE(), validation=KFold(folds=3))
    inputs, targets = load_diabetes(return_X_y=True)
    splits = whole.validation.splits(len(targets), None, whole.seed)
    for member in of_choice(etude.run(whole), 1):
        split = splits[member.split]
        scaler = StandardScaler().fit(inputs[split.train])
        mean, scale = targets[split.train].mean(), targets[split.train].std()
        made = Ridge(alpha=3.0)
        made.fit(scaler.transform(inputs[split.train]), (targets[split.train] - mean) / scale)
        found = made.predict(scaler.transform(inputs[split.test])) * scale + mean
        expected = root_mean_squared_error(targets[split.test], found)
        assert member.values["test"]["rmse"] == pytest.approx(expected, rel=1e-4)
        assert member.epochs == 0
        assert member.curves.shape[0] == 0


def test_the_ranking_holds_estimators_and_networks() -> None:
    result = etude.run(study(ScikitLearn(estimator="SVC"), ScikitLearn(estimator="GaussianNB")))
    labels = [summary.label for summary in result.summaries]
    assert sorted(labels) == ["GaussianNB", "SVC", "sgd"]
    assert labels[-1] == "sgd"
    assert all(summary.rank is not None for summary in result.summaries)
    # A support vector machine tells no probabilities, so its log loss is unknown.
    svc = of_choice(result, 1)
    assert all(member.values["test"]["log_loss"] is None for member in svc)
    with pytest.raises(InputError, match="`refit` trains networks, and choice 1 is the estimator"):
        etude.refit(result, 1)


def test_labels_tell_what_differs() -> None:
    neighbours = tuple(
        ScikitLearn(estimator="KNeighborsClassifier", parameters={"n_neighbors": count})
        for count in (1, 5)
    )
    assert choice_labels(study(*neighbours, ScikitLearn(estimator="SVC"))) == (
        "sgd",
        "KNeighborsClassifier n_neighbors=1",
        "KNeighborsClassifier n_neighbors=5",
        "SVC",
    )


def test_numbers_of_symbols_are_no_numbers_to_it() -> None:
    from etude.batch import Spec

    spec = Spec("classes", (3,), classes=(".", "a", "b"), sizes=(("vocabulary", 3),))
    with pytest.raises(InputError, match="needs numbers as inputs, got symbols"):
        ScikitLearn(estimator="RandomForestClassifier").check(spec)


def test_what_goes_wrong_inside_is_a_result_of_the_member() -> None:
    wrong = ScikitLearn(estimator="RandomForestClassifier", parameters={"n_estimators": -3})
    result = etude.run(study(wrong))
    members = of_choice(result, 1)
    assert all(member.status == "failed" for member in members)
    assert "n_estimators" in str(members[0].reason)
    assert "-3" in str(members[0].reason)
    assert all(member.status == "done" for member in of_choice(result, 0))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"estimator": "SVX"}, "`estimator` must be a classifier or regressor of scikit-learn"),
        (
            {"estimator": "RandomForest"},
            "did you mean 'RandomForestRegressor' or 'RandomForestClassifier'",
        ),
        ({"estimator": "SVC", "parameters": {"c": 1}}, "`parameters` of SVC has no 'c'"),
        ({"estimator": "VotingClassifier"}, "is made of another estimator"),
        ({"estimator": "os.system"}, "`estimator` must be a classifier or regressor"),
    ],
)
def test_bad_settings_are_refused(fields: dict, message: str) -> None:
    with pytest.raises((ValidationError, InputError), match=message):
        ScikitLearn(**fields)


def test_a_classifier_does_not_predict_numbers() -> None:
    whole = study(
        ScikitLearn(estimator="SVC"),
        data=Diabetes(),
        loss=etude.MSE(),
        validation=KFold(folds=3),
    )
    with pytest.raises(InputError, match="`estimator` SVC predicts classes, and the target is num"):
        etude.plan(whole)


def test_what_tells_no_probabilities_is_not_judged_by_them() -> None:
    with pytest.raises(InputError, match="tells no probabilities, which `metric` log_loss judges"):
        etude.plan(study(ScikitLearn(estimator="LinearSVC"), metric=etude.LogLoss()))
    etude.plan(study(ScikitLearn(estimator="LinearSVC"), metric=etude.F1()))
    etude.plan(study(ScikitLearn(estimator="GaussianNB"), metric=etude.LogLoss()))


def test_equal_values_of_networks_and_estimators_are_equal() -> None:
    result = etude.run(study(ScikitLearn(estimator="SVC")))
    for member in result.record.members:
        value = member.values["test"]["accuracy"]
        assert value == float(np.float32(value))
