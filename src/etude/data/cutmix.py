"""CutMix (Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers", 2019)."""

from typing import Annotated

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.augmentation import Augmentation, before, check_mixable, mixed_targets
from etude.data.mixup import symmetric_beta
from etude.data.pixels import check_images, image_size, rectangle
from etude.keys import hashed_uniform


class CutMix(Augmentation):
    """A rectangle of the image is that of another one of the batch, and so is its part of y.

    The rectangle has the sides √(1 − λ)H and √(1 − λ)W, λ ~ Beta(α, α), about a random pixel,
    and may stick out. y ← λ′y + (1 − λ′)y′, where λ′ is the share of pixels that stay.

    Attributes:
        probability: of every image to be mixed.
        alpha: α; 1 draws λ with equal density.
    """

    name = "cutmix"
    mixes = True

    probability: Annotated[Traced, Field(ge=0, le=1)] = 0.5
    alpha: Annotated[Traced, Field(gt=0)] = 1.0

    def check(self, spec: Spec) -> None:
        check_images(self, spec)
        check_mixable(self, spec)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        height, width, channels = image_size(spec)
        drawn = hashed_uniform(key, (5, batch.weights.shape[0]))
        side = jnp.sqrt(1 - symmetric_beta(jnp.asarray(self.alpha), drawn[0], drawn[1]))
        side = jnp.where(drawn[2] < self.probability, side, 0)
        rows, columns = jnp.floor(drawn[3] * height), jnp.floor(drawn[4] * width)
        inside = rectangle(spec, rows, columns, jnp.floor(side * height), jnp.floor(side * width))
        share = 1 - jnp.mean(inside, (1, 2))
        partner = before(batch)
        images = batch.inputs.reshape(-1, height, width, channels)
        mixed = jnp.where(inside[..., None], images[partner], images)
        return batch._replace(
            inputs=mixed.reshape(batch.inputs.shape),
            targets=mixed_targets(batch, partner, share, spec),
        )
