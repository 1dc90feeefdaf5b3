"""A database that holds a store: opened by its address, checked, read and written."""

import json
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, ProgrammingError

from etude.errors import InputError
from etude.store import migration, postgresql, schema, sqlite
from etude.store.errors import StoreError

MEMORY = ":memory:"
DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")


class Database:
    """Transactions on a store, with errors told in its terms.

    Attributes:
        shown: the address as it may be printed, without password.
        path: of its file; None in memory and on a server.
        backup: the copy of the file as it was before its tables were brought up to date; None
            where they were.
    """

    def __init__(
        self, engine: Engine, shown: str, readonly: bool, wait: float, secrets: tuple[str, ...]
    ) -> None:
        self.shown = shown
        self.path: Path | None = None
        self.backup: Path | None = None
        self._engine = engine
        self._readonly = readonly
        self._wait = wait
        self._secrets = secrets
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._close = weakref.finalize(self, engine.dispose)

    @classmethod
    def open(cls, address: str | Path | None, readonly: bool, wait: float) -> Self:
        """Open a database, and make the tables where it is empty.

        Raises:
            InputError: it cannot be used; the message says why, and it was not changed.
        """
        url = _parsed(address)
        secrets: tuple[str, ...] = ()
        path = None
        if url is None or url.get_backend_name() == "sqlite":
            path = None if url is None else Path(str(url.database)).expanduser().absolute()
            if path is None and readonly:
                raise InputError("a store in memory has nothing to read; name a file")
            shown = MEMORY if path is None else str(path)
            engine = sqlite.engine(path, readonly, wait)
        else:
            shown, secrets = _without_secrets(url)
            engine = postgresql.engine(url, wait)
        database = cls(engine, shown, readonly, wait, secrets)
        database.path = path
        database._prepare(path)
        return database

    def close(self) -> None:
        """Let go of the database. What is in memory is lost."""
        self._close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store."""
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that nobody else writes beside; all of it is kept, or nothing."""
        if self._readonly:
            raise StoreError(f"the store {self.shown} was opened for reading only")
        with self._transaction(writes=True) as connection:
            yield connection

    def _prepare(self, path: Path | None) -> None:
        """Make the tables of an empty database, or bring older ones up to date."""
        with self.reading() as connection:
            version = schema.stored_version(connection, self.shown)
        if version is None and self._readonly:
            raise InputError(f"there is no store at {self.shown}; run a study first")
        if version == schema.VERSION or self._readonly:
            return
        with self.writing() as connection:
            # Asked again, for another process may have been faster.
            version = schema.stored_version(connection, self.shown)
            if version is None:
                schema.create(connection)
                if connection.dialect.name == "sqlite":
                    sqlite.mark(connection)
            elif version < schema.VERSION:
                if path is not None:
                    self.backup = sqlite.back_up(path, version)
                migration.migrate(connection, version)

    @contextmanager
    def _transaction(self, writes: bool) -> Iterator[Connection]:
        if not self._close.alive:
            raise StoreError(f"the store {self.shown} was closed")
        self._follow_fork()
        engine = self._engine.execution_options(writes=writes)
        with self._lock:
            try:
                with engine.connect() as connection, connection.begin():
                    yield connection
            except ProgrammingError:
                raise
            except DatabaseError as error:
                raise self._told(error) from error
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise self._damaged(str(error)) from error

    def _follow_fork(self) -> None:
        if os.getpid() == self._process:
            return
        if self.shown == MEMORY:
            raise StoreError("a store in memory cannot be used by a forked process; name a file")
        # Another thread of the parent may have held the lock at the fork.
        self._lock = threading.Lock()
        self._process = os.getpid()

    def _told(self, error: DatabaseError) -> Exception:
        text = str(error.orig).strip()
        for secret in self._secrets:
            text = text.replace(secret, "***")
        name = getattr(error.orig, "sqlite_errorname", "")
        state = getattr(error.orig, "sqlstate", None)
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or state == "55P03":
            return StoreError(
                f"the store {self.shown} is being written by another process (waited "
                f"{self._wait:g} s); run again when that has ended"
            )
        damaged = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CONSTRAINT", "SQLITE_FORMAT")
        # Tables that are not as they were made, text that is none.
        unreadable = name == "SQLITE_ERROR" or text.startswith("Could not decode")
        if name.startswith(damaged) or unreadable or isinstance(error, IntegrityError):
            return self._damaged(text)
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
            return InputError(f"the store {self.shown} cannot be opened: {text}")
        if self._engine.dialect.name == "postgresql" and state is None:
            return InputError(f"the store {self.shown} cannot be reached: {text}")
        return StoreError(
            f"the store {self.shown} could not be read or written: {text}; what was saved before "
            "is kept: mend that and run again to go on"
        )

    def _damaged(self, text: str) -> InputError:
        return InputError(
            f"the store {self.shown} is damaged ({text}); put a backup in its place or name "
            "another store"
        )


def _parsed(address: str | Path | None) -> URL | None:
    """The address as a URL; None for a store in memory."""
    if address is None or address == MEMORY:
        return None
    if isinstance(address, Path) or "://" not in address:
        if not str(address).strip():
            raise InputError("the store must be a file or a database URL, got an empty text")
        return URL.create("sqlite", database=str(address))
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # The text itself is not repeated: it may hold a password.
        raise InputError(
            "the store must be a file, sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE; this URL cannot be read"
        ) from None
    if url.drivername not in DRIVERS:
        raise InputError(
            f"the store must be sqlite:///FILE or postgresql+psycopg://..., got {url.drivername}://"
        )
    if url.get_backend_name() == "sqlite":
        if url.query or url.host:
            raise InputError(
                "the store must be sqlite:///FILE (four slashes for an absolute path) without "
                "host and options"
            )
        if url.database in (None, "", MEMORY):
            return None
    return url


def _without_secrets(url: URL) -> tuple[str, tuple[str, ...]]:
    """The URL for messages, and what must not appear in them."""
    secrets = [str(url.password)] if url.password else []
    shown = url
    for key, value in url.query.items():
        if "pass" in key.lower():
            secrets += [value] if isinstance(value, str) else list(value)
            shown = shown.update_query_dict({key: "***"})
    return shown.render_as_string(hide_password=True), tuple(filter(None, secrets))
