"""What a study may come to: told before anything is computed for it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from etude.engine.device import Device, device_bytes
from etude.errors import InputError

MOST_MEMBERS = 1_000_000
"""A study may have at most this many members."""

MOST_PROGRAMS = 2_000
"""A study may come to at most this many programs, for each is traced and compiled."""

MOST_STEPS = 2**31 - 1
"""Steps and places in arrays are counted in 32 bits."""

CONTAINER_LIMITS = (
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""Where Linux says how much memory a container may take."""

GENEROSITY = 4
"""The estimate of what training takes counts arrays that a compiler never makes."""


def check_members(choices: int, splits: int, seeds: int, members: int) -> None:
    """Raise an `InputError` when a study has more members than can be kept in order."""
    if members > MOST_MEMBERS:
        raise InputError(
            f"a study may have at most {MOST_MEMBERS:,} members, got {members:,}: {choices:,} "
            f"choices on up to {splits:,} splits with `seeds` = {seeds:,}"
        )


def check_programs(programs: int) -> None:
    """Raise an `InputError` when there would be more programs than anyone can compile."""
    if programs > MOST_PROGRAMS:
        raise InputError(
            f"a study may come to at most {MOST_PROGRAMS:,} programs, got more: sweep fewer "
            "values of sizes such as `widths`, `batch_size` or `epochs`, each of which takes a "
            "program of its own"
        )


def check_steps(epochs: int, batches: int) -> None:
    """Raise an `InputError` when the steps of a member cannot be counted."""
    if epochs * batches > MOST_STEPS:
        raise InputError(
            f"`epochs` must come to at most {MOST_STEPS:,} steps, got {epochs:,} of "
            f"{batches:,} batches each"
        )


def check_splits(data: str, rows: int, splits: Sequence[Any], device: Device) -> None:
    """Raise an `InputError` when the rows of all splits take too much memory."""
    # For training a weight and a place in the order; for judging a number and three weights.
    places = max(split.validation.size + split.test.size for split in splits)
    needed = (8 * rows + 16 * min(rows, 2 * places)) * len(splits)
    room = _room(device)
    if needed > room:
        raise InputError(
            f"`data` {data} of {rows:,} rows in {len(splits):,} splits takes "
            f"{_told(needed)} of memory, and there are {_told(room)}: have fewer splits"
        )


def check_judged(data: str, rows: int, judged: int, row_bytes: int, device: Device) -> None:
    """Raise an `InputError` when the rows that judge take too much memory.

    Args:
        data: name of data whose rows are streamed.
        rows: how many there are.
        judged: how many of them some split evaluates; these stay in memory.
        row_bytes: what a row takes.
        device: where they are evaluated.
    """
    room = _room(device)
    if judged * row_bytes > room:
        raise InputError(
            f"`data` {data} is larger than memory, so that rows which judge must fit in it: "
            f"{judged:,} of {rows:,} rows do in some split, which take "
            f"{_told(judged * row_bytes)}, and there are {_told(room)}: hold fewer out, for "
            'example by `name = "holdout"` and a small `test` under [validation]'
        )


def most_together(carried: int, device: Device) -> int:
    """How many members may train on one block after the other, by what each carries along.

    Args:
        carried: bytes of a member between two segments.
        device: where they train.
    """
    return max(1, _room(device) // 4 // max(1, carried))


def check_training(program: Any, data: int, device: Device) -> None:
    """Raise an `InputError` when a program needs more memory than there is.

    Weights, gradient and change are needed in any case, and so is the history of every epoch.

    Args:
        program: what is to be trained.
        data: bytes of the arrays that it reads.
        device: where it trains.
    """
    training, task = program.training, program.task
    history = 4 * 3 * task.all_epochs * max(part.stop for part in training.columns)
    least = data + program.width * (3 * 4 * training.parameters + history)
    needed = max(least, (data + program.width * training.bytes) // GENEROSITY)
    room = _room(device)
    if needed > room or training.parameters > MOST_STEPS:
        raise InputError(
            f"`model` {task.model.name} of {training.parameters:,} parameters with `batch_size` "
            f"{task.batch_size:,} and `epochs` {task.epochs:,} takes {_told(needed)} of memory to "
            f"train, and there are {_told(room)}"
        )


def check_waiting(search: str, needed: int, free: int | None, store: str) -> None:
    """Raise an `InputError` when networks that wait at a rung take more than a store has room for.

    Args:
        search: name of the search that lets them wait.
        needed: what they take, in bytes.
        free: bytes left on the disk of the store; None where it is no file.
        store: its address.
    """
    place = f"on the disk of {store}"
    if store == ":memory:":
        free, place = machine_bytes() // 2, "in memory, which a store in a file need not fit in"
    if free is not None and needed > free:
        raise InputError(
            f"`search` {search} keeps the networks that wait at a rung, which take "
            f"{_told(needed)}, and there are {_told(free)} {place}: have it begin with fewer "
            "choices, or choose random"
        )


def machine_bytes() -> int:
    """The memory of this machine, or of the container that this is, in bytes."""
    limits = [2**63]
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        limits.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for place in CONTAINER_LIMITS:
        try:
            text = Path(place).read_text().strip()
        except OSError:
            continue
        if text.isdecimal():
            limits.append(int(text))
    return min(limits)


def _room(device: Device) -> int:
    return machine_bytes() if device.platform == "cpu" else device_bytes()


def _told(size: int) -> str:
    unit, name = (2**30, "GiB") if size >= 10 * 2**30 else (2**20, "MiB")
    return f"{size / unit:,.0f} {name}"
