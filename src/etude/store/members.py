"""The rows of members and their checkpoints: inserted or compared, never overwritten."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    delete,
    insert,
    literal,
    null,
    select,
    update,
)

from etude.store import encoding, schema, seals
from etude.store.records import ENDED, MemberRecord
from etude.store.schema import checkpoint, fault, member, seal, study_member

AT_ONCE = 500
"""How many identities one query names; SQLite once allowed 999 parameters."""


def ensure(connection: Connection, identities: Iterable[str]) -> None:
    """A pending row for every member that has none."""
    wanted = list(dict.fromkeys(identities))
    known = set(_known(connection, wanted))
    new = [{"identity": item} | encoding.PENDING for item in wanted if item not in known]
    if new:
        connection.execute(insert(member), new)


def read(
    connection: Connection, study: int, outputs: bool, first: int = 0
) -> tuple[MemberRecord, ...]:
    """The members of a study in their order, from a place on."""
    place = (study_member.c.choice, study_member.c.split, study_member.c.seed)
    query = (
        _members(connection, place, outputs)
        .join(study_member, study_member.c.member == member.c.identity)
        .where((study_member.c.study == study) & (study_member.c.place >= first))
        .order_by(study_member.c.place)
    )
    rows = connection.execute(query)
    return tuple(encoding.member_record(row, outputs) for row in rows)


def save(connection: Connection, records: Sequence[MemberRecord]) -> tuple[str, ...]:
    """Insert or compare.

    Returns:
        the identities whose stored result is another; each is also a row of `fault`.
    """
    known = _known(connection, [record.identity for record in records])
    stored = frozenset(known)
    new: dict[str, dict[str, Any]] = {}
    changed: dict[str, dict[str, Any]] = {}
    faults: list[dict[str, Any]] = []
    found = datetime.now(UTC).isoformat(timespec="seconds")
    for record in records:
        row = encoding.member_row(record)
        status, digest = known.get(record.identity, ("pending", None))
        if status in ENDED:
            if row["digest"] not in (None, digest):
                difference = {"stored_digest": digest, "new_digest": row["digest"]}
                faults.append({"member": record.identity, "found": found} | difference)
            continue
        known[record.identity] = (row["status"], row["digest"])
        if record.identity in stored:
            changed[record.identity] = row | {"where_identity": record.identity}
        else:
            new[record.identity] = row
    if new:
        connection.execute(insert(member), list(new.values()))
    if changed:
        by_identity = member.c.identity == bindparam("where_identity")
        connection.execute(update(member).where(by_identity), list(changed.values()))
    if faults:
        connection.execute(insert(fault), faults)
    results = [row for row in (new | changed).values() if row["status"] in ENDED]
    if results:
        connection.execute(insert(seal), list(map(_seal, results)))
    finished = [identity for identity, (status, _) in known.items() if status in ENDED]
    forget(connection, finished)
    return tuple(dict.fromkeys(row["member"] for row in faults))


def keep(connection: Connection, checkpoints: Mapping[str, tuple[int, bytes]]) -> None:
    """Add a checkpoint `(epoch, blob)` for each unfinished member, beside the one before it."""
    known = _known(connection, list(checkpoints))
    unknown = [identity for identity in checkpoints if identity not in known]
    if unknown:
        raise ValueError(f"the member {unknown[0]!r} must be begun before it has a checkpoint")
    unfinished = [identity for identity, (status, _) in known.items() if status not in ENDED]
    # Epochs not before the new one are of a run that was given up.
    before: dict[str, int] = {}
    obsolete: list[dict[str, Any]] = []
    for some in _at_once(unfinished):
        query = (
            select(checkpoint.c.member, checkpoint.c.epoch)
            .where(checkpoint.c.member.in_(some))
            .order_by(checkpoint.c.epoch.desc())
        )
        for identity, epoch in connection.execute(query):
            if epoch < checkpoints[identity][0] and identity not in before:
                before[identity] = epoch
            else:
                obsolete.append({"where_member": identity, "where_epoch": epoch})
    if obsolete:
        one = (checkpoint.c.member == bindparam("where_member")) & (
            checkpoint.c.epoch == bindparam("where_epoch")
        )
        connection.execute(delete(checkpoint).where(one), obsolete)
    rows = [
        {
            "member": identity,
            "epoch": int(checkpoints[identity][0]),
            "hash": hashlib.sha256(checkpoints[identity][1]).hexdigest(),
            "blob": checkpoints[identity][1],
        }
        for identity in unfinished
    ]
    if rows:
        connection.execute(insert(checkpoint), rows)


def checkpointed(connection: Connection) -> frozenset[str]:
    """The identities of all members that have a checkpoint."""
    return frozenset(connection.scalars(select(checkpoint.c.member).distinct()))


def latest_checkpoint(connection: Connection, identity: str) -> tuple[int, bytes] | None:
    """The newest checkpoint that is whole."""
    query = (
        select(checkpoint.c.epoch, checkpoint.c.hash, checkpoint.c.blob)
        .where(checkpoint.c.member == identity)
        .order_by(checkpoint.c.epoch.desc())
    )
    for epoch, stored_hash, blob in connection.execute(query):
        # In a damaged row it can be anything.
        if isinstance(blob, bytes) and hashlib.sha256(blob).hexdigest() == stored_hash:
            return epoch, blob
    return None


def outputs(connection: Connection, identities: Sequence[str]) -> dict[str, np.ndarray | None]:
    """What the kept weights of members give for their test rows."""
    place = (literal(0), literal(0), literal(0))
    query = _members(connection, place, outputs=True)
    found: dict[str, np.ndarray | None] = {}
    for some in _at_once(identities):
        for row in connection.execute(query.where(member.c.identity.in_(some))):
            record = encoding.member_record(row, outputs=True)
            found[record.identity] = record.outputs
    for identity in identities:
        if identity not in found:
            raise ValueError(f"the store holds no member {identity!r}")
    return found


def ended(connection: Connection, identities: Sequence[str]) -> dict[str, MemberRecord]:
    """Those of some members that have ended, without places and outputs."""
    place = (literal(0), literal(0), literal(0))
    query = _members(connection, place, outputs=False).where(member.c.status.in_(ENDED))
    found: dict[str, MemberRecord] = {}
    for some in _at_once(identities):
        for row in connection.execute(query.where(member.c.identity.in_(some))):
            record = encoding.member_record(row, outputs=False)
            found[record.identity] = record
    return found


def forget(connection: Connection, identities: Sequence[str]) -> None:
    """Drop the checkpoints of some members."""
    for some in _at_once(identities):
        connection.execute(delete(checkpoint).where(checkpoint.c.member.in_(some)))


def forget_until(connection: Connection, steps: Mapping[str, int]) -> None:
    """Drop the checkpoints of some members as far as each stood after so many steps.

    Those beyond are of another study, which trains the member further.
    """
    one = (checkpoint.c.member == bindparam("where_member")) & (
        checkpoint.c.epoch <= bindparam("where_epoch")
    )
    rows = [{"where_member": member, "where_epoch": step} for member, step in steps.items()]
    if rows:
        connection.execute(delete(checkpoint).where(one), rows)


def _members(connection: Connection, place: Sequence[Any], outputs: bool) -> Select[Any]:
    """A query for rows of members as `encoding.member_record` takes them."""
    columns = [*place, *(schema.as_stored(member.c[name]) for name in seals.MEMBER)]
    last = member.c.outputs if outputs else null()
    if schema.version_of(connection) == 1:
        return select(*columns, member.c.curves, null(), last).select_from(member)
    return (
        select(*columns, member.c.curves, seal.c.value, last)
        .select_from(member)
        .outerjoin(seal, (seal.c.identity == member.c.identity) & (seal.c.what == "member"))
    )


def _seal(row: dict[str, Any]) -> dict[str, Any]:
    texts = {
        name: None if row[name] is None else encoding.dump(row[name])
        for name in ("values", "curves_shape", "outputs_shape")
    }
    value = seals.member_seal(row | texts)
    return {"identity": row["identity"], "what": "member", "value": value}


def _known(connection: Connection, identities: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Identity -> status and digest, of those that have a row."""
    known: dict[str, tuple[str, str | None]] = {}
    for some in _at_once(identities):
        query = select(member.c.identity, member.c.status, member.c.digest).where(
            member.c.identity.in_(some)
        )
        known |= {
            identity: (status, digest) for identity, status, digest in connection.execute(query)
        }
    return known


def _at_once(identities: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(identities), AT_ONCE):
        yield identities[start : start + AT_ONCE]
