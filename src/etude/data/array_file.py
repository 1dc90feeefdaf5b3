"""Arrays in files that may be larger than memory: read in pieces, never as a whole."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from etude.batch import Spec
from etude.component import Incidental
from etude.data.arrays import UNREADABLE
from etude.data.assemble import check_rounding
from etude.data.base import Data, Prepared
from etude.data.channel_scale import ChannelScale, pieces
from etude.data.frame import expanded, no_file
from etude.data.image_encoder import ImageEncoder
from etude.data.image_file import LARGEST_SIDE
from etude.data.mapping import unmap
from etude.data.rows import InputsAndTargets
from etude.data.size import LARGEST_FILE, told, too_large
from etude.errors import InputError

MOST_CLASSES = 10_000
"""Whole numbers of more different values are no class numbers."""

PIECE_BYTES = 2**23
"""So much of a file is looked at at once."""

FileName = Annotated[str, Field(min_length=1)]


class ArrayFile(Data):
    """Rows of a .npy file, mapped to memory: the file may be larger than memory.

    `path` holds the file of inputs and that of targets, as `numpy.save` writes them. Inputs
    `[rows, ..., channels]` are numbers in single precision (float32) or bytes (uint8), in C
    order: features `[rows, features]`, series `[rows, steps, features]` or images
    `[rows, height, width, channels]`; bytes of three axes are gray images. Targets are whole
    numbers `[rows]` for classes, or numbers `[rows]` or `[rows, targets]`; they are held in memory.

    Files are looked through in pieces, once for their hash and for values that are not finite,
    and once for the scale of each split. Do not change them while a study runs.

    Inputs of more than `in_memory` bytes stay in their file. They are read block by block in every
    epoch, while those before are trained on; the blocks come in an order drawn anew, and rows are
    shuffled within their block. So save rows in no order: not class by class. Rows that judge are
    in memory.

    Attributes:
        path: the folder of both files, relative to the working folder.
        inputs: the name of the file of inputs.
        targets: the name of the file of targets.
        task: "classes" or "numbers"; "auto" takes whole numbers and booleans for classes.
        classes: the labels of the classes 0, 1, ...; without them the numbers that occur are.
        scale: "standard" subtracts from each channel the mean of the training rows of each split,
            and divides by their standard deviation; "none" leaves numbers as they are, and bytes
            as numbers from 0 to 1.
        scale_target: whether numeric targets are standardized for training. Metrics and
            predictions are in their own units in any case.
        max_bytes: a larger file of targets is refused; files of inputs may have any size.
        in_memory: inputs of up to so many bytes are in memory as a whole.
        block_bytes: inputs of more come in blocks of about so many bytes.
    """

    path: Annotated[str, Incidental(), Field(min_length=1)]
    inputs: Annotated[FileName, Incidental()] = "inputs.npy"
    targets: Annotated[FileName, Incidental()] = "targets.npy"
    task: Literal["auto", "classes", "numbers"] = "auto"
    classes: tuple[str, ...] = ()
    scale: Literal["standard", "none"] = "standard"
    scale_target: bool = True
    max_bytes: Annotated[int, Incidental(), Field(ge=1)] = LARGEST_FILE
    in_memory: Annotated[int, Incidental(), Field(ge=0)] = 2**30
    block_bytes: Annotated[int, Incidental(), Field(ge=1)] = 2**26

    def user_files(self) -> tuple[str, ...]:
        return tuple(str(Path(self.path, name)) for name in (self.inputs, self.targets))

    def prepare(self) -> Prepared:
        """Map the inputs, read the targets, and look through both."""
        inputs = self._inputs()
        exact, classes = self._targets()
        if len(exact) != len(inputs):
            raise InputError(
                f"`targets` must have a target for each of the {len(inputs):,} rows of `inputs`, "
                f"got {len(exact):,}"
            )
        if classes:
            targets = exact.astype(np.int32)
        else:
            check_rounding(exact, tuple(f"target {n}" for n in range(exact.shape[1])))
            targets = exact.astype(np.float32)
        task = "classes" if classes else "numbers"
        encoder = _encoder(inputs)
        told_of = {"task": task, "target": [], "classes": list(classes)}
        return Prepared(
            spec=Spec(task, inputs.shape[1:], 1 if classes else exact.shape[1], classes),
            stream=InputsAndTargets(),
            arrays={"inputs": inputs, "targets": targets},
            rows=len(inputs),
            fingerprint=_fingerprint(inputs, exact, told_of),
            fit=ChannelScale(
                inputs,
                None if classes or not self.scale_target else targets,
                scaled=self.scale == "standard",
            ),
            strata=exact if classes else None,
            encoder=encoder,
            schema={} if encoder is None else encoder.schema() | told_of,
            targets=exact,
            block=self._block(inputs),
        )

    def _block(self, inputs: np.ndarray) -> int:
        """The rows of a block; 0 where all are in memory. Blocks decide bits by their rows."""
        if inputs.nbytes <= self.in_memory:
            return 0
        return max(1, self.block_bytes * len(inputs) // inputs.nbytes)

    def _inputs(self) -> np.ndarray:
        array = mapped(Path(self.path, self.inputs), "inputs")
        if array.dtype not in (np.float32, np.uint8):
            raise InputError(
                f"`inputs` must hold float32 or uint8, got {array.dtype}: save them as "
                "`array.astype(numpy.float32)`"
            )
        if array.dtype == np.uint8 and array.ndim == 3:
            array = array[..., None]
        if array.ndim < 2 or array.size == 0:
            raise InputError(
                f"`inputs` must have rows of numbers, got an array of shape {list(array.shape)}"
            )
        if not array.flags.c_contiguous:
            raise InputError(
                "`inputs` must be in C order, row after row, got Fortran order: save them as "
                "`numpy.ascontiguousarray(array)`"
            )
        return array

    def _targets(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Class numbers `[rows]` and their labels, or numbers `[rows, targets]` and none."""
        file = Path(self.path, self.targets)
        array = mapped(file, "targets")
        if array.nbytes > self.max_bytes:
            raise InputError(too_large(file, array.nbytes, self.max_bytes))
        kind = array.dtype.kind
        if kind not in "biuf":
            raise InputError(f"`targets` must hold numbers, got {array.dtype}")
        chosen = self.task if self.task != "auto" else "numbers" if kind == "f" else "classes"
        if chosen == "numbers":
            return self._numbers(array), ()
        if array.ndim != 1 or kind == "f":
            raise InputError(
                "`targets` must be whole numbers [rows] for classes, got "
                f"{array.dtype} of shape {list(array.shape)}"
            )
        return self._classes(array)

    def _numbers(self, array: np.ndarray) -> np.ndarray:
        if self.classes:
            raise InputError(f"`classes` must be empty for numbers, got {len(self.classes)} labels")
        if array.ndim not in (1, 2) or array.size == 0:
            raise InputError(
                f"`targets` must have the shape [rows] or [rows, targets], got {list(array.shape)}"
            )
        exact = array.astype(np.float64).reshape(len(array), -1)
        wrong = ~np.isfinite(exact).all(axis=1)
        if wrong.any():
            raise InputError(f"`targets`, row {int(np.argmax(wrong)) + 1}: must be finite")
        return exact

    def _classes(self, array: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
        different, numbers = np.unique(array, return_inverse=True)
        if self.classes:
            if len(set(self.classes)) < max(2, len(self.classes)):
                raise InputError("`classes` must be at least 2 labels, each another")
            low, high = int(different.min(initial=0)), int(different.max(initial=0))
            if low < 0 or high >= len(self.classes):
                raise InputError(
                    f"`targets` must be numbers of the {len(self.classes)} `classes`, from 0 on, "
                    f"got {low if low < 0 else high}"
                )
            return array.astype(np.int64), self.classes
        if not 2 <= len(different) <= MOST_CLASSES:
            raise InputError(
                f"`targets` must have from 2 to {MOST_CLASSES:,} classes, got {len(different):,} "
                'different numbers; are they numbers to predict (`task` = "numbers")?'
            )
        return numbers.astype(np.int64), tuple(str(label) for label in different.tolist())


def mapped(file: Path, field: str) -> np.ndarray:
    """The array in a .npy file, mapped to memory and not to be written.

    Args:
        file: where it is.
        field: what messages call it.

    Raises:
        InputError: it is no such file, holds Python objects, or less than its header says.
    """
    file = expanded(file)
    try:
        if not file.is_file():
            raise InputError(f"`{field}` must name a file, and {told(file)} {no_file(file)}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers that Python 2 wrote
            return np.lib.format.open_memmap(file, mode="r")
    except InputError:
        raise
    except (*UNREADABLE, TypeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{told(file)} cannot be read as a .npy file: {reason}") from None


def _encoder(inputs: np.ndarray) -> ImageEncoder | None:
    """Reads image files where rows are images of bytes; None where they are something else."""
    shape = inputs.shape[1:]
    if inputs.dtype != np.uint8 or len(shape) != 3 or shape[2] not in (1, 3):
        return None
    return None if max(shape) > LARGEST_SIDE else ImageEncoder(*shape, resized=False)


def _fingerprint(inputs: np.ndarray, targets: np.ndarray, told_of: dict[str, Any]) -> str:
    """SHA-256 of both arrays and of what they mean.

    Raises:
        InputError: inputs are not finite.
    """
    digest = hashlib.sha256(json.dumps(told_of, sort_keys=True).encode())
    for name, array in (("inputs", inputs), ("targets", targets)):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        row = math.prod(array.shape[1:]) * array.itemsize
        for start, stop in pieces(len(array), row, PIECE_BYTES):
            piece = array[start:stop]
            if array.dtype.kind == "f" and not np.isfinite(piece).all():
                wrong = ~np.isfinite(piece.reshape(len(piece), -1)).all(axis=1)
                row_number = start + int(np.argmax(wrong)) + 1
                raise InputError(f"`{name}`, row {row_number}: must be finite")
            digest.update(np.ascontiguousarray(piece).data)
            unmap(array)
    return digest.hexdigest()
