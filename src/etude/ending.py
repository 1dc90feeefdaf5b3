"""How the command line ends: exit codes, interrupts, and failures told in one message."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from etude.terminal import tell_error

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130


@contextmanager
def told_plainly() -> Iterator[None]:
    """Every expected failure as one message and an exit code, never a traceback.

    SIGINT and SIGTERM are interrupts: a run stops at a border, keeps what it has, and can go on.
    """
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except BrokenPipeError:
        # The reader of a pipe has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except SystemExit:
        # Typer turns an interrupt that nobody caught into an exit of its own.
        if _interrupted:
            sys.exit(INTERRUPTED)
        raise
    except Exception as error:
        sys.exit(_exit_code(error))


_interrupted = False


def _interrupt(*_: Any) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def _exit_code(error: Exception) -> int:
    from etude.errors import InputError

    if isinstance(error, InputError):
        return _failed(BAD_INPUT, str(error))
    if isinstance(error, OSError):
        place = f" {error.filename}:" if error.filename else ""
        return _failed(FAILED, f"{place} {error.strerror or error}".strip())
    from etude.execution.event import Interrupted
    from etude.store.errors import StoreError

    if isinstance(error, Interrupted):
        tell_error(f"{error}; run the same command again to go on")
        return INTERRUPTED
    if isinstance(error, StoreError | MemoryError):
        return _failed(FAILED, str(error) or "out of memory")
    raise error


def _failed(code: int, reason: str) -> int:
    tell_error(f"error: {reason}")
    return code
