"""Arrays in files, mapped to memory."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import etude.testing
from etude.data import array_file, channel_scale
from etude.data.array_file import ArrayFile
from etude.data.assemble import fingerprint
from etude.data.encoder import encoder_from_schema
from etude.errors import InputError

GENERATOR = np.random.default_rng(5)
IMAGES = GENERATOR.integers(0, 256, (40, 5, 4, 3)).astype(np.uint8)
TABLE = GENERATOR.normal(size=(40, 6)).astype(np.float32)
LABELS = np.arange(40) % 3
WITH_A_GAP = TABLE.copy()
WITH_A_GAP[7, 3] = np.nan


def saved(folder, inputs, targets, /, **fields):
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "targets.npy", targets)
    return ArrayFile(path=str(folder), **fields)


@pytest.mark.parametrize("inputs", [IMAGES, TABLE, TABLE.reshape(40, 3, 2)])
def test_mapped_and_not_copied(tmp_path, inputs):
    data = saved(tmp_path, inputs, LABELS).prepare()
    held = data.arrays["inputs"]
    assert isinstance(held, np.memmap)
    assert not held.flags.writeable
    np.testing.assert_array_equal(held, inputs)
    assert data.fit.inputs is held
    assert data.spec.task == "classes"
    assert data.spec.inputs == inputs.shape[1:]
    assert data.spec.classes == ("0", "1", "2")
    np.testing.assert_array_equal(data.arrays["targets"], LABELS)
    assert data.arrays["targets"].dtype == np.int32


def test_bytes_of_three_axes_are_gray_images(tmp_path):
    data = saved(tmp_path, IMAGES[..., 0], LABELS).prepare()
    assert data.spec.image == (5, 4, 1)
    assert isinstance(data.arrays["inputs"], np.memmap)
    np.testing.assert_array_equal(data.arrays["inputs"], IMAGES[..., :1])


@pytest.mark.parametrize(
    ("targets", "fields", "classes", "numbers"),
    [
        (LABELS * 10 - 5, {}, ("-5", "5", "15"), LABELS),
        (LABELS > 0, {}, ("False", "True"), LABELS > 0),
        (LABELS.astype(np.uint8), {"classes": ("a", "b", "c", "d")}, ("a", "b", "c", "d"), LABELS),
    ],
)
def test_class_labels(tmp_path, targets, fields, classes, numbers):
    data = saved(tmp_path, TABLE, targets, **fields).prepare()
    assert data.spec.classes == classes
    np.testing.assert_array_equal(data.targets, numbers)
    assert data.targets.dtype == np.int64


@pytest.mark.parametrize("targets", [TABLE[:, 0], TABLE[:, :2].astype(np.float64), LABELS])
def test_numbers(tmp_path, targets):
    data = saved(tmp_path, TABLE, targets, task="numbers").prepare()
    expected = targets.reshape(40, -1)
    assert (data.spec.task, data.spec.targets) == ("numbers", expected.shape[1])
    np.testing.assert_array_equal(data.targets, expected)
    assert data.targets.dtype == np.float64
    fitted = data.fit(np.arange(20), np.empty(0))
    np.testing.assert_allclose(fitted["target_mean"], expected[:20].mean(0), atol=1e-6)
    plain = saved(tmp_path, TABLE, targets, task="numbers", scale_target=False).prepare()
    assert "target_mean" not in plain.fit(np.arange(20), np.empty(0))


def test_pieces_change_nothing(tmp_path, monkeypatch):
    data = saved(tmp_path, TABLE, LABELS)
    whole = data.prepare()
    monkeypatch.setattr(array_file, "PIECE_BYTES", 50)
    monkeypatch.setattr(channel_scale, "PIECE", 7)
    pieces = data.prepare()
    assert whole.fingerprint == pieces.fingerprint
    told = {"task": "classes", "target": [], "classes": ["0", "1", "2"]}
    assert whole.fingerprint == fingerprint({"inputs": TABLE, "targets": LABELS}, told)
    rows = GENERATOR.permutation(40)[:23]
    fitted = pieces.fit(rows, np.empty(0))
    np.testing.assert_allclose(fitted["mean"], TABLE[rows].mean(0), atol=1e-6)
    np.testing.assert_allclose(fitted["factor"], 1 / TABLE[rows].std(0), rtol=1e-5)


def test_the_fingerprint_is_that_of_the_content(tmp_path):
    prints = [
        saved(tmp_path, inputs, targets).prepare().fingerprint
        for inputs, targets in (
            (TABLE, LABELS),
            (TABLE + 1, LABELS),
            (TABLE, LABELS[::-1]),
            (TABLE.reshape(40, 3, 2), LABELS),
            (TABLE, LABELS * 2),
        )
    ]
    assert len(set(prints)) == 5
    os.mkdir(tmp_path / "b")
    assert saved(tmp_path / "b", TABLE, LABELS).prepare().fingerprint == prints[0]


def test_images_can_be_predicted_from_files(tmp_path):
    data = saved(tmp_path, IMAGES, LABELS).prepare()
    encoder = encoder_from_schema(json.loads(json.dumps(data.schema)))
    assert encoder == data.encoder
    assert (encoder.shape, encoder.resized) == ((5, 4, 3), False)
    assert saved(tmp_path, TABLE, LABELS).prepare().encoder is None
    assert saved(tmp_path, IMAGES[..., :2], LABELS).prepare().encoder is None


@pytest.mark.parametrize("inputs", [IMAGES, TABLE])
@pytest.mark.parametrize("targets", [LABELS, TABLE[:, 0]])
def test_conforms(tmp_path, inputs, targets):
    assert etude.testing.failures(saved(tmp_path, inputs, targets)) == {}
    assert etude.testing.failures(saved(tmp_path, inputs, targets, scale="none")) == {}


@pytest.mark.parametrize(
    ("inputs", "targets", "fields", "message"),
    [
        (TABLE.astype(np.float64), LABELS, {}, "`inputs` must hold float32 or uint8, got float64"),
        (TABLE.astype(">f4"), LABELS, {}, "`inputs` must hold float32 or uint8, got >f4"),
        (np.array(["a"] * 40), LABELS, {}, "`inputs` must hold float32 or uint8, got <U1"),
        (TABLE[:, 0], LABELS, {}, "`inputs` must have rows of numbers, got an array of shape [40]"),
        (np.asfortranarray(TABLE), LABELS, {}, "`inputs` must be in C order"),
        (WITH_A_GAP, LABELS, {}, "`inputs`, row 8: must be fin"),
        (TABLE, LABELS[:39], {}, "`targets` must have a target for each of the 40 rows"),
        (TABLE, np.zeros(40, int), {}, "`targets` must have from 2 to 10,000 classes, got 1"),
        (TABLE, TABLE[:, 0], {"task": "classes"}, "`targets` must be whole numbers [rows]"),
        (TABLE, np.full(40, np.nan), {}, "`targets`, row 1: must be finite"),
        (TABLE, TABLE[:, :, None], {}, "`targets` must have the shape [rows] or [rows, targets]"),
        (TABLE, np.array(["a"] * 40), {}, "`targets` must hold numbers, got <U1"),
        (TABLE, LABELS, {"classes": ("a", "b")}, "numbers of the 2 `classes`, from 0 on, got 2"),
        (TABLE, LABELS - 1, {"classes": ("a", "b")}, "from 0 on, got -1"),
        (TABLE, LABELS, {"classes": ("a", "a", "b")}, "`classes` must be at least 2 labels"),
        (TABLE, TABLE[:, 0], {"classes": ("a", "b")}, "`classes` must be empty for numbers"),
        (TABLE, LABELS, {"max_bytes": 100}, "`max_bytes` allows 100"),
        (TABLE, LABELS, {"inputs": "none.npy"}, "`inputs` must name a file"),
    ],
)
def test_refused(tmp_path, inputs, targets, fields, message):
    with pytest.raises(InputError) as refused:
        saved(tmp_path, inputs, targets, **fields).prepare()
    assert message in str(refused.value)


def header(text):
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04",
        b"\x80\x04\x95",
        header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 9)}\n"),
        header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 9)}\n"),
        header(b"{'descr': '|O', 'fortran_order': False, 'shape': (1, 9)}\n") + bytes(72),
        header(b"__import__('os').mkdir('code-was-run')\n"),
        header(b"{'descr': '<f4'}\n"),
        header(b"(" * 9000 + b"\n"),
    ],
)
def test_files_that_are_no_arrays(tmp_path, content, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = saved(tmp_path, TABLE, LABELS)
    (tmp_path / "inputs.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"inputs.npy' cannot be read as a .npy file: "):
        data.prepare()
    assert sorted(os.listdir(tmp_path)) == ["inputs.npy", "targets.npy"]


def test_user_files_are_both(tmp_path):
    data = ArrayFile(path=str(tmp_path), targets="y.npy")
    assert data.user_files() == (str(tmp_path / "inputs.npy"), str(tmp_path / "y.npy"))


LARGE = 400 * 2**20
"""Bytes of a file of zeros with a few rows in it; it takes hardly any space on the disk."""

PROGRAM = f"""
import re, resource, sys
import numpy as np
from etude.data.array_file import ArrayFile
taken = 1024 * int(re.search(r"VmData:\\s+(\\d+)", open("/proc/self/status").read())[1])
resource.setrlimit(resource.RLIMIT_DATA, (taken + {LARGE} // 2,) * 2)
data = ArrayFile(path=sys.argv[1], classes=("a", "b")).prepare()
fitted = data.fit(np.arange(0, data.rows, 2), np.empty(0))
print(data.rows, data.arrays["inputs"].nbytes == {LARGE}, float(fitted["mean"][0]))
try:
    np.array(data.arrays["inputs"])
except MemoryError:
    print("no room")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
def test_a_file_is_never_held_as_a_whole(tmp_path):
    """All it may allocate, beside the program itself, is half of the file."""
    rows, width = LARGE // 4096, 1024
    array = np.lib.format.open_memmap(
        tmp_path / "inputs.npy", mode="w+", dtype=np.float32, shape=(rows, width)
    )
    array[0] = rows
    array.flush()
    np.save(tmp_path / "targets.npy", np.arange(rows) % 2)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert ran.stderr == ""
    assert ran.stdout.split("\n")[:2] == [f"{rows} True 2.0", "no room"]
