"""A disk under SQLite that fails when it is told to, and remembers what was asked of it.

SQLite reaches files through a table of functions, its VFS. Here that of the system is copied, in
the very library that the module `sqlite3` uses, and the functions that change files are replaced
(https://sqlite.org/vfs.html, and "I/O Error Testing" of https://sqlite.org/testing.html).
"""

import _sqlite3
import ctypes
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

FAILED = {"write": 778, "sync": 1034, "truncate": 1546, "delete": 2570}
"""SQLITE_IOERR_WRITE, _FSYNC, _TRUNCATE, _DELETE."""
FULL = 13
DATA_SYNC_OF_FOLDER = 1

_Pointer = ctypes.c_void_p
_Open = ctypes.CFUNCTYPE(
    ctypes.c_int,
    _Pointer,
    _Pointer,  # a name, whose address SQLite keeps, so it must not become a Python object
    ctypes.POINTER(_Pointer),
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_int),
)
_Delete = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_char_p, ctypes.c_int)
_Write = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, _Pointer, ctypes.c_int, ctypes.c_int64)
_Truncate = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int64)
_Sync = ctypes.CFUNCTYPE(ctypes.c_int, _Pointer, ctypes.c_int)


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("path_length", ctypes.c_int),
        ("next", _Pointer),
        ("name", ctypes.c_char_p),
        ("data", _Pointer),
        ("open", _Open),
        ("delete", _Delete),
        ("others", _Pointer * 13),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("close", _Pointer),
        ("read", _Pointer),
        ("write", _Write),
        ("truncate", _Truncate),
        ("sync", _Sync),
        ("others", _Pointer * 13),
    )


@dataclass(frozen=True)
class Operation:
    """One change that SQLite asked for.

    Attributes:
        kind: "write", "sync", "truncate", "delete"; "note" for what somebody else remarked.
        file: the path.
        place: where it was written, the size that was left; for "delete" whether it is to last.
        content: what was written, or the note.
    """

    kind: str
    file: str = ""
    place: int = 0
    content: Any = b""


@dataclass
class Disk:
    """What the disk does and has done.

    Attributes:
        fail_at: the operation that fails, counted from 1; 0 for none.
        forever: whether all after it fail too.
        full: whether writes fail because the disk is full, instead of broken.
        remembers: whether operations are kept.
        count: operations so far.
        failures: how many failed.
        operations: those that were done.
    """

    fail_at: int = 0
    forever: bool = False
    full: bool = False
    remembers: bool = False
    count: int = 0
    failures: int = 0
    operations: list[Operation] = field(default_factory=list)

    def note(self, content: Any) -> None:
        """Remember something that happened between two operations."""
        self.operations.append(Operation("note", content=content))

    def asked(self, operation: Operation) -> int:
        """The code that SQLite is given: 0 where the operation is to be done."""
        self.count += 1
        if self.fail_at and (
            self.count == self.fail_at or (self.forever and self.count > self.fail_at)
        ):
            self.failures += 1
            return FULL if self.full and operation.kind == "write" else FAILED[operation.kind]
        if self.remembers:
            self.operations.append(operation)
        return 0


def library() -> Any:
    """The SQLite that Python uses; None where its functions cannot be reached."""
    found = ctypes.CDLL(_sqlite3.__file__)
    if not hasattr(found, "sqlite3_vfs_find"):
        return None
    found.sqlite3_vfs_find.restype = ctypes.POINTER(_Vfs)
    found.sqlite3_vfs_find.argtypes = (ctypes.c_char_p,)
    found.sqlite3_vfs_register.argtypes = (ctypes.POINTER(_Vfs), ctypes.c_int)
    found.sqlite3_vfs_unregister.argtypes = (ctypes.POINTER(_Vfs),)
    return found


_numbers = itertools.count()


@contextmanager
def under_sqlite(disk: Disk) -> Iterator[Disk]:
    """Every file that SQLite opens in this process meanwhile lies on the disk."""
    sqlite = library()
    system = sqlite.sqlite3_vfs_find(None)
    vfs = _Vfs.from_buffer_copy(system.contents)
    vfs.name = f"torture-{next(_numbers)}".encode()
    wrapped: dict[int, _Methods] = {}
    names: dict[int, str] = {}

    def wrap(address: int) -> _Methods:
        theirs = _Methods.from_address(address)
        ours = _Methods.from_buffer_copy(theirs)

        def write(file: int, content: int, size: int, place: int) -> int:
            data = ctypes.string_at(content, size)
            code = disk.asked(Operation("write", names[file], place, data))
            if code:
                # A write that fails may have written a part.
                theirs.write(file, content, size // 2, place)
            return code or theirs.write(file, content, size, place)

        def truncate(file: int, size: int) -> int:
            code = disk.asked(Operation("truncate", names[file], size))
            return code or theirs.truncate(file, size)

        def sync(file: int, flags: int) -> int:
            code = disk.asked(Operation("sync", names[file], flags))
            return code or theirs.sync(file, flags)

        ours.write, ours.truncate, ours.sync = _Write(write), _Truncate(truncate), _Sync(sync)
        return ours

    def opened(own: int, name: int | None, file: Any, flags: int, out: Any) -> int:
        code = system.contents.open(own, name, file, flags, out)
        methods = file[0]
        if code == 0 and methods and name is not None:
            if methods not in wrapped:
                wrapped[methods] = wrap(methods)
            names[ctypes.cast(file, _Pointer).value or 0] = ctypes.string_at(name).decode()
            file[0] = ctypes.addressof(wrapped[methods])
        return code

    def deleted(own: int, name: bytes, lasts: int) -> int:
        code = disk.asked(Operation("delete", name.decode(), lasts))
        return code or system.contents.delete(own, name, lasts)

    vfs.open, vfs.delete = _Open(opened), _Delete(deleted)
    sqlite.sqlite3_vfs_register(ctypes.byref(vfs), 1)
    try:
        yield disk
    finally:
        sqlite.sqlite3_vfs_unregister(ctypes.byref(vfs))
        sqlite.sqlite3_vfs_register(system, 1)
