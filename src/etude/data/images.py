"""From images in memory to data that is ready to be split."""

from __future__ import annotations

import numpy as np

from etude.batch import Spec
from etude.data.assemble import fingerprint
from etude.data.base import Prepared
from etude.data.channel_scale import ChannelScale
from etude.data.image_encoder import ImageEncoder
from etude.data.rows import InputsAndTargets


def prepare_images(
    pixels: np.ndarray,
    targets: np.ndarray,
    classes: tuple[str, ...],
    *,
    scaled: bool,
    resized: bool = False,
) -> Prepared:
    """Images of classes, ready to be split.

    Args:
        pixels: `[rows, height, width, channels]`, bytes; they stay bytes in memory.
        targets: `[rows]`, class numbers.
        classes: the class labels in the order of their numbers.
        scaled: whether channels are standardized; otherwise bytes count from 0 to 1.
        resized: whether images of new rows are brought to this size.
    """
    height, width, channels = pixels.shape[1:]
    encoder = ImageEncoder(height, width, channels, resized)
    schema = encoder.schema() | {"task": "classes", "target": [], "classes": list(classes)}
    exact = np.asarray(targets, np.int64)
    return Prepared(
        spec=Spec("classes", (height, width, channels), classes=classes),
        stream=InputsAndTargets(),
        arrays={"inputs": pixels, "targets": exact.astype(np.int32)},
        rows=len(pixels),
        fingerprint=fingerprint({"inputs": pixels, "targets": exact}, schema),
        fit=ChannelScale(pixels, scaled=scaled),
        strata=exact,
        encoder=encoder,
        schema=schema,
        targets=exact,
    )
