import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from etude.store import Store

WRITER = str(Path(__file__).with_name("writer.py"))
BATCH = 7


def start(path, first, count):
    return subprocess.Popen(
        [sys.executable, WRITER, str(path), str(first), str(count), str(BATCH)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def integrity(path):
    connection = sqlite3.connect(path)
    try:
        foreign_keys = connection.execute("PRAGMA foreign_key_check").fetchall()
        return connection.execute("PRAGMA integrity_check").fetchone()[0], foreign_keys
    finally:
        connection.close()


def contents(path):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(
            'SELECT identity, status, "values", curves, outputs, digest FROM member '
            "ORDER BY identity"
        ).fetchall()
    finally:
        connection.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_writer_leaves_whole_transactions(tmp_path):
    count = 80 * BATCH
    calm, path = tmp_path / "calm.db", tmp_path / "killed.db"
    chance = random.Random(0)
    saved = killed = 0
    for _ in range(4):
        process = start(path, 0, count)
        said = [process.stdout.readline() for _ in range(chance.randint(1, 12))]
        time.sleep(chance.uniform(0, 0.004))
        process.kill()
        rest, errors = process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGKILL), errors
        killed += process.returncode != 0
        saved += len("".join([*said, rest]).split())
        with Store.open(path, readonly=True) as store:
            finished = store.studies()[0].finished
        assert integrity(path) == ("ok", [])
        assert finished % BATCH == 0
        # What was said to be saved is; one batch more may be, killed before it said so.
        assert saved <= finished // BATCH <= saved + 1
        saved = finished // BATCH
    assert killed > 0
    assert saved > 0
    for store in (calm, path):
        process = start(store, 0, count)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert contents(path) == contents(calm)
    assert len(contents(path)) == count


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("readonly", [True, False])
def test_half_written_transaction_is_rolled_back_by_the_next_process(tmp_path, readonly):
    script = """
        import os, signal, sys
        sys.path.insert(0, sys.argv[2])
        import writer
        from etude.store import Store, members
        path = sys.argv[1]
        writer.main(path, 0, 14, 7)
        store = Store.open(path)
        with store._database.writing() as connection:
            # So small a cache that changed pages go to the file before the commit.
            connection.exec_driver_sql("PRAGMA cache_size = 5")
            connection.exec_driver_sql("UPDATE member SET status = 'failed', outputs = NULL")
            members.save(connection, [writer.trained(m) for m in writer.study(50, 100).members])
            os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "etude.db"
    folder = str(Path(WRITER).parent)
    command = [sys.executable, "-c", textwrap.dedent(script), str(path), folder]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert os.path.getsize(f"{path}-journal") > 0
    with Store.open(path, readonly=readonly) as store:
        [summary] = store.studies()
        assert (summary.members, summary.finished) == (14, 14)
        store.load("from 0", outputs=True)
    assert integrity(path) == ("ok", [])
    assert len(contents(path)) == 14


def test_two_processes_write_one_store(tmp_path):
    path = tmp_path / "etude.db"
    # They share half of their members.
    processes = [start(path, first, 20 * BATCH) for first in (0, 10 * BATCH)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    with Store.open(path, readonly=True) as store:
        assert [(item.finished, item.faults) for item in store.studies()] == [(140, 0)] * 2
    assert len(contents(path)) == 30 * BATCH
    assert integrity(path) == ("ok", [])
