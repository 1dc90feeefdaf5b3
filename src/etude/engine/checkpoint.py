"""Where a member stands, as bytes, so that it can go on in another process."""

from typing import Any

import jax
import numpy as np

from etude.keys import is_key


def to_bytes(tree: Any) -> bytes:
    """The arrays of a tree in the safetensors format, numbered in the order of its leaves."""
    from safetensors.numpy import save

    return save(
        {
            str(place): np.asarray(_plain(leaf), order="C")
            for place, leaf in enumerate(jax.tree.leaves(tree))
        }
    )


def from_bytes(content: bytes, like: Any) -> Any:
    """The tree back from its bytes.

    Args:
        content: what `to_bytes` gave.
        like: a tree of the same structure with the shapes and dtypes expected.

    Raises:
        ValueError: the content is damaged or does not fit `like`.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
    except SafetensorError as error:
        raise ValueError(f"not in the safetensors format: {error}") from error
    leaves, structure = jax.tree.flatten(like)
    if arrays.keys() != {str(place) for place in range(len(leaves))}:
        raise ValueError(f"expected {len(leaves)} arrays by number, got {sorted(arrays)[:3]}...")
    restored = []
    for place, leaf in enumerate(leaves):
        array = arrays[str(place)]
        expected = jax.eval_shape(jax.random.key_data, leaf) if is_key(leaf) else leaf
        if array.shape != expected.shape or array.dtype != expected.dtype:
            raise ValueError(
                f"array {place} must be {expected.dtype}{list(expected.shape)}, "
                f"got {array.dtype}{list(array.shape)}"
            )
        restored.append(jax.random.wrap_key_data(array) if is_key(leaf) else array)
    return jax.tree.unflatten(structure, restored)


def _plain(leaf: Any) -> np.ndarray:
    if is_key(leaf):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf)
