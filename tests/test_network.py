"""Saved networks: the same bits again, and nothing foreign, damaged or of another make."""

import hashlib
import json
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import polars
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

import etude
from etude.data.base import Data
from etude.loss.base import Loss
from etude.model.base import Model
from etude.network import DESCRIPTION, OF_ENSEMBLES, WEIGHTS, Network, network_of

ROWS, COLUMNS = 12, 4
LABELS = np.array(["low", "mid", "high"] * 4)


def untrained(data: Data, model: Model, loss: Loss, seed: int = 0) -> Network:
    """A network as it is before training, with what is fitted to all rows."""
    prepared = data.prepare()
    module = model.build(prepared.spec, loss.outputs(prepared.spec), nnx.Rngs(seed))
    fitted = prepared.fit(np.arange(prepared.rows), np.empty(0))
    parts = {"data": data, "model": model, "loss": loss, "algorithm": etude.SGD()}
    document = {kind: part.document() for kind, part in parts.items()}
    history = {"rows": prepared.rows, "epochs": 0, "steps": 0, "train": {"loss": None}}
    return network_of(prepared, model, loss, module, fitted, document, history)


@pytest.fixture(scope="module")
def table() -> polars.DataFrame:
    generator = np.random.default_rng(0)
    numbers = {f"x{n}": 10 * n + generator.normal(size=ROWS) for n in range(COLUMNS)}
    return polars.DataFrame(numbers | {"size": LABELS})


@pytest.fixture(scope="module")
def network(table: polars.DataFrame) -> Network:
    data = etude.Table.from_frame(table, "size")
    return untrained(data, etude.MLP(widths=(3,)), etude.CrossEntropy())


@pytest.fixture
def folder(network: Network, tmp_path: Path) -> Path:
    network.save(tmp_path / "net")
    return tmp_path / "net"


def description(folder: Path) -> Any:
    return json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))


def describe(folder: Path, document: Any) -> None:
    (folder / DESCRIPTION).write_text(json.dumps(document), encoding="utf-8")


def store(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    """Other arrays, with the hash that belongs to them."""
    content = save_arrays(arrays)
    (folder / WEIGHTS).write_bytes(content)
    describe(folder, description(folder) | {"sha256": hashlib.sha256(content).hexdigest()})


def refused(folder: Path, message: str, **parts: Any) -> None:
    with pytest.raises(etude.InputError) as caught:
        etude.load(folder, **parts)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)


# What is saved


def test_a_network_comes_back_bit_for_bit(
    network: Network, folder: Path, table: polars.DataFrame
) -> None:
    loaded = etude.load(folder)
    assert {path.name for path in folder.iterdir()} == {WEIGHTS, DESCRIPTION}
    for one, other in ((loaded.weights, network.weights), (loaded.fitted, network.fitted)):
        assert {name: value.tobytes() for name, value in one.items()} == {
            name: value.tobytes() for name, value in other.items()
        }
    for field in ("spec", "stream", "model", "loss", "dtype", "schema", "document", "history"):
        assert getattr(loaded, field) == getattr(network, field)
    assert loaded.outputs(table).tobytes() == network.outputs(table).tobytes()
    assert loaded.predict(table).tolist() == network.predict(table).tolist()
    assert set(loaded.predict(table)) <= set(LABELS)
    again = folder.parent / "again"
    loaded.save(again)
    for name in (WEIGHTS, DESCRIPTION):
        assert (again / name).read_bytes() == (folder / name).read_bytes()


def test_a_network_says_what_it_is(network: Network) -> None:
    assert repr(network) == "Network(mlp(widths=(3,)), 27 parameters, classes)"


def test_a_network_is_saved_over_another(network: Network, folder: Path) -> None:
    other = replace(network, weights={n: v + 1 for n, v in network.weights.items()})
    other.save(folder)
    for name, value in etude.load(folder).weights.items():
        np.testing.assert_array_equal(value, other.weights[name])


def test_what_cannot_be_written_is_told(network: Network, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "net"):
        with pytest.raises(etude.InputError, match="cannot write the network to"):
            network.save(place)


# What is predicted


def test_predictions_are_the_formula(network: Network, table: polars.DataFrame) -> None:
    x = table.drop("size").to_numpy()
    scaled = (x - x.mean(0)) / x.std(0)
    w = {name.removeprefix("params/"): value for name, value in network.weights.items()}
    kernels = [value for name, value in sorted(w.items()) if name.endswith("kernel")]
    biases = [value for name, value in sorted(w.items()) if name.endswith("bias")]
    logits = np.maximum(scaled @ kernels[0] + biases[0], 0) @ kernels[1] + biases[1]
    np.testing.assert_allclose(network.outputs(table), logits, rtol=1e-4, atol=1e-5)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(network.probabilities(table), shares, rtol=1e-4)
    # Classes stand in the order of their letters.
    labels = np.array(["high", "low", "mid"])[logits.argmax(1)]
    assert network.predict(table).tolist() == labels.tolist()


