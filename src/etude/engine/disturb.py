"""What is drawn at a step of training alone: augmentations of the batch, noise on the weights."""

import zlib
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.batch import Batch, Spec
from etude.data.augmentation import Augmentation
from etude.errors import InputError
from etude.keys import fold, hashed_normal
from etude.loss.base import UNPENALIZED


def augmented(
    augmentations: tuple[Augmentation, ...], batch: Batch, key: jax.Array, spec: Spec
) -> Batch:
    """The batch as it is trained on, each augmentation applied to what the ones before made.

    What an augmentation draws follows from its name, and not from its place: with and without
    another one beside it a choice draws the same numbers.

    Raises:
        InputError: inputs are no numbers, or an augmentation gives other inputs than it is given.
    """
    words = jax.random.key_data(key) if augmentations else None
    times: Counter[str] = Counter()
    for part in augmentations:
        if not _are_numbers(batch.inputs):
            raise InputError(f"`augment` {part.name} needs one array of numbers as inputs")
        number = _number("augment", part.name, times[part.name])
        times[part.name] += 1
        after = part(batch, fold(words, number), spec)
        if jnp.shape(after.inputs) != jnp.shape(batch.inputs):
            raise InputError(
                f"`augment` {part.name} must keep the shape of inputs "
                f"{list(jnp.shape(batch.inputs))}, got {list(jnp.shape(after.inputs))}"
            )
        batch = after
    return batch


def noisy(params: Any, deviation: Any, key: jax.Array) -> Any:
    """W + σε with ε ~ N(0, 1), for every weight on its own (Graves, 2011); biases stay.

    Biases and the scales of norms are left out as they are of penalties: they are few, and
    shift or stretch whole layers, so that noise on them is of another kind.

    Args:
        params: the network's arrays.
        deviation: σ; the number 0 leaves everything as it is.
        key: a typed key, another one at every step.
    """
    if isinstance(deviation, int | float) and deviation == 0:
        return params
    words = jax.random.key_data(key)

    def changed(path: Any, leaf: jax.Array) -> jax.Array:
        names = [str(getattr(part, "key", getattr(part, "name", ""))) for part in path]
        if not set(names).isdisjoint(UNPENALIZED):
            return leaf
        drawn = hashed_normal(fold(words, _number("noise", *names)), leaf.shape)
        return leaf + (deviation * drawn).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(changed, params)


def _number(*purpose: Any) -> np.uint32:
    """A number for a purpose, by which keys are set apart."""
    return np.uint32(zlib.crc32("/".join(map(str, purpose)).encode()))


def _are_numbers(inputs: Any) -> bool:
    return hasattr(inputs, "dtype") and bool(jnp.issubdtype(inputs.dtype, jnp.floating))
