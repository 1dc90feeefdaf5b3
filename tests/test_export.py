"""Rankings and networks as CSV, Parquet and data frames."""

from pathlib import Path

import pandas
import polars
import pyarrow
import pytest
from typer.testing import CliRunner

import etude
from etude import SGD, CrossEntropy, InputError, Iris, KFold, Linear, grid
from etude.cli import app
from etude.export import export


@pytest.fixture(scope="module")
def result() -> etude.Result:
    hostile = ("=1+1", "plain", "@x")
    return etude.run(
        etude.Study(
            name="small",
            data=Iris(),
            model=Linear(),
            loss=CrossEntropy(),
            algorithm=grid(SGD, learning_rate=[0.01], epochs=1),
            labels=hostile,
            validation=KFold(folds=2),
        )
    )


def test_csv_keeps_numbers_and_neutralizes_formulas(result: etude.Result, tmp_path: Path) -> None:
    assert export(result, tmp_path / "ranking.csv") == 3
    frame = pandas.read_csv(tmp_path / "ranking.csv")
    assert frame["mean"].tolist() == result.frame("pandas")["mean"].tolist()
    assert frame["rank"].dtype.kind == "i"
    text = (tmp_path / "ranking.csv").read_text()
    cells = [cell for line in text.splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "@"))]
    assert any(cell.startswith("sgd · =1+1") for cell in cells)


def test_parquet_holds_the_networks(result: etude.Result, tmp_path: Path) -> None:
    assert export(result, tmp_path / "networks.parquet", members=True) == 6
    frame = polars.read_parquet(tmp_path / "networks.parquet")
    assert frame["status"].to_list() == ["done"] * 6
    assert frame.equals(result.members())


def test_other_endings_are_refused_and_nothing_is_written(
    result: etude.Result, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"must end in \.csv or \.parquet, got 'ranking\.xlsx'"):
        export(result, tmp_path / "ranking.xlsx")
    assert not list(tmp_path.iterdir())


def test_frames_of_every_kind_hold_the_same(result: etude.Result) -> None:
    arrow = result.frame("arrow")
    assert isinstance(arrow, pyarrow.Table)
    assert arrow.to_pydict() == result.frame("polars").to_dict(as_series=False)
    assert list(result.frame("pandas").columns) == arrow.column_names


def test_the_command(tmp_path: Path) -> None:
    store, output = tmp_path / "etude.db", tmp_path / "out.csv"
    study = etude.Study(
        name="one",
        data=Iris(),
        model=Linear(),
        loss=CrossEntropy(),
        algorithm=SGD(epochs=1),
        validation=KFold(folds=2),
    )
    etude.run(study, store)
    arguments = ["export", "one", "-o", str(output), "--store", str(store), "--networks"]
    done = CliRunner().invoke(app, arguments)
    assert (done.exit_code, done.output.strip()) == (0, f"{output}: 2 networks")
    assert len(output.read_text().splitlines()) == 3
