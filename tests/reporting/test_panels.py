"""The rows behind the charts against direct computation from the members."""

from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.result import Result
from etude.evidence.verdict import kinds
from etude.reporting.panels import (
    MOST_EPOCHS,
    best_of_kinds,
    curve_panels,
    member_rows,
    ranking_rows,
    sensitivity_panels,
    spans_decades,
)
from study_records import study_record, with_members


def test_kinds_name_the_parts_that_differ() -> None:
    record = study_record(rates=1, folds=2, rules=("adam", "sgd"))
    assert kinds(record) == ("adam", "sgd")
    models = [{"name": "mlp"}, {"name": "linear"}]
    choices = tuple(
        replace(choice, document=choice.document | {"model": model})
        for choice, model in zip(record.choices, models, strict=True)
    )
    assert kinds(replace(record, choices=choices)) == ("mlp · adam", "linear · sgd")


def test_best_of_kinds_is_the_first_of_each_in_the_ranking() -> None:
    result = Result(study_record())
    found = best_of_kinds(result, 0)
    assert len(found) == 8
    assert found[0] == result.summaries[0]
    assert [row.rank for row in found] == sorted(row.rank for row in found)


def test_curves_average_seeds_first_and_band_over_splits() -> None:
    record = study_record(rates=2, folds=3, rules=("adam",))
    result = Result(record)
    (panel,) = curve_panels(result, 0)
    curves = np.full((3, 2, 20, 3, 2), np.nan)
    for member in record.members:
        if member.choice == result.best().choice:
            curves[member.split, member.seed] = member.curves
    folds = curves.mean(axis=1)  # [splits, epochs, roles, metrics]
    held_out = [row for row in panel.curves["accuracy"] if row["rows"] == "held-out rows"]
    assert panel.held_out == "test"
    assert [row["epoch"] for row in held_out] == list(range(1, 21))
    assert [row["mean"] for row in held_out] == pytest.approx(folds[:, :, 2, 1].mean(0), rel=1e-5)
    assert [row["low"] for row in held_out] == pytest.approx(folds[:, :, 2, 1].min(0), rel=1e-5)
    gap = folds[:, :, 2, 0] - folds[:, :, 0, 0]
    assert [row["high"] for row in panel.gap] == pytest.approx(gap.max(0), rel=1e-4)


def test_validation_rows_are_the_held_out_ones_where_there_are_some() -> None:
    result = Result(study_record(rates=1, folds=2, rules=("adam",), validation_rows=100))
    assert curve_panels(result, 0)[0].held_out == "validation"


def test_members_that_stopped_early_carry_their_last_value_on() -> None:
    record = study_record(rates=1, folds=2, seeds=1, rules=("adam",))
    curves = record.members[0].curves[:5]
    record = with_members(record, {0: {"status": "stopped", "curves": curves}})
    (panel,) = curve_panels(Result(record), 0)
    assert panel.carried == 1
    last = [row for row in panel.curves["accuracy"] if row["rows"] == "training rows"][-1]
    expected = (curves[-1, 0, 1] + record.members[1].curves[-1, 0, 1]) / 2
    assert last["epoch"] == 20
    assert last["mean"] == pytest.approx(expected, rel=1e-5)


def test_long_curves_are_thinned_and_keep_both_ends() -> None:
    record = study_record(rates=1, folds=2, seeds=1, rules=("adam",), epochs=3000)
    (panel,) = curve_panels(Result(record), 0)
    epochs = [row["epoch"] for row in panel.gap]
    assert len(epochs) == MOST_EPOCHS
    assert (epochs[0], epochs[-1]) == (1, 3000)


def test_without_curves_there_is_no_panel() -> None:
    record = study_record(rates=1, folds=2, rules=("adam",))
    empty = {n: {"curves": np.empty((0, 3, 2))} for n in range(len(record.members))}
    assert curve_panels(Result(with_members(record, empty)), 0) == []


def test_every_swept_number_has_its_panels() -> None:
    fields = sensitivity_panels(Result(study_record()), 0)
    assert set(fields) == {"algorithm.learning_rate", "algorithm.decay"}
    assert [panel.kind for panel in fields["algorithm.decay"]] == ["adadelta"]
    assert len(fields["algorithm.learning_rate"]) == 7
    for panel in fields["algorithm.learning_rate"]:
        assert len(panel.rows) == 12
        assert [row["x"] for row in panel.rows] == sorted(row["x"] for row in panel.rows)
        assert panel.others == ()


def test_other_swept_fields_are_at_their_best() -> None:
    record = study_record(rates=4, folds=2, rules=("adam",))
    choices = tuple(
        replace(choice, swept={"algorithm.learning_rate": [0.1, 0.2][n % 2], "model.depth": n // 2})
        for n, choice in enumerate(record.choices)
    )
    result = Result(replace(record, choices=choices))
    (panel,) = sensitivity_panels(result, 0)["algorithm.learning_rate"]
    means = {row.choice: row.mean for row in result.summaries}
    expected = [max(means[0], means[2]), max(means[1], means[3])]
    assert [row["mean"] for row in panel.rows] == pytest.approx(expected, rel=1e-5)
    assert panel.others == ("model.depth",)


def test_every_finished_member_is_drawn_and_diverged_ones_at_the_trivial_value() -> None:
    result = Result(study_record())
    rows = member_rows(result, result.comparisons[0])
    assert len(rows) == 960
    assert {row["value"] for row in rows if row["status"] == "diverged"} == {0.1019}
    best = [row for row in rows if row["place"] == 1]
    assert np.mean([row["value"] for row in best]) == pytest.approx(result.best().mean, rel=1e-5)


def test_names_in_the_ranking_are_unique_even_where_labels_are_not() -> None:
    record = study_record(rates=3, folds=2, rules=("adam",))
    choices = tuple(replace(choice, label="same") for choice in record.choices)
    rows = ranking_rows(list(Result(replace(record, choices=choices)).summaries))
    assert len({row["name"] for row in rows}) == 3


def test_decades_make_an_axis_logarithmic() -> None:
    assert spans_decades([1e-4, 1.0])
    assert not spans_decades([0.0, 1.0])
    assert not spans_decades([0.5, 0.999])