def test_rows_are_data_frames_or_arrays(network: Network, table: polars.DataFrame) -> None:
    x = table.drop("size").to_numpy()
    expected = network.outputs(table)
    for rows in (x, x.astype(np.float32), jnp.asarray(x), table.reverse().reverse()):
        np.testing.assert_array_equal(network.outputs(rows), expected)
    whole = network.outputs(np.full((1, COLUMNS), 3))
    np.testing.assert_array_equal(whole, network.outputs(np.full((1, COLUMNS), 3.0)))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros(COLUMNS), r"must have the shape \[4\], got \[\]"),
        (np.zeros((2, 3)), r"must have the shape \[4\], got \[3\]"),
        (np.zeros((0, COLUMNS)), "at least one row"),
        (np.array([["1"] * COLUMNS]), "must hold numbers, got an array of"),
        (np.array([[None] * COLUMNS]), "must hold numbers, got an array of object"),
        (np.full((1, COLUMNS), np.nan), "row 1: inputs must be finite, got nan"),
        (np.array([[0.0] * COLUMNS, [np.inf] * COLUMNS]), "row 2: inputs must be finite, got inf"),
        (polars.DataFrame({"x1": [1.0]}), "must have a column 'x0'"),
        ([[1.0] * COLUMNS], "must be a data frame"),
    ],
)
def test_rows_that_the_network_cannot_take_are_refused(
    network: Network, rows: Any, message: str
) -> None:
    with pytest.raises(etude.InputError, match=message):
        network.predict(rows)


def test_a_network_without_columns_takes_arrays_only(network: Network) -> None:
    bare = replace(network, schema={})
    assert bare.predict(np.zeros((2, COLUMNS))).shape == (2,)
    with pytest.raises(etude.InputError, match="takes arrays of inputs, not data frames"):
        bare.predict(polars.DataFrame({"x0": [1.0]}))


def test_numbers_are_predicted_in_the_users_units(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(9, 2)), 1000 + 50 * generator.normal(size=(9, 2))
    data = etude.Table.from_arrays(x, y)
    network = untrained(data, etude.Linear(initializer=etude.Zeros()), etude.GaussianNLL())
    network.save(tmp_path)
    loaded = etude.load(tmp_path)
    assert loaded.outputs(x).shape == (9, 4)
    # Of weights that are all 0 it expects the mean.
    np.testing.assert_allclose(loaded.predict(x), np.tile(y.mean(0), (9, 1)), rtol=1e-6)
    with pytest.raises(etude.InputError, match="needs a network of classes"):
        loaded.probabilities(x)


def test_networks_of_ratings_predict_pairs(tmp_path: Path) -> None:
    table = polars.DataFrame(
        {
            "user": [f"u{n}" for n in range(8) for _ in range(6)],
            "item": [f"i{n}" for _ in range(8) for n in range(6)],
            "rating": np.random.default_rng(0).integers(1, 6, 48).astype(float),
        }
    )
    table.write_csv(tmp_path / "ratings.csv")
    network = untrained(
        etude.Ratings(path=str(tmp_path / "ratings.csv")),
        etude.MatrixFactorization(factors=2),
        etude.RegularizedSquaredError(),
    )
    network.save(tmp_path / "net")
    loaded = etude.load(tmp_path / "net")
    predicted = loaded.predict(table)
    assert predicted.shape == (48,)
    assert predicted.tobytes() == network.predict(table.select("item", "user")).tobytes()
    backwards = loaded.predict(table.reverse())[::-1]
    np.testing.assert_array_equal(backwards, predicted)
    with pytest.raises(etude.InputError, match="must be one of the 8 that were rated"):
        loaded.predict(polars.DataFrame({"user": ["u99"], "item": ["i0"]}))


# Arrays that are not the network's

KERNEL = "kernel"
Change = Callable[[dict[str, np.ndarray], str], Any]


def _remove(arrays: dict[str, np.ndarray], name: str) -> None:
    del arrays[name]


def _reshape(arrays: dict[str, np.ndarray], name: str) -> None:
    arrays[name] = arrays[name][:, :2]


def _flatten(arrays: dict[str, np.ndarray], name: str) -> None:
    arrays[name] = arrays[name].reshape(-1)


