"""The command line in this process, watched."""

import contextlib
import io
import resource
import signal
import sys
from dataclasses import dataclass
from typing import Any

from etude import cli

PATIENCE = 120
"""Whoever has no answer after so many seconds takes the command line for hung."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended, what it wrote, and by how many bytes the process grew meanwhile."""

    code: Any
    out: str
    err: str
    grown: int


def run_etude(*arguments: Any) -> Outcome:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    handlers = {number: signal.getsignal(number) for number in signals}
    before, sys.argv = sys.argv, ["etude", *map(str, arguments)]
    peak = peak_bytes()
    signal.signal(signal.SIGALRM, _hung)
    signal.alarm(PATIENCE)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as ended:
        return Outcome(ended.code or 0, out.getvalue(), err.getvalue(), peak_bytes() - peak)
    finally:
        signal.alarm(0)
        sys.argv = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
    raise AssertionError("the command line ends by SystemExit")


def peak_bytes() -> int:
    """The most memory that this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _hung(*_: Any) -> None:
    raise AssertionError(f"no answer within {PATIENCE} s")
