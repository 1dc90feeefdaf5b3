"""The tables of a store, the same for every database."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    cast,
    insert,
    inspect,
    select,
    text,
)

from etude.errors import InputError
from etude.store.records import STATUSES

VERSION = 3
"""Raised when the tables change; a step of `migration` then leads from the version before."""

APPLICATION = "etude"

metadata = MetaData()

schema_version = Table(
    "schema_version",
    metadata,
    Column("application", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
)

study = Table(
    "study",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("identity", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False, index=True),
    Column("created", String(40), nullable=False),
    Column("document", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("choices", JSON, nullable=False),
    Column("splits", JSON, nullable=False),
    Column("metric", Text, nullable=False),
    Column("greater_is_better", Boolean, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("bounds", JSON, nullable=False),
    Column("judged", String(16), nullable=False),
    Column("profile", JSON, nullable=False),
    Column("programs", JSON, nullable=False),
    Column("seconds", JSON, nullable=False),
    Column("trained", Integer, nullable=False),
    Column("reused", Integer, nullable=False),
    Column("findings", JSON, nullable=False, server_default=text("'{}'")),
)

# Outputs, much the largest column, come last: SQLite then reads a row without touching the
# pages that they fill.
member = Table(
    "member",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("identity", String(64), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("reason", Text),
    Column("epochs", Integer, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("best_epoch", Integer, nullable=False),
    Column("diverged_step", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False),
    Column("digest", String(64)),
    Column("values", JSON, nullable=False),
    Column("curves_shape", JSON, nullable=False),
    Column("curves", LargeBinary, nullable=False),
    Column("outputs_shape", JSON(none_as_null=True)),
    Column("outputs", LargeBinary),
    CheckConstraint(f"status IN ({', '.join(map(repr, STATUSES))})", name="status_known"),
)

study_member = Table(
    "study_member",
    metadata,
    Column("study", ForeignKey(study.c.number), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("choice", Integer, nullable=False),
    Column("split", Integer, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("member", ForeignKey(member.c.identity), nullable=False, index=True),
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("member", ForeignKey(member.c.identity), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("blob", LargeBinary, nullable=False),
)

fault = Table(
    "fault",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("member", ForeignKey(member.c.identity), nullable=False, index=True),
    Column("found", String(40), nullable=False),
    Column("stored_digest", String(64), nullable=False),
    Column("new_digest", String(64), nullable=False),
)

# Of studies and finished members. A table of its own: behind the outputs, where a column would
# come in a store of version 1, SQLite reads it at the price of reading them.
seal = Table(
    "seal",
    metadata,
    Column("identity", String(64), primary_key=True),
    Column("what", String(8), primary_key=True),
    Column("value", String(64), nullable=False),
    sqlite_with_rowid=False,
)


def as_stored(column: Column[Any]) -> ColumnElement[Any]:
    """The column as it is selected to be read or sealed: JSON as its text."""
    if isinstance(column.type, JSON):
        return cast(column, Text).label(column.name)
    return column


def version_of(connection: Connection) -> int:
    """The version of a store's tables, which another process may have raised meanwhile."""
    query = select(schema_version.c.version).where(schema_version.c.application == APPLICATION)
    return connection.execute(query).scalar_one()


def stored_version(connection: Connection, shown: str) -> int | None:
    """The version of the tables; None where there are none yet.

    Args:
        connection: in a transaction.
        shown: the store's address for messages.

    Raises:
        InputError: the tables are newer than this code, or belong to something else.
    """
    found = inspect(connection)
    names = set(found.get_table_names())
    if schema_version.name not in names:
        ours = sorted(names & set(metadata.tables))
        if ours:
            raise InputError(
                f"the store {shown} must be empty or made by Étude; "
                f"it holds a table {ours[0]!r} of something else"
            )
        return None
    columns = {column["name"] for column in found.get_columns(schema_version.name)}
    version: Any = None
    if columns == set(schema_version.c.keys()):
        query = select(schema_version.c.version).where(schema_version.c.application == APPLICATION)
        version = connection.execute(query).scalar()
    if not isinstance(version, int) or version < 1:
        raise InputError(f"the store {shown} must be made by Étude; it belongs to something else")
    if version > VERSION:
        raise InputError(
            f"the store {shown} has version {version}, written by a newer Étude; this one reads "
            f"up to version {VERSION}: update Étude or name another store"
        )
    return version


def create(connection: Connection) -> None:
    """Make the tables, in the connection's transaction."""
    metadata.create_all(connection)
    connection.execute(insert(schema_version), {"application": APPLICATION, "version": VERSION})
