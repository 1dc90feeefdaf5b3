"""The device that trains: what decides the bits of a result, and how work is cut for it."""

import os
import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import flax
import jax
import jaxlib
import optax

from etude.errors import InputError
from etude.study import Precision

ENGINE = 2
"""Raised when a change of keys, batches, rules or training changes the bits of results."""

VECTOR_FEATURES = ("sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_bf16", "amx_tile")


@dataclass(frozen=True)
class Device:
    """Where members train.

    Attributes:
        platform: "cpu", "gpu" or "tpu".
        kind: what the maker calls it.
        workers: how many chunks train at a time.
        fixed_width: a chunk width for every program instead of the rule below.
    """

    platform: str
    kind: str
    workers: int
    fixed_width: int | None = None

    @property
    def loops(self) -> bool:
        """Whether members are trained one after another: W is 1 for every program."""
        return self.platform == "cpu" if self.fixed_width is None else self.fixed_width == 1

    def width(self, member_bytes: int) -> int:
        """W, how many members train side by side: a function of program shape and device alone.

        A CPU loops over members: wider chunks gain little there, and cost a program for every
        update rule. Elsewhere W is the largest power of two up to 1,024 whose members take no
        more than half of the device's memory.

        Args:
            member_bytes: what one member's arrays take.
        """
        if self.fixed_width is not None:
            return self.fixed_width
        if self.loops:
            return 1
        room = device_bytes() // 2 // max(1, member_bytes)
        return max(1, min(1024, 1 << max(0, room.bit_length() - 1)))

    def precision(self, declared: Precision) -> str | None:
        """The declared precision of matrix products as JAX calls it; a CPU has float32 alone.

        Raises:
            InputError: this device has no such products.
        """
        if self.platform == "cpu":
            if declared != "float32":
                raise InputError(
                    f"`precision` {declared} needs a GPU, and this study trains on a CPU: leave it "
                    "out"
                )
            return None
        return {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}[declared]

    def profile(
        self, width: int, options: dict[str, str], precision: str | None = None
    ) -> dict[str, Any]:
        """The numerics profile: bits of results are equal where profiles are."""
        on_cpu = self.platform == "cpu"
        return {
            "engine": ENGINE,
            "jax": jax.__version__,
            "jaxlib": jaxlib.version.__version__,
            "flax": flax.__version__,
            "optax": optax.__version__,
            "platform": self.platform,
            "device": self.kind,
            "instructions": instruction_set() if on_cpu else "",
            # Large matrix products are cut by the number of threads.
            "cores": available_cores() if on_cpu else 0,
            "precision": precision or str(jax.config.jax_default_matmul_precision or "default"),
            "float": str(jax.numpy.result_type(float)),
            "width": width,
            "options": options,
            "flags": os.environ.get("XLA_FLAGS", ""),
            "partitionable": bool(jax.config.jax_threefry_partitionable),
        }

    @property
    def options(self) -> dict[str, str]:
        """Compiler options.

        On a CPU less effort compiles in half the time, and what it gives is as fast or faster: an
        LSTM by a sixth, a convolutional network by a tenth, a GPT by 3 %.
        """
        return {"xla_backend_optimization_level": "1"} if self.platform == "cpu" else {}


def current_device(workers: int | None = None) -> Device:
    """The device that JAX uses by default.

    Args:
        workers: how many chunks train at a time; by default one for each core of a CPU, one on
            any other device.
    """
    device = jax.devices()[0]
    if workers is None:
        workers = available_cores() if device.platform == "cpu" else 1
    return Device(device.platform, device.device_kind, workers)


def available_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def device_bytes() -> int:
    """The memory of the device in bytes."""
    statistics = jax.devices()[0].memory_stats() or {}
    return int(statistics.get("bytes_limit", 8 << 30))


@lru_cache
def instruction_set() -> str:
    """The vector instructions of the processor, for the numerics profile."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return f"{platform.machine()} {platform.processor()}"
    for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(("flags", "Features")):
            flags = set(line.split(":", 1)[1].split())
            return " ".join([platform.machine(), *(f for f in VECTOR_FEATURES if f in flags)])
    return platform.machine()
