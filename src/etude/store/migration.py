"""The way of a store from each version of its tables to the next.

Steps are said in SQL and never changed: the tables of `schema` are those of today. All steps
that a store needs are one transaction, so it stays as it was where one of them fails. Before,
an SQLite file is copied (`sqlite.back_up`). A PostgreSQL database is not, for only its owner
can: make a dump with pg_dump before a newer Étude writes to it for the first time.
"""

from collections.abc import Callable

from sqlalchemy import Boolean, Connection, text

from etude.store import schema, seals
from etude.store.records import FINISHED, MemberRecord

AT_ONCE = 1000
"""How many members are sealed at a time."""


def migrate(connection: Connection, version: int) -> None:
    """Bring the tables from a version up to date, in the connection's transaction."""
    for number in range(version, schema.VERSION):
        STEPS[number](connection)
    connection.execute(
        text("UPDATE schema_version SET version = :version WHERE application = :application"),
        {"version": schema.VERSION, "application": schema.APPLICATION},
    )


def _findings_and_seals(connection: Connection) -> None:
    rowid = " WITHOUT ROWID" if connection.dialect.name == "sqlite" else ""
    for statement in (
        "ALTER TABLE study ADD COLUMN findings JSON DEFAULT '{}' NOT NULL",
        "CREATE TABLE seal (identity VARCHAR(64) NOT NULL, what VARCHAR(8) NOT NULL, "
        f"value VARCHAR(64) NOT NULL, PRIMARY KEY (identity, what)){rowid}",
    ):
        connection.exec_driver_sql(statement)
    keep = text("INSERT INTO seal (identity, what, value) VALUES (:identity, :what, :value)")
    last = 0
    while members := connection.execute(_MEMBERS, {"last": last, "count": AT_ONCE}).all():
        last = members[-1].number
        sealed = [
            {
                "identity": row.identity,
                "what": "member",
                "value": seals.member_seal(row._mapping),
            }
            for row in members
            if row.status in FINISHED
        ]
        if sealed:
            connection.execute(keep, sealed)
    for study in connection.execute(_STUDIES).all():
        places = connection.execute(_PLACES, {"study": study.number})
        values = {
            "study": seals.study_seal(study._mapping, (MemberRecord(*place) for place in places)),
            "run": seals.run_seal(study._mapping),
        }
        for what, value in values.items():
            connection.execute(keep, {"identity": study.identity, "what": what, "value": value})


_MEMBERS = text(
    "SELECT number, identity, status, reason, epochs, steps, best_epoch, diverged_step, seconds, "
    'digest, CAST("values" AS TEXT) AS "values", CAST(curves_shape AS TEXT) AS curves_shape, '
    "curves, CAST(outputs_shape AS TEXT) AS outputs_shape FROM member WHERE number > :last "
    "ORDER BY number LIMIT :count"
)
_STUDIES = text(
    "SELECT number, identity, name, created, CAST(document AS TEXT) AS document, text, "
    "CAST(choices AS TEXT) AS choices, CAST(splits AS TEXT) AS splits, metric, "
    "greater_is_better, CAST(metrics AS TEXT) AS metrics, CAST(bounds AS TEXT) AS bounds, judged, "
    "CAST(profile AS TEXT) AS profile, CAST(findings AS TEXT) AS findings, "
    "CAST(programs AS TEXT) AS programs, CAST(seconds AS TEXT) AS seconds, trained, reused "
    "FROM study"
).columns(greater_is_better=Boolean)
_PLACES = text(
    "SELECT member, choice, split, seed FROM study_member WHERE study = :study ORDER BY place"
)


def _left(connection: Connection) -> None:
    """Members may have the status "left"."""
    before = "'pending', 'running', 'done', 'stopped', 'diverged', 'failed'"
    rule = f"status IN ({before}, 'left')"
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("ALTER TABLE member DROP CONSTRAINT status_known")
        connection.exec_driver_sql(f"ALTER TABLE member ADD CONSTRAINT status_known CHECK ({rule})")
        return
    # SQLite has no statement that changes a constraint. Where the file stays as it is, only the
    # text of the table is changed (sqlite.org/lang_altertable.html, section 7).
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) "
        "WHERE type = 'table' AND name = 'member'",
        (before, f"{before}, 'left'"),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")


STEPS: dict[int, Callable[[Connection], None]] = {1: _findings_and_seals, 2: _left}
"""Version -> what leads from it to the next."""
