"""Seals: hashes of rows as they were written, by which damage is noticed when they are read.

SQLite has no checksums of its own: a byte that a disk has changed would be read as a result.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from etude.store.records import MemberRecord

MEMBER = (
    "identity",
    "status",
    "reason",
    "epochs",
    "steps",
    "best_epoch",
    "diverged_step",
    "seconds",
    "digest",
    "values",
    "curves_shape",
    "outputs_shape",
)
"""The columns of a member that are sealed, beside its curves. Outputs have the digest."""

STUDY = (
    "identity",
    "name",
    "created",
    "document",
    "text",
    "choices",
    "splits",
    "metric",
    "greater_is_better",
    "metrics",
    "bounds",
    "judged",
    "profile",
    "findings",
)
"""The columns of a study that are sealed, beside those of its last run."""

RUN = ("programs", "seconds", "trained", "reused")
"""The columns of a study that tell of its last run, with a seal of their own: a run by a process
of version 1, which the migration overtook, ends without renewing it."""


def member_seal(row: Mapping[Any, Any]) -> str:
    """The seal of a member's row, with JSON as its text."""
    return seal_of_member([row[name] for name in MEMBER], row["curves"])


def seal_of_member(values: Iterable[Any], curves: Any) -> str:
    """The seal of a member.

    Args:
        values: those of the columns `MEMBER`, in their order.
        curves: the bytes of its curves.
    """
    # In a damaged row they can be anything.
    content = curves if isinstance(curves, bytes) else ascii(curves).encode()
    return hashlib.sha256(_text(values) + content).hexdigest()


def study_seal(row: Mapping[Any, Any], members: Iterable[MemberRecord]) -> str:
    """The seal of a study's row, with JSON as its text, and of which members it has."""
    places = (f"{item.choice} {item.split} {item.seed} {item.identity}" for item in members)
    return hashlib.sha256(
        _text(row[name] for name in STUDY) + "\n".join(places).encode()
    ).hexdigest()


def run_seal(row: Mapping[Any, Any]) -> str:
    """The seal of what a study's row tells of its last run, with JSON as its text."""
    return hashlib.sha256(_text(row[name] for name in RUN)).hexdigest()


def _text(values: Iterable[Any]) -> bytes:
    # What `repr` leaves as it is depends on the version of Unicode, and so of Python.
    return ascii(tuple(values)).encode()
