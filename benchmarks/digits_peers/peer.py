"""Runs the peers, each in a process of its own."""

import sys
from pathlib import Path

from digits_peers.work import Work, decode
from measuring.process import run

BENCHMARKS = Path(__file__).parents[1]


def accuracies(side: str, work: Work) -> list[float]:
    """The accuracies on the test rows of every job of the work in turn.

    Args:
        side: "torch" or "sklearn".
        work: what it trains.
    """
    command = [sys.executable, "-m", f"digits_peers.{side}_side", work.to_json()]
    return decode(run(command, folder=BENCHMARKS).output)
