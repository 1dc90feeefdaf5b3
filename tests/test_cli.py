"""The commands as users call them: answers, exit codes, bad input."""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from flax import nnx

from etude import cli, ending
from etude.data.names import prepare_names
from etude.data.table import Table
from etude.engine.plan import plan
from etude.engine.population import Population
from etude.errors import InputError
from etude.execution.record import study_record
from etude.execution.run import Event
from etude.file import read_study
from etude.loss.classification import CrossEntropy
from etude.model.linear import Linear
from etude.model.mlp import MLP
from etude.network import network_of
from etude.store.errors import StoreError
from etude.store.store import Store

EXAMPLES = Path(__file__).parents[1] / "examples"
NETWORKS = 2 * 2 * 3 * 2  # models, learning rates, folds, seeds

COMMANDS = ["check", "run", "list", "show", "report", "refit", "predict", "sample"]
COMMANDS += ["play", "components", "schema"]

# DESIGN, section 7.
ANSWER = {
    "version",
    "study",
    "members",
    "programs",
    "trained",
    "reused",
    "diverged",
    "seconds",
    "metric",
    "choices",
    "best",
    "estimate_of_best",
}
CHOICE = {"choice", "mean", "stderr", "interval", "n", "rank", "p_best"}

SMALL = """
name = "{name}"
[data]
name = "table"
path = "{path}"
target = "{target}"
[model]
name = "linear"
[loss]
name = "{loss}"
[algorithm]
name = "adam"
learning_rate = 0.1
epochs = {epochs}
[validation]
name = "kfold"
folds = 3
"""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it wrote."""

    code: Any
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def etude(*arguments: Any, stream: type[io.StringIO] = io.StringIO) -> Outcome:
    """Run a command in this process."""
    out, err = stream(), stream()
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before, sys.argv = sys.argv, ["etude", *map(str, arguments)]
    ending._interrupted = False
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as ended:
        return Outcome(ended.code or 0, out.getvalue(), err.getvalue())
    finally:
        sys.argv = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
    raise AssertionError("the command line ends by SystemExit")


def process(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    code = "from etude.cli import main; main()"
    whole = [sys.executable, "-c", code, *map(str, arguments)]
    settings: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    settings |= {"encoding": "utf-8", "timeout": 120, "check": False}
    return subprocess.run(whole, **(settings | options))


def refused(outcome: Outcome, message: str, code: int = ending.BAD_INPUT) -> None:
    """It ended with this code and one message, and wrote nothing else."""
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert outcome.err.startswith("error: ")
    assert "Traceback" not in outcome.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the penguins and a shorter study of them."""
    place = tmp_path_factory.mktemp("penguins")
    shutil.copy(EXAMPLES / "penguins.csv", place)
    text = (EXAMPLES / "penguins.toml").read_text()
    for old, new in (
        ("log_range = [0.001, 0.1], count = 5", "grid = [0.001, 0.1]"),
        ("epochs = 40", "epochs = 3"),
        ("folds = 5", "folds = 3"),
    ):
        assert old in text
        text = text.replace(old, new)
    (place / "penguins.toml").write_text(text)
    return place


@pytest.fixture(scope="module")
def ran(folder: Path) -> Outcome:
    """The penguins, run with a report."""
    return etude("run", folder / "penguins.toml", *at(folder), "--report", folder / "r.html")


@pytest.fixture(scope="module")
def network(folder: Path, ran: Outcome) -> Path:
    """The best network of the penguins, saved."""
    outcome = etude("refit", "penguins", "-o", folder / "best", *at(folder))
    assert outcome.code == 0
    label = best_label(folder)
    parameters = 45 if label.startswith("linear") else 291
    assert outcome.out == (
        f"{label}: trained on all 344 rows for 3 epochs, {parameters} parameters, "
        f"saved in {folder / 'best'}\n"
    )
    return folder / "best"


def at(folder: Path) -> tuple[str, Path]:
    return "--store", folder / "etude.db"


def best_label(folder: Path) -> str:
    return str(etude("show", "penguins", *at(folder), "--json").json["best"])


