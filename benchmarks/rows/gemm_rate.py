"""Populations of wider networks beside the rate at which the machine multiplies matrices."""

import statistics
from typing import NamedTuple

from measuring.peers import ask
from measuring.results_file import table
from measuring.rounds import spread
from rows.mlp_grid import write_table
from rows.options import Options
from sides.gemm import LIBRARIES, ONE_THREAD

INPUTS, CLASSES = 50, 5
NETWORKS, WORKERS = 8, 2
LARGE = (1024, 1024, 1024)
AIM = 0.5


class Shape(NamedTuple):
    """Networks of inputs-width-width-classes units, and the rows of a step."""

    width: int
    batch_size: int

    @property
    def products(self) -> list[tuple[int, int]]:
        """Inputs and outputs of every layer."""
        return [(INPUTS, self.width), (self.width, self.width), (self.width, CLASSES)]

    def step_operations(self) -> float:
        """Of one step: forward, gradients of weights, and of inputs but those of the network."""
        every = sum(inputs * outputs for inputs, outputs in self.products)
        return 2 * self.batch_size * (3 * every - INPUTS * self.width)

    def row_operations(self) -> float:
        """Of judging one row."""
        return 2 * sum(inputs * outputs for inputs, outputs in self.products)


def gemm_rate(options: Options) -> str:
    """GFLOP/s of populations, and of one large matrix product on the same cores."""
    rows = 2_000 if options.quick else 20_000
    file = options.folder / "table.npy"
    write_table(file, rows)
    cache = {"XDG_CACHE_HOME": str(options.folder / "cache")}
    widths = (64,) if options.quick else (64, 128, 256)
    shapes = [Shape(width, batch_size) for width in widths for batch_size in (32, 128)]
    asked = {shape: _study(shape, str(file), options.quick) for shape in shapes}
    for shape in () if options.quick else shapes:
        ask("etude_study", {"study": asked[shape], "workers": WORKERS}, cache)
    peaks: dict[str, list[float]] = {library: [] for library in LIBRARIES}
    alike: dict[Shape, list[float]] = {shape: [] for shape in shapes}
    reached: dict[Shape, list[float]] = {shape: [] for shape in shapes}
    for repeat in range(options.repeats):
        seconds = 0.2 if options.quick else 2.0
        for library in LIBRARIES:
            peaks[library].append(_gemm(library, LARGE, seconds))
        best = max(LIBRARIES, key=lambda library: statistics.median(peaks[library]))
        for shape in shapes if repeat % 2 == 0 else reversed(shapes):
            product = (shape.batch_size, shape.width, shape.width)
            alike[shape].append(_gemm(best, product, seconds / 2))
            answer, _, _ = ask("etude_study", {"study": asked[shape], "workers": WORKERS}, cache)
            judged = answer["judged_rows"] * answer["epochs"]
            operations = answer["steps"] * shape.step_operations()
            operations += judged * shape.row_operations()
            # The seconds are those of all networks over the workers.
            reached[shape].append(1e-9 * operations / answer["seconds"])
            options.tell(f"  round {repeat + 1}: {shape} {reached[shape][-1]:.1f} GFLOP/s")
    whole = [max(values) for values in zip(*peaks.values(), strict=True)]
    return _introduction(rows, peaks) + "\n\n" + _table(shapes, whole, alike, reached)


def _gemm(library: str, shape: tuple[int, int, int], seconds: float) -> float:
    work = dict(zip(("rows", "inner", "columns"), shape, strict=True))
    answer, _, _ = ask("gemm", work | {"library": library, "seconds": seconds}, ONE_THREAD)
    return answer["score"]


def _study(shape: Shape, file: str, quick: bool) -> str:
    epochs = 1 if quick else max(2, 640 // shape.width)
    rates = [round(1e-3 * (1 + number / NETWORKS), 6) for number in range(NETWORKS)]
    return f"""
name = "gemm-rate"
[data]
name = "table"
path = "{file}"
target = "50"
task = "classes"
[model]
name = "mlp"
widths = [{shape.width}, {shape.width}]
[loss]
name = "cross_entropy"
[algorithm]
name = "adam"
learning_rate = {{ grid = {rates} }}
batch_size = {shape.batch_size}
epochs = {epochs}
[validation]
name = "holdout"
test = 0.2
"""


def _introduction(rows: int, peaks: dict[str, list[float]]) -> str:
    told = ", ".join(f"{library} {spread(values)}" for library, values in peaks.items())
    return (
        f"{NETWORKS} networks of {INPUTS}-w-w-{CLASSES} units on a table of {rows:,} rows, Adam, "
        f"{WORKERS} at a time. Operations are counted from the shapes of matrix products: in a "
        "step 2 for each weight and row forward, as many for its gradient, as many for the "
        "gradient of the layer's inputs but not the network's; 2 for each row judged after an "
        "epoch. Adam's and the losses' own are left out, their seconds are not. Seconds are those "
        "of training alone. The machine's rate is that of 1024 × 1024 matrices in single "
        f"precision, two processes of one thread at once, in GFLOP/s: {told}; the fastest counts. "
        "Beside it that library's rate for the product in the middle of the network, "
        "batch × w by w × w, in a loop of its own."
    )


def _table(
    shapes: list[Shape],
    whole: list[float],
    alike: dict[Shape, list[float]],
    reached: dict[Shape, list[float]],
) -> str:
    lines = []
    for shape in shapes:
        shares = [own / rate for own, rate in zip(reached[shape], whole, strict=True)]
        same = [own / rate for own, rate in zip(reached[shape], alike[shape], strict=True)]
        fits = statistics.median(shares) >= AIM
        lines.append(
            (
                str(shape.width),
                str(shape.batch_size),
                spread(reached[shape]),
                spread(shares, 2),
                spread(alike[shape]),
                spread(same, 2),
                f"{AIM:g}: {'reached' if fits else 'not reached'}",
            )
        )
    head = (
        "width",
        "batch",
        "GFLOP/s",
        "of the machine's rate",
        "the middle product alone, GFLOP/s",
        "of that",
        "aim",
    )
    return table(head, lines, right=range(6))
