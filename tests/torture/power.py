"""What a disk holds after the power was cut, made again from what SQLite had asked of it.

What was synced is there; of everything after that each sector may be there or not. A name that
was removed may come back, unless the folder was synced too.
"""

import random
from dataclasses import dataclass, field
from pathlib import Path

from torture.disk import Operation

SECTOR = 512


@dataclass
class _File:
    """A file: what will last, and what was asked since."""

    durable: bytes = b""
    named: bool = False
    pending: list[Operation] = field(default_factory=list)

    def synced(self) -> bytes:
        content = bytearray(self.durable)
        for operation in self.pending:
            _change(content, operation)
        return bytes(content)

    def cut(self, chance: random.Random) -> bytes:
        """The content with some of what was asked since the last sync."""
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        content = bytearray(self.durable)
        for operation in self.pending:
            if operation.kind == "truncate":
                if chance.random() < share:
                    _change(content, operation)
                continue
            for start in range(0, len(operation.content), SECTOR):
                if chance.random() < share:
                    part = operation.content[start : start + SECTOR]
                    _change(content, Operation("write", "", operation.place + start, part))
        return bytes(content)


def after_cut(operations: list[Operation], chance: random.Random) -> dict[Path, bytes]:
    """The files as they may be found when the power failed after these operations."""
    files: dict[str, _File] = {}
    removed: dict[str, _File] = {}
    for operation in operations:
        name = operation.file
        if operation.kind == "note":
            continue
        if operation.kind == "delete":
            gone = files.pop(name, None)
            if gone is not None and gone.named and not operation.place:
                removed[name] = gone
            if operation.place:
                removed.clear()
            continue
        file = files.setdefault(name, _File())
        if operation.kind != "sync":
            file.pending.append(operation)
            continue
        file.durable, file.pending = file.synced(), []
        if not file.named:
            # With a new file's first sync the folder is synced: its name stays, others are gone.
            file.named = True
            removed.clear()
    left = {
        Path(name): file.cut(chance)
        for name, file in files.items()
        if file.named or chance.random() < 0.5
    }
    for name, file in removed.items():
        if chance.random() < 0.5:
            left[Path(name)] = file.cut(chance)
    return left


def _change(content: bytearray, operation: Operation) -> None:
    end = operation.place
    if operation.kind == "truncate":
        del content[end:]
        content.extend(bytes(end - len(content)))
        return
    content.extend(bytes(max(0, end - len(content))))
    content[end : end + len(operation.content)] = operation.content
