"""Text for language models: windows of symbols, each with the symbols that follow."""

from __future__ import annotations

from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Incidental
from etude.data.assemble import fingerprint
from etude.data.base import Data, Prepared, Source
from etude.data.download import find_or_download
from etude.data.frame import expanded, no_file
from etude.data.rows import InputsAndTargets, Rows
from etude.data.size import told, too_large
from etude.data.symbols import MOST_STEPS, MOST_SYMBOLS, TextEncoder, Unit, numbered
from etude.errors import InputError
from etude.keys import hashed_bits

LARGEST_TEXT = 256 * 1024**2
"""Texts of more bytes are refused unless the limit is raised."""

Context = Annotated[int, Field(ge=1, le=MOST_STEPS)]
"""Symbols that a row is."""

Vocabulary = Annotated[int, Field(ge=2, le=MOST_SYMBOLS)]
"""How many symbols are told apart."""


class Windows(Rows):
    """Windows of one text, which training moves along it.

    Row i is the symbols i·c to (i + 1)·c − 1 with those that follow each of them as targets, c
    being the context. A row is judged as it is. Training draws its window 0 to c − 1 symbols
    later each time, so that all windows are seen, not only those that begin at a multiple of c.
    A window that is moved ends within the next row, so it is moved only where that is a training
    row too: targets of other rows are never trained on. The last target of a row is the symbol
    with which the next one begins, and no other row has it as a target.
    """

    def gather(self, source: Source, index: jax.Array, weights: jax.Array) -> Batch:
        arrays = source.arrays
        inputs, targets = (jnp.take(arrays[n], index, axis=0, mode="clip") for n in _ARRAYS)
        return Batch(inputs, targets, weights)

    def drawn(self, source: Source, index: jax.Array, weights: jax.Array, key: jax.Array) -> Batch:
        rows, context = source.arrays["inputs"].shape
        following = jnp.minimum(index + 1, rows - 1)
        moves = (following > index) & (source.split.weights[following] > 0)
        shift = hashed_bits(key, index.astype(jnp.uint32)) % jnp.uint32(context)
        begin = index * context + jnp.where(moves, shift.astype(index.dtype), 0)
        # Rows lie one after the other, so that the flat arrays are the text.
        places = begin[:, None] + jnp.arange(context, dtype=index.dtype)
        inputs, targets = (
            jnp.take(source.arrays[name].reshape(-1), places, mode="clip") for name in _ARRAYS
        )
        return Batch(inputs, targets, weights)


_ARRAYS = ("inputs", "targets")


def prepare_text(text: str, place: str, unit: Unit, context: int, vocabulary: int) -> Prepared:
    """A text as rows of symbols, ready to be split.

    Args:
        text: the whole text.
        place: what messages call it.
        unit, context, vocabulary: as the fields of `Text`.

    Raises:
        InputError: it is shorter than a row, or has fewer than two symbols.
    """
    encoder, numbers = numbered(text, unit, vocabulary)
    if len(encoder.symbols) < 2:
        raise InputError(
            f"{place} must hold at least 2 different symbols, got "
            + (f"only {encoder.symbols[0]!r}" if encoder.symbols else "none")
        )
    rows = (len(numbers) - 1) // context
    if rows < 1:
        raise InputError(
            f"`context` must be less than the number of symbols in {place}, {len(numbers)}, "
            f"got {context}"
        )
    end = rows * context
    return of_symbols(
        encoder,
        numbers[:end].reshape(rows, context),
        numbers[1 : end + 1].reshape(rows, context),
        stream=Windows(),
    )


