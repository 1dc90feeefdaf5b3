"""Differences from the declared baseline, as the evidence tells them."""

from dataclasses import replace

from etude.evidence.result import Result
from etude.evidence.rounding import decimals_for, interval_text
from etude.reporting.baseline import SHAPES, against_baseline
from etude.reporting.figures import Figures, LeftOut
from etude.store.records import StudyRecord
from study_records import study_record, with_members


def _record(baseline: int = 5, **document) -> StudyRecord:
    record = study_record(rates=4, folds=5, rules=("adam", "sgd", "adagrad"))
    declared = {"baseline": record.choices[baseline].label}
    return replace(record, document=record.document | declared | document)


def _shown(record: StudyRecord) -> tuple[Result, str, Figures]:
    result, figures = Result(record), Figures()
    return result, against_baseline(result, result.comparisons[0], figures), figures


def test_every_choice_is_compared_with_the_baseline() -> None:
    result, text, figures = _shown(_record())
    (figure,) = figures
    differences = {result.record.choices[d.choice].label: d for d in result.differences[0]}
    assert len(figure.rows) == len(differences) == 11
    decimals = decimals_for(d.stderr for d in differences.values())
    for row in figure.rows:
        difference = differences[row["choice"]]
        assert row["verdict"] == difference.verdict
        assert abs(row["mean"] - difference.mean) < 1e-5
        assert f"<td>{interval_text(difference.interval, decimals)}</td>" in text
    assert f"<bdi>{result.record.choices[5].label}</bdi>" in text
    assert "equivalent" not in text


def test_verdicts_have_shapes_of_their_own() -> None:
    assert len(set(SHAPES.values())) == len(SHAPES)
    _, text, figures = _shown(_record())
    (figure,) = figures
    for verdict in {row["verdict"] for row in figure.rows}:
        assert f'class="sign {verdict}" aria-hidden="true"' in text


def test_a_region_adds_its_band_and_its_probabilities() -> None:
    _, text, figures = _shown(_record(region=0.02))
    (figure,) = figures
    bands = [layer for layer in figure.specification["layer"] if layer["mark"]["type"] == "rect"]
    assert len(bands) == 1
    assert "Differences up to 0.02 do not matter" in text
    assert '<th scope="col">equivalent</th>' in text


def test_without_a_baseline_it_is_left_out() -> None:
    record = study_record(rates=2, folds=2)
    _, part, _ = _shown(record)
    assert part == LeftOut("the study declares no `baseline`")


def test_an_incomplete_baseline_is_told_and_draws_nothing() -> None:
    record = _record(0)
    record = with_members(record, {0: {"status": "failed", "values": {}, "reason": "no"}})
    _, text, figures = _shown(record)
    assert not list(figures)
    assert "There are no figures: the baseline is incomplete." in text
