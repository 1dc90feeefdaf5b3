"""The rows of studies: written when a run begins and ends, found by name."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, RowMapping, case, delete, func, insert, select, update

from etude.errors import InputError
from etude.store import encoding, members
from etude.store.records import FINISHED, StudyRecord, StudySummary
from etude.store.schema import fault, member, study, study_member

SHORTEST_PREFIX = 4


def begin(connection: Connection, record: StudyRecord, outputs: bool) -> StudyRecord:
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
        connection.execute(delete(study_member).where(study_member.c.study == number))
    members.ensure(connection, [item.identity for item in record.members])
    places = [
        {
            "study": number,
            "place": place,
            "choice": int(item.choice),
            "split": int(item.split),
            "seed": int(item.seed),
            "member": item.identity,
        }
        for place, item in enumerate(record.members)
    ]
    if places:
        connection.execute(insert(study_member), places)
    return replace(record, created=created, members=members.read(connection, number, outputs))


def finish(connection: Connection, record: StudyRecord) -> None:
    """Write what a run found."""
    changed = connection.execute(
        update(study).where(study.c.identity == record.identity).values(encoding.run_row(record))
    )
    if changed.rowcount == 0:
        raise ValueError(f"the study {record.name!r} must be begun before it is finished")


def load(connection: Connection, key: str, shown: str, outputs: bool) -> StudyRecord:
    """The study with this name or beginning of its identity."""
    row = _find(connection, key, shown)
    return encoding.study_record(row, members.read(connection, row["number"], outputs))


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
            how_many(*FINISHED).label("finished"),
            how_many("diverged").label("diverged"),
            how_many("failed").label("failed"),
            faults.label("faults"),
        )
        .outerjoin_from(study, study_member, study_member.c.study == study.c.number)
        .outerjoin(member, member.c.identity == study_member.c.member)
        .group_by(study.c.number)
        .order_by(study.c.created.desc(), study.c.number.desc())
    )
    return [StudySummary(**row) for row in connection.execute(query).mappings()]


def _find(connection: Connection, key: str, shown: str) -> RowMapping:
    newest_first = select(study).order_by(study.c.created.desc(), study.c.number.desc())
    named = connection.execute(newest_first.where(study.c.name == key).limit(1))
    if (row := named.mappings().first()) is not None:
        return row
    if len(key) >= SHORTEST_PREFIX:
        begins = study.c.identity.startswith(key.lower(), autoescape=True)
        found = connection.execute(newest_first.where(begins)).mappings().all()
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(f"{row['identity'][:12]} ({row['name']})" for row in found[:5])
            raise InputError(f"{key!r} must begin one identity, it begins several: {several}")
    names = connection.execute(select(study.c.name).distinct().order_by(study.c.name)).scalars()
    known = list(names)
    if not known:
        raise InputError(f"the store {shown} holds no study yet; run a study first")
    # Imported here because it brings JAX along, which reading a store does not need.
    from etude.component import nearest

    raise InputError(f"the store {shown} holds no study {key!r}{nearest(key, known)}")
