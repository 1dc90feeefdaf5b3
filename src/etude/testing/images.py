"""Small images, for what has no meaning for a table."""

import numpy as np

from etude.data.base import Data, Prepared
from etude.data.images import prepare_images


class SmallImages(Data, kind="data"):  # a kind that is given keeps it out of study files
    """36 coloured images of 8×6 pixels, with a brighter spot in one of 3 places, the class."""

    def prepare(self) -> Prepared:
        """Noise with a spot."""
        generator = np.random.default_rng(0)
        pixels = generator.integers(0, 120, (36, 8, 6, 3))
        targets = np.arange(36) % 3
        for image, place in zip(pixels, targets, strict=True):
            image[2 * place : 2 * place + 3, 1:4] += 120
        return prepare_images(pixels.astype(np.uint8), targets, ("a", "b", "c"), scaled=True)
