import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV
from sklearn.tree import DecisionTreeClassifier

from etude.algorithm import SGD
from etude.search import Halving
from etude.search.base import Told
from etude.search.halving import better
from etude.search.space import Space
from etude.sweep import grid


def rounds(search, count, epochs, values):
    """`(trials, epochs)` of every rung, for choices of these values and budgets."""
    space = Space({"algorithm": grid(SGD, learning_rate=[0.1, 0.2])})
    proposals = search.proposals(space, count, 0)
    found = [next(proposals)]
    while True:
        trials, rung = found[-1].trials, found[-1].epochs
        told = Told(np.array([values[trial] for trial in trials]), rung == 0 or rung >= epochs)
        try:
            found.append(proposals.send(told))
        except StopIteration:
            return [(list(one.trials), one.epochs) for one in found]


def test_three_rungs_by_hand():
    values = [3, 9, 1, 9, 5, 7, 2, 8, 4]
    assert rounds(Halving(), 9, 27, values) == [
        (list(range(9)), 1),
        ([1, 3, 7], 3),
        ([1], 0),
    ]
    assert rounds(Halving(factor=2, first=5), 5, 12, [1, 2, 3, 4, 5]) == [
        ([0, 1, 2, 3, 4], 5),
        ([2, 3, 4], 10),
        ([3, 4], 20),
    ]


def test_those_without_a_value_leave_first_and_of_equal_ones_the_last():
    assert better(np.array([np.nan, -np.inf, 0.0, 0.0]), 1).tolist() == [2]
    assert better(np.array([1.0, 2.0, 2.0, 2.0]), 2).tolist() == [1, 2]


@pytest.mark.parametrize(("count", "factor"), [(9, 3), (12, 3), (20, 2), (7, 3)])
def test_as_many_go_on_as_with_scikit_learn(count, factor):
    x, y = make_classification(n_samples=500, random_state=0)
    theirs = HalvingGridSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"min_samples_leaf": list(range(1, count + 1))},
        factor=factor,
        resource="n_samples",
        min_resources=20,
        max_resources=20 * factor**6,
        aggressive_elimination=False,
        cv=2,
        random_state=0,
    )
    theirs.set_params(max_resources=500)
    theirs.fit(x, y)
    ours = rounds(Halving(factor=factor), count, 10**6, list(range(count)))
    sizes = [len(trials) for trials, _ in ours]
    known = theirs.n_candidates_
    assert sizes[: len(known)] == known


def test_rungs_are_those_before_the_end():
    assert Halving().rungs(27) == (1, 3, 9)
    assert Halving(factor=4, first=2).rungs(8) == (2,)
    assert Halving(first=5).rungs(5) == ()
