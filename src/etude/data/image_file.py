"""Image files, which come from anywhere: what they claim is checked before it is believed."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from etude.data.size import told
from etude.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "WEBP")
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".webp")

LARGEST_IMAGE = 256 * 1024**2
"""Image files of more bytes are refused."""

MOST_PIXELS = 50_000_000
"""Images of more pixels are refused unless the limit is raised."""

PILLOWS_LIMIT = 178_956_970
"""Pillow opens no image of more pixels."""

AT_ONCE = 256
"""So many images are read before the next ones are begun."""

UNREADABLE = (
    *(OSError, ValueError, EOFError, LookupError, SyntaxError, ArithmeticError, RuntimeError),
    *(MemoryError, TypeError, AttributeError, AssertionError, struct.error, zlib.error),
)
"""What Pillow says of content that is none of its own."""

LARGEST_SIDE = 4096
"""The images that a network sees are at most so high and wide."""

Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
"""Height or width of the images that a network sees."""

Channels = Literal[1, 3]
"""1 for gray, 3 for red, green and blue."""


def is_image_name(name: str) -> bool:
    """Whether a file is called like an image, and is not hidden."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def image_files(path: str | Path) -> tuple[Path, ...]:
    """An image, or all images in a folder and in its folders, in the order of their names.

    Files that are not called like images, hidden ones and links to folders are left out.

    Raises:
        InputError: there is no image.
    """
    top = Path(path)
    try:
        if not top.is_dir():
            return (top,)
        found = [
            Path(folder, name)
            for folder, _, names in os.walk(top, onerror=_raise)
            for name in names
            if is_image_name(name) and not _is_hidden(Path(folder).relative_to(top))
        ]
    except (OSError, ValueError) as error:
        raise InputError(f"{told(top)} cannot be read: {_reason(error)}") from None
    if not found:
        raise InputError(f"{told(top)} must hold images ({', '.join(SUFFIXES)}), and has none")
    return tuple(sorted(found))


def image_size(file: Path, max_pixels: int = MOST_PIXELS) -> tuple[int, int]:
    """Height and width of an image.

    Raises:
        InputError: as for `read_images`.
    """
    with _silent():
        image = _opened(file, 1, max_pixels)
    return image.height, image.width


def read_images(
    files: Sequence[Path],
    shape: tuple[int, int, int],
    resized: bool,
    max_pixels: int = MOST_PIXELS,
) -> np.ndarray:
    """The pixels of images, `[images, height, width, channels]` bytes.

    An image is turned as its EXIF orientation says; transparency is left out; gray is
    0.299 red + 0.587 green + 0.114 blue; of 16 bits the upper 8 are taken; of several images in
    a file the first one is.

    Args:
        files: BMP, GIF, JPEG, PNG, PPM or WebP, whatever their suffixes say.
        shape: height, width and channels.
        resized: whether images of another size are brought to this one (stretched, bilinear,
            smoothed where they shrink) rather than refused.
        max_pixels: images of more pixels are refused before their pixels are unpacked.

    Raises:
        InputError: one is no file, too large, damaged, no image, or of another size.
    """
    pixels = np.empty((len(files), *shape), np.uint8)

    def read(number: int) -> None:
        pixels[number] = _sized(files[number], shape, resized, max_pixels)

    with _silent(), ThreadPoolExecutor() as pool:
        for start in range(0, len(files), AT_ONCE):
            # Other images of these are read on where one of them is refused; no later ones.
            list(pool.map(read, range(start, min(start + AT_ONCE, len(files)))))
    return pixels


def _sized(file: Path, shape: tuple[int, int, int], resized: bool, max_pixels: int) -> np.ndarray:
    from PIL import Image

    height, width, channels = shape
    image = _opened(file, channels, max_pixels)
    if (image.height, image.width) != (height, width):
        if not resized:
            raise InputError(
                f"{told(file)} must have {height} × {width} pixels (height × width), got "
                f"{image.height} × {image.width}: only data with a `size` resize images"
            )
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(shape)


def _opened(file: Path, channels: int, max_pixels: int) -> Image:
    """The image in its own size, gray or coloured."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        if not file.is_file():
            what = "is a folder" if file.is_dir() else "is a device or a pipe"
            what = what if file.exists() else "does not exist"
            raise InputError(f"{told(file)} must be an image, and {what}")
        with file.open("rb") as opened:
            content = opened.read(LARGEST_IMAGE + 1)
        if len(content) > LARGEST_IMAGE:
            raise InputError(
                f"{told(file)} must have at most {LARGEST_IMAGE:,} bytes, and has more"
            )
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise InputError(
                    f"{told(file)} has {image.height:,} × {image.width:,} pixels; `max_pixels` "
                    f"allows {max_pixels:,}"
                )
            return _converted(ImageOps.exif_transpose(image), "L" if channels == 1 else "RGB")
    except InputError:
        raise
    except UnidentifiedImageError:
        kinds = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise InputError(f"{told(file)} cannot be read as an image: it is no {kinds}") from None
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        raise InputError(f"{told(file)} cannot be read as an image: {_reason(error)}") from None


def _converted(image: Image, mode: str) -> Image:
    """The image in bytes, gray ("L") or coloured ("RGB")."""
    from PIL import Image as images

    if image.mode == "F":
        raise ValueError("its pixels must be bytes or of 16 bits, got fractions")
    if image.mode.startswith("I"):
        wide = np.clip(np.asarray(image).astype(np.int64), 0, 0xFFFF)
        image = images.fromarray((wide >> 8).astype(np.uint8))
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA")
    return image.convert(mode)


@contextmanager
def _silent() -> Iterator[None]:
    """Without what Pillow warns of: images that are large, though not too large, odd palettes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _reason(error: BaseException) -> str:
    text = (error.strerror or "") if isinstance(error, OSError) else ""
    return text or (str(error).splitlines() or [type(error).__name__])[0]


def _is_hidden(folder: Path) -> bool:
    return any(part.startswith(".") for part in folder.parts)


def _raise(error: OSError) -> None:
    raise error
