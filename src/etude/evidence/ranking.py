"""Which choice is better: mean, interval, rank and the probability of being best."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from etude.evidence.comparison import FINISHED, Comparison, comparisons
from etude.evidence.intervals import Estimate, estimate
from etude.evidence.rounding import counted
from etude.store.records import ENDED, StudyRecord
from etude.ties import TIE

DRAWS = 10_000
SEED = 20_030_901
"""Fixed, so that the same study always shows the same probabilities."""


@dataclass(frozen=True)
class ChoiceSummary:
    """What the study says about one choice.

    Attributes:
        choice: its number in the study.
        data: the number of its data choice; ranks hold among choices of the same data.
        label: its name for people.
        mean, stderr, interval: over splits on the judged rows, seeds averaged inside each
            split; stderr and interval are corrected and approximate. None where unknown.
        n: number of splits that have all their members.
        rank: 1 for the best; equal means share the smaller rank; None if incomplete.
        p_best: share of bootstrap draws over splits in which it is best; None if incomplete,
            with a single split, or where the splits cannot tell choices apart.
        choosing_mean: the mean on the rows on which choices are ranked: equal to `mean` where
            the study has no validation rows; that over all inner splits where it is nested.
        members: how many networks it has.
        diverged: how many of them diverged.
        failed: how many of them failed.
        missing: how many are not trained to the end and have not failed.
        note: what a reader must know about these figures; "" if nothing.
        parameters: how many weights its network has; None where nobody knows.
        seconds: mean training time of a network of its own; None before one was trained.
        left: after how many epochs a search trained it no further; 0 where none did.
    """

    choice: int
    data: int
    label: str
    mean: float | None
    stderr: float | None
    interval: tuple[float, float] | None
    n: int
    rank: int | None
    p_best: float | None
    choosing_mean: float | None
    members: int
    diverged: int
    failed: int
    missing: int
    note: str
    parameters: int | None
    seconds: float | None
    left: int = 0


def summaries(record: StudyRecord) -> tuple[ChoiceSummary, ...]:
    """All choices: by data choice, then by rank, the incomplete ones last.

    Of those that a search did not train to the end the ones that it trained longest come first.
    """
    counts = _status_counts(record)
    sizes = _sizes(record)
    found: list[ChoiceSummary] = []
    for comparison in comparisons(record):
        complete = comparison.complete
        means = mean_scores(comparison)
        ranks = competition_ranks(means[complete])
        shares = probability_of_best(comparison.tested_scores[complete])
        testable = len(comparison.splits) > 1 and not comparison.untestable
        rank = dict(zip(comparison.choices[complete], ranks, strict=True))
        share = dict(zip(comparison.choices[complete], shares, strict=True))
        sign = 1.0 if comparison.greater_is_better else -1.0
        rows = [
            _summary(
                record,
                comparison,
                index,
                rank.get(choice),
                share.get(choice) if testable else None,
                sign * means[index],
                counts[choice],
                sizes.get(choice),
            )
            for index, choice in enumerate(comparison.choices)
        ]
        found += sorted(
            rows, key=lambda row: (row.rank is None, row.rank or 0, -row.left, row.choice)
        )
    return tuple(found)


def mean_scores(comparison: Comparison) -> np.ndarray:
    """`[choices]`: mean over splits of the values that rank, greater is better."""
    return comparison.scores.mean(axis=1) if comparison.splits else np.empty(0)


def competition_ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks from 1 for the greatest score; equal scores share the smaller rank.

    Example:
        >>> competition_ranks(np.array([0.5, 0.9, 0.5, 0.1])).tolist()
        [2, 1, 2, 4]
    """
    order = np.argsort(-scores, kind="stable")
    ranks = np.empty(len(scores), dtype=int)
    for position, index in enumerate(order):
        before = order[position - 1] if position else None
        tied = before is not None and _tied(scores[before], scores[index])
        ranks[index] = ranks[before] if tied else position + 1
    return ranks


