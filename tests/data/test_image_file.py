"""Image files of every kind that is read, as the bytes that a network sees."""

import io

import numpy as np
import pytest
from PIL import Image

from etude.data.image_encoder import ImageEncoder
from etude.data.image_file import image_files, image_size, read_images
from etude.errors import InputError

GENERATOR = np.random.default_rng(0)
GRAY = GENERATOR.integers(0, 256, (5, 7)).astype(np.uint8)
COLOURED = GENERATOR.integers(0, 256, (5, 7, 3)).astype(np.uint8)


def read(file, channels, shape=(5, 7), resized=False):
    return read_images([file], (*shape, channels), resized)[0]


def luma(pixels):
    return pixels @ np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "gif"])
def test_gray_without_loss(tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(GRAY).save(file)
    np.testing.assert_array_equal(read(file, 1)[..., 0], GRAY)
    np.testing.assert_array_equal(read(file, 3), np.repeat(GRAY[..., None], 3, 2))
    assert image_size(file) == (5, 7)


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "webp"])
def test_colours_without_loss(tmp_path, suffix):
    file = tmp_path / f"a.{suffix}"
    Image.fromarray(COLOURED).save(file, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(read(file, 3), COLOURED)
    assert np.abs(read(file, 1)[..., 0] - luma(COLOURED)).max() <= 1


def test_jpeg(tmp_path):
    smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.JPG", quality=95)
    assert np.abs(read(tmp_path / "a.JPG", 1, (40, 60))[..., 0] - smooth.astype(int)).max() <= 3


def test_the_content_decides_whatever_the_suffix_says(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read(tmp_path / "a.jpg", 1)[..., 0], GRAY)


def test_sixteen_bits_give_the_upper_eight(tmp_path):
    wide = GENERATOR.integers(0, 2**16, (5, 7)).astype(np.uint16)
    Image.fromarray(wide).save(tmp_path / "a.png")
    (tmp_path / "a.pgm").write_bytes(b"P5 7 5 65535\n" + wide.astype(">u2").tobytes())
    for name in ("a.png", "a.pgm"):
        np.testing.assert_array_equal(read(tmp_path / name, 1)[..., 0], wide >> 8)


def test_transparency_is_left_out(tmp_path):
    alpha = GENERATOR.integers(0, 256, (5, 7, 1)).astype(np.uint8)
    Image.fromarray(np.concatenate([COLOURED, alpha], 2)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read(tmp_path / "a.png", 3), COLOURED)


def test_palettes_with_transparency(tmp_path):
    image = Image.frombytes("P", (7, 5), (GRAY % 4).tobytes())
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])
    image.save(tmp_path / "a.png", transparency=bytes([0, 100, 200, 255]))
    expected = np.array(image.getpalette()[:12]).reshape(4, 3)[np.asarray(image)]
    np.testing.assert_array_equal(read(tmp_path / "a.png", 3), expected)


def test_turned_as_the_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(GRAY).save(tmp_path / "a.png", exif=exif)
    turned = np.rot90(GRAY, -1)
    np.testing.assert_array_equal(read(tmp_path / "a.png", 1, (7, 5))[..., 0], turned)
    assert image_size(tmp_path / "a.png") == (7, 5)


def test_first_image_of_an_animation(tmp_path):
    frames = [Image.fromarray(np.full((5, 7), 50 * n, np.uint8)) for n in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (read(tmp_path / "a.gif", 1) == 0).all()


def test_shrunk_images_are_averages(tmp_path):
    """Bilinear with a support of the whole shrunken pixel: no pixel is skipped."""
    checks = (np.indices((40, 40)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "a.png")
    small = read(tmp_path / "a.png", 1, (8, 10), resized=True)
    assert small.shape == (8, 10, 1)
    assert np.abs(small.astype(int) - 127).max() <= 10


def test_other_sizes_are_refused(tmp_path):
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a.png' must have 5 × 8 pixels .* got 5 × 7"):
        read(tmp_path / "a.png", 1, (5, 8))


def test_many_images_stay_in_their_order(tmp_path):
    files = []
    for number in range(300):
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((2, 2), number % 256, np.uint8)).save(files[-1])
    pixels = read_images(files, (2, 2, 1), False)
    np.testing.assert_array_equal(pixels[:, 0, 0, 0], np.arange(300) % 256)


def test_files_of_a_folder(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("b/2.png", "1.JPEG", "c.png", ".d.png", ".hidden/e.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path)
    names = [file.relative_to(tmp_path).as_posix() for file in image_files(tmp_path)]
    assert names == ["1.JPEG", "b/2.png", "c.png"]
    assert image_files(tmp_path / "c.png") == (tmp_path / "c.png",)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"must hold images .* and has none"):
        image_files(tmp_path / "empty")


def test_encoder(tmp_path):
    Image.fromarray(COLOURED).save(tmp_path / "a.png")
    Image.fromarray(GRAY).save(tmp_path / "b.png")
    encoder = ImageEncoder(5, 7, 3, False)
    both = encoder.encode(tmp_path)["inputs"]
    assert (both.shape, both.dtype) == ((2, 5, 7, 3), np.uint8)
    np.testing.assert_array_equal(both[0], COLOURED)
    again = encoder.encode([str(tmp_path / "b.png"), tmp_path / "a.png"])["inputs"]
    np.testing.assert_array_equal(again, both[::-1])
    for wrong in (3, [b"a.png"], io.BytesIO()):
        with pytest.raises(InputError, match="`rows` must be an array of bytes, or name image"):
            encoder.encode(wrong)
