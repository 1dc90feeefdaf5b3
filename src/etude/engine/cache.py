"""The cache of compiled programs: kept in a folder, and mended where an entry is broken."""

import re
import threading
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


_lock = threading.Lock()
_users = 0
_broken: set[str] = set()


@contextmanager
def mending() -> Iterator[None]:
    """Remove, at the end, entries of the cache that could not be read meanwhile.

    JAX compiles such a program anew, warns, and never replaces the entry. A crash while it was
    written is enough to break one. That warning is kept from people; others are told as always.
    """
    global _users
    show = warnings.showwarning

    def listen(message: Any, *arguments: Any, **options: Any) -> None:
        if match := BROKEN.match(str(message)):
            _broken.add(match[1])
        else:
            show(message, *arguments, **options)

    with _lock:
        _users += 1
        first = _users == 1
        if first:
            warnings.filterwarnings("always", message=BROKEN.pattern)
            warnings.showwarning = listen
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if first and warnings.showwarning is listen:
                warnings.showwarning = show
            names = _broken.copy() if _users == 0 else set()
            _broken.difference_update(names)
        if names:
            _remove_broken(names)


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
