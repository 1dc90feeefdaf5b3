"""The rows of studies: written when a run begins and ends, found by name."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    case,
    delete,
    func,
    insert,
    select,
    update,
)

from etude.errors import InputError
from etude.store import encoding, members, schema, seals
from etude.store.records import ENDED, MemberRecord, StudyRecord, StudySummary
from etude.store.schema import fault, member, seal, study, study_member

SHORTEST_PREFIX = 4


def begin(
    connection: Connection, record: StudyRecord, outputs: bool, entered: int = 0
) -> StudyRecord:
    """Insert or update a study and its members; the record with what is already known."""
    known = connection.execute(
        select(study.c.number, study.c.created).where(study.c.identity == record.identity)
    ).one_or_none()
    if known is None:
        row = encoding.study_row(record) | encoding.run_row(record)
        query = insert(study).values(row).returning(study.c.number)
        number = connection.execute(query).scalar_one()
        created = record.created
    else:
        number, created = known
        row = encoding.study_row(record) | {"created": created}
        connection.execute(update(study).where(study.c.number == number).values(row))
        of_study, before = study_member.c.study == number, study_member.c.place < entered
        there = select(func.count()).select_from(study_member).where(of_study, before)
        if connection.execute(there).scalar_one() < entered:
            entered = 0  # another process has begun the study anew
        connection.execute(delete(study_member).where(of_study, study_member.c.place >= entered))
    members.ensure(connection, [item.identity for item in record.members[entered:]])
    places = [
        {
            "study": number,
            "place": place,
            "choice": int(item.choice),
            "split": int(item.split),
            "seed": int(item.seed),
            "member": item.identity,
        }
        for place, item in enumerate(record.members[entered:], entered)
    ]
    if places:
        connection.execute(insert(study_member), places)
    findings = _seal(connection, number, record.members)
    known_members = members.read(connection, number, outputs, entered)
    return replace(
        record,
        created=created,
        members=record.members[:entered] + known_members,
        findings=findings,
    )


def finish(connection: Connection, record: StudyRecord) -> None:
    """Write what a run found."""
    number = _number(connection, record.identity)
    row = encoding.run_row(record)
    connection.execute(update(study).where(study.c.number == number).values(row))
    _seal(connection, number, _places(connection, number))


def note(connection: Connection, identity: str, findings: Mapping[str, Any]) -> None:
    """Add findings to those of a study."""
    number = _number(connection, identity)
    known = select(study.c.findings).where(study.c.number == number)
    row = {"findings": connection.execute(known).scalar_one() | dict(findings)}
    connection.execute(update(study).where(study.c.number == number).values(row))
    _seal(connection, number, _places(connection, number))


def load(connection: Connection, key: str, shown: str, outputs: bool) -> StudyRecord:
    """The study with this name or beginning of its identity."""
    row, value = _row(connection, _find(connection, key, shown))
    known = members.read(connection, row["number"], outputs)
    return encoding.study_record({key: row[key] for key in row if key != "number"}, known, value)


def summaries(connection: Connection) -> list[StudySummary]:
    """One line for each study, newest first."""

    def how_many(*statuses: str) -> Any:
        return func.coalesce(func.sum(case((member.c.status.in_(statuses), 1), else_=0)), 0)

    place = study_member.alias()
    faults = (
        select(func.count(fault.c.number.distinct()))
        .join_from(fault, place, place.c.member == fault.c.member)
        .where(place.c.study == study.c.number)
        .scalar_subquery()
    )
    query = (
        select(
            study.c.identity,
            study.c.name,
            study.c.created,
            study.c.metric,
            func.count(study_member.c.place).label("members"),
            how_many(*ENDED).label("finished"),
            how_many("diverged").label("diverged"),
            how_many("failed").label("failed"),
            faults.label("faults"),
        )
        .outerjoin_from(study, study_member, study_member.c.study == study.c.number)
        .outerjoin(member, member.c.identity == study_member.c.member)
        .group_by(study.c.number)
        .order_by(study.c.created.desc(), study.c.number.desc())
    )
    found = [StudySummary(**row) for row in connection.execute(query).mappings()]
    for item in found:
        if not all(isinstance(text, str) for text in (item.identity, item.name, item.metric)):
            raise encoding.damaged("a study is")
    return found


def _number(connection: Connection, identity: str) -> int:
    number = connection.scalar(select(study.c.number).where(study.c.identity == identity))
    if number is None:
        raise ValueError(f"the study {identity[:12]} must be begun first")
    return number


def _places(connection: Connection, number: int) -> list[MemberRecord]:
    """The members of a study in their order, without what is known of them."""
    query = (
        select(
            study_member.c.member,
            study_member.c.choice,
            study_member.c.split,
            study_member.c.seed,
        )
        .where(study_member.c.study == number)
        .order_by(study_member.c.place)
    )
    return [MemberRecord(*place) for place in connection.execute(query)]


def _seal(connection: Connection, number: int, places: Sequence[MemberRecord]) -> dict[str, Any]:
    """Seal the row of a study as it stands; the findings in it."""
    row, _ = _row(connection, number)
    values = {"study": seals.study_seal(row, places), "run": seals.run_seal(row)}
    connection.execute(delete(seal).where(_sealed(row)))
    connection.execute(
        insert(seal),
        [
            {"identity": row["identity"], "what": what, "value": value}
            for what, value in values.items()
        ],
    )
    return json.loads(row["findings"])


def _row(connection: Connection, number: int) -> tuple[RowMapping, dict[str, str] | None]:
    """The row of a study, with JSON as its text, and its seals."""
    columns = [schema.as_stored(column) for column in study.c if column.name != "findings"]
    query = select(*columns).where(study.c.number == number)
    if schema.version_of(connection) == 1:
        return connection.execute(query).mappings().one(), None
    query = query.add_columns(schema.as_stored(study.c.findings))
    row = connection.execute(query).mappings().one()
    found = connection.execute(select(seal.c.what, seal.c.value).where(_sealed(row)))
    return row, {one.what: one.value for one in found}


def _sealed(row: RowMapping) -> ColumnElement[bool]:
    return (seal.c.identity == row["identity"]) & (seal.c.what != "member")


def _find(connection: Connection, key: str, shown: str) -> int:
    newest_first = select(study.c.number, study.c.identity, study.c.name).order_by(
        study.c.created.desc(), study.c.number.desc()
    )
    named = connection.execute(newest_first.where(study.c.name == key).limit(1)).first()
    if named is not None:
        return named.number
    if len(key) >= SHORTEST_PREFIX:
        begins = study.c.identity.startswith(key.lower(), autoescape=True)
        found = connection.execute(newest_first.where(begins)).all()
        if len(found) == 1:
            return found[0].number
        if found:
            several = ", ".join(f"{row.identity[:12]} ({row.name})" for row in found[:5])
            raise InputError(f"{key!r} must begin one identity, it begins several: {several}")
    names = connection.execute(select(study.c.name).distinct().order_by(study.c.name)).scalars()
    known = list(names)
    if not all(isinstance(name, str) for name in known):
        raise encoding.damaged("a study is")
    if not known:
        raise InputError(f"the store {shown} holds no study yet; run a study first")
    # Imported here because it brings JAX along, which reading a store does not need.
    from etude.component import nearest

    raise InputError(f"the store {shown} holds no study {key!r}{nearest(key, known)}")
