"""How a member stands, as a number inside programs."""

from enum import IntEnum


class Status(IntEnum):
    """Only a running member takes steps."""

    RUNNING = 0
    DONE = 1
    STOPPED = 2
    DIVERGED = 3
