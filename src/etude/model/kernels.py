"""Which form of an operation is used where."""

import jax


def on_cpu() -> bool:
    """Whether programs are traced for a CPU, where forms of our own with own derivatives pay."""
    return jax.default_backend() == "cpu"
