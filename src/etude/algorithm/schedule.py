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


class ExponentialDecay(Schedule):
    """Multiplies the rate with `decay` in the course of every epoch: decay^e.

    e counts the epochs since the warm-up, parts of them included; so the rate falls with every
    step, where `step` with `every = 1` keeps it for an epoch.

    Attributes:
        decay: the factor of each epoch.
    """

    name = "exponential"

    decay: Annotated[Traced, Field(gt=0, le=1)] = 0.95

    def shape(self, share: Any, progress: Progress) -> Any:
        epochs = share * (1 - self.warmup) * progress.total / progress.epoch_steps
        return self.decay**epochs


class LinearDecay(Schedule):
    """A straight line from 1 to `final`: 1 + (final − 1)s, s the share done.

    Attributes:
        final: the factor at the end.
    """

    name = "linear"

    final: Annotated[Traced, Field(ge=0, le=1)] = 0.0

    def shape(self, share: Any, progress: Progress) -> Any:
        return 1 + (self.final - 1) * share


class OneCycle(Schedule):
    """Half a cosine up from `start` to 1, then half a cosine down to `final`.

    The learning rate of the rule is the highest one; it is had after a share `peak` of the
    steps, and `final` at the last step. PyTorch's OneCycleLR with cosine annealing is the same for
    max_lr the learning rate, pct_start = peak, div_factor = 1 / start and final_div_factor =
    start / final, but for its momentum, which it changes too unless told not to.

    Smith & Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    Rates", 2019.

    Attributes:
        peak: share of the steps after the warm-up at which the rate is highest.
        start: the factor at the first step.
        final: the factor at the last step.
    """

    peak: Annotated[Traced, Field(gt=0, lt=1)] = 0.3
    start: Annotated[Traced, Field(ge=0, le=1)] = 0.04
    final: Annotated[Traced, Field(ge=0, le=1)] = 4e-6

    def shape(self, share: Any, progress: Progress) -> Any:
        steps = (1 - self.warmup) * progress.total
        done, top, last = share * steps, self.peak * steps - 1, steps - 1
        up = jnp.clip(done / jnp.maximum(top, 1), 0, 1)
        down = jnp.clip((done - top) / jnp.maximum(last - top, 1), 0, 1)
        rising = self.start + (1 - self.start) * (1 - jnp.cos(jnp.pi * up)) / 2
        falling = self.final + (1 - self.final) * (1 + jnp.cos(jnp.pi * down)) / 2
        return jnp.where(done < top, rising, falling)
