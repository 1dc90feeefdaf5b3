"""Figures as images: well-formed, inert whatever the names, named by their kind alone."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from etude.errors import InputError
from etude.evidence.result import Result
from etude.reporting.images import save_figures
from etude.store.records import StudyRecord
from study_records import study_record, with_labels

HOSTILE = "</text><script>alert(1)</script>\x1b\u202e]]>&amp;\x00\ud800"


def _record() -> StudyRecord:
    record = study_record(rates=3, folds=3, rules=("adam", "sgd"), epochs=4)
    document = record.document | {"baseline": record.choices[0].label}
    return replace(record, document=document)


def _hostile() -> StudyRecord:
    record = with_labels(study_record(rates=2, folds=2, rules=("adam", "sgd"), epochs=2),
                         dict.fromkeys(range(4), HOSTILE))  # fmt: skip
    part = {"name": HOSTILE}
    choices = tuple(
        replace(
            choice,
            document=dict.fromkeys(("data", "model", "loss", "algorithm"), part),
            swept={f"algorithm.{HOSTILE}": number, "model.x": f"{HOSTILE}{number}"},
        )
        for number, choice in enumerate(record.choices)
    )
    members = tuple(
        replace(
            member,
            values={
                role: {"loss": values["loss"], HOSTILE: values["accuracy"]}
                for role, values in member.values.items()
            },
        )
        for member in record.members
    )
    return replace(
        record, name=HOSTILE, metric=HOSTILE, metrics=("loss", HOSTILE), choices=choices,
        members=members, document=record.document | {"data": [part], "baseline": HOSTILE},
    )  # fmt: skip


def test_every_figure_of_the_page_is_an_image(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "figures"
    paths = save_figures(Result(_record()), folder)
    assert sorted(folder.iterdir()) == sorted(paths)
    names = [path.name for path in paths]
    assert names[:6] == [
        *("ranking.svg", "baseline.svg", "importance.svg", "noise.svg"),
        *("parallel.svg", "splits.svg"),
    ]
    assert "curve-04.svg" in names  # two kinds, two metrics
    assert "sensitivity-02.svg" in names
    for path in paths:
        root = ElementTree.parse(path).getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        texts = [text for text in root.itertext() if text.strip()]
        assert texts
        assert "NaN" not in path.read_text("utf-8")
    ranking = "".join(ElementTree.parse(paths[0]).getroot().itertext())
    assert "Ranking" in ranking
    assert all(choice.label in ranking for choice in _record().choices)


def test_names_cannot_become_markup(tmp_path: Path) -> None:
    paths = save_figures(_hostile(), tmp_path)
    assert len(paths) > 5
    for path in paths:
        assert re.fullmatch(r"[a-z]+(-\d\d)?\.svg", path.name)
        root = ElementTree.parse(path).getroot()
        for element in root.iter():
            tag = element.tag.rpartition("}")[2]
            assert tag not in ("script", "foreignObject", "image", "a", "use", "style")
            for name, value in element.attrib.items():
                assert not name.lower().startswith("on")
                assert "href" not in name
                assert "url(" not in value or value.startswith("url(#")
    shown = "".join(ElementTree.parse(paths[0]).getroot().itertext())
    assert "<script>alert(1)" in shown
    assert "\u202e" not in shown


def test_png_is_png(tmp_path: Path) -> None:
    record = study_record(rates=1, folds=2, rules=("adam",), epochs=2)
    paths = save_figures(record, tmp_path, "png")
    assert all(path.suffix == ".png" for path in paths)
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_data_sets_have_figures_of_their_own(tmp_path: Path) -> None:
    record = study_record(rates=1, folds=2, rules=("adam", "sgd"), epochs=1, data=("a", "b"))
    names = [path.name for path in save_figures(record, tmp_path)]
    assert {"ranking-01.svg", "ranking-02.svg", "profile.svg"} <= set(names)
    second = ElementTree.parse(tmp_path / "ranking-02.svg").getroot()
    assert "Ranking · b" in "".join(second.itertext())


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    record = study_record(rates=1, folds=2, rules=("adam",), epochs=1)
    with pytest.raises(InputError, match="`format` must be 'svg' or 'png', got 'pdf'"):
        save_figures(record, tmp_path, "pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="`folder` must be a folder"):
        save_figures(record, tmp_path / "file")
