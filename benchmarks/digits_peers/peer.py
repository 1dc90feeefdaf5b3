"""Runs the peers, each in a process of its own, so that its start-up can be told apart."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from digits_peers.work import Work, decode

BENCHMARKS = Path(__file__).parent.parent


class Run(NamedTuple):
    """What a peer did.

    Attributes:
        accuracies: on the test rows, of every job of the work in turn.
        wall: seconds from the start of its process to the end.
        training: seconds of these after its imports.
    """

    accuracies: list[float]
    wall: float
    training: float

    def wall_for_all(self, share: float) -> float:
        """The seconds for all the work where this was a share of it: start-up counts once."""
        return self.wall - self.training + self.training / share


def run_peer(side: str, work: Work, timeout: float | None = None) -> Run:
    """Run a peer in a new process.

    Args:
        side: "torch" or "sklearn".
        work: what it trains.
        timeout: seconds after which it is stopped.

    Raises:
        subprocess.TimeoutExpired: it took longer.
    """
    command = [sys.executable, "-m", f"digits_peers.{side}_side", work.to_json()]
    settings: dict[str, Any] = {"cwd": BENCHMARKS, "stdout": subprocess.PIPE, "text": True}
    begin = time.perf_counter()
    done = subprocess.run(command, check=True, timeout=timeout, **settings)
    wall = time.perf_counter() - begin
    answer = decode(done.stdout)
    return Run(answer["accuracies"], wall, answer["seconds"])
