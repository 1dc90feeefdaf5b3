import numpy as np
import pytest
from pydantic import ValidationError

from etude.data.synthetic_sequences import AddingProblem, CopyProblem


def test_the_target_of_the_adding_problem_is_the_sum_of_the_marked_numbers() -> None:
    prepared = AddingProblem(rows=400, steps=11).prepare()
    assert prepared.spec.inputs == prepared.spec.sequence == (11, 2)
    assert (prepared.spec.task, prepared.spec.targets) == ("numbers", 1)
    numbers, marks = np.moveaxis(prepared.arrays["inputs"].astype(np.float64), 2, 0)
    np.testing.assert_array_equal(marks.sum(axis=1), np.full(400, 2.0))
    np.testing.assert_array_equal(marks[:, :5].sum(axis=1), np.ones(400))
    assert set(np.argmax(marks, axis=1)) == set(range(5))
    assert set(10 - np.argmax(marks[:, ::-1], axis=1)) == set(range(5, 11))
    np.testing.assert_allclose(prepared.targets[:, 0], (numbers * marks).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(prepared.arrays["targets"], prepared.targets, rtol=1e-7)


def test_to_answer_one_has_a_squared_error_of_a_sixth() -> None:
    prepared = AddingProblem(rows=20_000, steps=4, seed=3).prepare()
    numbers = prepared.arrays["inputs"][:, :, 0]
    assert 0 <= numbers.min() < 1e-3
    assert 0.999 < numbers.max() <= 1
    errors = (prepared.targets - 1) ** 2
    # The fourth moment of a sum of two is 1/15, so that (y − 1)² has the variance 1/15 − 1/36.
    assert abs(errors.mean() - 1 / 6) < 5 * np.sqrt((1 / 15 - 1 / 36) / 20_000)


def test_the_copy_problem_asks_for_the_first_symbols_at_the_end() -> None:
    """The sequences of Arjovsky, Shah & Bengio (2016), section 5.1, of T = 7."""
    prepared = CopyProblem(rows=500, delay=7, length=3, symbols=4).prepare()
    inputs, targets = prepared.arrays["inputs"], prepared.arrays["targets"]
    assert prepared.spec.inputs == (13,)
    assert prepared.spec.sequence == (13, 1)
    assert (prepared.spec.task, prepared.spec.vocabulary) == ("tokens", 6)
    assert inputs.dtype == targets.dtype == np.int32
    assert set(np.unique(inputs[:, :3])) == {0, 1, 2, 3}
    np.testing.assert_array_equal(inputs[:, 3:9], np.full((500, 6), 4))
    np.testing.assert_array_equal(inputs[:, 9], np.full(500, 5))
    np.testing.assert_array_equal(inputs[:, 10:], np.full((500, 3), 4))
    np.testing.assert_array_equal(targets[:, :10], np.full((500, 10), 4))
    np.testing.assert_array_equal(targets[:, 10:], inputs[:, :3])
    shares = np.bincount(inputs[:, :3].ravel(), minlength=4) / 1500
    assert np.abs(shares - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 1500)


@pytest.mark.parametrize("problem", [AddingProblem, CopyProblem])
def test_the_seed_decides(problem: type) -> None:
    first, again, other = (problem(rows=20, seed=seed).prepare() for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("problem", "fields"),
    [
        (AddingProblem, {"steps": 1}),
        (AddingProblem, {"rows": 1}),
        (AddingProblem, {"rows": 1_000_000, "steps": 1000}),
        (CopyProblem, {"delay": 0}),
        (CopyProblem, {"symbols": 1}),
        (CopyProblem, {"rows": 10_000_000, "delay": 100}),
    ],
)
def test_fields_are_checked(problem: type, fields: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        problem(**fields)
