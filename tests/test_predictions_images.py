"""A saved network labels images: files, folders and arrays of pixels."""

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from PIL import Image

import etude
from etude import predictions
from etude.data.array_file import ArrayFile
from etude.data.images import prepare_images
from etude.errors import InputError
from etude.loss.base import Loss
from etude.network import Network, network_of
from etude.predictions import predictions_csv

SIZE = (6, 5, 3)
PIXELS = np.random.default_rng(0).integers(0, 256, (20, *SIZE)).astype(np.uint8)


def network(prepared: object, loss: Loss, folder: Path) -> Network:
    """A network with its first weights, saved and loaded."""
    from etude.data.base import Prepared

    assert isinstance(prepared, Prepared)
    model = etude.MLP(widths=(4,))
    outputs = loss.outputs(prepared.spec)
    module = model.build(prepared.spec, outputs, nnx.Rngs(0))
    fitted = prepared.fit(np.arange(prepared.rows), np.empty(0))
    choice = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    network_of(prepared, model, loss, module, fitted, choice, {}).save(folder)
    return etude.load(folder)


def of_images(folder: Path, resized: bool = False) -> Network:
    classes = ("=a", "<b>", "c")
    prepared = prepare_images(PIXELS, np.arange(20) % 3, classes, scaled=True, resized=resized)
    return network(prepared, etude.CrossEntropy(), folder)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The 20 images in folders, with names that are sorted as they are numbered."""
    for number, pixels in enumerate(PIXELS):
        place = tmp_path / "photos" / f"{number // 8}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"={number:02}.png")
    (tmp_path / "photos" / "notes.txt").touch()
    return tmp_path / "photos"


def parsed(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_every_image_of_a_folder(tmp_path: Path, photos: Path) -> None:
    loaded = of_images(tmp_path / "net")
    assert loaded.dtype == "uint8"
    header, *lines = parsed(predictions_csv(loaded, photos))
    assert header == ["file", "prediction", "p(=a)", "p(<b>)", "p(c)"]
    assert [line[0] for line in lines] == [f"{n // 8}/={n:02}.png" for n in range(20)]
    labels = loaded.predict(PIXELS)
    assert [line[1] for line in lines] == ["'=a" if label == "=a" else label for label in labels]
    told = np.array([line[2:] for line in lines], float)
    np.testing.assert_allclose(told, loaded.probabilities(PIXELS), rtol=1e-5)
    np.testing.assert_array_equal(loaded.predict(photos), labels)
    np.testing.assert_array_equal(
        loaded.predict([photos / "2", photos / "0"]), labels[[*range(16, 20), *range(8)]]
    )


def test_pieces_change_nothing(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = of_images(tmp_path / "net")
    whole = predictions_csv(loaded, photos)
    monkeypatch.setattr(predictions, "PIECE_BYTES", 7 * PIXELS[0].nbytes)
    in_pieces = predictions_csv(loaded, photos)
    assert [line[:2] for line in parsed(in_pieces)] == [line[:2] for line in parsed(whole)]


def test_one_image_and_its_name(tmp_path: Path, photos: Path) -> None:
    loaded = of_images(tmp_path / "net")
    (line,) = parsed(predictions_csv(loaded, photos / "0" / "=03.png"))[1:]
    assert line[0] == "'=03.png"  # no formula
    named = os.fsencode(photos / "0") + b"/\xff\n.png"
    os.rename(photos / "0" / "=03.png", named)
    (line,) = parsed(predictions_csv(loaded, Path(os.fsdecode(named))))[1:]
    assert line[0] == "\\xff\n.png"


def test_arrays_of_pixels(tmp_path: Path, photos: Path) -> None:
    loaded = of_images(tmp_path / "net")
    np.save(tmp_path / "pixels.npy", PIXELS)
    header, *lines = parsed(predictions_csv(loaded, tmp_path / "pixels.npy"))
    assert header[:2] == ["row", "prediction"]
    assert [line[0] for line in lines] == [str(n) for n in range(1, 21)]
    of_files = parsed(predictions_csv(loaded, photos))[1:]
    assert [line[1:] for line in lines] == [line[1:] for line in of_files]
    for wrong, message in (
        (PIXELS / 255, "`rows` must hold whole numbers from 0 to 255"),
        (PIXELS.astype(int) - 300, "`rows` must hold whole numbers from 0 to 255"),
        (np.full((1, *SIZE), np.nan), "`rows` must hold whole numbers from 0 to 255"),
        (PIXELS[..., 0], "must have the shape [6, 5, 3], got [6, 5]"),
        (PIXELS[:0], "`rows` must have at least one row"),
    ):
        with pytest.raises(InputError) as refused:
            loaded.predict(wrong)
        assert message in str(refused.value)
    np.testing.assert_array_equal(loaded.predict(PIXELS.astype(float)), loaded.predict(PIXELS))


def test_images_of_another_size(tmp_path: Path, photos: Path) -> None:
    Image.new("L", (10, 12)).save(photos / "2" / "z.png")
    with pytest.raises(InputError, match=r"z.png' must have 6 × 5 pixels"):
        predictions_csv(of_images(tmp_path / "net"), photos)
    assert predictions_csv(of_images(tmp_path / "other", True), photos).count("\n") == 22


def test_gray_images_of_an_array_file(tmp_path: Path) -> None:
    gray = PIXELS[..., 0]
    np.save(tmp_path / "inputs.npy", gray)
    np.save(tmp_path / "targets.npy", np.arange(20) / 7)
    loaded = network(ArrayFile(path=str(tmp_path)).prepare(), etude.MSE(), tmp_path / "net")
    Image.fromarray(gray[4]).save(tmp_path / "four.png")
    of_file = parsed(predictions_csv(loaded, tmp_path / "four.png"))
    of_rows = parsed(predictions_csv(loaded, tmp_path / "inputs.npy"))
    assert of_file[0] == ["file", "prediction"]
    assert of_rows[0] == ["row", "prediction"]
    assert of_file[1][1] == of_rows[5][1]
    assert len(of_rows) == 21


def test_rows_that_are_no_images(tmp_path: Path, photos: Path) -> None:
    """A network of an array file of numbers takes .npy files and nothing else."""
    inputs = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    np.save(tmp_path / "inputs.npy", inputs)
    np.save(tmp_path / "targets.npy", np.arange(40).reshape(20, 2) / 3)
    loaded = network(ArrayFile(path=str(tmp_path)).prepare(), etude.MSE(), tmp_path / "net")
    header, *lines = parsed(predictions_csv(loaded, tmp_path / "inputs.npy"))
    assert header == ["row", "prediction 1", "prediction 2"]
    told = np.array([line[1:] for line in lines], float)
    np.testing.assert_allclose(told, loaded.predict(inputs), rtol=1e-5)
    with pytest.raises(InputError, match=r"photos' is a folder"):
        predictions_csv(loaded, photos)
    with pytest.raises(InputError, match=r"cannot be read as a .npy file"):
        predictions_csv(loaded, photos / "0" / "=00.png")


def test_a_table_network_refuses_images(tmp_path: Path, photos: Path) -> None:
    loaded = network(etude.Iris().prepare(), etude.CrossEntropy(), tmp_path / "net")
    with pytest.raises(InputError, match=r"`path` must end in one of .csv"):
        predictions_csv(loaded, photos)