def test_check_tells_the_plan_and_trains_nothing(folder: Path, tmp_path: Path) -> None:
    outcome = etude("check", folder / "penguins.toml")
    assert (outcome.code, outcome.err) == (0, "")
    first, *others = outcome.out.splitlines()
    assert first.startswith("penguins: 4 choices × 3 splits × 2 seeds = 24 networks in 2 programs")
    assert others == [
        "data table: 344 rows, first split 229 to train, 0 to choose, 115 to judge",
        "program 1: 12 networks of 45 parameters (linear), batch 32, 3 epochs",
        "program 2: 12 networks of 291 parameters (mlp), batch 32, 3 epochs",
    ]
    document = etude("check", folder / "penguins.toml", "--json").json
    assert (document["version"], document["members"], document["choices"]) == (1, NETWORKS, 4)
    assert [part["model"] for part in document["programs"]] == ["linear", "mlp"]
    assert sum(part["networks"] for part in document["programs"]) == NETWORKS


def test_run_answers_on_standard_output_and_tells_progress_on_standard_error(
    folder: Path, ran: Outcome
) -> None:
    assert ran.code == 0
    assert ran.err == "24 networks in 2 programs: 0 found, 24 to train\n"
    lines = ran.out.splitlines()
    assert lines[0].startswith("penguins: 24 networks in 2 programs; 24 trained, 0 found")
    assert lines[-1] == f"report: {folder / 'r.html'}"
    ranking = [line for line in lines if re.match(r" +\d+ .*adam learning_rate=", line)]
    assert len(ranking) == 4
    assert "learning_rate=0.1" in ranking[0]
    assert "\x1b" not in ran.out + ran.err
    assert "penguins" in (folder / "r.html").read_text()


