import os

import numpy as np
import pandas
import polars
import pytest

from etude.data.columns import cleaned
from etude.data.frame import Content, read_frame, to_polars
from etude.errors import InputError


def write(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_text_stays_as_it_stands(tmp_path):
    frame = read_frame(write(tmp_path, "a, b \n007, x\n1.50,\n"))
    assert frame.to_dict(as_series=False) == {"a": ["007", "1.50"], "b": [" x", None]}


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_and_line_ends(tmp_path, mark, end):
    text = end.join(["a|b", "1|x", "2|y", "", ""]).replace("|", mark)
    frame = read_frame(write(tmp_path, "\ufeff" + text))
    assert frame.to_dict(as_series=False) == {"a": ["1", "2"], "b": ["x", "y"]}


def test_quoted_cells(tmp_path):
    frame = read_frame(write(tmp_path, 'a,"b,c"\n"x\ny",2\n"say ""hi""",3\n'))
    assert frame.to_dict(as_series=False) == {"a": ["x\ny", 'say "hi"'], "b,c": ["2", "3"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"a,b\n", "has none"),
        (b"a,b\n1,2\n3\n", "line 3: must have 2 cells as the header has, got 1"),
        (b"a,b\n1,2\n3,4,5\n", "line 3: must have 2 cells as the header has, got 3"),
        (b"a,b,a\n1,2,3\n", "different column names, got 'a' twice"),
        ("a,b\n1,2\n3,é\n".encode("latin-1"), "UTF-8, and line 3 is not"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-8, and line 1 is not"),
        (b'a,b\n"1,2\n3,4\n', "must have 2 cells"),
    ],
)
def test_bad_text_files(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        read_frame(write(tmp_path, content))


def test_bad_paths(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_frame(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"must end in one of .*got 'table.xlsx'"):
        read_frame("table.xlsx")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_frame(tmp_path / "folder.csv")


def test_size_cap(tmp_path):
    path = write(tmp_path, "a\n" + "1\n" * 100)
    assert read_frame(path, max_bytes=202).height == 100
    with pytest.raises(InputError, match="has 202 bytes; `max_bytes` allows 201"):
        read_frame(path, max_bytes=201)


def test_size_cap_counts_what_a_compressed_file_expands_to(tmp_path):
    np.savez_compressed(tmp_path / "t.npz", a=np.zeros(100_000))
    polars.DataFrame({"a": np.zeros(100_000)}).write_parquet(tmp_path / "t.parquet")
    for name in ("t.npz", "t.parquet"):
        assert (tmp_path / name).stat().st_size < 10_000
        with pytest.raises(InputError, match="allows 10,000"):
            read_frame(tmp_path / name, max_bytes=10_000)


def test_parquet_and_numpy(tmp_path):
    frame = polars.DataFrame({"a": [1, None], "b": ["x", "y"]})
    frame.write_parquet(tmp_path / "t.parquet")
    assert read_frame(tmp_path / "t.parquet").equals(frame)
    np.save(tmp_path / "t.npy", np.array([[1, 2], [3, 4]], ">i4"))
    assert read_frame(tmp_path / "t.npy").to_dict(as_series=False) == {"0": [1, 3], "1": [2, 4]}
    np.savez(tmp_path / "t.npz", X=np.eye(2), y=np.array(["u", "v"]))
    assert read_frame(tmp_path / "t.npz").to_dict(as_series=False) == {
        "X_0": [1, 0],
        "X_1": [0, 1],
        "y": ["u", "v"],
    }
    fields = np.array([(1, 2.5), (3, 4.5)], [("i", "i8"), ("f", "f4")])
    np.save(tmp_path / "s.npy", fields)
    assert read_frame(tmp_path / "s.npy").to_dict(as_series=False) == {
        "i": [1, 3],
        "f": [2.5, 4.5],
    }


def test_pickles_are_refused(tmp_path):
    np.save(tmp_path / "t.npy", np.array([[1, "x"]], object), allow_pickle=True)
    with pytest.raises(InputError, match=r"Python objects \(a pickle\)"):
        read_frame(tmp_path / "t.npy")
    np.savez(tmp_path / "t.npz", a=np.array([{}], object))
    with pytest.raises(InputError, match=r"Python objects \(a pickle\)"):
        read_frame(tmp_path / "t.npz")


@pytest.mark.parametrize("name", ["t.npy", "t.npz", "t.parquet"])
def test_files_that_are_not_what_they_say(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read as"):
        read_frame(write(tmp_path, "these are words\n", name))


def test_arrays_that_make_no_table(tmp_path):
    np.savez(tmp_path / "t.npz", a=np.zeros(2), b=np.zeros(3))
    with pytest.raises(InputError, match="one number of rows, got 2 and 3"):
        read_frame(tmp_path / "t.npz")
    np.save(tmp_path / "t.npy", np.zeros((2, 2, 2)))
    with pytest.raises(InputError, match="must have 2 axes"):
        read_frame(tmp_path / "t.npy")
    np.save(tmp_path / "c.npy", np.zeros((2, 2), complex))
    with pytest.raises(InputError, match="must hold numbers or text, got complex128"):
        read_frame(tmp_path / "c.npy")


def test_pandas_becomes_polars():
    frame = pandas.DataFrame(
        {
            "float": [1.5, None],
            "int": pandas.array([1, None], dtype="Int64"),
            "text": ["x", None],
            "kind": pandas.Categorical(["u", None]),
            "flag": [True, False],
            "day": pandas.to_datetime(["1970-01-02", None]),
            7: [1, 2],
        }
    )
    table = to_polars(frame)
    assert table.columns == ["float", "int", "text", "kind", "flag", "day", "7"]
    assert table["float"].to_list() == [1.5, None]
    assert table["int"].to_list() == [1, None]
    assert table["text"].to_list() == ["x", None]
    assert table["kind"].to_list() == ["u", None]
    assert table["flag"].to_list() == [True, False]
    assert table["day"].cast(polars.Int64).to_list() == [86_400_000_000, None]
    assert table["7"].to_list() == [1, 2]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([1, 2], "must be a data frame"),
        (polars.LazyFrame({"a": [1]}), "held in memory"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "different column names"),
        (pandas.DataFrame({"a": [1, "x"]}), "column 'a' must hold values of one type"),
    ],
)
def test_frames_that_cannot_be_used(frame, message):
    with pytest.raises(InputError, match=message):
        to_polars(frame)


def test_content_is_known_by_what_it_holds():
    values = {"a": [1.0, 2.0], "b": ["x", None]}
    content = Content(pandas.DataFrame(values))
    same = Content(polars.DataFrame(values))
    assert content == same
    assert hash(content) == hash(same)
    assert content.document() == {"rows": 2, "columns": 2, "fingerprint": same.fingerprint}
    others = [
        {"a": [1.0, 3.0], "b": ["x", None]},
        {"a": [1.0, None], "b": ["x", None]},
        {"a": [1.0, 2.0], "b": ["x", ""]},
        {"a": [1.0, 2.0], "c": ["x", None]},
        {"a": [1, 2], "b": ["x", None]},
    ]
    prints = {Content(polars.DataFrame(other)).fingerprint for other in others}
    assert len(prints | {content.fingerprint}) == 6
    with pytest.raises(AttributeError, match="not to be changed"):
        content.frame = None


def test_marks_of_patterns_in_a_path_are_plain_letters(tmp_path):
    assert read_frame(write(tmp_path, "a\n1\n", "copy [1].csv")).height == 1


def test_a_panic_of_the_reader_is_an_input_error_and_silent(tmp_path, monkeypatch, capfd):
    def panics(*_, **__):
        os.write(2, b"thread '<unnamed>' panicked\n")
        raise polars.exceptions.PanicException("called `Result::unwrap()` on an `Err` value")

    polars.DataFrame({"a": [1.0]}).write_parquet(tmp_path / "t.parquet")
    assert read_frame(tmp_path / "t.parquet").shape == (1, 1)
    monkeypatch.setattr(polars, "scan_parquet", panics)
    with pytest.raises(InputError, match=r"t\.parquet' cannot be read as Parquet: it is damaged"):
        read_frame(tmp_path / "t.parquet")
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_headers_are_not_believed(tmp_path):
    content = (tmp_path / "t.npy").open("wb")
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 3)}
    )
    content.close()
    with pytest.raises(InputError, match=r"24,000,000,000,000 bytes of the shape .*, got \d"):
        read_frame(tmp_path / "t.npy")


def test_columns_may_be_named_like_patterns():
    names = ["^.*$", "*", "a"]
    values = polars.DataFrame({name: [f" {name} ", "NA", None] for name in names})
    assert cleaned(values, ("NA",)).to_dict(as_series=False) == {
        name: [name, None, None] for name in names
    }
