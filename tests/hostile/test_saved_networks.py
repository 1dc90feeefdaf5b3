"""Saved networks that are damaged, foreign or hostile: refused, or predicting; never believed."""

import contextlib
import copy
import hashlib
import json
import math
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from command_line import peak_bytes
from flax import nnx
from PIL import Image

import etude as package
from etude.data.encoder import RatingsEncoder
from etude.data.images import prepare_images
from etude.data.names import prepare_names
from etude.data.ratings import prepare_ratings
from etude.data.table import Table
from etude.ensemble.combination import Combination
from etude.ensemble.samme import Samme
from etude.errors import InputError
from etude.loss.classification import CrossEntropy
from etude.loss.ratings import RegularizedSquaredError
from etude.model.factorization import MatrixFactorization
from etude.model.mlp import MLP
from etude.network import DESCRIPTION, WEIGHTS, Network, network_of
from etude.predictions import predictions_csv

MUTANTS = {"first": range(100), "more": range(100, 400)}
"""The numbers of the descriptions that are met every day, and of those that take turns."""

HOSTILE: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 3, 10**6, 10**9, 2**63, 10**30, 0.5, -0.0, 1e308, math.nan, math.inf),
    *("", "x", "table", "mlp", "user_model", "../../etc/passwd", "/dev/zero", "a\0b", "\u202e<b>"),
    *("os.system", "__import__('os').mkdir('code-was-run')", "x" * 10_000, "=1+1", "float32"),
    *([], [1], [-1], [10**12], [10**6] * 2, [1] * 1000, ["x"], [["x", 1]], [None], [[[]]], [0]),
    *({}, {"name": "mlp"}, {"name": "mlp", "widths": [10**7] * 2}, {"name": ["mlp"]}),
    *({"name": "user_model", "module": "os.system", "label": "x", "version": "1"}, {"py": 1}),
    *({"name": "linear", "initializer": {"name": "orthogonal"}}, {"encoder": "table"}),
)


def table_network() -> Network:
    frame = polars.DataFrame(
        {
            "size": [1.5, 2.5, None, 4.5, 5.0, 7.0] * 4,
            "colour": ["red", "blue", None] * 8,
            "day": ["2020-01-01", "2020-03-01"] * 12,
            "class": ["=a", "b"] * 12,
        }
    )
    frame = frame.with_columns(polars.col("day").str.to_date())
    prepared = Table.from_frame(frame, "class").prepare()
    model, loss = MLP(widths=(3,)), CrossEntropy()
    module = model.build(prepared.spec, 2, nnx.Rngs(0))
    fitted = prepared.fit(np.arange(prepared.rows), np.empty(0))
    choice = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    return network_of(prepared, model, loss, module, fitted, choice, {"rows": 24})


def ratings_network() -> Network:
    encoder = RatingsEncoder(("user", "item"), ("1", "2", "3"), ("x", "y"))
    ids = np.array([[user, item] for user in range(3) for item in range(2)])
    prepared = prepare_ratings(ids, np.arange(6.0)[:, None], encoder, "rating", True)
    model, loss = MatrixFactorization(factors=2), RegularizedSquaredError()
    module = model.build(prepared.spec, 1, nnx.Rngs(0))
    fitted = prepared.fit(np.arange(6), np.empty(0))
    choice = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    return network_of(prepared, model, loss, module, fitted, choice, {})


def text_network() -> Network:
    prepared = prepare_names(["anna", "bob", "nab"], 2)
    model, loss = MLP(widths=(3,), embedding=2), CrossEntropy()
    module = model.build(prepared.spec, 5, nnx.Rngs(0))
    choice = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    return network_of(prepared, model, loss, module, {}, choice, {"rows": 13})


def images_network() -> Network:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 3, 3)).astype(np.uint8)
    prepared = prepare_images(pixels, np.arange(6) % 2, ("=a", "b"), scaled=True, resized=True)
    model, loss = MLP(widths=(3,)), CrossEntropy()
    module = model.build(prepared.spec, 2, nnx.Rngs(0))
    fitted = prepared.fit(np.arange(6), np.empty(0))
    choice = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    return network_of(prepared, model, loss, module, fitted, choice, {})


def ensemble_network() -> Network:
    single = table_network()
    stacked = {name: np.stack([value, -value]) for name, value in single.weights.items()}
    algorithm = {"ensemble": Samme(networks=3).document()}
    combination = Combination(Samme(networks=3), np.float32([1, 2]), np.zeros(2, np.float32))
    return replace(
        single,
        weights=stacked,
        document=single.document | {"algorithm": algorithm},
        combination=combination,
    )


