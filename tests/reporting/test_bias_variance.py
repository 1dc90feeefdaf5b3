"""The bars of bias and variance against the parts that they show."""

from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.bias_variance import decompose, finding
from etude.evidence.result import Result
from etude.reporting.bias_variance import bias_and_variance, part_rows, parts_chart
from etude.reporting.figures import Figures, LeftOut
from study_records import study_record


def result_of(
    exact: bool, choices: int = 3, replicates: int = 6, bias: float = 0.5, noise: float = 0.5
) -> Result:
    random = np.random.default_rng(0)
    truth = random.normal(size=(30, 1))
    targets = truth + 0.1 * random.normal(size=truth.shape)
    parts = [
        decompose(
            choice,
            truth + bias + random.normal(0, noise, (replicates, 1, 30, 1)),
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
    assert f"squared bias {part.squared_bias.corrected:.3g}, variance" in text
    assert f"variance {part.variance.corrected:.3g}, noise" in text
    assert "what it adds to the bias is counted as variance" in text
    assert "below 0" not in text
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


def test_of_two_replicates_half_of_the_variance_is_not_shown_as_bias() -> None:
    result = result_of(True, replicates=2, bias=0.0)
    text = str(bias_and_variance(result, result.comparisons[0], Figures()))
    assert "Two replicates cannot tell how sure the parts are." in text
    assert " ± " not in text
    for part in result.bias_variance():
        bias, variance, _ = part_rows(result, [part])
        unbiased = part.squared_bias.value - part.variance.value
        assert bias["value"] == pytest.approx(unbiased, abs=1e-5)
        assert variance["value"] == pytest.approx(2 * part.variance.value, rel=1e-5)


def test_a_squared_bias_below_zero_is_told_and_not_drawn() -> None:
    result = result_of(True, choices=8, replicates=3, bias=0.0)
    assert min(part.squared_bias.corrected for part in result.bias_variance()) < 0
    figures = Figures()
    text = str(bias_and_variance(result, result.comparisons[0], figures))
    assert "A squared bias below 0 is one that cannot be told from 0" in text
    assert all(row["high"] >= row["low"] >= 0 for row in next(iter(figures)).rows)
