"""Everything that is said to SQLite only: opening a file safely, and locking it."""

import filecmp
import os
import re
import sqlite3
import struct
from collections import Counter
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, StaticPool

from etude.errors import InputError
from etude.files import sync_folder
from etude.store.encoding import dump
from etude.store.errors import StoreError

APPLICATION_ID = 0x45747564
"""What marks a file as ours: "Etud" at byte 68 of its header."""

NETWORK_FILESYSTEM = re.compile(
    r"(fuse\.)?(nfs4?|cifs|smb\w+|afs|ceph|lustre|gpfs|beegfs|glusterfs|sshfs|davfs2?|rclone|s3fs)"
)


_in_use: Counter[tuple[int, int]] = Counter()
"""How many engines of this process are on a file: its device and its number there."""


def engine(path: Path | None, readonly: bool, wait: float) -> Engine:
    """An engine on a file, or in memory where `path` is None.

    A file is opened anew for every transaction, so no connection is carried across a fork.

    Args:
        path: of the file.
        readonly: the file must exist, and nothing is written to it.
        wait: seconds to wait for another process that is writing.

    Raises:
        InputError: the file cannot be used; nothing was changed.
    """
    if path is not None:
        _check_place(path)
        exists = _check_header(path)
        if readonly and not exists:
            raise InputError(f"there is no store at {path}; run a study first")
        if not readonly:
            _check_writable(path)

    def connect() -> sqlite3.Connection:
        return _connect(path, readonly, wait)

    pool = StaticPool if path is None else NullPool
    made = create_engine(
        "sqlite://", creator=connect, poolclass=pool, hide_parameters=True, json_serializer=dump
    )

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        # The driver would begin only before the first write: too late for what was read.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    if path is not None:
        file = _file(path)
        _in_use[file] += 1

        @event.listens_for(made, "engine_disposed")
        def disposed(_: Engine) -> None:
            _in_use[file] -= 1

    return made


def mark(connection: Connection) -> None:
    """Mark the file as ours, in the connection's transaction."""
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def back_up(path: Path, version: int) -> Path:
    """Copy a store beside itself, whole or not at all, and say where the copy is.

    Called by whoever holds the lock for writing and has not written yet.

    Raises:
        StoreError: it cannot be copied.
    """
    place = path.with_name(f"{path.name}.v{version}.backup")
    part = place.with_name(f"{place.name}.part")
    try:
        _copy(path, part)
        number = 1
        while place.exists():
            # Of one that was made before a migration failed, one is enough.
            if filecmp.cmp(part, place, shallow=False):
                part.unlink()
                return place
            number += 1
            place = path.with_name(f"{path.name}.v{version}.backup.{number}")
        part.rename(place)
        sync_folder(place.parent)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise StoreError(
            f"the store {path} was written by an older Étude and could not be copied to {place} "
            f"before it is brought up to date: {error}; nothing was changed: mend that and run "
            "again"
        ) from error
    return place


def _copy(path: Path, part: Path) -> None:
    part.unlink(missing_ok=True)
    with (
        closing(_connect(path, readonly=True, wait=0)) as source,
        closing(sqlite3.connect(part)) as copy,
    ):
        source.backup(copy)
    with part.open("rb") as file:
        os.fsync(file.fileno())


def filesystem(folder: Path, mounts: str) -> str:
    """The type of the filesystem that holds a folder, "" where it is not listed.

    Args:
        folder: an absolute path without links.
        mounts: the text of /proc/mounts.
    """
    longest, found = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        place = fields[1]
        for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            place = place.replace(code, character)
        # Of two mounts on one folder the later hides the earlier.
        if folder.is_relative_to(place) and len(Path(place).parts) >= longest:
            longest, found = len(Path(place).parts), fields[2]
    return found


def _connect(path: Path | None, readonly: bool, wait: float) -> sqlite3.Connection:
    # Read-only is asked of the connection, not of the file: after a crash the first reader
    # must be able to roll back what the writer left half done.
    address = ":memory:" if path is None else f"{path.as_uri()}?mode=rw"
    connection = sqlite3.connect(
        address, timeout=wait, isolation_level=None, check_same_thread=False, uri=path is not None
    )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        if readonly:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = DELETE")
            # FULL leaves the end of a transaction to a folder that is not synced: after a power cut
            # the journal can be back, and undo what was reported as kept.
            connection.execute("PRAGMA synchronous = EXTRA")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check_place(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"the folder of the store must exist, there is no {folder}")
    if path.is_dir():
        raise InputError(f"the store must be a file, {path} is a folder")
    mounts = Path("/proc/mounts")
    if mounts.exists():
        kind = filesystem(folder.resolve(), mounts.read_text(errors="surrogateescape"))
        if NETWORK_FILESYSTEM.fullmatch(kind):
            raise InputError(
                f"the store must be on a local disk, {path} is on a network filesystem ({kind}), "
                "whose locks do not hold; name a local file, or a PostgreSQL database: "
                "postgresql+psycopg://user@host/database"
            )


def _check_header(path: Path) -> bool:
    """Whether the file exists and holds something. SQLite itself is not asked before we know
    that the file is ours: it might roll back another program's transaction."""
    if path.exists() and _in_use[_file(path)]:
        # Known to be ours. To open and close it here would drop the locks that SQLite holds for
        # the other users of this process (sqlite.org/howtocorrupt.html, section 2.2).
        return True
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(f"the store {path} cannot be read: {error.strerror}") from error
    if not header:
        return False
    if not any(header) and path.with_name(f"{path.name}-journal").exists():
        # The machine stopped while a database was made, which SQLite will now make empty again.
        return True
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise InputError(f"the store {path} must be an SQLite file, it is something else")
    if struct.unpack(">I", header[68:72])[0] != APPLICATION_ID:
        raise InputError(
            f"the store {path} must be made by Étude; it is another program's database and was "
            "left unchanged"
        )
    return True


def _file(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _check_writable(path: Path) -> None:
    # The folder too: the journal is written beside the file.
    for place in (path.parent, path):
        if place.exists() and not os.access(place, os.W_OK):
            raise InputError(f"the store {path} cannot be written: no permission for {place}")
    try:
        path.touch()
    except OSError as error:
        raise InputError(f"the store {path} cannot be written: {error.strerror}") from error