NETWORKS = {
    "table": table_network,
    "ensemble": ensemble_network,
    "ratings": ratings_network,
    "text": text_network,
    "images": images_network,
}
NEW_ROWS = {
    "table": "size,colour,day\n1.5,red,2020-01-01\n,green,2021-01-01\n",
    "ensemble": "size,colour,day\n1.5,red,2020-01-01\n,green,2021-01-01\n",
    "ratings": "user,item\n1,x\n3,y\n",
    "text": "",
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The folder of a saved network, and a file or a folder with rows for it."""
    folder = tmp_path_factory.mktemp(request.param)
    NETWORKS[request.param]().save(folder / "net")
    if request.param == "images":
        (folder / "photos").mkdir()
        for name, pixels in (("a.png", np.zeros((4, 3, 3), np.uint8)), ("b.png", np.eye(9) > 0)):
            Image.fromarray(pixels).save(folder / "photos" / name)
        return folder / "net", folder / "photos"
    (folder / "rows.csv").write_text(NEW_ROWS[request.param])
    return folder / "net", folder / "rows.csv"


def answered(folder: Path, rows: Path) -> bool:
    """Whether the network predicts; otherwise it must be refused, by nothing but `InputError`.

    A network of text is asked for three texts.
    """
    before, text = peak_bytes(), ""
    with contextlib.suppress(InputError):
        network = package.load(folder)
        if network.schema.get("encoder") == "text":
            text = "".join(line + "\n" for line in network.sample("na", length=2, count=3))
        else:
            text = predictions_csv(network, rows)
    assert peak_bytes() - before < 2**28
    assert text.count("\n") == (3 if text else 0)
    return bool(text)


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    items: Any = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield document, key
        if isinstance(value, dict | list):
            yield from places(value)


@pytest.mark.parametrize("part", ["first", pytest.param("more", marks=pytest.mark.slow)])
def test_any_description_is_answered_or_refused(
    network: tuple[Path, Path], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    description = json.loads((network[0] / DESCRIPTION).read_text())
    (tmp_path / WEIGHTS).write_bytes((network[0] / WEIGHTS).read_bytes())
    refused = 0
    for number in MUTANTS[part]:
        draw = random.Random(number)
        changed = copy.deepcopy(description)
        holder, key = draw.choice([*places(changed)])
        match draw.randrange(6):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[f"{key}x"] = draw.choice(HOSTILE)
            case _:
                holder[key] = copy.deepcopy(draw.choice(HOSTILE))
        (tmp_path / DESCRIPTION).write_text(json.dumps(changed))
        refused += not answered(tmp_path, network[1])
    assert refused > len(MUTANTS[part]) / 3
    assert {path.name for path in tmp_path.iterdir()} == {WEIGHTS, DESCRIPTION}


def test_any_weights_are_answered_or_refused(network: tuple[Path, Path], tmp_path: Path) -> None:
    """Weights of any header, though the description vouches for them."""
    description = json.loads((network[0] / DESCRIPTION).read_text())
    content = (network[0] / WEIGHTS).read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    for number in range(100):
        draw = random.Random(number)
        changed = copy.deepcopy(header)
        holder, key = draw.choice([*places(changed)])
        holder[key] = draw.choice((*HOSTILE, "F64", "BF16", [0, 2**40], [2**40], "I8"))
        text = json.dumps(changed).encode()
        claimed = draw.choice((len(text), len(text), len(text), 2**40, 0, len(text) - 1))
        written = struct.pack("<Q", claimed) + text + content[8 + length :]
        (tmp_path / WEIGHTS).write_bytes(written)
        description["sha256"] = hashlib.sha256(written).hexdigest()
        (tmp_path / DESCRIPTION).write_text(json.dumps(description))
        answered(tmp_path, network[1])


def test_values_that_are_not_finite_are_answered_or_refused(
    network: tuple[Path, Path], tmp_path: Path
) -> None:
    """Weights of the right shapes and any values: NaN and the largest numbers are no traceback."""
    from safetensors.numpy import load, save

    description = json.loads((network[0] / DESCRIPTION).read_text())
    arrays = load((network[0] / WEIGHTS).read_bytes())
    for value in (np.nan, np.inf, 3e38, -3e38, 1e-45, 0.0):
        written = save({name: np.full_like(array, value) for name, array in arrays.items()})
        (tmp_path / WEIGHTS).write_bytes(written)
        description["sha256"] = hashlib.sha256(written).hexdigest()
        (tmp_path / DESCRIPTION).write_text(json.dumps(description))
        answered(tmp_path, network[1])


def test_the_command_line_tells_it_plainly(
    network: tuple[Path, Path], place: Path, etude: Callable[..., Any]
) -> None:
    folder = place / "net"
    folder.mkdir()
    for name, content, reason in (
        (DESCRIPTION, b"", "network.json is not JSON"),
        (DESCRIPTION, b"[" * 100_000, "damaged"),
        (DESCRIPTION, b"\xff\xfe{}", "damaged"),
        (DESCRIPTION, b'{"format": 1e999}', "`format` of network.json"),
        (WEIGHTS, b"", "network.safetensors"),
        (WEIGHTS, b"\x80\x04\x95", "network.safetensors"),
        (WEIGHTS, struct.pack("<Q", 2**63) + b"{}", "network.safetensors"),
    ):
        for file in (DESCRIPTION, WEIGHTS):
            (folder / file).write_bytes((network[0] / file).read_bytes())
        (folder / name).write_bytes(content)
        outcome = etude("predict", folder, network[1])
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.err.startswith("error: ")
        assert reason in outcome.err
        assert outcome.err.removesuffix("\n").isprintable()
        assert outcome.grown < 2**28
