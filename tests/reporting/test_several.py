"""The comparison over several data sets, as the page shows it."""

from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.matched import matched
from etude.evidence.result import Result
from etude.evidence.several import average_ranks, profile
from etude.reporting.figures import Figures, LeftOut
from etude.reporting.several import PROFILES, over_data_sets, profile_rows
from study_records import study_record

DATA = ("digits", "wine", "iris")


def test_profiles_are_steps_to_a_common_end() -> None:
    costs = np.array([[1.0, 4.0], [2.0, 2.0]])
    rows = profile_rows(profile(costs), [1, 0], ("first", "second"))
    end = pytest.approx(2.1)
    second, first = ([row for row in rows if row["line"] == line] for line in (1, 2))
    assert {row["choice"] for row in second} == {"1\u2002second"}
    assert [(row["ratio"], row["share"]) for row in second] == [(1.0, 0.5), (2.0, 1.0), (end, 1.0)]
    assert [(row["ratio"], row["share"]) for row in first] == [(1.0, 0.5), (2.0, 1.0), (end, 1.0)]


def test_the_first_choices_by_average_rank_have_a_profile() -> None:
    record = replace(study_record(rates=3, folds=3, data=DATA), bounds=(0.0, 1.0))
    figures = Figures()
    text = over_data_sets(Result(record), figures)
    (figure,) = figures
    found = matched([record])
    ranks = average_ranks(found.scores).ranks
    order = np.argsort(ranks, kind="stable")[:PROFILES]
    names = list(dict.fromkeys(row["choice"].partition("\u2002")[2] for row in figure.rows))
    assert names == [found.labels[place] for place in order]
    assert "24 choices complete on each of 3 data sets." in text
    assert f"<bdi>{names[0]}</bdi></th><td>{ranks[order[0]]:.2f}</td>" in text
    assert "Friedman" in text
    assert "too few" in text  # three data sets cannot decide 28 pairs


def test_enough_data_sets_decide_pairs() -> None:
    data = tuple(f"data{number}" for number in range(8))
    record = study_record(rates=1, folds=2, rules=("adam", "sgd"), data=data)
    text = over_data_sets(Result(record), Figures())
    assert "signed ranks of pairs over the data sets" in text
    assert '<td class="text">better</td><td>8</td>' in text


def test_a_single_data_set_is_no_case_for_it() -> None:
    part = over_data_sets(Result(study_record(rates=2, folds=2)), Figures())
    assert part == LeftOut("there is a single data set")
