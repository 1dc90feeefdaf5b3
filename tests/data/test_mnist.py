"""IDX files, and the two sets that come in them."""

import gzip
import hashlib
import struct
from functools import partial

import numpy as np
import pytest

import etude
import etude.testing
from etude.component import component_class
from etude.data.download import DATA_FOLDER
from etude.data.mnist import MNIST, FashionMNIST, IdxSet, Part
from etude.errors import InputError

_gzipped = partial(gzip.compress, mtime=0)
"""Equal content gives equal bytes, which name a test: all workers must see the same names."""

GENERATOR = np.random.default_rng(7)
IMAGES = {"train": (12, 6, 6), "t10k": (5, 6, 6)}


def idx(array, ndim=None, kind=8):
    header = struct.pack(">HBB", 0, kind, array.ndim if ndim is None else ndim)
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def named(prefix, what, axes):
    return f"{prefix}-{what}-idx{axes}-ubyte.gz"


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Both sets have a few small images, whose checksums they know; gives the arrays."""
    monkeypatch.setenv(DATA_FOLDER, str(tmp_path))
    arrays, parts = {}, []
    (tmp_path / "few").mkdir()
    for prefix, shape in IMAGES.items():
        images = GENERATOR.integers(0, 256, shape).astype(np.uint8)
        labels = (np.arange(shape[0]) % 10).astype(np.uint8)
        arrays[prefix] = images, labels
        sums = []
        for what, axes, array in (("images", 3, images), ("labels", 1, labels)):
            packed = _gzipped(idx(array))
            (tmp_path / "few" / named(prefix, what, axes)).write_bytes(packed)
            sums.append(hashlib.sha256(packed).hexdigest())
        parts.append(Part(prefix, shape[0], *sums))
    source = IdxSet("few", "https://localhost:1/few", (parts[0], parts[1]), side=6)
    for cls in (MNIST, FashionMNIST):
        monkeypatch.setattr(cls, "source", source)
    return arrays


@pytest.mark.parametrize("cls", [MNIST, FashionMNIST])
@pytest.mark.parametrize(
    ("rows", "prefixes"), [("all", ("train", "t10k")), ("train", ("train",)), ("test", ("t10k",))]
)
def test_bytes_and_labels_as_they_were_written(few, cls, rows, prefixes):
    data = cls(rows=rows).prepare()
    images = np.concatenate([few[prefix][0] for prefix in prefixes])
    labels = np.concatenate([few[prefix][1] for prefix in prefixes])
    assert data.arrays["inputs"].dtype == np.uint8
    np.testing.assert_array_equal(data.arrays["inputs"], images[..., None])
    np.testing.assert_array_equal(data.arrays["targets"], labels)
    np.testing.assert_array_equal(data.targets, labels)
    assert data.rows == len(images)
    assert data.spec.inputs == data.spec.image == (6, 6, 1)
    assert data.spec.sequence == (6, 6)
    assert data.spec.classes == cls.classes
    assert len(set(cls.classes)) == 10


def test_scaled_by_one_mean_and_one_deviation_of_training_rows(few):
    fitted = MNIST().prepare().fit(np.arange(12), np.empty(0))
    pixels = few["train"][0].astype(np.float64)
    np.testing.assert_allclose(fitted["mean"], [pixels.mean()], rtol=1e-6)
    np.testing.assert_allclose(fitted["factor"], [1 / pixels.std()], rtol=1e-6)
    whole = MNIST(scale="none").prepare().fit(np.arange(12), np.empty(0))
    assert (whole["mean"], whole["factor"]) == (0, np.float32(1 / 255))


def test_the_set_is_part_of_the_fingerprint(few):
    prints = {
        MNIST().prepare().fingerprint,
        MNIST(rows="train").prepare().fingerprint,
        FashionMNIST().prepare().fingerprint,
    }
    assert len(prints) == 3
    assert MNIST(scale="none").prepare().fingerprint == MNIST().prepare().fingerprint


@pytest.mark.parametrize("cls", [MNIST, FashionMNIST])
def test_conforms(few, cls):
    assert etude.testing.failures(cls()) == {}
    assert etude.testing.failures(cls(rows="train", scale="none")) == {}


def test_other_content_is_never_read(few, tmp_path):
    file = tmp_path / "few" / named("train", "images", 3)
    file.write_bytes(_gzipped(idx(few["train"][0] + 1)))
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte.gz' must have the SHA-256"):
        MNIST().prepare()
    assert MNIST(rows="test").prepare().rows == 5


def pinned(tmp_path, monkeypatch, images, labels):
    """The set as it would be if these were its original files."""
    sums = []
    for what, axes, content in (("images", 3, images), ("labels", 1, labels)):
        (tmp_path / "few" / named("t10k", what, axes)).write_bytes(content)
        sums.append(hashlib.sha256(content).hexdigest())
    part = Part("t10k", 5, *sums)
    monkeypatch.setattr(MNIST, "source", IdxSet("few", "https://localhost:1", (part, part), 6))


SQUARES, NUMBERS = np.zeros((5, 6, 6), np.uint8), np.arange(5, dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (b"not packed", idx(NUMBERS), "images-idx3-ubyte.gz' cannot be unpacked"),
        (_gzipped(idx(SQUARES))[:-9], b"", "cannot be unpacked"),
        (_gzipped(bytes(50_000_000)), b"", "must expand to at most 196 bytes, and has more"),
        (_gzipped(idx(SQUARES)[:-1]), b"", "must be an IDX file of bytes of shape [5, 6, 6]"),
        (_gzipped(idx(SQUARES, kind=9)), b"", "must be an IDX file of bytes"),
        (_gzipped(idx(SQUARES, ndim=2)), b"", "must be an IDX file of bytes"),
        (_gzipped(idx(SQUARES.reshape(6, 5, 6))), b"", "must be an IDX file of bytes"),
        (
            _gzipped(idx(SQUARES)),
            _gzipped(idx(NUMBERS + 6)),
            "'t10k-labels-idx1-ubyte.gz' must hold classes below 10, got 10",
        ),
    ],
)
def test_files_that_are_no_such_thing(few, tmp_path, monkeypatch, images, labels, message):
    pinned(tmp_path, monkeypatch, images, labels)
    with pytest.raises(InputError) as refused:
        MNIST(rows="test").prepare()
    assert message in str(refused.value)


def test_where_there_is_no_network_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    import requests

    def unreachable(*_, **__):
        raise requests.ConnectionError("no network")

    monkeypatch.setattr(requests, "get", unreachable)
    monkeypatch.delenv(DATA_FOLDER, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_: str(tmp_path))
    for cls, folder in ((MNIST, "mnist"), (FashionMNIST, "fashion_mnist")):
        with pytest.raises(InputError) as refused:
            cls(rows="test").prepare()
        text = str(refused.value)
        assert text.startswith(f"'{folder}/t10k-images-idx3-ubyte.gz' could not be downloaded")
        assert text.count("https://") == 1
        assert f"let {DATA_FOLDER} name the folder" in text
        assert "\n" not in text


def test_addresses_are_safe_and_checksums_are_eight():
    sums = []
    for cls in (MNIST, FashionMNIST):
        assert component_class("data", cls.source.folder) is cls
        assert cls.source.address.startswith("https://")
        assert [part.rows for part in cls.source.parts] == [60_000, 10_000]
        sums += [check for part in cls.source.parts for check in (part.images, part.labels)]
    assert len(set(sums)) == 8
    assert all(len(bytes.fromhex(check)) == 32 for check in sums)


def test_real_test_images(data_folder):
    if not (data_folder / "mnist" / "t10k-images-idx3-ubyte.gz").is_file():
        pytest.skip("ETUDE_DATA does not have mnist/t10k-images-idx3-ubyte.gz")
    data = MNIST(rows="test").prepare()
    assert data.arrays["inputs"].shape == (10_000, 28, 28, 1)
    # the known counts of the digits 0 to 9, and the first labels
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(data.targets).tolist() == counts
    assert data.targets[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    fitted = data.fit(np.arange(10_000), np.empty(0))
    pixels = data.arrays["inputs"] / 255
    assert fitted["mean"][0] / 255 == pytest.approx(pixels.mean(), rel=1e-6)
    assert 1 / fitted["factor"][0] / 255 == pytest.approx(pixels.std(), rel=1e-6)
    assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.1325, 0.3105)
    assert etude.testing.failures(MNIST(rows="test")) == {}
