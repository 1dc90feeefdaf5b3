"""What a search must do."""

from typing import Any

import numpy as np

from etude.algorithm.base import Algorithm
from etude.algorithm.sgd import SGD
from etude.domain import Domain
from etude.search.base import Proposal, Search, Told
from etude.search.space import Space
from etude.sweep import log_uniform
from etude.testing.beside import Beside, demand

MOST_ROUNDS = 10_000
EPOCHS = 20
CHOICES = 30


def same_seed(search: Search, beside: Beside) -> None:
    """The same space, seed and values lead to the same proposals: so it can be resumed."""
    first, second = (_rounds(search, seed=3) for _ in range(2))
    demand(
        first == second,
        f"{search} proposes other trials from the same seed and values: draw from the seed that "
        "it is given",
    )


def numbers(search: Search, beside: Beside) -> None:
    """Trials are numbered as they are drawn, and every one asked for has been drawn."""
    for drawn, proposal in _with_drawn(search):
        demand(
            all(0 <= trial < drawn for trial in proposal.trials),
            f"{search} asks for trials {sorted(set(proposal.trials))} when {drawn} are there",
        )
        demand(
            len(proposal.trials) > 0,
            f"{search} makes a proposal without trials: return to end the search",
        )


def draws_what_it_says(search: Search, beside: Beside) -> None:
    """It draws different choices, `trials` at most; with 0 it draws none."""
    drawn = [parts for proposal in _rounds(search, seed=1) for parts in proposal.drawn]
    demand(
        len(set(drawn)) == len(drawn),
        f"{search} draws a choice twice: ask for the trial that is there",
    )
    demand(
        len(drawn) <= search.trials,
        f"{search} must draw at most `trials` choices, got {len(drawn)}",
    )


def ends(search: Search, beside: Beside) -> None:
    """Whatever values it is told, also none at all, it ends."""
    for value in (0.0, np.nan, -np.inf):
        _rounds(search, seed=0, value=lambda trial, value=value: value)


def goes_on(search: Search, beside: Beside) -> None:
    """Trials that stopped at a rung are asked for later, or not again; none goes back."""
    reached: dict[int, int] = {}
    for proposal in _rounds(search, seed=2):
        epochs = proposal.epochs or EPOCHS
        for trial in proposal.trials:
            demand(
                reached.get(trial, 0) <= epochs,
                f"{search} asks for trial {trial} after epoch {epochs}, when it has been trained "
                f"to epoch {reached.get(trial, 0)}",
            )
            reached[trial] = epochs
        demand(
            not 0 < proposal.epochs < EPOCHS or proposal.epochs in search.rungs(EPOCHS),
            f"{search} lets choices leave after epoch {proposal.epochs}, which its `rungs` "
            f"{search.rungs(EPOCHS)} do not tell",
        )


CHECKS = (same_seed, numbers, draws_what_it_says, ends, goes_on)


def _space() -> Space:
    rules: tuple[Algorithm, ...] = (SGD(),)
    domain = Domain("algorithm", 0, ("learning_rate",), log_uniform(1e-4, 1.0))
    return Space({"algorithm": rules}, (domain,))


def _value(trial: int) -> float:
    """Values in no order, some of them equal."""
    return float((7 * trial) % 11)


def _rounds(search: Search, seed: int, value: Any = _value) -> list[Proposal]:
    """All proposals of a search that is told these values."""
    proposals = search.proposals(_space(), 0 if search.trials else CHOICES, seed)
    found = [next(proposals)]
    while len(found) < MOST_ROUNDS:
        epochs = found[-1].epochs
        told = np.array([value(trial) for trial in found[-1].trials])
        try:
            found.append(proposals.send(Told(told, not 0 < epochs < EPOCHS)))
        except StopIteration:
            return found
    raise AssertionError(f"{search} has made {MOST_ROUNDS} proposals and does not end")


def _with_drawn(search: Search) -> list[tuple[int, Proposal]]:
    """Every proposal with how many trials are there by then."""
    found, drawn = [], 0 if search.trials else CHOICES
    for proposal in _rounds(search, seed=0):
        drawn += len(proposal.drawn)
        found.append((drawn, proposal))
    return found
