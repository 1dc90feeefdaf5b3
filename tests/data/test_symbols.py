"""Symbols of a text: which there are, and the way from text to numbers and back."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.batch import Spec
from etude.data.encoder import encoder_from_schema
from etude.data.symbols import UNKNOWN, TextEncoder, numbered, split
from etude.errors import InputError

TEXTS = st.text(
    st.characters(exclude_categories=("Cs",), max_codepoint=0x1F600), min_size=1, max_size=60
)
LETTERS = TextEncoder("character", (".", "a", "b"), end=".")


def spec(steps: int, vocabulary: int, classes: tuple[str, ...] = ()) -> Spec:
    task = "classes" if classes else "tokens"
    return Spec(task, (steps,), steps, classes, (("vocabulary", vocabulary),))


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_characters_come_back(text: str) -> None:
    encoder, numbers = numbered(text, "character", 10_000)
    assert encoder.symbols == tuple(sorted(set(text)))
    assert encoder.text(numbers) == text
    np.testing.assert_array_equal(encoder.numbers(text), numbers)
    assert encoder.unknown is False


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_words_and_marks_come_back_but_for_white_space(text: str) -> None:
    encoder, numbers = numbered(text, "word", 10_000)
    assert encoder.symbols == tuple(sorted(set(split(text, "word"))))
    np.testing.assert_array_equal(encoder.numbers(text), numbers)
    kept = re.sub(r"[^\S\n]", "", text)
    assert re.sub(r"[^\S\n]", "", encoder.text(numbers)) == kept


def test_words() -> None:
    text = "Don't  stop (now), x_1!\n\n«Oui»: 3.5—end"
    assert split(text, "word") == [
        *("Don't", "stop", "(", "now", ")", ",", "x_1", "!", "\n", "\n"),
        *("«", "Oui", "»", ":", "3", ".", "5", "—", "end"),
    ]
    encoder, numbers = numbered(text, "word", 100)
    assert encoder.text(numbers) == "Don't stop (now), x_1!\n\n«Oui»: 3. 5 — end"
    assert max(map(len, split("x" * 1000, "word"))) == 100


@pytest.mark.parametrize("unit", ["character", "word"])
def test_the_rarest_symbols_become_one(unit: str) -> None:
    text = "a b a c c c d e a"
    joined = text if unit == "word" else text.replace(" ", "")
    encoder, numbers = numbered(joined, unit, 3)  # type: ignore[arg-type]
    assert encoder.symbols == ("a", "c", UNKNOWN)
    np.testing.assert_array_equal(numbers, [0, 2, 0, 1, 1, 1, 2, 2, 0])
    np.testing.assert_array_equal(encoder.numbers("zac"), [2, 0, 1] if unit == "character" else [2])
    whole, _ = numbered(joined, unit, 5)  # type: ignore[arg-type]
    assert whole.symbols == ("a", "b", "c", "d", "e")


def test_symbols_that_are_not_known_are_named() -> None:
    with pytest.raises(InputError, match=r"knows 3 symbols, and these are none of them: 'x', 'é'$"):
        LETTERS.numbers("axbéx")
    with pytest.raises(InputError, match=r"'c', 'd', 'e', .*, 'l' and 4 more"):
        LETTERS.numbers("acdefghijklmnop")
    with pytest.raises(InputError, match=r"'\\x1b'"):
        LETTERS.numbers("\x1b[31m")


def test_tables_are_answered_with_what_to_do() -> None:
    with pytest.raises(InputError, match="it continues text, see `etude sample`"):
        LETTERS.encode(None)


@pytest.mark.parametrize(
    "encoder",
    [
        LETTERS,
        TextEncoder("character", ("\n", "é", "\u202e", UNKNOWN), unknown=True),
        TextEncoder("word", ("\n", ",", "hello", UNKNOWN), unknown=True),
    ],
)
def test_made_again_from_its_schema(encoder: TextEncoder) -> None:
    schema = encoder.schema() | {"task": "tokens", "target": ["next symbol"], "classes": []}
    again = encoder_from_schema(schema)
    assert again == encoder
    again.check(spec(4, len(encoder.symbols)))


@pytest.mark.parametrize(
    ("changed", "sizes", "message"),
    [
        ({}, spec(4, 4), "`symbols` must be 4, got 3"),
        ({"symbols": (".", "a", "a")}, spec(4, 3), "must differ from one another"),
        ({"symbols": (".", "a", "bc")}, spec(4, 3), "must be of the unit character"),
        ({"symbols": (".", "a", "")}, spec(4, 3), "must be of the unit character"),
        ({"unit": "word", "symbols": (".", "a", "b c")}, spec(4, 3), "must be of the unit word"),
        ({"unknown": True}, spec(4, 3), "the last of `symbols` must be '<unknown>'"),
        ({"end": "z"}, spec(4, 3), "`end` must be one of `symbols`, got 'z'"),
        ({"end": ""}, spec(4, 3, (".", "a", "b")), "`end` must be one of `symbols`, got ''"),
        ({}, spec(4, 3, ("x", "a", "b")), "`classes` must be `symbols`"),
        ({}, spec(0, 3), "must have from 1 to 65,536 steps"),
        ({}, spec(10**9, 3), "must have from 1 to 65,536 steps"),
        ({}, replace(spec(4, 3), inputs=(4, 2)), r"got inputs of shape \[4, 2\]"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, object], sizes: Spec, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(LETTERS, **changed).check(sizes)


@pytest.mark.parametrize(
    "changed",
    [{"unit": "letter"}, {"symbols": "ab"}, {"symbols": [1]}, {"unknown": "yes"}, {"end": None}],
)
def test_a_schema_of_other_types_is_refused(changed: dict[str, object]) -> None:
    schema = LETTERS.schema() | {"task": "tokens", "target": [], "classes": []} | changed
    with pytest.raises(InputError, match=f"`{next(iter(changed))}.* of `schema`"):
        encoder_from_schema(schema)
