"""What is drawn at a step: keys of augmentations, and noise on the weights."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import etude
from etude.batch import Batch, Spec
from etude.data.augmentation import Augmentation
from etude.engine.disturb import augmented, noisy
from etude.engine.plan import inputs_of, plan
from etude.errors import InputError
from etude.keys import fold

SPEC = Spec("classes", (3,), classes=("a", "b"))
KEY = jax.random.key(7)
ZEROS = Batch(jnp.zeros((4, 3)), jnp.zeros(4, int), jnp.ones(4))


def noise(*augmentations: Augmentation) -> np.ndarray:
    drawn = jax.jit(lambda batch, key: augmented(augmentations, batch, key, SPEC))
    return np.asarray(drawn(ZEROS, KEY).inputs)


def test_what_is_drawn_follows_from_the_name_and_not_from_the_place() -> None:
    alone = noise(etude.InputNoise(std=1))
    np.testing.assert_array_equal(noise(etude.Mixup(alpha=0), etude.InputNoise(std=1)), alone)
    twice = noise(etude.InputNoise(std=1), etude.InputNoise(std=1))
    assert (np.abs(twice - 2 * alone) > 1e-3).all(), "the second one draws other numbers"


def test_inputs_must_be_numbers_and_keep_their_shape() -> None:
    class Longer(Augmentation, kind="augmentation"):
        def __call__(self, batch: Any, key: Any, spec: Any) -> Any:
            return batch._replace(inputs=jnp.concatenate([batch.inputs, batch.inputs], 1))

    with pytest.raises(InputError, match=r"`augment` longer must keep the shape .*\[4, 6\]"):
        noise(Longer())
    symbols = ZEROS._replace(inputs=jnp.zeros((4, 3), int))
    with pytest.raises(InputError, match="`augment` input_noise needs one array of numbers"):
        augmented((etude.InputNoise(),), symbols, KEY, SPEC)


def test_weights_are_noisy_and_biases_are_not() -> None:
    params = {"kernel": jnp.zeros((60, 50)), "bias": jnp.ones(50), "norm": {"scale": jnp.ones(3)}}
    drawn = jax.jit(noisy)
    found = drawn(params, 0.2, KEY)
    np.testing.assert_array_equal(found["bias"], 1)
    np.testing.assert_array_equal(found["norm"]["scale"], 1)
    assert stats.kstest(np.asarray(found["kernel"]).ravel() / 0.2, "norm").pvalue > 1e-3
    other = drawn({"first": params, "second": params}, 0.2, KEY)
    first, second = (np.asarray(other[name]["kernel"]) for name in ("first", "second"))
    assert (first != second).mean() > 0.99
    assert noisy(params, 0.0, KEY) is params


def test_the_gradient_is_taken_at_noisy_weights_and_moves_the_weights() -> None:
    """One step of gradient descent on all rows of a linear regression, by hand."""
    study = etude.Study(
        data=etude.LinearRegression(rows=20),
        model=etude.Linear(weight_noise=0.3),
        loss=etude.MSE(),
        algorithm=etude.SGD(learning_rate=0.05, steps=1, batch_size="full"),
        validation=etude.TrainingOnly(),
    )
    whole = plan(study)
    training, shared = whole.programs[0].training, whole.materials[0].on_device()
    inputs = jax.device_put(inputs_of(whole, 0))
    start = jax.jit(training.init)(shared, inputs)
    after = jax.jit(training.segment)(shared, inputs, start, jnp.asarray(1))

    @jax.jit
    def drawing(weights: Any) -> Any:
        key = fold(inputs.keys[2], 0)
        source = training._source(shared, inputs)
        rows = training.task.stream.evaluation(source, jnp.arange(20), None, key)
        return rows, noisy(training.unravel(weights), 0.3, key)

    rows, moved = drawing(start.weights)
    x, y = np.asarray(rows.inputs, np.float64), np.asarray(rows.targets, np.float64)
    before = training.unravel(start.weights)["layers"][0]
    kernel, bias = (np.asarray(before[name].get_value(), np.float64) for name in ("kernel", "bias"))
    drawn = np.asarray(moved["layers"][0]["kernel"].get_value(), np.float64)
    assert np.abs(drawn - kernel).max() > 0.05
    slope = 2 * (x @ drawn + bias - y) / len(x)
    found = training.unravel(after.weights)["layers"][0]
    np.testing.assert_allclose(
        found["kernel"].get_value(), kernel - 0.05 * x.T @ slope, rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(
        found["bias"].get_value(), bias - 0.05 * slope.sum(0), rtol=1e-4, atol=1e-6
    )
