"""Arrays of NumPy as tables; what a file claims is checked before it is believed.

Pickles are never loaded.
"""

from __future__ import annotations

import lzma
import math
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from etude.data.size import told, too_large
from etude.errors import InputError

if TYPE_CHECKING:
    import polars

UNREADABLE = (
    *(ValueError, EOFError, LookupError, SyntaxError, ArithmeticError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError),
)
"""What NumPy and the archive reader say of content that is none of theirs."""


def read_numpy(file: Path, max_bytes: int) -> polars.DataFrame:
    """The table in a `.npy` or `.npz` file, as `etude.data.frame.read_frame` describes it.

    Raises:
        InputError: the file is too large, claims to be, or is not what its suffix says.
    """
    try:
        arrays = _packed(file, max_bytes) if file.suffix.lower() == ".npz" else _single(file)
    except InputError:
        raise
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{told(file)} cannot be read as NumPy: {reason}") from None
    return frame_of_arrays(arrays, told(file))


def _single(file: Path) -> dict[str, np.ndarray]:
    with file.open("rb") as content:
        array = _array(content, file.stat().st_size, told(file))
    if array.dtype.names:
        return {name: array[name] for name in array.dtype.names}
    return {"": array}


def _packed(file: Path, max_bytes: int) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(file) as archive:
        expanded = sum(member.file_size for member in archive.infolist())
        if expanded > max_bytes:
            raise InputError(too_large(file, expanded, max_bytes))
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                raise InputError(f"{told(file)} must hold .npy arrays only, got {name!r}")
            if name in arrays:
                raise InputError(f"{told(file)} must have different names, got {name!r} twice")
            with archive.open(member) as content:
                place = f"{told(file)}, array {name!r}"
                arrays[name] = _array(content, member.file_size, place)
    return arrays


def _array(content: IO[bytes], size: int, place: str) -> np.ndarray:
    """An array of a file of `size` bytes; what it claims to be is checked before allocating."""
    formats = np.lib.format
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        version = formats.read_magic(content)
        header = formats.read_array_header_1_0 if version[0] == 1 else formats.read_array_header_2_0
        shape, _, dtype = header(content)
        if dtype.hasobject:
            raise InputError(f"{place} must hold numbers or text, got Python objects (a pickle)")
        claimed = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or claimed > size:
            raise InputError(
                f"{place} must be as large as its header says, {claimed:,} bytes of the shape "
                f"{list(shape)}, got {size:,}"
            )
        content.seek(0)
        return formats.read_array(content, allow_pickle=False)


def frame_of_arrays(arrays: dict[str, np.ndarray], place: str) -> polars.DataFrame:
    """A data frame of 1-D arrays (one column) and 2-D arrays (columns `name_0`, `name_1`, ...).

    The columns of the array named "" are called "0", "1", ...

    Raises:
        InputError: an array has another number of axes or rows, or holds no plain values.
    """
    import polars

    columns: dict[str, polars.Series] = {}
    rows: int | None = None
    for name, array in arrays.items():
        if array.ndim not in (1, 2) or (not name and array.ndim != 2):
            needed = "2 axes" if not name else "1 or 2 axes"
            raise InputError(f"{place}: array {name!r} must have {needed}, got shape {array.shape}")
        if array.dtype.kind not in "biufU":
            raise InputError(
                f"{place}: array {name!r} must hold numbers or text, got {array.dtype}"
            )
        if rows is not None and len(array) != rows:
            raise InputError(
                f"{place}: arrays must have one number of rows, got {rows} and {len(array)}"
            )
        rows = len(array)
        values = array.astype(np.float32) if array.dtype == np.float16 else array
        if values.dtype == np.longdouble:
            with np.errstate(over="ignore"):  # what is infinite then is refused
                values = values.astype(np.float64)
        # to the byte order of this machine, the only one polars takes
        values = values.astype(values.dtype.newbyteorder("="))
        if values.dtype.kind == "U":
            _check_code_points(values, f"{place}: array {name!r}")
        parts = [values] if array.ndim == 1 else list(values.T)
        for number, part in enumerate(parts):
            label = name if array.ndim == 1 else f"{name}_{number}" if name else str(number)
            check_name(label)
            if label in columns:
                raise InputError(f"{place}: columns must have different names, got {label!r} twice")
            content = part.tolist() if part.dtype.kind == "U" else np.ascontiguousarray(part)
            columns[label] = polars.Series(label, content)
    return polars.DataFrame(list(columns.values()))


def check_name(name: str) -> None:
    """Raise an `InputError` when the name of a column has half a character."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise InputError(f"column {name!r} must have a name in Unicode") from None


def _check_code_points(values: np.ndarray, place: str) -> None:
    """A file may say that any number is a character."""
    points = np.ascontiguousarray(values).view(np.uint32)
    if ((points > 0x10FFFF) | ((points >= 0xD800) & (points < 0xE000))).any():
        raise InputError(f"{place} must hold text in Unicode, got half or no characters")
