"""Rows of data as the images that networks of images see."""

import jax
import jax.numpy as jnp

from etude.batch import Spec
from etude.errors import InputError


def image_size(model: str, spec: Spec) -> tuple[int, int, int]:
    """Height, width and channels of the rows.

    Raises:
        InputError: rows are no images, or every step of them wants an output of its own.
    """
    if spec.image is None:
        raise InputError(
            f"`model` {model} needs images, rows of height, width and channels; "
            f"got inputs of shape {list(spec.inputs)}"
        )
    if spec.task == "tokens":
        raise InputError(
            f"`model` {model} gives one output per row, and these data want one for every step: "
            "choose a network of sequences, such as gpt or lstm"
        )
    return spec.image


def as_images(inputs: jax.Array, image: tuple[int, int, int]) -> jax.Array:
    """Rows `[batch, ...]`, flat or not, as `[batch, height, width, channels]`."""
    x = inputs.reshape(inputs.shape[0], *image)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))
