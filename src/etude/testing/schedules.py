"""What a schedule must do."""

import jax
import jax.numpy as jnp
import numpy as np

from etude.algorithm.schedule import Progress, Schedule
from etude.testing.beside import QUICK, Beside, close, demand

BUDGETS = ((100, 10), (7, 3), (1, 1))
"""Steps of the whole budget and of an epoch."""


def factors(schedule: Schedule, beside: Beside) -> None:
    """Its factor is a finite number of at least 0 at every step of any budget."""
    for total, epoch_steps in BUDGETS:
        for step in range(total):
            factor = np.asarray(schedule.factor(Progress(step, epoch_steps, total)))
            demand(
                factor.shape == () and np.isfinite(factor) and factor >= 0,
                f"the factor of {schedule} must be a finite number of at least 0, got {factor} at "
                f"step {step} of {total}",
            )


def traced(schedule: Schedule, beside: Beside) -> None:
    """It is computed inside programs, where its numbers and the step are tracers."""
    total, epoch_steps = BUDGETS[0]
    steps = jnp.arange(0, total, 7)

    def all_factors(schedule: Schedule) -> jax.Array:
        return jax.vmap(
            lambda step: jnp.asarray(schedule.factor(Progress(step, epoch_steps, total)), float)
        )(steps)

    inside = jax.jit(all_factors, compiler_options=QUICK)(schedule)
    outside = [float(schedule.factor(Progress(int(step), epoch_steps, total))) for step in steps]
    demand(close(inside, np.asarray(outside)), f"{schedule} has other factors inside a program")


def warm_up(schedule: Schedule, beside: Beside) -> None:
    """With a warm-up the factor rises linearly to where the schedule begins."""
    total, epoch_steps = BUDGETS[0]
    warm = schedule.changed(warmup=0.2)
    for step in (0, 9, 19):
        progress = Progress(step, epoch_steps, total)
        rise = (step + 1) / 20
        expected = rise * float(warm.shape(jnp.asarray(0.0), progress))
        found = float(warm.factor(progress))
        demand(
            np.isclose(found, expected, 1e-4, 1e-6),
            f"the factor of {warm} at step {step} of {total} must be {expected:.6g}, "
            f"{rise:g} of the way up, got {found:.6g}",
        )


CHECKS = (factors, traced, warm_up)
