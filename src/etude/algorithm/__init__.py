"""Every algorithm, one family a file; a new file in this folder is found by itself."""

from typing import Any

from etude.component import discover, lookup

discover(__name__, __path__)


def __getattr__(name: str) -> Any:
    return lookup(name, "algorithm", "schedule", "stopping", "clipping", "ensemble")
