"""Means, intervals and ranks against numpy and scipy; the bootstrap against its exact value."""

import itertools

import numpy as np
import pytest
from scipy import stats

from etude.evidence.ranking import competition_ranks, probability_of_best, summaries
from study_records import study_record, with_members, with_values


def test_a_whole_study_equals_its_recomputation() -> None:
    record = study_record()
    assert len(record.members) == 960
    rows = {row.choice: row for row in summaries(record)}
    table = np.empty((96, 5, 2))
    for member in record.members:
        diverged = member.status == "diverged"
        value = 0.1019 if diverged else member.values["test"]["accuracy"]
        table[member.choice, member.split, member.seed] = value
    folds = table.mean(axis=2)
    ratio = 359 / (1797 - 359)
    stderr = np.sqrt(folds.var(axis=1, ddof=1) * (1 / 5 + ratio))
    low, high = stats.t.interval(0.95, 4, loc=folds.mean(1), scale=np.maximum(stderr, 1e-300))
    ranks = stats.rankdata(-np.round(folds.mean(1), 12), method="min")
    for choice, row in rows.items():
        assert row.mean == pytest.approx(folds[choice].mean(), rel=1e-12)
        assert row.stderr == pytest.approx(stderr[choice], rel=1e-9, abs=1e-15)
        assert row.interval == pytest.approx((low[choice], high[choice]), rel=1e-9)
        assert (row.n, row.members, row.rank) == (5, 10, ranks[choice])
    assert sum(row.diverged for row in rows.values()) == sum(
        member.status == "diverged" for member in record.members
    )
    assert sum(row.p_best for row in rows.values()) == pytest.approx(1)


def test_lower_is_better_for_errors() -> None:
    values = np.array([[3.0, 3.1, 2.9], [1.0, 1.2, 1.1], [2.0, 2.0, 2.1]])
    rows = summaries(with_values(values, greater_is_better=False))
    assert [row.choice for row in rows] == [1, 2, 0]
    assert rows[0].mean == pytest.approx(1.1)
    assert rows[0].p_best == 1


def test_probability_of_best_is_that_of_all_possible_draws() -> None:
    scores = np.array([[0.9, 0.8, 0.7], [0.7, 0.85, 0.83], [0.8, 0.8, 0.8]])
    exact = np.zeros(3)
    for draw in itertools.product(range(3), repeat=3):
        means = scores[:, draw].mean(axis=1)
        ties = np.isclose(means, means.max(), rtol=1e-12, atol=0)
        exact += ties / ties.sum()
    exact /= 27
    found = probability_of_best(scores)
    assert found == pytest.approx(exact, abs=4 * np.sqrt(0.25 / 10_000))
    assert np.array_equal(found, probability_of_best(scores))  # the seed is fixed


def test_choices_that_tie_share_a_draw_and_a_rank() -> None:
    assert probability_of_best(np.full((4, 5), 0.1 + 0.2)) == pytest.approx([0.25] * 4)
    assert competition_ranks(np.array([0.1 + 0.2, 0.3, 0.1])).tolist() == [1, 1, 3]
    single = float(np.float32(0.7))  # as a network's accuracy is measured
    assert competition_ranks(np.array([single, 0.7, 0.70001])).tolist() == [2, 2, 1]
    assert probability_of_best(np.array([[single] * 3, [0.7] * 3])) == pytest.approx([0.5, 0.5])


def test_what_is_infinitely_bad_is_never_best() -> None:
    scores = np.array([[-np.inf, 5.0], [0.0, 0.0]])
    assert probability_of_best(scores).tolist() == [0, 1]
    assert probability_of_best(np.full((2, 2), -np.inf)).tolist() == [0, 0]
    assert competition_ranks(np.array([-np.inf, 0.0, -np.inf])).tolist() == [2, 1, 2]


def test_draws_in_parts_are_the_draws_at_once() -> None:
    scores = np.random.default_rng(1).normal(size=(1500, 4))  # more than one part
    weights = np.random.default_rng(9).multinomial(4, [0.25] * 4, size=10_000)
    expected = np.bincount((weights @ scores.T).argmax(axis=1), minlength=1500) / 10_000
    assert probability_of_best(scores, seed=9) == pytest.approx(expected, abs=1e-12)


def test_one_split_has_neither_errors_nor_probabilities() -> None:
    rows = summaries(study_record(rates=3, folds=1, rules=("adam",)))
    assert [row.rank for row in rows] == [1, 2, 3]
    assert all(row.stderr is row.interval is row.p_best is None for row in rows)
    assert all(row.mean is not None and row.n == 1 for row in rows)


def test_incomplete_choices_are_stated_and_not_ranked() -> None:
    record = study_record(rates=3, rules=("adam",), folds=3, seeds=2)
    record = with_members(
        record, {0: {"status": "failed", "reason": "no memory"}, 2: {"status": "pending"}}
    )
    *ranked, last = summaries(record)
    assert [row.rank for row in ranked] == [1, 2]
    assert (last.choice, last.rank, last.p_best, last.n) == (0, None, None, 1)
    assert (last.failed, last.missing) == (1, 1)
    assert last.note == "incomplete: 1 failed, 1 not finished"


def test_ranks_follow_the_validation_rows_and_means_the_test_rows() -> None:
    record = study_record(rates=2, rules=("adam",), folds=2, seeds=1, validation_rows=100)
    values = {0: (0.9, 0.5), 1: (0.9, 0.5), 2: (0.8, 0.7), 3: (0.8, 0.7)}
    record = with_members(
        record,
        {
            number: {"values": {"validation": {"accuracy": inside}, "test": {"accuracy": test}}}
            for number, (inside, test) in values.items()
        },
    )
    first, second = summaries(record)
    assert (first.choice, first.choosing_mean, first.mean) == (0, 0.9, 0.5)
    assert (second.choice, second.choosing_mean, second.mean) == (1, 0.8, 0.7)
