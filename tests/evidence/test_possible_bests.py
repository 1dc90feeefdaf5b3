"""The set of choices that may be best: an independent rotation test, and what must hold always."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import linalg, stats

from etude.errors import InputError
from etude.evidence.intervals import corrected_t_test
from etude.evidence.possible_bests import possible_bests
from etude.evidence.rotation import DRAWS, PRIOR, SEED, step_down
from fold_comparison import fold_comparison


def _noise(choices: int, folds: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.9, 0.01, (choices, folds))


def test_two_choices_are_compared_by_the_corrected_t_test() -> None:
    values = _noise(2, 5) + np.array([[0.0], [0.02]])
    found = possible_bests(fold_comparison(values))
    assert found.best == 1
    assert found.p[0] == pytest.approx(corrected_t_test(values[0] - values[1], 1 / 4)[1])
    assert found.p[1] == 1.0


def _statistics(rows: np.ndarray) -> np.ndarray:
    """T of each choice of `[J, choices]`: a row of means, then rows of contrasts."""
    lags = rows[0].max() - rows[0]
    differences = rows[1:] - rows[1:, [rows[0].argmax()]]
    degrees = len(rows) - 1
    variances = (differences**2).sum(axis=0) / degrees
    others = np.sort(np.delete(variances, rows[0].argmax()))
    middle = others[(rows.shape[1] // 2) - 1]
    moderated = (PRIOR * middle + degrees * variances) / (PRIOR + degrees)
    return np.where(lags > 0, lags / np.sqrt(moderated), 0.0)


@pytest.mark.parametrize(("choices", "folds"), [(3, 5), (8, 5), (5, 3)])
def test_the_p_values_are_those_of_rotating_the_data_themselves(choices: int, folds: int) -> None:
    values = _noise(choices, folds, seed=2)  # no choice is set aside, so one round is all
    ratio = 1 / (folds - 1)
    axis = np.eye(folds)[0] - np.ones(folds) / np.sqrt(folds)
    contrasts = (np.eye(folds) - 2 * np.outer(axis, axis) / (axis @ axis))[1:]
    assert contrasts @ contrasts.T == pytest.approx(np.eye(folds - 1), abs=1e-12)
    assert contrasts.sum(axis=1) == pytest.approx(np.zeros(folds - 1), abs=1e-12)
    data = np.vstack([values.mean(axis=1) / np.sqrt(1 / folds + ratio), contrasts @ values.T])
    greatest = []
    for weights in np.random.default_rng(SEED).normal(size=(DRAWS, folds)):
        # Any rotation with this first row: the rest is made up to an orthonormal basis.
        first = weights / np.linalg.norm(weights)
        rotation = np.vstack([first, linalg.null_space(first[None]).T])
        greatest.append(_statistics(rotation @ data).max())
    expected = [(1 + (greatest >= t).sum()) / (1 + DRAWS) for t in _statistics(data)]
    expected[values.mean(axis=1).argmax()] = 1.0
    found = possible_bests(fold_comparison(values))
    assert min(found.p.values()) > 0.05
    assert [found.p[choice] for choice in range(choices)] == pytest.approx(expected, abs=1e-12)


def test_choices_far_behind_are_worse_and_the_rest_is_tested_anew() -> None:
    values = _noise(20, 5, seed=3)
    values[10:] -= 0.2
    found = possible_bests(fold_comparison(values))
    assert set(found.worse) == set(range(10, 20))
    means = values.mean(axis=1)
    assert list(found.choices) == sorted(range(10), key=lambda choice: -means[choice])
    assert list(found.worse) == sorted(range(10, 20), key=lambda choice: -means[choice])
    assert found.best == found.choices[0]


def test_the_noise_of_one_choice_hides_no_other() -> None:
    values = _noise(10, 10)
    values[5:] -= 0.1
    values[0] = np.where(np.arange(10) == 4, 0.1, values[0])
    assert set(possible_bests(fold_comparison(values)).worse) == set(range(5, 10))


@pytest.mark.parametrize("choices", [2, 3, 12])
def test_order_scale_and_hard_folds_do_not_matter(choices: int) -> None:
    values = _noise(choices, 5) - 0.01 * np.arange(choices)[:, None]
    found = possible_bests(fold_comparison(values))
    order = np.random.default_rng(1).permutation(choices)
    mixed = possible_bests(fold_comparison(values[order]))
    assert [order[choice] for choice in mixed.choices] == list(found.choices)
    hardness = np.array([0.3, -0.2, 0.1, 0.0, -0.4])
    moved = possible_bests(fold_comparison(1000 * (values + hardness)))
    errors = possible_bests(fold_comparison(1 - values, greater_is_better=False))
    for other in (moved, errors):
        assert (other.choices, other.worse) == (found.choices, found.worse)
        assert other.p == pytest.approx(found.p, abs=1e-12)
    assert possible_bests(fold_comparison(values)) == found


def test_the_first_of_the_ranking_is_always_in_the_set() -> None:
    for seed in range(60):
        random = np.random.default_rng(seed)
        values = random.choice([0.0, 0.5, 1.0, 1e-3, 1e20], size=(random.integers(2, 9), 3))
        found = possible_bests(fold_comparison(values), level=0.5)
        first = int(values.mean(axis=1).argmax())
        assert found.best == found.choices[0] == first
        assert found.p[first] == 1.0
        assert sorted(found.choices + found.worse) == list(range(len(values)))


def test_equal_choices_stay_together() -> None:
    row = _noise(1, 5)[0]
    found = possible_bests(fold_comparison([row, row, row]))
    assert found.choices == (0, 1, 2)
    assert set(found.p.values()) == {1.0}
    low = _noise(1, 5, seed=1)[0] - 0.5
    twins = possible_bests(fold_comparison([low, row, low, row]))
    assert (twins.choices, twins.worse) == ((1, 3), (0, 2))


@pytest.mark.parametrize("splits", [2, 5])
def test_differences_without_any_spread_decide_nothing(splits: int) -> None:
    constant = np.array([0.5, 0.7, 0.6, 0.7])[:, None] * np.ones(splits)
    for values in (constant, constant[:2]):
        found = possible_bests(fold_comparison(values))
        assert found.best == 1
        assert found.worse == ()
        assert set(found.p.values()) == {1.0}


def test_a_choice_without_spread_is_judged_by_the_variance_of_the_others() -> None:
    values = _noise(9, 5)
    best = int(values.mean(axis=1).argmax())
    values = np.vstack([values, values[best] - 0.5, values[best] - 0.0001])
    found = possible_bests(fold_comparison(values))
    assert found.worse == (9,)
    assert found.p[9] > 0
    assert found.p[10] > 0.05


def test_two_splits_that_agree_are_no_proof() -> None:
    random = np.random.default_rng(4)
    wrong = 0
    for _ in range(200):  # equal choices, right on some of 20 rows
        values = random.binomial(20, 0.9, (4, 2)) / 20
        wrong += bool(possible_bests(fold_comparison(values)).worse)
    assert wrong <= 200 * 0.05 + 3 * np.sqrt(200 * 0.05 * 0.95)


def test_rounding_makes_no_choice_worse() -> None:
    row = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    rounded = np.array([0.1, 0.1 + 0.1, 0.1 + 0.2, 0.4, 0.5]) * (1 + 2e-16)
    assert len(possible_bests(fold_comparison([row, rounded, row])).choices) == 3


def test_what_diverged_is_worse_without_a_test() -> None:
    values = np.vstack([_noise(3, 5), np.full((1, 5), -np.inf), _noise(1, 5)])
    values[4, 2] = -np.inf
    found = possible_bests(fold_comparison(values))
    assert set(found.choices) == {0, 1, 2}
    assert set(found.worse) == {3, 4}
    assert found.p[3] == found.p[4] == 0.0
    without = possible_bests(fold_comparison(values[:3]))
    assert found.p | without.p == found.p


def test_numbers_too_large_to_square_count_as_infinite() -> None:
    found = possible_bests(fold_comparison([[0.1, 0.2, 0.3], [-1e200, 0.2, 0.3], [0.1, 0.3, 0.2]]))
    assert set(found.choices) == {0, 2}
    assert found.worse == (1,)


def test_one_finite_choice_is_best_of_those_that_diverged() -> None:
    found = possible_bests(fold_comparison([[np.inf] * 3, [0.4] * 3], greater_is_better=False))
    assert (found.best, found.choices, found.worse) == (1, (1,), (0,))
    assert "no other choice has finite values" in found.method


def test_one_choice() -> None:
    found = possible_bests(fold_comparison([[0.4]]))
    assert (found.best, found.choices, found.p, found.reason) == (0, (0,), {0: 1.0}, "")


@pytest.mark.parametrize(
    ("comparison", "reason"),
    [
        (fold_comparison([[0.9], [0.8], [-np.inf]]), "one split"),
        (
            fold_comparison(
                [[0.9] * 3, [0.8] * 3, [-np.inf] * 3], judged="train", choosing="train"
            ),
            "no rows apart",
        ),
    ],
)
def test_where_nothing_can_be_compared_nothing_finite_is_ruled_out(comparison, reason) -> None:
    found = possible_bests(comparison)
    assert reason in found.reason
    assert (found.best, found.choices, found.worse) == (None, (0, 1), (2,))
    assert (found.p, found.method) == ({}, "")


def test_no_choice_to_compare() -> None:
    lost = possible_bests(fold_comparison(np.full((2, 3), np.nan)))
    assert (lost.best, lost.choices, lost.reason) == (None, (), "no choice is complete")
    diverged = possible_bests(fold_comparison(np.full((2, 3), -np.inf)))
    assert (diverged.best, diverged.choices, diverged.worse) == (None, (0, 1), ())
    assert "every choice diverged" in diverged.reason


def test_incomplete_choices_do_not_enter() -> None:
    values = _noise(4, 5)
    values[1, 3] = np.nan
    assert set(possible_bests(fold_comparison(values)).p) == {0, 2, 3}


def test_choices_are_compared_on_the_rows_that_rank_them() -> None:
    judged, choosing = _noise(2, 5, seed=7), _noise(2, 5, seed=8)
    comparison = fold_comparison(
        judged, choosing="validation", choosing_values=choosing, validation=40
    )
    found = possible_bests(comparison)
    t = np.diff(choosing, axis=0)[0]
    spread = np.sqrt(t.var(ddof=1) * (1 / 5 + 40 / 200))
    assert min(found.p.values()) == pytest.approx(2 * stats.t.sf(abs(t.mean()) / spread, 4))
    assert "on validation rows, where ranks are made" in found.method
    assert "on test rows" in possible_bests(replace(comparison, choosing="test")).method


def test_a_thousand_choices() -> None:
    values = _noise(1000, 5)
    values[300:] -= 0.15
    found = possible_bests(fold_comparison(values))
    assert set(found.choices) == set(range(300))


def test_p_values_do_not_fall_along_the_order_of_setting_aside() -> None:
    values = _noise(12, 10) - 0.004 * np.arange(12)[:, None]
    scores = values[np.argsort(-values.mean(axis=1))]
    p = step_down(scores - scores[0], 1 / 9, 0.05)
    assert p[0] == 1.0
    assert (p <= 0.05).any()
    # Equal noise: the order of setting aside is nearly that of the means.
    assert p[-1] == p.min()
    assert step_down(scores - scores[0], 1 / 9, 1e-9).min() == p.min()


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="`level` must lie between 0 and 1, got 0"):
        possible_bests(fold_comparison(_noise(2, 5)), level=0)
