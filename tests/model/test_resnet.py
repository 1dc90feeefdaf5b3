"""Residual networks: a block of PyTorch, the paper's sizes, both shortcuts."""

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
from etude.model.resnet import Block, ResNet
from golden import agrees_with_torch, compiled, parts_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "convolution.json").read_text())
BLOCKS = GOLDEN["residual_block"]
COLOUR = Spec("classes", (32, 32, 3))


@pytest.mark.parametrize("shortcut", BLOCKS)
def test_a_block_agrees_with_torch(shortcut: Any) -> None:
    with jax.enable_x64(True):
        model = ResNet(shortcut=shortcut)
        agrees_with_torch(parts_of(lambda rngs: Block(model, 2, 4, rngs)), BLOCKS[shortcut])


def _arrays(model: ResNet, spec: Spec, outputs: int) -> list[Any]:
    def parts() -> Any:
        return nnx.split(model.build(spec, outputs, nnx.Rngs(0)), nnx.Param, ...)[1]

    return jax.tree.leaves(jax.eval_shape(parts))


@pytest.mark.parametrize(
    ("depth", "million"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_networks_are_as_large_as_in_the_paper(depth: int, million: float) -> None:
    arrays = _arrays(ResNet(depth=depth), COLOUR, 10)
    assert sum(array.size for array in arrays) / 1e6 == pytest.approx(million, rel=0.03)
    kernels = [array for array in arrays if len(array.shape) in (2, 4)]
    assert len(kernels) == depth


def test_projections_are_two_more_layers() -> None:
    layers = [
        len(_arrays(ResNet(depth=14, shortcut=kind), COLOUR, 10))
        for kind in ("identity", "projection")
    ]
    # Each has a kernel, and scale and bias of its normalization.
    assert layers[1] - layers[0] == 2 * 3


@pytest.mark.parametrize(
    "fields",
    [
        {},
        pytest.param(
            {"shortcut": "projection", "normalization": "weight", "dropout": 0.2},
            marks=pytest.mark.slow,
        ),
        pytest.param({"normalization": "layer"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_trains_on_digits(fields: dict[str, Any]) -> None:
    spec = Spec("classes", (64,), sizes=(("height", 8), ("width", 8), ("channels", 1)))
    graph, params, rest = parts_of(
        lambda rngs: ResNet(**({"depth": 8, "width": 2} | fields)).build(spec, 3, rngs)
    )
    x = jax.random.normal(jax.random.key(1), (4, 64))

    def squares(params: Any) -> Any:
        module = nnx.merge(graph, params, rest, copy=True)
        return jnp.sum(module(x, jnp.asarray([1.0, 1.0, 1.0, 0.0]))[:3] ** 2)

    value, gradient = compiled(jax.value_and_grad(squares))(params)
    assert value > 0
    for leaf in jax.tree.leaves(gradient):
        assert np.isfinite(leaf).all()
        assert np.abs(leaf).max() > 0 or leaf.ndim == 1


@pytest.mark.parametrize("depth", [9, 2, 15])
def test_depth_is_6n_and_2(depth: int) -> None:
    with pytest.raises(ValidationError, match=r"`depth` must be 6n|greater than or equal to 8"):
        ResNet(depth=depth)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (Spec("classes", (3, 8, 1)), "`model` resnet needs images of at least 4×4 pixels, got 3×8"),
        (Spec("numbers", (12,)), "`model` resnet needs images"),
    ],
)
def test_rows_must_be_images_that_are_large_enough(spec: Spec, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ResNet().check(spec)
