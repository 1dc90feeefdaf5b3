"""The sentence below a ranking, and tables that machines can read."""

from etude.evidence.result import Result
from etude.reporting.markup import Html
from etude.reporting.tables import html_table, worth_of_best
from study_records import study_record


def test_the_best_is_told_with_what_choosing_it_is_worth() -> None:
    (sentence,) = worth_of_best(Result(study_record()))
    assert sentence.startswith("Choosing the best is worth 0.97")
    assert "judged on the split left out" in sentence


def test_a_missing_estimate_says_why() -> None:
    (sentence,) = worth_of_best(Result(study_record(rates=2, folds=1)))
    assert "No estimate of the best that is free of the choice: with one split" in sentence


def test_tables_are_marked_up() -> None:
    text = html_table("What <it> is", ["a", "b"], [["<x>", Html("<bdi>y</bdi>")]], label=1)
    assert "<caption>What &lt;it&gt; is</caption>" in text
    assert '<th scope="col">a</th>' in text
    assert "<td>&lt;x&gt;</td>" in text
    assert '<th scope="row" class="text"><bdi>y</bdi></th>' in text
