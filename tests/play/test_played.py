"""An étude is played from its study file to its page; a second time nothing is trained."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import etude.etudes
from etude.cli import app
from etude.errors import InputError
from etude.etudes.base import WHOLE, CannotJudge, Etude, Figure, Finding
from etude.evidence.result import Result
from etude.play import played as playing
from etude.play.page import index_with, page, write_page
from etude.play.played import Played, play

STUDY = """
name = "tiny"
[data]
name = "sine"
rows = 40
[model]
name = "linear"
[loss]
name = "mse"
[algorithm]
name = "sgd"
learning_rate = { grid = [0.01, 0.1] }
epochs = 3
[validation]
name = "kfold"
folds = 2
"""


class Tiny(Etude):
    title = "Tiny <b>steps</b>"
    claim = "Steps of 0.1 | beat *steps* of 0.01."
    background = """
    One paragraph
    of two lines.

    And another one.
    """
    rule = "supported, refuted or undecided by the sign."
    source = "Nobody, http://example.org"
    folder = Path()

    def files(self) -> dict[str, Path]:
        return {WHOLE: self.folder / "tiny.toml"}

    def judge(self, results: Mapping[str, Result]) -> Finding:
        import altair

        result = results[WHOLE]
        assert all(member.outputs is not None for member in result.record.members)
        small, large = (values.mean() for values in result.comparisons[0].judged_values)
        rows = [{"rate": "<0.01>", "rmse": small}, {"rate": "0.1 & more", "rmse": large}]
        chart = altair.Chart(altair.Data(values=rows)).mark_bar().encode(x="rmse:Q", y="rate:N")
        return Finding(
            verdict="supported" if large < small else "refuted",
            decides=f"{small - large:.3f} better, n = 2.",
            table=(("rate", "rmse"), ("0.01", f"{small:.3f}"), ("0.1", f"{large:.3f}")),
            figures=(Figure("Errors", "Two bars.", chart),),
            notes=("Very [small](http://example.org).",),
        )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    Tiny.folder = tmp_path_factory.mktemp("tiny")
    (Tiny.folder / "tiny.toml").write_text(STUDY)
    return Tiny()


@pytest.fixture(scope="module")
def store(tiny: Tiny) -> str:
    return str(Tiny.folder / "etudes.db")


@pytest.fixture(scope="module")
def first(tiny: Tiny, store: str) -> Played:
    return play(tiny, store)


@pytest.fixture
def known(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny is the only étude there is."""

    def called(name: str) -> Etude:
        if name != "tiny":
            raise InputError(f"there is no étude called {name!r}; did you mean 'tiny'?")
        return tiny

    monkeypatch.setattr(Tiny, "name", "tiny")
    monkeypatch.setattr(etude.etudes, "etude_called", called)
    monkeypatch.setattr(etude.etudes, "names", lambda: ("tiny",))
    monkeypatch.setattr("etude.play.page.names", lambda: ("other", "tiny"))


def test_a_second_time_nothing_is_trained(tiny: Tiny, store: str, first: Played) -> None:
    record = first.results[WHOLE].record
    assert (record.trained, record.reused, record.text) == (4, 0, STUDY)
    second = play(tiny, store)
    again = second.results[WHOLE].record
    assert (again.trained, again.reused) == (0, 4)
    assert second.finding.decides == first.finding.decides
    for one, other in zip(record.members, again.members, strict=True):
        assert np.array_equal(one.outputs, other.outputs)  # type: ignore[arg-type]


def test_without_a_store_the_outputs_are_there_too(tiny: Tiny, first: Played) -> None:
    assert play(tiny).finding.decides == first.finding.decides


