"""Nested validation: chosen on inner splits, judged on outer ones, as by hand and scikit-learn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import model_selection as peers
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier

import etude
from etude.algorithm.adam import Adam
from etude.algorithm.stopping import EarlyStopping
from etude.data.bundled import Iris, Wine
from etude.data.table import Table
from etude.errors import InputError
from etude.estimator.scikit_learn import ScikitLearn
from etude.evidence.best import NESTED, estimate_of_best
from etude.evidence.comparison import Comparison, comparisons
from etude.evidence.intervals import corrected_t_test
from etude.evidence.possible_bests import possible_bests
from etude.evidence.result import Result
from etude.evidence.verdict import verdict
from etude.loss.classification import CrossEntropy
from etude.loss.regression import MSE
from etude.model.linear import Linear
from etude.store.records import SplitRecord, StudyRecord
from etude.study import Study
from etude.sweep import grid
from etude.validation.kfold import KFold
from etude.validation.nested import Nested
from etude.validation.time_series import TimeSeries
from study_records import study_record, with_members


def nested_record(inner: np.ndarray, outer: np.ndarray) -> StudyRecord:
    """A record with these validation accuracies `[choices, outer splits, inner splits]`, and
    test accuracies `[choices, outer splits]`.
    """
    choices, judging, each = inner.shape
    count = judging * (1 + each)
    record = study_record(rates=choices, folds=count, seeds=1, epochs=2, rules=("adam",))
    splits = []
    for split in record.splits:
        if split.split < judging:
            splits.append(replace(split, train=80, validation=0, test=20))
            continue
        chooses_for = (split.split - judging) // each
        splits.append(replace(split, train=40, validation=40, test=0, chooses_for=chooses_for))
    record = replace(record, splits=tuple(splits))
    changes = {}
    for number, member in enumerate(record.members):
        if member.split < judging:
            values = {"test": {"accuracy": float(outer[member.choice, member.split])}}
        else:
            place = divmod(member.split - judging, each)
            value = float(inner[(member.choice, *place)])
            values = {"validation": {"accuracy": value}, "test": {"accuracy": None}}
        changes[number] = {"values": values, "status": "done"}
    return with_members(record, changes)


def test_each_outer_split_judges_what_its_own_inner_splits_chose() -> None:
    inner = np.array([[[0.9, 0.7], [0.2, 0.4]], [[0.7, 0.8], [0.5, 0.6]]])
    outer = np.array([[0.50, 0.51], [0.52, 0.53]])
    record = nested_record(inner, outer)
    (comparison,) = comparisons(record)
    np.testing.assert_allclose(comparison.choosing_values, [[0.8, 0.3], [0.75, 0.55]])
    np.testing.assert_array_equal(comparison.judged_values, outer)
    assert comparison.test_over_train == 20 / 80
    found = estimate_of_best(record, comparison)
    assert found.chosen == (0, 1)
    assert found.mean == pytest.approx((0.50 + 0.53) / 2)
    assert found.method == NESTED
    assert found.n == 2


def test_the_ranking_is_by_the_inner_splits_and_shows_both() -> None:
    inner = np.array([[[0.6, 0.6], [0.6, 0.6]], [[0.8, 0.8], [0.8, 0.8]]])
    result = Result(nested_record(inner, np.array([[0.7, 0.9], [0.5, 0.6]])))
    first, second = result.summaries
    assert (first.choice, first.choosing_mean, first.mean) == (1, pytest.approx(0.8), 0.55)
    assert (second.choice, second.choosing_mean, second.mean) == (0, pytest.approx(0.6), 0.8)
    told = " ".join(str(result.table()).split())
    assert "Ranked by the mean on the rows that the inner splits hold out." in told
    assert "validation mean" in told
    assert second.p_best == 1.0  # told by the rows that judge


def test_choices_that_differ_by_rounding_alone_tie_and_the_first_is_chosen() -> None:
    inner = np.array([[[0.8, 0.9]], [[0.9 + 1e-9, 0.8]]])
    record = nested_record(inner, np.array([[0.5], [0.6]]))
    assert estimate_of_best(record, comparisons(record)[0]).chosen == (0,)


def test_a_choice_that_lacks_an_inner_network_is_incomplete() -> None:
    inner, outer = np.full((2, 2, 2), 0.5), np.full((2, 2), 0.5)
    record = nested_record(inner, outer)
    last = max(n for n, member in enumerate(record.members) if member.choice == 1)
    record = with_members(record, {last: {"status": "failed", "values": {}}})
    assert comparisons(record)[0].complete.tolist() == [True, False]


def test_possible_bests_are_told_by_the_rows_that_judge() -> None:
    """So the first of the ranking may prove worse."""
    inner = np.full((3, 5, 2), 0.5)
    inner[0] = 0.9
    noise = np.random.default_rng(0).normal(0, 0.001, (3, 5))
    outer = np.array([0.5, 0.8, 0.4])[:, None] + noise
    found = possible_bests(comparisons(nested_record(inner, outer))[0])
    assert (found.best, found.ahead) == (0, 1)
    assert found.choices == (1,)
    assert found.worse == (0, 2)
    assert max(found.p[0], found.p[2]) < 0.05 < found.p[1] == 1.0
    assert "on test rows" in found.method


def test_of_two_choices_the_first_is_tested_against_the_second() -> None:
    """By the corrected paired t-test over the outer splits, like any other pair."""
    inner = np.stack([np.full((5, 2), 0.9), np.full((5, 2), 0.5)])
    noise = np.random.default_rng(0).normal(0, 0.02, (2, 5))
    for gap in (0.01, 0.06):
        outer = np.array([0.7, 0.7 + gap])[:, None] + noise
        found = possible_bests(comparisons(nested_record(inner, outer))[0])
        p = corrected_t_test(outer[0] - outer[1], 20 / 80)[1]
        assert found.p == {0: pytest.approx(p), 1: 1.0}
        assert found.ahead == (1 if p <= 0.05 else None)
        assert (0 in found.choices) == (p > 0.05)
    assert p < 0.05


@pytest.mark.parametrize(
    ("means", "told"),
    [
        ([0.5, 0.8], "."),
        ([0.5, 0.8, 0.4], "; the other one is worse there too."),
        ([0.5, 0.8, 0.4, 0.3], "; both others are worse there too."),
        ([0.5, 0.8, 0.8, 0.3], "; {2} may be as good as that one."),
        ([0.5] + [0.8] * 7, "; 6 of the 6 others may be as good as that one."),
    ],
)
def test_the_verdict_says_that_the_first_is_worse_on_test_rows(means: list, told: str) -> None:
    inner = np.full((len(means), 5, 2), 0.5)
    inner[0] = 0.9
    noise = np.random.default_rng(1).normal(0, 0.001, (len(means), 5))
    result = Result(nested_record(inner, np.array(means)[:, None] + noise))
    labels = [choice.label for choice in result.record.choices]
    ahead = labels[result.possible_bests[0].ahead]
    lead = f"{labels[0]} ranked first on inner rows, and is worse than {ahead} on test rows"
    assert verdict(result)[0] == lead + told.format(*labels)
    assert result.json()["choices"][0]["may_be_best"] is False


@pytest.mark.slow
def test_equal_choices_are_called_worse_in_at_most_five_percent_of_nested_studies() -> None:
    """Inner values that agree with one another are no evidence; outer folds are as plain ones."""
    random = np.random.default_rng(5)
    choices, folds, studies = 10, 5, 2000
    splits = tuple(SplitRecord(0, fold, 80, 0, 20, {}) for fold in range(folds))
    inner = (SplitRecord(0, folds, 60, 20, 0, {}, 0),)
    alarms = 0
    for _ in range(studies):
        persistent = random.normal(size=(choices, 1))
        outer = np.sqrt(1 / folds) * persistent + np.sqrt(1 - 1 / folds) * random.normal(
            size=(choices, folds)
        )
        chosen = persistent + 0.05 * random.normal(size=(choices, folds))
        comparison = Comparison(
            0, np.arange(choices), splits, "test", outer, "validation", chosen, True, inner=inner
        )
        alarms += bool(possible_bests(comparison).worse)
    assert alarms / studies <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / studies)


KNN = tuple(
    ScikitLearn(
        estimator="KNeighborsClassifier", parameters={"n_neighbors": k, "weights": "distance"}
    )
    for k in (1, 4, 9, 25)
)
RIDGE = tuple(ScikitLearn(estimator="Ridge", parameters={"alpha": a}) for a in (0.01, 1.0, 30.0))


@pytest.mark.parametrize(
    ("ours", "outer", "inner"),
    [
        (
            Nested(outer=KFold(folds=4), inner=KFold(folds=3)),
            peers.KFold(4, shuffle=True, random_state=3),
            peers.KFold(3, shuffle=True, random_state=3),
        ),
        (
            Nested(outer=TimeSeries(folds=3), inner=TimeSeries(folds=2)),
            peers.TimeSeriesSplit(3),
            peers.TimeSeriesSplit(2),
        ),
    ],
)
def test_outer_scores_are_those_of_a_grid_search_of_scikit_learn(
    ours: Nested, outer: peers.BaseCrossValidator, inner: peers.BaseCrossValidator
) -> None:
    X, y = load_diabetes(return_X_y=True)
    X = X.astype(np.float32).astype(np.float64)
    study = Study(
        data=Table.from_arrays(X, y, task="numbers", scale="none", scale_target=False),
        model=Linear(),
        loss=MSE(),
        algorithm=Adam(epochs=1, learning_rate=1e-6),  # a network that never is the best
        estimator=RIDGE,
        validation=ours,
        seed=3,
    )
    found = etude.run(study)
    search = peers.GridSearchCV(
        Ridge(), {"alpha": [0.01, 1.0, 30.0]}, cv=inner, scoring="neg_root_mean_squared_error"
    )
    theirs = peers.cross_validate(search, X, y, cv=outer, scoring=search.scoring,
                                  return_estimator=True)  # fmt: skip
    best = found.estimate_of_best()
    alphas = [RIDGE[choice - 1].parameters[0].value for choice in best.chosen]
    assert alphas == [each.best_params_["alpha"] for each in theirs["estimator"]]
    (comparison,) = found.comparisons
    scores = comparison.judged_values[list(best.chosen), range(len(best.chosen))]
    np.testing.assert_allclose(scores, -theirs["test_score"], rtol=1e-6)
    assert best.mean == pytest.approx(-theirs["test_score"].mean(), rel=1e-6)


def test_accuracies_are_those_of_a_grid_search_of_scikit_learn() -> None:
    X, y = load_wine(return_X_y=True)
    X = X.astype(np.float32).astype(np.float64)
    study = Study(
        data=Table.from_arrays(X, y, task="classes", scale="none"),
        model=Linear(),
        loss=CrossEntropy(),
        algorithm=Adam(epochs=1, learning_rate=1e-6),
        estimator=KNN,
        validation=Nested(outer=KFold(folds=5, stratified=True), inner=KFold(folds=4)),
        seed=1,
    )
    found = etude.run(study)
    search = peers.GridSearchCV(
        KNeighborsClassifier(weights="distance"),
        {"n_neighbors": [1, 4, 9, 25]},
        cv=peers.KFold(4, shuffle=True, random_state=1),
    )
    outer = peers.StratifiedKFold(5, shuffle=True, random_state=1)
    theirs = peers.cross_val_score(search, X, y, cv=outer)
    best = found.estimate_of_best()
    scores = found.comparisons[0].judged_values[list(best.chosen), range(5)]
    np.testing.assert_allclose(scores, theirs, rtol=1e-6)


@pytest.fixture(scope="module")
def trained() -> Result:
    study = Study(
        name="nested",
        data=Iris(),
        model=Linear(),
        loss=CrossEntropy(),
        algorithm=grid(Adam, learning_rate=[0.002, 0.02, 0.1], epochs=3, batch_size=16),
        validation=Nested(outer=KFold(folds=3), inner=KFold(folds=2)),
        seeds=2,
    )
    return etude.run(study)


def test_of_networks_every_value_is_as_by_hand(trained: Result) -> None:
    record = trained.record
    assert len(record.members) == 3 * (3 + 6) * 2
    value = {(m.choice, m.split, m.seed): m.values for m in record.members}
    outer = {}
    for split in range(3):
        means = []
        for choice in range(3):
            inner = [
                value[choice, 3 + 2 * split + number, seed]["validation"]["accuracy"]
                for number in range(2)
                for seed in range(2)
            ]
            means.append(sum(inner) / 4)
        chosen = means.index(max(means))
        judged = [value[chosen, split, seed]["test"]["accuracy"] for seed in range(2)]
        outer[split] = chosen, sum(judged) / 2
    best = trained.estimate_of_best()
    assert best.chosen == tuple(chosen for chosen, _ in outer.values())
    assert best.mean == pytest.approx(sum(judged for _, judged in outer.values()) / 3)
    told = trained.json()["estimate_of_best"]
    assert sum(row["splits"] for row in told["chosen"]) == 3


def test_the_plan_makes_one_program_of_outer_and_inner_splits(trained: Result) -> None:
    assert len(trained.record.programs) == 1
    assert "3 choices × (3 + 6) splits × 2 seeds = 54 networks in 1 program" in str(
        etude.plan(trained.study)
    )


def test_outer_networks_are_those_of_a_plain_study(trained: Result) -> None:
    """Bit for bit: what chooses beside them does not touch them, and a store reuses them."""
    plain = etude.run(trained.study.model_copy(update={"validation": KFold(folds=3)}))
    alone = {member.identity: member for member in plain.record.members}
    judging = [member for member in trained.record.members if member.split < 3]
    assert {member.identity for member in judging} == set(alone)
    for member in judging:
        assert alone[member.identity].curves.tobytes() == member.curves.tobytes()
        assert alone[member.identity].outputs.tobytes() == member.outputs.tobytes()


def test_only_rows_that_judge_have_outputs(trained: Result) -> None:
    for member in trained.record.members:
        assert (member.outputs is None) == (member.split >= 3)


def test_the_report_tells_what_was_chosen_where(trained: Result, tmp_path: Path) -> None:
    text = etude.report(trained, tmp_path / "nested.html").read_text("utf-8")
    assert "6 inner splits hold out of the training rows" in text
    assert "Chosen over the 3 outer splits: " in text
    assert "on inner splits" in text
    assert "the rows that inner splits hold out" in text


def test_early_stopping_needs_validation_rows_in_the_outer_splits() -> None:
    stops = Adam(epochs=3, stopping=EarlyStopping(patience=1))
    study = Study(data=Wine(), model=Linear(), loss=CrossEntropy(), algorithm=stops,
                  validation=Nested(outer=KFold(folds=2), inner=KFold(folds=2)))  # fmt: skip
    with pytest.raises(InputError, match=r"these outer splits have none; .* in `outer` of"):
        etude.plan(study)
    kept = Nested(outer=KFold(folds=2, validation=0.2), inner=KFold(folds=2))
    found = etude.run(study.model_copy(update={"validation": kept}))
    (comparison,) = found.comparisons
    assert comparison.choosing == "validation"
    assert comparison.choosing_values[0, 0] == pytest.approx(
        np.mean([m.values["validation"]["accuracy"] for m in found.record.members[2:4]])
    )


def test_a_refit_with_early_stopping_goes_by_the_outer_splits_alone() -> None:
    """The inner networks trained on fewer rows, and there are more of them."""
    study = Study(
        data=Wine(), model=Linear(), loss=CrossEntropy(),
        algorithm=Adam(epochs=20, learning_rate=0.01, stopping=EarlyStopping(patience=1)),
        validation=Nested(outer=KFold(folds=3, validation=0.2), inner=KFold(folds=3)),
    )  # fmt: skip
    found = etude.run(study)
    made_up = [9, 3, 5, *[1] * 9]
    members = tuple(
        replace(member, best_epoch=epoch)
        for member, epoch in zip(found.record.members, made_up, strict=True)
    )
    record = replace(found.record, members=members)
    assert etude.refit(Result(record, study)).history["epochs"] == 5


def test_steps_to_a_target_are_counted_where_choices_are_ranked(trained: Result) -> None:
    reached = trained.to_target(0.0)
    assert [row.share for row in reached] == [1.0] * 3
    assert [row.epochs for row in reached] == [1.0] * 3
