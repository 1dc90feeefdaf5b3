"""The report is one inert file: hostile names, policies, and studies of every shape."""

import base64
import hashlib
import itertools
import json
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import altair as alt
import pytest

from etude.evidence.result import Result
from etude.evidence.rounding import decimals_for, interval_text, rounded
from etude.evidence.verdict import verdict
from etude.reporting import html
from etude.reporting.html import page, report
from study_records import study_record, with_labels, with_members

HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg onload=alert(1)>",
    "=cmd|' /C calc'!A0",
    "\u202egnp.exe\u2066",
    "a\u2028b\u2029c\x00\x1b[2J",
    "{{constructor.constructor('alert(1)')()}}",
    "]]><!--",
]


class Parsed(HTMLParser):
    """What a browser would see: elements, attributes, texts of scripts, visible text."""

    VOID = ("meta", "br", "img", "link", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self.tables: list[list[list[str]]] = []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("script", "style"):
            {"script": self.scripts, "style": self.styles}[tag].append("")
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] == "style":
            self.styles[-1] += data
        else:
            self.text += data
            if "td" in self.open or ("th" in self.open):
                self.tables[-1][-1][-1] += data

    def embedded(self) -> dict:
        return json.loads(self.scripts[0])

    def policy(self) -> str:
        (policy,) = (
            attributes["content"]
            for tag, attributes in self.elements
            if attributes.get("http-equiv") == "Content-Security-Policy"
        )
        return policy


@pytest.fixture(scope="module")
def whole() -> Result:
    return Result(study_record())


@pytest.fixture(scope="module")
def whole_page(whole: Result) -> str:
    return page(whole)


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_policy_allows_exactly_the_scripts_and_the_style_of_the_page(whole_page: str) -> None:
    parsed = Parsed(whole_page)
    policy = dict(part.strip().split(" ", 1) for part in parsed.policy().split(";"))
    assert policy["default-src"] == "'none'"
    data, *code = parsed.scripts
    assert policy["script-src"].split() == [f"'sha256-{_hash(text)}'" for text in code]
    assert policy["style-src"].split() == [f"'sha256-{_hash(text)}'" for text in parsed.styles]
    assert "unsafe" not in parsed.policy()
    kinds = [attributes.get("type") for tag, attributes in parsed.elements if tag == "script"]
    assert kinds == ["application/json", None, None]
    assert json.loads(data)["charts"]


def test_nothing_is_loaded_and_nothing_is_handled_inline(whole_page: str) -> None:
    for tag, attributes in Parsed(whole_page).elements:
        assert tag not in ("img", "link", "iframe", "object", "embed", "base", "form")
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "srcset", "style", "action")
            assert name != "href" or value.startswith("#")


def test_no_address_but_namespaces(whole_page: str) -> None:
    found = set(re.findall(r"https?://[\w./-]+", whole_page))
    assert all(address.startswith("http://www.w3.org/") for address in found), found
    assert "$schema" not in Parsed(whole_page).scripts[0]
    assert not re.search(r"url\(|@import", Parsed(whole_page).styles[0])


def test_headings_come_in_order_and_every_table_says_what_it_is(whole_page: str) -> None:
    several = page(Result(study_record(rates=2, folds=2, data=("digits", "wine"))))
    for text in (whole_page, several):
        parsed = Parsed(text)
        levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        tags = [tag for tag, _ in parsed.elements]
        assert tags.count("table") == tags.count("caption") > 0
        for tag, attributes in parsed.elements:
            if tag == "th":
                assert attributes["scope"] in ("col", "row")
            if (attributes.get("class") or "").split()[:1] == ["scroll"]:
                assert attributes["tabindex"] == "0"
                assert attributes["aria-label"]


def test_the_page_has_its_landmarks_and_a_way_past_its_head(whole_page: str) -> None:
    elements = Parsed(whole_page).elements
    tags = [tag for tag, _ in elements]
    for landmark in ("header", "main", "nav"):
        assert tags.count(landmark) == 1
    first = next(attributes for tag, attributes in elements if tag == "a")
    assert (first["class"], first["href"]) == ("skip", "#results")
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in elements:
        if tag == "a":
            assert attributes["href"][1:] in ids
        if tag == "section":
            assert attributes["aria-labelledby"] in ids


