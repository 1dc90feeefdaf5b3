"""In which order the members of a plan are trained, and which of them in one go."""

import hashlib
from collections.abc import Container

from etude.engine.plan import Plan, Program

Work = list[tuple[int | None, list[int]]]
"""Chunks that are to be trained, each with its program; estimators have none."""


def work_of(whole: Plan, wanted: Container[int]) -> Work:
    """The chunks of some members.

    One chunk of every program comes first, so that all are soon measured; of the others the
    long ones do, so that the workers end together. Choices follow one another in an order
    that has nothing to do with their values: the first ones tell how long the others take.

    Args:
        whole: the plan.
        wanted: the members that are to be trained.
    """
    firsts: Work = []
    others: Work = []
    programs, workers = whole.programs, whole.device.workers
    for number in sorted(range(len(programs)), key=lambda n: -programs[n].seconds):
        program = programs[number]
        missing = [member for member in program.members if member in wanted]
        missing.sort(key=lambda member: _shuffled(whole, member))
        if whole.materials[program.material].blocks is not None:
            size = program.together(whole.device)
            others += [(number, group) for group in _groups(missing, size, program, workers)]
            continue
        first, *rest = _lanes(missing, program.width, workers) or [[]]
        if first:
            firsts.append((number, first))
            others += [(number, chunk) for chunk in rest]
    fits = [member for member in whole.estimators if member in wanted]
    return firsts + [(None, [member]) for member in fits] + others


def _lanes(members: list[int], width: int, workers: int) -> list[list[int]]:
    """What is trained in one go: one after another, or side by side as long as any waits."""
    if width == 1:
        return [[member] for member in members]
    lanes = min(workers, -(-len(members) // width))
    return [members[lane::lanes] for lane in range(lanes)]


def _groups(members: list[int], size: int, program: Program, workers: int) -> list[list[int]]:
    """What trains together where blocks are streamed, once for each worker that is to help."""
    found = []
    for start in range(0, len(members), size):
        group = members[start : start + size]
        found += [group] * min(workers, -(-len(group) // program.width))
    return found


def _shuffled(whole: Plan, member: int) -> tuple[bytes, int]:
    """Sorts members by choice, the choices in no meaningful order."""
    choice = whole.members[member].choice
    return hashlib.sha256(choice.to_bytes(8, "big")).digest(), member
