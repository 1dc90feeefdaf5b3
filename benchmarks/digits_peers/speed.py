"""How much longer the peers take for the same work, start-up of every process included."""

import os
import statistics
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from digits_peers import etude_side
from digits_peers.peer import Run, run_peer
from digits_peers.results_file import table
from digits_peers.work import RULES, SKLEARN_RULES, Work
from etude.file.write import write_study

TRIAL_SECONDS = 60
"""A way of PyTorch that takes longer for the trial is out."""

TORCH_WAYS = {
    "two processes of one thread": (2, 1),
    "one process of two threads": (1, 2),
}


class Round(NamedTuple):
    """Seconds for all the work of a peer, by each side, one after another."""

    cold: float
    warm: float
    peer: float


class Timing(NamedTuple):
    """What was measured against one peer.

    Attributes:
        peer: its name and how it ran.
        networks: of Étude.
        trained: networks that the peer trained.
        rounds: one for each repetition.
        startup: the share of the peer's seconds that its start-up took, at the median.
    """

    peer: str
    networks: int
    trained: int
    rounds: list[Round]
    startup: float


class Times(NamedTuple):
    """All that was measured.

    Attributes:
        timings: one for each peer.
        load: processes that wanted a core in the minute before; None where that is not told.
    """

    timings: list[Timing]
    load: float | None


def measure(work: Work, repeats: int, tell: Callable[[str], None]) -> Times:
    """Time all sides, `repeats` rounds.

    Args:
        work: all the work; `every` says what fraction PyTorch trains.
        repeats: rounds.
        tell: called with what is going on.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    tell("which way of PyTorch is the faster one")
    way = _faster_way_of_torch(work, tell)
    processes, threads = TORCH_WAYS[way]
    torch_work = replace(work, processes=processes, threads=threads)
    sklearn_work = replace(work, rules=SKLEARN_RULES, every=1)
    timings = []
    for side, name, part in (
        ("torch", f"PyTorch, {way}", torch_work),
        ("sklearn", "scikit-learn, two processes", sklearn_work),
    ):
        whole = replace(part, every=1)
        share = len(part.jobs()) / len(whole.jobs())
        rounds, startups = [], []
        for repeat in range(repeats):
            tell(f"round {repeat + 1} of {repeats} against {name}")
            cold, warm = _time_etude(whole)
            run = run_peer(side, part)
            rounds.append(Round(cold, warm, run.wall_for_all(share)))
            startups.append((run.wall - run.training) / run.wall_for_all(share))
            tell(f"  Étude {cold:.1f} s cold, {warm:.1f} s warm; peer {rounds[-1].peer:.1f} s")
        timings.append(
            Timing(name, len(whole.jobs()), len(part.jobs()), rounds, statistics.median(startups))
        )
    return Times(timings, load)


def _faster_way_of_torch(work: Work, tell: Callable[[str], None]) -> str:
    """Try both on one network of every rule, fold and seed."""
    trial = replace(work, rates=1, every=1, seeds=1)
    seconds = {}
    for way, (processes, threads) in TORCH_WAYS.items():
        try:
            run: Run = run_peer(
                "torch", replace(trial, processes=processes, threads=threads), TRIAL_SECONDS
            )
            seconds[way] = run.training
        except subprocess.TimeoutExpired:
            seconds[way] = float("inf")
        tell(f"  {way}: {seconds[way]:.1f} s for {len(trial.jobs())} networks")
    return min(seconds, key=seconds.__getitem__)


def _time_etude(work: Work) -> tuple[float, float]:
    """Seconds of `etude run` with an empty and with a filled compilation cache."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        study = folder / "study.toml"
        study.write_text(write_study(etude_side.study(work)), encoding="utf-8")
        return _run_etude(study, folder / "cold.db"), _run_etude(study, folder / "warm.db")


def _run_etude(study: Path, store: Path) -> float:
    command = [
        str(Path(sysconfig.get_path("scripts")) / "etude"),
        "run",
        str(study),
        "--store",
        str(store),
        "--quiet",
    ]
    # The cache of compiled programs lies in the user's cache folder; here it is one of its own.
    environment = os.environ | {"XDG_CACHE_HOME": str(study.parent / "cache")}
    begin = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def section(times: Times, work: Work) -> str:
    """The ratios as Markdown."""
    timings = times.timings
    repeats = len(timings[0].rounds)
    rows = []
    for timing in timings:
        cold = [round_.peer / round_.cold for round_ in timing.rounds]
        warm = [round_.peer / round_.warm for round_ in timing.rounds]
        trained = "all" if timing.trained == timing.networks else str(timing.trained)
        rows.append(
            (
                timing.peer,
                str(timing.networks),
                trained,
                _ratio(cold),
                _ratio(warm),
                f"{100 * timing.startup:.0f} %",
            )
        )
    head = (
        "peer",
        "networks",
        "of these the peer trained",
        "Étude cold is faster by",
        "Étude warm is faster by",
        "start-up in the peer's time",
    )
    compiling = statistics.median(r.cold / r.warm for timing in timings for r in timing.rounds)
    return (
        f"{work}; against PyTorch all {len(RULES)} rules, against scikit-learn the "
        f"{len(SKLEARN_RULES)} that it has. Seconds of the peer divided by seconds of Étude in "
        f"the same round; median over the rounds ({repeats}), in brackets smallest and largest. "
        "Both count from the start of the process to its end; Étude measures loss and accuracy "
        "on all rows after every epoch, the peers accuracy on the test rows at the end."
        + (_scaling(work) if work.every > 1 else "")
        + "\n\n"
        + table(head, rows, right=(1, 2, 3, 4, 5))
        + f"\n\nCold takes Étude {compiling:.1f} times as long as warm."
        + ("" if times.load is None else f" Load before the first round: {times.load:.1f}.")
    )


def _scaling(work: Work) -> str:
    return (
        f" PyTorch trained one value in {work.every} of each rule; its seconds after start-up are "
        "scaled by the number of networks."
    )


def _ratio(values: list[float]) -> str:
    return f"{statistics.median(values):.1f}× ({min(values):.1f}–{max(values):.1f})"
