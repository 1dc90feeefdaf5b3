"""The forms in which a result is given."""

import io
import json
import operator
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from etude.errors import InputError
from etude.evidence.result import Result
from study_records import study_record, with_labels, with_members, with_values

KEYS = (
    *("version", "study", "members", "programs", "trained", "reused", "diverged", "seconds"),
    *("metric", "choices", "baseline", "differences", "best", "estimate_of_best"),
)
CHOICE_KEYS = (
    *("choice", "mean", "stderr", "interval", "n", "rank", "p_best", "may_be_best"),
    *("diverged", "parameters"),
)


def test_json_has_the_promised_fields_and_no_nan() -> None:
    answer = Result(study_record()).json()
    assert tuple(answer) == KEYS
    assert tuple(answer["choices"][0]) == CHOICE_KEYS
    assert list(answer["seconds"]) == ["compile", "run", "total"]
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["best"] == answer["choices"][0]["choice"]
    assert answer["members"] == 960
    assert answer["diverged"] == 60


def test_json_of_a_study_that_has_not_run() -> None:
    record = study_record(rates=1, folds=2)
    record = with_members(
        record, {n: {"status": "pending", "values": {}} for n in range(len(record.members))}
    )
    answer = Result(record).json()
    json.dumps(answer, allow_nan=False)
    assert answer["best"] is None
    assert answer["estimate_of_best"]["reason"] == "no choice is complete"
    with pytest.raises(InputError, match="4 not finished"):
        Result(record).best()


def test_json_of_several_data_choices_names_no_single_best() -> None:
    result = Result(study_record(rates=2, folds=2, data=("digits", "wine")))
    answer = result.json()
    assert answer["best"] is None
    assert sum(choice["rank"] == 1 for choice in answer["choices"]) == 2
    assert result.best(1).label.startswith("wine")
    with pytest.raises(InputError, match="must be one of"):
        result.best(2)


def test_best_is_an_index_of_the_study() -> None:
    record = with_values(np.array([[0.1, 0.2], [0.8, 0.9], [0.3, 0.3]]))
    best = Result(record).best()
    assert operator.index(best) == best.choice == 1
    assert best.document == record.choices[1].document
    assert best.mean == pytest.approx(0.85)


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_frames_carry_the_summaries(kind: str) -> None:
    result = Result(study_record(rates=3, folds=3))
    frame = result.frame(kind=kind)
    assert list(frame["choice"]) == [row.label for row in result.summaries]
    assert list(frame["mean"]) == pytest.approx([row.mean for row in result.summaries])
    assert next(iter(frame["low"])) == result.summaries[0].interval[0]
    assert {"algorithm", "algorithm.learning_rate", "algorithm.decay"} <= set(frame.columns)
    members = result.members(kind=kind)
    assert len(members) == len(result.record.members)
    assert "test_accuracy" in members.columns
    assert "validation_accuracy" not in members.columns


def test_frames_of_mixed_values_are_text() -> None:
    record = study_record(rates=2, folds=2, rules=("adam",))
    choices = tuple(
        replace(choice, swept={"model.widths": value})
        for choice, value in zip(record.choices, [[64], "auto"], strict=True)
    )
    frame = Result(replace(record, choices=choices)).frame()
    assert sorted(frame["model.widths"]) == ["[64]", "auto"]


def test_an_unknown_kind_of_frame_is_told() -> None:
    with pytest.raises(InputError, match="`kind` must be 'polars', 'pandas' or 'arrow', got 'R'"):
        Result(study_record(rates=1, folds=2)).frame(kind="R")  # type: ignore[arg-type]


def test_the_table_shows_the_top_and_counts_the_rest() -> None:
    table = Result(study_record()).table(top=5)
    lines = str(table).splitlines()
    assert "91 more choices not shown" in str(table).replace("\n", " ")
    assert sum(line.lstrip()[:1].isdigit() for line in lines) == 5
    assert "95 % interval" in lines[0]
    assert "approximate" in str(table)


def test_the_table_is_plain_text_in_a_pipe(capsys: pytest.CaptureFixture) -> None:
    record = with_labels(study_record(rates=1, folds=2), {0: "[red]x[/red]\x1b[31m\u202e"})
    Console(no_color=True, width=200).print(Result(record).table())
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[red]x[/red]\\x1b[31m\\u202e" in text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_columns_give_way_to_names_on_narrow_terminals(width: int) -> None:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(Result(study_record()).table(top=3))
    text = console.export_text()
    assert ("adam learning_rate=0.002848" if width >= 80 else "learning_rate=") in text
    assert "accuracy" in text
    assert ("95 % interval" in text) == (width >= 60)
    assert all(len(line) <= width for line in text.splitlines())


def test_a_notebook_gets_escaped_html() -> None:
    record = with_labels(study_record(rates=1, folds=2), {0: "<img src=x onerror=alert(1)>"})
    text = Result(record)._repr_html_()
    assert "<img" not in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text


def test_validation_means_have_their_own_column() -> None:
    table = Result(study_record(rates=2, folds=2, validation_rows=100)).table()
    assert "validation mean" in table.headers()
    assert all(len(row) == len(table.headers()) for row in table.rows())
    assert "Ranked by the mean on validation rows" in table.caption()


def test_json_tells_all_of_a_difference() -> None:
    values = np.random.default_rng(1).normal(0.9, 0.01, (3, 5))
    record = with_values(values)
    declared = {"baseline": record.choices[1].label, "region": 0.01}
    result = Result(replace(record, document=record.document | declared))
    rows = json.loads(json.dumps(result.json()["differences"], allow_nan=False))
    assert [row["choice"] for row in rows] == [record.choices[c].label for c in (0, 2)]
    for row, found in zip(rows, result.differences[0], strict=True):
        assert row["data"] == 0
        assert (row["t"], row["effect"]) == (found.t, found.effect)
        assert row["probabilities"] == vars(found.equivalence)
        assert sum(row["probabilities"].values()) == pytest.approx(1)


def test_a_baseline_in_another_case_is_recognized() -> None:
    result = Result(with_labels(study_record(rates=2, rules=("adam",), folds=2), {1: "SVC"}))
    assert result.reference("SVC") == 1
    with pytest.raises(InputError, match=r"got 'svc'; did you mean 'SVC'\?"):
        result.reference("svc")


def test_a_baseline_that_several_choices_are_called_is_refused() -> None:
    record = study_record(rates=3, rules=("adam",), folds=2)
    result = Result(with_labels(record, {0: "same", 2: "same"}))
    with pytest.raises(InputError, match="must name one choice, got 'same', which 2 choices"):
        result.compare("same")
    assert len(result.compare(0)) == 2
