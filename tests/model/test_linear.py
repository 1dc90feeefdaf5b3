"""Linear networks are linear maps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from etude.batch import Spec
from etude.errors import InputError
from etude.model.initializers import Constant
from etude.model.linear import DeepLinear, Linear

SPEC = Spec("numbers", (4,), 3)
X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


def test_linear_is_weights_times_inputs_plus_bias() -> None:
    module = Linear(bias_initializer=Constant(value=0.25)).build(SPEC, 3, nnx.Rngs(0))
    (layer,) = module.layers
    kernel = np.asarray(layer.kernel, np.float64)
    np.testing.assert_allclose(module(jnp.asarray(X)), X @ kernel + 0.25, rtol=1e-5, atol=1e-6)
    assert len(jax.tree.leaves(nnx.state(module, nnx.Param))) == 2


def test_deep_linear_is_one_linear_map() -> None:
    model = DeepLinear(widths=(7, 5), bias_initializer=Constant(value=0.1))
    module = model.build(SPEC, 3, nnx.Rngs(0))
    kernel, bias = np.eye(4), np.zeros(4)
    for layer in module.layers:
        step = np.asarray(layer.kernel, np.float64)
        kernel, bias = kernel @ step, bias @ step + np.asarray(layer.bias, np.float64)
    assert [layer.kernel.shape for layer in module.layers] == [(4, 7), (7, 5), (5, 3)]
    np.testing.assert_allclose(module(jnp.asarray(X)), X @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_deep_linear_has_the_rank_of_its_narrowest_layer() -> None:
    module = DeepLinear(widths=(1,)).build(SPEC, 3, nnx.Rngs(0))
    outputs = np.asarray(module(jnp.asarray(X)), np.float64)
    assert np.linalg.matrix_rank(outputs, tol=1e-5) == 1


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 1 item"):
        DeepLinear(widths=())
    for model in (Linear(), DeepLinear()):
        with pytest.raises(InputError, match="at least 1 input number"):
            model.check(Spec("numbers", (3, 0)))
        with pytest.raises(InputError, match="needs numbers, and these data are symbols"):
            model.check(Spec("classes", (3,), classes=("a", "b"), sizes=(("vocabulary", 2),)))
