"""From encoded columns and targets to data that is ready to be split."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from etude.batch import Spec
from etude.data.base import Prepared
from etude.data.columns import Column
from etude.data.encoder import TableEncoder
from etude.data.rows import InputsAndTargets
from etude.data.standardize import Standardization
from etude.errors import InputError


def assemble(
    columns: tuple[Column, ...],
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    classes: tuple[str, ...] = (),
    target_names: tuple[str, ...] = ("target",),
    missing: tuple[str, ...] = (),
    scaled: bool = True,
    scale_target: bool = True,
    groups: np.ndarray | None = None,
    truth: np.ndarray | None = None,
) -> Prepared:
    """Data of a table, ready to be split.

    Args:
        columns: the input columns.
        inputs: their features, `[rows, features]` in single precision.
        targets: class numbers `[rows]` where there are classes, else `[rows, targets]`.
        classes: the class labels in the order of their numbers.
        target_names: the names of the target columns.
        missing: cells of text that mean "no value".
        scaled: whether numeric inputs are standardized.
        scale_target: whether numeric targets are standardized.
        groups: `[rows]` group numbers, if there are groups.
        truth: `[rows, targets]`, the targets without noise, if they are known.

    Raises:
        InputError: single precision cannot tell the targets apart.
    """
    encoder = TableEncoder(columns, missing)
    task = "classes" if classes else "numbers"
    schema = encoder.schema() | {
        "task": task,
        "target": list(target_names),
        "classes": list(classes),
    }
    if classes:
        exact = np.asarray(targets, np.int64)
        device_targets = exact.astype(np.int32)
    else:
        exact = np.asarray(targets, np.float64)
        check_rounding(exact, target_names)
        device_targets = exact.astype(np.float32)
    content = {"inputs": inputs, "targets": exact}
    if groups is not None:
        content["groups"] = groups
    roles = [_roles(column) for column in columns]
    return Prepared(
        spec=Spec(
            task=task,
            inputs=(inputs.shape[1],),
            targets=1 if classes else exact.shape[1],
            classes=classes,
        ),
        stream=InputsAndTargets(missing=bool(np.isnan(inputs).any())),
        arrays={"inputs": inputs, "targets": device_targets},
        rows=len(inputs),
        fingerprint=fingerprint(content, schema),
        fit=Standardization(
            inputs,
            None if classes or not scale_target else device_targets,
            numeric=np.array([role == "number" for part in roles for role in part]),
            optional=np.array([role == "category" for part in roles for role in part]),
            scaled=scaled,
        ),
        strata=exact if classes else None,
        groups=groups,
        columns=tuple(column.name for column in columns),
        encoder=encoder,
        schema=schema,
        targets=exact,
        truth=truth,
    )


def _roles(column: Column) -> tuple[str, ...]:
    """For each feature of a column, whether it is a number, a category or an indicator."""
    if column.kind == "category":
        return ("category",) * len(column.features())
    return ("number", "indicator") if column.gaps else ("number",)


def check_rounding(targets: np.ndarray, names: tuple[str, ...]) -> None:
    """Raise an `InputError` when rounding targets to single precision would blur them."""
    error = np.abs(targets.astype(np.float32) - targets).max(axis=0)
    spread = targets.max(axis=0) - targets.min(axis=0)
    for name, lost, width in zip(names, error, spread, strict=True):
        if lost > 1e-3 * width > 0:
            raise InputError(
                f"target {name!r} must differ by more than single precision rounds away; its "
                f"values differ by {width:g} and lose {lost:g}: subtract a constant from them"
            )


def fingerprint(arrays: dict[str, np.ndarray], schema: dict[str, Any]) -> str:
    """SHA-256 of arrays and of what they mean."""
    digest = hashlib.sha256(json.dumps(schema, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
