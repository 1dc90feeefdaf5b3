"""Pixels of training images, moved about and put back where the network expects them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from etude.batch import Batch, Spec
from etude.data.augmentation import Augmentation
from etude.errors import InputError


def check_images(augmentation: Augmentation, spec: Spec) -> None:
    """Raise an `InputError` where rows are no images."""
    if spec.image is None or spec.task not in ("classes", "numbers"):
        found = spec.task if spec.image else f"inputs of shape {list(spec.inputs)}"
        raise InputError(
            f"`augment` {augmentation.name} needs images, rows of height, width and channels "
            f"with one target each; got {found}"
        )


def image_size(spec: Spec) -> tuple[int, int, int]:
    """Height, width and channels."""
    assert spec.image is not None  # as `check_images` has made sure
    return spec.image


def changed_images(
    batch: Batch, spec: Spec, where: jax.Array, change: Callable[[jax.Array], jax.Array]
) -> Batch:
    """The batch with some of its images changed; the others keep every bit.

    Images are changed as they were before scaling, where black is 0: what is fitted to a pixel
    belongs to its place, and stays there when the picture moves.

    Args:
        batch: of images `[batch, height, width, channels]`, or flat.
        spec: the sizes of the data.
        where: `[batch]`, or one for all: which of them are changed.
        change: from images `[batch, height, width, channels]` to such images.
    """
    inputs = batch.inputs
    # What no training row has any of is scaled by 0, and nothing of it is known.
    factor = jnp.where(jnp.asarray(batch.factor) == 0, 1, batch.factor)
    images = (inputs / factor + batch.mean).reshape(-1, *image_size(spec))
    after = ((change(images).reshape(inputs.shape) - batch.mean) * batch.factor).astype(
        inputs.dtype
    )
    places = jnp.asarray(where).reshape(-1, *[1] * (inputs.ndim - 1))
    return batch._replace(inputs=jnp.where(places, after, inputs))


def picked(images: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """For every place the pixel at another one; what lies outside is black.

    Args:
        images: `[batch, height, width, channels]`.
        rows: whole numbers, `[batch, height, width]` or what broadcasts to it.
        columns: likewise.
    """
    count, height, width, channels = images.shape
    # One gather from all images with a black border is several times faster than one for each.
    bordered = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0))).reshape(-1, channels)
    down = jnp.clip(rows + 1, 0, height + 1)
    right = jnp.clip(columns + 1, 0, width + 1)
    first = (jnp.arange(count) * ((height + 2) * (width + 2))).reshape(-1, 1, 1)
    places = first + down * (width + 2) + right
    return jnp.take(bordered, places.reshape(-1), axis=0, mode="clip").reshape(images.shape)


def interpolated(images: jax.Array, rows: jax.Array, columns: jax.Array) -> jax.Array:
    """For every place the value at a point between pixels, bilinearly; black outside.

    Args:
        images: `[batch, height, width, channels]`.
        rows: numbers, `[batch, height, width]` or what broadcasts to it; pixels are at whole ones.
        columns: likewise.
    """
    above, left = jnp.floor(rows), jnp.floor(columns)
    down, right = (rows - above)[..., None], (columns - left)[..., None]
    top, start = above.astype(jnp.int32), left.astype(jnp.int32)
    upper = picked(images, top, start) * (1 - right) + picked(images, top, start + 1) * right
    lower = (
        picked(images, top + 1, start) * (1 - right) + picked(images, top + 1, start + 1) * right
    )
    return upper * (1 - down) + lower * down


def rectangle(
    spec: Spec, center_row: jax.Array, center_column: jax.Array, height: jax.Array, width: jax.Array
) -> jax.Array:
    """`[batch, height, width]`, whether a pixel lies in a rectangle about a pixel.

    Of an even side the larger part lies before the center. What sticks out of the image is cut.

    Args:
        spec: the sizes of the data.
        center_row, center_column: `[batch]`, numbers of pixels.
        height, width: `[batch]` or one for all, in pixels.
    """
    rows, columns, _ = image_size(spec)

    def along(size: int, center: jax.Array, side: jax.Array) -> jax.Array:
        twice = 2 * (jnp.arange(size) - center[:, None])
        side = jnp.asarray(side).reshape(-1, 1)
        return (twice >= -side) & (twice < side)

    down, right = along(rows, center_row, height), along(columns, center_column, width)
    return down[:, :, None] & right[:, None, :]