def _retype(arrays: dict[str, np.ndarray], name: str) -> None:
    arrays[name] = arrays[name].astype(np.float64)


def _round(arrays: dict[str, np.ndarray], name: str) -> None:
    arrays[name] = arrays[name].astype(np.int32)


def _add(arrays: dict[str, np.ndarray], name: str) -> None:
    arrays["params/more/kernel"] = np.zeros(2, np.float32)


def _fit(arrays: dict[str, np.ndarray], name: str) -> None:
    arrays["fitted/mean"] = np.zeros(3, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_remove, "kernel' is missing"),
        (_reshape, "kernel' must have the shape [4, 3], got [4, 2]"),
        (_flatten, "kernel' must have the shape [4, 3], got [12]"),
        (_retype, "kernel' must be of float32, got F64"),
        (_round, "kernel' must be of float32, got I32"),
        (_add, "the array 'params/more/kernel' belongs to no part of the network"),
        (_fit, "the array 'fitted/mean' must have the shape [4], got [3]"),
    ],
)
def test_arrays_must_be_those_of_the_network(folder: Path, change: Change, message: str) -> None:
    arrays = load_arrays((folder / WEIGHTS).read_bytes())
    first = next(name for name in sorted(arrays) if name.endswith(KERNEL))
    change(arrays, first)
    store(folder, arrays)
    refused(folder, message)


def test_weights_must_be_those_that_were_saved(network: Network, folder: Path) -> None:
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    refused(folder, f"{WEIGHTS} is not what was saved with {DESCRIPTION}")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_torn_weights_are_refused(folder: Path, share: float) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: int(share * len(content))])
    refused(folder, "is damaged")


def test_weights_that_claim_to_be_huge_are_refused(folder: Path) -> None:
    header = {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    text = json.dumps(header).encode()
    for content in (struct.pack("<Q", 2**62) + b"{}", struct.pack("<Q", len(text)) + text):
        (folder / WEIGHTS).write_bytes(content)
        refused(folder, "is damaged")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", [WEIGHTS, DESCRIPTION])
def test_a_pickle_under_another_name_is_not_run(folder: Path, name: str) -> None:
    sprung = folder.parent / "sprung"
    content = pickle.dumps(Trap(sprung))
    pickle.loads(content)
    assert sprung.exists(), "the trap works"
    sprung.unlink()
    (folder / name).write_bytes(content)
    refused(folder, "is damaged")
    assert not sprung.exists()


# Descriptions that are wrong


@pytest.mark.parametrize(
    "text",
    ["", "{", "nonsense", "[]", "1", "null", "{}", "[" * 100_000, '{"format": 1}', "\x00", "NaN"],
)
def test_what_is_no_description_is_refused(folder: Path, text: str) -> None:
    (folder / DESCRIPTION).write_text(text)
    refused(folder, "is damaged")


def test_a_newer_format_is_told(folder: Path) -> None:
    describe(folder, description(folder) | {"format": OF_ENSEMBLES + 1, "more": 1})
    newer = OF_ENSEMBLES + 1
    refused(folder, f"must be at most {OF_ENSEMBLES}, got {newer}: a newer Étude wrote it")
    for other in (0, "1", None, 1.5):
        describe(folder, description(folder) | {"format": other})
        refused(folder, "is damaged: `format`")


def _at(document: Any, place: str) -> tuple[Any, str]:
    *way, last = place.split(".")
    for part in way:
        document = document[part]
    return document, last


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("spec.inputs", [5], "must have the shape [5, 3], got [4, 3]"),
        ("spec.inputs", [-1], "`spec.inputs.0`"),
        ("spec.inputs", ["4"], "`spec.inputs.0`"),
        ("spec.inputs", [], "must have the shape [1, 3], got [4, 3]"),
        ("spec.inputs", [2**50], "is damaged"),
        ("spec.inputs", [2**27], "a row must have at most 67,108,864 numbers"),
        ("spec.targets", 10**10, "`spec.targets`"),
        ("spec.task", "tokens", "every symbol of a row must have a target"),
        ("spec.classes", ["a", "b"], "must have the shape [2], got [3]"),
        ("spec.classes", [1, 2, 3], "`spec.classes.0`"),
        ("spec.task", "numbers", "do not fit"),
        ("spec.more", 1, "`spec.more`"),
        ("dtype", "object", "`dtype`"),
        ("fitted.mean", [3], "must have the shape [3], got [4]"),
        ("fitted.other", [3], "the array 'fitted/other' is missing"),
        ("stream.name", "os", "a part that is not known: there is no stream called 'os'"),
        ("stream.missing", "maybe", "`stream.missing`"),
        ("choice.model.name", "os.system", "a part that is not known: there is no model called"),
        ("choice.model.name", ["mlp"], "`model`"),
        ("choice.model.widths", [0], "`model.widths.0`"),
        ("choice.model.widths", [7], "must have the shape [7], got [3]"),
        ("choice.model.activation", "exec", "`model.activation`"),
        ("choice.model.command", "rm", "`model.command`"),
        ("choice.model.initializer", {"name": "import os"}, "no initializer called 'import os'"),
        ("choice.loss", {}, "`loss`"),
        ("choice.loss", [], "`choice.loss`"),
        ("choice.loss.name", "mse", "is damaged"),
        ("schema.columns", [{"name": "x"}], "do not fit"),
        ("schema.encoder", "pickle", "or 'images', got 'pickle'"),
        ("sha256", "0", "is not what was saved"),
    ],
)
def test_descriptions_that_cannot_be_are_refused(
    folder: Path, place: str, value: Any, message: str
) -> None:
    document = description(folder)
    part, name = _at(document, place)
    part[name] = value
    describe(folder, document)
    refused(folder, message)


