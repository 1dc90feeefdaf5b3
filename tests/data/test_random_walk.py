import numpy as np
import pytest
from pydantic import ValidationError

from etude.data.random_walk import RandomWalk
from etude.validation.time_series import TimeSeries


def test_steps_are_the_drift_and_independent_noise():
    data = RandomWalk(rows=20_000, drift=0.3, noise=2.0, seed=4)
    prepared = data.prepare()
    walk = prepared.targets[:, 0]
    steps = np.diff(walk, prepend=0.0)
    noise = np.random.default_rng(4).normal(size=20_000)
    np.testing.assert_allclose(steps, 0.3 + 2.0 * noise, atol=1e-9)
    assert abs(steps.mean() - 0.3) < 5 * 2 / np.sqrt(20_000)
    assert abs(np.corrcoef(steps[1:], steps[:-1])[0, 1]) < 5 / np.sqrt(20_000)


def test_rows_are_times_in_their_order():
    prepared = RandomWalk(rows=50).prepare()
    assert prepared.arrays["inputs"][:, 0].tolist() == list(range(1, 51))
    assert prepared.columns == ("time",)
    for split in TimeSeries(folds=3).splits(50, prepared.strata, 0):
        assert split.train.max() < split.test.min()


def test_another_seed_is_another_walk():
    first, again, other = (RandomWalk(rows=20, seed=seed).prepare() for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.targets, again.targets)
    assert first.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("field", "value"), [("rows", 1), ("noise", 0.0), ("drift", 1e4), ("seed", -1)]
)
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        RandomWalk(**{field: value})