def of_symbols(
    encoder: TextEncoder,
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    stream: Rows | None = None,
    classes: tuple[str, ...] = (),
    groups: np.ndarray | None = None,
) -> Prepared:
    """Rows of symbols, ready to be split.

    Args:
        encoder: knows the symbols.
        inputs: `[rows, steps]` numbers of symbols.
        targets: likewise, -1 where a step has no target; or `[rows]`, one symbol for each row.
        stream: how rows are drawn; by default as they are.
        classes: the symbols where each row has one target.
        groups: `[rows]` group numbers, if there are groups.
    """
    task = "classes" if classes else "tokens"
    schema = encoder.schema() | {
        "task": task,
        "target": ["next symbol"],
        "classes": list(classes),
    }
    content = {"inputs": inputs, "targets": targets}
    if groups is not None:
        content["groups"] = groups
    counts = (targets >= 0).reshape(len(targets), -1).sum(axis=1)
    same = counts.min() == counts.max()
    return Prepared(
        spec=Spec(
            task=task,
            inputs=inputs.shape[1:],
            targets=1 if classes else targets.shape[1],
            classes=classes,
            sizes=(("vocabulary", len(encoder.symbols)),),
        ),
        stream=InputsAndTargets() if stream is None else stream,
        arrays={
            name: np.ascontiguousarray(array, np.int32)
            for name, array in zip(_ARRAYS, (inputs, targets), strict=True)
        },
        rows=len(inputs),
        fingerprint=fingerprint(content, schema),
        strata=targets if classes else None,
        groups=groups,
        encoder=encoder,
        schema=schema,
        targets=targets,
        weights=None if same else counts / counts.mean(),
    )


class Text(Data):
    """Any text: what comes next, symbol by symbol.

    Rows are consecutive windows of `context` symbols that do not overlap, in the order of the
    text; symbols behind the last whole window are left out. The target at every step is the
    symbol that follows. Training draws each row's window a little later, from 0 to context − 1
    symbols anew each time, but never into a row that is held out (`Windows`).

    The vocabulary is that of the whole text, like the categories of a table: which symbols there
    are is a size of the network, not something that it learns. A text is a series; to judge a
    model on its end, use `holdout` with `shuffle = false`.

    Attributes:
        path: a file in UTF-8, relative to the working folder.
        unit: "character", or "word": words, marks of punctuation and line breaks, other white
            space being left out.
        context: symbols of a row, which are all that a network sees of the text before.
        vocabulary: at most so many symbols are told apart; the rarest beyond become one symbol
            for what is not known.
        max_bytes: larger files are refused.
    """

    path: Annotated[str, Incidental(), Field(min_length=1)]
    unit: Unit = "character"
    context: Context = 64
    vocabulary: Vocabulary = 10_000
    max_bytes: Annotated[int, Incidental(), Field(ge=1, lt=2**31)] = LARGEST_TEXT

    def user_files(self) -> tuple[str, ...]:
        return (self.path,)

    def prepare(self) -> Prepared:
        """Read the file and number its symbols."""
        text = read_text(self.path, self.max_bytes)
        return prepare_text(text, told(self.path), self.unit, self.context, self.vocabulary)


class TinyShakespeare(Data):
    """40,000 lines of Shakespeare's plays, 1,115,394 characters of 65 kinds (Karpathy, 2015).

    Found as text/tinyshakespeare.txt in the folder that the environment variable ETUDE_DATA
    names, or else downloaded. Rows and targets are those of `text`.

    Attributes:
        unit: "character", or "word": words, marks of punctuation and line breaks.
        context: symbols of a row.
        vocabulary: at most so many symbols are told apart.
    """

    unit: Unit = "character"
    context: Context = 64
    vocabulary: Vocabulary = 10_000

    def prepare(self) -> Prepared:
        """Find or download the file, and number its symbols."""
        file = find_or_download(
            "text/tinyshakespeare.txt",
            sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/"
            "tinyshakespeare/input.txt",
            max_bytes=4 * 1024**2,
        )
        text = file.read_text(encoding="utf-8")
        return prepare_text(text, self.name, self.unit, self.context, self.vocabulary)


def read_text(path: str, max_bytes: int) -> str:
    """The text of a file in UTF-8; line ends of Windows become those of Unix.

    Raises:
        InputError: there is no such file, it is too large, or it holds no text in UTF-8.
    """
    file = expanded(path)
    try:
        if not file.is_file():
            raise InputError(f"`path` must name a file, and {told(path)} {no_file(file)}")
        size = file.stat().st_size
        if size > max_bytes:
            raise InputError(too_large(file, size, max_bytes))
        with file.open("rb") as opened:
            content = opened.read(max_bytes + 1)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"`path` cannot be read ({reason}), got {told(path)}") from None
    if len(content) > max_bytes:  # it has grown since
        raise InputError(too_large(file, len(content), max_bytes))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{told(path)}, line {line}: must be text in UTF-8, got the byte "
            f"0x{content[error.start]:02x}"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(
            f"{told(path)}, line {line}: must be text, got a NUL character; is it UTF-16, or no "
            "text at all?"
        )
    return text.replace("\r\n", "\n")
