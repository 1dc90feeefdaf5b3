"""Random search (Bergstra and Bengio 2012, JMLR 13)."""

from typing import Annotated

from pydantic import Field

from etude.search.base import Proposal, Proposals, Search
from etude.search.space import Space


class RandomSearch(Search):
    """Choices drawn at random, each trained to the end.

    Where few of several fields matter, random draws try as many values of those that do as there
    are trials, and a grid only as many as it has lines.

    Attributes:
        trials: how many different choices are drawn. With more, the first ones stay the same.
    """

    name = "random"
    adapts = False

    trials: Annotated[int, Field(ge=1, le=100_000)] = 20

    def proposals(self, space: Space, count: int, seed: int) -> Proposals:
        """All trials at once."""
        yield Proposal(space.drawn(self.trials, seed), tuple(range(self.trials)))
