"""Progress of a run on standard error."""

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from etude.evidence.rounding import printable
from etude.execution.event import Event, Watcher

SILENCE = 30.0
"""Seconds between two lines where there is no terminal to draw a bar on."""


@contextmanager
def watching(quiet: bool = False) -> Iterator[Watcher]:
    """A watcher that draws a progress bar on a terminal, and says little elsewhere.

    Args:
        quiet: say nothing at all.
    """
    if quiet:
        yield lambda event: None
    elif sys.stderr.isatty():
        yield from _bar()
    else:
        yield _lines()


def _lines() -> Watcher:
    """Says what is to be done, and then how far it is, not more often than twice a minute."""
    told = math.inf

    def watch(event: Event) -> None:
        nonlocal told
        todo = event.members - event.reused
        if event.note:
            _say(event.note)
        elif event.stage == "compile":
            told = time.monotonic()
            part = f"{event.part}: " if event.part else ""
            _say(
                f"{part}{event.members} networks in {event.programs} program"
                f"{'s' if event.programs != 1 else ''}: {event.reused} found, {todo} to train"
            )
        elif time.monotonic() - told > SILENCE and event.left is not None:
            told = time.monotonic()
            _say(f"{event.finished} of {todo} trained, {time_left(event.left)}")

    return watch


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr, flush=True)


def time_left(seconds: float) -> str:
    """About how long it still takes, in words.

    Example:
        >>> time_left(42.3), time_left(600.0), time_left(9000.0)
        ('42 s left', '10 min left', '2.5 h left')
    """
    if seconds < 90:
        return f"{seconds:.0f} s left"
    return f"{seconds / 60:.0f} min left" if seconds < 5400 else f"{seconds / 3600:.1f} h left"


def _bar() -> Iterator[Watcher]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("preparing", total=None, left="")

        def watch(event: Event) -> None:
            def described(stage: str) -> str:
                return f"{event.part}: {stage}" if event.part else stage

            todo = event.members - event.reused
            if event.note:
                bar.console.print(printable(event.note), markup=False, highlight=False)
                return
            if event.stage == "compile":
                bar.update(task, description=described("compiling"), total=todo, completed=0)
                return
            left = "" if event.left is None else time_left(event.left)
            bar.update(
                task,
                description=described("training"),
                total=todo,
                completed=event.finished,
                left=left,
            )

        yield watch
