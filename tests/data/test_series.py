"""Windows of a series: what each row holds, and that nothing of later times reaches training."""

from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from pydantic import ValidationError

import etude
from etude.batch import Spec
from etude.data.base import Source
from etude.data.encoder import encoder_from_schema
from etude.data.frame import Content
from etude.data.series import Series
from etude.errors import InputError
from etude.predictions import predictions_csv
from etude.testing.beside import source_of
from etude.validation.holdout import Holdout
from etude.validation.time_series import TimeSeries

TIMES = 60


def table(times: int = TIMES) -> polars.DataFrame:
    """A load, the weather with gaps, the day of the week, and a clock that runs backwards."""
    generator = np.random.default_rng(0)
    weather = [None if time % 7 == 3 else float(time**2) for time in range(times)]
    return polars.DataFrame(
        {
            "clock": np.arange(times)[::-1],
            "twice": np.arange(times) // 2,
            "load": generator.normal(50, 9, times),
            "weather": weather,
            "day": [["mon", "tue", "wed"][time % 3] for time in range(times)],
        }
    )


def test_a_row_is_the_past_and_its_target_lies_ahead() -> None:
    frame = table()
    load = frame["load"].to_numpy()
    prepared = Series.from_frame(frame, target="load", window=5, horizon=3).prepare()
    assert prepared.rows == TIMES - 5 - 3 + 1
    assert prepared.spec == Spec("numbers", (5, 1))
    assert prepared.spec.sequence == (5, 1)
    for row in (0, 1, prepared.rows - 1):
        np.testing.assert_allclose(
            prepared.arrays["inputs"][row, :, 0], load[row : row + 5], rtol=1e-6
        )
        assert prepared.targets[row, 0] == load[row + 4 + 3]
    np.testing.assert_allclose(prepared.arrays["targets"], prepared.targets, rtol=1e-6)


def test_further_columns_stand_beside_the_target() -> None:
    frame = table()
    prepared = Series.from_frame(
        frame, target="load", columns=("weather", "day"), window=4, scale="none"
    ).prepare()
    assert prepared.columns == ("load", "weather", "day")
    assert prepared.spec.inputs == (4, 6)
    last = prepared.arrays["inputs"][:, -1]
    times = np.arange(3, TIMES - 1)
    gaps = times % 7 == 3
    np.testing.assert_array_equal(np.isnan(last[:, 1]), gaps)
    np.testing.assert_array_equal(last[~gaps, 1], times[~gaps] ** 2)
    np.testing.assert_array_equal(last[:, 2], gaps)
    np.testing.assert_array_equal(last[:, 3:], np.eye(3)[times % 3])


def test_rows_are_sorted_by_the_column_of_times() -> None:
    prepared = Series.from_frame(table(), target="load", window=2, order="clock").prepare()
    backwards = table()["load"].to_numpy()[::-1]
    np.testing.assert_array_equal(prepared.targets[:, 0], backwards[2:])
    assert prepared.columns == ("load",)


def test_several_targets() -> None:
    prepared = Series.from_frame(table(), target=("load", "clock"), window=3).prepare()
    assert prepared.spec == Spec("numbers", (3, 2), 2)
    np.testing.assert_array_equal(prepared.targets[:, 1], np.arange(TIMES)[::-1][3:])


def splits(rows: int, horizon: int) -> Any:
    yield from TimeSeries(folds=3, gap=horizon - 1, validation=0.2).splits(rows, None, 0)
    yield from Holdout(shuffle=False, validation=0.2).splits(rows, None, 0)


@pytest.mark.parametrize("horizon", [1, 4])
def test_training_never_reaches_into_what_is_held_out(horizon: int) -> None:
    """Whatever the values from the first judged target on: training and scaling stay the same."""
    window, frame = 6, table()
    series = Series.from_frame(frame, "load", columns=("weather",), window=window, horizon=horizon)
    rows = series.prepare().rows
    found = list(splits(rows, horizon))
    assert len(found) == 4
    for split in found:
        held_out = min(split.validation.min(), split.test.min()) + window - 1 + horizon
        changed = frame.with_columns(
            polars.when(polars.int_range(polars.len()) < held_out)
            .then(polars.col(name))
            .otherwise(-1000.0 * polars.int_range(polars.len()))
            for name in ("load", "weather")
        )
        sources = [
            source_of(series.changed(content=Content(each)).prepare(), split)
            for each in (frame, changed)
        ]
        for left, right in zip(*(seen(source, split.train) for source in sources), strict=True):
            np.testing.assert_array_equal(left, right)
        assert len(split.train) > 3


def seen(source: Source, train: np.ndarray) -> list[np.ndarray]:
    """All that training reads: the rows, and what was fitted to them."""
    arrays = [np.asarray(source.arrays[name])[train] for name in ("inputs", "targets")]
    return arrays + [np.asarray(source.fitted[name]) for name in sorted(source.fitted)]


def test_with_a_gap_targets_are_known_when_the_first_forecast_is_made() -> None:
    """The first judged window ends at its row + window − 1; no training target lies later."""
    window, horizon, rows = 6, 4, 60
    for split in TimeSeries(folds=3, gap=horizon - 1, validation=0.2).splits(rows, None, 0):
        for earlier, later in ((split.train, split.validation), (split.validation, split.test)):
            known = later.min() + window - 1
            assert earlier.max() + window - 1 + horizon <= known
    for split in TimeSeries(folds=3).splits(rows, None, 0):
        assert split.train.max() + window - 1 + horizon > split.test.min() + window - 1


