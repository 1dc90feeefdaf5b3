"""Hostile tables: each is planned, or refused in one sentence; none is believed or executed."""

import contextlib
import csv
import io
import math
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from cases import Case
from flax import nnx
from tables import cases

import etude as package
from etude.algorithm.sgd import SGD
from etude.data.table import Table
from etude.engine.plan import plan
from etude.errors import InputError
from etude.loss.classification import CrossEntropy
from etude.model.linear import Linear
from etude.network import Network, network_of
from etude.predictions import predictions_csv
from etude.study import Study
from etude.terminal import tell_error
from etude.validation.kfold import KFold

PARTS = 10

STUDY = """
model = { name = "linear" }
loss = { name = "%s" }
algorithm = { name = "sgd", epochs = 1 }
validation = { name = "kfold", folds = 2 }
"""

NAMED = re.compile(
    r"`\w+`|column '|column \d|target '|^error: the table must"
    r"|'[^']*\.(csv|tsv|CSV|parquet|np[yz])'"
)
"""What a refusal tells of the place: a field, a column or a file."""

RULE = re.compile(r"must|cannot|has no|has \d|have a|have none|needs?\b|allows|more than|may have")


def assert_plain_refusal(err: str) -> None:
    """One line that names the place and the rule, of bounded length."""
    assert err.startswith("error: ")
    line = err.removesuffix("\n")
    if "study.toml has 1 problem:\n" in line:  # a field of the table itself
        assert re.search(r"\n  data\.\w+: `\w+` must .*, got ", line), line
        return
    assert len(line) <= 1100
    assert line.isprintable(), line
    assert NAMED.search(line), line
    assert RULE.search(line), line


@cache
def titles() -> tuple[str, ...]:
    return tuple(case.title for case in cases())


def test_there_are_hundreds_of_them() -> None:
    assert len(set(titles())) == len(titles()) > 200


@pytest.mark.parametrize("part", range(PARTS))
def test_every_table_is_planned_or_refused(
    part: int, place: Path, etude: Callable[..., Any]
) -> None:
    planned = 0
    for number, case in enumerate(cases()[part::PARTS]):
        folder = place / str(number)
        folder.mkdir()
        made = case.make(folder)
        present = sorted(os.listdir(place)), sorted(os.listdir(folder))
        if isinstance(made, str):
            code, err = in_a_file(made, case, etude)
        else:
            code, err = in_memory(made[0] if isinstance(made, list) else made, case)
        assert code in (0, 2), (case.title, err)
        planned += code == 0
        if code == 2:
            assert_plain_refusal(err)
        else:
            assert err == "", case.title
        assert (sorted(os.listdir(place)), sorted(os.listdir(folder))) == present, case.title
    assert planned > 5


def in_a_file(path: str, case: Case, etude: Callable[..., Any]) -> tuple[int, str]:
    """How `etude check` ends with a study of the table, and its errors."""
    data = {"name": "table", "path": path, "target": "y"} | case.fields
    study = Path("study.toml")
    for loss in ("cross_entropy", "mse"):
        study.write_text(STUDY % loss + tomli_w.dumps({"data": data}), encoding="utf-8")
        outcome = etude("check", study)
        study.unlink()
        assert outcome.grown < 2**30, case.title
        if not outcome.err.startswith("error: `loss` cross_entropy needs"):
            break
    assert (outcome.out == "") == (outcome.code == 2)
    return outcome.code, outcome.err


def in_memory(frame: Any, case: Case) -> tuple[int, str]:
    """The same for a table in memory."""
    try:
        data = Table.from_frame(frame, **({"target": "y"} | case.fields))
        study = Study(
            data=data,
            model=Linear(),
            loss=CrossEntropy(),
            algorithm=SGD(epochs=1),
            validation=KFold(folds=2),
        )
        plan(study)
    except InputError as error:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            tell_error(f"error: {error}")
        return 2, said.getvalue()
    return 0, ""


TRAINED = (
    "Parquet: NaN",
    pytest.param("evil cells", marks=pytest.mark.slow),
    pytest.param("tiny and huge numbers", marks=pytest.mark.slow),
    pytest.param("the targets '1e36', '-3e36' of 3 ", marks=pytest.mark.slow),
)


@pytest.mark.parametrize("title", TRAINED)
def test_what_is_planned_is_trained_or_diverges(title: str, place: Path) -> None:
    """Nothing that passes the checks ends in an error of the engine."""
    (case,) = (case for case in cases() if case.title == title)
    path = case.make(place)
    data = Table(path=path, **({"target": "y", "max_categories": 1000} | case.fields))
    study = Study(
        data=data,
        model=Linear(),
        loss=CrossEntropy(),
        algorithm=SGD(epochs=2, learning_rate=0.01),
        validation=KFold(folds=2),
    )
    result = package.run(study)
    statuses = {member.status for member in result.record.members}
    assert statuses <= {"done", "diverged"}
    (choice,) = result.json()["choices"]
    assert choice["mean"] is not None
    assert math.isfinite(choice["mean"])


@pytest.fixture(scope="module", params=[False, True], ids=["without gaps", "with gaps"])
def saved(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, int]:
    """A network of one number that has never seen a gap, or has; half of the tables for each."""
    X = np.arange(40.0)[:, None]
    if request.param:
        X[::5] = np.nan
    table = Table.from_arrays(X, ["=a", "b"] * 20, columns=("x",), target="y")
    folder = tmp_path_factory.mktemp("network")
    network_of_table(table).save(folder)
    return folder, int(request.param)


def network_of_table(table: Table) -> Network:
    """A network with its initial weights, as if it had been trained on all rows."""
    prepared, model, loss = table.prepare(), Linear(), CrossEntropy()
    module = model.build(prepared.spec, len(prepared.spec.classes), nnx.Rngs(0))
    fitted = prepared.fit(np.arange(prepared.rows), np.empty(0))
    document = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    return network_of(prepared, model, loss, module, fitted, document, {})


def test_new_rows_are_predicted_or_refused(
    saved: tuple[Path, int], place: Path, etude: Callable[..., Any]
) -> None:
    network = package.load(saved[0])
    predicted = 0
    for number, case in enumerate(cases()[saved[1] :: 2]):
        folder = place / str(number)
        folder.mkdir()
        path = case.make(folder)
        if not isinstance(path, str) or not path or "\0" in path:
            continue  # no process can be given that
        if number % 20 == 0:
            outcome = etude("predict", saved[0], path)
            code, out, err = outcome.code, outcome.out, outcome.err
        else:
            code, out, err = predicted_by(network, path)
        assert code in (0, 2), (case.title, err)
        if code == 2:
            assert out == ""
            assert_plain_refusal(err)
            continue
        predicted += 1
        assert err == "", case.title
        header, *lines = csv.reader(io.StringIO(out, newline=""))
        assert header == ["row", "prediction", "p(=a)", "p(b)"]
        assert [line[0] for line in lines] == [str(n + 1) for n in range(len(lines))]
        assert {line[1] for line in lines} <= {"'=a", "b"}
        chances = np.array([line[2:] for line in lines], float)
        assert np.allclose(chances.sum(axis=1), 1, atol=1e-4), case.title
    assert predicted > 20
    assert not list(place.rglob("pickle-was-loaded"))


def predicted_by(network: Network, path: str) -> tuple[int, str, str]:
    """How `etude predict` ends: code, output and errors."""
    try:
        return 0, predictions_csv(network, Path(path)), ""
    except InputError as error:
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            tell_error(f"error: {error}")
        return 2, "", said.getvalue()