def test_failed_networks_and_wrong_programs_are_not_judged(
    tiny: Tiny, first: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = first.results[WHOLE].record
    members = (replace(record.members[0], status="failed", reason="a lamp"), *record.members[1:])
    broken = replace(record, members=members)
    monkeypatch.setattr(playing, "run", lambda *_, **__: Result(broken))
    with pytest.raises(CannotJudge, match="1 networks of tiny failed: a lamp"):
        play(tiny)
    wrong = replace(record, findings={"canaries": [{"agrees": False, "message": "a bird fell"}]})
    monkeypatch.setattr(playing, "run", lambda *_, **__: Result(wrong))
    with pytest.raises(CannotJudge, match="a bird fell"):
        play(tiny)


@pytest.mark.parametrize("error", [CannotJudge, ZeroDivisionError, ValueError])
@pytest.mark.usefixtures("first")
def test_a_rule_that_cannot_is_told_by_the_name_of_its_etude(
    tiny: Tiny, store: str, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def judge(*_: Any) -> Finding:
        raise error("nothing to divide by")

    monkeypatch.setattr(Tiny, "judge", judge)
    with pytest.raises(CannotJudge, match=r"^\w+ cannot be judged: nothing to divide by$"):
        play(tiny, store)


@pytest.mark.usefixtures("known")
def test_the_page(first: Played, tmp_path: Path) -> None:
    path = write_page(first, tmp_path)
    assert path == tmp_path / "tiny.md"
    lines = [line for line in path.read_text().splitlines() if line]
    assert lines[0] == r"# Tiny \<b\>steps\</b\>"
    assert lines[1] == r"**Claim:** Steps of 0.1 \| beat \*steps\* of 0.01."
    assert lines[2] == f"**Verdict: supported.** {first.finding.decides}"
    text = path.read_text()
    assert "![Two bars.](tiny-1.svg)" in text
    assert "2 choices (2 algorithms) × 2 splits (kfold) × 1 seed = 4 networks in 1 program" in text
    assert "judged by rmse on test rows" in text
    assert "etude play tiny" in text
    assert STUDY.strip() in text
    assert "One paragraph of two lines.\n\nAnd another one." in text
    svg = (tmp_path / "tiny-1.svg").read_text()
    ElementTree.fromstring(svg)
    assert "&lt;0.01&gt;" in svg
    assert "<script" not in svg


@pytest.mark.usefixtures("known")
def test_the_same_results_give_the_same_files(
    tiny: Tiny, store: str, first: Played, tmp_path: Path
) -> None:
    for folder, played in (("a", first), ("b", play(tiny, store)), ("b", first)):
        write_page(played, tmp_path / folder)
    one, other = (sorted((tmp_path / folder).iterdir()) for folder in "ab")
    assert [path.name for path in one] == ["README.md", "tiny-1.svg", "tiny.md"]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


@pytest.mark.usefixtures("known")
def test_pictures_of_an_earlier_play_go(first: Played, tmp_path: Path) -> None:
    for name in ("tiny-2.svg", "tiny-other.svg", "tinier-1.svg"):
        (tmp_path / name).write_text("old")
    write_page(first, tmp_path)
    left = {path.name for path in tmp_path.glob("*.svg")}
    assert left == {"tiny-1.svg", "tiny-other.svg", "tinier-1.svg"}


@pytest.mark.usefixtures("known")
def test_the_list_keeps_the_lines_of_other_etudes(first: Played) -> None:
    other = "| [Other](other.md) | It does. | refuted | 3. |"
    gone = "| [Gone](gone.md) | It did. | refuted | 3. |"
    stale = "| [Tiny](tiny.md) | Old. | refuted | 3. |"
    made = index_with("\n".join(["# Études", gone, stale, other]), first)
    assert made.startswith("# Études\n")
    rows = [line for line in made.splitlines() if line.startswith("| [")]
    assert rows[0] == other
    assert len(rows) == 2
    assert rows[1].startswith(r"| [Tiny \<b\>steps\</b\>](tiny.md) | Steps of 0.1 \| beat")
    assert "| supported |" in rows[1]
    assert index_with(made, first) == made


def test_seconds_are_rounded_so_that_a_page_stays(first: Played) -> None:
    def lasting(seconds: float) -> str:
        record = first.results[WHOLE].record
        members = tuple(replace(member, seconds=seconds) for member in record.members)
        result = Result(replace(record, members=members))
        return page(replace(first, results={WHOLE: result}), ["tiny-1.svg"])

    assert "trained in about 10 s of one core" in lasting(2.4)
    assert lasting(2.4) == lasting(2.7)
    assert "about 50 s" in lasting(11.0)
    assert "about 1 s" in lasting(0.0001)


def command(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["play", *map(str, arguments)])


@pytest.mark.usefixtures("known", "first")
def test_the_command_tells_the_verdict(store: str, tmp_path: Path) -> None:
    ended = command("tiny", "--store", store, "--pages", tmp_path / "pages", "--quiet")
    assert ended.exit_code == 0
    first, second, *rest = ended.stdout.splitlines()
    assert first == "Tiny <b>steps</b>: Steps of 0.1 | beat *steps* of 0.01."
    assert second.startswith("supported: ")
    assert "tiny: 0 networks trained, 4 found in the store" in ended.stdout
    assert rest[-1] == f"page: {tmp_path / 'pages' / 'tiny.md'}"
    assert (tmp_path / "pages" / "README.md").exists()


@pytest.mark.usefixtures("known", "first")
def test_the_command_answers_programs(store: str) -> None:
    ended = command("--all", "--store", store, "--json", "--quiet")
    assert ended.exit_code == 0
    document = json.loads(ended.stdout)
    (answer,) = document["etudes"]
    assert document["version"] == 1
    assert (answer["etude"], answer["verdict"], answer["page"]) == ("tiny", "supported", None)
    (study,) = answer["studies"]
    assert (study["study"], study["members"], study["reused"]) == ("tiny", 4, 4)


@pytest.mark.usefixtures("known")
def test_without_a_name_the_etudes_are_listed() -> None:
    ended = command()
    assert ended.exit_code == 0
    assert "tiny" in ended.stdout
    assert "Steps of 0.1" in ended.stdout
    document = json.loads(command("--json").stdout)
    assert [found["etude"] for found in document["etudes"]] == ["tiny"]


@pytest.mark.usefixtures("known")
def test_what_cannot_be_judged_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise CannotJudge("tiny cannot be judged: a lamp")

    monkeypatch.setattr(playing, "play", refuse)
    ended = command("tiny", "--quiet")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == "error: tiny cannot be judged: a lamp\n"


@pytest.mark.usefixtures("known", "first")
def test_one_that_cannot_be_judged_does_not_end_the_others(
    tiny: Tiny, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Tiny):
        title = "Broken"

        def judge(self, results: Mapping[str, Result]) -> Finding:
            raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(Broken, "name", "broken")
    monkeypatch.setattr(etude.etudes, "names", lambda: ("broken", "tiny"))
    called = {"broken": Broken(), "tiny": tiny}
    monkeypatch.setattr(etude.etudes, "etude_called", called.__getitem__)
    ended = command("--all", "--store", store, "--quiet")
    assert ended.exit_code == 1
    assert ended.stderr == "error: broken cannot be judged: division by zero\n"
    assert "supported: " in ended.stdout


@pytest.mark.usefixtures("known")
def test_bad_input_is_told_before_anything_is_trained(tmp_path: Path) -> None:
    ended = command("tny")
    assert isinstance(ended.exception, InputError)
    assert "did you mean 'tiny'" in str(ended.exception)
    (tmp_path / "file").write_text("")
    ended = command("tiny", "--pages", tmp_path / "file")
    assert isinstance(ended.exception, InputError)
