"""The loss of language models against PyTorch and its formula."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import log_softmax

from etude.batch import Batch, Spec
from etude.errors import InputError
from etude.loss.base import weighted_mean
from etude.loss.next_token import NextToken
from quick_programs import compiled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "text.json").read_text())


def batch(targets: object, weights: object = None) -> Batch:
    targets = jnp.asarray(targets)
    return Batch(None, targets, jnp.ones(len(targets)) if weights is None else weights)


def spec(vocabulary: int) -> Spec:
    return Spec("tokens", (5,), 5, sizes=(("vocabulary", vocabulary),))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_agrees_with_torch(smoothing: float) -> None:
    golden = GOLDEN["cases"][str(smoothing)]
    loss = NextToken(label_smoothing=smoothing)
    with jax.enable_x64(True):
        rows = batch(GOLDEN["targets"])
        outputs = jnp.asarray(GOLDEN["outputs"])
        found = compiled(lambda outputs: loss(outputs, rows))(outputs)
        slope = compiled(jax.grad(lambda outputs: jnp.mean(loss(outputs, rows))))(outputs)
    np.testing.assert_allclose(found, golden["rows"], rtol=1e-12)
    np.testing.assert_allclose(slope, golden["gradient"], rtol=1e-11, atol=1e-15)


def test_weighted_by_their_targets_rows_average_over_targets() -> None:
    generator = np.random.default_rng(0)
    outputs = generator.normal(size=(6, 4, 3))
    targets = generator.integers(-1, 3, size=(6, 4))
    targets[0] = [2, -1, -1, -1]
    counts = (targets >= 0).sum(1)
    with jax.enable_x64(True):
        value = weighted_mean(
            NextToken()(jnp.asarray(outputs), batch(targets)), jnp.asarray(counts / counts.mean())
        )
    logs = log_softmax(outputs, -1)
    of_targets = [logs[row, step, targets[row, step]] for row, step in np.argwhere(targets >= 0)]
    np.testing.assert_allclose(value, -np.mean(of_targets), rtol=1e-12)


def test_a_row_without_targets_is_nothing() -> None:
    outputs = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)), jnp.float32)
    rows = batch([[-1, -1, -1], [0, 3, -1]])

    @compiled
    def both(outputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        loss = NextToken(label_smoothing=0.1)
        values, slope = jax.vjp(lambda outputs: loss(outputs, rows), outputs)
        return values, slope(jnp.ones(2))[0]

    values, gradient = both(outputs)
    assert values[0] == 0
    assert values[1] > 0
    np.testing.assert_array_equal(gradient[0], 0)
    np.testing.assert_array_equal(gradient[1, 2], 0)


def test_huge_logits_are_exact() -> None:
    outputs = jnp.array([[[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]]])
    rows = batch([[0, 1]])
    value, gradient = compiled(jax.value_and_grad(lambda z: NextToken()(z, rows)[0]))(outputs)
    assert value == 1e4  # the mean of 0 and 2e4
    np.testing.assert_array_equal(gradient, [[[0, 0, 0], [0.5, -0.5, 0]]])
    forbidden = jnp.array([[[0.0, -jnp.inf, 0.0]]])
    rows = batch([[0]])
    value, gradient = compiled(jax.value_and_grad(lambda z: NextToken()(z, rows)[0]))(forbidden)
    np.testing.assert_allclose(value, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(gradient, [[[-0.5, 0, 0.5]]])


def test_predictions_are_logarithms_of_probabilities() -> None:
    outputs = np.random.default_rng(0).normal(size=(2, 3, 4))
    with jax.enable_x64(True):
        found = NextToken().prediction(jnp.asarray(outputs))
    np.testing.assert_allclose(found, log_softmax(outputs, -1), rtol=1e-12)


def test_needs_tokens() -> None:
    loss = NextToken()
    loss.check(spec(2))
    assert loss.outputs(spec(7)) == 7
    for sizes, found in [
        (Spec("classes", (3,), classes=("a", "b")), "classes"),
        (Spec("numbers", (3,)), "numbers"),
        (spec(1), "1 tokens"),
    ]:
        with pytest.raises(InputError, match=rf"target of at least 2 tokens .*, got {found}$"):
            loss.check(sizes)
    for smoothing in (-0.1, 1.0):
        with pytest.raises(ValidationError, match="label_smoothing"):
            NextToken(label_smoothing=smoothing)
