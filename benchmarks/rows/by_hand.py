"""A population beside a jitted JAX loop written by hand, which trains one network after another."""

import statistics
from typing import Any

import numpy as np

from measuring.etude_runs import EtudeRuns
from measuring.peers import measured
from measuring.results_file import table
from measuring.rounds import Aim, Measured, Side, comparison, in_rounds, ratios, spread
from rows.options import Options

OWN, HAND = "Étude warm", "JAX by hand, one network after another, warm"
SLOWER = 1.1
"""By which factor a single network may train slower than by hand."""


def study(work: dict[str, Any]) -> str:
    """The work as a study file."""
    return f"""
name = "by-hand"
seeds = {work["seeds"]}
[data]
name = "digits"
[model]
name = "mlp"
widths = {work["widths"]}
[loss]
name = "cross_entropy"
[algorithm]
name = "adam"
learning_rate = {{ grid = {work["rates"]} }}
epochs = {work["epochs"]}
batch_size = {work["batch_size"]}
[validation]
name = "holdout"
test = 0.2
"""


def population(options: Options) -> str:
    """Many networks on two cores, and one."""
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(options.folder / "by-hand"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    rates = [float(f"{rate:.6g}") for rate in np.geomspace(3e-4, 3e-2, 6 if options.quick else 60)]
    seeds, epochs = (2, 4) if options.quick else (8, 20)
    work = {"widths": [64], "rates": rates, "seeds": seeds, "epochs": epochs, "batch_size": 32}
    own = EtudeRuns(study(work), options.folder / "population")
    sides: dict[str, Side] = {
        OWN: own.warm,
        HAND: lambda: measured("jax_by_hand", work, environment=cache),
    }
    measured("jax_by_hand", work, environment=cache)
    rounds = in_rounds(sides, options.repeats, options.tell)
    aims = {HAND: [Aim(1.8, OWN, "training")]}
    return (
        f"{len(rates)} learning rates × {seeds} seeds = {len(rates) * seeds} networks of 64-64-10 "
        f"units on digits, Adam, {epochs} epochs in batches of 32, one holdout split. Both sides "
        "measure loss and accuracy after every epoch, on the test rows and on as many training "
        "rows. Training of Étude is all that its run does once programs are compiled: evidence and "
        "store included.\n\n"
        + comparison(rounds, (OWN,), aims, score="best accuracy", parts=("seconds", "training"))
        + "\n\n"
        + _single(options, cache)
    )


def _single(options: Options, cache: dict[str, str]) -> str:
    """Seconds of one network at a time, nothing beside it."""
    rows = []
    for width, epochs in ((64, 100), (512, 10))[: 1 if options.quick else 2]:
        epochs = 2 if options.quick else epochs
        work = {"widths": [width], "rates": [1e-3], "seeds": 6, "epochs": epochs, "batch_size": 32}
        asked = {"study": study(work), "workers": 1}
        mine = cache | {"XDG_CACHE_HOME": str(options.folder / "single")}
        sides: dict[str, Side] = {
            "Étude": lambda asked=asked, mine=mine: measured(
                "etude_study", asked, environment=mine
            ),
            "by hand": lambda work=work: measured("jax_by_hand", work, environment=cache),
        }
        if not options.quick:
            for side in sides.values():
                side()
        rounds = in_rounds(sides, options.repeats, options.tell)
        slower = ratios(rounds, "Étude", "by hand", "training")
        fits = statistics.median(slower) <= SLOWER
        rows.append(
            (
                f"64-{width}-10",
                _milliseconds(rounds["by hand"], 6),
                _milliseconds(rounds["Étude"], 6),
                spread(slower, 2, "×"),
                f"at most {SLOWER}×: {'reached' if fits else 'not reached'}",
            )
        )
    head = ("one network at a time", "by hand, ms", "Étude, ms", "Étude takes", "aim")
    return table(head, rows, right=(1, 2, 3)) + "\n\nThe mean of 6 networks, on one worker."


def _milliseconds(found: list[Measured], networks: int) -> str:
    return spread([1e3 * one.training / networks for one in found])
