"""What an augmentation is: training rows are changed at random, step by step."""

from abc import abstractmethod
from typing import ClassVar

import jax
import jax.numpy as jnp

from etude.batch import Batch, Spec
from etude.component import Component
from etude.errors import InputError


class Augmentation(Component, kind="augmentation"):
    """A random change of the rows of a training batch; rows that are judged stay as they are.

    It is part of the data, `augment` of them, and several are applied in their order. Every row
    draws for itself. With its strength at 0 it changes no bit of a batch, so that one program
    serves augmentations of all strengths, none included.

    Class attributes:
        mixes: whether targets of several rows are mixed. Of classes they then are shares,
            `[batch, classes]`, which the loss has to take.
    """

    mixes: ClassVar[bool] = False

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` when the augmentation has no meaning for data of these sizes."""

    @abstractmethod
    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        """The batch with other inputs, and other targets where it mixes them.

        Args:
            batch: rows as they are trained on, inputs scaled; what weighs 0 is no row.
            key: a typed key, another one at every step.
            spec: the sizes of the data.
        """


def check_numbers(augmentation: Augmentation, spec: Spec) -> None:
    """Raise an `InputError` where inputs are numbers of symbols, users or items, or a surface.

    Half a symbol, or a symbol and a bit of noise, has no meaning, and other coefficients are
    another surface.
    """
    if spec.task == "surface":
        raise InputError(
            f"`augment` {augmentation.name} needs inputs that are quantities, as of a table, a "
            "series or images, and these are the coefficients of a surface"
        )
    if spec.vocabulary or {"users", "items"} & dict(spec.sizes).keys():
        raise InputError(
            f"`augment` {augmentation.name} needs inputs that are quantities, as of a table, a "
            "series or images, and these are numbers of symbols, users or items"
        )


def check_mixable(augmentation: Augmentation, spec: Spec) -> None:
    """Raise an `InputError` where targets of two rows have no mixture."""
    check_numbers(augmentation, spec)
    if spec.task not in ("classes", "numbers"):
        raise InputError(
            f"`augment` {augmentation.name} mixes targets, which must be classes or numbers, "
            f"got {spec.task}"
        )


def before(batch: Batch) -> jax.Array:
    """`[batch]`, for every row the number of the one before it that weighs more than 0.

    The first of them comes after the last. Batches are drawn in random order, so this is a
    random partner for every row. What weighs 0 is partner of none: it fills a batch up, or was
    not drawn into this sample of rows, and training must not see it.
    """
    alive = batch.weights > 0
    places = jnp.arange(alive.shape[0])
    last = jax.lax.cummax(jnp.where(alive, places, -1))
    previous = jnp.concatenate([jnp.full(1, -1), last[:-1]])
    return jnp.where(previous >= 0, previous, jnp.maximum(last[-1], 0))


def mixed_targets(batch: Batch, partner: jax.Array, share: jax.Array, spec: Spec) -> jax.Array:
    """`share` of a row's own target, and the rest of its partner's.

    Args:
        batch: its targets are class numbers `[batch]`, shares of classes, or numbers.
        partner: `[batch]`, numbers of rows.
        share: `[batch]`, from 0 to 1.
        spec: the sizes of the data.
    """
    targets = batch.targets
    if spec.task == "classes" and targets.ndim == 1:
        targets = jax.nn.one_hot(targets, len(spec.classes), dtype=jnp.result_type(float))
    own = share.astype(targets.dtype).reshape(-1, *[1] * (targets.ndim - 1))
    return jnp.where(own < 1, own * targets + (1 - own) * targets[partner], targets)
