"""The page of an étude: claim, verdict, pictures, and how it was tested; and the list of pages."""

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from etude.etudes import names
from etude.etudes.base import Figure
from etude.evidence.result import Result
from etude.evidence.rounding import counted
from etude.files import write_whole
from etude.play.markdown import code, fenced, paragraphs, table, text
from etude.play.played import Played
from etude.reporting.images import image_of

INDEX = "README.md"

_INTRODUCTION = """# Études

Claims of the field, each put to the test by studies that could refute it and by a rule that says
what would. *Refuted* is as good an answer as *supported*. `make etudes` plays them all.

"""


_PLURALS = {
    "data": "data sets",
    "augment": "augmentations",
    "model": "models",
    "loss": "losses",
    "algorithm": "algorithms",
    "estimator": "estimators",
}


def write_page(played: Played, folder: Path) -> Path:
    """Write the page of an étude and its pictures, and bring its line in the list up to date.

    The same results give the same files.

    Args:
        played: what came of it.
        folder: is made if it does not exist.

    Returns:
        The path of the page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name, figures = played.etude.name, played.finding.figures
    pictures = {f"{name}-{number}.svg": figure for number, figure in enumerate(figures, 1)}
    for file, figure in pictures.items():
        write_whole(folder / file, _drawn(figure))
    for old in folder.glob(f"{name}-*.svg"):
        if old.name not in pictures and re.fullmatch(r"\d+", old.stem[len(name) + 1 :]):
            old.unlink()
    path = folder / f"{name}.md"
    write_whole(path, page(played, tuple(pictures)).encode())
    index = folder / INDEX
    before = index.read_text(encoding="utf-8") if index.exists() else ""
    write_whole(index, index_with(before, played).encode())
    return path


def page(played: Played, pictures: Iterable[str]) -> str:
    """The page as Markdown.

    Args:
        played: what came of the étude.
        pictures: the files of its figures.
    """
    etude, finding = played.etude, played.finding
    parts = [
        f"# {text(etude.title)}",
        f"**Claim:** {text(etude.claim)}",
        f"**Verdict: {finding.verdict}.** {text(finding.decides)}",
    ]
    for figure, file in zip(finding.figures, pictures, strict=True):
        parts.append(f"**{text(figure.title)}**\n\n![{text(figure.alt)}]({file})")
    if finding.table:
        parts += ["## The figures", table(finding.table)]
    parts += ["## What it is about", paragraphs(etude.background)]
    parts += ["## How it was tested", "\n".join(f"- {line}" for line in _tested(played))]
    parts += ["## The rule", paragraphs(etude.rule)]
    if finding.notes:
        parts += ["## Limits", "\n".join(f"- {text(note)}" for note in finding.notes)]
    parts += ["## Source", paragraphs(etude.source)]
    parts += ["## Play it", fenced(f"etude play {etude.name}", "sh")]
    files = etude.files()
    if not files:
        parts.append(f"Its studies are made in {code(f'etude/etudes/{etude.name}.py')}.")
    for path in files.values():
        parts += [f"{code(path.name)}:", fenced(path.read_text(encoding="utf-8"), "toml")]
    return "\n\n".join(parts) + "\n"


def index_with(before: str, played: Played) -> str:
    """The list of the études, with the line of this one brought up to date.

    Args:
        before: the list as it was; "" where there is none. Its lines of other études are kept as
            long as those exist.
        played: what came of the étude.
    """
    known = names()
    lines = {
        found[1]: line
        for line in before.splitlines()
        if (found := re.search(r"^\| \[.*?\]\((\w+)\.md\) \|", line)) and found[1] in known
    }
    etude, finding = played.etude, played.finding
    cells = (text(etude.claim), finding.verdict, text(finding.decides))
    lines[etude.name] = f"| [{text(etude.title)}]({etude.name}.md) | {' | '.join(cells)} |"
    header = "| étude | claim | verdict | the figure that decides |\n| --- | --- | --- | --- |\n"
    return _INTRODUCTION + header + "".join(f"{lines[name]}\n" for name in sorted(lines))


def _tested(played: Played) -> list[str]:
    """How much was trained, a line for each study."""
    return [f"{code(result.record.name)}: {_extent(result)}" for result in played.results.values()]


def _extent(result: Result) -> str:
    """A study in words: choices, splits, seeds, networks, and what they cost.

    The seconds are those of the networks that are kept, so that they stay when a study is asked
    again, and are rounded so that they nearly do when it is trained again.
    """
    record = result.record
    counts = {kind: len(record.document.get(kind, ())) for kind in _PLURALS}
    counts |= _data_sets(record.document["data"])
    several = [f"{count} {_PLURALS[kind]}" for kind, count in counts.items() if count > 1]
    numbers = {split.split: split.chooses_for < 0 for split in record.splits}
    judging = sum(numbers.values())
    inner = f", {len(numbers) - judging} inside them to choose by" if judging < len(numbers) else ""
    seeds = record.document["seeds"]
    validation = record.document["validation"]["name"].replace("_", " ")
    seconds = sum(member.seconds for member in record.members)
    diverged = sum(member.status == "diverged" for member in record.members)
    parts = [
        counted(len(record.choices), "choice") + (f" ({', '.join(several)})" if several else ""),
        f"{counted(judging, 'split')} ({validation}{inner})",
        counted(seeds, "seed"),
        f"{counted(len(record.members), 'network')} in {counted(len(record.programs), 'program')}",
    ]
    told = f"{' × '.join(parts[:3])} = {parts[3]}"
    told += f", judged by {record.metric} on test rows" if record.judged == "test" else ""
    told += f"; {diverged:,} diverged" if diverged else ""
    return text(f"{told}; trained in about {_roughly(seconds)} s of one core of the machine here.")


def _data_sets(documents: Iterable[dict[str, Any]]) -> dict[str, int]:
    """How many data sets there are, and in how many ways one is disturbed at most.

    Example:
        >>> _data_sets([{"name": "sine"}, {"name": "sine", "augment": [{"name": "input_noise"}]}])
        {'data': 1, 'augment': 2}
    """
    ways: dict[str, list[Any]] = {}
    for document in documents:
        rows = {name: value for name, value in document.items() if name != "augment"}
        ways.setdefault(repr(rows), []).append(document.get("augment"))
    return {"data": len(ways), "augment": max(map(len, ways.values()))}


def _roughly(seconds: float) -> str:
    """The nearest of 1, 2, 5, 10, 20, 50, ... on a logarithmic scale.

    Example:
        >>> _roughly(0.2), _roughly(8.1), _roughly(28.0)
        ('1', '10', '20')
    """
    steps = [base * 10**power for power in range(6) for base in (1, 2, 5)]
    return str(min(steps, key=lambda step: abs(math.log(step / max(seconds, 1e-9)))))


def _drawn(figure: Figure) -> bytes:
    specification = figure.chart.to_dict()
    for theirs in ("config", "$schema"):  # the look is ours, and the other a network address
        specification.pop(theirs, None)
    return image_of(specification | {"padding": 12}, "svg")
