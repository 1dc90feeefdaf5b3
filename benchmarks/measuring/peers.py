"""A side that is a module of `sides`, run as `python -m` with its work as JSON."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from measuring.process import run
from measuring.rounds import Measured

BENCHMARKS = Path(__file__).parents[1]


def ask(
    module: str, work: Mapping[str, Any], environment: Mapping[str, str] | None = None
) -> tuple[dict[str, Any], float, int]:
    """Run a side: what it answers, its seconds from start to end, its peak memory in bytes."""
    command = [sys.executable, "-m", f"sides.{module}", json.dumps(work)]
    ran = run(command, folder=BENCHMARKS, environment=environment)
    return json.loads(ran.output.strip().splitlines()[-1]), ran.wall, ran.peak


def measured(
    module: str,
    work: Mapping[str, Any],
    share: float = 1.0,
    environment: Mapping[str, str] | None = None,
) -> Measured:
    """Run a side and scale it to all the work.

    Args:
        module: its name in `sides`.
        work: what it is to do.
        share: which share of all the work that is.
        environment: variables of its process.
    """
    answer, wall, peak = ask(module, work, environment)
    training = answer["seconds"] / share
    return Measured(wall - answer["seconds"] + training, training, peak, answer.get("score"), share)
