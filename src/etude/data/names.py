"""Names of people, letter by letter."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from etude.data.base import Data, Prepared
from etude.data.download import find_or_download
from etude.data.symbols import TextEncoder
from etude.data.text import of_symbols

END = "."
"""Stands before and behind every name."""


class Names(Data):
    """32,033 first names, 29,494 different ones, of 2 to 15 letters (Karpathy, makemore, 2022).

    Names of the US Social Security Administration, found as text/names.txt in the folder that
    the environment variable ETUDE_DATA names, or else downloaded. A dot stands before the first
    letter and behind the last one; with it there are 27 symbols.

    With `context = 0` a row is a name: the network reads it letter by letter and gives the next
    symbol at every step (task "tokens"); a row counts as much as it has symbols. With a context
    of k a row is one symbol of a name as the class to be told from the k symbols before it, which
    are dots before the name begins (Bengio, Ducharme, Vincent & Jauvin, 2003). All rows of a name
    belong together, also where it stands there several times: `holdout` and `grouped` deal
    different names. In both forms the mean loss is the same quantity, nats per symbol.

    Attributes:
        context: symbols that the network sees of the name before; 0 for the whole name.
    """

    context: Annotated[int, Field(ge=0, le=100)] = 0

    def prepare(self) -> Prepared:
        """Find or download the file, and number its letters."""
        file = find_or_download(
            "text/names.txt",
            sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
            url="https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
            max_bytes=1024**2,
        )
        return prepare_names(file.read_text(encoding="ascii").split(), self.context)


def prepare_names(names: list[str], context: int) -> Prepared:
    """Names as rows of symbols, ready to be split; `context` as the field of `Names`."""
    letters = sorted(set("".join(names)))
    encoder = TextEncoder("character", (END, *letters), end=END)
    parts = [encoder.numbers(name) for name in names]
    # A name may stand there several times: all of them train, or judge.
    same = np.unique(names, return_inverse=True)[1]
    if not context:
        width = max(len(name) for name in names) + 1
        inputs = np.zeros((len(names), width), np.int32)
        targets = np.full((len(names), width), -1, np.int32)
        for row, part in enumerate(parts):
            inputs[row, 1 : len(part) + 1] = part
            targets[row, : len(part)] = part
            targets[row, len(part)] = 0
        return of_symbols(encoder, inputs, targets, groups=same)
    ended = [np.concatenate([np.zeros(context, np.int32), part, [0]]) for part in parts]
    windows = [np.lib.stride_tricks.sliding_window_view(part, context + 1) for part in ended]
    rows = np.concatenate(windows)
    return of_symbols(
        encoder,
        rows[:, :context],
        rows[:, context],
        classes=encoder.symbols,
        groups=np.repeat(same, [len(part) for part in windows]),
    )
