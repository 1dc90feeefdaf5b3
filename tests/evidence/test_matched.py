"""Choices found again on other data: by what they are, not by what they are called."""

from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.comparison import comparisons
from etude.evidence.matched import matched
from etude.evidence.targets import default_target, to_target
from study_records import study_record, with_labels, with_members


def _study(**arguments):
    return study_record(rates=3, rules=("adam", "rmsprop"), folds=3, **arguments)


def _other(data: str, identity: str = "1" * 64, **arguments):
    """A study of its own."""
    return replace(_study(data=(data,), **arguments), identity=identity)


def test_choices_of_one_study_match_across_its_data() -> None:
    record = _study(data=("digits", "wine"))
    found = matched([record])
    assert [dataset.name for dataset in found.datasets] == ["digits", "wine"]
    assert found.labels[0] == "adam learning_rate=0.0001"
    assert found.datasets[0].choices == (0, 1, 2, 3, 4, 5)
    assert found.datasets[1].choices == (6, 7, 8, 9, 10, 11)
    assert found.left_out == ()
    means = [comparison.judged_values.mean(axis=1) for comparison in comparisons(record)]
    assert found.scores == pytest.approx(np.stack(means, axis=1))
    assert found.metric == "accuracy"
    assert str(found) == "6 choices complete on each of 2 data sets."


def test_choices_of_several_studies_match_whatever_they_are_called() -> None:
    first = replace(_study(), name="one")
    other = with_labels(_other("wine", seed=1), {0: "the small one"})
    found = matched([first, other])
    assert found.labels == tuple(choice.label for choice in first.choices)
    assert [dataset.name for dataset in found.datasets] == ["digits", "wine"]
    assert found.once == ()


def test_a_study_named_several_times_counts_once() -> None:
    first = replace(_study(), name="one")
    found = matched([first, first, _other("wine"), first])
    assert [dataset.name for dataset in found.datasets] == ["digits", "wine"]
    assert found.scores.shape == (6, 2)
    assert str(found) == (
        "6 choices complete on each of 2 data sets. The study one is named 3 times and counts once."
    )


def test_two_studies_on_the_same_data_are_one_data_set() -> None:
    """Other splits of the same rows are no new evidence on data sets."""
    first = replace(_study(), name="one")
    again = replace(_other("digits", seed=1, identity="3" * 64), name="two")
    more = replace(_other("digits", seed=2, identity="2" * 64), name="three")
    found = matched([first, again, _other("wine"), more])
    assert [dataset.name for dataset in found.datasets] == ["digits (one)", "wine"]
    assert found.datasets[0].record is first
    assert str(found) == (
        "6 choices complete on each of 2 data sets. "
        "digits (two) is left out: its data are those of digits (one), and a data set counts once. "
        "digits (three) is left out: its data are those of digits (one), and a data set counts "
        "once."
    )


def test_what_is_not_complete_everywhere_is_told() -> None:
    record = with_members(_study(data=("digits", "wine")), {0: {"status": "failed"}})
    iris = study_record(rates=1, rules=("adam",), data=("iris",))
    found = matched([record, replace(iris, identity="1" * 64)])
    assert found.labels == ()
    assert len(found.left_out) == 7
    where = {"adam learning_rate=0.0001": ("wine",), "adam learning_rate=0.004": ("iris",)}
    expected = {label: where.get(label, ("digits", "wine")) for label, _ in found.left_out}
    assert dict(found.left_out) == expected
    assert where.items() <= expected.items()
    assert str(found).startswith("0 choices complete on each of 3 data sets. 7 choices left out: ")
    assert found.scores.shape == found.to_target().shape == (0, 3)


def test_labels_of_equal_choices_tell_them_apart() -> None:
    record = study_record(rates=2, rules=("adam",))
    same = replace(record.choices[0], label="b", document=record.choices[0].document)
    twins = tuple(
        replace(same, label=name, document=same.document | {"label": name}) for name in "ab"
    )
    found = matched([replace(record, choices=twins)])
    assert found.labels == ("a", "b")
    assert found.datasets[0].choices == (0, 1)


