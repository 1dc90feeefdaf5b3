"""The arrays of a network by name."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from etude.batch import Spec
from etude.keys import is_key
from etude.loss.base import Loss
from etude.model.base import Model


def structure(model: Model, loss: Loss, spec: Spec) -> tuple[Any, Any, Any]:
    """Graph, and the shapes of trained and other variables."""
    return jax.eval_shape(
        lambda: nnx.split(model.build(spec, loss.outputs(spec), nnx.Rngs(0)), nnx.Param, ...)
    )


def expected_arrays(
    model: Model, loss: Loss, spec: Spec, networks: int = 0
) -> dict[str, jax.ShapeDtypeStruct]:
    """Name, shape and type of every array that the weights of a network have.

    Args:
        model, loss, spec: that say which network.
        networks: how many networks of an ensemble are stacked, `[networks, ...]`; 0 for one alone.
    """
    _, params, rest = structure(model, loss, spec)
    several = (networks,) if networks else ()
    found = {}
    for prefix, tree in (("params", params), ("rest", rest)):
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            plain = jax.eval_shape(jax.random.key_data, leaf) if is_key(leaf) else leaf
            shape = (*several, *plain.shape)
            found[name_of(prefix, path)] = jax.ShapeDtypeStruct(shape, plain.dtype)
    return found


def name_of(prefix: str, path: Any) -> str:
    """The name of a variable: `params/hidden/kernel`."""
    parts = [str(getattr(part, "key", getattr(part, "name", part))) for part in path]
    return "/".join([prefix, *(part for part in parts if part not in ("value", "raw_value"))])


def named(tree: Any, prefix: str) -> dict[str, np.ndarray]:
    """The arrays of a tree by name; random keys as the numbers that they are made of."""
    return {
        name_of(prefix, path): np.asarray(jax.random.key_data(leaf) if is_key(leaf) else leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }


def from_names(arrays: dict[str, np.ndarray], prefix: str, like: Any) -> Any:
    """The tree back from its arrays by name.

    Args:
        arrays: what `named` gave; or such arrays stacked.
        prefix: that their names begin with.
        like: a tree of the same structure.
    """

    def restored(path: Any, leaf: Any) -> Any:
        array = arrays[name_of(prefix, path)]
        return jax.random.wrap_key_data(array) if is_key(leaf) else jnp.asarray(array)

    return jax.tree_util.tree_map_with_path(restored, like)
