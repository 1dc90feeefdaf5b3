"""What a search is: which choices are trained, how far, and what follows from how they went."""

from abc import abstractmethod
from collections.abc import Generator
from typing import ClassVar, NamedTuple

import numpy as np

from etude.component import Component
from etude.domain import Domain
from etude.search.space import Parts, Space


class Proposal(NamedTuple):
    """What is to be trained next.

    Attributes:
        drawn: choices that have not been there before; they are numbered on.
        trials: the numbers of the choices whose values are asked for; one may stand there twice.
        epochs: how far they are trained, from the start; 0 for their whole budget.
    """

    drawn: tuple[Parts, ...]
    trials: tuple[int, ...]
    epochs: int = 0


class Told(NamedTuple):
    """How the trials of a proposal went.

    Attributes:
        values: `[trials]`, of the deciding metric on the rows that choose, turned so that greater
            is better. NaN for a trial that failed; one that diverged counts as the trivial
            predictor, or with minus infinity where that has no value.
        ended: whether all of them have spent their budgets.
    """

    values: np.ndarray
    ended: bool


Proposals = Generator[Proposal, Told, None]


class Search(Component, kind="search"):
    """How choices are proposed, and which of them are trained to the end.

    A search is deterministic: the same space, seed and values lead to the same proposals. So a
    study that was stopped asks again from the start, and finds in the store what it has trained.

    Attributes:
        trials: how many choices are drawn from what the study varies.

    Class attributes:
        adapts: whether what is proposed depends on how other choices went.
    """

    trials: int

    adapts: ClassVar[bool] = True

    @abstractmethod
    def proposals(self, space: Space, count: int, seed: int) -> Proposals:
        """Proposals, each answered by how its trials went; the search ends with the last one.

        Args:
            space: from which trials are drawn.
            count: how many choices there are without drawing: 0 where `trials` are drawn.
            seed: of all random numbers.

        Raises:
            InputError: the space has fewer choices than are to be drawn.
        """

    def rungs(self, epochs: int) -> tuple[int, ...]:
        """The epochs after which choices of this budget may leave; none where none do.

        Args:
            epochs: the largest budget.
        """
        return ()


def check_searched(
    search: Search | None, space: tuple[Domain, ...], data_sets: int, labels: tuple[str, ...]
) -> None:
    """Raise a `ValueError` for a study that cannot be searched like this.

    Args:
        search: of the study.
        space: what it varies.
        data_sets: how many it has.
        labels: of equal choices.
    """
    for domain in space:
        if search is None:
            raise ValueError(
                f"`{domain.kind}` has distributions, which need a `search` that draws from them"
            )
        if domain.kind == "estimator":
            raise ValueError("`estimator` takes no distributions: a search draws networks")
        if domain.kind == "data" and domain.path[0] != "augment":
            raise ValueError(
                "`data` takes distributions in `augment` alone, for choices are compared on the "
                f"same rows, got one in `{domain.path[0]}`"
            )
    if search is None:
        return
    if space and not search.trials:
        raise ValueError(
            f"`search` {search.name} needs `trials`: there is no end to the choices that "
            "distributions give"
        )
    if data_sets > 1:
        raise ValueError(
            f"`search` compares choices on one data set, got {data_sets}: give each a study of "
            "its own"
        )
    if labels and search.trials:
        raise ValueError("`labels` tell equal choices apart, and a search draws different ones")
