"""Folders of images, one for each class."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from etude.component import Incidental
from etude.data.base import Data, Prepared
from etude.data.frame import expanded
from etude.data.image_file import (
    MOST_PIXELS,
    PILLOWS_LIMIT,
    SUFFIXES,
    Side,
    image_size,
    is_image_name,
    read_images,
)
from etude.data.images import prepare_images
from etude.data.size import LARGEST_FILE, told
from etude.errors import InputError

LITTER = ("thumbs.db", "desktop.ini")
"""Files that systems leave in folders, besides hidden ones; they are passed over."""


class ImageFolder(Data):
    """Images of classes: `path` holds a folder for each class, and that holds its images.

    Classes are the names of the folders, sorted; folders within them belong to the class too.
    Images are BMP, GIF, JPEG, PNG, PPM or WebP. They are turned as their EXIF orientation says;
    transparency is left out; of 16 bits the upper 8 are taken; of an animation the first image
    is. Hidden files and folders are passed over; whatever else is no image is refused, and
    links to folders are, so that nothing is missing unnoticed.

    The images are held in memory, as bytes. Sets that are larger than memory can be written to
    a .npy file, which `array_file` reads.

    Attributes:
        path: the folder, relative to the working folder.
        size: height and width that images are brought to: stretched, bilinear, smoothed where
            they shrink. Without it all images must have one size.
        color: "rgb" for red, green and blue, or "gray" (0.299 red + 0.587 green + 0.114 blue).
        scale: "standard" subtracts from each channel the mean of all pixels of the training rows
            of each split, and divides by their standard deviation; "none" leaves channels as
            numbers from 0 to 1.
        max_pixels: images of more pixels are refused before their pixels are unpacked.
        max_bytes: larger sets are refused, in bytes of the size that images are brought to.
    """

    path: Annotated[str, Incidental(), Field(min_length=1)]
    size: tuple[Side, Side] | None = None
    color: Literal["rgb", "gray"] = "rgb"
    scale: Literal["standard", "none"] = "standard"
    max_pixels: Annotated[int, Incidental(), Field(ge=1, le=PILLOWS_LIMIT)] = MOST_PIXELS
    max_bytes: Annotated[int, Incidental(), Field(ge=1)] = LARGEST_FILE

    def user_files(self) -> tuple[str, ...]:
        return (self.path,)

    def prepare(self) -> Prepared:
        """Find the images and read them."""
        try:
            found = _classes(expanded(self.path))
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"`path` cannot be read ({reason}), got {told(self.path)}") from None
        files = [file for images in found.values() for file in images]
        counts = [len(images) for images in found.values()]
        height, width = self.size or image_size(files[0], self.max_pixels)
        shape = (height, width, 1 if self.color == "gray" else 3)
        needed = len(files) * int(np.prod(shape, dtype=np.int64))
        if needed > self.max_bytes:
            raise InputError(
                f"{told(self.path)} has {len(files):,} images, which take {needed:,} bytes of "
                f"{height} × {width} pixels; `max_bytes` allows {self.max_bytes:,}: have a smaller "
                "`size`"
            )
        return prepare_images(
            read_images(files, shape, self.size is not None, self.max_pixels),
            np.repeat(np.arange(len(counts)), counts),
            tuple(found),
            scaled=self.scale == "standard",
            resized=self.size is not None,
        )


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The images of each class, in the order of names."""
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise InputError(f"`path` must name a folder, and {told(folder)} {what}")
    classes: dict[str, list[Path]] = {}
    for name in sorted(os.listdir(folder)):
        entry = folder / name
        if name.startswith("."):
            continue
        if entry.is_dir():
            _check_label(entry)
            classes[name] = _images(entry)
        elif is_image_name(name):
            raise InputError(f"{told(entry)} must lie in a folder that has the name of its class")
    if len(classes) < 2:
        raise InputError(
            f"`path` must hold a folder of images for each of at least 2 classes, and "
            f"{told(folder)} has {len(classes)}"
        )
    return classes


def _check_label(folder: Path) -> None:
    try:
        folder.name.encode()
    except UnicodeEncodeError:
        raise InputError(f"{told(folder)} must have a name in UTF-8: it names a class") from None


def _images(top: Path) -> list[Path]:
    """All images of one class."""
    found: list[Path] = []
    _check_no_link(top)
    for folder, folders, names in os.walk(top, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders:
            _check_no_link(Path(folder, name))
        for name in names:
            if name.startswith(".") or name.lower() in LITTER:
                continue
            file = Path(folder, name)
            if not is_image_name(name):
                raise InputError(
                    f"{told(file)} must be an image ({', '.join(SUFFIXES)}), as all that lies in "
                    "the folder of a class"
                )
            found.append(file)
    if not found:
        raise InputError(f"{told(top)} must hold images of its class, and has none")
    return sorted(found)


def _check_no_link(folder: Path) -> None:
    if folder.is_symlink():
        raise InputError(
            f"{told(folder)} is a link to a folder, and must be a folder: links are not followed"
        )


def _raise(error: OSError) -> None:
    raise error
