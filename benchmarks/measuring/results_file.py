"""RESULTS.md: sections between markers, each written by the command that it names."""

import os
import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

LIBRARIES = (
    "jax",
    "jaxlib",
    "flax",
    "torch",
    "scikit-learn",
    "skorch",
    "scikit-surprise",
    "numpy",
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table.

    Args:
        head: titles of the columns.
        rows: cells.
        right: numbers of the columns that are aligned to the right.
    """
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *rows))


def machine() -> str:
    """The machine and the versions, in one line."""
    import etude

    versions = ", ".join(
        [f"etude {etude.__version__}", *(f"{name} {_version(name)}" for name in LIBRARIES)]
    )
    return (
        f"{_cores()} cores of {_processor()}, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}; {versions}."
    )


def load() -> str:
    """How busy the machine is before anything is measured, as a sentence; "" where not told."""
    if not hasattr(os, "getloadavg"):
        return ""
    return f"Load before the first round: {os.getloadavg()[0]:.1f}."


def write_section(file: Path, name: str, command: str, text: str) -> None:
    """Replace what stands between a section's markers.

    Args:
        file: the results file.
        name: the section: its markers are `<!-- name: begin -->` and `<!-- name: end -->`.
        command: what made the text.
        text: Markdown.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, found, rest = file.read_text(encoding="utf-8").partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{file} must hold the markers {begin} and {end}")
    made = f"Made by `{command}` on {machine()}"
    content = f"{head}{begin}\n{made}\n\n{text}\n{end}{tail}"
    file.write_text(content, encoding="utf-8")


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
