import datetime
import json

import numpy as np
import polars
import pytest
from pydantic import TypeAdapter, ValidationError

from etude.data.columns import MISSING, Column, describe, labels, numbers
from etude.errors import InputError


def described(values, text=True, **fields):
    return describe(polars.Series("c", values), text=text, missing=MISSING, **fields)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", " 2.5", "1e3", "NA", None], "number"),
        (["True", "false", ""], "boolean"),
        (["2020-01-31", "2020-02-01"], "date"),
        (["2020-01-31 10:00", "2020-01-31T10:00:01.5Z"], "date"),
        (["1", "two"], "category"),
        (["20/1/2020"], "category"),
    ],
)
def test_kind_of_text(values, kind):
    assert described(values).kind == kind


def test_typed_text_is_a_category_even_when_it_looks_like_numbers():
    assert described(["01", "02"], text=False).categories == ("01", "02")


def test_numbers_with_gaps_get_an_indicator():
    column = described(["1", "NaN", "3"])
    assert column.features() == ("c", "c is missing")
    encoded = column.encode(polars.Series("c", ["4", "", "5"]), MISSING)
    np.testing.assert_array_equal(encoded, np.array([[4, 0], [np.nan, 1], [5, 0]], np.float32))


def test_dates_are_days():
    text = polars.Series("c", ["1970-01-02", "1969-12-31T12:00", "2000-03-01 06:00:00"])
    days = (datetime.date(2000, 3, 1) - datetime.date(1970, 1, 1)).days + 0.25
    np.testing.assert_allclose(numbers(text, "date", ()), [1, -0.5, days], rtol=1e-15)
    typed = polars.Series("c", [datetime.date(1970, 1, 2), None])
    np.testing.assert_array_equal(numbers(typed, "date", ()), [1, np.nan])


def test_categories():
    column = described(["b", "a ", None, "b"])
    assert column.features() == ("c = a", "c = b", "c is missing")
    encoded = column.encode(polars.Series("c", ["b", "a", "new", "NA"]), MISSING)
    np.testing.assert_array_equal(encoded, [[0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 1]])


def test_numeric_categories_are_the_same_however_written():
    column = described(["10", "2", "2.0", "0.5"], category=True)
    assert column.categories == ("0.5", "2", "10")
    for values in (["2", "10.0", "?"], [2.0, 10.0, 3.0], [2, 10, 3]):
        encoded = column.encode(polars.Series("c", values), MISSING)
        np.testing.assert_array_equal(encoded, [[0, 1, 0], [0, 0, 1], [0, 0, 0]])


def test_labels_of_integers_that_a_gap_turned_into_floats():
    assert labels(polars.Series([1.0, None]), (), numeric=False).to_list() == ["1", None]


def test_too_many_categories_name_the_stray_word():
    with pytest.raises(InputError, match=r"has 11 categories.*more than `max_categories` = 10"):
        described([f"w{n}" for n in range(11)], max_categories=10)
    with pytest.raises(InputError, match=r"row 12 has '\?': if that is a gap, list it"):
        described([str(n) for n in range(11)] + ["?"], max_categories=10)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None, "NA"], "no value in any row"),
        ([1.0, float("inf")], "column 'c', row 2: must be finite, got inf"),
        (["1", "-inf"], "column 'c', row 2: must be finite, got -inf"),
        ([1.0, -1e38], r"row 2: must be at most 1e\+37 in size, got -1e\+38"),
        ([[1], [2]], r"must hold numbers, text, booleans or dates, got List"),
        ([datetime.timedelta(1)], "got Duration"),
    ],
)
def test_unusable_columns(values, message):
    with pytest.raises(InputError, match=message):
        described(values)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (Column("c", "number"), ["1", "abc"], "column 'c', row 2: must be a number, got 'abc'"),
        (Column("c", "date"), ["x"], "row 1: must be a date, got 'x'"),
        (Column("c", "date"), [1.5], "must hold dates, got Float64"),
        (Column("c", "boolean"), ["true", "yes"], "row 2: must be true or false, got 'yes'"),
        (Column("c", "boolean"), [1, 2], "row 2: must be true or false, got 2"),
        (Column("c", "number"), [1, None], "row 2: must have a value"),
        (Column("c", "number"), [datetime.date(2020, 1, 1)], "must hold numbers, got Date"),
    ],
)
def test_new_cells_of_another_kind(column, values, message):
    with pytest.raises(InputError, match=message):
        column.encode(polars.Series("c", values), MISSING)


def test_numbers_far_from_zero_keep_their_differences():
    seconds = 1.7e9 + np.arange(10.0)
    column = described(seconds, text=False)
    encoded = column.encode(polars.Series("c", seconds), ())[:, 0]
    np.testing.assert_array_equal(np.diff(encoded), 1)
    assert (np.diff(seconds.astype(np.float32)) == 0).any()
    assert described(seconds, text=False, centered=False).offset == 0
    assert described(np.arange(10.0), text=False).offset == 0


def test_description_survives_json():
    column = described(["x", "y", None])
    adapter = TypeAdapter(Column)
    assert adapter.validate_json(json.dumps(column.document())) == column
    for wrong in ({"name": 3}, {"kind": "picture"}, {"offset": "0"}, {"categories": "x"}, {"a": 1}):
        with pytest.raises(ValidationError):
            adapter.validate_json(json.dumps(column.document() | wrong))
