"""MNIST and Fashion-MNIST: 70,000 gray images of 28×28 pixels each, in files of the IDX format."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from etude.data.base import Data, Prepared
from etude.data.download import find_or_download, gunzipped
from etude.data.images import prepare_images
from etude.errors import InputError

LARGEST_PACKED = 32 * 1024**2
"""The largest of the packed files has 26 million bytes."""

Rows = Literal["all", "train", "test"]


@dataclass(frozen=True)
class Part:
    """The training or the test part of a set.

    Attributes:
        prefix: what the names of its two files begin with.
        rows: how many images it has.
        images: SHA-256 of the packed file of images.
        labels: SHA-256 of the packed file of labels.
    """

    prefix: str
    rows: int
    images: str
    labels: str


@dataclass(frozen=True)
class IdxSet:
    """A set of images in four packed IDX files.

    Attributes:
        folder: where they lie in the data folder.
        address: HTTPS address of the folder that they are downloaded from.
        parts: the training and the test part.
        side: height and width of the images.
        classes: how many classes there are.
    """

    folder: str
    address: str
    parts: tuple[Part, Part]
    side: int = 28
    classes: int = 10

    def values(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Bytes `[rows, height, width, 1]` and class numbers `[rows]`; training rows come first.

        Raises:
            InputError: a file is nowhere and cannot be downloaded, or is not the right one.
        """
        chosen = {"all": self.parts, "train": self.parts[:1], "test": self.parts[1:]}[rows]
        pixels = np.concatenate([self._images(part) for part in chosen])
        targets = np.concatenate([self._labels(part) for part in chosen])
        return pixels[..., None], targets.astype(np.int64)

    def _images(self, part: Part) -> np.ndarray:
        shape = (part.rows, self.side, self.side)
        return self._read(f"{part.prefix}-images-idx3-ubyte.gz", part.images, shape)

    def _labels(self, part: Part) -> np.ndarray:
        file = f"{part.prefix}-labels-idx1-ubyte.gz"
        labels = self._read(file, part.labels, (part.rows,))
        if labels.max(initial=0) >= self.classes:
            raise InputError(f"{file!r} must hold classes below {self.classes}, got {labels.max()}")
        return labels

    def _read(self, name: str, sha256: str, shape: tuple[int, ...]) -> np.ndarray:
        file = find_or_download(
            f"{self.folder}/{name}",
            sha256=sha256,
            url=f"{self.address}/{name}",
            max_bytes=LARGEST_PACKED,
        )
        header = struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape)
        size = len(header) + int(np.prod(shape))
        content = gunzipped(file, size)
        if len(content) != size or not content.startswith(header):
            raise InputError(f"{str(file)!r} must be an IDX file of bytes of shape {list(shape)}")
        return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)


class MNIST(Data):
    """70,000 gray images of handwritten digits, 28×28 pixels, 10 classes.

    LeCun, Cortes & Burges, "The MNIST database of handwritten digits", 1998. Four files, found
    in mnist/ of the folder that the environment variable ETUDE_DATA names, or else downloaded.
    Pixels stay bytes in memory. The first 60,000 of all rows are the training part of the
    authors, the others their test part; a study deals the rows that it takes anew.

    Attributes:
        rows: "all", or "train" (60,000) or "test" (10,000) of the authors' parts.
        scale: "standard" subtracts the mean of all pixels of the training rows of each split and
            divides by their standard deviation (about 0.13 and 0.31 of white); "none" leaves
            pixels as numbers from 0 (black) to 1 (white).
    """

    rows: Rows = "all"
    scale: Literal["standard", "none"] = "standard"

    source: ClassVar[IdxSet] = IdxSet(
        "mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
        (
            Part(
                "train",
                60_000,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            Part(
                "t10k",
                10_000,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
    )
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def prepare(self) -> Prepared:
        """Find or download the files, and read them."""
        pixels, targets = self.source.values(self.rows)
        return prepare_images(pixels, targets, self.classes, scaled=self.scale == "standard")


class FashionMNIST(Data):
    """70,000 gray images of clothes, 28×28 pixels, 10 classes.

    Xiao, Rasul & Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017. Four files, found in fashion_mnist/ of the folder that the
    environment variable ETUDE_DATA names, or else downloaded. Pixels stay bytes in memory. The
    first 60,000 of all rows are the training part of the authors, the others their test part; a
    study deals the rows that it takes anew.

    Attributes:
        rows: "all", or "train" (60,000) or "test" (10,000) of the authors' parts.
        scale: "standard" subtracts the mean of all pixels of the training rows of each split and
            divides by their standard deviation (about 0.29 and 0.35 of white); "none" leaves
            pixels as numbers from 0 (black) to 1 (white).
    """

    rows: Rows = "all"
    scale: Literal["standard", "none"] = "standard"

    source: ClassVar[IdxSet] = IdxSet(
        "fashion_mnist",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/"
        "b2617bb6d3ffa2e429640350f613e3291e10b141/data/fashion",
        (
            Part(
                "train",
                60_000,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            Part(
                "t10k",
                10_000,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    )
    classes: ClassVar[tuple[str, ...]] = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )

    def prepare(self) -> Prepared:
        """Find or download the files, and read them."""
        pixels, targets = self.source.values(self.rows)
        return prepare_images(pixels, targets, self.classes, scaled=self.scale == "standard")
