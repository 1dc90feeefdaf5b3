"""Heights of lines on the axes of parallel coordinates."""

import itertools
import math
from dataclasses import replace

import pytest

from etude.evidence.result import Result
from etude.reporting.figures import Figures, LeftOut
from etude.reporting.parallel import (
    ABSENT,
    MOST_AXES,
    MOST_LEVELS,
    MOST_LINES,
    parallel,
    scale_of_field,
    swept_fields,
)
from study_records import study_record


def _drawn(result: Result) -> list[dict]:
    figures = Figures()
    parallel(result, result.comparisons[0], figures)
    (figure,) = figures
    return figure.rows


def test_numbers_stand_by_their_size_or_by_its_logarithm() -> None:
    linear = scale_of_field("model.depth", [1, 2, 5, None])
    assert linear.heights == {"1": 0.0, "2": 0.25, "5": 1.0}
    decades = scale_of_field("algorithm.learning_rate", [0.001, 0.01, 1.0])
    assert decades.name == "learning_rate"
    assert decades.heights["0.01"] == pytest.approx(math.log(10) / math.log(1000))
    assert decades.ticks[0] == (0.0, "0.001")
    assert scale_of_field("model.depth", [3, 3]).heights == {"3": 0.5}


def test_texts_of_ticks_keep_their_distance() -> None:
    ticks = scale_of_field("model.depth", list(range(100))).ticks
    heights = sorted(height for height, _ in ticks)
    assert (heights[0], heights[-1]) == (0.0, 1.0)
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 0.12


def test_names_stand_below_each_other_and_many_end_together() -> None:
    few = scale_of_field("algorithm", ["adam", "sgd", "adam", "lion"])
    assert few.heights == {"adam": 1.0, "sgd": 0.5, "lion": 0.0}
    assert scale_of_field("model.bias", [True, False]).heights == {"True": 1.0, "False": 0.0}
    many = scale_of_field("algorithm", [f"rule{n:02d}" for n in range(20)])
    assert len(many.ticks) == MOST_LEVELS
    assert many.ticks[-1] == (0.0, "9 others")
    assert many.heights["rule19"] == many.heights["rule11"] == pytest.approx(0.0)


def test_lines_go_through_the_values_of_their_choice() -> None:
    result = Result(study_record(rates=4, folds=3))
    rows = _drawn(result)
    lines = [row for row in rows if row["line"] >= 0]
    best = [row for row in lines if row["group"] == "best"]
    assert rows[-len(best) :] == best, "the first of the ranking is drawn on top of all others"
    assert [row["axis"] for row in best] == ["algorithm", "learning_rate", "decay", "mean accuracy"]
    assert [row["height"] for row in best] == [1.0, best[1]["height"], ABSENT, 1.0]
    swept = result.record.choices[result.best().choice].swept
    assert best[1]["text"] == f"{swept['algorithm.learning_rate']:.6g}"
    possible = {row["choice"] for row in lines if row["group"] in ("best", "possible")}
    found = result.possible_bests[0].choices
    assert possible == {result.record.choices[choice].label for choice in found}
    assert [row["text"] for row in rows if row["group"] == "tick"].count("not set") == 2


def test_ranks_space_the_metric() -> None:
    result = Result(study_record(rates=4, folds=3))
    ends = [row for row in _drawn(result) if row["axis"] == "mean accuracy" and row["line"] >= 0]
    by_line = sorted(ends, key=lambda row: row["line"])
    heights = [row["height"] for row in by_line]
    assert heights == sorted(heights, reverse=True)
    assert (heights[0], heights[-1]) == (1.0, 0.0)


def test_of_very_many_choices_the_best_and_a_sample_are_drawn() -> None:
    result = Result(study_record(rates=60, folds=2, seeds=1, epochs=1))
    rows = _drawn(result)
    lines = {row["line"]: row["choice"] for row in rows if row["line"] >= 0}
    assert len(lines) == MOST_LINES
    ranked = [row.label for row in result.summaries]
    assert [lines[number] for number in range(100)] == ranked[:100]


def test_one_swept_field_is_no_case_for_it() -> None:
    result = Result(study_record(rates=3, folds=2, rules=("adam",)))
    part = parallel(result, result.comparisons[0], Figures())
    assert part == LeftOut("fewer than two fields were swept")


def test_many_fields_are_cut_and_named() -> None:
    record = study_record(rates=6, folds=2, rules=("adam",))
    choices = tuple(
        replace(choice, swept={f"model.f{field:02d}": number * field for field in range(12)})
        for number, choice in enumerate(record.choices)
    )
    result = Result(replace(record, choices=choices))
    assert len(swept_fields(result.record, result.summaries)) == 11  # f00 is always 0
    figures = Figures()
    text = parallel(result, result.comparisons[0], figures)
    (figure,) = figures
    assert len({row["axis"] for row in figure.rows}) == MOST_AXES + 1
    assert "Left out: model.f09, model.f10, model.f11." in text