@pytest.mark.parametrize(
    ("bounds", "greater", "best"),
    [((0.0, 1.0), True, 1.0), ((0.0, None), False, 0.0), ((None, None), False, None)],
)
def test_errors_are_distances_from_the_best_value(bounds, greater: bool, best) -> None:
    record = replace(_study(), bounds=bounds, greater_is_better=greater)
    found = matched([record])
    if best is None:
        assert found.errors() is None
    else:
        means = comparisons(record)[0].judged_values.mean(axis=1)
        assert found.errors()[:, 0] == pytest.approx(np.abs(best - means))
    mean = comparisons(record)[0].judged_values[0].mean()
    assert found.scores[0, 0] == pytest.approx(mean if greater else -mean)


def test_metrics_that_differ_have_no_common_unit() -> None:
    other = replace(_other("wine"), metric="loss", greater_is_better=False, bounds=(None, None))
    found = matched([_study(), other])
    assert found.metric is None
    assert found.errors() is None


def _with(record, **document):
    return replace(record, document=record.document | document)


def test_metrics_of_other_settings_differ() -> None:
    macro, weighted = ({"name": "f1", "average": average} for average in ("macro", "weighted"))
    first, other = (replace(record, metric="f1") for record in (_study(), _other("wine")))
    assert matched([_with(first, metric=macro), _with(other, metric=weighted)]).metric is None
    assert matched([_with(first, metric=macro), _with(other, metric=macro)]).metric == "f1"


def test_a_metric_by_default_is_the_same_one_named() -> None:
    named = _with(_other("wine"), metric={"name": "accuracy"})
    assert matched([_with(_study(), metric=None), named]).metric == "accuracy"


def test_where_the_loss_decides_it_must_be_the_same_loss() -> None:
    first, other = (replace(record, metric="loss") for record in (_study(), _other("wine")))
    losses = [{"name": "mse"}], [{"name": "huber", "delta": 1.0}]
    assert matched([_with(first, loss=losses[0]), _with(other, loss=losses[1])]).metric is None
    assert matched([_with(first, loss=losses[0]), _with(other, loss=losses[0])]).metric == "loss"


def test_estimators_train_in_no_steps() -> None:
    record = _study()
    forest = {"data": {"name": "digits"}, "estimator": {"name": "scikit_learn", "estimator": "SVC"}}
    choices = (replace(record.choices[0], label="", document=forest), *record.choices[1:])
    found = matched([replace(record, choices=choices)])
    assert found.trains_in_steps == (False, *[True] * 5)
    assert found.labels[0] == "SVC"


@pytest.mark.parametrize("unit", ["epochs", "steps", "seconds"])
def test_costs_to_the_target_are_those_of_each_data_set(unit) -> None:
    record = _study(data=("digits", "wine"))
    costs = matched([record]).to_target(unit)
    assert costs.shape == (6, 2)
    for column, comparison in enumerate(comparisons(record)):
        target = default_target(comparison)
        for row, one in enumerate(to_target(record, comparison, target)):
            cost = getattr(one, unit)
            assert costs[row, column] == (np.inf if cost is None else cost)
    assert np.isfinite(costs).any()
    assert np.isinf(costs).any()


def test_runs_are_the_splits_of_a_choice_with_seeds_averaged() -> None:
    record = with_members(_study(seeds=2), {1: {"status": "diverged", "values": {}}})
    (runs,) = matched([record]).runs(0)
    values = [member.values.get("test", {}).get("accuracy") for member in record.members[:6]]
    values[1] = 0.1019
    assert runs == pytest.approx(np.reshape(values, (3, 2)).mean(axis=1))
    (turned,) = matched([replace(record, greater_is_better=False)]).runs(0)
    assert turned.tolist() == (-runs).tolist()