def test_10_000_networks_stay_below_five_megabytes() -> None:
    record = study_record(rates=125, folds=5, seeds=2)
    assert len(record.members) == 10_000
    text = page(Result(record))
    assert len(text.encode()) < 2_500_000
    embedded = Parsed(text).embedded()
    assert max(len(c) for chart in embedded["charts"].values()
               for c in chart["columns"].values()) <= 1500  # fmt: skip


@pytest.mark.slow
def test_10_000_choices_stay_below_five_megabytes() -> None:
    record = study_record(rates=1250, folds=1, seeds=1)
    long = [{"name": "adam", "learning_rate": n / 7, "note": "x" * 200} for n in range(10_000)]
    record = replace(record, document=record.document | {"algorithm": long})
    text = page(Result(record))
    assert len(text.encode()) < 2_500_000
    assert "The next 1,000 of the other 9,980 choices" in text
    assert "more characters" in text


def test_960_networks_stay_small(whole_page: str) -> None:
    assert len(whole_page.encode()) < 3_000_000
    assert whole_page.count("charts") >= 1
    assert len(Parsed(whole_page).scripts[0]) < 400_000


def test_every_specification_is_valid_and_every_chart_has_its_place(whole_page: str) -> None:
    parsed = Parsed(whole_page)
    embedded = parsed.embedded()
    for specification in embedded["specifications"].values():
        alt.LayerChart.validate(specification)
    places = {
        attributes["id"]: attributes
        for _, attributes in parsed.elements
        if "chart" in (attributes.get("class") or "").split()
    }
    assert set(places) == set(embedded["charts"])
    for attributes in places.values():
        assert attributes["role"] == "img"
        assert len(attributes["aria-label"]) > 20
    for chart in embedded["charts"].values():
        assert chart["kind"] in embedded["specifications"]
        assert len({len(column) for column in chart["columns"].values()}) == 1


def test_the_table_lists_all_choices_with_their_figures(whole: Result, whole_page: str) -> None:
    tables = Parsed(whole_page).tables
    rankings = [table for table in tables if table[0][2:3] == ["may be best"]]
    rows = [row for table in rankings for row in table[1:]]
    decimals = decimals_for(row.stderr for row in whole.summaries)
    shown = {row[1]: row for row in rows}
    assert len(shown) == 96
    for summary in whole.summaries:
        row = shown[summary.label]
        assert row[0] == str(summary.rank)
        may_be_best = summary.choice in whole.possible_bests[0].choices
        assert row[2] == ("yes" if may_be_best else "no")
        assert row[3] == rounded(summary.mean, decimals)
        assert row[4] == rounded(summary.stderr, decimals)
        assert row[5] == interval_text(summary.interval, decimals)


def test_the_first_lines_say_what_to_do(whole: Result, whole_page: str) -> None:
    text = " ".join(Parsed(whole_page).text.split())
    lead, *more = verdict(whole)
    assert lead.startswith(f"{whole.best().label} did best, but 9 of the 95 other choices")
    places = [text.index(part) for part in (lead, *more, "The best choice of each kind")]
    assert places == sorted(places)


def test_parts_come_in_their_order(whole_page: str) -> None:
    titles = re.findall(r'<h2 id="[\w-]+">([^<]+)</h2>', whole_page)
    assert titles == [
        *("Ranking", "What matters", "All choices at a glance", "Split by split"),
        *("Learning curves", "Sensitivity", "Steps to a target", "Every network"),
        *("What diverged or failed", "The study", "Versions", "How to read this", "Left out"),
    ]
    text = Parsed(whole_page).text
    assert "Against the baseline: the study declares no `baseline`." in text
    assert "Over the data sets: there is a single data set." in text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_are_inert(hostile: str) -> None:
    record = with_labels(study_record(rates=2, folds=2, rules=("adam", "sgd")), {0: hostile})
    record = with_members(record, {0: {"status": "failed", "reason": hostile}})
    document = {
        "data": {"name": hostile}, "model": {"name": hostile}, "loss": {"name": hostile},
        "algorithm": {"name": hostile},
    }  # fmt: skip
    record = replace(
        record,
        name=hostile,
        text=hostile,
        metric=hostile,
        metrics=("loss", hostile),
        created=hostile,
        profile={hostile: hostile},
        programs=({hostile: hostile},),
        document=record.document | {"data": [{"name": hostile}], "note": hostile},
        choices=tuple(
            replace(choice, document=document, swept={f"algorithm.{hostile}": float(n)})
            for n, choice in enumerate(record.choices)
        ),
        members=tuple(
            replace(
                member,
                values={
                    role: {"loss": values["loss"], hostile: values["accuracy"]}
                    for role, values in member.values.items()
                },
            )
            for member in record.members
        ),
    )
    text = page(Result(record))
    parsed = Parsed(text)
    assert len(parsed.scripts) == 3
    for tag, attributes in parsed.elements:
        assert tag not in ("img", "svg")
        assert not any(name.startswith("on") for name in attributes)
    outside = text.replace(parsed.scripts[1], "")
    assert "\x00" not in outside
    assert "\x1b" not in outside
    assert "\u2028" not in parsed.scripts[0]
    for specification in parsed.embedded()["specifications"].values():
        alt.LayerChart.validate(specification)
        assert "alert" not in json.dumps(_expressions(specification))


