"""The same store in PostgreSQL: a server of our own, where its programs are installed."""

import getpass
import os
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from etude.errors import InputError
from etude.store import Store, StoreError


def _program(name):
    found = [shutil.which(name), *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
    return next((str(path) for path in found if path), None)


@pytest.fixture(scope="module")
def server():
    pytest.importorskip("psycopg", reason="needs psycopg")
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("needs the programs of a PostgreSQL server")
    # The server refuses to run as root.
    user = "nobody" if os.geteuid() == 0 else getpass.getuser()
    options = {"user": user} if os.geteuid() == 0 else {}
    folder = tempfile.mkdtemp(prefix="etude-pg-", dir="/tmp")
    shutil.chown(folder, user)

    def call(*command):
        subprocess.run(
            command, check=True, timeout=60, cwd=folder, stdout=subprocess.DEVNULL, **options
        )

    call(initdb, "-D", f"{folder}/data", "-U", "etude", "-A", "trust", "-N", "-E", "UTF8")
    settings = f"-c listen_addresses='' -k {folder} -c fsync=off"
    call(pg_ctl, "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", settings, "start")
    try:
        yield folder
    finally:
        call(pg_ctl, "-D", f"{folder}/data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def url(server, request):
    import psycopg

    name = f"t{abs(hash(request.node.name))}"
    with psycopg.connect(f"host={server} user=etude dbname=postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    return f"postgresql+psycopg://etude:hush@/{name}?host={server}"


def test_round_trip_reuse_and_faults(url, study_of, finished, same):
    with pytest.raises(InputError, match="run a study first"):
        Store.open(url, readonly=True)
    record = study_of()
    results = [finished(member) for member in record.members]
    with Store.open(url) as store:
        assert "hush" not in store.address
        store.begin(record)
        assert store.save(results) == ()
        assert store.save([finished(record.members[0], salt=1)]) == (record.members[0].identity,)
        store.finish(replace(record, seconds={"run": 0.5}))
    with Store.open(url, readonly=True) as store:
        loaded = store.load("sweep", outputs=True)
        assert loaded.seconds == {"run": 0.5}
        assert all(same(one, other) for one, other in zip(loaded.members, results, strict=True))
        [summary] = store.studies()
        assert (summary.members, summary.finished, summary.faults) == (4, 4, 1)
        with pytest.raises(InputError, match="did you mean 'sweep'"):
            store.load("sweeps")
        with pytest.raises(StoreError, match="reading only"):
            store.begin(record)
    with Store.open(url) as store:
        begun = store.begin(study_of(count=6), outputs=True)
        assert same(begun.members[3], results[3])
        assert [member.status for member in begun.members[4:]] == ["pending"] * 2


def test_checkpoints(url, study_of, finished):
    record = study_of()
    with Store.open(url) as store:
        store.begin(record)
        identity = record.members[0].identity
        for epoch in (5, 10, 15):
            store.checkpoint(identity, epoch, bytes([epoch]) * 1000)
        assert store.latest_checkpoint(identity) == (15, bytes([15]) * 1000)
        store.save([finished(record.members[0])])
        assert store.latest_checkpoint(identity) is None


def test_one_writer_at_a_time(url, study_of):
    with Store.open(url) as one, Store.open(url, wait=0.3) as other:
        with one._database.writing():
            start = time.monotonic()
            with pytest.raises(StoreError, match="written by another process"):
                other.begin(study_of())
            assert time.monotonic() - start >= 0.3
            assert other.studies() == []
        other.begin(study_of())


def test_writers_at_once(url, study_of, finished):
    record = study_of(count=60)
    errors = []

    def write(first):
        try:
            with Store.open(url) as store:
                store.begin(record)
                for member in record.members[first : first + 30]:
                    assert store.save([finished(member)]) == ()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 15, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with Store.open(url, readonly=True) as store:
        assert store.studies()[0].finished == 60


@pytest.mark.parametrize("table", ["schema_version (installed_rank INT)", "study (title TEXT)"])
def test_tables_of_something_else_are_refused(url, table):
    import psycopg

    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute(f"CREATE TABLE {table}")
    with pytest.raises(InputError, match="made by Étude") as caught:
        Store.open(url)
    assert "hush" not in str(caught.value)


def test_newer_store_is_refused(url):
    import psycopg

    Store.open(url).close()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE schema_version SET version = version + 1")
    with pytest.raises(InputError, match="update Étude"):
        Store.open(url)


def test_unknown_database_is_told_without_password(url):
    import traceback

    with pytest.raises(InputError, match=r"cannot be reached.*does not exist") as caught:
        Store.open(url.replace("@/t", "@/none"))
    assert "hush" not in "".join(traceback.format_exception(caught.value))


def test_old_store_is_brought_up_to_date(url, study_of, finished, same):
    import psycopg

    record = study_of()
    results = [finished(member) for member in record.members]
    with Store.open(url) as store:
        store.begin(record)
        store.save(results)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("DROP TABLE seal")
        connection.execute("ALTER TABLE study DROP COLUMN findings")
        connection.execute("UPDATE schema_version SET version = 1")
    with Store.open(url, readonly=True) as store:
        assert store.load("sweep").findings == {}
        assert same(store.load("sweep", outputs=True).members[0], results[0])
    with Store.open(url) as store:
        assert store.backup is None
        assert same(store.load("sweep", outputs=True).members[0], results[0])
        store.note(record.identity, {"canary": 0})
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("UPDATE member SET epochs = 7")
    with (
        Store.open(url, readonly=True) as store,
        pytest.raises(InputError, match="damaged"),
    ):
        store.load("sweep")
