"""A thousand broken, absurd and hostile study files: an answer or a plain refusal, never more."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from study_files import HERE, mutant, written_files

FILES = 1000
WRITTEN, MUTATED = 3, 6
"""Into how many parts they are divided."""

PARTS = (
    *(range(part, written_files(), WRITTEN) for part in range(WRITTEN)),
    *(range(written_files() + part, FILES, MUTATED) for part in range(MUTATED)),
)

TITLE = re.compile(r"error: study\.toml has (\d+|more than 50) problems?(:|; some of them:)")

RULE = re.compile(
    r"must|needs?\b|is needed|has no|there is no|takes no|takes .* memory|may have at most"
    r"|may come to|watches|not valid TOML|lists the same|holds Python code|do not|had|cannot"
)
"""What a problem says besides its place."""

WHOLE = re.compile(
    r"a study may have|values are nested too deeply|is larger than|is a folder"
    r"|there is no section or field"
)
"""Problems of the file as a whole, which have no place in it."""


def assert_plain_refusal(err: str) -> None:
    """Each line of an error has a place, a rule and what was given, and bounded length."""
    assert err.endswith("\n")
    title, *lines = err.removesuffix("\n").split("\n")
    assert len(lines) <= 50
    assert all(len(line) <= 1100 and line.isprintable() for line in [title, *lines])
    if not lines:
        # What the parts of a study are to one another: fields stand in backticks, values in quotes.
        assert title.startswith("error: ")
        assert re.search(r"`\w+`|'|a study", title), title
        assert RULE.search(title), title
        return
    told = TITLE.fullmatch(title)
    assert told, title
    assert told[1] in (str(len(lines)), "more than 50")
    for line in lines:
        assert re.match(r"  \S", line), line
        if WHOLE.match(line.strip()):
            continue
        place, _, message = line.strip().partition(": ")
        assert place, line
        assert RULE.search(message), line


@pytest.mark.parametrize(
    "part",
    [
        # Every written file and a share of the mutated ones are met every day.
        pytest.param(part, marks=[pytest.mark.slow] if part > WRITTEN else [])
        for part in range(len(PARTS))
    ],
)
def test_every_file_is_planned_or_refused(
    part: int, place: Path, etude: Callable[..., Any]
) -> None:
    present = sorted(os.listdir(place))
    for number in PARTS[part]:
        title, content = mutant(number)
        (place / "study.toml").write_bytes(content)
        outcome = etude("check", "study.toml")
        (place / "study.toml").unlink()
        assert outcome.code in (0, 2), (number, title, outcome)
        if outcome.code == 2:
            assert outcome.out == "", (number, title)
            assert_plain_refusal(outcome.err)
        else:
            assert outcome.err == "", (number, title, outcome.err)
            assert " choices × " in outcome.out.split("\n")[0]
        assert sorted(os.listdir(place)) == present, (number, title)
        assert outcome.grown < 2**30, (number, title)


def test_places_that_hold_no_file_are_refused(place: Path, etude: Callable[..., Any]) -> None:
    (place / "two.toml").symlink_to("one.toml")
    (place / "one.toml").symlink_to("two.toml")
    for path, reason in (
        (place, "is a folder, not a study file"),
        ("pipe.csv", "is a device or a pipe, not a study file"),
        ("/dev/null", "is a device or a pipe, not a study file"),
        ("one.toml", "cannot be read: Too many levels of symbolic links"),
        ("missing.toml", "there is no such file"),
        ("missing/../../x.toml", "there is no such file"),
        ("table.csv/x.toml", "cannot be read: Not a directory"),
        ("n" * 300, "cannot be read: File name too long"),
        ("", "is a folder, not a study file"),
        ("\x1b[31m\u202e\n  forged: line", "there is no such file"),
    ):
        outcome = etude("check", path)
        assert (outcome.code, outcome.out) == (2, "")
        title, line, *more = outcome.err.split("\n")
        assert title.startswith("error: ")
        assert title.endswith(" has 1 problem:")
        assert title.isprintable()
        assert (line, more) == (f"  {reason}", [""])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("learning_rate = { grid = [0.001, 0.01] }", "learning_rate = 1e308"),
        ("learning_rate = { grid = [0.001, 0.01] }", "learning_rate = 5e-324\nepsilon = 1e-320"),
        ('name = "cross_entropy"', 'name = "cross_entropy"\nl2 = 1e308'),
    ],
)
def test_numbers_at_the_edge_train_or_diverge(
    old: str, new: str, place: Path, etude: Callable[..., Any]
) -> None:
    """What single precision cannot hold is a network that diverges, and no warning."""
    text = (HERE / "studies" / "smallest.toml").read_text()
    assert old in text
    text = text.replace(old, new).replace("epochs = 20", "epochs = 1")
    (place / "study.toml").write_text(text)
    outcome = etude("run", "study.toml", "--json", "--quiet")
    assert (outcome.code, outcome.err) == (0, "")
    told = json.loads(outcome.out)
    assert told["diverged"] == (told["members"] if "1e308" in new else 0)


def test_processes_of_their_own_end_like_that_too(place: Path) -> None:
    """What another process would see: exit codes, no traceback, nothing left behind."""
    code = "from etude.cli import main; main()"
    files = {
        "a deep key.toml": b".".join([b"a"] * 50_000) + b" = 1",
        "widths.toml": (HERE / "studies" / "smallest.toml")
        .read_bytes()
        .replace(b"[16]", b"[10000000, 10000000]"),
    }
    for name, content in files.items():
        (place / name).write_bytes(content)
    present = sorted(os.listdir(place))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, "check", name],
            cwd=place,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for name in files
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (2, "")
        assert err.startswith("error: ")
        assert "Traceback" not in err
        assert len(err) < 1000
    assert sorted(os.listdir(place)) == present
