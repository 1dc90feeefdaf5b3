"""The disk that the others rely on: it fails when told to, and a cut of the power costs."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from etude.store import MemberRecord, Store, StudyRecord, sqlite
from torture.disk import Disk, Operation, library, under_sqlite
from torture.power import after_cut

pytestmark = pytest.mark.skipif(library() is None, reason="SQLite's functions are out of reach")


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row for (row,) in connection.execute("SELECT a FROM t ORDER BY a")]


@pytest.mark.parametrize("full", [False, True])
def test_failed_operations_are_errors_and_lose_nothing(tmp_path: Path, full: bool) -> None:
    path, kinds = tmp_path / "t.db", set()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
    k = 0
    while True:
        k += 1
        before = rows(path)
        with under_sqlite(Disk(k, full=full)) as disk:
            try:
                with closing(sqlite3.connect(path)) as connection, connection:
                    connection.execute("INSERT INTO t VALUES (?)", (k,))
            except sqlite3.OperationalError as error:
                kinds.add(error.sqlite_errorname)
                assert rows(path) == before
            else:
                if disk.failures == 0:
                    break
        assert disk.failures == 1
    assert k > 5
    assert {"SQLITE_IOERR_FSYNC", "SQLITE_FULL" if full else "SQLITE_IOERR_WRITE"} <= kinds
    assert disk.count == k - 1


def test_unsynced_sectors_may_be_lost_and_synced_ones_may_not() -> None:
    ours, other = "/a/etude.db", "/a/etude.db-journal"
    operations = [
        Operation("write", ours, 0, b"x" * 1024),
        Operation("sync", ours),
        Operation("write", ours, 512, b"y" * 1024),
        Operation("write", other, 0, b"z"),
    ]
    cuts = [after_cut(operations, random.Random(seed)) for seed in range(200)]
    assert {cut[Path(ours)][:512] for cut in cuts} == {b"x" * 512}
    assert {cut[Path(ours)][512:1024] for cut in cuts} == {b"x" * 512, b"y" * 512}
    assert {len(cut[Path(ours)]) for cut in cuts} == {1024, 1536}
    assert {cut.get(Path(other)) for cut in cuts} == {None, b"", b"z"}


def test_removed_name_may_come_back_until_the_folder_is_synced() -> None:
    name = "/a/etude.db-journal"
    made = [Operation("write", name, 0, b"z"), Operation("sync", name)]
    for lasts, found in ((0, {None, b"z"}), (1, {None})):
        operations = [*made, Operation("delete", name, lasts)]
        cuts = [after_cut(operations, random.Random(seed)) for seed in range(50)]
        assert {cut.get(Path(name)) for cut in cuts} == found


@pytest.mark.parametrize("synchronous", ["FULL", "EXTRA"])
def test_only_extra_keeps_what_was_saved_before_the_power_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synchronous: str
) -> None:
    connect = sqlite._connect

    def connected(path: Path, readonly: bool, wait: float) -> sqlite3.Connection:
        connection = connect(path, readonly, wait)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        return connection

    members = [MemberRecord(f"{number:064x}", 0, number, 0) for number in range(3)]
    record = StudyRecord(
        "f" * 64, "cut", "2026", {}, "", (), (), "loss", False, ("loss",), "test", {},
        members=tuple(members),
    )  # fmt: skip
    path = tmp_path / "etude.db"
    with monkeypatch.context() as patch, under_sqlite(Disk(remembers=True)) as disk:
        patch.setattr(sqlite, "_connect", connected)
        with Store.open(path) as store:
            store.begin(record)
            for member in members:
                store.save([MemberRecord(member.identity, 0, member.split, 0, "done")])
                disk.note(member.split + 1)
    lost = 0
    for k in range(len(disk.operations)):
        done = disk.operations[: k + 1]
        saved = max([0, *(item.content for item in done if item.kind == "note")])
        for file in tmp_path.iterdir():
            file.unlink()
        for file, content in after_cut(done, random.Random(k)).items():
            file.write_bytes(content)
        with Store.open(path) as store:
            lost += sum(item.finished for item in store.studies()) < saved
    assert (lost > 0) == (synchronous == "FULL")
