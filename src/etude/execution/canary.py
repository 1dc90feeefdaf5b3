"""One member of every program, trained again on its own: it must come to the same."""

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from etude.engine.plan import Plan
from etude.engine.population import Population
from etude.engine.state import Shared
from etude.execution.record import curves_of
from etude.execution.streaming import trained_alone
from etude.store.records import MemberRecord, StudyRecord

SHARE = 0.1
"""The canary may take this share of its program's training; otherwise there is none."""

TOLERANCE = 0.01
"""Side by side a network's first loss may differ so much from the one it has alone: rounding
that training has grown; a wrong computation is farther off."""


@dataclass(frozen=True)
class Canary:
    """What became of a program's canary.

    Attributes:
        program: number of the program.
        member: number of the member.
        identity: of that member, to which the verdict belongs.
        agrees: whether it came to the same; None where that could not be found out.
        message: what differs, or why nothing is known; "" where it agrees.
    """

    program: int
    member: int
    identity: str
    agrees: bool | None
    message: str


def canary_of(
    whole: Plan,
    program: int,
    population: Population,
    shared: Shared,
    trained: dict[int, MemberRecord],
    metrics: tuple[str, ...],
    stopped: Callable[[], bool] = lambda: False,
) -> Canary | None:
    """Train the first epoch of one member again, alone, and compare its metrics.

    Of the members the one with the lowest training loss after its first epoch is taken: what
    rounds differently grows least there. Where a CPU loops over members the same bits are due,
    otherwise the same values within `TOLERANCE`: the network is then trained by a program of
    width 1, because chunks have been wrong, not just rounded (jax #27591).

    Args:
        whole: the plan.
        program: number of the program.
        population: its compiled program.
        shared: the arrays that it reads.
        trained: number -> record of its members that are trained.
        metrics: the metrics of the study record.
        stopped: asked every few seconds whether to give up.

    Returns:
        None where nothing can be compared, it would cost more than `SHARE`, or it was given up.
    """
    first = {number: record.curves[0] for number, record in trained.items() if record.epochs}
    finite = {number: curve for number, curve in first.items() if np.isfinite(curve[0, 0])}
    if not finite or SHARE * sum(record.epochs for record in trained.values()) < 1:
        return None
    member = min(finite, key=lambda number: (finite[number][0, 0], number))
    known = whole.programs[program]
    alone = population if population.width == 1 else Population(known.training, 1, known.options)
    found = trained_alone(whole, program, alone, shared, member, 1, stopped)
    if found is None:
        return None
    again = curves_of(known, metrics, np.asarray(found[1].history)[:1])[0]
    if population.width == 1 and whole.device.platform == "cpu":
        agrees = np.array_equal(again, finite[member], equal_nan=True)
    else:
        loss, expected = again[0, 0], finite[member][0, 0]
        agrees = bool(abs(loss - expected) <= TOLERANCE * max(abs(expected), 1e-3))
    message = ""
    if not agrees:
        message = (
            f"network {member} of program {program + 1} came to a training loss of "
            f"{finite[member][0, 0]:.9g} after its first epoch, and to {again[0, 0]:.9g} when it "
            "was trained again alone"
        )
    return Canary(program, member, trained[member].identity, bool(agrees), message)


def unchecked(whole: Plan, record: StudyRecord, trained: Collection[int]) -> list[int]:
    """The programs that need a canary: something of them was trained now, or they have none.

    Args:
        whole: the plan.
        record: of the study, with what earlier runs found.
        trained: the members that were trained now.
    """
    known = {canary["identity"] for canary in _known(record)}
    now = set(trained)
    return [
        number
        for number, program in enumerate(whole.programs)
        if not now.isdisjoint(program.members)
        or known.isdisjoint(record.members[member].identity for member in program.members)
    ]


def verdicts(record: StudyRecord, canaries: Sequence[Canary]) -> list[dict[str, Any]]:
    """What earlier runs and this one found, as far as it is about members of this study.

    A verdict stays with its member: one that disagreed is not forgotten by a later run.
    """
    for canary in canaries:
        if canary.agrees is False:
            warnings.warn(canary.message, RuntimeWarning, stacklevel=2)
    now = {canary.identity for canary in canaries if canary.agrees is not None}
    told = [
        canary
        for canary in _known(record)
        if canary["identity"] not in now or canary["agrees"] is False
    ]
    return told + [asdict(canary) for canary in canaries]


def _known(record: StudyRecord) -> list[dict[str, Any]]:
    """What earlier runs found of the members of a study."""
    members = {member.identity for member in record.members}
    found = record.findings.get("canaries", ())
    return [canary for canary in found if canary.get("identity") in members]
