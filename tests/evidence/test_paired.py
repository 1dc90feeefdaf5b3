"""The golden vector of RULES 17, each test alone, Holm by hand, and what cannot be told."""

from dataclasses import fields

import numpy as np
import pytest

from etude.errors import InputError
from etude.evidence.equivalence import equivalence
from etude.evidence.intervals import corrected_t_test, t_quantile
from etude.evidence.paired import against, holm, paired_differences
from fold_comparison import fold_comparison

GOLDEN = np.array([0.01, 0.02, -0.01, 0.03, 0, 0.02, 0.01, 0.015, -0.005, 0.02])
BASE = np.array([0.9, 0.88, 0.93, 0.91, 0.87, 0.9, 0.92, 0.89, 0.9, 0.91])


def test_golden_vector() -> None:
    (found,) = against(fold_comparison([BASE, BASE + GOLDEN]), reference=0)
    assert found.t == pytest.approx(1.89268, abs=5e-6)
    assert found.p == found.p_holm == pytest.approx(0.09095, abs=5e-6)
    assert found.mean == pytest.approx(0.011)
    assert found.effect == pytest.approx(GOLDEN.mean() / GOLDEN.std(ddof=1))
    half = t_quantile(0.975, 9) * found.stderr
    assert found.interval == pytest.approx((0.011 - half, 0.011 + half))
    assert (found.verdict, found.equivalence, found.reason) == ("undecided", None, "")


def test_many_choices_are_each_tested_alone_and_adjusted_together() -> None:
    # Of four decimals: what differs differs by more than single precision rounds.
    values = np.random.default_rng(2).normal(0.9, 0.01, (1000, 10)).round(4)
    values[7] += 0.1
    found = against(fold_comparison(values), reference=3)
    assert [d.choice for d in found] == [c for c in range(1000) if c != 3]
    alone = [corrected_t_test(values[d.choice] - values[3], 1 / 9) for d in found]
    assert np.array([d.t for d in found]) == pytest.approx([t for t, _ in alone], rel=1e-9)
    assert np.array([d.p for d in found]) == pytest.approx([p for _, p in alone], rel=1e-9)
    assert [d.p_holm for d in found] == pytest.approx(holm(np.array([p for _, p in alone])))
    assert [d.choice for d in found if d.verdict == "better"] == [7]


def test_holm_by_hand() -> None:
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.6, 0.7])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).tolist() == []


def test_adjusted_p_values_reject_what_the_procedure_of_holm_rejects() -> None:
    random = np.random.default_rng(0)
    for level in (0.01, 0.05, 0.3):
        p = random.random(40) ** 6
        rejected = set()
        for step, place in enumerate(np.argsort(p)):  # stops at the first that is not rejected
            if p[place] > level / (40 - step):
                break
            rejected.add(place)
        assert 0 < len(rejected) < 40
        assert set(np.flatnonzero(holm(p) <= level)) == rejected


def test_where_smaller_is_better_signs_follow_the_metric_and_verdicts_its_direction() -> None:
    worse = BASE + 0.1 + GOLDEN / 10
    (found,) = against(fold_comparison([BASE, worse], greater_is_better=False), 0, region=0.01)
    assert found.mean > 0
    assert found.t > 0
    assert found.effect < 0
    assert found.verdict == "worse"
    assert found.equivalence.worse > 0.99


def test_within_the_region_a_choice_is_equivalent_even_where_it_differs() -> None:
    nearly = BASE + 0.001 + GOLDEN / 1000
    (plain,) = against(fold_comparison([BASE, nearly]), 0)
    assert plain.verdict == "better"
    (found,) = against(fold_comparison([BASE, nearly]), 0, region=0.01)
    assert found.verdict == "equivalent"
    assert found.equivalence.equivalent == equivalence(nearly - BASE, 1 / 9, 0.01).equivalent


def test_the_judged_rows_decide_where_choices_are_ranked_on_others() -> None:
    found = against(
        fold_comparison(
            [BASE, BASE + 0.1 + GOLDEN / 10],
            choosing="validation",
            choosing_values=np.array([BASE, BASE - 1]),
        ),
        0,
    )
    assert [d.verdict for d in found] == ["better"]


@pytest.mark.parametrize("splits", [2, 3, 10])
def test_differences_that_are_all_equal_decide_nothing(splits: int) -> None:
    base = BASE[:splits]
    found = against(fold_comparison([base, base, base + 0.05, base - 0.05]), 0, region=0.01)
    same, *others = found
    assert (same.mean, same.t, same.p, same.effect) == (0, 0, 1, 0)
    assert [other.mean for other in others] == pytest.approx([0.05, -0.05])
    for other in others:
        assert (other.stderr, other.interval, other.t, other.p, other.p_holm) == (None,) * 5
        assert (other.effect, other.equivalence, other.verdict) == (None, None, "undecided")
        assert "the same on every split" in other.reason


