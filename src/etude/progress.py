"""Progress of a run on standard error."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from etude.execution.run import Event, Watcher


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
        yield _line


def _line(event: Event) -> None:
    if event.stage == "compile":
        todo = event.members - event.reused
        print(
            f"{event.members} networks in {event.programs} program"
            f"{'s' if event.programs != 1 else ''}: {event.reused} found, {todo} to train",
            file=sys.stderr,
            flush=True,
        )


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
        began = 0.0

        def watch(event: Event) -> None:
            nonlocal began
            todo = event.members - event.reused
            if event.stage == "compile":
                bar.update(task, description="compiling", total=todo, completed=0)
                return
            began = began or time.monotonic()
            left = ""
            if 0 < event.finished < todo:
                seconds = (time.monotonic() - began) / event.finished * (todo - event.finished)
                left = f"{seconds:.0f} s left" if seconds < 90 else f"{seconds / 60:.0f} min left"
            bar.update(
                task, description="training", total=todo, completed=event.finished, left=left
            )

        yield watch
