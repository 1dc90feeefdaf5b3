"""Broken entries of the compilation cache are survived silently, and do not stay."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
import jax
from etude.engine.cache import mending, use_compilation_cache
use_compilation_cache(Path(sys.argv[1]))
def once(x):
    return x * 3 + 1
def twice(x):
    return x * 6 + 2
def thrice(x):
    return x * 9 + 3
with mending():
    print(*(float(jax.jit(function)(2.0)) for function in (once, twice, thrice)))
"""


def program(folder: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(folder)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (found.stdout, found.stderr, found.returncode) == ("7.0 14.0 21.0\n", "", 0)


def test_broken_entries_are_compiled_anew_and_removed(tmp_path: Path) -> None:
    program(tmp_path)
    entries = sorted(tmp_path.glob("*-cache"))
    assert len(entries) >= 3
    whole = {entry.name for entry in entries}
    for number, entry in enumerate(entries):
        content = bytearray(entry.read_bytes())
        match number % 3:
            case 0:
                content.clear()
            case 1:
                del content[len(content) // 2 :]
            case 2:
                content[len(content) // 2] ^= 8
        entry.write_bytes(content)
    program(tmp_path)
    assert not list(tmp_path.glob("*-cache"))
    program(tmp_path)
    assert {entry.name for entry in tmp_path.glob("*-cache")} == whole
