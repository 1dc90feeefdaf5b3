"""How a member stood at the end of an epoch, from what is known of it since."""

from dataclasses import replace

import numpy as np

from etude.batch import ROLES
from etude.engine.plan import Plan
from etude.execution.record import single
from etude.store.identity import left_identity
from etude.store.records import ENDED, MemberRecord


def at_rung(
    whole: Plan,
    number: int,
    identity: str,
    record: MemberRecord,
    epochs: int,
    metrics: tuple[str, ...],
) -> MemberRecord:
    """The record of a member as it stood after so many epochs, however far it has come since.

    Args:
        whole: the plan.
        number: which member of the plan.
        identity: of the member trained to its end.
        record: of the member, trained for at least so many epochs or to its end.
        epochs: how many.
        metrics: the metrics of the study record, in its order.

    Returns:
        The record itself where the member had ended by then; else one with the status "left" and
        an identity of its own, with the first epochs of the curves and the values of the last, or
        of the best so far where the algorithm stops early. Its outputs are not kept.
    """
    if record.status in (*ENDED, "failed") and record.epochs <= epochs:
        return record
    program = whole.programs[whole.program_of[number]]
    choice = whole.choices[whole.members[number].choice]
    split = whole.materials[program.material].splits[whole.members[number].split]
    algorithm = choice.network[2]
    curves = record.curves[:epochs]
    stopping, best = algorithm.stopping, 0
    if stopping is not None:
        best = best_epoch(curves[:, ROLES.index("validation"), 0], stopping.min_delta)
    kept = curves[(best or epochs) - 1]
    has_rows = [getattr(split, role).size > 0 for role in ROLES]
    values: dict[str, dict[str, float | None]] = {}
    if np.all(np.isfinite(kept[has_rows, 0])):
        values = {
            role: dict(zip(metrics, map(single, row), strict=True))
            for role, row in zip(ROLES, kept.tolist(), strict=True)
        }
    steps = epochs * program.batches[record.split]
    return replace(
        record,
        identity=left_identity(identity, epochs),
        status="left",
        epochs=epochs,
        steps=steps,
        best_epoch=best,
        diverged_step=0,
        seconds=record.seconds * epochs / record.epochs,
        values=values,
        curves=curves,
        outputs=None,
    )


def best_epoch(losses: np.ndarray, min_delta: float) -> int:
    """The epoch that early stopping keeps of these, counted from 1; 0 where none was finite.

    Args:
        losses: `[epochs]` float32, on the validation rows.
        min_delta: by so much a loss must be below the best one before it.
    """
    best, kept = 0, np.float32(np.inf)
    for epoch, loss in enumerate(losses, 1):
        if loss < kept - np.float32(min_delta):
            best, kept = epoch, loss
    return best
