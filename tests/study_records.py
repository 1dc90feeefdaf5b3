"""Synthetic study records: as large and as ragged as real ones, without training anything."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from etude.store.records import ChoiceRecord, MemberRecord, SplitRecord, StudyRecord

PEAKS = {
    "sgd": (0.1, 0.951),
    "momentum": (0.02, 0.968),
    "nesterov": (0.02, 0.969),
    "adagrad": (0.05, 0.957),
    "adadelta": (0.95, 0.941),
    "rmsprop": (0.003, 0.971),
    "adam": (0.004, 0.974),
    "adamw": (0.004, 0.9735),
}
"""rule -> (learning rate of its peak, accuracy there)."""

ROLES = ("train", "validation", "test")
METRICS = ("loss", "accuracy")
TEXT = 'name = "optimizers-on-digits"\nseed = 0\n[data]\nname = "digits"\n'


def study_record(
    rates: int = 12,
    folds: int = 5,
    seeds: int = 2,
    epochs: int = 20,
    rules: tuple[str, ...] = tuple(PEAKS),
    validation_rows: int = 0,
    data: tuple[str, ...] = ("digits",),
    seed: int = 0,
) -> StudyRecord:
    """A record of rules × rates × folds × seeds members, as the headline study has.

    Large learning rates of SGD, momentum and Nesterov diverge. The accuracy falls off on both
    sides of each rule's peak, with noise of folds and of members.
    """
    random = np.random.default_rng(seed)
    choices, peaks, diverges = [], [], []
    for source in data:
        for rule in rules:
            field = "decay" if rule == "adadelta" else "learning_rate"
            low, high = (0.5, 0.999) if rule == "adadelta" else (1e-4, 1.0)
            for value in np.geomspace(low, high, rates) if rates > 1 else [PEAKS[rule][0]]:
                choices.append(_choice(source, rule, field, float(value), len(data) > 1))
                away = abs(math.log10(value / PEAKS[rule][0])) * (3 if field == "decay" else 1)
                peaks.append(PEAKS[rule][1] - 0.06 * away**2)
                diverges.append(rule in ("sgd", "momentum", "nesterov") and value > 0.4)
    test = 1797 // folds if folds > 1 else 359
    splits = tuple(
        SplitRecord(
            data=number,
            split=split,
            train=1797 - test - validation_rows,
            validation=validation_rows,
            test=test,
            trivial={role: {"loss": 2.3026, "accuracy": 0.1019} for role in ROLES},
        )
        for number in range(len(data))
        for split in range(folds)
    )
    hardness = random.normal(0, 0.006, folds)
    members = [
        _member(
            random, (choice, split, number), peaks[choice] + hardness[split], epochs,
            diverges[choice], validation_rows > 0,
        )
        for choice in range(len(choices))
        for split in range(folds)
        for number in range(seeds)
    ]  # fmt: skip
    return StudyRecord(
        identity="0" * 64,
        name="optimizers-on-digits",
        created="2026-01-02T03:04:05Z",
        document={
            "name": "optimizers-on-digits",
            "seed": 0,
            "seeds": seeds,
            "validation": {"name": "stratified" if folds > 1 else "holdout", "folds": folds},
            "data": [{"name": source} for source in data],
        },
        text=TEXT,
        choices=tuple(choices),
        splits=splits,
        metric="accuracy",
        greater_is_better=True,
        metrics=METRICS,
        judged="test",
        profile={"etude": "0.1.0", "jax": "0.10.2", "device": "cpu", "width": 8},
        programs=({"members": len(members), "width": 8, "compile_seconds": 1.3},),
        seconds={"compile": 2.4, "run": 6.1, "total": 9.3},
        trained=len(members),
        reused=0,
        members=tuple(members),
    )


def with_members(record: StudyRecord, changes: dict[int, dict[str, Any]]) -> StudyRecord:
    """The record with some members changed: number of the member -> fields."""
    members = list(record.members)
    for number, fields in changes.items():
        members[number] = replace(members[number], **fields)
    return replace(record, members=tuple(members))


def with_values(values: np.ndarray, **arguments: Any) -> StudyRecord:
    """A record whose test accuracies are `values`, `[choices, splits]`, one seed each."""
    choices, folds = values.shape
    record = study_record(rates=choices, folds=folds, seeds=1, epochs=2, rules=("adam",))
    members = tuple(
        replace(member, values={"test": {"accuracy": float(values[member.choice, member.split])}})
        for member in record.members
    )
    return replace(record, members=members, **arguments)


def with_labels(record: StudyRecord, labels: dict[int, str]) -> StudyRecord:
    """The record with some choices named anew."""
    choices = tuple(
        replace(choice, label=labels.get(number, choice.label))
        for number, choice in enumerate(record.choices)
    )
    return replace(record, choices=choices)


def _choice(source: str, rule: str, field: str, value: float, several: bool) -> ChoiceRecord:
    swept = {"algorithm": rule, f"algorithm.{field}": value}
    return ChoiceRecord(
        label=(f"{source} · " if several else "") + f"{rule} {field}={value:.4g}",
        document={
            "data": {"name": source},
            "model": {"name": "mlp", "widths": [64]},
            "loss": {"name": "cross_entropy"},
            "algorithm": {"name": rule, field: value, "batch_size": 32, "epochs": 20},
        },
        swept=({"data": source} if several else {}) | swept,
    )


def _member(
    random: np.random.Generator,
    place: tuple[int, int, int],
    peak: float,
    epochs: int,
    diverges: bool,
    validated: bool,
) -> MemberRecord:
    choice, split, seed = place
    time = np.arange(1, epochs + 1)
    heights = np.clip(peak, 0.1, 0.999) + random.normal(0, 0.004, 3) + np.array([0.02, 0, 0])
    curves = np.full((epochs, 3, 2), np.nan, np.float32)
    for role in (0, 1, 2) if validated else (0, 2):
        accuracy = np.minimum(heights[role], 1.0) * (1 - 0.6 * np.exp(-time / 3))
        curves[:, role, 1] = accuracy
        curves[:, role, 0] = 2.3 * (1 - accuracy) + 0.01 + (0.002 * time if role else 0)
    shared = {
        "identity": f"{choice:04d}{split:02d}{seed:02d}",
        "choice": choice,
        "split": split,
        "seed": seed,
        "seconds": 0.006,
    }
    if diverges:
        curves[1:] = np.nan
        return MemberRecord(
            **shared, status="diverged", epochs=2, steps=90, diverged_step=50 + split,
            curves=curves,
        )  # fmt: skip
    values = {
        role: {
            name: float(value) if np.isfinite(value := curves[-1, number, metric]) else None
            for metric, name in enumerate(METRICS)
        }
        for number, role in enumerate(ROLES)
    }
    return MemberRecord(
        **shared, status="done", epochs=epochs, steps=45 * epochs, values=values, curves=curves
    )
