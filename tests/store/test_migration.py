"""From a store of version 1, made by the code of then, to the tables of today."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event

from etude.errors import InputError
from etude.store import FINISHED, Store, StoreError, migration, schema, sqlite
from etude.store.database import Database

OLD = Path(__file__).with_name("version_1.db")
BACKUP = "etude.db.v1.backup"


@pytest.fixture
def path(tmp_path):
    return Path(shutil.copy(OLD, tmp_path / "etude.db"))


def rows(path):
    """Every table as it is in the file: column names and rows."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        names = [name for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        )]  # fmt: skip
        return {
            name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}" ORDER BY 1, 2')]
            for name in names
        }
    finally:
        connection.close()


def shape(path):
    """The columns and indexes of every table."""
    connection = sqlite3.connect(path)
    try:
        names = [name for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
        )]  # fmt: skip
        about = ("table_info", "foreign_key_list", "index_list")
        return {
            (name, what): connection.execute(f"PRAGMA {what}({name})").fetchall()
            for name in names
            for what in about
        }
    finally:
        connection.close()


def test_old_store_is_read_as_it_is(path):
    before = path.read_bytes()
    with Store.open(path, readonly=True) as store:
        assert [item.name for item in store.studies()] == ["trained by version 1", "größer"]
        assert [item.faults for item in store.studies()] == [0, 1]
        record = store.load("größer", outputs=True)
        assert record.findings == {}
        assert record.bounds == (0.0, 1.0)
        assert record.choices[0].label == "η=0.1 😀"
        assert [item.status for item in record.members] == ["done", "stopped", "failed", "pending"]
        assert np.isnan(record.members[0].curves).all()
        assert store.latest_checkpoint(record.members[3].identity) == (2, b"newer")
        trained = store.load("trained by version 1", outputs=True)
        assert [item.status for item in trained.members] == ["done"] * 4 + ["diverged"] * 2
        identity = trained.members[0].identity
        assert store.outputs([identity])[identity].shape == (30, 2)
        assert store.backup is None
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["etude.db"]


def test_migration_keeps_every_row_and_a_copy(path, tmp_path):
    before = rows(path)
    with Store.open(path) as store:
        assert store.backup == path.with_name(BACKUP)
    assert sorted(os.listdir(tmp_path)) == ["etude.db", BACKUP]
    assert rows(tmp_path / BACKUP) == before
    assert Store.open(tmp_path / BACKUP, readonly=True).load("größer").trained == 3
    after = rows(path)
    assert after.pop("schema_version") == [{"application": "etude", "version": schema.VERSION}]
    finished = [row["identity"] for row in before["member"] if row["status"] in FINISHED]
    sealed = {(row["what"], row["identity"]) for row in after.pop("seal")}
    assert sealed == {("member", identity) for identity in finished} | {
        (what, row["identity"]) for row in before["study"] for what in ("study", "run")
    }
    for row in after["study"]:
        assert row.pop("findings") == "{}"
    before.pop("schema_version")
    assert after == before
    with Store.open(path) as store:
        assert store.backup is None
    assert sorted(os.listdir(tmp_path)) == ["etude.db", BACKUP]


def test_migrated_tables_are_those_of_a_new_store(path, tmp_path):
    Store.open(path).close()
    Store.open(tmp_path / "new.db").close()
    assert shape(path) == shape(tmp_path / "new.db")


def test_migrated_results_are_read_and_guarded(path, same):
    with Store.open(OLD, readonly=True) as store:
        before = [store.load(item.name, outputs=True) for item in store.studies()]
    with Store.open(path) as store:
        for record in before:
            assert same(store.load(record.name, outputs=True), record)
        connection = sqlite3.connect(path)
        connection.execute("UPDATE member SET epochs = epochs + 1 WHERE status = 'done'")
        connection.commit()
        connection.close()
        for record in before:
            with pytest.raises(InputError, match="damaged"):
                store.load(record.name)


