"""Programs that compile in half the time, for tests that are not about compiling.

A conftest that imports `quick_programs` has them for all studies of its folder. With `--slow`
studies are compiled as everywhere else.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import pytest

from etude.engine.device import Device

QUICK = {"xla_backend_optimization_level": 0}
"""Programs that are run once take longer to compile than to run."""


def compiled(function: Callable[..., Any], **arguments: Any) -> Any:
    """The function as a program; `arguments` are those of `jax.jit`."""
    return jax.jit(function, compiler_options=QUICK, **arguments)


@pytest.fixture(scope="module", autouse=True)
def quick_programs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Studies are compiled with these options."""
    own = Device.options

    def options(device: Device) -> dict[str, str]:
        names = {name: str(value) for name, value in QUICK.items()}
        return names if device.platform == "cpu" else own.fget(device)

    with pytest.MonkeyPatch.context() as patch:
        if not request.config.getoption("--slow"):
            patch.setattr(Device, "options", property(options))
        yield
