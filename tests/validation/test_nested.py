"""Outer splits judge, inner ones deal their training rows again; equal to scikit-learn's loops."""

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn import model_selection as peers

from etude.errors import InputError
from etude.validation.base import Validation
from etude.validation.bootstrap import Bootstrap
from etude.validation.grouped import Grouped
from etude.validation.holdout import Holdout, TrainingOnly
from etude.validation.kfold import KFold, Stratified
from etude.validation.nested import Nested
from etude.validation.time_series import TimeSeries

ROWS = 90
STRATA = np.random.default_rng(0).permutation(np.arange(ROWS) % 3)
GROUPS = np.random.default_rng(1).permutation(np.arange(ROWS) % 15)


@pytest.mark.parametrize(
    ("outer", "inner", "outer_peer", "inner_peer"),
    [
        (
            KFold(folds=4),
            KFold(folds=3),
            peers.KFold(4, shuffle=True, random_state=7),
            peers.KFold(3, shuffle=True, random_state=7),
        ),
        (
            Stratified(folds=3),
            Stratified(folds=5),
            peers.StratifiedKFold(3, shuffle=True, random_state=7),
            peers.StratifiedKFold(5, shuffle=True, random_state=7),
        ),
        (
            TimeSeries(folds=4, gap=2),
            TimeSeries(folds=3),
            peers.TimeSeriesSplit(4, gap=2),
            peers.TimeSeriesSplit(3),
        ),
        (Grouped(folds=3), Grouped(folds=4), peers.GroupKFold(3), peers.GroupKFold(4)),
    ],
)
def test_the_splits_are_those_of_two_loops_of_scikit_learn(
    outer: Validation,
    inner: Validation,
    outer_peer: peers.BaseCrossValidator,
    inner_peer: peers.BaseCrossValidator,
) -> None:
    X = np.zeros((ROWS, 1))
    found = list(Nested(outer=outer, inner=inner).splits(ROWS, STRATA, 7, GROUPS))
    judging = list(outer_peer.split(X, STRATA, _groups(outer_peer, GROUPS)))
    for split, (train, test) in zip(found, judging, strict=False):
        assert split.chooses_for == -1
        np.testing.assert_array_equal(split.train, train)
        np.testing.assert_array_equal(split.test, test)
        assert split.validation.size == 0
    choosing = iter(found[len(judging) :])
    for number, (train, _) in enumerate(judging):
        for there, held in inner_peer.split(
            X[train], STRATA[train], _groups(inner_peer, GROUPS[train])
        ):
            split = next(choosing)
            assert split.chooses_for == number
            np.testing.assert_array_equal(split.train, train[there])
            np.testing.assert_array_equal(split.validation, train[held])
            assert split.test.size == 0
    assert next(choosing, None) is None


def _groups(peer: peers.BaseCrossValidator, groups: np.ndarray) -> np.ndarray | None:
    return groups if isinstance(peer, peers.GroupKFold) else None


def test_training_rows_keep_their_order_for_a_series_inside() -> None:
    splits = Nested(outer=Holdout(test=0.3), inner=TimeSeries(folds=3)).splits(40, None, 0)
    assert [split.chooses_for for split in splits] == [-1, 0, 0, 0]
    for split in splits[1:]:
        assert split.train.max() < split.validation.min()


def test_weights_stay_with_their_rows() -> None:
    outer, *inner = Nested(outer=Bootstrap(repeats=2), inner=KFold(folds=3)).splits(30, None, 0)[
        ::2
    ]
    times = dict(zip(outer.train.tolist(), outer.weights.tolist(), strict=True))
    own = [split for split in inner if split.chooses_for == 0]
    assert max(times.values()) > 1
    for split in own:
        assert split.weights.tolist() == [times[row] for row in split.train.tolist()]
        assert not set(split.train.tolist()) & set(split.validation.tolist())


def test_both_draw_twice() -> None:
    """Weights of both are multiplied: a row drawn twice outside and three times inside counts 6."""
    splits = Nested(outer=Bootstrap(repeats=2), inner=Bootstrap(repeats=2)).splits(20, None, 3)
    outer = [dict(zip(s.train.tolist(), s.weights.tolist(), strict=True)) for s in splits[:2]]
    for number, split in enumerate(splits[2:]):
        times = outer[number // 2]
        inside = Bootstrap(repeats=2).splits(len(times), None, 3)[number % 2]
        expected = inside.weights * np.array([times[row] for row in sorted(times)])[inside.train]
        np.testing.assert_array_equal(split.weights, expected)


def test_validation_rows_of_the_outer_splits_are_in_no_inner_one() -> None:
    splits = Nested(outer=KFold(folds=3, validation=0.2), inner=KFold(folds=2)).splits(60, None, 0)
    for split in splits[3:]:
        outer = splits[split.chooses_for]
        own = np.concatenate([split.train, split.validation])
        assert sorted(own.tolist()) == sorted(outer.train.tolist())
        assert not np.isin(own, np.concatenate([outer.validation, outer.test])).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Nested(inner=Nested()), "`inner` must be a validation that is not nested"),
        (lambda: Nested(outer=Nested()), "`outer` must be a validation that is not nested"),
        (lambda: Nested(inner=KFold(validation=0.1)), "held-out rows are the validation rows"),
        (lambda: Nested(outer=5), "outer"),
    ],
)
def test_what_cannot_be_nested_is_refused(make: Callable[[], Nested], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make()


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        (Nested(outer=TrainingOnly()), "`outer` must hold rows out"),
        (Nested(inner=TrainingOnly()), "`inner` must hold rows out"),
        (
            Nested(inner=KFold(folds=9)),
            "`inner` deals the 8 training rows of outer split 1: `folds`",
        ),
        (Nested(inner=Stratified()), "is stratified and needs a target of classes"),
    ],
)
def test_rows_that_cannot_be_dealt_twice_are_refused(nested: Nested, message: str) -> None:
    with pytest.raises(InputError, match=message):
        nested.splits(10, None, 0)


def test_it_keeps_together_and_in_order_what_both_do() -> None:
    assert Nested(outer=Grouped(), inner=Grouped()).keeps_groups
    assert not Nested(outer=Grouped(), inner=KFold()).keeps_groups
    assert Nested(outer=TimeSeries(), inner=TimeSeries()).ordered
    assert not Nested(outer=TimeSeries(), inner=KFold()).ordered
