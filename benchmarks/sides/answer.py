"""How a side is asked, and how it answers."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

Ready = TypeVar("Ready")


def answer(
    prepare: Callable[[dict[str, Any]], Ready],
    train: Callable[[Ready], dict[str, Any]],
    finish: Callable[[Ready], None] = lambda ready: None,
) -> None:
    """Do the work named on the command line; print what came of it and the seconds it took.

    Args:
        prepare: reads data, starts workers, compiles: start-up, which does not count as
            training and is not scaled where a side trains a share of the work.
        train: does the work; what it returns is printed, with its `seconds` unless it tells
            them itself.
        finish: ends what `prepare` has started.
    """
    ready = prepare(json.loads(sys.argv[1]))
    begin = time.perf_counter()
    found = train(ready)
    seconds = time.perf_counter() - begin
    finish(ready)
    print(json.dumps({"seconds": seconds} | found))
