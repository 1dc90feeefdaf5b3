"""Puts the makers of hostile input within reach of these tests, and a folder to meet it in."""

import os
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from command_line import Outcome, run_etude

from etude.data.base import Prepared
from etude.data.bundled import Digits
from etude.data.encoder import RatingsEncoder
from etude.data.images import prepare_images
from etude.data.mnist import MNIST, FashionMNIST
from etude.data.names import Names, prepare_names
from etude.data.ratings import MovieLens, prepare_ratings
from etude.data.text import TinyShakespeare, prepare_text


@pytest.fixture
def etude() -> Callable[..., Outcome]:
    """Runs a command in this process."""
    return run_etude


def _few_ratings(data: MovieLens) -> Prepared:
    draw = np.random.default_rng(0)
    labels = tuple(str(number) for number in range(20))
    ids, ratings = draw.integers(0, 20, (400, 2)), draw.integers(1, 6, (400, 1)).astype(float)
    encoder = RatingsEncoder(("user", "item"), labels, labels)
    return prepare_ratings(ids, ratings, encoder, "rating", data.scale_target)


def _few_names(data: Names) -> Prepared:
    return prepare_names(["anna", "bo", "cleo", "dan", "eve"] * 8, data.context)


def _few_images(data: MNIST | FashionMNIST) -> Prepared:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1)).astype(np.uint8)
    scaled = data.scale == "standard"
    return prepare_images(pixels, np.arange(60) % 10, data.classes, scaled=scaled)


def _few_lines(data: TinyShakespeare) -> Prepared:
    return prepare_text("Speak, speak.\n" * 99, "it", data.unit, data.context, data.vocabulary)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with strange files; no data are read twice or downloaded."""
    monkeypatch.setattr(Digits, "prepare", _digits)
    monkeypatch.setattr(MovieLens, "prepare", _few_ratings)
    monkeypatch.setattr(MNIST, "prepare", _few_images)
    monkeypatch.setattr(FashionMNIST, "prepare", _few_images)
    monkeypatch.setattr(Names, "prepare", _few_names)
    monkeypatch.setattr(TinyShakespeare, "prepare", _few_lines)
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "table.csv").write_text(
        "x,y\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(40))
    )
    (tmp_path / "penguins.csv").write_bytes(
        (Path(__file__).parents[2] / "examples" / "penguins.csv").read_bytes()
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


_digits = lru_cache(Digits.prepare)
