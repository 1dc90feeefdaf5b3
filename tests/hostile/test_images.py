"""Hostile images: each is planned, or refused in one sentence that names the file."""

import io
import os
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import peak_bytes
from PIL import Image

from etude.data.image_file import image_files, read_images
from etude.data.image_folder import ImageFolder
from etude.errors import InputError

MUTANTS, PARTS = 600, 6

STUDY = """
data = { name = "image_folder", path = "photos", size = [8, 8] }
model = { name = "linear" }
loss = { name = "cross_entropy" }
algorithm = { name = "sgd", epochs = 1 }
validation = { name = "kfold", folds = 2 }
"""

PIXELS = (np.indices((24, 20)).sum(0)[..., None] * [3, 5, 1] % 256).astype(np.uint8)


def encoded(form: str, **fields: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(PIXELS).save(content, form, **fields)
    return content.getvalue()


KINDS = {
    "png": encoded("PNG"),
    "jpg": encoded("JPEG"),
    "bmp": encoded("BMP"),
    "gif": encoded("GIF"),
    "webp": encoded("WEBP"),
    "ppm": encoded("PPM"),
}


def chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(width: int, height: int, pixels: bytes = b"", before: bytes = b"") -> bytes:
    """A PNG that claims a size, whatever its pixels are."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


CASES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is no BMP, GIF, JPEG, PNG, PPM or WEBP"),
    "text": (b"class,x\n1,2\n", "it is no BMP"),
    "markup": (b"<svg onload='alert(1)'/>", "it is no BMP"),
    "program": (b"%!PS-Adobe-3.0\n(x) print\n", "it is no BMP"),
    "pickle": (b"\x80\x04\x95\x00", "it is no BMP"),
    "TIFF": (encoded("TIFF"), "it is no BMP"),
    "truncated PNG": (KINDS["png"][:-60], "cannot be read as an image"),
    "truncated JPEG": (KINDS["jpg"][:-90], "cannot be read as an image"),
    "truncated WebP": (KINDS["webp"][:-90], "cannot be read as an image"),
    "truncated BMP": (KINDS["bmp"][:-90], "cannot be read as an image"),
    "head alone": (KINDS["png"][:33], "cannot be read as an image"),
    "wide": (png(200_000, 200_000), "cannot be read as an image"),
    "wider than the limit": (png(10_000, 10_000), "has 10,000 × 10,000 pixels; `max_pixels`"),
    "flat": (png(2**31 - 1, 1), "cannot be read as an image"),
    "no pixels": (png(0, 0), "cannot be read as an image"),
    "bomb": (png(10_000, 10_000, zlib.compress(bytes(100_010_000))), "`max_pixels` allows"),
    "more pixels than it claims": (png(8, 8, zlib.compress(bytes(100_000_000))), ""),
    "fewer pixels than it claims": (png(80, 80, zlib.compress(bytes(90))), "cannot be read"),
    "bomb of text": (
        png(8, 8, zlib.compress(bytes(72)), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8)))),
        "cannot be read as an image",
    ),
    "large PGM": (b"P5 60000 60000 255\n", "cannot be read as an image"),
}
"""What a file holds, and what is said of it; nothing where it is read."""


@pytest.fixture
def photos(place: Path) -> Path:
    """Two classes of two images, and a study of them."""
    for name in ("ant", "bee"):
        (place / "photos" / name).mkdir(parents=True)
        for number in range(2):
            (place / "photos" / name / f"{number}.png").write_bytes(KINDS["png"])
    (place / "study.toml").write_text(STUDY)
    return place / "photos"


def assert_refused(outcome: Any, *reasons: str) -> None:
    """One printable line."""
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: ")
    line = outcome.err.removesuffix("\n")
    assert line.isprintable()
    assert len(line) <= 1100
    for reason in reasons:
        assert reason in line, line


@pytest.mark.parametrize("title", CASES)
def test_every_case(title: str, photos: Path, etude: Callable[..., Any]) -> None:
    content, reason = CASES[title]
    (photos / "bee" / "z.png").write_bytes(content)
    outcome = etude("check", "study.toml")
    if reason:
        assert_refused(outcome, "z.png'", reason)
    else:
        assert (outcome.code, outcome.err) == (0, "")
    assert outcome.grown < 2**27


@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_files_are_read_or_refused(part: int, tmp_path: Path) -> None:
    before, read = peak_bytes(), 0
    refused: list[str] = []
    for number in range(part, MUTANTS, PARTS):
        draw = random.Random(number)
        suffix = draw.choice(list(KINDS))
        content = bytearray(KINDS[suffix])
        for _ in range(draw.choice((1, 1, 4, 40))):
            content[draw.randrange(len(content) if draw.random() < 0.3 else 60)] = draw.choice(
                (0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256))
            )
        if draw.random() < 0.2:
            del content[draw.randrange(len(content)) :]
        file = tmp_path / f"{number}.{suffix}"
        file.write_bytes(content)
        try:
            pixels = read_images([file], (8, 8, 3), True)
            read += 1
            assert (pixels.shape, pixels.dtype) == ((1, 8, 8, 3), np.uint8)
        except InputError as error:
            refused.append(str(error))
    assert read
    assert refused
    for message in refused:
        assert message.startswith(f"'{tmp_path}/")
        assert message.isprintable()
        assert "0x" not in message
    assert peak_bytes() - before < 2**30


def test_places_that_hold_no_image(photos: Path, etude: Callable[..., Any]) -> None:
    file = photos / "bee" / "z.png"
    for make, reason in (
        (lambda: os.mkfifo(file), "must be an image, and is a device or a pipe"),
        (lambda: file.symlink_to("/dev/zero"), "must be an image, and is a device or a pipe"),
        (lambda: file.symlink_to("z.png"), "must be an image, and does not exist"),
        (lambda: file.symlink_to("none.png"), "must be an image, and does not exist"),
        (lambda: file.symlink_to("/etc/hostname"), "it is no BMP"),
    ):
        make()
        assert_refused(etude("check", "study.toml"), "z.png'", reason)
        file.unlink()
    (photos / "bee" / "all").symlink_to("/")
    assert_refused(etude("check", "study.toml"), "all' is a link to a folder")
    (photos / "bee" / "all").unlink()
    file.symlink_to(photos / "ant" / "0.png")
    assert etude("check", "study.toml").code == 0


def test_names_that_are_no_text(photos: Path, etude: Callable[..., Any]) -> None:
    """Files may be called anything; a folder names a class, which is text."""
    evil = b"\xff\x1b[31m\n=1.png"
    (photos / "bee" / os.fsdecode(evil)).write_bytes(KINDS["jpg"])
    assert etude("check", "study.toml").code == 0
    (photos / "bee" / os.fsdecode(evil)).write_bytes(b"")
    assert_refused(etude("check", "study.toml"), "\\x1b[31m", "it is no BMP")
    (photos / "bee" / os.fsdecode(evil)).unlink()
    (photos / "bee").rename(photos / os.fsdecode(b"bee\xff"))
    assert_refused(etude("check", "study.toml"), "bee\\udcff' must have a name in UTF-8")


def test_hidden_and_strange_classes_are_labels_and_nothing_more(photos: Path) -> None:
    (photos / "bee").rename(photos / "<script>alert(1)<script>\x1b[31m\u202e=1")
    data = ImageFolder(path=str(photos), size=(8, 8)).prepare()
    assert data.spec.classes == ("<script>alert(1)<script>\x1b[31m\u202e=1", "ant")


def test_fields_out_of_range(photos: Path, etude: Callable[..., Any]) -> None:
    for old, new, reason in (
        ("[8, 8]", "[0, 8]", "`size[0]` must be at least 1"),
        ("[8, 8]", "[8, 100000]", "must be at most 4096"),
        ("[8, 8]", "[8]", "`size`"),
        ("[8, 8]", '[8, 8], color = "blue"', "`color`"),
        ("[8, 8]", "[8, 8], max_pixels = 1000000000", "`max_pixels` must be at most 178956970"),
        ("[8, 8]", "[8, 8], max_bytes = 10", "`max_bytes` allows 10"),
        ('"photos"', '"none"', "`path` must name a folder"),
        ('"photos"', '"study.toml"', "`path` must name a folder"),
        ('"photos"', '"photos\\u0000"', "`path`"),
        ('"photos"', '"~nobody/x"', "`path`"),
        ('"photos"', '"' + "x" * 5000 + '"', "`path`"),
    ):
        (photos.parent / "study.toml").write_text(STUDY.replace(old, new))
        outcome = etude("check", "study.toml")
        assert (outcome.code, outcome.out) == (2, "")
        assert reason in outcome.err, outcome.err
        assert all(len(line) <= 1100 for line in outcome.err.split("\n"))


def test_unreadable_folders(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(InputError, match=r"`path` cannot be read \(Permission denied\)"):
        ImageFolder(path=str(photos)).prepare()
    with pytest.raises(InputError, match=r"photos' cannot be read: Permission denied"):
        image_files(photos)
