"""The bars of bias and variance against the parts that they show."""

from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.bias_variance import decompose, finding
from etude.evidence.result import Result
from etude.reporting.bias_variance import bias_and_variance, part_rows, parts_chart
from etude.reporting.figures import Figures, LeftOut
from study_records import study_record


def result_of(exact: bool, choices: int = 3) -> Result:
    random = np.random.default_rng(0)
    truth = random.normal(size=(30, 1))
    targets = truth + 0.1 * random.normal(size=truth.shape)
    parts = [
        decompose(
            choice,
            truth + random.normal(0, 0.5, (6, 1, 30, 1)),
            targets,
            truth if exact else None,
        )
        for choice in range(choices)
    ]
    record = study_record(rates=choices, rules=("adam",), folds=3)
    kept = {"bias_variance": {"members": "x", "0": finding(parts)}}
    return Result(replace(record, findings=kept))


@pytest.mark.parametrize("exact", [True, False])
def test_the_pieces_of_a_bar_end_where_the_next_begins_and_add_up(exact: bool) -> None:
    result = result_of(exact)
    for part in result.bias_variance():
        rows = part_rows(result, [part])
        assert len(rows) == (3 if exact else 2)
        assert rows[0]["low"] == 0
        assert [row["low"] for row in rows[1:]] == pytest.approx([row["high"] for row in rows[:-1]])
        whole = part.error_to_truth + part.noise if exact else part.error
        assert rows[-1]["high"] == pytest.approx(whole, rel=1e-5)
        assert len({row["style"] for row in rows}) == len(rows)


def test_the_part_of_the_report_tells_bars_errors_and_table() -> None:
    result, figures = result_of(True), Figures()
    text = str(bias_and_variance(result, result.comparisons[0], figures))
    (figure,) = figures
    assert len(figure.rows) == 9
    part = result.bias_variance()[0]
    assert f"squared bias {part.squared_bias.value:.3g}" in text
    assert "error to the truth" in text
    assert " ± " in text
    assert "jackknife" in text


def test_without_the_truth_the_bias_holds_the_noise() -> None:
    result = result_of(False)
    text = str(bias_and_variance(result, result.comparisons[0], Figures()))
    assert "squared bias and noise" in text
    assert "Nobody knows the targets without noise" in text
    assert "error to the truth" not in text


def test_many_choices_are_drawn_first_by_rank_and_listed_whole() -> None:
    result, figures = result_of(True, choices=25), Figures()
    text = str(bias_and_variance(result, result.comparisons[0], figures))
    (figure,) = figures
    assert len({row["choice"] for row in figure.rows}) == 20
    assert "Bias and variance: 25 choices" in text


def test_a_study_without_replicates_has_none() -> None:
    result = Result(study_record(rates=2, folds=3))
    assert isinstance(bias_and_variance(result, result.comparisons[0], Figures()), LeftOut)


def test_the_chart_is_made_of_layers_that_read_one_data_set() -> None:
    chart = parts_chart(None, (0.0, 1.0), 3).to_dict()
    assert len(chart["layer"]) == 4
