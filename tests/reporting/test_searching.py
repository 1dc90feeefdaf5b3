"""The picture of a search, and what is told of it."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from etude.evidence.result import Result
from etude.evidence.searched import searched
from etude.evidence.verdict import verdict
from etude.reporting.html import page
from etude.reporting.searching import left_rows, trial_rows
from etude.store.identity import digest
from etude.store.records import StudyRecord
from study_records import study_record


def halved() -> StudyRecord:
    """Eight choices of which those numbered 2 and more left after epoch 3, and 1 after epoch 9."""
    record = study_record(rates=8, folds=3, seeds=1, rules=("adam",), epochs=20)
    left = {0: 20, 1: 9} | dict.fromkeys(range(2, 8), 3)
    members = tuple(
        member
        if left[member.choice] == 20
        else replace(
            member,
            status="left",
            epochs=left[member.choice],
            steps=45 * left[member.choice],
            curves=member.curves[: left[member.choice]],
        )
        for member in record.members
    )
    finding = {
        "name": "halving",
        "rounds": [
            {"epochs": 3, "trials": list(range(8)), "values": [0.9, 0.8, 0.7, 0.6] * 2},
            {"epochs": 9, "trials": [0, 1], "values": [0.95, 0.9]},
            {"epochs": 0, "trials": [0], "values": [0.97]},
        ],
        "steps": 3 * 45 * (20 + 9 + 6 * 3),
        "steps_to_the_end": 3 * 45 * 160,
        "steps_of_the_grid": 3 * 45 * 160,
        "refused": [],
    }
    document = record.document | {"search": {"name": "halving"}}
    return having(replace(record, members=members, document=document), finding)


def proposed() -> StudyRecord:
    """Four trials in two batches, of which one was proposed again and one failed."""
    record = study_record(rates=3, folds=3, seeds=1, rules=("adam",))
    finding = {
        "name": "bayesian",
        "rounds": [
            {"epochs": 0, "trials": [0, 1], "values": [0.9, 0.8]},
            {"epochs": 0, "trials": [2, 0], "values": [None, 0.95]},
        ],
        "steps": 900,
        "steps_to_the_end": 900,
        "steps_of_the_grid": None,
        "refused": ["`search` draws model = deep, which cannot be: 8 pixels are too few"],
    }
    document = record.document | {"search": {"name": "bayesian"}}
    return having(replace(record, document=document), finding)


def having(record: StudyRecord, finding: dict[str, Any]) -> StudyRecord:
    """The record with a search that is about its members."""
    members = digest([member.identity for member in record.members])
    return replace(record, findings={"search": finding | {"members": members}})


def test_what_an_earlier_search_found_is_not_told_of_the_one_under_way():
    record = halved()
    begun = replace(record, choices=record.choices[:2], members=record.members[:6])
    assert searched(begun) is None
    assert "search" not in json.loads(json.dumps(Result(begun).json(), allow_nan=False))


def test_what_left_has_no_rank_and_says_when():
    result = Result(halved())
    first, second, *others = result.summaries
    assert (first.choice, first.rank, first.left) == (0, 1, 0)
    assert (second.choice, second.rank, second.note) == (1, None, "left after 9 epochs")
    assert {row.note for row in others} == {"left after 3 epochs"}
    assert all(row.missing == 0 and row.p_best is None for row in result.summaries[1:])
    assert "left after 9 epochs" in str(result.table())


def test_sentences_tell_what_was_tried_and_what_it_cost():
    told = searched(halved())
    assert told is not None
    assert told.left == {1: 9} | dict.fromkeys(range(2, 8), 3)
    assert told.sentences() == [
        "The halving search tried 8 choices, of which 1 was trained to the end; others left after "
        "epochs 3 and 9: 6,345 training steps, 29 % of the 21,600 of all combinations."
    ]
    sentences = verdict(Result(halved()))
    assert "was trained to the end; a search let 7 others leave." in sentences[0]
    assert "flattered" in sentences[1]
    other = searched(proposed())
    assert other is not None
    assert other.sentences() == [
        "The bayesian search tried 3 choices in 2 batches, 1 of them proposed again: 900 training "
        "steps, 100 % of the 900 that these choices take to the end.",
        "1 draw could not be trained, the first for this reason: `search` draws model = deep, "
        "which cannot be: 8 pixels are too few.",
    ]


def test_without_rows_that_choose_a_halving_search_has_no_honest_estimate():
    best = Result(halved()).estimate_of_best()
    assert best.mean is None
    assert "flattered" in best.reason
    adapted = Result(proposed()).estimate_of_best()
    assert adapted.mean is not None
    assert "with these rows in view" in adapted.method


def test_rows_that_choose_apart_give_an_estimate():
    record = halved()
    (split, *_) = record.splits
    alone = replace(
        record,
        splits=(replace(split, validation=300),),
        members=tuple(
            replace(member, values=member.values | {"validation": {"accuracy": 0.9}})
            for member in record.members
            if member.split == 0
        ),
    )
    best = Result(having(alone, record.findings["search"])).estimate_of_best()
    assert best.mean is not None
    assert "validation rows" in best.method
    assert "in view" not in best.method


def test_curves_end_where_choices_left():
    record = halved()
    comparison = Result(record).comparisons[0]
    found = searched(record)
    assert found is not None
    rows = left_rows(record, comparison, found)
    last = {row["choice"]: row["epoch"] for row in rows}
    assert last == {"0": 20, "1": 9} | {str(choice): 3 for choice in range(2, 8)}
    assert {row["choice"] for row in rows if row["ended"]} == {"0"}
    curves = [member.curves[2, 2, 1] for member in record.members if member.choice == 4]
    (value,) = [row["value"] for row in rows if (row["choice"], row["epoch"]) == ("4", 3)]
    assert value == pytest.approx(np.mean(curves), rel=1e-5)


def test_trials_are_told_in_their_order_with_the_best_so_far():
    record = proposed()
    found = searched(record)
    assert found is not None
    rows = trial_rows(record, found)
    assert [(row["trial"], row["value"], row["best"]) for row in rows] == [
        (1, 0.9, 0.9),
        (2, 0.8, 0.9),
        (4, 0.95, 0.95),
    ]
    worse = replace(record, greater_is_better=False)
    assert [row["best"] for row in trial_rows(worse, found)] == [-0.9, -0.9, -0.95]


def test_programs_are_told_the_search_too():
    told = json.loads(json.dumps(Result(halved()).json(), allow_nan=False))["search"]
    assert told["name"] == "halving"
    assert [len(one["choices"]) for one in told["rounds"]] == [8, 2, 1]
    assert [one["epochs"] for one in told["rounds"]] == [3, 9, None]
    assert (told["steps"], told["steps_of_the_grid"]) == (6345, 21600)
    assert "search" not in Result(study_record(rates=2, rules=("adam",))).json()


@pytest.mark.parametrize("record", [halved(), proposed()], ids=["halved", "proposed"])
def test_a_report_has_a_chapter_on_the_search(record):
    text = page(Result(record))
    assert "The search" in text
    assert '"search-0"' in text
    assert "trained and judged together" in text


def test_a_report_without_a_search_does_not_mention_one():
    assert "The search" not in page(Result(study_record(rates=2, rules=("adam",))))
