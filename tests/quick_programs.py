"""Programs that compile quickly, for they are run once."""

from collections.abc import Callable
from typing import Any

import jax

QUICK = {"xla_backend_optimization_level": 0}
"""Programs that are run once take longer to compile than to run."""


def compiled(function: Callable[..., Any], **arguments: Any) -> Any:
    """The function as a program; `arguments` are those of `jax.jit`."""
    return jax.jit(function, compiler_options=QUICK, **arguments)
