"""How much of the variance over the choices each swept field explains.

An exact analysis of variance, also called functional ANOVA over a full factorial (Fisher 1925;
Hutter, Hoos and Leyton-Brown 2014 estimate the same from a forest, which a full grid does not
need). What is random, by split and by seed, is set apart.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from etude.evidence.comparison import Comparison, member_value
from etude.evidence.factors import Axis, factors
from etude.store.records import StudyRecord

ROUNDING = 1e-24
"""Variances below this share of the mean square are what double precision rounds off."""


@dataclass(frozen=True)
class Importance:
    """One part of the variance over the choices.

    Attributes:
        fields: one swept field: its main effect; several: their interaction, what they do
            together beyond what each does alone. A kind, such as "algorithm", is the effect of
            which of its components it is.
        share: of the variance of the true means over the choices, from 0 to 1.
        within: the components that alone have these fields ("adam"); () for all.
        variance: the estimate behind the share, in the metric's unit squared; unbiased, so it
            falls below 0 where there is nothing but noise: the share is then 0.
        joint: whether the fields were not crossed: the share is then that of everything that
            they do, main effects included.
    """

    fields: tuple[str, ...]
    share: float
    within: tuple[str, ...] = ()
    variance: float = 0.0
    joint: bool = False

    def __str__(self) -> str:
        text = (" and " if self.joint else " × ").join(self.fields)
        return text + (f" within {', '.join(self.within)}" if self.within else "")


@dataclass(frozen=True)
class Decomposition:
    """Where the variance of the values comes from; variances in the metric's unit squared.

    The value of a network drawn at random from the study has, in expectation, the variance
    `choices + split + residual + seed`.

    Attributes:
        shares: parts of `choices`, the largest first; they sum to 1. () where none can be told.
        choices: variance of the true means over the choices.
        split: variance over splits that all choices share (some folds are harder).
        residual: variance over splits that each choice has to itself (choice × split).
        seed: variance over seeds of one choice on one split.
        reason: what a reader must know; why there are no shares, if there are none; "" if
            nothing.

    A variance is None where it cannot be told apart from others: with a single split, `split`
    and `residual`; with a single seed, `seed`, which `residual` and `split` then contain.
    """

    shares: tuple[Importance, ...]
    choices: float | None
    split: float | None
    residual: float | None
    seed: float | None
    reason: str

    def merged(self) -> tuple[Importance, ...]:
        """The shares by fields alone: those of one field within several components are added."""
        found: dict[tuple[tuple[str, ...], bool], Importance] = {}
        for part in self.shares:
            known = found.get((part.fields, part.joint))
            found[part.fields, part.joint] = replace(
                part,
                within=(),
                share=part.share + (known.share if known else 0.0),
                variance=part.variance + (known.variance if known else 0.0),
            )
        return tuple(sorted(found.values(), key=lambda part: -part.share))


def importance(record: StudyRecord, comparison: Comparison) -> Decomposition:
    """The analysis of variance of the complete choices, on the rows that judge.

    The choices weigh equally; estimators that are no networks are left out. Where the choices
    are all combinations of models, losses and algorithms, the sum of squares falls apart exactly
    into those of each kind and their interactions. Within a kind it falls apart into which
    component it is and, inside each, its own fields: main effects and interactions where the
    fields form a full grid, one part for all of them where they do not (drawn at random).
    Numbers count as levels.

    With y[i, j, r] the value of choice i on split j with seed r, and v_j the component of an
    effect in the values of split j, averaged over R seeds, its share is that of

        ‖mean v_j‖² − (A − B/R)(1/J + n_test/n_train) − B/(R J)

    where A is the variance of v_j over splits and B that over seeds within a split, summed over
    the coordinates: the expected square of the noise in the mean. The second term is corrected
    for the rows that training sets share (Nadeau and Bengio 2003), as every standard error here;
    with one seed A takes the place of A − B/R, and B is 0. The estimate is unbiased and may be
    below 0, which counts as a share of 0.

    A diverged network counts with the value of the trivial predictor.
    """
    values, places = _values(record, comparison)
    if len(places) < 2:
        return _none("there are no two complete choices of networks")
    if not values.size or np.isnan(values).any():
        return _none("a choice lacks networks that others have")
    if not np.isfinite(values).all():
        return _none(
            "a network diverged and the trivial predictor has no value to count it with, so the "
            "values have no variance"
        )
    swept = factors([record.choices[choice] for choice in comparison.choices[places]])
    choices, splits, seeds = values.shape
    shape = (*(len(axis) for axis in swept.axes), splits, seeds)
    parts = {
        key: _moments(part / np.sqrt(choices), comparison.test_over_train)
        for key, part in _effects(swept.axes, values[swept.order].reshape(shape))
    }
    shared = parts.pop(((), (), False))
    least = ROUNDING * float(np.mean(values**2))
    variances = {key: moments.variance for key, moments in parts.items()}
    total = sum(max(0.0, variance) for variance in variances.values())
    shares = [
        Importance(fields, max(0.0, variance) / total, within, variance, joint)
        for (fields, within, joint), variance in variances.items()
        if total > least
    ]
    noise = list(parts.values())
    own_seed = sum(moments.seed for moments in noise)
    reasons = [*swept.reasons, *_limits(splits, seeds)]
    if not shares:
        reasons.insert(0, "the choices do not differ by more than noise")
    return Decomposition(
        shares=tuple(sorted(shares, key=lambda part: -part.share)),
        choices=total if shares else 0.0,
        split=max(0.0, shared.split - shared.seed / seeds) if splits > 1 else None,
        residual=max(0.0, sum(moments.split for moments in noise) - own_seed / seeds)
        if splits > 1
        else None,
        seed=own_seed + shared.seed if seeds > 1 else None,
        reason="; ".join(reasons),
    )


@dataclass(frozen=True)
class _Moments:
    """The noise of one effect, and what remains of its square without it."""

    variance: float
    split: float
    seed: float


def _moments(part: np.ndarray, test_over_train: float | None) -> _Moments:
    """From the coordinates `[..., splits, seeds]` of an effect."""
    splits, seeds = part.shape[-2:]
    of_split = part.mean(axis=-1)
    mean = of_split.mean(axis=-1)
    split = seed = 0.0
    if splits > 1:
        split = float(np.sum((of_split - mean[..., None]) ** 2)) / (splits - 1)
    if seeds > 1:
        seed = float(np.sum((part - of_split[..., None]) ** 2)) / (splits * (seeds - 1))
    noise = seed / (seeds * splits)
    if splits > 1:
        noise += (split - seed / seeds) * (1 / splits + (test_over_train or 0.0))
    return _Moments(float(np.sum(mean**2)) - noise, split, seed)


def _values(record: StudyRecord, comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """`[complete choices, splits, seeds]` on the judged rows, and the places of the choices."""
    network = ["estimator" not in record.choices[choice].document for choice in comparison.choices]
    places = np.flatnonzero(comparison.complete & network)
    row = {int(comparison.choices[place]): index for index, place in enumerate(places)}
    column = {split.split: index for index, split in enumerate(comparison.splits)}
    members = [m for m in record.members if m.choice in row and m.split in column]
    depth = {seed: index for index, seed in enumerate(sorted({m.seed for m in members}))}
    values = np.full((len(row), len(column), len(depth)), np.nan)
    for member in members:
        split = comparison.splits[column[member.split]]
        values[row[member.choice], column[member.split], depth[member.seed]] = member_value(
            record, member, split, comparison.judged
        )
    return values, places


Key = tuple[tuple[str, ...], tuple[str, ...], bool]
"""Fields, the components that alone have them, and whether the fields were not crossed."""


def _effects(axes: tuple[Axis, ...], values: np.ndarray) -> Iterator[tuple[Key, np.ndarray]]:
    """The components of values in the spaces of all effects, the common mean among them.

    The spaces are orthogonal and the coordinates have unit length, so that the sums of squares
    of the components add up to that of the values.

    Args:
        axes: the factors; their products give all spaces.
        values: `[*axes, splits, seeds]`.
    """
    found: list[tuple[Key, np.ndarray]] = [(((), (), False), values)]
    for position, axis in enumerate(axes):
        found = [
            ((fields + more, within + inside, joint or uncrossed), np.moveaxis(part, 0, position))
            for (fields, within, joint), whole in found
            for (more, inside, uncrossed), part in _along(axis, np.moveaxis(whole, position, 0))
        ]
    yield from found


def _along(axis: Axis, values: np.ndarray) -> Iterator[tuple[Key, np.ndarray]]:
    """The components of `[components, ...]` along one factor."""
    mean = values.mean(axis=0, keepdims=True)
    yield ((), (), False), mean * np.sqrt(len(values))
    if len(axis.groups) > 1:
        between = [
            (values[group.members].mean(axis=0) - mean[0]) * np.sqrt(len(group.members))
            for group in axis.groups
        ]
        yield (axis.between, (), False), np.stack(between)
    for group in axis.groups:
        rest = values.shape[1:]
        block = values[group.members].reshape(*group.levels, *rest)
        within = (group.name,) if len(axis.groups) > 1 else ()
        for chosen in itertools.product((False, True), repeat=len(group.levels)):
            if any(chosen):
                fields = tuple(itertools.chain(*itertools.compress(group.fields, chosen)))
                part = _contrast(block, chosen)
                yield (fields, within, group.joint), part.reshape(-1, *rest)


def _contrast(block: np.ndarray, chosen: tuple[bool, ...]) -> np.ndarray:
    """The interaction of the chosen leading axes, averaged over the other leading ones."""
    for position, deviates in enumerate(chosen):
        mean = block.mean(axis=position, keepdims=True)
        block = block - mean if deviates else mean * np.sqrt(block.shape[position])
    return block


def _limits(splits: int, seeds: int) -> Iterator[str]:
    if splits < 2 and seeds < 2:
        yield "with one split and one seed the shares contain the noise of both"
    elif splits < 2:
        yield "with one split the shares contain the noise of the split"
    elif seeds < 2:
        yield "with one seed the variance over seeds is part of that over splits"


def _none(reason: str) -> Decomposition:
    return Decomposition((), None, None, None, None, reason)
