"""Broken entries of the compilation cache are survived silently, and do not stay."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pathlib import Path
import jax
from etude.engine.cache import mending, use_compilation_cache
use_compilation_cache(Path(sys.argv[1]))
with mending():
    print(float(jax.jit(lambda x: x * 3 + 1)(2.0)))
"""


def program(folder: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (found.stdout, found.stderr, found.returncode) == ("7.0\n", "", 0)


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
def test_a_broken_entry_is_compiled_anew_and_removed(tmp_path: Path, damage: str) -> None:
    program(tmp_path)
    entries = sorted(tmp_path.glob("*-cache"))
    assert entries
    whole = {entry.name: entry.read_bytes() for entry in entries}
    for entry in entries:
        content = bytearray(entry.read_bytes())
        if damage == "empty":
            content.clear()
        elif damage == "cut":
            del content[len(content) // 2 :]
        else:
            content[len(content) // 2] ^= 8
        entry.write_bytes(content)
    program(tmp_path)
    assert not list(tmp_path.glob("*-cache"))
    program(tmp_path)
    assert {entry.name for entry in tmp_path.glob("*-cache")} == set(whole)
