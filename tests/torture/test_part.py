"""A small part of `make torture`, another one every day."""

import datetime
import random
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from torture import damage, disk, kills, runs, writes

PART = 40
"""One of so many of the cases of `make torture` is tried."""

TODAY = datetime.date.today().toordinal()

needs_disk = pytest.mark.skipif(
    disk.library() is None, reason="SQLite's functions are out of reach"
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kills.Bench]:
    with runs.compiled_once(runs.SMALL) as run:
        folder = tmp_path_factory.mktemp("torture")
        run(folder / "etude.db")
        expected = runs.contents(folder / "etude.db")
        programs = Path(jax.config.jax_compilation_cache_dir)
        yield kills.Bench(runs.SMALL, run, expected, folder, programs)


@needs_disk
@pytest.mark.parametrize("mode", writes.MODES)
def test_failed_writes_lose_nothing(bench: kills.Bench, mode: str) -> None:
    first = TODAY % PART
    counts = writes.fail_writes(bench.run, bench.folder, bench.expected, mode, PART, first)
    assert counts["writes failed"] >= counts["runs disturbed"] >= 5
    assert counts["results lost"] == 0
    assert counts["tables bit-equal"] == counts["runs disturbed"]


@needs_disk
def test_power_cuts_lose_nothing(bench: kills.Bench) -> None:
    first = TODAY % PART
    counts = writes.cut_power(bench.run, bench.folder, bench.expected, 3, 10, PART, first)
    assert counts["power cuts"] >= 15
    assert counts["results lost"] == 0
    assert counts["tables bit-equal"] == counts["runs disturbed"]


def test_damaged_stores_are_refused_or_right(bench: kills.Bench) -> None:
    store = bench.folder / "etude.db"
    content, chance = store.read_bytes(), random.Random(TODAY)
    headers = list(damage.changed_header(content))[TODAY % PART :: PART]
    copies = [*damage.changed_bytes(content, 30, chance), *headers]
    copies += chance.sample(list(damage.shortened(content, 10, chance)), 10)
    copy = bench.folder / "copy"
    counts = damage.damaged_stores(store, bench.expected, copy, iter(copies))
    assert counts["damage refused"] > 0
    assert counts["wrong answers"] == 0


@needs_disk
def test_damaged_journals_are_refused_or_right(bench: kills.Bench) -> None:
    folder = bench.folder / "journal"
    counts = damage.damaged_journals(bench.run, bench.expected, folder, 10)
    assert counts["journals damaged"] == 10
    assert counts["wrong answers"] == 0


def test_foreign_files_are_refused(bench: kills.Bench) -> None:
    counts = damage.foreign_files(bench.folder / "etude.db", bench.folder / "foreign")
    assert counts["foreign files refused"] == len(damage.FOREIGN)


def test_disk_full_is_told_and_the_run_goes_on(bench: kills.Bench) -> None:
    size = (bench.folder / "etude.db").stat().st_size
    counts = kills.out_of_room(bench, [size // 2 + TODAY % (size // 2 - 4096)])
    assert counts == {"disks full": 1, "runs disturbed": 1, "tables bit-equal": 1}


@pytest.mark.slow
def test_processes_share_a_store(bench: kills.Bench) -> None:
    counts = kills.two_at_once(bench, 1)
    counts += kills.two_studies(bench, runs.LARGER)
    assert counts["tables bit-equal"] == counts["pairs of processes"] == 2


@pytest.mark.parametrize("how", ["event", "term", pytest.param("int", marks=pytest.mark.slow)])
def test_runs_end_at_an_event_and_go_on(bench: kills.Bench, how: str) -> None:
    number = 2 + TODAY % 5
    end = kills.killed_at if how == "event" else kills.stopped_at
    counts = end(bench, how, [number])
    assert counts["kills"] + counts["stops"] == 1
    assert counts["results lost"] == 0
    assert counts["tables bit-equal"] == 1
