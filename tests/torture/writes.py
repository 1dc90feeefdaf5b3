"""Every write fails once, or from then on for ever; the power is cut between any two."""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etude.errors import InputError
from etude.execution.run import Event
from etude.store import StoreError
from torture import runs
from torture.disk import Disk, under_sqlite
from torture.power import after_cut

MODES = {"once": (False, False), "for ever": (True, False), "disk full": (True, True)}
"""How a write fails: whether all after it do, and whether for want of room."""


@contextmanager
def emptied(folder: Path) -> Iterator[Path]:
    """A folder for one store."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder / "etude.db"
    shutil.rmtree(folder, ignore_errors=True)


def operations(run: runs.Run, folder: Path) -> int:
    """How many operations on the disk an undisturbed run takes."""
    with emptied(folder / "counted") as store, under_sqlite(Disk()) as disk:
        run(store)
        return disk.count


def fail_writes(
    run: runs.Run, folder: Path, expected: dict[str, Any], mode: str, every: int = 1, first: int = 0
) -> Counter[str]:
    """Fail the k-th operation of a run, for k = first + 1, first + 1 + every, ..., and go on.

    Returns:
        counts of failures, of results lost, and of final tables that were equal.
    """
    forever, full = MODES[mode]
    counts: Counter[str] = Counter()
    k = first + 1
    while True:
        with emptied(folder / "failing") as store:
            with under_sqlite(Disk(k, forever, full)) as disk:
                reported, told = _run(run, store)
            if disk.failures == 0:
                return counts
            counts["writes failed"] += disk.failures
            counts["runs disturbed"] += 1
            assert told is not None or not forever, f"{mode}: the failure of write {k} went unsaid"
            if told is not None:
                assert isinstance(told, StoreError), told
                assert "run again to go on" in str(told)
            counts["results lost"] += max(0, reported - len(runs.finished(store)))
            runs.check(store)
            run(store)
            runs.check(store)
            counts["tables bit-equal"] += runs.contents(store) == expected
        k += every


def cut_power(
    run: runs.Run,
    folder: Path,
    expected: dict[str, Any],
    draws: int,
    finish: int,
    every: int = 1,
    first: int = 0,
) -> Counter[str]:
    """Cut the power after the k-th operation of a run, and look at what is left.

    As for `fail_writes`, k = first + 1, first + 1 + every, ...

    Args:
        run: runs the study.
        folder: where stores are made.
        expected: the contents after an undisturbed run.
        draws: how often each cut is drawn, for what is left then is a matter of chance.
        finish: of how many cuts one is followed by a run that goes on to the end.
    """
    counts: Counter[str] = Counter()
    with emptied(folder / "power") as store:
        with under_sqlite(Disk(remembers=True)) as disk:
            run(store, watch=lambda event: disk.note(event.reused + event.finished))
        operations = disk.operations
        assert runs.contents(store) == expected
        for k in range(first + 1, len(operations) + 1, every):
            notes = [item.content for item in operations[:k] if item.kind == "note"]
            reported = notes[-1] if notes else 0
            for draw in range(draws):
                chance = random.Random(f"{k} {draw}")
                with emptied(store.parent):
                    for path, content in after_cut(operations[:k], chance).items():
                        path.write_bytes(content)
                    counts["power cuts"] += 1
                    found = _opened(store)
                    counts["results lost"] += max(0, reported - found)
                    if (k + draw) % finish == 0:
                        run(store)
                        runs.check(store)
                        counts["tables bit-equal"] += runs.contents(store) == expected
                        counts["runs disturbed"] += 1
    return counts


def _run(run: runs.Run, store: Path) -> tuple[int, Exception | None]:
    """Run until it fails: how many results were reported as saved, and what was said."""
    reported = [0]

    def watch(event: Event) -> None:
        reported.append(event.reused + event.finished)

    try:
        run(store, watch=watch)
    except (StoreError, InputError) as error:
        return reported[-1], error
    return reported[-1], None


def _opened(store: Path) -> int:
    """How many results there are, after whoever opens the store first has rolled back."""
    from etude.store import Store

    if not store.exists() or store.stat().st_size == 0:
        return 0
    with Store.open(store) as opened:
        found = sum(item.finished for item in opened.studies())
        for item in opened.studies():
            opened.load(item.name, outputs=True)
    runs.check(store)
    return found
