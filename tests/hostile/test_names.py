"""Names that mean something else to a browser, a terminal or a spreadsheet, from end to end.

A study is run twice: with harmless names, and with names made to do harm. The report of the second
has no element and no attribute that the first could not have; nothing that is printed may act on
a terminal; no cell of a CSV may be a formula.
"""

import csv
import html.parser
import json
import unicodedata
from pathlib import Path
from typing import Any, NamedTuple

import polars
import pytest
import tomli_w
from cases import EVIL
from command_line import run_etude

from etude.evidence.rounding import safe_cell

NAMES = tuple(dict.fromkeys(name[:60].strip() for name in EVIL if name.strip()))
"""The first words of each: long ones have tests of their own."""

TITLE = "<script>alert(1)</script>\x1b[31mred\u202e=1+1\n  forged: line\0"

TEXTUAL = {"p", "ul", "li", "div", "span", "bdi", "details", "summary", "table", "tr", "td", "th"}
"""Elements of text, of which there are more or fewer by what a study has found."""

INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Categories of characters that act on a terminal, or on the order of the others."""

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class Parsed(html.parser.HTMLParser):
    """The elements of a page with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.strange: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.values += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.strange.append(data)

    def handle_pi(self, data: str) -> None:
        self.strange.append(data)


class Ran(NamedTuple):
    """What a study left behind: its folder, its name, and what the commands said."""

    folder: Path
    name: str
    said: dict[str, Any]
    page: str


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return ran(tmp_path_factory.mktemp("evil"), TITLE, NAMES)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    names = tuple(f"name {number:02}" for number in range(len(NAMES)))
    return ran(tmp_path_factory.mktemp("plain"), "plain", names)


def ran(folder: Path, name: str, names: tuple[str, ...]) -> Ran:
    """A study of which every name is one of these: run, shown, exported, refit and predicted."""
    columns, classes, labels = names[:8], names[8:16], names[16:19]
    rows = [[*(f"{n + c}.5" for c in range(8)), classes[n % 8]] for n in range(48)]
    table = folder / f"{as_file(names[20])}.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*columns, names[19]], *rows])
    target = names[19].strip()
    document = {
        "name": name,
        "labels": list(labels),
        "data": {"name": "table", "path": table.name, "target": target},
        "model": {"name": "linear"},
        "loss": {"name": "cross_entropy"},
        "algorithm": {"name": "sgd", "epochs": 1, "learning_rate": {"grid": [0.1, 0.01]}},
        "validation": {"name": "kfold", "folds": 2},
    }
    study = folder / f"{as_file(names[21])}.toml"
    study.write_text(tomli_w.dumps(document), encoding="utf-8")
    store = ("--store", folder / "etude.db")
    said = {"run": run_etude("run", study, *store, "--report", folder / "report.html")}
    if name == TITLE:
        said |= {
            "check": run_etude("check", study),
            "list": run_etude("list", *store),
            "show": run_etude("show", name, *store),
            "json": run_etude("show", name, "--json", *store),
            "export": run_etude("export", name, "-o", folder / "choices.csv", *store),
            "networks": run_etude(
                "export", name, "-o", folder / "networks.csv", "--networks", *store
            ),
            "refit": run_etude("refit", name, "-o", folder / "network", *store),
            "predict": run_etude("predict", folder / "network", table, "-o", folder / "new.csv"),
        }
    return Ran(folder, name, said, (folder / "report.html").read_text(encoding="utf-8"))


def as_file(name: str) -> str:
    """What a file may be called."""
    return name.replace("/", "_").replace("\0", "_")


def test_there_are_names_of_every_kind() -> None:
    assert len(NAMES) > 30
    for part in ("<script", "onerror=", "=HYPERLINK", "\x1b[31m", "\u202e", "\n", "DROP TABLE"):
        assert any(part in name for name in NAMES)


def test_every_command_ends_well(evil: Ran, plain: Ran) -> None:
    for said in (evil.said, plain.said):
        assert {command: outcome.code for command, outcome in said.items()} == dict.fromkeys(
            said, 0
        )


def test_terminals_show_names_and_obey_none(evil: Ran) -> None:
    for command, said in evil.said.items():
        for text in (said.out, said.err):
            strange = {
                character
                for character in text
                if unicodedata.category(character) in INVISIBLE and character != "\n"
            }
            assert not strange, command
    for command in ("check", "run", "list", "show"):
        assert r"<script>alert(1)</script>\x1b[31mred\u202e=1+1" in evil.said[command].out
    assert json.loads(evil.said["json"].out)["study"] == evil.name


def test_the_report_has_no_element_of_a_name(evil: Ran, plain: Ran) -> None:
    hostile, harmless = Parsed(evil.page), Parsed(plain.page)
    tags = {tag for tag, _ in harmless.elements}
    assert {tag for tag, _ in hostile.elements} <= tags | TEXTUAL
    for tag in ("script", "style", "meta", "svg", "form", "iframe"):
        many = [sum(tag == found for found, _ in page.elements) for page in (hostile, harmless)]
        assert many[0] == many[1], tag
    known = {attribute for attribute, _ in harmless.values}
    assert {attribute for attribute, _ in hostile.values} <= known
    assert hostile.strange == harmless.strange
    for attribute, value in hostile.values:
        assert not attribute.startswith("on")
        if attribute in ("href", "src", "action", "xlink:href"):
            assert value.startswith(("#", "data:image/"))
    visible = "".join(hostile.texts)
    assert "alert(1)" in visible
    for mark in ("\u202e", "\u2066", "\u061c", "\u200b", "\x1b", "\x00", "\x08", "\x9b", "\x7f"):
        assert mark not in evil.page


def test_no_cell_of_a_csv_is_a_formula(evil: Ran) -> None:
    for file in ("choices.csv", "networks.csv", "new.csv"):
        with (evil.folder / file).open(newline="", encoding="utf-8") as content:
            header, *lines = csv.reader(content)
        assert lines, file
        for cell in (*header, *(cell for line in lines for cell in line)):
            if cell.startswith(BEGINNINGS):
                float(cell)  # a number is no formula
    assert any(line[1].startswith("'") for line in lines)


@pytest.mark.parametrize(
    ("text", "neutral"),
    [
        ("=1+1", True),
        ("+1+1", True),
        ("-cmd", True),
        ("@x", True),
        ("\t=1", True),
        ("\r=1", True),
        ("\n=1", True),
        (" =1", True),
        ("\x00=1", True),
        ("\u200b=1", True),
        ("＝1+1", True),
        ("-1", False),
        ("+2.5e3", False),
        ("-.5", False),
        ("1=1", False),
        ("", False),
        ("a", False),
        ("'=1", False),
    ],
)
def test_cells_are_neutral(text: str, neutral: bool) -> None:
    assert safe_cell(text) == (f"'{text}" if neutral else text)
    frame = polars.DataFrame({"x": [safe_cell(text)]})
    assert polars.read_csv(frame.write_csv().encode(), infer_schema=False).height == 1
