"""How the learning rate changes while training goes on."""

from abc import abstractmethod
from typing import Annotated, Any, NamedTuple

import jax.numpy as jnp
from pydantic import Field

from etude.component import Component, Traced


class Progress(NamedTuple):
    """Where training stands.

    Attributes:
        step: 0 at the first step.
        epoch_steps: steps of an epoch.
        total: steps of the whole budget.
    """

    step: Any
    epoch_steps: Any
    total: Any


class Schedule(Component, kind="schedule"):
    """A factor on the learning rate, after a linear warm-up.

    With t steps done of T, and a warm-up over the first w·T of them, the factor is
    (t + 1) / (w·T) while that is below 1, times the shape of the schedule at
    (t − w·T) / (T − w·T), the share of the remaining steps that is done.

    Attributes:
        warmup: share of all steps over which the rate rises linearly from 0.
    """

    warmup: Annotated[Traced, Field(ge=0, lt=1)] = 0.0

    def factor(self, progress: Progress) -> Any:
        """What the learning rate is multiplied with."""
        warmup = self.warmup * progress.total
        rise = jnp.minimum(1.0, (progress.step + 1) / jnp.maximum(warmup, 1.0))
        share = jnp.clip((progress.step - warmup) / jnp.maximum(progress.total - warmup, 1), 0, 1)
        return rise * self.shape(share, progress)

    @abstractmethod
    def shape(self, share: Any, progress: Progress) -> Any:
        """The factor when this share of the steps after the warm-up is done."""


class Constant(Schedule):
    """The same learning rate throughout."""

    def shape(self, share: Any, progress: Progress) -> Any:
        return 1.0


class Cosine(Schedule):
    """Half a cosine from 1 to `final`: final + (1 − final)(1 + cos πs)/2, s the share done.

    Loshchilov & Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017.

    Attributes:
        final: the factor at the end.
    """

    final: Annotated[Traced, Field(ge=0, le=1)] = 0.0

    def shape(self, share: Any, progress: Progress) -> Any:
        return self.final + (1 - self.final) * (1 + jnp.cos(jnp.pi * share)) / 2


class StepDecay(Schedule):
    """Multiplies the rate with `decay` every `every` epochs: decay^⌊epoch / every⌋.

    Attributes:
        decay: the factor of each decay.
        every: epochs between decays.
    """

    name = "step"

    decay: Annotated[Traced, Field(gt=0, le=1)] = 0.1
    every: Annotated[Traced, Field(gt=0)] = 10.0

    def shape(self, share: Any, progress: Progress) -> Any:
        return self.decay ** jnp.floor(progress.step / (progress.epoch_steps * self.every))
