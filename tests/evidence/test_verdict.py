"""The sentences that people act on, for studies of every outcome."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.result import Result
from etude.evidence.verdict import Figure, Name, data_name, kinds, sentences_of, verdict
from study_records import study_record, with_labels, with_members, with_values


def _values(*means: float, noise: float = 0.001, folds: int = 10) -> np.ndarray:
    """`[choices, folds]` around the means, with noise of each choice and of the folds."""
    random = np.random.default_rng(3)
    shared = random.normal(0, 0.01, folds)
    return np.array(means)[:, None] + shared + random.normal(0, noise, (len(means), folds))


def _result(*means: float, **arguments) -> Result:
    return Result(with_values(_values(*means, **arguments)))


def _label(result: Result, choice: int) -> str:
    return result.record.choices[choice].label


def test_one_choice_is_best_and_the_others_are_worse() -> None:
    result = _result(0.9, 0.7, 0.6, 0.5)
    assert verdict(result)[0] == f"{_label(result, 0)} is best; all 3 others are worse."
    result = _result(0.7, 0.9, 0.5)
    assert verdict(result)[0] == f"{_label(result, 1)} is best; both others are worse."
    result = _result(0.9, 0.7)
    assert verdict(result)[0] == f"{_label(result, 0)} is best; {_label(result, 1)} is worse."


def test_few_that_may_be_as_good_are_named() -> None:
    result = _result(0.9, 0.9005, 0.5, 0.4, 0.3, noise=0.004)
    first, second = result.possible_bests[0].choices
    assert verdict(result)[0] == (
        f"{_label(result, first)} did best; {_label(result, second)} may be as good; "
        "all 3 others are worse."
    )
    result = _result(0.9, 0.9001, 0.8999, 0.3, noise=0.004)
    others = [_label(result, choice) for choice in result.possible_bests[0].choices[1:]]
    assert (
        f" did best; {others[0]} and {others[1]} may be as good; the other one is worse."
        in (verdict(result)[0])
    )


def test_many_that_may_be_as_good_are_counted_by_kind() -> None:
    result = Result(study_record(rates=24, folds=5, rules=("adam", "adamw", "sgd")))
    found = result.possible_bests[0]
    names = kinds(result.record)
    others = [names[choice] for choice in found.choices[1:]]
    assert len(others) > 4
    most = max(set(others), key=others.count)
    lead = verdict(result)[0]
    assert f"did best, but {len(others)} of the 71 other choices" in lead
    assert f"({others.count(most)} {most}" in lead
    assert lead.endswith(f"may be as good; {len(found.worse)} are worse.")


def test_nothing_can_be_ruled_out() -> None:
    result = _result(*[0.9] * 6, noise=0.02)
    assert "did best, but none can be ruled out: all 6 may be as good." in verdict(result)[0]


def test_how_sure_and_what_the_best_is_worth_come_next() -> None:
    result = _result(0.9, 0.7, 0.6, 0.5)
    _, sure, worth = verdict(result)
    assert sure == (
        "How sure: in about 95 of 100 such studies the truly best choice is among those that are "
        "not called worse."
    )
    found = result.estimate_of_best()
    assert f"the best is worth {found.mean:.4f}" in worth
    assert worth.endswith(f": {found.method}.")


def test_a_single_split_decides_nothing() -> None:
    lead, worth = verdict(Result(study_record(rates=3, folds=1, rules=("adam",))))
    assert "did best of 3, but that may be chance: one split" in lead
    assert "flattered by its having been chosen; no honest estimate" in worth


def test_a_single_choice_has_no_rival() -> None:
    lead, worth = verdict(Result(study_record(rates=1, folds=3, rules=("adam",))))
    assert lead.endswith("is the only choice, so there is nothing to compare it with.")
    assert "(approximate 95 % interval" in worth


def test_an_unfinished_study_speaks_of_what_is_complete() -> None:
    result = _result(0.9, 0.7, 0.6, 0.5)
    record = with_members(result.record, {0: {"status": "pending", "values": {}}})
    lead, *more = verdict(Result(record))
    assert lead.startswith(f"So far, of the 3 complete choices, {_label(result, 1)} is best")
    assert more[-1] == "1 choice is incomplete and not ranked."


def test_choices_against_a_baseline_are_counted() -> None:
    record = with_values(_values(0.9, 0.7, 0.7001, 0.5))
    document = record.document | {"baseline": record.choices[1].label}
    assert verdict(Result(replace(record, document=document)))[-1] == (
        f"Against the baseline {record.choices[1].label}: 1 better, 1 worse, 1 undecided; the "
        "first of the ranking is better (corrected for 3 comparisons)."
    )
    wide = Result(replace(record, document=document | {"region": 0.05}))
    assert "1 practically equivalent" in verdict(wide)[-1]


def test_a_baseline_that_is_incomplete_is_told() -> None:
    record = with_values(_values(0.9, 0.7, 0.5))
    record = replace(record, document=record.document | {"baseline": record.choices[2].label})
    record = with_members(record, {29: {"status": "failed", "values": {}, "reason": "no"}})
    assert f"The baseline {record.choices[2].label} is not complete, so nothing is compared" in (
        " ".join(verdict(Result(record)))
    )


def test_every_data_choice_has_its_answer_without_its_name_in_every_label() -> None:
    result = Result(study_record(rates=2, folds=3, rules=("adam",), data=("digits", "wine")))
    leads = [sentence for sentence in verdict(result) if sentence.startswith(("digits", "wine"))]
    assert [lead.partition(": ")[0] for lead in leads] == ["digits", "wine"]
    assert all("adam learning_rate" in lead and " · " not in lead for lead in leads)
    assert verdict(result, data=1)[0] == leads[1]
    assert data_name(result.record, result.comparisons[1]) == "wine"


def test_a_ranking_on_validation_rows_is_told() -> None:
    sentences = verdict(Result(study_record(rates=2, folds=3, validation_rows=200)))
    assert any("The ranking was made on validation rows." in text for text in sentences)


def test_names_cannot_reach_the_terminal() -> None:
    hostile = "\x1b[2J\u202egood\n"
    record = with_values(_values(0.9, 0.5))
    text = " ".join(verdict(Result(with_labels(record, {0: hostile, 1: hostile}))))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\n" not in text
    assert "\\x1b[2J\\u202egood\\n is best" in text


def test_names_and_figures_are_marked_for_whoever_sets_them() -> None:
    result = _result(0.9, 0.5)
    lead, _, worth = sentences_of(result, result.comparisons[0])
    assert [part for part in lead if isinstance(part, Name)] == [
        _label(result, 0),
        _label(result, 1),
    ]
    assert len([part for part in worth if isinstance(part, Figure)]) == 2


def test_kinds_name_estimators_beside_networks() -> None:
    record = study_record(rates=1, folds=2, rules=("adam", "sgd"))
    forest = replace(
        record.choices[1],
        document={"data": {"name": "digits"}, "estimator": {"name": "random_forest"}},
    )
    record = replace(record, choices=(record.choices[0], forest))
    assert kinds(record) == ("adam", "random_forest")
    document = forest.document | {"estimator": {"name": "scikit_learn", "estimator": "SVC"}}
    record = replace(record, choices=(record.choices[0], replace(forest, document=document)))
    assert kinds(record) == ("adam", "SVC")


@pytest.mark.parametrize("module", ["etude.evidence.verdict", "etude.evidence.result"])
def test_the_answer_needs_neither_jax_nor_a_chart(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'jax', 'altair', 'polars'}} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_a_notebook_shows_the_sentences_above_the_table() -> None:
    record = with_values(_values(0.9, 0.5))
    result = Result(with_labels(record, {0: "<b>x</b>"}))
    text = result._repr_html_()
    assert text.startswith("<p>&lt;b&gt;x&lt;/b&gt; is best;")
    assert text.index("</p><table>") < text.index("<tbody>")
