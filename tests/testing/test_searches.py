"""Searches of which each breaks one promise, and is found out."""

import itertools
import random
from collections.abc import Callable

import pytest

import etude.testing
from etude.search.base import Proposal, Proposals, Search
from etude.search.space import Space


def proposing(make: Callable[[Space, int], Proposals], rungs: tuple[int, ...] = ()) -> Search:
    class Proposing(Search):
        """Proposes as it is told."""

        trials: int = 4

        def proposals(self, space: Space, count: int, seed: int) -> Proposals:
            return make(space, seed)

        def rungs(self, epochs: int) -> tuple[int, ...]:
            return rungs

    return Proposing()


def same_seed() -> Search:
    def make(space: Space, seed: int) -> Proposals:
        yield Proposal(space.drawn(4, random.randrange(10**6)), (0, 1, 2, 3))

    return proposing(make)


def numbers() -> Search:
    def make(space: Space, seed: int) -> Proposals:
        yield Proposal(space.drawn(4, seed), (1, 2, 3, 4))

    return proposing(make)


def draws_what_it_says() -> Search:
    def make(space: Space, seed: int) -> Proposals:
        yield Proposal(space.drawn(5, seed), (0, 1, 2, 3, 4))

    return proposing(make)


def ends() -> Search:
    def make(space: Space, seed: int) -> Proposals:
        drawn = space.drawn(4, seed)
        for number in itertools.count():
            told = yield Proposal(() if number else drawn, (0,), 0)
            if told.values[0] == 0 and number:
                return

    return proposing(make)


def goes_on() -> Search:
    def make(space: Space, seed: int) -> Proposals:
        yield Proposal(space.drawn(4, seed), (0, 1, 2, 3), 5)
        yield Proposal((), (0,), 2)

    return proposing(make, rungs=(2, 5))


@pytest.mark.parametrize(
    "broken",
    [same_seed, numbers, draws_what_it_says, ends, goes_on],
    ids=lambda make: make.__name__,
)
def test_a_broken_promise_is_found(
    broken: Callable[[], Search], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etude.testing.searches.MOST_ROUNDS", 50)
    assert broken.__name__ in etude.testing.failures(broken())
