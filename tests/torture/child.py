"""A run in a process of its own, as `etude run` does it, that ends before its time.

`python -m torture.child STUDY STORE CACHE HOW [NUMBER]`, where HOW is

- end: it runs to its end;
- event, write: it kills itself when the event or before the operation of this number;
- term, int: the signal comes with the event of this number;
- full: no file may grow beyond this number of bytes.

Every result is a transaction of its own and every epoch ends with a checkpoint. Each event is
told on standard output: how many results are reported as saved.
"""

import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock


def main(study: str, store: str, cache: str, how: str, number: str = "0") -> None:
    """Run, and end as told."""
    import etude.interface
    from etude import cli
    from etude.engine.cache import use_compilation_cache
    from etude.execution import run as running
    from etude.execution import workers
    from torture.disk import Disk, Operation, under_sqlite

    use_compilation_cache(Path(cache))
    last, whole = int(number), etude.interface.train
    ends = {"event": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT}
    events = 0

    def train(*arguments: Any, watch: Any, **options: Any) -> Any:
        def told(event: Any) -> None:
            nonlocal events
            events += 1
            print(event.stage, event.reused + event.finished, flush=True)
            if how in ends and events == last:
                os.kill(os.getpid(), ends[how])

        return whole(*arguments, watch=told, **options)

    class Deadly(Disk):
        def asked(self, operation: Operation) -> int:
            if self.count + 1 == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().asked(operation)

    if how == "full":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (last, last))
    sys.argv = ["etude", "run", study, "--store", store, "--workers", "1", "--quiet"]
    disk: Any = under_sqlite(Deadly()) if how == "write" else nullcontext()
    with (
        disk,
        mock.patch.object(etude.interface, "train", train),
        mock.patch.object(running, "SAVE_SECONDS", 0.0),
        mock.patch.object(workers, "SEGMENT_SECONDS", 0.0),
    ):
        cli.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
