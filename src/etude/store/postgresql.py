"""Everything that is said to PostgreSQL only: connecting, and one writer at a time."""

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from etude.errors import InputError
from etude.store.encoding import dump

LOCK = 0x4574756465
"""The advisory lock that a writer holds during its transaction: "Etude"."""


def engine(url: URL, wait: float) -> Engine:
    """An engine that connects anew for every transaction.

    Args:
        url: names the psycopg driver, which must be installed.
        wait: seconds to wait for another process that is writing.

    Raises:
        InputError: the driver is missing.
    """
    try:
        made = create_engine(
            url.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            hide_parameters=True,
            json_serializer=dump,
        )
    except ModuleNotFoundError as error:
        raise InputError(
            "a store in PostgreSQL needs the package psycopg: pip install 'psycopg[binary]'"
        ) from error

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", False):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(wait * 1000)}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        else:
            # Several queries of one reader see one state, as in SQLite.
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return made
