import json

import numpy as np
import pandas
import polars
import pytest
from pydantic import ValidationError

from etude.component import component_class
from etude.data.encoder import encoder_from_schema
from etude.data.frame import read_frame
from etude.data.table import Table
from etude.errors import InputError
from etude.file.schema import schema

MIXED = """age,colour,member,since,zip,target
30,red,True,2020-01-01,01234,yes
,blue,False,2020-01-03,01234,no
50,,True,2020-01-02,98765,yes
40,red,True,2020-01-05,98765,no
35,green,False,2020-01-04,01234,no
"""


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "mixed.csv"
    path.write_text(MIXED)
    return Table(path=str(path), target="target", categorical=("zip",))


def test_encoding(mixed):
    data = mixed.prepare()
    assert data.columns == ("age", "colour", "member", "since", "zip")
    assert data.encoder.features() == (
        *("age", "age is missing"),
        *("colour = blue", "colour = green", "colour = red", "colour is missing"),
        *("member", "since", "zip = 1234", "zip = 98765"),
    )
    # days lie far from 0 for their spread, so they are moved before they are rounded
    days = np.array([0, 2, 1, 4, 3]) - 2
    expected = np.array(
        [
            [30, 0, 0, 0, 1, 0, 1, days[0], 1, 0],
            [np.nan, 1, 1, 0, 0, 0, 0, days[1], 1, 0],
            [50, 0, 0, 0, 0, 1, 1, days[2], 0, 1],
            [40, 0, 0, 0, 1, 0, 1, days[3], 0, 1],
            [35, 0, 0, 1, 0, 0, 0, days[4], 1, 0],
        ],
        np.float32,
    )
    np.testing.assert_array_equal(data.arrays["inputs"], expected)
    np.testing.assert_array_equal(data.arrays["targets"], np.array([1, 0, 1, 0, 0], np.int32))
    assert data.arrays["targets"].dtype == np.int32
    np.testing.assert_array_equal(data.targets, [1, 0, 1, 0, 0])
    np.testing.assert_array_equal(data.strata, [1, 0, 1, 0, 0])
    assert data.spec.task == "classes"
    assert data.spec.classes == ("no", "yes")
    assert data.spec.inputs == (10,)
    assert data.stream.missing
    assert data.rows == 5


def test_fitted_to_training_rows_only(mixed):
    fitted = mixed.prepare().fit(np.array([0, 1, 2]), np.empty(0))
    np.testing.assert_allclose(fitted["mean"], [40, 0, 0, 0, 0, 0, 2 / 3, -1, 0, 0], rtol=1e-6)
    factors = [0.1, 1, 1, 0, 1, 1, 1 / np.sqrt(2 / 9), 1 / np.sqrt(2 / 3), 1, 1]
    np.testing.assert_allclose(fitted["factor"], factors, rtol=1e-6)


def test_encoder_from_the_schema_alone(mixed):
    data = mixed.prepare()
    schema = json.loads(json.dumps(data.schema))
    encoder = encoder_from_schema(schema)
    assert encoder == data.encoder
    again = encoder.encode(read_frame(mixed.path))["inputs"]
    np.testing.assert_array_equal(again, data.arrays["inputs"])
    # all kinds of frames, in another order, without the target, with a column more
    typed = pandas.DataFrame(
        {
            "extra": [1, 2],
            "zip": [1234, 5],
            "since": pandas.to_datetime(["2020-01-01", "2020-01-03"]),
            "member": [True, False],
            "colour": ["red", "pink"],
            "age": [30, None],
        }
    )
    encoded = encoder.encode(typed)["inputs"]
    np.testing.assert_array_equal(encoded[0], data.arrays["inputs"][0])
    np.testing.assert_array_equal(encoded[1], np.float32([np.nan, 1, 0, 0, 0, 0, 0, 0, 0, 0]))
    with pytest.raises(InputError, match="must have a column 'colour'; did you mean 'color'"):
        encoder.encode(typed.rename(columns={"colour": "color"}))
    with pytest.raises(InputError, match="column 'age', row 2: must be a number, got 'old'"):
        encoder.encode(typed.assign(age=["30", "old"]))


def test_codes_with_leading_zeros_stay_text_when_new_rows_are_read(tmp_path):
    (tmp_path / "train.csv").write_text("code,y\n007,1.5\nA1,2.5\n007,3.5\n")
    (tmp_path / "new.csv").write_text("code\n007\n7\n")
    encoder = Table(path=str(tmp_path / "train.csv"), target="y").prepare().encoder
    encoded = encoder.encode(read_frame(tmp_path / "new.csv"))["inputs"]
    np.testing.assert_array_equal(encoded, [[1, 0], [0, 0]])


