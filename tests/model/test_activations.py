"""Activations and their derivatives against PyTorch."""

import json
from pathlib import Path
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from etude.model.activations import ACTIVATIONS, Activation, threshold

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "torch.json").read_text())
FUNCTIONS = GOLDEN["activations"]["functions"]


def test_every_activation_is_tested() -> None:
    assert set(ACTIVATIONS) == set(get_args(Activation)) == {*FUNCTIONS, "threshold"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_agrees_with_torch(name: str) -> None:
    function = ACTIVATIONS[name]
    with jax.enable_x64(True):
        x = jnp.asarray(GOLDEN["activations"]["points"])
        values, derivatives = function(x), jax.vmap(jax.grad(function))(x)
    np.testing.assert_allclose(values, FUNCTIONS[name]["values"], rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(derivatives, FUNCTIONS[name]["derivatives"], rtol=1e-12, atol=1e-15)


def test_relu_has_derivative_0_at_0() -> None:
    assert jax.grad(ACTIVATIONS["relu"])(0.0) == 0


def test_threshold_steps_and_passes_the_gradient_on() -> None:
    x = jnp.array([-1e30, -0.1, 0.0, 1e-30, 3.0])
    np.testing.assert_array_equal(threshold(x), [0, 0, 1, 1, 1])
    slope = jax.grad(lambda x: jnp.sum(threshold(x) * jnp.arange(5.0)))(x)
    np.testing.assert_array_equal(slope, np.arange(5.0))
