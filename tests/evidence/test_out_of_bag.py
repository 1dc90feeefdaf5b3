"""The bootstrap: weights in training, out-of-bag values, the .632 estimate, false alarms."""

import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.tree import DecisionTreeClassifier

import etude
from etude.algorithm.adam import Adam
from etude.algorithm.sgd import SGD
from etude.data.table import Table
from etude.estimator.scikit_learn import ScikitLearn
from etude.evidence.comparison import Comparison
from etude.evidence.intervals import corrected_t_test
from etude.evidence.out_of_bag import point_632
from etude.loss.classification import CrossEntropy
from etude.loss.regression import MSE
from etude.model.initializers import Zeros
from etude.model.linear import Linear
from etude.store.records import SplitRecord
from etude.study import Study
from etude.validation.bootstrap import Bootstrap
from etude.validation.kfold import KFold
from study_records import study_record, with_members


def test_a_row_drawn_twice_counts_twice() -> None:
    """One full batch of SGD moves a linear network by the gradient over all draws."""
    random = np.random.default_rng(0)
    X, y = random.normal(size=(40, 2)).astype(np.float32), random.normal(size=40)
    study = Study(
        data=Table.from_arrays(X, y, task="numbers", scale="none", scale_target=False),
        model=Linear(initializer=Zeros()),
        loss=MSE(),
        algorithm=SGD(learning_rate=0.1, epochs=1, batch_size="full"),
        validation=Bootstrap(repeats=3),
    )
    record = etude.run(study).record
    for member, split in zip(record.members, study.validation.splits(40, None, 0), strict=True):
        drawn = np.repeat(split.train, split.weights.astype(int))
        assert len(drawn) == 40
        slope = 0.1 * 2 * (X[drawn] * y[drawn, None]).mean(axis=0)
        bias = 0.1 * 2 * y[drawn].mean()
        np.testing.assert_allclose(
            member.outputs[:, 0], X[split.test] @ slope + bias, rtol=2e-5, atol=1e-6
        )


def test_out_of_bag_values_are_those_of_scikit_learn_with_weights() -> None:
    X, y = load_wine(return_X_y=True)
    X = X.astype(np.float32).astype(np.float64)
    tree = {"max_depth": 3, "random_state": 4}
    study = Study(
        data=Table.from_arrays(X, y, task="classes", scale="none"),
        model=Linear(),
        loss=CrossEntropy(),
        algorithm=Adam(epochs=1),
        estimator=ScikitLearn(estimator="DecisionTreeClassifier", parameters=tree),
        validation=Bootstrap(repeats=6, stratified=True),
    )
    result = etude.run(study)
    (comparison,) = result.comparisons
    values, estimates = [], []
    for split in study.validation.splits(len(y), y, 0):
        made = DecisionTreeClassifier(**tree)
        made.fit(X[split.train], y[split.train], sample_weight=split.weights)
        out = made.score(X[split.test], y[split.test])
        values.append(out)
        estimates.append(0.368 * made.score(X[split.train], y[split.train]) + 0.632 * out)
    np.testing.assert_allclose(comparison.judged_values[1], values, rtol=1e-6)
    found = point_632(result.record, comparison)
    # Étude measures training rows on them all here and weighs them by their draws.
    assert found[1] == pytest.approx(np.mean(estimates), abs=0.004)
    told = result.json()["choices"]
    assert {row["choice"]: row["point_632"] for row in told}.keys() == {
        "adam",
        "DecisionTreeClassifier",
    }


def test_the_632_estimate_weighs_training_and_out_of_bag_values() -> None:
    record = study_record(rates=2, rules=("adam",), folds=3)
    record.document["validation"] = {"name": "bootstrap"}
    comparison = etude.evidence.comparison.comparisons(record)[0]
    found = point_632(record, comparison)
    for choice in (0, 1):
        means = [
            np.mean([m.values[role]["accuracy"] for m in record.members if m.choice == choice])
            for role in ("test", "train")
        ]
        share = 1 - 1 / math.e
        assert found[choice] == pytest.approx(share * means[0] + (1 - share) * means[1])
    record.document["validation"] = {"name": "kfold"}
    assert point_632(record, comparison) == {}


def test_a_choice_with_a_network_that_diverged_has_no_632_estimate() -> None:
    """Whatever the trivial predictor reaches, with which it counts in the ranking."""
    record = study_record(rates=2, rules=("adam",), folds=3)
    record.document["validation"] = {"name": "bootstrap"}
    record = with_members(record, {1: {"status": "diverged", "values": {}}})
    comparison = etude.evidence.comparison.comparisons(record)[0]
    assert np.isfinite(comparison.judged_values).all()
    assert point_632(record, comparison).keys() == {1}
    assert ["point_632" in row for row in etude.Result(record).json()["choices"]].count(True) == 1


def test_the_report_says_which_way_it_leans(tmp_path: Path) -> None:
    study = Study(data=Table.from_arrays(np.arange(60.0).reshape(30, 2), np.arange(30.0)),
                  model=Linear(), loss=MSE(), algorithm=Adam(epochs=2),
                  validation=Bootstrap(repeats=3))  # fmt: skip
    result = etude.run(study)
    text = etude.report(result, tmp_path / "bootstrap.html").read_text("utf-8")
    assert "So the means are pessimistic" in text
    assert ".632 estimate" in text
    plain = etude.run(study.model_copy(update={"validation": KFold(folds=2)}))
    assert ".632" not in etude.report(plain, tmp_path / "plain.html").read_text("utf-8")


def null_study(random: np.random.Generator, rows: int, splits: list) -> tuple[np.ndarray, float]:
    """Differences of two equally good learners over the splits, and n_test/n_train.

    Each is least squares on three columns of six that count alike: neither sees the other's.
    """
    X = random.normal(size=(rows, 6))
    y = X.sum(axis=1) + random.normal(size=rows)
    differences = []
    for split in splits:
        errors = []
        for columns in (slice(0, 3), slice(3, 6)):
            root = np.sqrt(split.weights if split.weights.size else np.ones(len(split.train)))
            A = X[split.train, columns] * root[:, None]
            weights = np.linalg.lstsq(A, y[split.train] * root, rcond=None)[0]
            errors.append(np.mean((X[split.test, columns] @ weights - y[split.test]) ** 2))
        differences.append(errors[0] - errors[1])
    records = tuple(
        SplitRecord(0, number, len(s.train), 0, len(s.test), {}) for number, s in enumerate(splits)
    )
    values = np.array(differences)[None]
    comparison = Comparison(0, np.arange(1), records, "test", values, "test", values, False)
    return np.array(differences), comparison.test_over_train


@pytest.mark.slow
def test_the_corrected_test_keeps_its_level_out_of_bag() -> None:
    """Two equal learners on 1,500 tables of 80 rows, 25 repeats: at most 5 % are told apart.

    n_test/n_train counts distinct rows, .368/.632 = .58: with as many training rows as draws,
    .368, more are; and far more by a naive test.
    """
    studies, alarms, naive = 1500, 0, 0
    for seed in range(studies):
        random = np.random.default_rng([7, seed])
        splits = Bootstrap(repeats=25).splits(80, None, seed)
        differences, ratio = null_study(random, 80, list(splits))
        alarms += corrected_t_test(differences, ratio)[1] <= 0.05
        naive += corrected_t_test(differences, 0.0)[1] <= 0.05
    print("false alarms", alarms / studies, "naive", naive / studies, "ratio", ratio)
    assert alarms / studies <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / studies)
    assert naive / studies > 0.4
