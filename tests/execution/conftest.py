"""How two runs of a study are compared, and one of them killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from etude.store.records import StudyRecord
from etude.store.store import Store

Table = Callable[[StudyRecord], list[tuple[object, ...]]]
Killed = Callable[[str], list[StudyRecord]]


@pytest.fixture(scope="session")
def table() -> Table:
    """Everything of the members that is a result, bit for bit."""

    def told(record: StudyRecord) -> list[tuple[object, ...]]:
        return [
            (
                *(member.identity, member.choice, member.split, member.seed, member.status),
                *(member.epochs, member.steps, member.best_epoch, member.diverged_step),
                *(repr(member.values), member.curves.shape, member.curves.tobytes()),
            )
            for member in record.members
        ]

    return told


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    """The study "killed" of a file: run to its end, and killed twice before it goes on."""

    def run(text: str) -> list[StudyRecord]:
        file = tmp_path / "study.toml"
        file.write_text(text)
        code = "from etude.cli import main; main()"
        found, whole = [], 0.0
        for name, kills in (("undisturbed.db", 0), ("disturbed.db", 2)):
            store = tmp_path / name
            command = [sys.executable, "-c", code, "run", str(file)]
            command += ["--store", str(store), "--quiet"]
            begin = time.monotonic()
            for kill in range(kills):
                process = subprocess.Popen(command)
                time.sleep((0.6 + 0.3 * kill) * whole)
                process.send_signal(signal.SIGKILL)
                process.wait()
            subprocess.run(command, check=True, capture_output=True)
            whole = time.monotonic() - begin
            with Store.open(store, readonly=True) as opened:
                found.append(opened.load("killed"))
        return found

    return run
