"""How seconds and memory grow with members, cores and width."""

import math
import statistics
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from measuring.etude_runs import EtudeRuns
from measuring.peers import ask
from measuring.results_file import table
from measuring.rounds import Measured, spread
from rows.options import Options
from sides.gemm import ONE_THREAD, PROCESSES

MEMBERS = (1, 5, 20, 100, 500, 2_000, 10_000)
WIDTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
FOLDS, BATCH, HIDDEN = 5, 32, 32
KINK = 1.3
"""A doubling that costs so many times more, or less, than its neighbours is called a kink."""


class Point(NamedTuple):
    """One size and what it took, round by round.

    Attributes:
        size: members or width.
        seconds: of the whole run, or of one step.
        parts: seconds of compiling and of running.
        peak: bytes of memory.
        products: seconds that the matrix products of a step take in a loop of their own; 0 where
            nobody measured them.
    """

    size: int
    seconds: list[float]
    parts: list[tuple[float, float]]
    peak: int
    products: float = 0.0


def growth(options: Options) -> str:
    """Tables of all three, and a picture."""
    repeats = options.repeats
    sizes = MEMBERS[:2] if options.quick else MEMBERS
    members = [_members(size, repeats, options) for size in sizes]
    cores = _cores(5 if options.quick else 1_000, repeats, options)
    chosen = WIDTHS[3:5] if options.quick else WIDTHS
    widths = [_width(width, repeats, options) for width in chosen]
    _draw(members, widths, options.pictures / "growth.svg")
    return "\n\n".join(
        [
            _members_text(members),
            cores,
            _widths_text(widths),
            "![Seconds by members, and microseconds a step by width](growth.svg)",
        ]
    )


