"""Ranks, signed ranks, profiles and robust means against scipy and figures by hand."""

import itertools

import numpy as np
import pytest
from scipy import stats

from etude.evidence.several import average_ranks, interquartile_mean, profile, wilcoxon


def test_a_profile_is_the_share_of_data_sets_within_a_ratio() -> None:
    costs = np.array(
        [
            [10.0, 20.0, 30.0, np.inf],
            [20.0, 20.0, np.inf, np.inf],
            [40.0, 10.0, 45.0, np.nan],
        ]
    )
    first, second, third = profile(costs)
    assert (first.ratios, first.shares) == ((1.0, 2.0), (0.5, 0.75))
    assert (second.ratios, second.shares) == ((1.0, 2.0), (0.0, 0.5))
    assert (third.ratios, third.shares) == ((1.0, 1.5, 4.0), (0.25, 0.5, 0.75))
    for one, row in zip((first, second, third), costs, strict=True):
        for ratio in (1.0, 1.2, 1.5, 3.0, 4.0, 1e9):
            least = np.array([10.0, 10.0, 30.0, 1.0])
            assert one.at(ratio) == np.mean(row <= ratio * least)
        assert one.at(0.5) == 0


def test_costs_of_nothing_are_best_and_all_others_infinitely_worse() -> None:
    first, second = profile(np.array([[0.0, 0.0], [0.0, 1e-9]]))
    assert first.at(1) == 1
    assert (second.at(1), second.at(1e12)) == (0.5, 0.5)


def test_costs_that_differ_by_rounding_are_both_best() -> None:
    first, second = profile(np.array([[0.1 + 0.2], [0.3]]))
    assert first.at(1) == second.at(1) == 1


def test_costs_below_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at least 0, got -1\.0"):
        profile(np.array([[1.0], [-1.0]]))


def test_without_data_sets_there_are_no_profiles() -> None:
    assert profile(np.empty((3, 0))) == ()


@pytest.mark.parametrize("datasets", [5, 9, 12])
def test_signed_ranks_without_ties_are_those_of_scipy(datasets: int) -> None:
    scores = np.random.default_rng(datasets).normal(size=(4, datasets))
    scores[0] += 1
    for pair in wilcoxon(scores):
        expected = stats.wilcoxon(scores[pair.first], scores[pair.second], method="exact")
        assert pair.statistic == expected.statistic
        assert pair.p == pytest.approx(expected.pvalue, rel=1e-12)
        assert pair.n == datasets


@pytest.mark.parametrize("seed", range(6))
def test_ties_and_zeros_are_those_of_pratt_over_all_signs(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 4, size=(2, 9)).astype(float)
    (pair,) = wilcoxon(scores)
    every = stats.PermutationMethod(n_resamples=np.inf)
    expected = stats.wilcoxon(scores[0], scores[1], zero_method="pratt", method=every)
    assert pair.statistic == expected.statistic
    assert pair.p == pytest.approx(expected.pvalue, rel=1e-12)
    assert pair.n == np.sum(scores[0] != scores[1])


def test_differences_by_rounding_are_none() -> None:
    (pair,) = wilcoxon(np.array([[0.3, 0.9, 0.5], [0.1 + 0.2, 0.9, 0.4]]))
    assert (pair.n, pair.statistic, pair.p) == (1, 0, 1)


def test_holm_adjusts_over_all_pairs_and_decides() -> None:
    random = np.random.default_rng(3)
    scores = np.stack([random.normal(2, 0.1, 12), random.normal(2, 0.1, 12), np.zeros(12)])
    pairs = wilcoxon(scores)
    raw = np.array([pair.p for pair in pairs])
    order = np.argsort(raw)
    adjusted = np.minimum(1, np.maximum.accumulate(raw[order] * np.array([3, 2, 1])))
    assert [pairs[place].p_holm for place in order] == pytest.approx(adjusted.tolist())
    assert {(pair.first, pair.second): pair.verdict for pair in pairs} == {
        (0, 1): "undecided",
        (0, 2): "better",
        (1, 2): "better",
    }
    assert wilcoxon(-scores)[1].verdict == "worse"


def test_too_few_data_sets_are_named_as_the_reason() -> None:
    (pair,) = wilcoxon(np.array([[0.9] * 5, [0.1, 0.2, 0.3, 0.4, 0.5]]))
    assert pair.p == 2 / 2**5
    assert pair.verdict == "undecided"
    assert pair.reason.startswith("5 data sets on which they differ are too few to decide 1 pair;")
    assert pair.reason.endswith("6 can be enough")
    (enough,) = wilcoxon(np.array([[0.9] * 6, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]]))
    assert (enough.verdict, enough.reason) == ("better", "")