def test_the_same_table_from_every_source(tmp_path):
    generator = np.random.default_rng(0)
    X, y = generator.normal(size=(30, 2)), generator.normal(size=30)
    frame = polars.DataFrame({"x0": X[:, 0], "x1": X[:, 1], "target": y})
    frame.write_csv(tmp_path / "t.csv")
    frame.write_csv(tmp_path / "t.tsv", separator="\t")
    frame.write_parquet(tmp_path / "t.parquet")
    np.savez(tmp_path / "t.npz", x0=X[:, 0], x1=X[:, 1], target=y)
    tables = [
        *(Table(path=str(tmp_path / f"t.{s}"), target="target") for s in ("csv", "tsv")),
        *(Table(path=str(tmp_path / f"t.{s}"), target="target") for s in ("parquet", "npz")),
        Table.from_frame(frame, target="target"),
        Table.from_frame(pandas.DataFrame(frame.to_dict(as_series=False)), target="target"),
        Table.from_arrays(X, y),
    ]
    prepared = [table.prepare() for table in tables]
    assert len({data.fingerprint for data in prepared}) == 1
    np.testing.assert_array_equal(prepared[0].arrays["inputs"], X.astype(np.float32))
    np.testing.assert_array_equal(prepared[0].targets[:, 0], y)
    assert prepared[0].arrays["targets"].shape == (30, 1)
    changed = X.copy()
    changed[3, 1] += 1
    assert Table.from_arrays(changed, y).prepare().fingerprint != prepared[0].fingerprint


def test_tables_in_memory_are_values():
    X, y = np.eye(4), ["a", "b", "a", "b"]
    table, same = Table.from_arrays(X, y), Table.from_arrays(X.copy(), y)
    assert table == same
    assert hash(table) == hash(same)
    assert table != Table.from_arrays(2 * X, y)
    assert table.document()["content"] == same.content.document()
    assert json.loads(json.dumps(table.specification())) == table.specification()
    X[0, 0] = 9
    assert table.prepare().arrays["inputs"][0, 0] == 1


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (["b", "a"] * 10, "classes", ("a", "b")),
        ([True, False] * 10, "classes", ("False", "True")),
        ([0.0, 1.0] * 10, "classes", ("0", "1")),
        ([10, 2, 1, 3] * 5, "classes", ("1", "2", "3", "10")),
        ([1, 2, 3, 4, 5] * 4, "numbers", ()),
        (np.arange(20), "numbers", ()),
        ([0.5, 1.5] * 10, "numbers", ()),
    ],
)
def test_task_is_found(y, task, classes):
    data = Table.from_arrays(np.arange(20.0)[:, None], y).prepare()
    assert (data.spec.task, data.spec.classes) == (task, classes)


def test_task_can_be_told():
    X = np.arange(20.0)[:, None]
    assert Table.from_arrays(X, [0, 1] * 10, task="numbers").prepare().spec.task == "numbers"
    five = Table.from_arrays(X, [1, 2, 3, 4, 5] * 4, task="classes").prepare()
    assert five.spec.classes == ("1", "2", "3", "4", "5")


def test_several_targets():
    y = np.arange(12.0).reshape(6, 2) / 7
    data = Table.from_arrays(np.eye(6), y).prepare()
    assert data.spec.targets == 2
    np.testing.assert_array_equal(data.targets, y)
    assert set(data.fit(np.arange(3), np.empty(0))) == {
        *("mean", "factor", "target_mean", "target_scale"),
    }
    with pytest.raises(InputError, match=r"must name one column for `task` = \"classes\", got 2"):
        Table.from_arrays(np.eye(6), y, task="classes").prepare()


