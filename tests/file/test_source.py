import pytest

from etude.file import StudyFileError, parse_study, read_study
from etude.file.source import MOST_BYTES

STUDY = """
data = { name = "digits" }
model = { name = "mlp" }
loss = { name = "cross_entropy" }
algorithm = { name = "adam" }
"""


@pytest.mark.parametrize(
    ("source", "place", "message"),
    [
        ("name = \n", "line 1, column 8", "Invalid value"),
        ("seed = 1\nseed = 2\n", "line 2, column 9", "Cannot overwrite a value"),
        (
            "[data]\nname = 'a'\n[data]\n",
            "line 3, column 6",
            "; write [[data]] for each of several",
        ),
        (f"seed = {'9' * 5000}", "line 1", "a number must have at most 4,300 digits, got 5,000"),
        ("name = [", "at the end", "not valid TOML: Invalid value"),
        (f"a = 1\n{'.'.join('b' * 51)} = 1", "line 2", "keys must have at most 50 parts"),
    ],
)
def test_syntax_errors_have_line_and_column(source, place, message):
    with pytest.raises(StudyFileError) as raised:
        parse_study(source)
    (problem,) = raised.value.problems
    assert problem.path == place
    assert message in problem.message


def test_a_file_names_itself_in_its_problems(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY + "seeds = 0")
    with pytest.raises(StudyFileError) as raised:
        read_study(path)
    assert str(raised.value) == (
        f"{path} has 1 problem:\n  seeds: `seeds` must be at least 1, got 0"
    )
    assert raised.value.source == str(path)


def test_files_that_cannot_be_read(tmp_path):
    def told(path):
        with pytest.raises(StudyFileError) as raised:
            read_study(path)
        return str(raised.value).splitlines()[1].strip()

    assert told(tmp_path / "missing.toml") == "there is no such file"
    assert told(tmp_path) == "is a folder, not a study file"
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'seed = 1\nname = "caf\xe9"\n')
    assert told(latin) == "line 2: a study file must be UTF-8 text, got the byte 0xe9"
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (MOST_BYTES + 1))
    assert told(large) == "is larger than the 10 MiB of a study file"
    assert told("nul\0.toml").startswith("cannot be read")


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xef\xbb\xbf" + STUDY.replace("\n", "\r\n").encode())
    assert read_study(path) == parse_study(STUDY)
