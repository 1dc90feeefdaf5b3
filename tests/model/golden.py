"""Modules with the weights of golden values: outputs, gradients, and what they keep."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from quick_programs import compiled

ATTENTION = json.loads((Path(__file__).parents[1] / "golden" / "attention.json").read_text())
"""What PyTorch gives for normalization, attention and Transformers."""


def parts_of(build: Any) -> Any:
    """Structure, weights and the rest of the network that `build(rngs)` gives, as one program."""

    def parts() -> Any:
        rngs = nnx.Rngs(params=jax.random.key(0), dropout=jax.random.key(1))
        return nnx.split(build(rngs), nnx.Param, ...)

    return jax.eval_shape(parts)[0], *compiled(lambda: parts()[1:])()


def applied(parts: Any) -> Any:
    """From inputs to the outputs of a network in its parts, as one program."""
    graph, params, rest = parts
    program = compiled(lambda params, rest, x: nnx.merge(graph, params, rest, copy=True)(x))
    return lambda x: np.asarray(program(params, rest, x))


def outputs_of(module: Any, *inputs: Any) -> Any:
    """What the network gives for inputs, as one program."""
    graph, state = nnx.split(module)
    return compiled(lambda state, *inputs: nnx.merge(graph, state, copy=True)(*inputs))(
        state, *inputs
    )


def named(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree under names such as `blocks/0/first/kernel`."""
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        keys = [str(getattr(part, "key", getattr(part, "name", ""))) for part in path]
        found["/".join(key for key in keys if key != "value")] = np.asarray(leaf)
    return found


def filled(params: Any, weights: dict[str, Any]) -> Any:
    """The tree with these weights, each of the shape that it has."""
    own = named(params)
    assert own.keys() == weights.keys()
    assert all(own[name].shape == np.shape(weights[name]) for name in own)
    leaves = [jnp.asarray(weights[name]) for name in own]
    return jax.tree.unflatten(jax.tree.structure(params), leaves)


def agree(found: dict[str, Any], expected: dict[str, Any], rtol: float = 1e-10) -> None:
    """Assert that arrays of the same names are equal up to rounding in double precision."""
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol, 1e-12, err_msg=name)


def agrees_with_torch(parts: Any, golden: dict[str, Any]) -> None:
    """Outputs and the gradients of their sum weighted with `slopes`, in double precision."""
    graph, params, rest = parts

    def both(params: Any, inputs: Any) -> Any:
        def weighted(params: Any, inputs: Any) -> Any:
            outputs = nnx.merge(graph, params, rest, copy=True)(inputs)
            return jnp.sum(outputs * jnp.asarray(golden["slopes"])), outputs

        return jax.grad(weighted, (0, 1), has_aux=True)(params, inputs)

    inputs = jnp.asarray(golden["inputs"])
    (of_params, of_inputs), outputs = compiled(both)(filled(params, golden["weights"]), inputs)
    np.testing.assert_allclose(outputs, golden["outputs"], 1e-11, 1e-12)
    np.testing.assert_allclose(of_inputs, golden["input_gradient"], 1e-10, 1e-12)
    agree(named(of_params), golden["gradients"])