def _expressions(part: object) -> list[object]:
    """Whatever Vega would evaluate: filters and expressions."""
    if isinstance(part, dict):
        keys = ("filter", "labelExpr", "expr", "signal", "calculate", "test")
        own = [part[key] for key in keys if key in part]
        return own + [found for value in part.values() for found in _expressions(value)]
    if isinstance(part, list):
        return [found for value in part for found in _expressions(value)]
    return []


def _all(record, **fields):
    return with_members(record, dict.fromkeys(range(len(record.members)), fields))


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (study_record(rates=3, folds=1), "one split says nothing about the spread"),
        (_all(study_record(rates=2, folds=2), status="diverged", values={}),
         "Every network diverged"),
        (study_record(rates=1, folds=3, rules=("adam",)), "is the only choice"),
        (with_members(study_record(rates=2, folds=2), {0: {"status": "failed", "reason": "no"}}),
         "1 choice is incomplete and not ranked"),
        (_all(study_record(rates=1, folds=2), status="pending", values={}),
         "No choice is complete yet"),
        (replace(study_record(rates=1, folds=2), members=()), "No choice is complete yet"),
        (study_record(rates=2, folds=3, validation_rows=200),
         "The ranking was made on validation rows"),
        (study_record(rates=2, folds=2, data=("digits", "wine")),
         "16 choices complete on each of 2 data sets"),
        (replace(study_record(rates=2, folds=2), judged="train"),
         "the study keeps no rows apart to judge on"),
        (replace(study_record(rates=2, folds=2), text="", programs=(), seconds={}),
         "The study with every field written out"),
    ],
)  # fmt: skip
def test_studies_of_every_shape_have_a_report(record, sentence: str) -> None:
    parsed = Parsed(page(Result(record)))
    assert sentence in " ".join(parsed.text.split())
    for chart in parsed.embedded()["charts"].values():
        assert chart["columns"]


def test_failures_are_told_with_their_reason() -> None:
    record = study_record(rates=2, folds=2)
    record = with_members(record, {3: {"status": "failed", "reason": "out of memory"}})
    parsed = Parsed(page(Result(record)))
    label = record.choices[record.members[3].choice].label
    assert any(row == [label, "2", "2", "out of memory"] for t in parsed.tables for row in t)


def test_diverged_choices_are_listed_with_their_first_step(whole_page: str) -> None:
    rows = [row for table in Parsed(whole_page).tables for row in table]
    assert ["sgd learning_rate=1", "10 of 10", "50"] in rows


def test_the_file_is_replaced_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = study_record(rates=1, folds=2)
    path = tmp_path / "report.html"
    path.write_text("old")

    def broken(source, target):
        raise OSError("no space")

    monkeypatch.setattr(html.os, "replace", broken)
    with pytest.raises(OSError, match="no space"):
        report(record, path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]
    monkeypatch.undo()
    assert report(Result(record), path) == path
    assert path.read_text("utf-8").startswith("<!doctype html>")
    assert os.listdir(tmp_path) == ["report.html"]


def test_text_that_is_no_unicode_does_not_break_the_file(tmp_path: Path) -> None:
    record = with_labels(study_record(rates=1, folds=2), {0: "caf\udce9"})
    path = report(record, tmp_path / "report.html")
    assert "caf\\udce9" in path.read_text("utf-8")
