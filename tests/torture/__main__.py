"""`python -m torture`: everything that can go wrong with a store, and the counts at the end.

Options: `--quick` for a tenth of it.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from etude.engine.cache import use_compilation_cache
from torture import damage, disk, kills, runs, writes

COUNTS = (
    "writes failed",
    "power cuts",
    "kills",
    "stops",
    "disks full",
    "pairs of processes",
    "stores damaged",
    "journals damaged",
    "damage refused",
    "damage harmless",
    "foreign files refused",
    "runs disturbed",
)


def main() -> int:
    """Torture, tell, and say whether anything was lost: 0 for nothing."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it")
    quick = parser.parse_args().quick
    begin = time.monotonic()
    total: Counter[str] = Counter({"results lost": 0, "wrong answers": 0, "tables bit-equal": 0})
    with tempfile.TemporaryDirectory(prefix="etude-torture-") as name:
        folder = Path(name)
        use_compilation_cache(folder / "programs")
        for text in (runs.SMALL, runs.LARGER):
            with runs.compiled_once(text) as run:
                place = folder / str(len(text))
                place.mkdir()
                for what, torment in _torments(text, run, place, folder / "programs", quick):
                    started = time.monotonic()
                    counts = torment()
                    total.update(counts)
                    told = ", ".join(f"{number} {count}" for count, number in counts.items())
                    print(f"{what}: {told} ({time.monotonic() - started:.0f} s)", flush=True)
    print()
    for count in COUNTS:
        print(f"{total[count]:>8}  {count}")
    print(f"{total['tables bit-equal']:>8}  tables bit-equal to the undisturbed run")
    print(f"{total['results lost']:>8}  results lost")
    print(f"{total['wrong answers']:>8}  wrong answers")
    print(f"{time.monotonic() - begin:>8.0f}  seconds")
    lost = total["results lost"] + total["wrong answers"]
    return int(lost > 0 or total["tables bit-equal"] != total["runs disturbed"])


def _torments(
    text: str, run: runs.Run, folder: Path, programs: Path, quick: bool
) -> list[tuple[str, Callable[[], Counter[str]]]]:
    calm = folder / "calm.db"
    watched: list[object] = []
    run(calm, watch=watched.append)
    expected = runs.contents(calm)
    bench = kills.Bench(text, run, expected, folder, programs)
    part = 10 if quick else 1
    events = range(1, len(watched) + 1, 3 if quick else 1)
    if text == runs.LARGER:
        torments: list[tuple[str, Callable[[], Counter[str]]]] = [
            ("kill -9 at random moments", lambda: kills.killed_at_random(bench, 100 // part)),
            ("two processes on one store", lambda: kills.two_at_once(bench, 4 // part + 1)),
            ("two studies on one store", lambda: kills.two_studies(bench, runs.SMALL)),
        ]
        if disk.library() is not None:
            torments.append(
                ("power cut", lambda: writes.cut_power(run, folder, expected, 1, 20 * part))
            )
        return torments
    content = calm.read_bytes()
    copies = {
        "bytes changed": damage.changed_bytes(content, 600 // part, random.Random(0)),
        "headers changed": iter(list(damage.changed_header(content))[::part]),
        "stores shortened": iter(list(damage.shortened(content, 100, random.Random(0)))[::part]),
    }
    sizes = range(4096, len(content), len(content) // (2 if quick else 8))
    torments = [
        ("kill -9 at every event", lambda: kills.killed_at(bench, "event", events)),
        ("SIGTERM at every event", lambda: kills.stopped_at(bench, "term", events)),
        ("Ctrl-C at every event", lambda: kills.stopped_at(bench, "int", events)),
        ("no room", lambda: kills.out_of_room(bench, sizes)),
        *(
            (what, lambda some=some: damage.damaged_stores(calm, expected, folder / "copy", some))
            for what, some in copies.items()
        ),
        ("foreign files", lambda: damage.foreign_files(calm, folder / "foreign")),
    ]
    if disk.library() is not None:
        torments += [
            (
                f"every write fails: {mode}",
                lambda mode=mode: writes.fail_writes(run, folder, expected, mode, part),
            )
            for mode in writes.MODES
        ]
        every = range(1, writes.operations(run, folder) + 1, 8 * part)
        torments += [
            ("kill -9 between writes", lambda: kills.killed_at(bench, "write", every)),
            ("power cut", lambda: writes.cut_power(run, folder, expected, 3, 10 * part)),
            (
                "journals damaged",
                lambda: damage.damaged_journals(run, expected, folder / "journal", 300 // part),
            ),
        ]
    return torments


if __name__ == "__main__":
    sys.exit(main())
