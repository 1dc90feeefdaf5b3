"""Every network as a dot, and many of them in summary."""

import numpy as np
import pytest

from etude.evidence.result import Result
from etude.reporting.figures import CANVAS, Figures, LeftOut
from etude.reporting.networks import every_network, lost_networks
from etude.reporting.panels import MOST_PLACES, member_rows, spread_rows
from study_records import study_record, with_members


def test_few_networks_are_dots() -> None:
    result = Result(study_record(rates=4, folds=3))
    figures = Figures()
    text = every_network(result, result.comparisons[0], figures)
    (figure,) = figures
    assert figure.kind == "networks-0"
    assert len(figure.rows) == len(result.record.members)
    assert "A red cross diverged" in text


def test_many_networks_are_summarized_by_their_quartiles() -> None:
    result = Result(study_record(rates=40, folds=5, seeds=2, epochs=1))
    rows = member_rows(result, result.comparisons[0])
    assert len(rows) > CANVAS
    figures = Figures()
    text = every_network(result, result.comparisons[0], figures)
    (figure,) = figures
    assert figure.kind == "spread-0"
    assert len(figure.rows) == len(result.summaries)
    assert sum(row["networks"] for row in figure.rows) == len(rows)
    first = [row["value"] for row in rows if row["place"] == 1]
    found = [figure.rows[0][key] for key in ("low", "lower", "middle", "upper", "high")]
    assert found == pytest.approx(np.quantile(first, [0, 0.25, 0.5, 0.75, 1]), rel=1e-5)
    assert "For each choice, from left to right" in text


def test_very_many_choices_are_summarized_several_at_a_time() -> None:
    members = [
        {"place": place, "value": float(place), "status": "done"} for place in range(1, 1001)
    ]
    members[-1]["status"] = "diverged"
    rows = spread_rows(members)
    assert len(rows) == 334 <= MOST_PLACES
    assert (rows[0]["choices"], rows[0]["place"], rows[0]["middle"]) == ("1 to 3", 2.0, 2.0)
    assert (rows[-1]["choices"], rows[-1]["diverged"]) == ("1000", 1)


def test_without_networks_there_is_no_frame() -> None:
    record = study_record(rates=1, folds=2)
    waiting = {"status": "pending", "values": {}}
    result = Result(with_members(record, dict.fromkeys(range(len(record.members)), waiting)))
    part = every_network(result, result.comparisons[0], Figures())
    assert part == LeftOut("no network has finished")
    whole = study_record(rates=1, folds=2, rules=("adam",))
    assert lost_networks(Result(whole)) == LeftOut("no network diverged and none failed")