def test_unscaled():
    X, y = np.arange(8.0)[:, None], np.arange(8.0) / 3
    data = Table.from_arrays(X, y, scale="none", scale_target=False).prepare()
    assert data.fit(np.arange(4), np.empty(0)) == {}
    assert not data.stream.missing


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": "targte"}, "`target` must name columns .*'targte' is none; did you mean 'targ"),
        ({"drop": ("agee",)}, "`drop` must name columns of the table, and 'agee' is none"),
        ({"categorical": ("x",)}, "`categorical` must name columns"),
        ({"drop": ("target",)}, "`drop` must not name the target"),
        ({"drop": ("age", "age")}, "`drop` must name a column once"),
        ({"drop": ("age", "colour", "member", "since", "zip")}, "a column besides the target"),
        ({"task": "numbers"}, "target 'target' must hold numbers"),
        ({"target": "age"}, r"target 'age' must have a value.*1 have none \(rows 2\)"),
        ({"target": "since"}, "must hold classes or numbers, got dates"),
        ({"target": "age", "task": "classes"}, "must have a value in every row"),
        ({"max_categories": 2}, "column 'colour' has 3 categories"),
        ({"max_bytes": 10}, "`max_bytes` allows 10"),
    ],
)
def test_bad_settings(mixed, fields, message):
    table = Table(**({"path": mixed.path, "target": "target"} | fields))
    with pytest.raises(InputError, match=message):
        table.prepare()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,y\n1,x\n2,x\n", "must have at least 2 classes, got 'x' only"),
        ("a,y\n1,x\ninf,y\n", "column 'a', row 2: must be finite"),
        ("a,y\n1,1.5\n2,inf\n", "column 'y', row 2: must be finite"),
        ("a,y\n,x\n,y\n", "column 'a' has no value in any row"),
        (",a,y\n0,1,x\n1,2,y\n", "column 1 has no name.*index=False"),
        ("a,y\n1,\n2,\n3,x\n", r"2 have none \(rows 1, 2\)"),
        ("a,y\n" + "".join(f"1,w{n}\n" for n in range(101)), "has 101 classes, more than"),
    ],
)
def test_bad_tables(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        Table(path=str(tmp_path / "t.csv"), target="y").prepare()


def test_unnamed_row_numbers_can_be_dropped(tmp_path):
    (tmp_path / "t.csv").write_text(",a,y\n0,1,x\n1,2,y\n")
    assert Table(path=str(tmp_path / "t.csv"), target="y", drop=("",)).prepare().columns == ("a",)


def test_own_marks_of_gaps(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n1,x\n?,y\n3,x\n")
    data = Table(path=str(tmp_path / "t.csv"), target="y", missing=("", "?")).prepare()
    assert data.encoder.features() == ("a", "a is missing")
    encoded = data.encoder.encode(polars.DataFrame({"a": ["?"]}))["inputs"]
    np.testing.assert_array_equal(encoded, np.float32([[np.nan, 1]]))


def test_targets_that_single_precision_would_blur():
    y = 1e9 + np.arange(10.0)
    with pytest.raises(InputError, match="subtract a constant"):
        Table.from_arrays(np.eye(10), y).prepare()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "`path` must name a file"),
        ({"path": "a.csv", "content": Table.from_arrays(np.eye(2), [0, 1]).content}, "must be emp"),
        ({"path": "a.csv", "max_categories": 1}, "greater than or equal to 2"),
        ({"path": "a.csv", "scale": "minmax"}, "'standard' or 'none'"),
    ],
)
def test_fields_are_checked(fields, message):
    with pytest.raises(ValidationError, match=message):
        Table(target="y", **fields)


@pytest.mark.parametrize(
    ("X", "y", "fields", "message"),
    [
        (np.zeros(3), np.zeros(3), {}, r"`X` must have 2 axes \(rows, columns\), got shape \(3,\)"),
        (np.zeros((3, 1)), np.zeros(4), {}, "one number of rows, got 3 and 4"),
        (np.zeros((0, 1)), np.zeros(0), {}, "must have rows"),
        (np.zeros((3, 2)), np.zeros(3), {"columns": ("a",)}, "must name the 2 columns"),
        (np.zeros((3, 1)), np.zeros(3), {"columns": ("target",)}, "other ones than the target"),
    ],
)
def test_bad_arrays(X, y, fields, message):
    with pytest.raises(InputError, match=message):
        Table.from_arrays(X, y, **fields)


def test_registered_with_a_schema_for_editors():
    assert component_class("data", "table") is Table
    fields = schema()["definitions"]["data.table"]["properties"]
    assert "path" in fields
    assert "content" not in fields


def test_tables_that_grow_when_encoded_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,y\n" + "".join(f"n{n},{n % 2}\n" for n in range(2000)))
    fields = {"path": str(path), "target": "y", "max_categories": 10**9}
    assert Table(**fields).prepare().spec.inputs == (2000,)
    message = r"16,000,000 bytes once column 'id' is 2,000 features of 2,000 rows.*allows 100,000"
    with pytest.raises(InputError, match=message):
        Table(**fields, max_bytes=100_000).prepare()
