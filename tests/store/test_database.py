import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import traceback

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from etude.errors import InputError
from etude.store import Store, StoreError, sqlite
from etude.store.database import Database


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("mysql://me:hush@host/db", "got mysql://"),
        ("postgresql+asyncpg://me:hush@host/db", r"got postgresql\+asyncpg://"),
        ("://me:hush@host", "this URL cannot be read"),
        ("postgresql://me:hush@host:port/db", "this URL cannot be read"),
        ("sqlite:///etude.db?mode=hush", "without host and options"),
        ("sqlite://hush/etude.db", "without host and options"),
        ("", "empty text"),
        ("  ", "empty text"),
    ],
)
def test_addresses_that_are_none(address, message):
    with pytest.raises(InputError, match=message) as caught:
        Store.open(address)
    assert "hush" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("form", ["{}", "sqlite:///{}", "sqlite+pysqlite:///{}"])
def test_addresses_of_one_file(tmp_path, form):
    path = tmp_path / "etude.db"
    with Store.open(form.format(path)) as store:
        assert store.address == str(path)
    assert path.exists()


def test_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///etude.db") as store:
        monkeypatch.chdir("/")
        assert store.studies() == []
        assert store.address == str(tmp_path / "etude.db")


@pytest.mark.parametrize("address", [None, ":memory:", "sqlite://", "sqlite:///:memory:"])
def test_in_memory(address, study_of, finished, same):
    with Store.open(address) as store:
        record = study_of()
        store.begin(record)
        store.save([finished(member) for member in record.members])
        assert same(store.load("sweep", outputs=True).members[3], finished(record.members[3]))
        with Store.open(address) as other:
            assert other.studies() == []


def test_in_memory_has_nothing_to_read():
    with pytest.raises(InputError, match="nothing to read"):
        Store.open(None, readonly=True)


def test_closed_store_says_so():
    store = Store.open()
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        store.studies()


def test_memory_is_shared_by_threads(study_of, finished):
    record = study_of(count=40)
    with Store.open() as store:
        store.begin(record)
        threads = [
            threading.Thread(target=lambda i=i: store.save([finished(record.members[i])]))
            for i in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.studies()[0].finished == 40


def test_password_is_never_told(monkeypatch):
    pytest.importorskip("psycopg", reason="needs psycopg")
    for url in (
        "postgresql+psycopg://me:hush@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?password=hush",
    ):
        with pytest.raises(InputError, match=r"cannot be reached") as caught:
            Store.open(url)
        assert "hush" not in "".join(traceback.format_exception(caught.value))
        assert "me" in str(caught.value)


def test_password_is_hidden_in_the_address():
    from sqlalchemy import make_url

    from etude.store.database import _without_secrets

    shown, secrets = _without_secrets(make_url("postgresql://me:hu%2Fsh@h/d?sslpassword=key&x=1"))
    assert shown == "postgresql://me:***@h/d?sslpassword=%2A%2A%2A&x=1"
    assert secrets == ("hu/sh", "key")


def test_missing_driver_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InputError, match=r"pip install 'psycopg\[binary\]'"):
        Store.open("postgresql+psycopg://me@127.0.0.1:1/db")


def test_waits_for_another_writer_then_says_so(tmp_path, study_of):
    path = tmp_path / "etude.db"
    Store.open(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Store.open(path, wait=0.2) as store:
        assert store.studies() == []
        start = time.monotonic()
        with pytest.raises(StoreError, match=r"written by another process \(waited 0\.2 s\)"):
            store.begin(study_of())
        assert time.monotonic() - start >= 0.2
        other.execute("ROLLBACK")
        other.close()
        store.begin(study_of())


def test_damaged_file_is_told(tmp_path, study_of, finished):
    path = tmp_path / "etude.db"
    record = study_of(count=50)
    with Store.open(path) as store:
        store.begin(record)
        store.save([finished(member) for member in record.members])
    content = bytearray(path.read_bytes())
    for start in range(4096, len(content), 4096):
        content[start : start + 16] = b"\xff" * 16
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"etude\.db is damaged"), Store.open(path) as store:
        store.load("sweep")


def test_shortened_file_is_told(tmp_path, study_of, finished):
    path = tmp_path / "etude.db"
    record = study_of(count=50)
    with Store.open(path) as store:
        store.begin(record)
        store.save([finished(member) for member in record.members])
    os.truncate(path, 3 * 4096)
    with pytest.raises(InputError, match=r"etude\.db is damaged"), Store.open(path) as store:
        store.load("sweep")


@pytest.mark.parametrize(
    "change", ['"values" = \'{"a":\'', "curves = x'00'", "curves_shape = '[9]'", "digest = 'x'"]
)
def test_damaged_row_is_told(tmp_path, study_of, finished, change):
    path = tmp_path / "etude.db"
    record = study_of()
    with Store.open(path) as store:
        store.begin(record)
        store.save([finished(member) for member in record.members])
        connection = sqlite3.connect(path)
        connection.execute(f"UPDATE member SET {change} WHERE number = 2")
        connection.commit()
        connection.close()
        with pytest.raises(InputError, match="damaged"):
            store.load("sweep", outputs=True)


