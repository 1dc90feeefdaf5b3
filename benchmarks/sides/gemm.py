"""How fast the machine multiplies matrices of single precision, two processes of one thread."""

import multiprocessing
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sides.answer import answer

PROCESSES = 2
LIBRARIES = ("numpy", "torch", "jax")

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}
"""The environment in which all three keep to one thread."""


def product(library: str, rows: int, inner: int, columns: int) -> Callable[[], Any]:
    """A function that multiplies `[rows, inner]` by `[inner, columns]` and waits for the result."""
    random = np.random.default_rng(0)
    a = random.normal(size=(rows, inner)).astype(np.float32)
    b = random.normal(size=(inner, columns)).astype(np.float32)
    if library == "numpy":
        out = np.empty((rows, columns), np.float32)
        return lambda: np.matmul(a, b, out)
    if library == "torch":
        import torch

        torch.set_num_threads(1)
        left, right = torch.from_numpy(a), torch.from_numpy(b)
        result = torch.empty(rows, columns)
        return lambda: torch.mm(left, right, out=result)
    import jax

    times: Any = jax.jit(jax.numpy.matmul)
    on_device = jax.device_put((a, b))
    return lambda: times(*on_device).block_until_ready()


def rate(library: str, shape: tuple[int, int, int], seconds: float, together: Any) -> float:
    """GFLOP/s of one process: the median over stretches of about 20 ms."""
    multiply = product(library, *shape)
    multiply()
    begin = time.perf_counter()
    multiply()
    once = max(1, int(0.02 / (time.perf_counter() - begin)))
    together.wait()
    rates = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        for _ in range(once):
            multiply()
        rates.append(2e-9 * once * np.prod(shape) / (time.perf_counter() - begin))
    return float(statistics.median(rates))


def prepare(work: dict[str, Any]) -> dict[str, Any]:
    """Nothing: processes start with the measurement."""
    return work


def train(work: dict[str, Any]) -> dict[str, Any]:
    """The rate of all processes together, in GFLOP/s."""
    context = multiprocessing.get_context("spawn")
    shape = (work["rows"], work["inner"], work["columns"])
    with context.Manager() as manager, context.Pool(PROCESSES) as pool:
        together = manager.Barrier(PROCESSES)
        call = (work["library"], shape, work["seconds"], together)
        return {"score": sum(pool.starmap(rate, [call] * PROCESSES, chunksize=1))}


if __name__ == "__main__":
    answer(prepare, train)
