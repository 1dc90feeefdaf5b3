"""From image files to the arrays that a trained network takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etude.batch import Spec
from etude.data.image_file import image_files, read_images
from etude.errors import InputError


@dataclass(frozen=True)
class ImageEncoder:
    """Reads image files as those of the study were read.

    Attributes:
        height: of the images that the network takes.
        width: of the images that the network takes.
        channels: 1 for gray, 3 for red, green and blue.
        resized: whether images of another size are brought to this one rather than refused.
    """

    height: int
    width: int
    channels: int
    resized: bool

    def schema(self) -> dict[str, Any]:
        """All that the encoder knows, as JSON values."""
        return {
            "encoder": "images",
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
            "resized": self.resized,
        }

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return self.height, self.width, self.channels

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when rows of these sizes are not what the encoder makes."""
        if spec.inputs != self.shape:
            raise InputError(
                f"`height`, `width` and `channels` must be {list(spec.inputs)}, "
                f"got {list(self.shape)}"
            )

    def encode(self, frame: Any) -> dict[str, np.ndarray]:
        """The pixels of images.

        Args:
            frame: an image file, a folder of images, or several of them.

        Returns:
            `{"inputs": [images, height, width, channels]}`, bytes; the images of a folder in the
            order of their names.

        Raises:
            InputError: it is no image, or one is damaged, too large or of another size.
        """
        given = frame if isinstance(frame, list | tuple) else (frame,)
        files: list[Path] = []
        for path in given:
            if not isinstance(path, str | Path):
                raise InputError(
                    "`rows` must be an array of bytes, or name image files or a folder of them, "
                    f"got {type(path).__name__}"
                )
            files += image_files(path)
        return {"inputs": read_images(files, self.shape, self.resized)}