def probability_of_best(scores: np.ndarray, draws: int = DRAWS, seed: int = SEED) -> np.ndarray:
    """Share of bootstrap draws over splits in which each choice has the best mean.

    Every draw takes J splits with replacement, the same ones for all choices. Choices that tie
    in a draw share it.

    Args:
        scores: `[choices, J]`, greater is better; minus infinity never wins.
        draws: how often the splits are drawn.
        seed: of the drawing.

    Returns:
        `[choices]` that sum to 1 if any choice is finite.
    """
    choices, splits = scores.shape
    if not choices or not splits:
        return np.zeros(choices)
    finite = np.isfinite(scores).all(axis=1)
    wins = np.zeros(choices)
    if not finite.any():
        return wins
    generator = np.random.default_rng(seed)
    step = max(1, 4_000_000 // max(choices, splits))  # bounds the memory to some 32 MB
    for start in range(0, draws, step):
        size = min(step, draws - start)
        weights = generator.multinomial(splits, [1.0 / splits] * splits, size=size)
        means = weights @ scores[finite].T / splits  # [size, choices]
        best = means.max(axis=1, keepdims=True)
        ties = means >= best - TIE * np.maximum(np.abs(best), 1e-300)
        wins[finite] += (ties / ties.sum(axis=1, keepdims=True)).sum(axis=0)
    return wins / draws


def _tied(first: float, second: float) -> bool:
    if not (np.isfinite(first) and np.isfinite(second)):
        return bool(first == second)
    return bool(abs(first - second) <= TIE * max(abs(first), abs(second)))


def _summary(
    record: StudyRecord,
    comparison: Comparison,
    index: int,
    rank: int | None,
    p_best: float | None,
    choosing_mean: float,
    counts: dict[str, Any],
    parameters: int | None,
) -> ChoiceSummary:
    values = comparison.judged_values[index]
    there = values[~np.isnan(values)]
    known: Estimate | None = None
    if len(there) and np.isfinite(there).all():
        known = estimate(there, comparison.test_over_train, comparison.bounds)
    choice = int(comparison.choices[index])
    return ChoiceSummary(
        choice=choice,
        data=comparison.data,
        label=record.choices[choice].label,
        mean=known.mean if known else None,
        stderr=known.stderr if known else None,
        interval=known.interval if known else None,
        n=len(there),
        rank=None if rank is None else int(rank),
        p_best=None if p_best is None else float(p_best),
        choosing_mean=float(choosing_mean) if np.isfinite(choosing_mean) else None,
        members=counts["members"],
        diverged=counts["diverged"],
        failed=counts["failed"],
        missing=counts["missing"],
        note=_note(rank, counts, there),
        parameters=parameters,
        seconds=counts["seconds"] / counts["finished"] if counts["finished"] else None,
        left=counts["left"],
    )


def _sizes(record: StudyRecord) -> dict[int, int]:
    """Choice -> how many weights its network has; runs of earlier versions do not tell."""
    return {
        choice: program["parameters"]
        for program in record.programs
        for choice in program.get("choices", ())
    }


def sizes_differ(rows: Iterable[ChoiceSummary]) -> bool:
    """Whether the networks of these choices differ in the number of their weights."""
    return len({row.parameters for row in rows if row.parameters is not None}) > 1


def _note(rank: int | None, counts: dict[str, int], values: np.ndarray) -> str:
    if rank is None:
        parts = [
            f"{counts[word]} {text}"
            for word, text in (("failed", "failed"), ("missing", "not finished"))
            if counts[word]
        ]
        if counts["left"] and not parts:
            return f"left after {counted(counts['left'], 'epoch')}"
        return "incomplete: " + (", ".join(parts) or "a value could not be measured")
    if not np.isfinite(values).all():
        return "diverged, and the trivial predictor has no value to count it with"
    return ""


def _status_counts(record: StudyRecord) -> dict[int, dict[str, Any]]:
    counts: dict[int, dict[str, Any]] = {
        choice: {
            "members": 0,
            "finished": 0,
            "diverged": 0,
            "failed": 0,
            "missing": 0,
            "left": 0,
            "seconds": 0.0,
        }
        for choice in range(len(record.choices))
    }
    for member in record.members:
        row = counts[member.choice]
        row["members"] += 1
        row["finished"] += member.status in FINISHED
        row["seconds"] += member.seconds if member.status in FINISHED else 0.0
        row["diverged"] += member.status == "diverged"
        row["failed"] += member.status == "failed"
        row["missing"] += member.status not in (*ENDED, "failed")
        if member.status == "left":
            row["left"] = max(row["left"], member.epochs)
    return counts
