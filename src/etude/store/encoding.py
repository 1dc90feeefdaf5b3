"""Records as rows of tables, and back, bit for bit."""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from etude.errors import InputError
from etude.store.identity import digest
from etude.store.records import FINISHED, ChoiceRecord, MemberRecord, SplitRecord, StudyRecord

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
        "splits": [vars(split) for split in record.splits],
        "metric": record.metric,
        "greater_is_better": bool(record.greater_is_better),
        "metrics": list(record.metrics),
        "bounds": list(record.bounds),
        "judged": record.judged,
        "profile": record.profile,
    }


def run_row(record: StudyRecord) -> dict[str, Any]:
    """What the last run of a study found."""
    return {
        "programs": list(record.programs),
        "seconds": record.seconds,
        "trained": int(record.trained),
        "reused": int(record.reused),
    }


def study_record(row: Mapping[Any, Any], members: tuple[MemberRecord, ...]) -> StudyRecord:
    """The study record of a row of `study`."""
    plain = {key: row[key] for key in row if key != "number"}
    return StudyRecord(
        **plain
        | {
            "choices": tuple(ChoiceRecord(**choice) for choice in row["choices"]),
            "splits": tuple(SplitRecord(**split) for split in row["splits"]),
            "metrics": tuple(row["metrics"]),
            "bounds": tuple(row["bounds"]),
            "programs": tuple(row["programs"]),
            "members": members,
        }
    )


def member_row(record: MemberRecord) -> dict[str, Any]:
    """The row of a member, whatever its status; a finished one has a digest."""
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
    row["digest"] = result_digest(row) if record.status in FINISHED else None
    return row


def result_digest(row: Mapping[Any, Any]) -> str:
    """SHA-256 of everything in a member's row that is a result; the time it took is none."""
    names = ("status", "epochs", "steps", "best_epoch", "diverged_step", "values")
    shapes = ("curves_shape", "outputs_shape")
    return digest(
        {name: row[name] for name in names + shapes}
        | {name: _blob_digest(row[name]) for name in ("curves", "outputs")}
    )


def member_record(row: Mapping[Any, Any]) -> MemberRecord:
    """The member record of a row with choice, split and seed, with or without outputs.

    Raises:
        InputError: the row is damaged.
    """
    curves, outputs = _array(row, "curves"), None
    if "outputs" in row:
        outputs = None if row["outputs"] is None else _array(row, "outputs")
        if row["digest"] is not None and row["digest"] != result_digest(row):
            raise InputError(
                f"the result of the member {row['identity'][:12]} is damaged in the store; put a "
                "backup in its place or name another store"
            )
    names = ("identity", "choice", "split", "seed", "status", "reason", "epochs", "steps")
    more = ("best_epoch", "diverged_step", "seconds", "values")
    return MemberRecord(
        **{name: row[name] for name in names + more}, curves=curves, outputs=outputs
    )


def _array(row: Mapping[Any, Any], name: str) -> np.ndarray:
    try:
        array = np.frombuffer(row[name], "<f4").reshape(row[f"{name}_shape"])
    except (ValueError, TypeError) as error:
        raise InputError(
            f"the {name} of the member {row['identity'][:12]} are damaged in the store: {error}"
        ) from error
    return array.astype(np.float32, copy=False)


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
