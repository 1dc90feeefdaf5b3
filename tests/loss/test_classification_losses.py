"""Losses of classes against their formulas and PyTorch."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.loss.base import Loss
from etude.loss.classification import BinaryCrossEntropy, CrossEntropy
from quick_programs import compiled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "torch.json").read_text())["losses"]
THREE = Spec("classes", (4,), classes=("a", "b", "c"))
TWO = Spec("classes", (4,), classes=("no", "yes"))
CASES = [
    (CrossEntropy(), "cross_entropy", "classes"),
    (CrossEntropy(label_smoothing=0.1), "cross_entropy_smoothed", "classes"),
    (CrossEntropy(), "cross_entropy_shares", "shares"),
    (BinaryCrossEntropy(), "binary_cross_entropy", "binary"),
]


def batch(targets: object) -> Batch:
    targets = jnp.asarray(targets)
    return Batch(None, targets, jnp.ones(len(targets)))


@pytest.mark.parametrize(("loss", "case", "targets"), CASES)
def test_agrees_with_torch(loss: Loss, case: str, targets: str) -> None:
    golden = GOLDEN["cases"][case]
    with jax.enable_x64(True):
        rows = batch(GOLDEN["targets"][targets])
        outputs = jnp.asarray(golden["outputs"])
        found = loss(outputs, rows)
        slope = compiled(jax.grad(lambda outputs: jnp.mean(loss(outputs, rows))))(outputs)
    np.testing.assert_allclose(found, golden["rows"], rtol=1e-12, atol=1e-300)
    # PyTorch's derivative in the tail of the logistic function is 1 − σ, rounded.
    np.testing.assert_allclose(slope, golden["gradient"], rtol=1e-12, atol=1e-15)


def test_smoothed_targets_are_shares() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3))
    classes = np.array([0, 2, 1, 1, 0])
    shares = 0.8 * np.eye(3)[classes] + 0.2 / 3
    with jax.enable_x64(True):
        smoothed = CrossEntropy(label_smoothing=0.2)(jnp.asarray(logits), batch(classes))
        soft = CrossEntropy()(jnp.asarray(logits), batch(shares))
    expected = -(shares * (logits - np.log(np.exp(logits).sum(1, keepdims=True)))).sum(1)
    np.testing.assert_allclose(smoothed, expected, rtol=1e-12)
    np.testing.assert_allclose(soft, expected, rtol=1e-12)


def test_cross_entropy_is_finite_for_huge_logits() -> None:
    logits = jnp.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]])
    rows = batch([0, 1])
    np.testing.assert_array_equal(CrossEntropy()(logits, rows), [0, 2e4])
    slope = compiled(jax.grad(lambda logits: jnp.sum(CrossEntropy()(logits, rows))))(logits)
    np.testing.assert_array_equal(slope, [[0, 0, 0], [1, -1, 0]])


def test_binary_cross_entropy_is_exact_in_both_tails_in_single_precision() -> None:
    logits = np.array([-1e4, -50.0, -20.0, 0.0, 20.0, 50.0, 1e4])
    for share in (0, 1):
        rows = batch(np.full(7, share))
        found = BinaryCrossEntropy()(jnp.asarray(logits)[:, None], rows)
        expected = np.logaddexp(0, logits if share == 0 else -logits)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        slope = jax.grad(lambda z, rows=rows: jnp.sum(BinaryCrossEntropy()(z, rows)))(
            jnp.asarray(logits)[:, None]
        )
        expected = np.exp(-np.logaddexp(0, -logits)) - share
        np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-5, atol=1e-7)


def test_two_logits_and_one_say_the_same() -> None:
    logit = jnp.array([[-1.5], [0.3], [4.0]])
    pair = jnp.concatenate([jnp.zeros_like(logit), logit], 1)
    rows = batch([1, 0, 1])
    one, two = BinaryCrossEntropy(), CrossEntropy()
    np.testing.assert_allclose(one(logit, rows), two(pair, rows), rtol=1e-5)
    np.testing.assert_allclose(one.prediction(logit), two.prediction(pair), rtol=1e-5)


def test_predictions_are_logarithms_of_probabilities() -> None:
    for loss, outputs in (
        (CrossEntropy(), jnp.array([[1e4, 0.0, -3.0], [1.0, 2.0, 3.0]])),
        (BinaryCrossEntropy(), jnp.array([[1e4], [-2.0]])),
    ):
        prediction = loss.prediction(outputs)
        np.testing.assert_allclose(np.exp(prediction).sum(1), 1, rtol=1e-6)
        assert np.isfinite(prediction).all()
    assert prediction.shape == (2, 2)


def test_sizes() -> None:
    assert CrossEntropy().outputs(THREE) == 3
    assert BinaryCrossEntropy().outputs(TWO) == 1
    CrossEntropy().check(THREE)
    BinaryCrossEntropy().check(TWO)


@pytest.mark.parametrize(
    ("loss", "spec", "message"),
    [
        (CrossEntropy(), Spec("numbers", (4,)), "at least 2 classes, got numbers"),
        (CrossEntropy(), Spec("classes", (4,), classes=("a",)), "at least 2 classes, got 1 class"),
        (BinaryCrossEntropy(), THREE, "exactly 2 classes, got 3 classes"),
        (BinaryCrossEntropy(), Spec("numbers", (4,)), "exactly 2 classes, got numbers"),
    ],
)
def test_other_targets_are_refused(loss: Loss, spec: Spec, message: str) -> None:
    with pytest.raises(InputError, match=message):
        loss.check(spec)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_is_a_share(smoothing: float) -> None:
    with pytest.raises(ValidationError):
        CrossEntropy(label_smoothing=smoothing)
