"""Programs that compile quickly, for they are run once."""

from collections.abc import Callable
from typing import Any

import jax

from etude.testing.beside import QUICK


def compiled(function: Callable[..., Any], **arguments: Any) -> Any:
    """The function as a program; `arguments` are those of `jax.jit`."""
    return jax.jit(function, compiler_options=QUICK, **arguments)
