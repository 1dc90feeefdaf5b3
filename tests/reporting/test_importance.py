"""The bars of importance against the decomposition that they show."""

from dataclasses import replace

import pytest

from etude.evidence.importance import Decomposition, Importance
from etude.evidence.result import Result
from etude.reporting.figures import Figures, LeftOut
from etude.reporting.importance import MOST_BARS, importance, share_rows, variance_rows
from study_records import study_record


def _decomposition(*shares: Importance, **variances: float | None) -> Decomposition:
    known = {"choices": 6.0, "split": 2.0, "residual": 1.0, "seed": 1.0} | variances
    return Decomposition(shares=shares, reason="", **known)


def test_main_effects_and_interactions_have_bars_of_their_own() -> None:
    rows = share_rows(
        _decomposition(
            Importance(("algorithm.learning_rate",), 0.6),
            Importance(("algorithm.learning_rate", "model.depth"), 0.3),
            Importance(("loss.a", "loss.b"), 0.1, joint=True),
        )
    )
    assert [(row["name"], row["share"], row["text"], row["style"]) for row in rows] == [
        ("learning_rate", 0.6, "60 %", "bar"),
        ("learning_rate × model.depth", 0.3, "30 %", "bar_interaction"),
        ("loss.a and loss.b", 0.1, "10 %", "bar_interaction"),
    ]


def test_a_field_of_several_components_has_one_bar() -> None:
    parts = [Importance(("algorithm.rate",), 0.25, (name,)) for name in ("adam", "sgd")]
    (row,) = share_rows(_decomposition(*parts))
    assert row["share"] == 0.5


def test_the_smallest_of_many_share_a_bar() -> None:
    parts = [Importance((f"model.f{n}",), 1 / 40) for n in range(40)]
    rows = share_rows(_decomposition(*parts))
    assert len(rows) == MOST_BARS + 1
    assert rows[-1]["name"] == "28 others together"
    assert sum(row["share"] for row in rows) == pytest.approx(1.0, rel=1e-5)


def test_chance_stands_beside_the_choices() -> None:
    rows = variance_rows(_decomposition())
    assert [row["share"] for row in rows] == [0.6, 0.2, 0.1, 0.1]
    assert {row["style"] for row in rows[1:]} == {"bar_noise"}
    rows = variance_rows(_decomposition(seed=None))
    assert [row["name"] for row in rows][1] == "splits and seeds, shared by all choices"
    assert sum(row["share"] for row in rows) == pytest.approx(1.0, rel=1e-5)
    assert variance_rows(_decomposition(choices=0.0, split=0.0, residual=0.0, seed=0.0)) == []


def test_the_figures_are_those_of_the_study() -> None:
    result = Result(study_record(rates=4, folds=3))
    figures = Figures()
    importance(result, result.comparisons[0], figures)
    bars, noise = list(figures)
    assert (bars.kind, noise.kind) == ("importance-0", "noise-0")
    assert sum(row["share"] for row in bars.rows) == pytest.approx(1.0, rel=1e-4)
    assert {row["name"] for row in bars.rows} == {"algorithm", "learning_rate", "decay"}


def test_without_shares_the_part_is_left_out_with_the_reason() -> None:
    result = Result(study_record(rates=1, folds=3, rules=("adam",)))
    part = importance(result, result.comparisons[0], Figures())
    assert isinstance(part, LeftOut)
    assert part == result.importance[0].reason
    pending = replace(result.record, members=())
    empty = Result(pending)
    assert isinstance(importance(empty, empty.comparisons[0], Figures()), LeftOut)