def test_a_choice_without_a_value_loses_and_two_of_them_tie() -> None:
    scores = np.full((3, 7), -np.inf)
    scores[0] = np.arange(7)
    first, _, third = wilcoxon(scores)
    assert (first.n, first.verdict) == (7, "better")
    assert (third.n, third.p, third.verdict) == (0, 1.0, "undecided")


def test_the_null_distribution_is_that_of_all_signs() -> None:
    """With mean ranks of ties, counted one by one."""
    scores = np.array([[1.0, -1.0, 2.0, 2.0, 5.0], [0.0] * 5])
    (pair,) = wilcoxon(scores)
    ranks = np.array([1.5, 1.5, 3.5, 3.5, 5.0])
    sums = [np.dot(signs, ranks) for signs in itertools.product((0, 1), repeat=5)]
    assert pair.statistic == 1.5
    assert pair.p == pytest.approx(2 * np.mean(np.array(sums) <= 1.5))


def test_one_choice_has_no_pairs() -> None:
    assert wilcoxon(np.ones((1, 5))) == ()


@pytest.mark.parametrize("tied", [False, True])
def test_friedman_is_that_of_scipy(tied: bool) -> None:
    random = np.random.default_rng(1)
    scores = random.integers(0, 5, (4, 8)).astype(float) if tied else random.normal(size=(4, 8))
    found = average_ranks(scores)
    expected = stats.friedmanchisquare(*scores)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.ranks == pytest.approx(stats.rankdata(-scores, axis=0).mean(axis=1))
    assert found.n == 8


def test_choices_that_always_tie_share_the_middle_rank() -> None:
    found = average_ranks(np.full((3, 4), 0.5))
    assert (found.ranks, found.statistic, found.p) == ((2.0, 2.0, 2.0), 0.0, 1.0)


def test_ranks_of_infinite_scores_are_last() -> None:
    found = average_ranks(np.array([[-np.inf, -np.inf], [0.5, -np.inf], [0.9, 0.9]]))
    assert found.ranks == (2.75, 2.25, 1.0)


def test_one_data_set_has_ranks_and_no_test() -> None:
    found = average_ranks(np.array([[0.5], [0.9]]))
    assert (found.ranks, found.statistic) == ((2.0, 1.0), None)
    assert "two data sets" in found.reason


def test_the_interquartile_mean_is_the_trimmed_mean_of_scipy() -> None:
    random = np.random.default_rng(2)
    runs = [random.normal(size=size) for size in (10, 7, 12)]
    found = interquartile_mean(runs)
    assert found.mean == pytest.approx(stats.trim_mean(np.concatenate(runs), 0.25))
    assert found.runs == 29
    generator = np.random.default_rng(9)
    drawn = [
        stats.trim_mean(
            np.concatenate([part[generator.integers(len(part), size=len(part))] for part in runs]),
            0.25,
        )
        for _ in range(4000)
    ]
    spread = np.std(drawn)
    for end, expected in zip(found.interval, np.quantile(drawn, [0.025, 0.975]), strict=True):
        assert end == pytest.approx(expected, abs=0.25 * spread)


def test_the_interval_covers_as_often_as_it_says() -> None:
    """Normal runs on three data sets of unlike means, whose middle half has a known mean."""
    random = np.random.default_rng(4)
    means = np.array([-1.0, 0.0, 1.0])
    truth = 0.0  # by symmetry
    inside = 0
    for _ in range(200):
        runs = [random.normal(mean, 1, 20) for mean in means]
        low, high = interquartile_mean(runs, draws=300).interval
        inside += low <= truth <= high
    assert inside / 200 == pytest.approx(0.95, abs=4 * np.sqrt(0.05 * 0.95 / 200))


def test_runs_without_a_value_may_fall_into_the_quarter_that_is_cut() -> None:
    runs = [np.array([-np.inf, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])]
    assert interquartile_mean(runs).mean == 3.5
    lost = interquartile_mean([np.array([-np.inf, -np.inf, -np.inf, 3.0, 4.0])])
    assert (lost.mean, lost.interval) == (None, None)
    assert "no value" in lost.reason


def test_runs_that_are_not_independent_have_a_mean_and_no_interval() -> None:
    runs = [np.array([1.0, 2.0, 3.0, 4.0])]
    found = interquartile_mean(runs, independent=False)
    assert (found.mean, found.interval, found.runs) == (2.5, None, 4)
    assert "not independent" in found.reason


def test_single_runs_have_a_mean_and_no_interval() -> None:
    found = interquartile_mean([np.array([1.0]), np.array([3.0])])
    assert (found.mean, found.interval) == (2.0, None)
    assert "fewer than two runs" in found.reason
    assert interquartile_mean([]).reason == "there are no runs"
