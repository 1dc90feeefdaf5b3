"""Bounds on the gradient (Pascanu et al., "On the difficulty of training RNNs", 2013)."""

from abc import abstractmethod
from typing import Annotated, Any

import jax.numpy as jnp
from pydantic import Field

from etude.component import Component, Traced


class Clipping(Component, kind="clipping"):
    """What becomes of the gradient of the objective, penalties included, before a rule sees it.

    A gradient that is not finite stays as it is, so that training is seen to diverge.
    """

    @abstractmethod
    def clipped(self, gradient: Any) -> Any:
        """The gradient that the rule is given; `[parameters]`, all weights of the network."""


class GlobalNorm(Clipping):
    """Shortens a gradient that is too long and keeps its direction: g ← g · min(1, c / ‖g‖).

    ‖g‖ is the Euclidean norm over all weights of the network. PyTorch's `clip_grad_norm_`
    divides by ‖g‖ + 10⁻⁶ instead.

    Attributes:
        max_norm: c.
    """

    max_norm: Annotated[Traced, Field(gt=0)] = 1.0

    def clipped(self, gradient: Any) -> Any:
        # Squares of long gradients overflow: the norm is taken of the gradient over its largest.
        largest = jnp.max(jnp.abs(gradient))
        scale = jnp.where(largest > 0, largest, 1)
        unit = gradient / scale
        length = jnp.sqrt(jnp.sum(unit**2))
        return jnp.where(scale * length > self.max_norm, unit * (self.max_norm / length), gradient)