def test_a_finished_study_trains_nothing(folder: Path, ran: Outcome) -> None:
    outcome = etude("run", folder / "penguins.toml", *at(folder), "--json", "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    document = outcome.json
    assert set(document) >= ANSWER
    assert (document["trained"], document["reused"]) == (0, NETWORKS)
    assert (document["members"], document["programs"], document["diverged"]) == (NETWORKS, 2, 0)
    assert set(document["seconds"]) == {"compile", "run", "total"}
    assert all(isinstance(seconds, float) for seconds in document["seconds"].values())
    assert document["metric"] == "accuracy"
    assert len(document["choices"]) == 4
    for choice in document["choices"]:
        assert set(choice) >= CHOICE
        assert choice["n"] == 3
        assert choice["interval"][0] <= choice["mean"] <= choice["interval"][1]
    assert [choice["rank"] for choice in document["choices"]] == sorted(
        choice["rank"] for choice in document["choices"]
    )
    assert document["best"] == document["choices"][0]["choice"]
    assert sum(choice["p_best"] for choice in document["choices"]) == pytest.approx(1)
    assert 0.8 < document["estimate_of_best"]["mean"] <= 1


def test_list_and_show_tell_what_the_store_holds(folder: Path, ran: Outcome) -> None:
    listed = etude("list", *at(folder))
    assert (listed.code, listed.err) == (0, "")
    head, line = listed.out.splitlines()
    assert head.split()[:4] == ["study", "networks", "finished", "diverged"]
    assert line.split()[:5] == ["penguins", "24", "24", "0", "accuracy"]
    (study,) = etude("list", *at(folder), "--json").json["studies"]
    assert (study["name"], study["finished"]) == ("penguins", NETWORKS)
    shown = etude("show", "penguins", *at(folder), "--top", "1")
    ranked = [line for line in shown.out.splitlines() if re.match(r" +\d+ .*adam", line)]
    assert len(ranked) == 1
    assert re.search(r"(did best|is best|may be as good)", shown.out)
    assert "3 more choices not shown" in shown.out
    by_name = etude("show", "penguins", *at(folder), "--json").json
    by_identity = etude("show", study["identity"][:8], *at(folder), "--json").json
    assert by_name == by_identity
    assert set(by_name) >= ANSWER


def test_report_draws_a_stored_study_again(folder: Path, ran: Outcome, tmp_path: Path) -> None:
    outcome = etude("report", "penguins", "-o", tmp_path / "again.html", *at(folder))
    assert (outcome.code, outcome.out) == (0, f"report: {tmp_path / 'again.html'}\n")
    page = (tmp_path / "again.html").read_text()
    assert page.startswith("<!doctype html>")
    # With the study file as it was written.
    assert "log_range" not in page
    assert "name = &quot;penguins&quot;" in page or 'name = "penguins"' in page


def test_predict_writes_a_line_for_every_row(folder: Path, network: Path, tmp_path: Path) -> None:
    outcome = etude("predict", network, folder / "penguins.csv")
    assert (outcome.code, outcome.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    with (folder / "penguins.csv").open() as file:
        truth = [row["species"] for row in csv.DictReader(file)]
    assert [int(row["row"]) for row in rows] == list(range(1, 345))
    assert np.mean([row["prediction"] == t for row, t in zip(rows, truth, strict=True)]) > 0.95
    classes = ["Adelie", "Chinstrap", "Gentoo"]
    for row in rows:
        shares = [float(row[f"p({name})"]) for name in classes]
        assert sum(shares) == pytest.approx(1, abs=1e-4)
        assert row["prediction"] == classes[int(np.argmax(shares))]
    written = etude("predict", network, folder / "penguins.csv", "-o", tmp_path / "p.csv")
    assert (written.code, written.out) == (0, f"predictions: {tmp_path / 'p.csv'}\n")
    assert (tmp_path / "p.csv").read_text() == outcome.out


def test_refit_takes_a_row_of_the_ranking(
    folder: Path, ran: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import etude as package

    taken: list[int] = []

    def refit(result: Any, choice: int) -> None:
        taken.append(choice)
        raise InputError("enough")

    monkeypatch.setattr(package, "refit", refit, raising=False)
    refused(etude("refit", "penguins", "-o", tmp_path, "--choice", "3", *at(folder)), "enough")
    with Store.open(folder / "etude.db", readonly=True) as opened:
        label = opened.load("penguins").choices[taken[0]].label
    assert label == etude("show", "penguins", *at(folder), "--json").json["choices"][2]["choice"]
    refused(
        etude("refit", "penguins", "-o", tmp_path, "--choice", "5", *at(folder)),
        "`--choice` must be at most 4, got 5",
    )


def test_a_table_of_numbers_from_file_to_predictions(tmp_path: Path) -> None:
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True, scaled=False)
    names = [*(f"x{number}" for number in range(X.shape[1])), "progression"]
    table = tmp_path / "diabetes.csv"
    lines = [",".join(names), *(",".join(map(str, row)) for row in np.column_stack([X, y]))]
    table.write_text("\n".join(lines))
    study = tmp_path / "study.toml"
    fields = {"name": "diabetes", "path": table.name, "target": "progression"}
    # Some editors begin a file with a byte order mark.
    study.write_text(SMALL.format(loss="mse", epochs=10, **fields), encoding="utf-8-sig")
    store = ("--store", tmp_path / "etude.db")
    document = etude("run", study, *store, "--json", "--quiet").json
    assert document["metric"] == "rmse"
    assert document["members"] == document["trained"] == 3
    # scikit-learn's linear regression has 54 to 57 on such folds, the mean 77.
    assert document["choices"][0]["mean"] < 62
    assert document["best"] == "adam"
    with Store.open(tmp_path / "etude.db", readonly=True) as opened:
        assert opened.load("diabetes").text == study.read_text(encoding="utf-8-sig")
    assert etude("refit", "diabetes", "-o", tmp_path / "net", *store).code == 0
    rows = tmp_path / "rows.csv"
    rows.write_text("\n".join(lines[:101]).replace("progression", "unknown"))
    predicted = etude("predict", tmp_path / "net", rows).out
    values = np.array([float(row["prediction"]) for row in csv.DictReader(io.StringIO(predicted))])
    assert len(values) == 100
    assert np.sqrt(np.mean((values - y[:100]) ** 2)) < 62


def test_components_tells_every_component_and_where_python_has_it() -> None:
    import etude as package
    from etude.catalogue import KINDS
    from etude.component import discover_all, registered

    discover_all()
    outcome = etude("components")
    assert outcome.code == 0
    for kind in KINDS:
        assert f"\n{kind}\n" in f"\n{outcome.out}"
        for name, cls in registered(kind).items():
            if not cls.__module__.startswith("etude."):
                continue  # of another test in this process
            assert f"\n  {name} " in outcome.out
            told = etude("components", name).out
            sections = [part for part in told.split("\n\n") if f"{kind} {name} (in " in part]
            (section,) = sections
            place = section.partition("(in Python ")[2].partition(")")[0]
            found: Any = package
            for part in place.split(".")[1:]:
                found = getattr(found, part)
            assert found is cls
    adam = etude("components", "adam").out
    for part in ("m̂ / (√v̂ + ε)", "learning_rate: number, default 0.001, greater than 0", "Kingma"):
        assert part in adam
    refused(etude("components", "adma"), "there is no component called 'adma'; did you mean 'adam'")


def test_schema_is_a_schema_that_accepts_the_examples(folder: Path) -> None:
    import tomllib

    document = etude("schema").json
    jsonschema.Draft7Validator.check_schema(document)
    study = tomllib.loads((folder / "penguins.toml").read_text())
    jsonschema.validate(study, document, jsonschema.Draft7Validator)
    study["algorithm"][0]["learning_rat"] = 0.1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(study, document, jsonschema.Draft7Validator)


def test_usage_errors_are_bad_input() -> None:
    for arguments in (["run"], ["nonsense"], ["show"], ["run", "x.toml", "--workers", "0"]):
        outcome = etude(*arguments)
        assert (outcome.code, outcome.out) == (2, "")
        assert "Traceback" not in outcome.err
    assert etude("--help").code == 0
    for command in [
        "check",
        "run",
        "list",
        "show",
        "compare",
        "report",
        "export",
        "refit",
        "predict",
        "sample",
        "components",
        "schema",
    ]:
        assert command in etude("--help").out
        assert re.match(rf"Usage: .*etude {command}", etude(command, "--help").out)


def test_study_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    refused(etude("run", tmp_path / "no.toml"), "there is no such file")
    refused(etude("check", tmp_path), "is a folder, not a study file")
    (tmp_path / "torn.toml").write_bytes(b"name = \xff")
    refused(etude("check", tmp_path / "torn.toml"), "line 1: a study file must be UTF-8 text")
    text = SMALL.format(name="n", path="t.csv", target="y", loss="mse", epochs=1)
    (tmp_path / "wrong.toml").write_text(
        text.replace("0.1", "-1").replace('"mse"', '"mes"').replace("folds", "fods")
    )
    outcome = etude("check", tmp_path / "wrong.toml")
    refused(outcome, "wrong.toml has 3 problems:")
    for part in ("`learning_rate` must be greater than 0, got -1", "did you mean 'mse'?", "`fods`"):
        assert part in outcome.err
    (tmp_path / "gone.toml").write_text(text)
    refused(etude("run", tmp_path / "gone.toml", *at(tmp_path)), "t.csv' does not exist")
    (tmp_path / "t.csv").write_text("x,y\n1,a\n3,b\n5,b\n")
    refused(etude("check", tmp_path / "gone.toml"), "`loss` mse needs a target of numbers")
    (tmp_path / "t.csv").write_text("x,y\n1,2.5\n3,4.5\n5,\n")
    refused(etude("check", tmp_path / "gone.toml"), "target 'y' must have a value in every row")


def test_stores_that_cannot_be_used_are_refused(folder: Path, ran: Outcome) -> None:
    store = ("--store", folder / "none.db")
    refused(etude("list", *store), "there is no store at")
    refused(etude("show", "penguins", *store), "run a study first")
    assert not (folder / "none.db").exists()
    refused(etude("list", "--store", folder / "penguins.csv"), "must be an SQLite file")
    refused(etude("list", "--store", "mysql://user:secret@host/x"), "got mysql://")
    refused(etude("show", "pengiuns", *at(folder)), "did you mean 'penguins'?")
    refused(etude("refit", "nope", "-o", folder / "n", *at(folder)), "holds no study 'nope'")
    refused(etude("report", "nope", "-o", folder / "n.html", *at(folder)), "holds no study 'nope'")


def test_outputs_that_cannot_be_written_are_refused_before_anything_is_done(
    folder: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, table = folder / "penguins.toml", folder / "penguins.csv"
    missing, new = tmp_path / "no" / "r.html", ("--store", tmp_path / "new.db")
    refused(etude("run", study, *new, "--report", missing), "does not exist")
    refused(etude("run", study, *new, "--report", tmp_path), "is a folder")
    assert not (tmp_path / "new.db").exists()
    refused(etude("report", "penguins", "-o", missing, *at(folder)), "does not exist")
    refused(etude("predict", network, table, "-o", missing), "does not exist")
    refused(etude("predict", network, table, "-o", "/dev/null"), "must be a file")
    refused(etude("refit", "penguins", "-o", table, *at(folder)), "must be a folder")
    refused(etude("refit", "penguins", "-o", table / "net", *at(folder)), "must be a folder")
    # The tests may run as a user who may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    place = tmp_path / "r.html"
    refused(etude("run", study, *new, "--report", place), "cannot be written")
    refused(etude("predict", network, table, "-o", place), "cannot be written")
    refused(etude("refit", "penguins", "-o", tmp_path / "n", *at(folder)), "cannot be written")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_is_told(
    folder: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    table, place = folder / "penguins.csv", tmp_path / "p.csv"
    refused(etude("predict", network, table, "-o", place), "No space left on device", ending.FAILED)
    refused(
        etude("report", "penguins", "-o", place, *at(folder)),
        "No space left on device",
        ending.FAILED,
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.csv", None, "does not exist"),
        ("empty.csv", "", "is empty"),
        ("head.csv", "island,sex\n", "has none"),
        ("wrong.csv", "a,b\n1,2\n", "the table must have a column 'island'"),
        ("text.txt", "island\n", "must end in one of .csv"),
        ("torn.parquet", "PAR1", "cannot be read as Parquet"),
        ("torn.npy", "\x93NUMPY", "cannot be read as NumPy"),
        ("\x1b[31m<b>\u202e.csv", None, r"\x1b[31m<b>\u202e.csv"),
    ],
)
def test_rows_that_cannot_be_predicted_are_refused(
    network: Path, tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    outcome = etude("predict", network, tmp_path / name)
    refused(outcome, message)
    assert "\x1b" not in outcome.err


def test_wrong_cells_and_folders_are_refused(folder: Path, network: Path, tmp_path: Path) -> None:
    refused(etude("predict", network, tmp_path), "must end in one of")
    (tmp_path / "folder.csv").mkdir()
    refused(etude("predict", network, tmp_path / "folder.csv"), "is a folder")
    text = (folder / "penguins.csv").read_text().replace("39.1", "long", 1)
    (tmp_path / "cell.csv").write_text(text)
    refused(
        etude("predict", network, tmp_path / "cell.csv"),
        "column 'bill_length_mm', row 1: must be a number, got 'long'",
    )


def test_folders_without_a_network_are_refused(folder: Path, tmp_path: Path) -> None:
    table = folder / "penguins.csv"
    refused(etude("predict", tmp_path, table), "network.json is missing")
    refused(etude("predict", tmp_path / "none", table), "there is no saved network in")
    refused(etude("predict", table, table), "there is no saved network in")
    (tmp_path / "network.json").write_text("[" * 100_000)
    refused(etude("predict", tmp_path, table), "is damaged: network.json is not JSON")


HOSTILE = [
    '=HYPERLINK("http://x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "-1",
    "+2.5e3",
    "<script>alert(1)</script>",
    'quo"te, comma',
    "\x1b[31mred",
    "two\nlines",
]


def test_hostile_class_names_do_no_harm_in_predictions(tmp_path: Path) -> None:
    """RULES 13: text that a spreadsheet would run is neutralized, numbers stay numbers."""
    table = tmp_path / "hostile.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["=x", "@y"], *enumerate(HOSTILE)])
    data = Table(path=str(table), target="@y", categorical=("=x",), scale="none")
    # One feature and one class a row; the classes stand in alphabetical order.
    kernel = np.zeros((len(HOSTILE), len(HOSTILE)), np.float32)
    kernel[range(len(HOSTILE)), np.argsort(np.argsort(HOSTILE))] = 20
    prepared, model, loss = data.prepare(), Linear(), CrossEntropy()
    module = model.build(prepared.spec, len(HOSTILE), nnx.Rngs(0))
    document = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    network = network_of(prepared, model, loss, module, {}, document, {})
    (name,) = (name for name in network.weights if name.endswith("kernel"))
    network.weights[name] = kernel
    network.save(tmp_path / "net")
    outcome = etude("predict", tmp_path / "net", table)
    assert (outcome.code, outcome.err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(outcome.out, newline="")))
    neutral = [f"'{label}" for label in HOSTILE[:4]]
    assert [row["prediction"] for row in rows] == neutral + HOSTILE[4:]
    assert all(name.startswith(("row", "prediction", "p(")) for name in rows[0])
    on_terminal = etude("predict", tmp_path / "net", table, stream=Terminal).out
    assert "\x1b" not in on_terminal
    assert r"\x1b[31mred" in on_terminal


def test_hostile_study_names_do_no_harm_on_terminals(folder: Path, tmp_path: Path) -> None:
    study = folder / "hostile.toml"
    text = (folder / "penguins.toml").read_text()
    study.write_text(text.replace('"penguins"', r'"\u001b[31m<b>\u202e"', 1))
    shown = r"\x1b[31m<b>\u202e"
    assert etude("check", study).out.startswith(f"{shown}: 4 choices")
    assert etude("check", study, "--json").json["study"] == "\x1b[31m<b>\u202e"
    with Store.open(tmp_path / "etude.db") as store:
        store.begin(study_record(plan(read_study(study))))
    assert shown in etude("list", *at(tmp_path)).out.splitlines()[1]
    assert "<b>" in (listed := etude("list", *at(tmp_path), stream=Terminal).out)
    assert "\u202e" not in listed
    refused(etude("show", "nope", *at(tmp_path)), r"\x1b[31m<b>")
    unfinished = etude("show", "\x1b[31m<b>\u202e", *at(tmp_path))
    assert unfinished.code == 0
    assert unfinished.out.startswith(f"{shown}: 24 networks")


def test_an_interrupted_run_is_130_and_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etude import progress

    @contextlib.contextmanager
    def pressed(quiet: bool) -> Iterator[Any]:
        def watch(event: Event) -> None:
            if event.finished:
                raise KeyboardInterrupt

        yield watch

    with monkeypatch.context() as patched:
        patched.setattr(progress, "watching", pressed)
        stopped = etude("run", folder / "penguins.toml", *at(tmp_path), "--workers", "1")
    assert (stopped.code, stopped.out) == (ending.INTERRUPTED, "")
    where = r"(with \d+ of 24 networks to train|before the evidence was summed up)"
    assert re.search(rf"stopped {where}; run the same command again to go on", stopped.err)
    document = etude("run", folder / "penguins.toml", *at(tmp_path), "--json").json
    assert document["reused"] >= 1
    assert document["trained"] + document["reused"] == NETWORKS
    undisturbed = etude("show", "penguins", *at(folder), "--json").json
    assert document["choices"] == undisturbed["choices"]


def test_failed_networks_and_stores_are_1(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import etude as package

    def broken(*_: Any) -> None:
        raise RuntimeError("no more of this")

    study = folder / "penguins.toml"
    with monkeypatch.context() as patched:
        patched.setattr(Population, "train", broken)
        outcome = etude("run", study, *at(tmp_path), "--json", "--quiet")
    assert outcome.code == ending.FAILED
    assert outcome.err == "24 networks failed; the first: RuntimeError: no more of this\n"
    assert outcome.json["best"] is None
    refused(
        etude("refit", "penguins", "-o", tmp_path / "n", *at(tmp_path)), "no choice is complete"
    )

    def full(*_: Any, **__: Any) -> None:
        raise StoreError("the store x could not be written: disk full")

    monkeypatch.setattr(package, "run", full, raising=False)
    refused(etude("run", study, *at(tmp_path)), "disk full", ending.FAILED)
    monkeypatch.setattr(package, "run", lambda *_, **__: 1 / 0, raising=False)
    with pytest.raises(ZeroDivisionError):
        etude("run", study, *at(tmp_path))


def test_tables_are_plain_unless_a_terminal_shows_them(
    folder: Path, ran: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    show = ("show", "penguins", *at(folder))
    assert "\x1b[1m" in etude(*show, stream=Terminal).out
    assert "\x1b" not in etude(*show).out
    monkeypatch.setenv("NO_COLOR", "1")
    plain = etude(*show, stream=Terminal).out
    assert "\x1b" not in plain
    assert "learning_rate=0.1" in plain


def test_progress_is_a_bar_on_a_terminal(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    ran = etude("run", folder / "penguins.toml", *at(tmp_path), "--json", stream=Terminal)
    assert ran.json["trained"] == NETWORKS
    assert "training" in ran.err or "compiling" in ran.err
    assert "24/24" in ran.err
    quiet = etude("run", folder / "penguins.toml", *at(tmp_path), "--quiet", stream=Terminal)
    assert quiet.err == ""


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
sys.argv = ["etude", "--help"]
from etude.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
heavy = {"jax", "flax", "numpy", "polars", "sklearn", "sqlalchemy", "pydantic", "altair"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_in_a_process_of_its_own(folder: Path, network: Path) -> None:
    """What only a real process shows: pipes, encodings, a reader that leaves."""
    latin = os.environ | {"PYTHONIOENCODING": "latin-1"}
    shown = process("show", "penguins", *at(folder), env=latin, encoding="latin-1")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "· adam learning_rate=0.1" in shown.stdout
    assert r"\u2500" in shown.stdout
    reader = "import sys; sys.stdin.readline()"
    both = f"{sys.executable} -c 'from etude.cli import main; main()' components"
    left = subprocess.run(
        f'{both} | {sys.executable} -c "{reader}"', shell=True, capture_output=True, timeout=60
    )
    assert (left.returncode, left.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="there is no /dev/full here")
def test_standard_output_that_is_full_is_told() -> None:
    with Path("/dev/full").open("w") as full:
        ended = process("components", stdout=full)
    assert ended.returncode == ending.FAILED
    assert ended.stderr.startswith("error: No space left on device")
    assert "Traceback" not in ended.stderr


def test_input_errors_are_messages_for_people() -> None:
    assert issubclass(InputError, ValueError)
    assert ending._exit_code(InputError("`x` must be \x1b[31m")) == ending.BAD_INPUT


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved network of names, untrained."""
    folder = tmp_path_factory.mktemp("names") / "net"
    prepared = prepare_names(["anna", "\x1bob", "nab"], 2)
    model, loss = MLP(widths=(3,)), CrossEntropy()
    module = model.build(prepared.spec, loss.outputs(prepared.spec), nnx.Rngs(0))
    choice = {"model": model.document(), "loss": loss.document(), "data": {}, "algorithm": {}}
    network_of(prepared, model, loss, module, {}, choice, {}).save(folder)
    return folder


def test_sample(writer: Path) -> None:
    outcome = etude("sample", writer, "--prompt", "na", "--count", 3, "--length", 9, "--seed", 1)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("\n")
    texts = outcome.out.splitlines()
    assert len(texts) == 3
    assert all(text.startswith("na") and len(text) <= 11 for text in texts)
    best = [etude("sample", writer, *more).out for more in (("--temperature", 0), ("--top-k", 1))]
    assert best[0] == best[1]


def test_a_sample_cannot_forge_a_terminal(writer: Path) -> None:
    options = ("--prompt", "\x1bob", "--length", 1)
    assert etude("sample", writer, *options, stream=Terminal).out.startswith("\\x1bob")
    assert etude("sample", writer, *options).out.startswith("\x1bob")


def test_samples_that_cannot_be_drawn(writer: Path, network: Path, folder: Path) -> None:
    refused(etude("sample", writer, "--prompt", "nax"), "none of them: 'x'")
    refused(etude("sample", writer, "--temperature", "inf"), "`temperature` must be a number")
    refused(etude("sample", writer, "--length", 10**9), "`length` must be from 1 to 1,000,000")
    refused(etude("sample", network), "needs a network that was trained on text")
    refused(etude("sample", folder), "there is no saved network")
    refused(etude("predict", writer, folder / "penguins.csv"), "use `etude sample`")
    assert etude("sample", writer, "--count", 0).code == ending.BAD_INPUT
