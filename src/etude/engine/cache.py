"""The cache of compiled programs: kept in a folder, and mended where an entry is broken."""

import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

BROKEN = re.compile(r"Error reading persistent compilation cache entry for '([^']+)'")
"""What JAX warns of when it compiles a program anew because its entry cannot be read."""

ZLIB = 0x78
"""The first byte of an entry that `zlib` has compressed."""


def use_compilation_cache(folder: Path) -> None:
    """Keep compiled programs in a folder, so that another run need not compile them again."""
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "jax_compilation_cache_dir": str(folder),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)


@contextmanager
def mending() -> Iterator[None]:
    """Remove, at the end, entries of the cache that could not be read meanwhile.

    JAX compiles such a program anew, warns, and never replaces the entry. A crash while it was
    written is enough to break one. Other warnings are passed on when the context ends.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=BROKEN.pattern)
        try:
            yield
        finally:
            told = list(caught)
    names = {match[1] for each in told if (match := BROKEN.match(str(each.message)))}
    if names:
        _remove_broken(names)
    for each in told:
        if not BROKEN.match(str(each.message)):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def _remove_broken(names: set[str]) -> None:
    """Remove the entries of these functions that do not unpack."""
    folder = jax.config.jax_compilation_cache_dir
    if not folder:
        return
    for name in names:
        for entry in Path(folder).glob(f"{name}-*-cache"):
            if not _is_whole(entry):
                entry.unlink(missing_ok=True)


def _is_whole(entry: Path) -> bool:
    """Whether an entry unpacks; of other packings than zlib's it is not known, so they go."""
    try:
        content = entry.read_bytes()
        return content[:1] == bytes([ZLIB]) and len(zlib.decompress(content)) > 0
    except (OSError, zlib.error):
        return False
