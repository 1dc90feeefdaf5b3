"""The store of studies: what was trained, kept whole through crashes and shared by studies."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from etude.store.records import MemberRecord, StudyRecord, StudySummary

# SQLAlchemy takes 0.2 s to import, so everything that needs it is imported by the methods.
if TYPE_CHECKING:
    from etude.store.database import Database

NO_CHECKPOINTS: Mapping[str, tuple[int, bytes]] = MappingProxyType({})


class Store:
    """Studies and their members in a database.

    A member is addressed by its identity and may belong to several studies. What a method
    writes, it writes in one transaction: all of it is kept, or nothing. Every method may raise
    StoreError where the database cannot be reached now (disk full, written by another process),
    and InputError where it is damaged.

    >>> with Store.open(":memory:") as store:
    ...     store.studies()
    []
    """

    def __init__(self, database: "Database") -> None:
        self._database = database

    @classmethod
    def open(
        cls, address: str | Path | None = None, readonly: bool = False, wait: float = 30.0
    ) -> Self:
        """Open a store; a file that does not exist is made.

        A store of an older Étude is read as it is. Where it is opened for writing its tables are
        brought up to date in one transaction; an SQLite file is copied first (`backup`), a
        PostgreSQL database is not: make a dump of it with pg_dump before.

        Args:
            address: a file ("etude.db"), a URL ("sqlite:///etude.db",
                "postgresql+psycopg://user@host/database"), or None or ":memory:" for a store
                that lasts as long as the object.
            readonly: nothing is made or written.
            wait: seconds to wait for another process that is writing.

        Raises:
            InputError: there is no such place, it may not be written, it is on a network
                filesystem, holds something else, is damaged, or was written by a newer Étude;
                with `readonly`: there is nothing. What was there is left unchanged.
        """
        from etude.store.database import Database

        return cls(Database.open(address, readonly, wait))

    @property
    def address(self) -> str:
        """Where the store is, as it may be printed: without password."""
        return self._database.shown

    @property
    def free(self) -> int | None:
        """How many bytes the disk of its file has left; None where it is no file."""
        path = self._database.path
        return None if path is None else shutil.disk_usage(path.parent).free

    @property
    def backup(self) -> Path | None:
        """The copy that opening made of a file written by an older Étude; None where it did not.

        Opening for reading only changes nothing and makes none.
        """
        return self._database.backup

    def close(self) -> None:
        """Let go of the database. What was in memory is lost."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def begin(self, record: StudyRecord, outputs: bool = False, entered: int = 0) -> StudyRecord:
        """Enter a study, or take up one that was entered before.

        Args:
            record: the study; of its members, identity and place count.
            outputs: whether the outputs of finished members are read too.
            entered: so many of the first members are entered already; they stay as they are
                here and there.

        Returns:
            the record with the date of its first run, and with findings and every member as the
            store knows them. Those whose status is in `FINISHED` need not be trained again.
        """
        from etude.store import studies

        with self._database.writing() as connection:
            return studies.begin(connection, record, outputs, entered)

    def save(
        self,
        members: Sequence[MemberRecord],
        checkpoints: Mapping[str, tuple[int, bytes]] = NO_CHECKPOINTS,
    ) -> tuple[str, ...]:
        """Keep how members stand, and checkpoints of unfinished ones.

        A finished member is never overwritten: another result under the same identity is
        recorded as a fault. Failed and unfinished ones are. Values that are not finite are
        kept as None; curves and outputs are kept bit for bit.

        Args:
            members: of any study and status.
            checkpoints: identity -> epoch and blob, as for `checkpoint`; kept together with
                the members or not at all.

        Returns:
            the identities of members whose stored result is another.
        """
        from etude.store import members as rows

        with self._database.writing() as connection:
            faults = rows.save(connection, members)
            if checkpoints:
                rows.keep(connection, checkpoints)
            return faults

    def leave(self, members: Mapping[str, MemberRecord]) -> tuple[str, ...]:
        """Keep how members stood that a search trains no further, and drop checkpoints until there.

        Args:
            members: identity of a member -> its record, under an identity of its own.

        Returns:
            the identities whose stored result is another, as for `save`.
        """
        from etude.store import members as rows

        with self._database.writing() as connection:
            steps = {identity: record.steps for identity, record in members.items()}
            rows.forget_until(connection, steps)
            return rows.save(connection, list(members.values()))

    def ended(self, identities: Sequence[str]) -> dict[str, MemberRecord]:
        """Those of some members that have ended, by identity, without places and outputs."""
        from etude.store import members as rows

        with self._database.reading() as connection:
            return rows.ended(connection, identities)

    def finish(self, record: StudyRecord) -> None:
        """Keep what a run of the study found: programs, seconds, trained, reused, findings."""
        from etude.store import studies

        with self._database.writing() as connection:
            studies.finish(connection, record)

    def note(self, identity: str, findings: Mapping[str, Any]) -> None:
        """Keep what was found about a study that was begun.

        Args:
            identity: of the study.
            findings: plain JSON values by name. One of the same name is replaced, others stay.
        """
        from etude.store import studies

        with self._database.writing() as connection:
            studies.note(connection, identity, findings)

    def checkpoint(self, identity: str, epoch: int, blob: bytes) -> None:
        """Keep what is needed to go on with a member after an epoch.

        The one before it is kept too. Both are removed when the member is finished.
        """
        self.save((), {identity: (epoch, blob)})

    def checkpointed(self) -> frozenset[str]:
        """The identities of all members that have a checkpoint."""
        from etude.store import members as rows

        with self._database.reading() as connection:
            return rows.checkpointed(connection)

    def latest_checkpoint(self, identity: str) -> tuple[int, bytes] | None:
        """The newest checkpoint of a member whose hash is right: epoch and blob."""
        from etude.store import members as rows

        with self._database.reading() as connection:
            return rows.latest_checkpoint(connection, identity)

    def load(self, key: str, outputs: bool = False) -> StudyRecord:
        """A study by its name (the newest of equal names) or the beginning of its identity.

        Args:
            key: the name, or at least 4 digits of the identity.
            outputs: whether the members' outputs are read too.

        Raises:
            InputError: there is none, or the digits begin several identities.
        """
        from etude.store import studies

        with self._database.reading() as connection:
            return studies.load(connection, key, self.address, outputs)

    def studies(self) -> list[StudySummary]:
        """One line for each study, newest first."""
        from etude.store import studies

        with self._database.reading() as connection:
            return studies.summaries(connection)

    def outputs(self, identities: Sequence[str]) -> dict[str, np.ndarray | None]:
        """Of each of these members `[test rows, outputs]`; None where they were not kept."""
        from etude.store import members as rows

        with self._database.reading() as connection:
            return rows.outputs(connection, identities)
