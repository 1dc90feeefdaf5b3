"""Scales of the sensitivity panels: what diverged does not press the others together."""

from dataclasses import replace

import numpy as np

from etude.evidence.result import Result
from etude.reporting.figures import Figures, LeftOut
from etude.reporting.sensitivity import MOST_PANELS, sensitivity
from study_records import study_record, with_values


def _shown(result: Result) -> tuple[str, Figures]:
    figures = Figures()
    return sensitivity(result, result.comparisons[0], figures), figures


def _scale(specification: dict) -> dict:
    (layer,) = [one for one in specification["layer"] if one["mark"]["type"] == "line"]
    return layer["encoding"]["y"]["scale"]


def test_diverged_choices_stand_at_the_edge_of_the_scale_of_the_others() -> None:
    result = Result(study_record(rates=6, folds=3, rules=("adam", "sgd")))
    text, figures = _shown(result)
    sound = [row for figure in figures for row in figure.rows if not row["diverged"]]
    (scale, _) = (_scale(figure.specification) for figure in figures)
    low, high = scale["domain"]
    assert scale["clamp"] is True
    assert low < min(row["low"] for row in sound)
    lost = [row for figure in figures for row in figure.rows if row["diverged"]]
    assert lost
    assert all(row["mean"] == 0.1019 for row in lost)
    assert low > 0.1019
    assert high > max(row["high"] for row in sound)
    assert "What lies far below or above its panel is drawn at the edge." in text


def test_a_panel_that_would_be_flat_has_a_scale_of_its_own() -> None:
    random = np.random.default_rng(1)
    record = with_values(
        random.normal(0.9, 0.001, (8, 4)) - np.r_[[0] * 4, [0, 0.2, 0.4, 0.6]][:, None]
    )
    kinds = [{"name": "flat"}] * 4 + [{"name": "steep"}] * 4
    choices = tuple(
        replace(
            choice,
            document=choice.document | {"model": kind},
            swept={"algorithm.learning_rate": number % 4},
        )
        for number, (choice, kind) in enumerate(zip(record.choices, kinds, strict=True))
    )
    text, figures = _shown(Result(replace(record, choices=choices)))
    assert text.count("<small><bdi>own scale</bdi></small>") == 1
    domains = {figure.title: _scale(figure.specification)["domain"] for figure in figures}
    assert domains["flat"][0] > 0.85
    assert domains["steep"][0] < 0.4


def test_many_values_are_drawn_by_the_best_of_each_range() -> None:
    result = Result(study_record(rates=100, folds=2, seeds=1, epochs=1, rules=("adam",)))
    text, figures = _shown(result)
    (figure,) = figures
    assert len(figure.rows) == 40
    assert "each point is the best choice of a range" in text
    assert max(row["mean"] for row in figure.rows) == float(f"{result.summaries[0].mean:.6g}")


def test_many_kinds_are_cut() -> None:
    record = study_record(rates=30, folds=2, seeds=1, epochs=1, rules=("adam",))
    choices = tuple(
        replace(
            choice,
            document=choice.document | {"model": {"name": f"model{number // 2}"}},
            swept={"algorithm.learning_rate": 0.1 * (1 + number % 2)},
        )
        for number, choice in enumerate(record.choices)
    )
    text, figures = _shown(Result(replace(record, choices=choices)))
    assert len(list(figures)) == MOST_PANELS
    assert "The first 12 of 15 kinds are drawn." in text


def test_without_a_swept_number_it_is_left_out() -> None:
    part, _ = _shown(Result(study_record(rates=1, folds=2, rules=("adam",))))
    assert part == LeftOut("no number was swept")
