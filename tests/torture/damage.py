"""Stores with bytes that a disk has changed or lost, and files that are no stores."""

import contextlib
import io
import os
import random
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

from etude.errors import InputError
from etude.store import Store, encoding
from torture import runs
from torture.disk import Disk, under_sqlite
from torture.power import after_cut


def changed_bytes(content: bytes, times: int, chance: random.Random) -> Iterator[bytes]:
    """Copies with one byte another, one bit another, a sector of zeros, or one of noise."""
    for _ in range(times):
        copy = bytearray(content)
        place = chance.randrange(len(copy))
        kind = chance.choice(("byte", "bit", "zeros", "noise"))
        if kind == "byte":
            copy[place] = (copy[place] + chance.randrange(1, 256)) % 256
        elif kind == "bit":
            copy[place] ^= 1 << chance.randrange(8)
        else:
            start = place // 512 * 512
            size = len(copy[start : start + 512])
            copy[start : start + size] = bytes(size) if kind == "zeros" else chance.randbytes(size)
        if copy != content:
            yield bytes(copy)


def changed_header(content: bytes) -> Iterator[bytes]:
    """Copies in which one byte of the header is another."""
    for place in range(100):
        for value in (0, 255, content[place] ^ 1):
            if value != content[place]:
                yield content[:place] + bytes([value]) + content[place + 1 :]


def shortened(content: bytes, times: int, chance: random.Random) -> Iterator[bytes]:
    """Copies that end early: at every page, and anywhere."""
    for size in [*range(0, len(content), 4096), 1, 99, 100, 101, 511, 512]:
        yield content[:size]
    for _ in range(times):
        yield content[: chance.randrange(len(content))]


def damaged_stores(
    store: Path, expected: dict[str, Any], folder: Path, copies: Iterator[bytes]
) -> Counter[str]:
    """Show each damaged copy: right, or refused with a sentence and left as it is."""
    counts: Counter[str] = Counter()
    for content in copies:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        copy = folder / store.name
        copy.write_bytes(content)
        counts["stores damaged"] += 1
        code, said = command("show", "tortured", "--store", str(copy), "--json")
        assert code in (0, 2), (code, said)
        assert copy.read_bytes() == content, "showing changed a damaged store"
        counts["damage refused" if code else "damage harmless"] += 1
        if code == 0:
            counts["wrong answers"] += not _right(copy, expected)
        code, said = command("list", "--store", str(copy))
        assert code in (0, 2), (code, said)
        assert copy.read_bytes() == content, "listing changed a damaged store"
    return counts


def damaged_journals(
    run: runs.Run, expected: dict[str, Any], folder: Path, times: int
) -> Counter[str]:
    """Damage the journal that a killed writer left: nothing wrong is ever shown."""
    counts: Counter[str] = Counter()
    chance = random.Random(0)
    made = folder / "made"
    made.mkdir(parents=True)
    with under_sqlite(Disk(remembers=True)) as disk:
        run(made / "etude.db")
    hot = [
        place
        for place, item in enumerate(disk.operations)
        if item.kind == "write" and item.file.endswith("etude.db")
    ]
    for number in range(times):
        place = chance.choice(hot)
        files = after_cut(disk.operations[: place + 1], _All(0))
        for path in made.iterdir():
            path.unlink()
        for path, content in files.items():
            path.write_bytes(content)
        journal = made / "etude.db-journal"
        content = journal.read_bytes()
        journal.write_bytes(
            content[: chance.randrange(len(content))]
            if number % 2
            else next(changed_bytes(content, 50, chance))
        )
        counts["journals damaged"] += 1
        code, said = command("show", "tortured", "--store", str(made / "etude.db"), "--json")
        assert code in (0, 2), (code, said)
        counts["damage refused" if code else "damage harmless"] += 1
        if code == 0:
            counts["wrong answers"] += not _part(made / "etude.db", expected)
    return counts


def foreign_files(store: Path, folder: Path) -> Counter[str]:
    """Files that are no stores of ours, or of a later version: exit 2, left byte for byte."""
    counts: Counter[str] = Counter()
    for make in FOREIGN:
        folder.mkdir(parents=True, exist_ok=True)
        copy = folder / "etude.db"
        make(store, copy)
        before = copy.read_bytes()
        study = folder / "study.toml"
        study.write_text(runs.SMALL)
        for arguments in (
            ("show", "tortured", "--store", str(copy)),
            ("list", "--store", str(copy)),
            ("run", str(study), "--store", str(copy), "--quiet"),
        ):
            code, said = command(*arguments)
            assert code == 2, (make.__name__, arguments, code, said)
            assert "error" in said
        assert copy.read_bytes() == before
        assert sorted(os.listdir(folder)) == ["etude.db", "study.toml"]
        counts["foreign files refused"] += 1
        shutil.rmtree(folder)
    return counts


def command(*arguments: str) -> tuple[int, str]:
    """The command line in this process: exit code, and what it said."""
    from etude import cli

    said = io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
        mock.patch.object(sys, "argv", ["etude", *arguments]),
        mock.patch("signal.signal"),
    ):
        try:
            cli.main()
        except SystemExit as error:
            return int(error.code or 0), said.getvalue()
    return 0, said.getvalue()


class _All(random.Random):
    """Chance that leaves everything: a process was killed, but the power stayed."""

    def random(self) -> float:
        return 0.0

    def choice(self, options):  # type: ignore[no-untyped-def]
        return options[-1]


def _right(store: Path, expected: dict[str, Any]) -> bool:
    """Whether what can be read of a damaged store is what it held."""
    try:
        found = runs.contents(store)
    except (InputError, sqlite3.Error):
        # What `show` did not read is refused; is what it did read right?
        with Store.open(store, readonly=True) as opened:
            record = opened.load("tortured")
        return runs.told(record) == expected["table"]
    return found["table"] == expected["table"] and found["members"] == expected["members"]


def _part(store: Path, expected: dict[str, Any]) -> bool:
    """Whether every result that can be read from a store is one of those expected."""
    known = {row[0]: row[1:] for row in expected["members"]}
    with Store.open(store, readonly=True) as opened:
        try:
            record = opened.load("tortured", outputs=True)
        except InputError:
            record = opened.load("tortured")
    rows = map(encoding.member_row, record.members)
    return all(
        row["digest"] is None
        or (row["status"], row["epochs"], row["curves"])
        == (known[row["identity"]][0], known[row["identity"]][2], known[row["identity"]][9])
        for row in rows
    )


def _of_another_program(store: Path, copy: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("CREATE TABLE photo (name TEXT)")
        connection.commit()


def _with_our_mark(store: Path, copy: Path) -> None:
    _of_another_program(store, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("CREATE TABLE study (title TEXT)")
        connection.execute(f"PRAGMA application_id = {0x45747564}")
        connection.commit()


def _newer_tables(store: Path, copy: Path) -> None:
    shutil.copy(store, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE schema_version SET version = 1000")
        connection.commit()


def _newer_format(store: Path, copy: Path) -> None:
    content = bytearray(store.read_bytes())
    content[18:20] = b"\x09\x09"
    copy.write_bytes(content)


def _text(store: Path, copy: Path) -> None:
    copy.write_text("a,b\n" * 1000)


def _zeros(store: Path, copy: Path) -> None:
    copy.write_bytes(bytes(8192))


FOREIGN: tuple[Callable[[Path, Path], None], ...] = (
    _of_another_program,
    _with_our_mark,
    _newer_tables,
    _newer_format,
    _text,
    _zeros,
)
