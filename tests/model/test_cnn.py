"""The convolutional network: values of PyTorch, orders of computation, sizes of images."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import ValidationError

from etude.batch import Spec
from etude.errors import InputError
from etude.model import normalization as layers
from etude.model.cnn import CNN
from etude.model.initializers import HeNormal
from etude.model.normalization import Normalization
from golden import agree, agrees_with_torch, applied, compiled, filled, named, parts_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "convolution.json").read_text())["cnn"]
DIGITS = Spec("classes", (64,), sizes=(("height", 8), ("width", 8), ("channels", 1)))


def parts(model: CNN, spec: Spec, outputs: int = 3) -> Any:
    return parts_of(lambda rngs: model.build(spec, outputs, rngs))


@pytest.mark.parametrize("own", [True, False], ids=["own derivatives", "XLA's"])
def test_agrees_with_torch(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "on_cpu", lambda: own)
    with jax.enable_x64(True):
        network = parts(CNN(channels=(5, 4), normalization="batch"), Spec("classes", (8, 6, 2)))
        agrees_with_torch(network, GOLDEN)
        graph, params, rest = network

        def kept(params: Any) -> Any:
            module = nnx.merge(graph, params, rest, copy=True)
            module(jnp.asarray(GOLDEN["inputs"]))
            return nnx.split(module, nnx.Param, ...)[2]

        agree(named(compiled(kept)(filled(params, GOLDEN["weights"]))), GOLDEN["kept"])


def _gradients(network: Any, x: Any, weights: Any = None) -> Any:
    graph, params, rest = network

    def squares(params: Any) -> Any:
        return jnp.sum(nnx.merge(graph, params, rest, copy=True)(x, weights)[:3] ** 2)

    return compiled(jax.value_and_grad(squares))(params)


@pytest.mark.parametrize("normalization", ["batch", "weight"])
def test_pooling_first_changes_nothing(
    normalization: Normalization, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(2)
    spec = Spec("classes", (7, 6, 2))
    with jax.enable_x64(True):
        x = jnp.asarray(generator.normal(size=(5, 7, 6, 2)))
        weights = jnp.asarray([1.0, 1.0, 1.0, 0.0, 1.0])
        model = CNN(channels=(3,), activation="tanh", normalization=normalization)
        swapped = _gradients(parts(model, spec), x, weights)
        monkeypatch.setattr("etude.model.cnn.INCREASING", ())
        in_order = _gradients(parts(model, spec), x, weights)
    for one, other in zip(jax.tree.leaves(swapped), jax.tree.leaves(in_order), strict=True):
        np.testing.assert_allclose(one, other, 1e-10, 1e-12)


@pytest.mark.parametrize(
    "fields",
    [
        {"activation": "threshold", "channels": (3,)},
        {"activation": "leaky_relu", "channels": (3,)},
        {"normalization": "layer", "pooling": "average", "kernel_size": 4},
        {"normalization": "weight", "pooling": "none", "stride": 2, "kernel_size": 2},
        {"normalization": "batch", "kernel_size": 5, "pool_size": 3, "channels": (4,)},
        {"normalization": "batch", "widths": (6,), "dropout": 0.3, "kernel_size": 1},
    ],
    ids=str,
)
def test_every_kind_trains(fields: dict[str, Any]) -> None:
    network = parts(CNN(**({"channels": (3, 4)} | fields)), DIGITS)
    x = jax.random.normal(jax.random.key(1), (6, 64))
    value, gradient = _gradients(network, x)
    assert np.isfinite(value)
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()
    kernels = {name: leaf for name, leaf in named(gradient).items() if name.endswith("kernel")}
    assert len(kernels) >= 2
    assert all(np.abs(kernel).max() > 0 for kernel in kernels.values())


@pytest.mark.parametrize(
    ("image", "fields", "readout"),
    [
        ((28, 28, 1), {}, 7 * 7 * 32),
        ((32, 32, 3), {"channels": (4, 8, 16)}, 4 * 4 * 16),
        ((9, 7, 2), {"channels": (4,), "stride": 2, "pool_size": 2}, 2 * 2 * 4),
        ((5, 5, 1), {"channels": (4,), "pooling": "none"}, 5 * 5 * 4),
    ],
)
def test_layers_have_the_sizes_of_the_images(
    image: tuple[int, int, int], fields: dict[str, Any], readout: int
) -> None:
    model = CNN(**fields)

    def outputs(x: Any) -> Any:
        module = model.build(Spec("classes", image), 10, nnx.Rngs(0))
        return nnx.state(module, nnx.Param), module(x)

    params, found = jax.eval_shape(outputs, jax.ShapeDtypeStruct((4, *image), jnp.float32))
    assert params["stages"][0]["conv"]["kernel"].shape[:3] == (3, 3, image[2])
    assert params["stack"]["layers"][0]["kernel"].shape == (readout, 10)
    assert found.shape == (4, 10)


def test_flat_rows_are_images_row_by_row() -> None:
    network = applied(parts(CNN(channels=(3,)), DIGITS))
    x = jax.random.normal(jax.random.key(1), (4, 8, 8, 1))
    np.testing.assert_array_equal(network(x.reshape(4, 64)), network(x))


def test_a_picture_moved_is_features_moved() -> None:
    graph, params, rest = parts(CNN(channels=(3,)), Spec("classes", (10, 10, 1)))
    picture = np.zeros((1, 10, 10, 1), np.float32)
    picture[0, 2:5, 2:5, 0] = np.random.default_rng(0).normal(size=(3, 3))

    def features(x: Any) -> Any:
        return nnx.merge(graph, params, rest, copy=True).stages[0](x)

    here, there = (compiled(features)(x) for x in (picture, np.roll(picture, (4, 2), (1, 2))))
    np.testing.assert_allclose(np.roll(here, (2, 1), (1, 2)), there, atol=1e-6)
    assert np.abs(here).max() > 0


@pytest.mark.parametrize(
    ("spec", "fields", "message"),
    [
        (Spec("classes", (5,)), {}, r"`model` cnn needs images.*got inputs of shape \[5\]"),
        (
            Spec("classes", (8, 8, 1)),
            {"channels": (4, 4, 4, 4)},
            "images of 8×8 pixels are too small for 4 convolutions with `stride` 1 and `pool_size` "
            "2: they are 1×1 behind 3 of them",
        ),
        (Spec("classes", (8, 1, 1)), {}, "too small for 2 .* they are 8×1; give fewer"),
        (Spec("tokens", (8, 8, 1)), {}, "`model` cnn gives one output per row"),
    ],
)
def test_images_must_fit(spec: Spec, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CNN(**fields).check(spec)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"channels": ()}, "at least 1 item"),
        ({"kernel_size": 0}, "greater than or equal to 1"),
        ({"pooling": "mean"}, "'max', 'average' or 'none'"),
        ({"bias_initializer": HeNormal()}, "`bias_initializer` must be one for vectors"),
        ({"dropout": 1.0}, "less than 1"),
    ],
)
def test_bad_settings_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        CNN(**fields)
    assert message in str(caught.value)
