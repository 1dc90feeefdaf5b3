"""Convolution against PyTorch and against what XLA computes and derives by itself."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from etude.errors import InputError
from etude.model import convolution as module
from etude.model.convolution import Conv, convolution
from etude.model.initializers import Constant, HeNormal, Zeros
from golden import compiled

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "convolution.json").read_text())
CONVOLUTIONS = GOLDEN["convolutions"]


def gradients(function: Any, x: Any, kernel: Any, slopes: Any) -> Any:
    """Outputs, and the gradients of their sum weighted with `slopes`."""

    def both(x: Any, kernel: Any, slopes: Any) -> Any:
        outputs, back = jax.vjp(function, x, kernel)
        return outputs, *back(slopes)

    return compiled(both)(x, kernel, slopes)


@pytest.mark.parametrize(
    ("name", "own"), [*((name, True) for name in CONVOLUTIONS), ("groups", False)]
)
def test_agrees_with_torch(name: str, own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "on_cpu", lambda: own)
    golden = CONVOLUTIONS[name]

    def convolved(x: Any, kernel: Any) -> Any:
        return convolution(
            x,
            kernel,
            tuple(golden["stride"]),
            tuple((zeros, zeros) for zeros in golden["padding"]),
            tuple(golden["dilation"]),
            golden["groups"],
        )

    with jax.enable_x64(True):
        arrays = [jnp.asarray(golden[name]) for name in ("inputs", "weights", "slopes")]
        found = gradients(convolved, *arrays)
    for array, expected in zip(found, ("outputs", "input_gradient", "gradient"), strict=True):
        np.testing.assert_allclose(array, golden[expected], 1e-11, 1e-12, err_msg=expected)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Sizes of images and kernels, and every other argument."""
    small = st.integers(1, 3)
    groups = draw(st.sampled_from([1, 1, 2]))
    zeros = st.integers(0, 3)
    around = st.tuples(st.tuples(zeros, zeros), st.tuples(zeros, zeros))
    return {
        "image": (draw(small), draw(st.integers(5, 9)), draw(st.integers(5, 9))),
        "channels": (groups * draw(st.sampled_from([1, 3, 5])), groups * draw(small)),
        "kernel": (draw(small), draw(st.integers(1, 4))),
        "strides": (draw(small), draw(small)),
        "padding": draw(st.one_of(st.sampled_from(["SAME", "VALID"]), around)),
        "dilation": draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2)])),
        "groups": groups,
    }


@settings(max_examples=6, deadline=None, derandomize=True)
@given(cases())
def test_is_what_xla_computes_and_derives(case: dict[str, Any]) -> None:
    generator = np.random.default_rng(0)
    inputs, outputs = case["channels"]
    options = (case["strides"], case["padding"], case["dilation"], case["groups"])

    def derived(x: Any, kernel: Any) -> Any:
        strides, padding, dilation, groups = options
        return lax.conv_general_dilated(
            x,
            kernel,
            strides,
            padding,
            rhs_dilation=dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    with jax.enable_x64(True):
        x = jnp.asarray(generator.normal(size=(*case["image"], inputs)))
        shape = (*case["kernel"], inputs // case["groups"], outputs)
        kernel = jnp.asarray(generator.normal(size=shape))
        slopes = jnp.asarray(generator.normal(size=jax.eval_shape(derived, x, kernel).shape))
        found = gradients(lambda x, kernel: convolution(x, kernel, *options), x, kernel, slopes)
        expected = gradients(derived, x, kernel, slopes)
    for array, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, other, 1e-10, 1e-11)


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_single_precision_is_enough(channels: int) -> None:
    generator = np.random.default_rng(1)
    x, kernel = (
        generator.normal(size=(8, 12, 12, channels)),
        generator.normal(size=(3, 3, channels, 8)),
    )
    slopes = generator.normal(size=(8, 12, 12, 8))
    found = gradients(convolution, *(array.astype(np.float32) for array in (x, kernel, slopes)))
    with jax.enable_x64(True):
        exact = gradients(convolution, *map(jnp.asarray, (x, kernel, slopes)))
    for array, other in zip(map(np.asarray, found), map(np.asarray, exact), strict=True):
        assert array.dtype == np.float32
        assert np.abs(array - other).max() < 1e-5 * np.abs(other).max()


@pytest.mark.parametrize("channels", [2, 5])
def test_members_side_by_side_are_members_alone(channels: int) -> None:
    generator = np.random.default_rng(2)
    with jax.enable_x64(True):
        x = jnp.asarray(generator.normal(size=(3, 2, 5, 4, channels)))
        kernel = jnp.asarray(generator.normal(size=(3, 3, 3, channels, 2)))
        slopes = jnp.asarray(generator.normal(size=(3, 2, 5, 4, 2)))

        def both(x: Any, kernel: Any, slopes: Any) -> Any:
            outputs, back = jax.vjp(convolution, x, kernel)
            return outputs, *back(slopes)

        together = compiled(jax.vmap(both))(x, kernel, slopes)
        for member in range(3):
            alone = gradients(convolution, x[member], kernel[member], slopes[member])
            for many, one in zip(together, alone, strict=True):
                np.testing.assert_allclose(many[member], one, 1e-11, 1e-12)


@pytest.mark.parametrize(
    ("kernel", "groups", "message"),
    [
        ((3, 3, 4, 2), 1, r"`kernel` \[3, 3, 4, 2\] with 1 groups does not fit 6 channels"),
        ((3, 3, 3, 3), 2, r"`kernel` \[3, 3, 3, 3\] with 2 groups does not fit 6 channels"),
        ((6, 3, 6, 2), 1, "`kernel` of 6×3 with dilation .* does not fit into images of 5×4"),
    ],
)
def test_what_does_not_fit_is_refused(kernel: Any, groups: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        convolution(jnp.zeros((2, 5, 4, 6)), jnp.zeros(kernel), padding="VALID", groups=groups)


def test_weight_normalization_parts_length_and_direction() -> None:
    def layer(normalized: bool) -> Conv:
        rngs = nnx.Rngs(0)
        return Conv(2, 3, (3, 3), HeNormal(), Constant(value=0.5), rngs, weight_norm=normalized)

    def measured(x: Any) -> Any:
        with_norm, without = layer(True), layer(False)
        first = with_norm(x), without(x), with_norm.scale[...], without.kernel[...]
        lengths = [with_norm.convolved(x)]
        with_norm.kernel[...] *= 3
        lengths.append(with_norm.convolved(x))
        with_norm.scale[...] *= 2
        return *first, [*lengths, with_norm.convolved(x)]

    x = jax.random.normal(jax.random.key(1), (2, 4, 4, 2))
    normalized, plain, scale, kernel, (before, longer, doubled) = compiled(measured)(x)
    np.testing.assert_allclose(normalized, plain, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scale, np.sqrt((kernel**2).sum((0, 1, 2))), rtol=1e-5)
    np.testing.assert_allclose(longer, before, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(doubled, 2 * before, rtol=1e-5, atol=1e-5)


def test_a_layer_without_biases_starts_further_layers_the_same() -> None:
    def second_kernel(bias: bool) -> Any:
        rngs = nnx.Rngs(0)
        first = Conv(1, 2, (2, 2), HeNormal(), Zeros(), rngs, bias=bias)
        assert (first.bias is not None) == bias
        return Conv(2, 2, (2, 2), HeNormal(), Zeros(), rngs).kernel[...]

    np.testing.assert_array_equal(second_kernel(True), second_kernel(False))