@pytest.mark.parametrize("name", ["spec", "sha256", "dtype", "stream", "choice", "schema"])
def test_every_part_of_a_description_is_needed(folder: Path, name: str) -> None:
    document = description(folder)
    del document[name]
    describe(folder, document)
    refused(folder, f"`{name}` of {DESCRIPTION}: Field required")


def test_what_was_fitted_must_fit_the_inputs(folder: Path) -> None:
    """Description and arrays agree with each other here, but not with the network."""
    arrays = load_arrays((folder / WEIGHTS).read_bytes())
    arrays["fitted/mean"] = np.zeros(3, np.float32)
    document = description(folder)
    document["fitted"]["mean"] = [3]
    describe(folder, document)
    store(folder, arrays)
    refused(folder, "its parts do not fit one another")


def test_folders_that_are_no_networks_are_refused(folder: Path, tmp_path: Path) -> None:
    refused(tmp_path / "none", f"there is no saved network in {tmp_path / 'none'}")
    refused(folder / DESCRIPTION, "there is no saved network in")
    (folder / WEIGHTS).unlink()
    refused(folder, f"{WEIGHTS} is missing")
    (folder / WEIGHTS).mkdir()
    refused(folder, f"{WEIGHTS} is missing")
    (folder / DESCRIPTION).unlink()
    (folder / DESCRIPTION).mkdir()
    refused(folder, f"{DESCRIPTION} is missing")


@settings(max_examples=40, deadline=None, database=None)
@given(data=st.data())
def test_any_damage_is_an_input_error_or_none(
    network: Network, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    network.save(folder)
    file = folder / data.draw(st.sampled_from([WEIGHTS, DESCRIPTION]))
    content = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, min(len(content), 700) - 1))
    content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    file.write_bytes(content)
    try:
        loaded = etude.load(folder)
    except etude.InputError:
        return
    for name, value in network.weights.items():
        assert loaded.weights[name].tobytes() == value.tobytes()


# The user's own parts


class Own(nnx.Module):
    def __init__(self, inputs: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs):
        self.layer = nnx.Linear(inputs[0], outputs, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.layer(x)


def test_parts_of_a_user_are_given_by_the_user(table: polars.DataFrame, tmp_path: Path) -> None:
    def loss(version: str) -> etude.UserLoss:
        return etude.UserLoss(
            function=lambda outputs, targets: outputs[:, 0],
            label="first",
            version=version,
            task="classes",
        )

    model = etude.UserModel(module=Own, label="own", version="1")
    network = untrained(etude.Table.from_frame(table, "size"), model, loss("1"))
    network.save(tmp_path)
    refused(tmp_path, "the model of the network in")
    refused(tmp_path, "load(folder, loss=...)", model=model)
    with pytest.raises(etude.InputError, match="trained, user_loss first 1, got user_loss first 2"):
        etude.load(tmp_path, model=model, loss=loss("2"))
    with pytest.raises(etude.InputError, match="trained, user_model own 1, got linear"):
        etude.load(tmp_path, model=etude.Linear(), loss=loss("1"))
    loaded = etude.load(tmp_path, model=model, loss=loss("1"))
    assert loaded.outputs(table).tobytes() == network.outputs(table).tobytes()

    class Other(Own):
        def __init__(self, inputs: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs):
            self.other = nnx.Linear(inputs[0], outputs, rngs=rngs)

    changed = etude.UserModel(module=Other, label="own", version="1")
    refused(tmp_path, "the array 'params/other/bias' is missing", model=changed, loss=loss("1"))
