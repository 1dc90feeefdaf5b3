"""A killed run goes on where it was and ends with the same bits."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from etude.store.records import MemberRecord, StudyRecord
from etude.store.store import Store

SHORT = """
name = "killed"
seeds = 4
[data]
name = "moons"
rows = 300
[model]
name = "mlp"
widths = [32, 32]
[loss]
name = "cross_entropy"
[[algorithm]]
name = "sgd"
learning_rate = { grid = [0.01, 0.1, 1e30] }
epochs = 120
[[algorithm]]
name = "adam"
learning_rate = { grid = [0.001, 0.01] }
epochs = 120
[validation]
name = "kfold"
folds = 5
"""

LONG = """
name = "killed"
[data]
name = "moons"
rows = 400
[model]
name = "mlp"
widths = [64, 64]
[loss]
name = "cross_entropy"
[algorithm]
name = "adam"
learning_rate = 0.001
epochs = 25000
batch_size = 64
stopping = { name = "early_stopping", patience = 20000 }
[validation]
name = "kfold"
folds = 2
validation = 0.2
"""


def command(study: Path, store: Path) -> list[str]:
    code = "from etude.cli import main; main()"
    return [sys.executable, "-c", code, "run", str(study), "--store", str(store), "--quiet"]


def stored(store: Path) -> StudyRecord:
    with Store.open(store, readonly=True) as opened:
        return opened.load("killed", outputs=True)


def begun(store: Path) -> bool:
    """Whether the run has come so far as to write its first transaction."""
    return store.exists() and store.stat().st_size > 0


def finished(store: Path) -> int:
    if not begun(store):
        return 0
    with Store.open(store, readonly=True) as opened:
        return sum(summary.finished for summary in opened.studies())


def assert_same(first: StudyRecord, second: StudyRecord) -> None:
    assert len(first.members) == len(second.members)
    for one, other in zip(first.members, second.members, strict=True):
        assert plain(one) == plain(other)
        np.testing.assert_array_equal(one.curves.view(np.uint32), other.curves.view(np.uint32))
        assert (one.outputs is None) == (other.outputs is None)
        if one.outputs is not None and other.outputs is not None:
            np.testing.assert_array_equal(one.outputs, other.outputs)


def plain(member: MemberRecord) -> tuple[object, ...]:
    return (
        member.identity,
        member.status,
        member.steps,
        member.best_epoch,
        member.diverged_step,
        member.values,
    )


def killed_until_done(
    study: Path, store: Path, times: int, delay: Callable[[], float]
) -> list[int]:
    """Kill the run again and again, then let it end; how many were finished at each kill."""
    counts = []
    for _ in range(times):
        process = subprocess.Popen(command(study, store))
        time.sleep(delay())
        process.send_signal(signal.SIGKILL)
        process.wait()
        counts.append(finished(store))
    subprocess.run(command(study, store), check=True, capture_output=True)
    return counts


@pytest.mark.slow
def test_kill_nine_at_random_moments(tmp_path: Path) -> None:
    """Twice; `make torture` kills a hundred times, and at every border, one of them every day."""
    study = tmp_path / "study.toml"
    study.write_text(SHORT)
    undisturbed, disturbed = tmp_path / "undisturbed.db", tmp_path / "disturbed.db"
    begin = time.monotonic()
    subprocess.run(command(study, undisturbed), check=True, capture_output=True)
    whole = time.monotonic() - begin
    generator = random.Random(0)
    counts = killed_until_done(
        study, disturbed, 2, lambda: generator.uniform(0.5 * whole, 1.05 * whole / 2 + 1)
    )
    assert counts == sorted(counts), "what was finished is never lost"
    assert_same(stored(undisturbed), stored(disturbed))
    assert {member.status for member in stored(disturbed).members} == {"done", "diverged"}


@pytest.mark.slow
def test_a_long_member_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(LONG)
    undisturbed, disturbed = tmp_path / "undisturbed.db", tmp_path / "disturbed.db"
    subprocess.run(command(study, undisturbed), check=True, capture_output=True)
    process = subprocess.Popen(command(study, disturbed))
    identities = [member.identity for member in stored(undisturbed).members]
    while not any(_checkpoint(disturbed, identity) for identity in identities):
        assert process.poll() is None, "the run ended before there was a checkpoint"
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert finished(disturbed) == 0
    subprocess.run(command(study, disturbed), check=True, capture_output=True)
    assert_same(stored(undisturbed), stored(disturbed))


def _checkpoint(store: Path, identity: str) -> bool:
    if not begun(store):
        return False
    with Store.open(store, readonly=True) as opened:
        return opened.latest_checkpoint(identity) is not None


@pytest.mark.slow
def test_a_finished_study_trains_nothing(tmp_path: Path) -> None:
    study, store = tmp_path / "study.toml", tmp_path / "etude.db"
    study.write_text(SHORT.replace("seeds = 4", "seeds = 1").replace("epochs = 120", "epochs = 2"))
    told = [
        subprocess.run(command(study, store), check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    ]
    assert "25 trained, 0 found in the store" in told[0]
    assert "0 trained, 25 found in the store" in told[1]


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    study, store = tmp_path / "study.toml", tmp_path / "etude.db"
    study.write_text(SHORT.replace("epochs = 120", "epochs = 3000"))
    process = subprocess.Popen(command(study, store), stderr=subprocess.PIPE, text=True)
    while not finished(store):
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to go on" in message
    assert finished(store) >= 1
