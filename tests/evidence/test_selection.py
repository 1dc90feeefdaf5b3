"""The bootstrap of the choice: RULES 20's figure, and its definition followed draw by draw."""

import numpy as np
import pytest

from etude.evidence.selection import Selection, bootstrap_of_selection
from etude.metric import RMSE, Accuracy


def _mean(means: np.ndarray) -> np.ndarray:
    return means[..., 0]


def test_coin_flips_seem_to_err_less_than_half_and_are_corrected() -> None:
    """RULES 20: 100 choices that guess, 100 rows: apparent error .376, corrected .500."""
    random = np.random.default_rng(0)
    found = [
        bootstrap_of_selection(
            random.integers(0, 2, size=(100, 100, 1)), _mean, greater_is_better=False, draws=200
        )
        for _ in range(300)
    ]
    apparent = np.array([one.apparent for one in found])
    corrected = np.array([one.corrected for one in found])
    assert apparent.mean() == pytest.approx(0.376, abs=4 * apparent.std() / np.sqrt(300))
    assert corrected.mean() == pytest.approx(0.5, abs=4 * corrected.std() / np.sqrt(300))
    inside = [one.interval[0] <= 0.5 <= one.interval[1] for one in found]
    assert np.mean(inside) >= 0.95


@pytest.mark.parametrize(
    ("metric", "width", "greater"), [(Accuracy(), 1, True), (RMSE(), 2, False)]
)
def test_every_draw_follows_the_definition(metric, width: int, greater: bool) -> None:
    random = np.random.default_rng(3)
    statistics = random.random((7, 40, width)) ** 2
    found = bootstrap_of_selection(statistics, metric.value, greater, draws=50, seed=5)
    generator = np.random.default_rng(5)
    values = []
    for drawn in generator.integers(40, size=(50, 40)):
        left = np.setdiff1d(np.arange(40), drawn)
        of_choice = [float(metric.value(rows[drawn].mean(0))) for rows in statistics]
        chosen = int(np.argmax(of_choice) if greater else np.argmin(of_choice))
        values.append(float(metric.value(statistics[chosen, left].mean(0))))
    whole = [float(metric.value(rows.mean(0))) for rows in statistics]
    assert found.apparent == pytest.approx(max(whole) if greater else min(whole))
    assert found.corrected == pytest.approx(np.mean(values))
    assert found.interval == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))


def test_draws_in_parts_are_the_draws_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    statistics = np.random.default_rng(1).random((5, 30, 2))
    whole = bootstrap_of_selection(statistics, RMSE().value, False, draws=100)
    monkeypatch.setattr("etude.evidence.selection.NUMBERS", 30 * 7)
    parts = bootstrap_of_selection(statistics, RMSE().value, False, draws=100)
    assert parts.corrected == pytest.approx(whole.corrected, rel=1e-12)
    assert parts.interval == pytest.approx(whole.interval, rel=1e-12)


def test_the_value_of_several_networks_is_the_mean_of_their_values() -> None:
    statistics = np.random.default_rng(2).random((1, 3, 50, 1))
    found = bootstrap_of_selection(statistics, RMSE().value, False, draws=10)
    assert found.apparent == pytest.approx(np.sqrt(statistics.mean(axis=2)).mean())


def test_rows_of_a_group_are_drawn_together() -> None:
    """Equal rows of a group bear witness once: the interval is that of the groups alone."""
    random = np.random.default_rng(4)
    of_group = random.random((3, 25, 1))
    groups = np.repeat(np.arange(25), 8)
    alone = bootstrap_of_selection(of_group, _mean, True)
    together = bootstrap_of_selection(of_group[:, groups], _mean, True, groups=groups)
    apart = bootstrap_of_selection(of_group[:, groups], _mean, True)
    assert together[:2] == pytest.approx(alone[:2])
    assert together.interval == pytest.approx(alone.interval)
    width = together.interval[1] - together.interval[0]
    assert width > 2 * (apart.interval[1] - apart.interval[0])


def test_what_has_no_value_is_never_chosen() -> None:
    statistics = np.full((3, 20, 1), 0.5)
    statistics[1] = 0.9
    statistics[1, 4] = np.nan
    statistics[2] = np.inf
    found = bootstrap_of_selection(statistics, _mean, True)
    assert found == Selection(0.5, 0.5, (0.5, 0.5))


@pytest.mark.parametrize(
    "statistics", [np.full((2, 10, 1), np.nan), np.ones((2, 1, 1)), np.ones((0, 10, 1))]
)
def test_nothing_is_told_where_nothing_can_be(statistics: np.ndarray) -> None:
    assert bootstrap_of_selection(statistics, _mean, True) is None


def test_rows_of_one_group_leave_none_to_judge() -> None:
    assert bootstrap_of_selection(np.ones((2, 10, 1)), _mean, True, groups=np.zeros(10)) is None


def test_a_finding_is_plain_json() -> None:
    import json

    statistics = np.random.default_rng(0).random((2, 30, 1)).astype(np.float32)
    found = bootstrap_of_selection(statistics, _mean, True)
    finding = found.finding(list(np.array([4, 6])), 30)
    assert json.loads(json.dumps(finding)) == finding
    assert finding["mean"] == found.corrected
    assert (finding["n"], finding["draws"], finding["choices"]) == (30, 1000, [4, 6])
