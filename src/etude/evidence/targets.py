"""How soon the networks of each choice reach a target value of the deciding metric."""

from dataclasses import dataclass

import numpy as np

from etude.evidence.comparison import Comparison
from etude.evidence.intervals import corrected_standard_error
from etude.store.records import MemberRecord, StudyRecord

ROLES = ("train", "validation", "test")
"""The order of roles in `MemberRecord.curves`."""


@dataclass(frozen=True)
class Reached:
    """How soon the networks of one choice reach the target.

    Attributes:
        choice: its number in the study.
        share: share of its networks, over splits and seeds, that reach the target; None where
            it cannot be told.
        epochs, steps, seconds: median over its networks, in epochs, steps of the update rule and
            seconds of training. A network that never reaches the target counts as infinity; None
            where the median is infinite or cannot be told.
        reason: why nothing can be told, or why the median cannot; "" where it can.
    """

    choice: int
    share: float | None
    epochs: float | None
    steps: float | None
    seconds: float | None
    reason: str = ""


def to_target(
    record: StudyRecord, comparison: Comparison, target: float, role: str | None = None
) -> tuple[Reached, ...]:
    """Epochs, steps and seconds until the deciding metric first reaches a target.

    A network reaches it in the first epoch after which its value is at least the target, or at
    most where smaller is better; whether it later gets worse does not matter. A diverged network
    never reaches it, even if it was there before. Values are measured after whole epochs, so
    the steps are epoch · steps/epochs and the seconds, of which a network has its share of those
    of the networks that trained beside it, epoch · seconds/epochs.

    Args:
        record: the study.
        comparison: of one data choice; its complete choices are told, in their order.
        target: in the metric's own unit; `default_target` gives one.
        role: on whose rows; by default those on which choices are ranked.
    """
    role = comparison.choosing if role is None else role
    judging = role == comparison.judged
    splits = {s.split for s in (comparison.splits if judging else comparison.choosing_splits)}
    members: dict[int, list[MemberRecord]] = {
        int(choice): [] for choice in comparison.choices[comparison.complete]
    }
    for member in record.members:
        if member.choice in members and member.split in splits:
            members[member.choice].append(member)
    return tuple(
        _reached(record, choice, networks, target, role) for choice, networks in members.items()
    )


def default_target(comparison: Comparison) -> float | None:
    """A target that good choices reach: one standard error short of the best choice's mean.

    The mean over splits of the best choice on the rows that rank, less one corrected standard
    error of it, more where smaller is better (the one-standard-error rule of Breiman, Friedman,
    Olshen and Stone 1984). With a single split, which has no standard error, the mean itself.

    Returns:
        None where no choice is complete and finite.
    """
    scores = comparison.scores[comparison.complete]
    scores = scores[np.isfinite(scores).all(axis=1)]
    if not scores.size:
        return None
    best = scores[scores.mean(axis=1).argmax()]
    error = None
    ratio = comparison.choosing_over_train
    if ratio is not None:
        error = corrected_standard_error(best, ratio)
    score = float(best.mean()) - (error or 0.0)
    return score if comparison.greater_is_better else -score


def _reached(
    record: StudyRecord, choice: int, members: list[MemberRecord], target: float, role: str
) -> Reached:
    place = ROLES.index(role), record.metrics.index(record.metric)
    trained = [member for member in members if member.status != "diverged"]
    curves = [member.curves[:, place[0], place[1]] for member in trained if member.curves.size]
    if len(curves) < len(trained) or any(np.isnan(curve).all() for curve in curves):
        reason = f"{record.metric} was not measured on {role} rows after each epoch"
        return Reached(choice, None, None, None, None, reason)
    counts = np.full((len(members), 3), np.inf)  # epochs, steps, seconds
    for number, (member, curve) in enumerate(zip(trained, curves, strict=True)):
        # A curve holds single precision: the target is compared as it would be kept.
        aim = curve.dtype.type(target)
        there = curve >= aim if record.greater_is_better else curve <= aim
        if there.any():
            epoch = int(there.argmax()) + 1
            totals = np.array([member.epochs, member.steps, member.seconds])
            counts[number] = epoch * totals / member.epochs
    share = float(np.isfinite(counts[:, 0]).mean())
    medians = np.median(counts, axis=0)
    if not np.isfinite(medians).all():
        reason = "the median network does not reach the target"
        return Reached(choice, share, None, None, None, reason)
    epochs, steps, seconds = (float(median) for median in medians)
    return Reached(choice, share, epochs, steps, seconds)
