"""What is kept of a study: plain values, from which every table and report is made."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

STATUSES = ("pending", "running", "done", "stopped", "diverged", "failed", "left")
FINISHED = ("done", "stopped", "diverged")
"""The statuses that are results: they are reused. A failed member is tried again."""

ENDED = (*FINISHED, "left")
"""The statuses after which nothing more is trained."""


@dataclass(frozen=True)
class MemberRecord:
    """One network trained once, and how it went.

    Attributes:
        identity: hash of specification, data, split, seed and numerics profile.
        choice, split, seed: its place in the study.
        status: "done" (used its budget), "stopped" (early stopping), "diverged" (a value became
            infinite or not a number), "failed" (see `reason`), "left" (a search trained it no
            further; it has an identity of its own), "pending" or "running".
        reason: why it failed.
        epochs: epochs trained.
        steps: steps trained.
        best_epoch: the epoch whose weights are kept, counted from 1; 0 where none was chosen.
        diverged_step: the step at which it became non-finite, counted from 1; 0 if it did not.
        seconds: how long it trained (its share of its chunk's time).
        values: role -> metric -> value of the kept weights; None where it has none.
        curves: `[epochs, roles, metrics]` float32, NaN where nothing was measured. Roles are
            train, validation, test; metrics are those of the study record, in its order.
        outputs: `[test rows, outputs]` float32, what the kept weights give for the test rows,
            in the order of the split's test rows; None where it is not kept.
    """

    identity: str
    choice: int
    split: int
    seed: int
    status: str = "pending"
    reason: str | None = None
    epochs: int = 0
    steps: int = 0
    best_epoch: int = 0
    diverged_step: int = 0
    seconds: float = 0.0
    values: dict[str, dict[str, float | None]] = field(default_factory=dict)
    curves: np.ndarray = field(default_factory=lambda: np.empty((0, 3, 0), np.float32))
    outputs: np.ndarray | None = None


@dataclass(frozen=True)
class ChoiceRecord:
    """One combination of data, model, loss and algorithm.

    Attributes:
        label: how it differs from the other choices, for people.
        document: the four with all their fields.
        swept: the fields in which it differs from others of its kind:
            "algorithm.learning_rate" -> 0.01. "algorithm" -> "adam" where names differ.
    """

    label: str
    document: dict[str, Any]
    swept: dict[str, Any]


@dataclass(frozen=True)
class SplitRecord:
    """Sizes of one split, and what the trivial predictor reaches on the rows that judge.

    Attributes:
        data: number of the data choice that is split.
        train, validation, test: numbers of rows.
        trivial: role -> metric -> value of the most frequent class or the training mean.
        chooses_for: number of the split of these data whose training rows this one deals again,
            so that a choice can be made for it by its validation rows; -1 for one that judges.
            Where a choice is made once more by all rows: how many splits judge.
        judged_as_first: whether its test rows are those of the first split of these data.
    """

    data: int
    split: int
    train: int
    validation: int
    test: int
    trivial: dict[str, dict[str, float | None]]
    chooses_for: int = -1
    judged_as_first: bool = False


@dataclass(frozen=True)
class StudyRecord:
    """A study and what has become of it.

    Attributes:
        identity: hash of the study's document and the content of its data.
        name: the study's name.
        created: when it was first run, ISO 8601, UTC.
        document: the study with every field written out.
        text: the study file as the user wrote it; "" where there was none.
        choices: all combinations.
        splits: sizes of every split of every data choice.
        metric: the metric that decides.
        greater_is_better: in which direction it improves.
        metrics: all metrics that were measured, "loss" first.
        bounds: the least and the greatest value that the deciding metric can take; None for no
            bound.
        judged: the role on whose rows choices are compared: "test"; "train" where the study
            keeps no rows apart.
        profile: versions, device and whatever else decides the bits.
        programs: for each program: members, width, compile seconds and so on.
        seconds: "compile", "run" and "total" of the last run.
        trained, reused: how many members the last run trained and found in the store.
        members: every member, in the order choice, split, seed.
        findings: what was found about the study beside its results, plain JSON values by name.
    """

    identity: str
    name: str
    created: str
    document: dict[str, Any]
    text: str
    choices: tuple[ChoiceRecord, ...]
    splits: tuple[SplitRecord, ...]
    metric: str
    greater_is_better: bool
    metrics: tuple[str, ...]
    judged: str
    profile: dict[str, Any]
    programs: tuple[dict[str, Any], ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    trained: int = 0
    reused: int = 0
    members: tuple[MemberRecord, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)
    findings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StudySummary:
    """One line about a stored study.

    Attributes:
        identity, name, created, metric: as in the study record.
        members: how many it has.
        finished: how many of them have a result, or were left by a search; those that diverged
            are among them.
        diverged, failed: how many did.
        faults: how often a member was trained again with another result.
    """

    identity: str
    name: str
    created: str
    metric: str
    members: int
    finished: int
    diverged: int
    failed: int
    faults: int