def test_disk_full_keeps_what_was_saved(tmp_path, study_of, finished, monkeypatch):
    from etude.store import sqlite

    path = tmp_path / "etude.db"
    record = study_of(count=100)
    with Store.open(path) as store:
        store.begin(record)
        store.save([finished(member) for member in record.members[:10]])

    connect = sqlite._connect

    def full(*arguments):
        connection = connect(*arguments)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "_connect", full)
        with (
            Store.open(path) as store,
            pytest.raises(StoreError, match="full; what was saved before is kept"),
        ):
            store.save([finished(member) for member in record.members[10:]])
    with Store.open(path) as store:
        assert store.studies()[0].finished == 10
        assert store.save([finished(member) for member in record.members]) == ()
        assert store.studies()[0].finished == 100


@pytest.mark.parametrize("forever", [False, True])
def test_kth_statement_fails_for_every_k(tmp_path, study_of, finished, forever):
    record = study_of(count=6)
    results = [finished(member) for member in record.members[:4]]
    blobs = {member.identity: (1, b"weights") for member in record.members}

    def whole(store):
        """What each transaction leaves: nothing or all of it."""
        summaries = store.studies()
        if not summaries:
            return 0
        assert summaries[0].members == 6
        kept = [store.latest_checkpoint(member.identity) for member in record.members]
        if summaries[0].finished == 0:
            assert kept == [None] * 6
            return 1
        assert summaries[0].finished == 4
        assert kept == [None] * 4 + [(1, b"weights")] * 2
        return 2

    k, stages = 0, []
    while True:
        k += 1
        path = tmp_path / f"{k}.db"
        database = Database.open(path, readonly=False, wait=1)
        store, left = Store(database), [k]

        def fail(connection, cursor, statement, parameters, context, many, left=left):
            left[0] -= 1
            if left[0] == 0 or (forever and left[0] < 0):
                raise OperationalError(statement, None, sqlite3.OperationalError("disk I/O error"))

        event.listen(database._engine, "before_cursor_execute", fail)
        try:
            store.begin(record)
            store.save(results, blobs)
        except StoreError:
            assert left[0] <= 0
        else:
            break
        finally:
            event.remove(database._engine, "before_cursor_execute", fail)
        stages.append(whole(store))
        # Going on after the failure ends where an undisturbed run ends.
        store.begin(record)
        assert store.save(results, blobs) == ()
        assert whole(store) == 2
    assert stages == sorted(stages)
    assert set(stages) == {0, 1}
    assert len(stages) >= 10


def test_fork_carries_no_connection(tmp_path):
    script = """
        import os, sys, warnings
        warnings.simplefilter("ignore")
        from etude.store import Store, StoreError
        file, memory = Store.open(sys.argv[1]), Store.open()
        # As if another thread were writing at the fork.
        file._database._lock.acquire()
        child = os.fork()
        if child == 0:
            assert file.studies() == []
            try:
                memory.studies()
            except StoreError as error:
                assert "forked" in str(error)
                os._exit(7)
            os._exit(1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    path = str(tmp_path / "etude.db")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), path], timeout=60)
    assert done.returncode == 7


@pytest.mark.parametrize("done", [False, True])
def test_commit_that_fails_is_told_and_can_be_said_again(
    tmp_path, study_of, finished, monkeypatch, done
):
    record = study_of(count=4)
    results = [finished(member) for member in record.members]
    with Store.open(tmp_path / "etude.db") as store:
        store.begin(record)
        connect = sqlite._connect

        class Failing(sqlite3.Connection):
            def commit(self):
                if done:
                    super().commit()
                raise sqlite3.OperationalError("disk I/O error")

        def failing(path, readonly, wait):
            connect(path, readonly, wait).close()
            connection = sqlite3.connect(path, isolation_level=None, factory=Failing)
            connection.execute("PRAGMA foreign_keys = ON")
            return connection

        with monkeypatch.context() as patch:
            patch.setattr(sqlite, "_connect", failing)
            with pytest.raises(StoreError, match="run again to go on"):
                store.save(results)
        # Whether it was done cannot be known; to save again is right in both cases.
        assert store.studies()[0].finished == (4 if done else 0)
        assert store.save(results) == ()
        assert (store.studies()[0].finished, store.studies()[0].faults) == (4, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE study SET name = x'ff'", "a study is damaged"),
        ("UPDATE study SET name = CAST(x'ff' AS TEXT)", "damaged"),
        ("UPDATE study SET identity = x'ff'", "damaged"),
        ("DROP TABLE seal", "damaged"),
        ("DELETE FROM seal WHERE what = 'study'", "damaged"),
        ("ALTER TABLE member RENAME COLUMN curves TO shapes", "damaged"),
        ("UPDATE schema_version SET version = 'x'", "belongs to something else"),
        ("UPDATE schema_version SET version = 0", "belongs to something else"),
    ],
)
def test_tables_that_are_not_as_they_were_made_are_told(tmp_path, study_of, change, message):
    path = tmp_path / "etude.db"
    with Store.open(path) as store:
        store.begin(study_of())
    connection = sqlite3.connect(path)
    connection.execute(change)
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match=message), Store.open(path) as store:
        store.load("sweep")
