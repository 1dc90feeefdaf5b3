"""Text as numbers: the symbols of a text, and what a network of text knows of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from etude.batch import Spec
from etude.errors import InputError

Unit = Literal["character", "word"]
"""What one symbol is."""

WORDS = re.compile(r"\n|\w(?:[\w'’]{0,98}\w)?|[^\w\s]")
"""Line breaks, words of at most 100 characters, and single marks of punctuation."""

UNKNOWN = "<unknown>"
"""Stands for all symbols that are too rare. No text has it: it would be three symbols or more."""

NO_SPACE_BEFORE, NO_SPACE_AFTER = set(",.;:!?)]}»”’…"), set("([{«“‘")

MOST_SYMBOLS = 65_536
"""A vocabulary is at most so large: outputs have a number for each symbol at every step."""

MOST_STEPS = 65_536
"""A row has at most so many symbols."""

MOST_TOLD = 10
"""So many symbols that are not known are named."""


@dataclass(frozen=True)
class TextEncoder:
    """Encodes text as numbers of symbols.

    Attributes:
        unit: what a symbol is: a character, or a word or mark of punctuation.
        symbols: the symbols in the order of their numbers.
        unknown: whether the last symbol stands for all that are none of the others.
        end: the symbol that stands before the first and behind the last one of a text; "" where
            texts have neither beginning nor end.
    """

    unit: Unit
    symbols: tuple[str, ...]
    unknown: bool = False
    end: str = ""

    def schema(self) -> dict[str, Any]:
        """All that the encoder knows, as JSON values."""
        return {
            "encoder": "text",
            "unit": self.unit,
            "symbols": list(self.symbols),
            "unknown": self.unknown,
            "end": self.end,
        }

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when symbols of these sizes are not what the encoder makes."""
        known = self.symbols[: len(self.symbols) - self.unknown]
        if spec.task not in ("tokens", "classes"):
            raise InputError(f"symbols must be followed by symbols, got the task {spec.task!r}")
        if len(spec.inputs) != 1 or not 1 <= spec.inputs[0] <= MOST_STEPS:
            raise InputError(
                f"a row of symbols must have from 1 to {MOST_STEPS:,} steps, got inputs of shape "
                f"{list(spec.inputs)}"
            )
        if len(self.symbols) != spec.vocabulary:
            raise InputError(f"`symbols` must be {spec.vocabulary}, got {len(self.symbols)}")
        if len(set(self.symbols)) != len(self.symbols):
            raise InputError("`symbols` must differ from one another")
        if any(split(symbol, self.unit) != [symbol] for symbol in known):
            raise InputError(f"`symbols` must be of the unit {self.unit}")
        if self.unknown and self.symbols[-1] != UNKNOWN:
            raise InputError(f"the last of `symbols` must be {UNKNOWN!r}")
        if (self.end or spec.task == "classes") and self.end not in known:
            raise InputError(f"`end` must be one of `symbols`, got {self.end!r}")
        if spec.task == "classes" and spec.classes != self.symbols:
            raise InputError("`classes` must be `symbols` where a row has one target")

    def encode(self, frame: Any) -> dict[str, np.ndarray]:
        """New rows are no tables: always an `InputError` that says what to do instead."""
        raise InputError(
            "a network of text takes no tables: it continues text, see `etude sample` and "
            "`Network.sample`"
        )

    def numbers(self, text: str) -> np.ndarray:
        """The numbers of a text's symbols.

        Raises:
            InputError: symbols are not known, and none stands for those; the message names them.
        """
        place = {symbol: number for number, symbol in enumerate(self.symbols)}
        if self.unknown:
            other = len(self.symbols) - 1
            return np.array([place.get(s, other) for s in split(text, self.unit)], np.int32)
        found = split(text, self.unit)
        strange = list(dict.fromkeys(symbol for symbol in found if symbol not in place))
        if strange:
            told = ", ".join(repr(symbol) for symbol in strange[:MOST_TOLD])
            more = f" and {len(strange) - MOST_TOLD} more" if len(strange) > MOST_TOLD else ""
            raise InputError(
                f"the network knows {len(place)} symbols, and these are none of them: {told}{more}"
            )
        return np.array([place[symbol] for symbol in found], np.int32)

    def text(self, numbers: Iterable[int]) -> str:
        """The text of these symbols; the white space between words is guessed."""
        symbols = [self.symbols[number] for number in numbers]
        return "".join(symbols) if self.unit == "character" else _joined(symbols)


def split(text: str, unit: Unit) -> list[str]:
    """The symbols of a text. Between words white space is lost, but for line breaks."""
    return list(text) if unit == "character" else WORDS.findall(text)


def numbered(text: str, unit: Unit, vocabulary: int) -> tuple[TextEncoder, np.ndarray]:
    """The symbols of a text in order, and the text as their numbers `[symbols of the text]`.

    Args:
        text: what is read.
        unit: what a symbol is.
        vocabulary: at most so many symbols are told apart. If there are more, the rarest ones
            become one, and of equally rare ones the later in order.
    """
    names, numbers = _characters(text) if unit == "character" else _words(text)
    counts = np.bincount(numbers, minlength=len(names))
    ordered = sorted(range(len(names)), key=names.__getitem__)
    unknown = len(names) > vocabulary
    if unknown:
        frequent = sorted(ordered, key=lambda number: -counts[number])[: vocabulary - 1]
        chosen = set(frequent)
        ordered = [number for number in ordered if number in chosen]
    place = np.full(len(names), len(ordered), np.int32)
    place[ordered] = np.arange(len(ordered), dtype=np.int32)
    symbols = tuple(names[number] for number in ordered) + ((UNKNOWN,) if unknown else ())
    return TextEncoder(unit, symbols, unknown), place[numbers]


def _characters(text: str) -> tuple[list[str], np.ndarray]:
    """The different characters, and the text as their numbers."""
    codes = np.frombuffer(text.encode("utf-32-le"), "<u4")
    present = np.zeros(0x110000, bool)
    present[codes] = True
    known = np.flatnonzero(present)
    place = np.zeros(0x110000, np.int32)
    place[known] = np.arange(len(known), dtype=np.int32)
    return [chr(code) for code in known], place[codes]


def _words(text: str) -> tuple[list[str], np.ndarray]:
    """The different words and marks, and the text as their numbers."""
    place: dict[str, int] = {}
    found = (place.setdefault(match[0], len(place)) for match in WORDS.finditer(text))
    numbers = np.fromiter(found, np.int32)
    return list(place), numbers


def _joined(symbols: list[str]) -> str:
    parts: list[str] = []
    before = "\n"
    for symbol in symbols:
        spaced = "\n" not in (before, symbol)
        if spaced and symbol not in NO_SPACE_BEFORE and before not in NO_SPACE_AFTER:
            parts.append(" ")
        parts.append(symbol)
        before = symbol
    return "".join(parts)
