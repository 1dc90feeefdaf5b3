"""Groups and the order of rows: columns of a table that are no inputs."""

import numpy as np
import pandas
import pytest

import etude
from etude.data.table import Table
from etude.engine.plan import plan
from etude.errors import InputError

CSV = """person,day,x,y
b,2020-01-03,3,yes
a,2020-01-01,1,no
10,2020-01-02,2,yes
b,2020-01-04,4,no
9,2020-01-01,0,yes
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(CSV)
    return str(path)


def test_groups(path):
    data = Table(path=path, target="y", group="person").prepare()
    assert data.columns == ("day", "x")
    np.testing.assert_array_equal(data.groups, [3, 2, 1, 3, 0])
    plain = Table(path=path, target="y", drop=("person",)).prepare()
    np.testing.assert_array_equal(plain.arrays["inputs"], data.arrays["inputs"])
    assert plain.groups is None
    assert plain.fingerprint != data.fingerprint, "the splits differ"


def test_rows_are_sorted_by_their_order(path):
    data = Table(path=path, target="y", group="person", order="day").prepare()
    assert data.columns == ("x",)
    np.testing.assert_array_equal(data.arrays["inputs"][:, 0], [1, 0, 2, 3, 4])
    np.testing.assert_array_equal(data.groups, [2, 0, 1, 3, 3])
    np.testing.assert_array_equal(data.targets, [0, 1, 1, 1, 0])
    descending = Table(path=path, target="y", order="x", drop=("person",)).prepare()
    assert descending.columns == ("day",)
    np.testing.assert_array_equal(descending.targets, [1, 0, 1, 1, 0])


def test_a_frame_and_arrays():
    frame = pandas.DataFrame(
        {
            "when": pandas.to_datetime(
                ["2021-05-01 12:00", "2021-05-01 06:00", "2020-01-01 00:00"]
            ),
            "who": [2.0, 1.0, 2.0],
            "x": [1.0, 2.0, 3.0],
            "y": [0.1, 0.2, 0.3],
        }
    )
    data = Table.from_frame(frame, "y", group="who", order="when").prepare()
    np.testing.assert_array_equal(data.arrays["inputs"][:, 0], [3, 2, 1])
    np.testing.assert_array_equal(data.groups, [1, 0, 1])
    for groups in (["b", "a", "b"], np.array([5, 3, 5]), pandas.Series(["b", "a", "b"])):
        table = Table.from_arrays(np.eye(3), [0.1, 0.2, 0.4], groups=groups).prepare()
        np.testing.assert_array_equal(table.groups, [1, 0, 1])
        assert table.columns == ("x0", "x1", "x2")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"group": "persn"}, "`group` must name columns of the table, and 'persn' is none; did"),
        ({"order": "y"}, "`order` must not name the target, got 'y'"),
        ({"order": "person"}, "`order` must name a column of numbers or dates, and 'person' is a"),
        ({"group": "person", "missing": ("a",)}, r"group 'person' must have a value .*rows 2"),
        ({"order": "x", "missing": ("0",)}, r"order 'x' must have a value in every row.*rows 5"),
        ({"group": "day", "drop": ("x", "person")}, "must have a column besides the target"),
    ],
)
def test_mistakes(path, fields, message):
    with pytest.raises(InputError, match=message):
        Table(path=path, target="y", **fields).prepare()


def test_arrays_beside_a_column_called_group():
    with pytest.raises(InputError, match='must not be "group" beside `groups`'):
        Table.from_arrays(np.eye(2), [1.0, 2.0], columns=("group", "b"), groups=[1, 2])
    with pytest.raises(InputError, match="one number of rows, got 2 and 3"):
        Table.from_arrays(np.eye(2), [1.0, 2.0], groups=[1, 2, 3])


def test_old_results_keep_their_identity(path):
    plain, grouped = (Table(path=path, target="y", **f) for f in ({}, {"group": "person"}))
    assert "group" not in plain.specification()
    assert "order" not in plain.document()
    assert grouped.specification()["group"] == "person"
    assert Table.from_document(grouped.document()) == grouped


def test_a_study_judges_whole_groups_and_later_rows():
    generator = np.random.default_rng(0)
    people = np.repeat(np.arange(12), 5)
    when = generator.permutation(60)
    frame = pandas.DataFrame(
        {
            "who": people,
            "when": when,
            "x": generator.normal(size=60),
            "y": generator.normal(size=60),
        }
    )
    data = Table.from_frame(frame, "y", group="who", order="when")
    parts = {"model": etude.Linear(), "loss": etude.MSE(), "algorithm": etude.SGD(epochs=1)}
    material = plan(
        etude.Study(data=data, validation=etude.Grouped(folds=4, validation=0.25), **parts)
    ).materials[0]
    in_order = people[np.argsort(when)]
    for split in material.splits:
        roles = [set(in_order[part]) for part in (split.train, split.validation, split.test)]
        assert [len(role) for role in roles] == [6, 3, 3]
        assert set.intersection(*roles) == set()
    result = etude.run(etude.Study(data=data, validation=etude.TimeSeries(folds=3), **parts))
    assert {member.status for member in result.record.members} == {"done"}
    assert [split.test for split in result.record.splits] == [15, 15, 15]
    assert [split.train for split in result.record.splits] == [15, 30, 45]