def test_every_time_of_the_training_windows_counts_once_in_the_scaling() -> None:
    prepared = Series.from_frame(table(), target="load", window=5, horizon=2).prepare()
    load = table()["load"].to_numpy()
    rows, weights = np.array([2, 3, 9]), np.array([1.0, 0, 3])
    fitted = prepared.fit(rows, weights)
    values = np.concatenate([load[2:7], load[9:14]]).astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(fitted["mean"], values.mean(), rtol=1e-6)
    np.testing.assert_allclose(fitted["factor"], 1 / values.std(), rtol=1e-5)
    np.testing.assert_allclose(fitted["target_mean"], (load[8] + 3 * load[15]) / 4, rtol=1e-6)
    without = Series.from_frame(table(), "load", window=5, scale="none", scale_target=False)
    assert without.prepare().fit(rows, np.empty(0)) == {}


def test_new_rows_are_encoded_as_those_of_the_study() -> None:
    series = Series.from_frame(table(), "load", columns=("weather", "day"), window=4, horizon=2)
    prepared = series.prepare()
    encoder = encoder_from_schema(prepared.schema)
    assert encoder.schema() == prepared.encoder.schema()
    encoder.check(prepared.spec)
    inputs = encoder.encode(table())["inputs"]
    assert len(inputs) == TIMES - 3
    np.testing.assert_array_equal(inputs[:-2], prepared.arrays["inputs"])
    with pytest.raises(InputError, match=r"must have at least 4 rows, .* got 3"):
        encoder.encode(table(3))
    with pytest.raises(InputError, match=r"must be \[5, 6\] steps and features, got 4 and 6"):
        encoder.check(Spec("numbers", (5, 6)))


def test_a_file_is_read_as_a_table_is(tmp_path: Path) -> None:
    path = tmp_path / "load.csv"
    table().write_csv(path)
    series = Series(path=str(path), target="load", columns=("weather",), window=3)
    memory = Series.from_frame(table(), target="load", columns=("weather",), window=3)
    assert series.user_files() == (str(path),)
    np.testing.assert_array_equal(
        series.prepare().arrays["inputs"], memory.prepare().arrays["inputs"]
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"window": 59, "horizon": 2}, r"`window` \+ `horizon` must be at most .* 60, got 59 \+ 2"),
        ({"columns": ("wether",)}, "`columns` must name columns of the table.* 'weather'"),
        ({"columns": ("load",)}, "`columns` must not name the target, got 'load'"),
        ({"order": "day"}, "`order` must name a column of numbers or dates, and 'day'"),
        ({"order": "twice"}, "column 'twice', rows 1 and 2: `order` must have another value"),
        ({"target": "weather"}, "target 'weather' must have a value in every row, and 9 have none"),
        ({"target": "day"}, "target 'day' must hold numbers for a series, got categories"),
        (
            {"max_bytes": 1000, "window": 10},
            "the windows take 2,400 bytes, 10 × 1 numbers for each",
        ),
    ],
)
def test_what_cannot_be_used_is_told(fields: dict[str, Any], message: str) -> None:
    series = Series.from_frame(table(), **{"target": "load", "window": 4} | fields)
    with pytest.raises(InputError, match=message):
        series.prepare()


def test_there_is_one_source() -> None:
    with pytest.raises(ValidationError, match="`path` must name a file"):
        Series(target="load")
    with pytest.raises(ValidationError, match="`path` must be empty for a table in memory"):
        Series.from_frame(table(), target="load", path="load.csv")
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Series.from_frame(table(), target="load", horizon=0)


@pytest.mark.slow
def test_a_saved_network_forecasts_from_every_window(tmp_path: Path) -> None:
    frame, data = table(), Series.from_frame(table(), "load", columns=("day",), window=5)
    study = etude.Study(
        name="forecasts",
        data=data,
        model=etude.GRU(width=4),
        loss=etude.MSE(),
        algorithm=etude.Adam(epochs=2, batch_size=8),
        validation=TimeSeries(folds=2),
    )
    result = etude.run(study, workers=1)
    assert result.members()["status"].to_list() == ["done", "done"]
    network = etude.refit(result)
    network.save(tmp_path)
    forecasts = etude.load(tmp_path).predict(frame)
    assert forecasts.shape == (TIMES - 5 + 1,)
    inputs = data.prepare().arrays["inputs"]
    np.testing.assert_allclose(network.predict(inputs), forecasts[:-1], rtol=1e-5)
    path = tmp_path / "new.csv"
    frame.drop("clock", "weather").write_csv(path)
    lines = predictions_csv(etude.load(tmp_path), path).splitlines()
    assert lines[0] == "row,prediction"
    numbers, values = zip(*(line.split(",") for line in lines[1:]), strict=True)
    assert [int(number) for number in numbers] == list(range(5, TIMES + 1))
    np.testing.assert_allclose(np.array(values, float), forecasts, rtol=1e-5)