def test_equal_differences_count_in_the_adjustment() -> None:
    alone, _ = against(fold_comparison([BASE, BASE + GOLDEN, BASE + 0.05]), 0)
    assert alone.p_holm == pytest.approx(2 * alone.p)


def test_single_precision_is_no_difference() -> None:
    """Values of networks come from single precision, those of others from double."""
    rows = np.array([1, 2, 3, 5, 7])
    double = 1 - rows / 30
    (found,) = against(fold_comparison([double, double.astype(np.float32).astype(float)]), 0)
    assert (found.mean, found.p, found.verdict) == (0, 1, "undecided")
    shift = double * (1 + 3e-8)
    (found,) = against(fold_comparison([double, shift]), 0)
    assert (found.mean, found.p, found.verdict) == (0, 1, "undecided")
    (found,) = against(fold_comparison([double, double + GOLDEN[:5] / 10]), 0)
    assert found.mean == pytest.approx(GOLDEN[:5].mean() / 10)


def test_rounding_is_no_difference() -> None:
    base = np.array([0.1, 0.2, 0.3])
    sums = np.array([0.1, 0.1 + 0.1, 0.1 + 0.2])
    assert (sums != base).any()
    assert paired_differences(sums[None], base).tolist() == [[0, 0, 0]]
    shifted = paired_differences((base + 0.7)[None], base)
    assert np.ptp(shifted) == 0
    assert shifted[0, 0] == pytest.approx(0.7)


def test_what_diverged_is_decided_without_figures() -> None:
    values = np.array([BASE, np.full(10, -np.inf), np.where(np.arange(10) == 3, -np.inf, BASE)])
    found = against(fold_comparison(values), 0)
    assert [d.verdict for d in found] == ["worse", "worse"]
    assert all(d.p is d.mean is d.interval is None for d in found)
    assert "diverged" in found[0].reason
    turned = against(fold_comparison(values), 1)
    assert [(d.choice, d.verdict) for d in turned] == [(0, "better"), (2, "undecided")]


def test_choices_that_diverged_do_not_count_in_the_adjustment() -> None:
    values = np.array([BASE, BASE + GOLDEN, np.full(10, -np.inf)])
    found, _ = against(fold_comparison(values), 0)
    assert found.p_holm == found.p


@pytest.mark.parametrize(
    ("comparison", "reason"),
    [
        (fold_comparison([[0.9], [0.8]]), "one split"),
        (fold_comparison([BASE, BASE + GOLDEN], judged="train"), "no rows apart"),
    ],
)
def test_without_a_spread_only_the_mean_is_told(comparison, reason: str) -> None:
    (found,) = against(comparison, 0, region=0.01)
    assert found.mean == pytest.approx(np.diff(comparison.judged_values.mean(axis=1))[0])
    assert reason in found.reason
    assert (found.stderr, found.interval, found.t, found.p, found.p_holm) == (None,) * 5
    assert found.verdict == "undecided"


def test_incomplete_choices_do_not_enter() -> None:
    values = np.array([BASE, BASE + GOLDEN, np.where(np.arange(10) == 3, np.nan, BASE)])
    assert [d.choice for d in against(fold_comparison(values), 0)] == [1]
    lost = against(fold_comparison(values), 2)
    assert [(d.choice, d.mean, d.reason) for d in lost] == [
        (0, None, "the baseline is incomplete"),
        (1, None, "the baseline is incomplete"),
    ]


def test_no_figure_is_ever_nan() -> None:
    random = np.random.default_rng(5)
    values = random.choice([0.0, 0.5, 1.0, -np.inf, np.nan, 1e-300, 1e30, 1e200], size=(60, 3))
    for reference in range(10):
        for found in against(fold_comparison(values), reference, region=0.1):
            for field in fields(found):
                value = getattr(found, field.name)
                if isinstance(value, float):
                    assert np.isfinite(value), (field.name, found)


def test_bad_settings_are_refused_by_name() -> None:
    comparison = fold_comparison([BASE, BASE])
    with pytest.raises(InputError, match="`reference` must be one of the choices of data 0"):
        against(comparison, 9)
    with pytest.raises(InputError, match=r"`region` must be .* got -1"):
        against(comparison, 0, region=-1)
    with pytest.raises(InputError, match="`level` must lie between 0 and 1, got 5"):
        against(comparison, 0, level=5)