def _study(members: int, widths: list[int], epochs: int) -> str:
    """A study of so many members: five folds where there are more than one."""
    choices = max(1, members // FOLDS)
    rates = [float(f"{rate:.6g}") for rate in np.geomspace(1e-4, 1e-2, choices)]
    validation = f"name = 'kfold'\nfolds = {FOLDS}" if members > 1 else "name = 'holdout'"
    return f"""
name = "growth"
[data]
name = "digits"
[model]
name = "mlp"
widths = {widths}
[loss]
name = "cross_entropy"
[algorithm]
name = "adam"
learning_rate = {{ grid = {sorted(set(rates))} }}
batch_size = {BATCH}
epochs = {epochs}
[validation]
{validation}
"""


def _members(size: int, repeats: int, options: Options) -> Point:
    own = EtudeRuns(_study(size, [HIDDEN], 5), options.folder / f"members-{size}")
    own.warm()
    found: list[Measured] = []
    parts = []
    for _ in range(repeats):
        found.append(own.warm())
        parts.append((own.last["seconds"]["compile"], own.last["seconds"]["run"]))
        options.tell(f"  {size} members: {found[-1].seconds:.1f} s")
    return Point(size, [one.seconds for one in found], parts, max(one.peak for one in found))


def _cores(size: int, repeats: int, options: Options) -> str:
    runs = {
        workers: EtudeRuns(
            _study(size, [HIDDEN], 5), options.folder / f"workers-{workers}", workers
        )
        for workers in (1, 2)
    }
    for own in runs.values():
        own.warm()
    found: dict[int, list[Measured]] = {1: [], 2: []}
    for _ in range(repeats):
        for workers, own in runs.items():
            found[workers].append(own.warm())
    faster = {
        part: [
            getattr(one, part) / getattr(two, part)
            for one, two in zip(found[1], found[2], strict=True)
        ]
        for part in ("seconds", "training")
    }
    rows = [
        (
            str(workers),
            spread([one.seconds for one in measured]),
            spread([one.training for one in measured]),
        )
        for workers, measured in found.items()
    ]
    return (
        f"**Cores**: {size:,} networks with one and with two workers.\n\n"
        + table(("workers", "seconds", "of these training"), rows, right=(0, 1, 2))
        + f"\n\nTwo are faster by {spread(faster['seconds'], 2, '×')}, in training by "
        f"{spread(faster['training'], 2, '×')}."
    )


def _width(width: int, repeats: int, options: Options) -> Point:
    epochs = 1 if options.quick else max(2, min(40, 4096 // width))
    asked = {"study": _study(FOLDS, [width], epochs), "workers": 1}
    cache = {"XDG_CACHE_HOME": str(options.folder / "widths")}
    if not options.quick:
        ask("etude_study", asked, cache)
    steps, parts, peaks = [], [], []
    for _ in range(repeats):
        answer, _, peak = ask("etude_study", asked, cache)
        steps.append(answer["seconds"] / answer["steps"])
        parts.append((answer["compile"], answer["run"]))
        peaks.append(peak)
    options.tell(f"  width {width}: {1e6 * statistics.median(steps):.1f} µs a step")
    return Point(width, steps, parts, max(peaks), _products(width, options.quick))


def _products(width: int, quick: bool) -> float:
    """Seconds of a step's matrix products at the rate of the first one, batch × 64 by 64 × w."""
    # A call of NumPy costs 1 µs, one of JAX many times what a small product takes.
    work = {"library": "numpy", "rows": BATCH, "inner": 64, "columns": width}
    answer, _, _ = ask("gemm", work | {"seconds": 0.2 if quick else 1.0}, ONE_THREAD)
    return 1e-9 * _operations(width) / (answer["score"] / PROCESSES)


def _members_text(points: list[Point]) -> str:
    rows = []
    for place, point in enumerate(points):
        middle = statistics.median(point.seconds)
        compiling, running = (
            statistics.median(part[which] for part in point.parts) for which in (0, 1)
        )
        before = points[place - 1] if place else None
        rows.append(
            (
                f"{point.size:,}",
                spread(point.seconds),
                f"{compiling:.1f}",
                f"{running:.1f}",
                f"{middle - compiling - running:.1f}",
                f"{1e3 * running / point.size:.2f}",
                "" if before is None else f"{_exponent(before, point):.2f}",
                f"{point.peak / 2**20:.0f}",
            )
        )
    head = (
        "members",
        "seconds",
        "loading programs",
        "running",
        "the rest",
        "running, ms a member",
        "grows with the power",
        "peak MiB",
    )
    return (
        f"**Members**: networks of 64-{HIDDEN}-10 units on digits, Adam, 5 epochs in batches of "
        f"{BATCH}, {FOLDS} folds (one member: a holdout split), `etude run` with a warm cache and "
        "two workers. Running is training, evidence and store; the rest imports, planning and "
        f"printing.\n\n{table(head, rows, right=range(8))}\n\n{_member_kinks(points)}"
    )


def _exponent(before: Point, after: Point) -> float:
    """p where seconds grow as members to the power p between two points."""
    return math.log(
        statistics.median(after.seconds) / statistics.median(before.seconds)
    ) / math.log(after.size / before.size)


def _member_kinks(points: list[Point]) -> str:
    """Where it grows faster than members do, and which part does."""
    told = []
    for before, after in pairwise(points):
        factor = after.size / before.size
        ratio = statistics.median(part[1] for part in after.parts) / statistics.median(
            part[1] for part in before.parts
        )
        if ratio > KINK * factor:
            told.append(f"from {before.size:,} to {after.size:,} running grows {ratio:.0f} times")
    if not told:
        return (
            f"Nowhere does running grow more than {KINK} times as fast as members do; what is flat "
            "at the left is what every run costs."
        )
    return "Faster than members do: " + "; ".join(told) + "."


def _operations(width: int) -> float:
    """Of a step, by matrix products (the gradient of the network's inputs is not taken)."""
    return 2 * BATCH * (3 * (64 * width + width * 10) - 64 * width)


def _widths_text(points: list[Point]) -> str:
    rows = []
    for point in points:
        middle = statistics.median(point.seconds)
        rows.append(
            (
                f"{point.size:,}",
                spread([1e6 * step for step in point.seconds]),
                f"{1e-9 * _operations(point.size) / middle:.1f}",
                f"{1e6 * point.products:.1f}",
                f"{1e6 * (middle - point.products):.1f}",
                f"{12 * (75 * point.size + 10) / 2**10:.0f}",
                f"{point.peak / 2**20:.0f}",
            )
        )
    head = (
        "width",
        "µs a step",
        "GFLOP/s",
        "its products alone, µs",
        "beyond them, µs",
        "weights and Adam's averages, KiB",
        "peak MiB",
    )
    kinks = []
    for before, middle, after in zip(points, points[1:], points[2:], strict=False):
        first = statistics.median(middle.seconds) / statistics.median(before.seconds)
        second = statistics.median(after.seconds) / statistics.median(middle.seconds)
        if max(second / first, first / second) > KINK:
            kinks.append(f"{middle.size} (a step takes {first:.2f} and then {second:.2f} times)")
    return (
        f"**Width**: networks of 64-w-10 units, one worker, batches of {BATCH}; a step with its "
        "share of measuring loss and accuracy after every epoch. Its products alone: at the rate "
        f"of {BATCH} × 64 by 64 × w in NumPy, one thread. What the step takes beyond them is Adam, "
        "which reads and writes the averages of every weight, the loss, gathering rows, and "
        "measuring. A narrow network costs what these cost for any width. From where weights and "
        "averages outgrow the caches of a core, a step waits for memory: its share beyond the "
        "products then grows faster than the width does."
        "\n\n"
        + table(head, rows, right=range(7))
        + (
            f"\n\nKinks, where a doubling costs {KINK} times more or less than the doubling "
            f"before: at {', '.join(kinks)}."
            if kinks
            else f"\n\nNo doubling costs {KINK} times more or less than the one before."
        )
    )


def _draw(members: list[Point], widths: list[Point], file: Path) -> None:
    import altair
    import polars

    def panel(points: list[Point], x: str, y: str, factor: float) -> altair.Chart:
        frame = polars.DataFrame(
            {
                x: [point.size for point in points],
                y: [factor * statistics.median(point.seconds) for point in points],
            }
        )
        axis = altair.Axis(grid=True, tickCount=6)
        return (
            altair.Chart(frame, width=300, height=240)
            .mark_line(point=True)
            .encode(
                altair.X(x, type="quantitative", scale=altair.Scale(type="log"), axis=axis),
                altair.Y(y, type="quantitative", scale=altair.Scale(type="log"), axis=axis),
            )
        )

    altair.hconcat(
        panel(members, "members", "seconds", 1.0),
        panel(widths, "width", "µs a step", 1e6),
    ).save(str(file))
