import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from etude.errors import InputError
from etude.store import Store, StoreError, sqlite
from etude.store.database import Database

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
tmpfs /home/local tmpfs rw 0 0
//nas/x /mnt/my\\040share cifs rw 0 0
me@host:/ /mnt/remote fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/work", "ext4"),
        ("/home/me", "nfs4"),
        ("/homely", "ext4"),
        ("/home/local/me", "tmpfs"),
        ("/mnt/my share", "cifs"),
        ("/mnt/remote/x", "fuse.sshfs"),
    ],
)
def test_filesystem_of_a_folder(folder, kind):
    assert sqlite.filesystem(Path(folder), MOUNTS) == kind
    refused = sqlite.NETWORK_FILESYSTEM.fullmatch(kind) is not None
    assert refused == (kind not in ("ext4", "tmpfs"))


def test_network_filesystem_is_refused_with_a_hint(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "filesystem", lambda folder, mounts: "nfs4")
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(Path, "read_text", lambda self, **options: MOUNTS)
    with pytest.raises(InputError, match=r"network filesystem \(nfs4\).*postgresql\+psycopg://"):
        Store.open(tmp_path / "etude.db")
    assert os.listdir(tmp_path) == []


def test_settings_of_a_connection(tmp_path):
    database = Database.open(tmp_path / "etude.db", readonly=False, wait=1.5)
    settings = {
        "journal_mode": "delete",
        "synchronous": 3,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "busy_timeout": 1500,
        "application_id": sqlite.APPLICATION_ID,
    }
    with database.reading() as connection:
        for name, value in settings.items():
            assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value, name


def test_no_connection_outlives_a_transaction(tmp_path):
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    path = tmp_path / "etude.db"
    with Store.open(path) as store:
        store.studies()
        links = [os.readlink(f"/proc/self/fd/{fd}") for fd in _open_files()]
    assert str(path) not in links


def _open_files():
    return [fd for fd in os.listdir("/proc/self/fd") if os.path.lexists(f"/proc/self/fd/{fd}")]


def test_opening_a_store_twice_drops_no_lock(tmp_path):
    path = tmp_path / "etude.db"
    write = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('BEGIN IMMEDIATE')"
    command = [sys.executable, "-c", write, str(path)]
    with Store.open(path) as one:
        with one._database.writing():
            # POSIX drops a process's locks on a file when it closes the file anywhere.
            Store.open(path, readonly=True).close()
            other = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert "database is locked" in other.stderr
        subprocess.run(command, check=True, timeout=60)


@pytest.mark.parametrize("readonly", [False, True])
def test_folder_must_exist(tmp_path, readonly):
    with pytest.raises(InputError, match=r"must exist, there is no .*missing"):
        Store.open(tmp_path / "missing" / "etude.db", readonly=readonly)
    assert os.listdir(tmp_path) == []


def test_folder_is_no_store(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        Store.open(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_folder_that_takes_no_files_is_named():
    with pytest.raises(InputError, match=r"/proc/etude\.db cannot be written"):
        Store.open("/proc/etude.db")


def test_folder_without_permission_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != tmp_path)
    with pytest.raises(InputError, match=f"no permission for {tmp_path}"):
        Store.open(tmp_path / "etude.db")
    assert os.listdir(tmp_path) == []


def test_readonly_makes_no_file(tmp_path):
    path = tmp_path / "etude.db"
    with pytest.raises(InputError, match=r"there is no store at .*run a study first"):
        Store.open(path, readonly=True)
    path.touch()
    with pytest.raises(InputError, match="run a study first"):
        Store.open(path, readonly=True)
    assert path.stat().st_size == 0


def test_readonly_writes_nothing(tmp_path, study_of):
    path = tmp_path / "etude.db"
    with Store.open(path) as store:
        store.begin(study_of())
    before = path.read_bytes()
    with Store.open(path, readonly=True) as store:
        assert store.studies()[0].members == 4
        with pytest.raises(StoreError, match="reading only"):
            store.begin(study_of(count=6))
        with (
            store._database.reading() as connection,
            pytest.raises(Exception, match="readonly database"),
        ):
            connection.exec_driver_sql("DELETE FROM study_member")
    assert path.read_bytes() == before


def test_empty_file_becomes_a_store(tmp_path):
    path = tmp_path / "etude.db"
    path.touch()
    with Store.open(path) as store:
        assert store.studies() == []


@pytest.mark.parametrize("name", ["a b?mode=memory#%41.db", "größe.db"])
def test_any_file_name(tmp_path, name, study_of):
    with Store.open(tmp_path / name) as store:
        store.begin(study_of())
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("readonly", [False, True])
def test_foreign_database_is_refused_and_left_unchanged(tmp_path, readonly):
    path = tmp_path / "photos.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photo (name TEXT)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match="must be made by Étude"):
        Store.open(path, readonly=readonly)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["photos.db"]


@pytest.mark.parametrize("content", [b"a,b\n1,2\n", b"x" * 5000])
def test_file_that_is_no_database_is_refused_and_left_unchanged(tmp_path, content):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match="must be an SQLite file"):
        Store.open(path)
    assert path.read_bytes() == content
