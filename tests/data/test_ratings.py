import json
import os
from pathlib import Path

import numpy as np
import polars
import pytest

from etude.component import component_class
from etude.data.encoder import encoder_from_schema
from etude.data.ratings import MovieLens, Ratings
from etude.errors import InputError

REAL = Path(os.environ.get("ETUDE_DATA", "")) / "ml-100k" / "u.data"

TABLE = "who,what,stars,when\nann,10,4,1\nbob,9,2.5,2\nann,9,5,3\n"


@pytest.fixture
def ratings(tmp_path):
    (tmp_path / "r.csv").write_text(TABLE)
    return Ratings(path=str(tmp_path / "r.csv"), user="who", item="what", rating="stars")


def test_users_and_items_are_numbered(ratings):
    data = ratings.prepare()
    np.testing.assert_array_equal(data.arrays["inputs"], [[0, 1], [1, 0], [0, 0]])
    assert data.arrays["inputs"].dtype == np.int32
    np.testing.assert_array_equal(data.arrays["targets"], np.float32([[4], [2.5], [5]]))
    np.testing.assert_array_equal(data.targets, [[4], [2.5], [5]])
    assert data.encoder.users == ("ann", "bob")
    assert data.encoder.items == ("9", "10")
    assert data.spec.size("users") == 2
    assert data.spec.size("items") == 2
    assert data.columns == ("who", "what")


def test_fitted_to_training_rows_only(ratings):
    fitted = ratings.prepare().fit(np.array([0, 1]), np.empty(0))
    assert fitted == {"target_mean": np.float32([3.25]), "target_scale": np.float32([1])}
    scaled = ratings.changed(scale_target=True)
    fitted = scaled.prepare().fit(np.array([0, 1]), np.array([1.0, 3.0]))
    np.testing.assert_allclose(fitted["target_mean"], [(4 + 3 * 2.5) / 4])
    mean = (4 + 3 * 2.5) / 4
    spread = np.sqrt(((4 - mean) ** 2 + 3 * (2.5 - mean) ** 2) / 4)
    np.testing.assert_allclose(fitted["target_scale"], [spread], rtol=1e-6)


def test_encoder_from_the_schema_alone(ratings):
    data = ratings.prepare()
    encoder = encoder_from_schema(json.loads(json.dumps(data.schema)))
    assert encoder == data.encoder
    new = polars.DataFrame({"what": [9, 10], "who": ["bob", "ann"]})
    np.testing.assert_array_equal(encoder.encode(new)["inputs"], [[1, 0], [0, 1]])
    with pytest.raises(InputError, match=r"column 'who', row 1: must be one of the 2 .*'eve'"):
        encoder.encode(polars.DataFrame({"what": [9], "who": ["eve"]}))
    with pytest.raises(InputError, match="must have a column 'who'"):
        encoder.encode(polars.DataFrame({"what": [9]}))


@pytest.mark.parametrize(
    ("text", "fields", "message"),
    [
        (TABLE, {"user": "whom"}, "`user` must name a column .* did you mean 'who'"),
        (TABLE, {"item": "who"}, "three different columns"),
        (TABLE, {"rating": "who", "user": "stars"}, "column 'who', row 1: must be a number"),
        ("who,what,stars\na,1,\nb,2,3\n", {}, "column 'stars', row 1: must have a value"),
        ("who,what,stars\na,1,2\n,2,3\n", {}, "column 'who', row 2: must have a value"),
    ],
)
def test_bad_input(tmp_path, text, fields, message):
    (tmp_path / "r.csv").write_text(text)
    columns = {"user": "who", "item": "what", "rating": "stars"} | fields
    with pytest.raises(InputError, match=message):
        Ratings(path=str(tmp_path / "r.csv"), **columns).prepare()


@pytest.mark.skipif(not REAL.is_file(), reason="ETUDE_DATA has no ml-100k/u.data")
def test_movielens():
    assert component_class("data", "movielens_100k") is MovieLens
    data = MovieLens().prepare()
    table = polars.read_csv(REAL, separator="\t", has_header=False)
    np.testing.assert_array_equal(data.arrays["inputs"], table[:, :2].to_numpy() - 1)
    np.testing.assert_array_equal(data.targets[:, 0], table[:, 2].to_numpy())
    assert data.rows == 100_000
    assert data.spec.sizes == (("users", 943), ("items", 1682))
    np.testing.assert_array_equal(data.arrays["inputs"].max(axis=0), [942, 1681])
    fitted = data.fit(np.arange(100_000), np.empty(0))
    assert fitted["target_mean"][0] == pytest.approx(3.52986)
    assert fitted["target_scale"][0] == 1
    new = polars.DataFrame({"user": [196, 1], "item": [242, 1682]})
    np.testing.assert_array_equal(data.encoder.encode(new)["inputs"], [[195, 241], [0, 1681]])
