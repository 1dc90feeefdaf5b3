"""Studies of images from end to end: a study file, a run, the network that is kept."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import etude
from etude.cli import app
from etude.file import read_study, write_study
from etude.unchanged import unchanged

STUDY = """
name = "spots"
[data]
name = "{name}"
path = "{path}"
{fields}
[model]
name = "mlp"
widths = [8]
[loss]
name = "cross_entropy"
[algorithm]
name = "adam"
epochs = 30
batch_size = 16
learning_rate = 0.01
[validation]
name = "kfold"
folds = 2
stratified = true
"""


@pytest.fixture
def folder(tmp_path):
    """Images with a bright spot above or below, as files in folders and as arrays in files."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 60, (40, 8, 6)).astype(np.uint8)
    labels = np.arange(40) % 2
    for number, label in enumerate(labels):
        pixels[number, 5 * label : 5 * label + 3, 1:5] += 150
        place = tmp_path / "set" / ("above", "below")[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[number]).save(place / f"{number:02}.png")
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "inputs.npy", pixels)
    np.save(tmp_path / "arrays" / "targets.npy", labels)
    return tmp_path


def invoke(*arguments):
    outcome = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "path", "fields"),
    [
        ("image_folder", "set", 'color = "gray"'),
        ("array_file", "arrays", 'classes = ["above", "below"]'),
    ],
)
def test_from_the_study_file_to_labels(folder, name, path, fields):
    study = folder / "study.toml"
    study.write_text(STUDY.format(name=name, path=path, fields=fields))
    store = folder / "etude.db"
    invoke("run", study, "--store", store, "--quiet")
    with etude.Store.open(store, readonly=True) as opened:
        record = opened.load("spots")
    assert [member.values["test"]["accuracy"] for member in record.members] == [1, 1]
    assert unchanged(study.read_text(), folder, str(store)) is not None
    invoke("refit", "spots", "--store", store, "-o", folder / "net")
    text = invoke("predict", folder / "net", folder / "set")
    header, *lines = csv.reader(io.StringIO(text))
    assert header == ["file", "prediction", "p(above)", "p(below)"]
    assert len(lines) == 40
    assert all(line[0].startswith(line[1] + "/") for line in lines)
    invoke("predict", folder / "net", folder / "set" / "below", "-o", folder / "new.csv")
    assert (folder / "new.csv").read_text().count("below") == 21
    Image.new("L", (6, 8)).save(folder / "set" / "below" / "new.png")
    known = unchanged(study.read_text(), folder, str(store))
    assert (known is None) == (name == "image_folder")


@pytest.mark.slow
def test_bytes_of_a_file_and_of_a_folder_give_the_same_networks(folder):
    """The same rows, mapped or in memory: the same bits."""
    parts = {
        "model": etude.MLP(widths=(4,)),
        "loss": etude.CrossEntropy(),
        "algorithm": etude.SGD(epochs=2, learning_rate=0.1),
        "validation": etude.KFold(folds=2),
    }
    of_folder = etude.ImageFolder(path=str(folder / "set"), color="gray")
    prepared = of_folder.prepare()
    np.save(folder / "arrays" / "inputs.npy", prepared.arrays["inputs"])
    np.save(folder / "arrays" / "targets.npy", prepared.targets)
    results = [
        etude.run(etude.Study(data=data, **parts))
        for data in (of_folder, etude.ArrayFile(path=str(folder / "arrays")))
    ]
    first, second = ([member.outputs for member in r.record.members] for r in results)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_written_and_read_again(folder):
    for name, path, fields in (
        ("image_folder", "set", "size = [4, 4]"),
        ("image_folder", "set", ""),
        ("array_file", "arrays", ""),
        ("mnist", "", 'rows = "test"'),
    ):
        text = STUDY.format(name=name, path=folder / path, fields=fields)
        text = text.replace(f'path = "{folder}"\n', "") if name == "mnist" else text
        (folder / "study.toml").write_text(text)
        study = read_study(folder / "study.toml")
        (folder / "again.toml").write_text(write_study(study))
        assert read_study(folder / "again.toml") == study
