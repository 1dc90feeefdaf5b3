import sqlite3

import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from etude.errors import InputError
from etude.store import STATUSES, Store, schema


@pytest.mark.parametrize("dialect", [postgresql.dialect(), sqlite.dialect()])
@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_can_be_said_in_both_databases(table, dialect):
    assert table.name in str(CreateTable(table).compile(dialect=dialect))


def test_status_is_checked_by_the_database(tmp_path, study_of):
    path = tmp_path / "etude.db"
    with Store.open(path) as store:
        store.begin(study_of())
    connection = sqlite3.connect(path)
    for status in STATUSES:
        connection.execute("UPDATE member SET status = ?", (status,))
    with pytest.raises(sqlite3.IntegrityError, match="status_known"):
        connection.execute("UPDATE member SET status = 'lost'")
    connection.close()


def test_newer_store_is_refused_and_left_unchanged(tmp_path):
    path = tmp_path / "etude.db"
    Store.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE schema_version SET version = version + 1")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    for readonly in (False, True):
        with pytest.raises(InputError, match=rf"has version {schema.VERSION + 1}, .* update Étude"):
            Store.open(path, readonly=readonly)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE schema_version (installed_rank INT)"],
        ["CREATE TABLE study (title TEXT)"],
        [
            "CREATE TABLE schema_version (application TEXT, version INT)",
            "INSERT INTO schema_version VALUES ('another', 1)",
        ],
    ],
)
def test_tables_of_something_else_are_refused(tmp_path, statements):
    from etude.store.sqlite import APPLICATION_ID

    path = tmp_path / "etude.db"
    connection = sqlite3.connect(path)
    for statement in [*statements, f"PRAGMA application_id = {APPLICATION_ID}"]:
        connection.execute(statement)
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"made by Étude.* something else"):
        Store.open(path)
    assert path.read_bytes() == before
