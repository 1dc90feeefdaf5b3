"""Runs a side in a fresh process: its answer, its seconds, and the memory of its whole tree."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

SAMPLE_SECONDS = 0.1
GROWTH = 1.02
"""Shared pages are told apart only when resident memory has grown by this factor: it is slow."""


class Ran(NamedTuple):
    """What a process did.

    Attributes:
        output: what it wrote to standard output.
        wall: seconds from its start to its end.
        peak: bytes that it and its children took together at most, each shared page counted once.
    """

    output: str
    wall: float
    peak: int


def run(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a command to its end.

    Args:
        command: program and arguments.
        folder: where it runs.
        environment: variables set beside those of this process.

    Raises:
        subprocess.CalledProcessError: it failed; what it wrote to standard error is shown.
    """
    begin = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=folder,
        env=os.environ | dict(environment or {}),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        memory = _PeakMemory(process.pid)
        memory.start()
        output, _ = process.communicate()
        wall = time.perf_counter() - begin
        memory.ended.set()
        memory.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Ran(output, wall, memory.peak)


class _PeakMemory(threading.Thread):
    """Watches a process and all that it starts."""

    def __init__(self, number: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(number)
        self._resident = 0.0
        self.peak = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            with suppress(psutil.Error):
                self._look([self._root, *self._root.children(recursive=True)])

    def _look(self, tree: list[psutil.Process]) -> None:
        resident = 0
        for process in tree:
            with suppress(psutil.Error):
                resident += process.memory_info().rss
        if resident <= GROWTH * self._resident:
            return
        self._resident = resident
        total = 0
        for process in tree:
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                # Only Linux tells the proportional size.
                total += getattr(memory, "pss", memory.rss)
        self.peak = max(self.peak, total)
