"""The answer on a terminal and in a pipe, and tables that machines can read."""

import io

import pytest
from rich.console import Console

from etude.evidence.result import Result
from etude.reporting.markup import Html
from etude.reporting.tables import html_table, print_ranking
from study_records import study_record, with_labels


def _printed(record, **console) -> str:
    file = io.StringIO()
    print_ranking(Result(record), Console(file=file, width=100, **console), top=3)
    return file.getvalue()


def test_a_pipe_gets_plain_text_with_all_facts() -> None:
    text = _printed(study_record())
    assert "\x1b" not in text
    assert "960 networks, 1 program, compile 2.4 s, run 6.1 s, total 9.3 s" in text
    assert "93 more choices not shown" in " ".join(text.split())
    assert "Choosing the best is worth 0.97" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[3" not in _printed(study_record(rates=1), force_terminal=True, no_color=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in _printed(study_record(rates=1), force_terminal=True)


def test_hostile_names_cannot_steer_the_terminal() -> None:
    record = with_labels(
        study_record(rates=1, folds=2, rules=("adam",)), {0: "\x1b]0;title\x07[bold]\u202e"}
    )
    text = _printed(record)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]" in text


def test_a_missing_estimate_says_why() -> None:
    text = _printed(study_record(rates=2, folds=1))
    assert "No estimate of the best that is free of the choice: with one split" in text


def test_tables_are_marked_up() -> None:
    text = html_table("What <it> is", ["a", "b"], [["<x>", Html("<bdi>y</bdi>")]], label=1)
    assert "<caption>What &lt;it&gt; is</caption>" in text
    assert '<th scope="col">a</th>' in text
    assert "<td>&lt;x&gt;</td>" in text
    assert '<th scope="row" class="text"><bdi>y</bdi></th>' in text
