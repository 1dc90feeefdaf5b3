"""Records as rows of tables, and back, bit for bit."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from sqlalchemy import JSON

from etude.errors import InputError
from etude.store import seals
from etude.store.identity import digest
from etude.store.records import ENDED, ChoiceRecord, MemberRecord, SplitRecord, StudyRecord
from etude.store.schema import study

PENDING: dict[str, Any] = {
    "status": "pending",
    "reason": None,
    "epochs": 0,
    "steps": 0,
    "best_epoch": 0,
    "diverged_step": 0,
    "seconds": 0.0,
    "digest": None,
    "values": {},
    "curves_shape": [0, 3, 0],
    "curves": b"",
    "outputs_shape": None,
    "outputs": None,
}
"""The row of a member of which nothing is known yet, without its identity."""

STUDY_JSON = frozenset(column.name for column in study.c if isinstance(column.type, JSON))


def dump(value: Any) -> str:
    """JSON as the store writes it: keys in their order, null for what is not finite."""
    return json.dumps(_plain(value), allow_nan=False)


def study_row(record: StudyRecord) -> dict[str, Any]:
    """What a study is, without what a run of it found."""
    return {
        "identity": record.identity,
        "name": record.name,
        "created": record.created,
        "document": record.document,
        "text": record.text,
        "choices": [vars(choice) for choice in record.choices],
        "splits": [_split_row(split) for split in record.splits],
        "metric": record.metric,
        "greater_is_better": bool(record.greater_is_better),
        "metrics": list(record.metrics),
        "bounds": list(record.bounds),
        "judged": record.judged,
        "profile": record.profile,
    }


def _split_row(split: SplitRecord) -> dict[str, Any]:
    """A split that judges on rows of its own is kept as it was before there were others."""
    usual = {"chooses_for": -1, "judged_as_first": False}
    return {
        name: value
        for name, value in vars(split).items()
        if name not in usual or value != usual[name]
    }


def run_row(record: StudyRecord) -> dict[str, Any]:
    """What the last run of a study found."""
    return {
        "programs": list(record.programs),
        "seconds": record.seconds,
        "trained": int(record.trained),
        "reused": int(record.reused),
        "findings": record.findings,
    }


def study_record(
    row: Mapping[Any, Any], members: tuple[MemberRecord, ...], sealed: Mapping[str, str] | None
) -> StudyRecord:
    """The study record of a row of `study`, with JSON as its text.

    Args:
        row: the row.
        members: its members.
        sealed: "study" and "run" -> seal; None in a store that has none. What is told of the last
            run is left out where its seal is not right.

    Raises:
        InputError: the row is not as its seal says, or cannot be read.
    """
    if sealed is not None:
        if sealed.get("study") != seals.study_seal(row, members):
            raise damaged(f"the study {row['name']!r} is")
        if sealed.get("run") != seals.run_seal(row):
            row = {key: value for key, value in row.items() if key not in seals.RUN}
    try:
        plain = {
            key: json.loads(value) if key in STUDY_JSON else value for key, value in row.items()
        }
        return StudyRecord(
            **plain
            | {
                "choices": tuple(ChoiceRecord(**choice) for choice in plain["choices"]),
                "splits": tuple(SplitRecord(**split) for split in plain["splits"]),
                "metrics": tuple(plain["metrics"]),
                "bounds": tuple(plain["bounds"]),
                "programs": tuple(plain.get("programs", ())),
                "members": members,
            }
        )
    except (TypeError, ValueError) as error:
        raise damaged(f"the study {row['name']!r} is") from error


def member_row(record: MemberRecord) -> dict[str, Any]:
    """The row of a member, whatever its status; one that has ended has a digest."""
    curves = np.asarray(record.curves, "<f4")
    outputs = None if record.outputs is None else np.asarray(record.outputs, "<f4")
    row = {
        "identity": record.identity,
        "status": record.status,
        "reason": None if record.reason is None else _storable(record.reason),
        "epochs": int(record.epochs),
        "steps": int(record.steps),
        "best_epoch": int(record.best_epoch),
        "diverged_step": int(record.diverged_step),
        "seconds": float(record.seconds),
        "values": _plain(record.values),
        "curves_shape": list(curves.shape),
        "curves": curves.tobytes(),
        "outputs_shape": None if outputs is None else list(outputs.shape),
        "outputs": None if outputs is None else outputs.tobytes(),
    }
    row["digest"] = result_digest(row) if record.status in ENDED else None
    return row


def result_digest(row: Mapping[Any, Any]) -> str:
    """SHA-256 of everything in a member's row that is a result; the time it took is none."""
    names = ("status", "epochs", "steps", "best_epoch", "diverged_step", "values")
    shapes = ("curves_shape", "outputs_shape")
    return digest(
        {name: row[name] for name in names + shapes}
        | {name: _blob_digest(row[name]) for name in ("curves", "outputs")}
    )


def member_record(row: Sequence[Any], outputs: bool) -> MemberRecord:
    """The member record of a row.

    Args:
        row: choice, split and seed; the columns `seals.MEMBER`, with JSON as its text; curves,
            seal and outputs.
        outputs: whether the outputs were read.

    Raises:
        InputError: the row is not as its seal or digest says, or cannot be read.
    """
    # Ten thousand rows are read before a report appears: by place, not by name.
    choice, split, seed, *_, content, seal, blob = row
    sealed = row[3:-3]
    identity, status, reason, epochs, steps, best_epoch, diverged_step, seconds = sealed[:8]
    stored_digest, values_text, curves_shape, outputs_shape = sealed[8:]
    if seal is not None and seal != seals.seal_of_member(sealed, content):
        raise damaged(f"the result of the member {identity!s:.12} is")
    try:
        values = json.loads(values_text)
        curves = _array(content, _shape(curves_shape))
        kept = None if blob is None else _array(blob, _shape(outputs_shape))
        record = MemberRecord(
            identity, choice, split, seed, status, reason, epochs, steps, best_epoch,
            diverged_step, seconds, values, curves, kept,
        )  # fmt: skip
        whole = not outputs or stored_digest in (None, _digest(record, content, blob))
    except (TypeError, ValueError) as error:
        raise damaged(f"the result of the member {identity!s:.12} is") from error
    if not whole:
        raise damaged(f"the result of the member {identity!s:.12} is")
    return record


def _digest(record: MemberRecord, curves: bytes, outputs: bytes | None) -> str:
    kept = record.outputs
    shapes = {
        "curves_shape": list(record.curves.shape),
        "outputs_shape": None if kept is None else list(kept.shape),
    }
    return result_digest(vars(record) | shapes | {"curves": curves, "outputs": outputs})


def _array(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    return np.frombuffer(content, "<f4").reshape(shape).astype(np.float32, copy=False)


@lru_cache
def _shape(text: str) -> tuple[int, ...]:
    return tuple(json.loads(text))


def damaged(what: str) -> InputError:
    """The error that says that something in a store is not as it was written."""
    return InputError(
        f"{what} damaged in the store; put a backup in its place or name another store"
    )


def _blob_digest(blob: bytes | None) -> str | None:
    if blob is None:
        return None
    values = np.frombuffer(blob, "<f4")
    # One NaN is as good as another; their bits differ between operations of equal result.
    missing = np.isnan(values)
    if missing.any():
        blob = np.where(missing, np.float32(np.nan), values).astype("<f4").tobytes()
    return hashlib.sha256(blob).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _storable(text: str) -> str:
    """The text without what a database refuses: lone surrogates of odd file names, NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
