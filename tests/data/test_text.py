"""Text: rows, what training draws of them, and files that are no text."""

from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import etude
import etude.testing
from etude.data.base import Prepared, Source, Split
from etude.data.text import Text, TinyShakespeare, Windows, prepare_text
from etude.errors import InputError
from etude.testing.beside import source_of
from etude.validation import Holdout, KFold, TimeSeries, TrainingOnly

CONTEXT = 5


def written(folder: Path, content: bytes) -> str:
    path = folder / "some.txt"
    path.write_bytes(content)
    return str(path)


def positions(rows: int, train: np.ndarray) -> Source:
    """A text in which every symbol is its own place, so that what is read can be told."""
    inputs = np.arange(rows * CONTEXT, dtype=np.int32).reshape(rows, CONTEXT)
    weights = np.zeros(rows, np.float32)
    weights[train] = 1
    split = Split(np.resize(train, rows), np.int32(len(train)), weights)
    return Source({"inputs": inputs, "targets": inputs + 1}, (), split)


DRAWN = jax.jit(Windows().drawn)


def drawn(source: Source, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    index = np.resize(rows, 30).astype(np.int32)  # of one size, to be compiled once
    batch = DRAWN(source, index, np.ones(30), jax.random.key(seed))
    return np.asarray(batch.inputs)[: len(rows)], np.asarray(batch.targets)[: len(rows)]


def test_rows_are_consecutive_windows() -> None:
    prepared = prepare_text("abcdefghijkl", "it", "character", 4, 100)
    assert prepared.rows == 2  # the last of three windows has no symbol behind it
    np.testing.assert_array_equal(prepared.arrays["inputs"], [[0, 1, 2, 3], [4, 5, 6, 7]])
    np.testing.assert_array_equal(prepared.arrays["targets"], [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert prepare_text("abcdefghijklm", "it", "character", 4, 100).rows == 3
    spec = prepared.spec
    assert (spec.task, spec.inputs, spec.targets, spec.vocabulary) == ("tokens", (4,), 4, 12)
    assert spec.sequence == (4, 1)
    assert prepared.weights is None


def test_rows_are_judged_as_they_are() -> None:
    prepared = prepare_text("abcdefghijklmnopq", "it", "character", 4, 100)
    source = source_of(prepared, TrainingOnly().splits(4, None, 0)[0])
    batch = prepared.stream.evaluation(source, np.array([2, 0]), None, jax.random.key(0))
    np.testing.assert_array_equal(batch.inputs, [[8, 9, 10, 11], [0, 1, 2, 3]])
    np.testing.assert_array_equal(batch.targets, [[9, 10, 11, 12], [1, 2, 3, 4]])


@settings(max_examples=60, deadline=None)
@given(held=st.sets(st.integers(0, 9), max_size=9), seed=st.integers(0, 1000))
def test_no_target_of_another_role_is_drawn(held: set[int], seed: int) -> None:
    train = np.setdiff1d(np.arange(10), sorted(held))
    inputs, targets = drawn(positions(10, train), train, seed)
    np.testing.assert_array_equal(targets, inputs + 1)
    np.testing.assert_array_equal(np.diff(inputs, axis=1), 1)
    shift = inputs[:, 0] - train * CONTEXT
    assert ((shift >= 0) & (shift < CONTEXT)).all()
    # The target at place p belongs to row (p - 1) // context alone.
    assert np.isin((targets - 1) // CONTEXT, train).all()
    assert (shift[~np.isin(train + 1, train)] == 0).all()


def test_all_windows_of_training_rows_are_drawn() -> None:
    train = np.array([0, 1, 2, 5, 6, 9])
    source = positions(10, train)
    begins = {int(begin) for seed in range(60) for begin in drawn(source, train, seed)[0][:, 0]}
    moved = [begin for row in (0, 1, 5) for begin in range(row * CONTEXT, (row + 1) * CONTEXT)]
    assert begins == {*moved, 2 * CONTEXT, 6 * CONTEXT, 9 * CONTEXT}


@pytest.mark.parametrize(
    "validation",
    [
        Holdout(test=0.3, validation=0.2, shuffle=False),
        Holdout(test=0.3),
        KFold(folds=3, shuffle=False),
        KFold(folds=3),
        TimeSeries(folds=3),
    ],
    ids=str,
)
def test_held_out_rows_do_not_reach_training(validation: etude.Holdout) -> None:
    text = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 151))
    prepared = prepare_text(text, "it", "character", CONTEXT, 100)
    for split in validation.splits(prepared.rows, None, 0):
        held = np.setdiff1d(np.arange(prepared.rows), split.train)
        arrays = {name: array.copy() for name, array in prepared.arrays.items()}
        for array in arrays.values():
            array[held] = 7 - array[held]
        source = source_of(prepared, split)
        spoilt = source._replace(arrays=arrays)
        moved = 0
        for seed in range(5):
            before = drawn(source, split.train, seed)
            np.testing.assert_array_equal(before, drawn(spoilt, split.train, seed))
            moved += int((before[0] != prepared.arrays["inputs"][split.train]).any())
        assert moved == 5


def test_the_kit_is_content(tmp_path: Path) -> None:
    path = written(tmp_path, b"to be or not to be, that is the question: " * 8)
    assert etude.testing.failures(Text(path=path, context=6)) == {}
    assert etude.testing.failures(Text(path=path, context=4, unit="word", vocabulary=5)) == {}


def test_line_ends_and_marks_of_windows_are_those_of_unix(tmp_path: Path) -> None:
    plain = Text(path=written(tmp_path, "ab\ncd\né".encode()), context=2).prepare()
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "ab\r\ncd\r\né".encode())
    assert Text(path=str(path), context=2).prepare().fingerprint == plain.fingerprint
    assert plain.schema["symbols"] == ["\n", "a", "b", "c", "d", "é"]


def test_the_fingerprint_knows_what_symbols_mean() -> None:
    def fingerprint(text: str) -> str:
        return prepare_text(text, "it", "character", 2, 100).fingerprint

    assert fingerprint("ababab") != fingerprint("cdcdcd")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must hold at least 2 different symbols, got none"),
        (b"\xef\xbb\xbf", "must hold at least 2 different symbols, got none"),
        (b"aaaaaaaaaaaa", "must hold at least 2 different symbols, got only 'a'"),
        (b"abcde", "`context` must be less than the number of symbols in .*, 5, got 5"),
        (b"fine\nna\xefve text", r"line 2: must be text in UTF-8, got the byte 0xef"),
        ("Größe".encode("latin-1"), "line 1: must be text in UTF-8, got the byte 0xf6"),
        (b"one\ntwo\0three", "line 2: must be text, got a NUL character; is it UTF-16"),
        ("some text".encode("utf-16-le"), "line 1: must be text, got a NUL character"),
        ("some text".encode("utf-16"), "line 1: must be text in UTF-8, got the byte 0xff"),
        (b"\xed\xa0\x80 half a character", "line 1: must be text in UTF-8"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Text(path=written(tmp_path, content), context=5).prepare()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, message in [
        (str(tmp_path), "is a folder"),
        (str(tmp_path / "none.txt"), "does not exist"),
        ("~nobody-of-this-name/x.txt", "starts at no home"),
        ("a\0b", "does not exist"),
        ("/dev/zero", "is a device or a pipe"),
    ]:
        with pytest.raises(InputError, match=message):
            Text(path=path).prepare()
    path = written(tmp_path, b"abcdef" * 10)
    with pytest.raises(InputError, match="has 60 bytes; `max_bytes` allows 59"):
        Text(path=path, max_bytes=59).prepare()


def test_a_huge_vocabulary_is_cut() -> None:
    generator = np.random.default_rng(0)
    codes = generator.integers(0x4E00, 0x9000, 40_000)
    text = "".join(map(chr, codes))
    prepared = prepare_text(text, "it", "character", 100, 1000)
    assert prepared.spec.vocabulary == 1000
    assert prepared.schema["unknown"] is True
    counts = np.bincount(codes)
    kept = [ord(symbol) for symbol in prepared.schema["symbols"][:-1]]
    assert counts[kept].min() >= np.delete(counts, kept).max()
    words = " ".join(f"w{number}" for number in range(5000))
    assert prepare_text(words, "it", "word", 100, 70).spec.vocabulary == 70


@pytest.mark.parametrize(
    ("field", "value"),
    [("context", 0), ("vocabulary", 1), ("vocabulary", 10**6), ("unit", "byte"), ("path", "")],
)
def test_settings_out_of_range(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Text(**({"path": "x.txt"} | {field: value}))


@pytest.mark.slow
def test_the_kit_is_content_with_shakespeare(data_folder: Path) -> None:
    assert etude.testing.failures(TinyShakespeare()) == {}


def test_tiny_shakespeare(data_folder: Path) -> None:
    prepared: Prepared = TinyShakespeare().prepare()
    assert prepared.spec.vocabulary == 65
    assert prepared.rows == (1_115_394 - 1) // 64
    first = prepared.encoder.text(prepared.arrays["inputs"][0])
    assert first.startswith("First Citizen:\nBefore we proceed")
    flat = prepared.arrays["inputs"].reshape(-1)
    np.testing.assert_array_equal(prepared.arrays["targets"].reshape(-1)[:-1], flat[1:])