def test_migrated_study_is_extended_and_goes_on(path, finished, same):
    with Store.open(path) as store:
        old = store.load("größer", outputs=True)
        more = replace(old.members[0], identity="e" * 64, choice=2)
        wider = replace(old, identity="f" * 64, members=(*old.members, more))
        begun = store.begin(wider, outputs=True)
        assert [item.status for item in begun.members] == [
            "done", "stopped", "failed", "pending", "pending",
        ]  # fmt: skip
        assert same(begun.members[0], old.members[0])
        assert store.save([old.members[0]]) == ()
        assert store.save([finished(old.members[0])]) == (old.members[0].identity,)
        store.save([finished(item) for item in begun.members[2:]])
        store.note(wider.identity, {"canary": 0})
        counts = {item.identity: item.finished for item in store.studies()}
        assert (counts[wider.identity], counts[old.identity]) == (5, 4)
        assert store.load(wider.identity).findings == {"canary": 0}
        assert store.load(old.identity).findings == {}


def test_failure_anywhere_leaves_the_old_store(path, tmp_path):
    before = rows(path)
    k = 0
    while True:
        k += 1
        database = Database(sqlite.engine(path, False, 1), str(path), False, 1, ())
        left = [k]

        def fail(connection, cursor, statement, parameters, context, many, left=left):
            left[0] -= 1
            if left[0] == 0:
                raise sqlite3.OperationalError("disk I/O error")

        event.listen(database._engine, "before_cursor_execute", fail)
        try:
            database._prepare(path)
        except StoreError:
            assert rows(path) == before
            with Store.open(path, readonly=True) as store:
                assert store.load("größer").trained == 3
        else:
            break
        finally:
            database.close()
    assert k > 10
    assert rows(path)["schema_version"] == [{"application": "etude", "version": schema.VERSION}]
    # However often it was tried, one copy is enough.
    assert sorted(os.listdir(tmp_path)) == ["etude.db", BACKUP]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("moment", ["migration.migrate", "sqlite.sync_folder", "sqlite._copy"])
def test_kill_during_the_migration_leaves_the_old_store(path, tmp_path, moment):
    script = """
        import os, signal, sys
        from etude.store import Store, migration, sqlite
        module, name = sys.argv[2].split(".")
        module = {"migration": migration, "sqlite": sqlite}[module]
        whole = getattr(module, name)
        def killed(*arguments):
            whole(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(module, name, killed)
        Store.open(sys.argv[1])
    """
    before = rows(path)
    command = [sys.executable, "-c", textwrap.dedent(script), str(path), moment]
    assert subprocess.run(command, timeout=60).returncode == -signal.SIGKILL
    assert rows(path) == before
    with Store.open(path, readonly=True) as store:
        assert store.load("größer").trained == 3
    Store.open(path).close()
    assert sorted(os.listdir(tmp_path)) == ["etude.db", BACKUP]
    assert rows(tmp_path / BACKUP) == before


def test_older_copy_is_not_overwritten(path, tmp_path):
    (tmp_path / BACKUP).write_text("of last year")
    with Store.open(path) as store:
        assert store.backup == tmp_path / f"{BACKUP}.2"
    assert (tmp_path / BACKUP).read_text() == "of last year"
    assert rows(tmp_path / f"{BACKUP}.2") == rows(OLD)


def test_without_room_for_a_copy_nothing_is_changed(path, tmp_path, monkeypatch):
    before = path.read_bytes()

    def full(source, part):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sqlite, "_copy", full)
    with pytest.raises(StoreError, match=r"No space left on device; nothing was changed"):
        Store.open(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["etude.db"]


def test_two_processes_migrate_once(path, tmp_path):
    code = "import sys; from etude.store import Store; Store.open(sys.argv[1]).studies()"
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert sorted(os.listdir(tmp_path)) == ["etude.db", BACKUP]
    assert rows(tmp_path / BACKUP) == rows(OLD)


def test_a_step_leads_from_every_version():
    assert sorted(migration.STEPS) == list(range(1, schema.VERSION))
