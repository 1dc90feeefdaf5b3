"""Folders of images as data."""

import json
import os

import numpy as np
import pytest
from PIL import Image

import etude.testing
from etude.data.encoder import encoder_from_schema
from etude.data.image_folder import ImageFolder
from etude.errors import InputError

GENERATOR = np.random.default_rng(4)
PIXELS = GENERATOR.integers(0, 256, (36, 6, 5, 3)).astype(np.uint8)
NAMES = ("ant", "<b>bee<b>", "=cat")


@pytest.fixture
def folder(tmp_path):
    """36 images of 3 classes, dealt in turn."""
    for number, pixels in enumerate(PIXELS):
        place = tmp_path / "set" / NAMES[number % 3]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number:02}.png")
    return tmp_path / "set"


def images(folder, **fields):
    return ImageFolder(path=str(folder), **fields)


def test_classes_are_folders_in_the_order_of_names(folder):
    data = images(folder).prepare()
    assert data.spec.classes == ("<b>bee<b>", "=cat", "ant")
    assert data.spec.inputs == data.spec.image == (6, 5, 3)
    expected = np.concatenate([PIXELS[1::3], PIXELS[2::3], PIXELS[0::3]])
    assert data.arrays["inputs"].dtype == np.uint8
    np.testing.assert_array_equal(data.arrays["inputs"], expected)
    np.testing.assert_array_equal(data.targets, np.repeat([0, 1, 2], 12))
    np.testing.assert_array_equal(data.strata, data.targets)


def test_gray_and_resized(folder):
    data = images(folder, color="gray", size=(3, 4)).prepare()
    assert data.spec.inputs == (3, 4, 1)
    oracle = Image.fromarray(PIXELS[1]).convert("L").resize((4, 3), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(data.arrays["inputs"][0, ..., 0], np.asarray(oracle))


def test_each_channel_is_scaled_by_training_rows(folder):
    data = images(folder).prepare()
    fitted = data.fit(np.arange(10), np.empty(0))
    pixels = data.arrays["inputs"][:10].astype(np.float64)
    np.testing.assert_allclose(fitted["mean"], pixels.mean((0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(fitted["factor"], 1 / pixels.std((0, 1, 2)), rtol=1e-6)


def test_folders_within_and_what_systems_leave_there(folder):
    before = images(folder).prepare().fingerprint
    within = folder / "ant" / "more" / "still"
    within.mkdir(parents=True)
    (folder / "ant" / "00.png").rename(within / "00.png")
    for litter in (".DS_Store", "ant/.DS_Store", "ant/Thumbs.db", "ant/desktop.ini", "README.md"):
        (folder / litter).touch()
    (folder / ".git").mkdir()
    (folder / "ant" / ".cache").mkdir()
    (folder / "ant" / ".cache" / "x.png").touch()
    data = images(folder).prepare()
    assert data.rows == 36
    assert data.fingerprint != before  # the order of rows is another one
    assert data.spec.classes == ("<b>bee<b>", "=cat", "ant")


def test_the_fingerprint_is_that_of_the_content(folder, tmp_path):
    before = images(folder).prepare().fingerprint
    assert images(folder, scale="none").prepare().fingerprint == before
    for file in folder.rglob("*.png"):
        Image.open(file).save(file.with_suffix(".bmp"))
        file.unlink()
    folder.rename(tmp_path / "elsewhere")
    assert images(tmp_path / "elsewhere").prepare().fingerprint == before
    (tmp_path / "elsewhere" / "ant").rename(tmp_path / "elsewhere" / "bat")
    assert images(tmp_path / "elsewhere").prepare().fingerprint != before


def test_the_encoder_comes_back_from_its_schema(folder):
    for fields in ({}, {"size": (3, 4), "color": "gray"}):
        data = images(folder, **fields).prepare()
        encoder = encoder_from_schema(json.loads(json.dumps(data.schema)))
        assert encoder == data.encoder
        encoder.check(data.spec)
        encoded = encoder.encode([folder / "<b>bee<b>", folder / "=cat", folder / "ant"])
        np.testing.assert_array_equal(encoded["inputs"], data.arrays["inputs"])


def test_conforms(folder):
    assert etude.testing.failures(images(folder)) == {}
    assert etude.testing.failures(images(folder, color="gray", size=(4, 4), scale="none")) == {}


def refused(folder, **fields):
    with pytest.raises(InputError) as error:
        images(folder, **fields).prepare()
    return str(error.value)


def test_bad_folders(folder, tmp_path):
    assert "`path` must name a folder" in refused(tmp_path / "none")
    assert "does not exist" in refused(tmp_path / "none")
    assert "is no folder" in refused(folder / "ant" / "00.png")
    os.mkdir(tmp_path / "empty")
    assert "at least 2 classes, and" in refused(tmp_path / "empty")
    os.mkdir(folder / "dog")
    assert "dog' must hold images of its class, and has none" in refused(folder)
    (folder / "dog" / "notes.txt").touch()
    assert "notes.txt' must be an image (" in refused(folder)
    (folder / "dog" / "notes.txt").unlink()
    (folder / "dog" / "link").symlink_to(folder / "ant")
    assert "is a link to a folder" in refused(folder)
    os.remove(folder / "dog" / "link")
    os.rmdir(folder / "dog")
    (folder / "dog").symlink_to(folder / "ant")
    assert "dog' is a link to a folder" in refused(folder)


def test_images_beside_the_classes_are_refused(folder):
    assert "must lie in a folder that has the name of its class" in refused(folder / "ant")


def test_sizes_must_agree_or_be_given(folder):
    Image.new("RGB", (6, 5)).save(folder / "ant" / "zz.png")
    message = refused(folder)
    assert "zz.png' must have 6 × 5 pixels (height × width), got 5 × 6" in message
    assert "`size`" in message
    assert images(folder, size=(6, 5)).prepare().rows == 37


def test_caps(folder):
    message = refused(folder, max_pixels=29)
    assert "has 6 × 5 pixels; `max_pixels` allows 29" in message
    message = refused(folder, max_bytes=36 * 90 - 1)
    assert "36 images, which take 3,240 bytes of 6 × 5 pixels; `max_bytes` allows" in message
    assert images(folder, max_bytes=36 * 90, max_pixels=30).prepare().rows == 36


def test_user_files_are_the_folder(folder):
    assert images(folder).user_files() == (str(folder),)
