"""`etude compare`, from a store to tables and JSON."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from typer.testing import CliRunner

import etude
from etude import SGD, Adam, CrossEntropy, InputError, Iris, KFold, Linear, ScikitLearn, Wine, grid
from etude.cli import app
from etude.comparing import compared


def study(name: str, data: object, **fields: object) -> etude.Study:
    parts: dict[str, object] = {
        "name": name,
        "data": data,
        "model": Linear(),
        "loss": CrossEntropy(),
        "algorithm": (*grid(SGD, learning_rate=[1e-5, 0.1], epochs=20), Adam(epochs=20)),
        "validation": KFold(folds=8, stratified=True),
    }
    return etude.Study(**(parts | fields))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "etude.db"
    declared = {"baseline": "sgd learning_rate=0.1", "region": 0.05}
    etude.run(study("flowers", Iris(), **declared), path)
    etude.run(study("cultivars", Wine(), estimator=ScikitLearn(estimator="SVC")), path)
    return path


def stored(store: Path, name: str) -> etude.Result:
    with etude.Store.open(store, readonly=True) as opened:
        return etude.Result(opened.load(name))


def command(store: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["compare", *arguments, "--store", str(store)])
    assert done.exit_code == 0, done.output
    return done.output


def test_with_the_declared_baseline(store: Path) -> None:
    answer = json.loads(command(store, "flowers", "--json"))
    assert answer["baseline"] == "sgd learning_rate=0.1"
    found = {row["choice"]: row for row in answer["differences"]}
    assert set(found) == {"sgd learning_rate=1e-05", "adam"}
    result = stored(store, "flowers")
    values = {
        label: [
            member.values["test"]["accuracy"]
            for member in result.record.members
            if result.record.choices[member.choice].label == label
        ]
        for label in (*found, "sgd learning_rate=0.1")
    }
    for label, row in found.items():
        d = np.subtract(values[label], values["sgd learning_rate=0.1"])
        error = np.sqrt(d.var(ddof=1) * (1 / 8 + 1 / 7))
        assert row["mean"] == pytest.approx(d.mean())
        assert row["stderr"] == pytest.approx(error)
        p = 2 * stats.t.sf(abs(d.mean() / row["stderr"]), 7)
        assert row["p"] == pytest.approx(p)
        assert sum(row["probabilities"].values()) == pytest.approx(1)
    assert found["sgd learning_rate=1e-05"]["verdict"] == "worse"
    text = command(store, "flowers")
    assert "from the baseline sgd learning_rate=0.1, paired over 8 splits" in text
    assert "equivalent" in text


def test_another_baseline_may_be_named(store: Path) -> None:
    answer = json.loads(command(store, "flowers", "--baseline", "adam", "--region", "0", "--json"))
    assert answer["baseline"] == "adam"
    with pytest.raises(InputError, match="got 'adamm'; did you mean 'adam'"):
        compared([stored(store, "flowers")], "adamm", None, None, "steps")


def test_with_the_best_where_no_baseline_is_declared(store: Path) -> None:
    (found,) = json.loads(command(store, "cultivars", "--json"))["data"]
    assert found["best"] == found["may_be_best"][0]
    assert "sgd learning_rate=1e-05" in found["worse"]
    assert [row["choice"] for row in found["p"]] == [*found["may_be_best"], *found["worse"]]
    p = {row["choice"]: row["p"] for row in found["p"]}
    assert p[found["best"]] == 1
    assert p["sgd learning_rate=1e-05"] <= 0.05
    assert "may be best" in command(store, "cultivars")


def test_how_soon_a_target_is_reached(store: Path) -> None:
    answer = json.loads(command(store, "flowers", "--target", "0.5", "--json"))
    rows = {row["choice"]: row for row in answer["choices"]}
    assert rows["sgd learning_rate=0.1"]["share"] == 1
    assert rows["sgd learning_rate=0.1"]["steps"] <= rows["sgd learning_rate=0.1"]["epochs"] * 5
    assert "How soon accuracy reaches 0.5 on the test rows" in command(
        store, "flowers", "--target", "0.5"
    )


def test_over_several_data_sets(store: Path) -> None:
    answer = json.loads(command(store, "flowers", "cultivars", "--json"))
    assert answer["data_sets"] == ["iris", "wine"]
    assert {row["choice"] for row in answer["choices"]} == {
        "sgd learning_rate=1e-05",
        "sgd learning_rate=0.1",
        "adam",
    }
    assert answer["left_out"] == ["SVC"]
    ranks = {row["choice"]: row["mean_rank"] for row in answer["choices"]}
    assert ranks["sgd learning_rate=1e-05"] == 3
    text = command(store, "flowers", "cultivars", "--unit", "epochs")
    assert "3 choices complete on each of 2 data sets. 1 choice left out: SVC" in text
    assert "too few" in text
    assert "middle accuracy" in text
    assert "interval" not in text
    assert "Estimators" not in text


@pytest.mark.parametrize("unit", ["epochs", "steps", "seconds"])
def test_estimators_have_no_performance_profile(store: Path, unit: str) -> None:
    etude.run(study("more flowers", Iris(), estimator=ScikitLearn(estimator="SVC")), store)
    arguments = ("more flowers", "cultivars", "--unit", unit)
    answer = json.loads(command(store, *arguments, "--json"))
    profiles = {row["choice"]: row["profile"] for row in answer["choices"]}
    assert profiles.pop("SVC") is None
    assert all(set(shares) == {"1", "1.5", "2", "4"} for shares in profiles.values())
    text = command(store, *arguments)
    (line,) = [line for line in text.splitlines() if line.strip().startswith("SVC")]
    assert line.split()[-4:] == ["–"] * 4
    assert "Estimators are not measured while they train" in " ".join(text.split())


def test_a_study_named_twice_is_no_second_data_set(store: Path) -> None:
    answer = json.loads(command(store, "flowers", "flowers", "cultivars", "--json"))
    assert answer["data_sets"] == ["iris", "wine"]
    assert answer["counted_once"] == ["The study flowers is named 2 times and counts once."]


@pytest.mark.parametrize(
    ("studies", "options", "message"),
    [
        (1, (None, 0.1, None), r"`--region` needs a baseline, got 0\.1"),
        (1, (None, None, float("nan")), "`--target` must be a finite number, got nan"),
        (1, (None, None, float("inf")), "`--target` must be a finite number, got inf"),
        (1, ("adam", None, 0.5), "`--baseline` has no effect beside `--target`, got 'adam'"),
        (1, (None, 0.1, 0.5), r"`--region` has no effect beside `--target`, got 0\.1"),
        (2, ("adam", None, None), "`--baseline` needs a single study, got 'adam' with 2"),
        (2, (None, 0.1, None), r"`--region` needs a single study, got 0\.1 with 2"),
        (2, (None, None, 0.5), r"`--target` needs a single study, got 0\.5 with 2"),
    ],
)
def test_options_without_effect_are_refused(
    store: Path,
    studies: int,
    options: tuple[str | None, float | None, float | None],
    message: str,
) -> None:
    results = [stored(store, name) for name in ("cultivars", "flowers")[:studies]]
    with pytest.raises(InputError, match=message):
        compared(results, *options, "steps")


def test_studies_without_a_common_choice_are_refused(store: Path) -> None:
    other = study("alone", Iris(), algorithm=SGD(learning_rate=0.3, epochs=1))
    etude.run(other, store)
    done = CliRunner().invoke(app, ["compare", "alone", "cultivars", "--store", str(store)])
    assert isinstance(done.exception, InputError)
    assert "must have a choice in common" in str(done.exception)
