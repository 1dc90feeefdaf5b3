"""A small study that is run again and again in one process, and what its store must hold."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import etude
from etude.execution import run as running
from etude.execution import workers
from etude.file import parse_study
from etude.store import StudyRecord

SMALL = """
name = "tortured"
[data]
name = "moons"
rows = 60
[model]
name = "mlp"
widths = [3]
[loss]
name = "cross_entropy"
[algorithm]
name = "sgd"
learning_rate = { grid = [0.1, 1e30] }
epochs = 2
[validation]
name = "kfold"
folds = 2
"""
"""Four members, two of which diverge."""

LARGER = """
name = "tortured"
[data]
name = "moons"
rows = 60
[model]
name = "mlp"
widths = [3]
[loss]
name = "cross_entropy"
[[algorithm]]
name = "adam"
learning_rate = { grid = [0.01, 0.1] }
epochs = 4
stopping = { name = "early_stopping", patience = 2 }
[[algorithm]]
name = "sgd"
learning_rate = 0.1
epochs = 2
[validation]
name = "kfold"
folds = 2
validation = 0.25
"""
"""Six members in two programs, some with early stopping."""

MEMBERS = (
    "SELECT identity, status, reason, epochs, steps, best_epoch, diverged_step, digest, "
    '"values", curves_shape, curves, outputs_shape, outputs FROM member'
)

Run = Callable[..., etude.Result]


@contextmanager
def compiled_once(text: str) -> Iterator[Run]:
    """A function that runs a study on a store: planned and compiled once, slow as to writing.

    Every result is a transaction of its own, and every epoch ends with a checkpoint.
    """
    study = parse_study(text)
    whole = running.plan(study, running_device())
    populations: dict[Any, Any] = {}
    made = workers.Population

    def population(member: Any, width: int, options: dict[str, str]) -> Any:
        if member not in populations:
            populations[member] = made(member, width, options)
        return populations[member]

    def run(store: Path, watch: Any = None) -> etude.Result:
        return etude.run(study, store, workers=1, text=text, watch=watch)

    with (
        mock.patch.object(running, "plan", return_value=whole),
        mock.patch.object(workers, "Population", population),
        mock.patch.object(running, "SAVE_SECONDS", 0.0),
        mock.patch.object(workers, "SEGMENT_SECONDS", 0.0),
    ):
        yield run


def running_device() -> Any:
    """The device that `etude.run` takes for one worker."""
    from etude.engine.device import current_device

    return current_device(1)


def contents(store: Path) -> dict[str, Any]:
    """What an undisturbed and a disturbed run must agree in, bit for bit."""
    rows = asked(store, f"{MEMBERS} ORDER BY identity")
    with etude.Store.open(store, readonly=True) as opened:
        record = opened.load("tortured", outputs=True)
    return {
        "members": rows,
        "places": asked(store, "SELECT * FROM study_member ORDER BY study, place"),
        "faults": asked(store, "SELECT count(*) FROM fault"),
        "table": told(record),
    }


def told(record: StudyRecord) -> str:
    """The final table, without the seconds."""
    table = etude.Result(record).json()
    names = ("study", "members", "diverged", "metric", "choices", "best")
    return json.dumps({name: table[name] for name in names})


def finished(store: Path) -> frozenset[str]:
    """The members that have a result in the file."""
    if not store.exists() or not asked(store, "SELECT 1 FROM sqlite_master WHERE name = 'member'"):
        return frozenset()
    rows = asked(store, "SELECT identity FROM member WHERE digest IS NOT NULL")
    return frozenset(identity for (identity,) in rows)


def check(store: Path) -> None:
    """The file is whole."""
    assert asked(store, "PRAGMA integrity_check") == [("ok",)]
    assert asked(store, "PRAGMA foreign_key_check") == []


def asked(store: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(query).fetchall()
