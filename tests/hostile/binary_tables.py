"""Hostile tables in Parquet and NumPy files."""

import datetime
import decimal
import io
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars
from cases import EVIL, Case, text_file


def parquet() -> Iterator[Case]:
    def written(frame: polars.DataFrame) -> Callable[[Path], str]:
        def make(folder: Path) -> str:
            frame.write_parquet(folder / "t.parquet")
            return str(folder / "t.parquet")

        return make

    def column(title: str, values: Any, dtype: Any = None, fields: Any = None) -> Case:
        labels = ["ab"[n % 2] for n in range(len(values))]
        frame = polars.DataFrame({"x": polars.Series(values, dtype=dtype), "y": labels})
        return Case(f"Parquet: {title}", written(frame), fields or {})

    day = datetime.date(2020, 1, 1)
    noon = datetime.datetime(2020, 1, 1, 12)
    yield column("dates", [day, None, day] * 4)
    yield column("moments", [noon, noon.replace(year=1700)] * 4, polars.Datetime("ns"))
    yield column("moments in zones", [noon] * 8, polars.Datetime("us", "Asia/Tokyo"))
    yield column("times", [noon.time()] * 8)
    yield column("durations", [datetime.timedelta(days=1)] * 8)
    yield column("decimals", [decimal.Decimal("1.25"), decimal.Decimal("2.5")] * 4)
    yield column("lists", [[1, 2], []] * 4)
    yield column("arrays", [[1, 2]] * 8, polars.Array(polars.Int8, 2))
    yield column("structures", [{"a": 1}, {"a": 2}] * 4)
    yield column("bytes", [b"\xff", b"a"] * 4)
    yield column("booleans", [True, None, False] * 4)
    yield column("nothing", [None] * 8)
    yield column("nothing of a type", [None] * 8, polars.Float64)
    yield column("whole numbers beyond 2^53", [2**63 - 1, 2**53 + 1, -(2**63)] * 3)
    yield column("whole numbers of 64 bits without sign", [2**64 - 1, 0] * 4, polars.UInt64)
    yield column("infinite numbers", [1.0, float("inf")] * 4)
    yield column("NaN", [1.0, float("nan"), None, 3.0] * 4)
    yield column("half precision", [65504.0, 1e-7] * 4, polars.Float32)
    yield column("an enumeration", ["u", "v"] * 4, polars.Enum(["v", "u", "never"]))
    yield column("a categorical", ["u", None] * 4, polars.Categorical)
    yield column("evil text", [*EVIL] * 2)
    yield column("no rows", [], polars.Float64)
    yield column("one row", [1.0])
    yield Case("Parquet: no columns", written(polars.DataFrame()))
    yield Case("Parquet: no names", written(polars.DataFrame({"": [1.0, 2.0], "y": ["a", "b"]})))
    zeros = polars.DataFrame({"x": polars.zeros(100_000, polars.Int8, eager=True)})
    zeros = zeros.with_columns(polars.lit("a").alias("y"))
    yield Case("Parquet: small as a file", written(zeros), {"max_bytes": 2**16})
    long = polars.DataFrame({"x": [f"{n}{'x' * 10**6}" for n in range(20)], "y": ["a", "b"] * 10})
    yield Case("Parquet: long text", written(long), {"max_bytes": 2**20})

    def whole() -> bytes:
        stream = io.BytesIO()
        polars.DataFrame({"x": [1.0, 2.0] * 9, "y": ["a", "b"] * 9}).write_parquet(stream)
        return stream.getvalue()

    good = whole()
    footer = struct.unpack("<I", good[-8:-4])[0]
    for title, content in {
        "only marks": b"PAR1PAR1",
        "marks around zeros": b"PAR1" + bytes(100) + b"PAR1",
        "cut": good[: len(good) // 2],
        "no end": good[:-4],
        "a footer beyond the file": good[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1",
        "a footer of nothing": good[:-8] + struct.pack("<I", 0) + b"PAR1",
        "text": b"x,y\n1,a\n",
    }.items():
        yield Case(f"Parquet: {title}", text_file(content, "t.parquet"))
    for number in range(25):
        draw = random.Random(number)
        content = bytearray(good)
        start = len(good) - 8 - footer if number % 2 else 4
        for _ in range(1 + number % 4):
            content[draw.randrange(start, len(good) - 8)] = draw.randrange(256)
        yield Case(f"Parquet: lies {number}", text_file(bytes(content), "t.parquet"))


class Bomb:
    """What a pickle could do: make a file, and be seen to have done it."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("pickle-was-loaded",)


def header(text: str) -> bytes:
    """The start of a `.npy` file with this header."""
    padded = text + " " * (64 - (len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded.encode("latin-1")


def numpy_files() -> Iterator[Case]:
    def saved(array: Any, name: str = "t.npy", **options: Any) -> Callable[[Path], str]:
        def make(folder: Path) -> str:
            np.save(folder / name, array, **options)
            return str(folder / name)

        return make

    def packed(**arrays: Any) -> Callable[[Path], str]:
        def make(folder: Path) -> str:
            np.savez_compressed(folder / "t.npz", **arrays)
            return str(folder / "t.npz")

        return make

    plain = np.stack([np.arange(30.0), np.arange(30) % 2], 1)
    labels = np.array(["a", "b"] * 15)
    y = {"target": "1"}
    yield Case("NumPy: an array", saved(plain), y)
    yield Case("NumPy: a pickle", saved(np.array([Bomb(), 1], object), allow_pickle=True), y)
    yield Case("NumPy: a bare pickle", text_file(pickle.dumps(Bomb()), "t.npy"), y)
    yield Case("NumPy: a pickle within", packed(x=np.array([Bomb()] * 2, object), y=[0, 1]))
    yield Case("NumPy: a pickle for a folder of arrays", text_file(pickle.dumps(Bomb()), "t.npz"))
    for title, array in {
        "no axis": np.float64(3),
        "one axis": np.arange(9.0),
        "three axes": np.zeros((3, 3, 3)),
        "no rows": np.zeros((0, 2)),
        "no columns": np.zeros((9, 0)),
        "complex numbers": plain.astype(complex),
        "moments": plain.astype("datetime64[s]"),
        "time spans": plain.astype("timedelta64[s]"),
        "bytes": plain.astype("S4"),
        "nothing known": np.zeros((9, 2), "V8"),
        "text": plain.astype(str),
        "half precision": plain.astype(np.float16),
        "long numbers": plain.astype(np.longdouble),
        "longer numbers": np.full((9, 2), np.longdouble("1e4000")),
        "another byte order": plain.astype(">f8"),
        "columns first": np.asfortranarray(plain),
        "truth": plain > 3,
        "infinities": np.full((9, 2), np.inf),
        "huge numbers": np.stack([np.full(30, 1e308), np.arange(30) % 2], 1),
        "fields": np.zeros(9, [("x", "f8"), ("1", "i4")]),
        "fields in fields": np.zeros(9, [("x", [("a", "f8")]), ("1", "i4")]),
        "fields of arrays": np.zeros(9, [("x", "f8", (3, 2)), ("1", "i4")]),
        "fields of objects": np.zeros(9, [("x", "O"), ("1", "i4")]),
    }.items():
        yield Case(f"NumPy: {title}", saved(array, allow_pickle=True), y)
    claimed = "{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 2), }"
    for title, text in {
        "a trillion rows": claimed % 10**12,
        "four billion rows": claimed % (4 * 10**9),
        "rows below zero": claimed % -3,
        "rows beyond numbers": claimed % 10**30,
        "long text": "{'descr': '<U1000000000', 'fortran_order': False, 'shape': (9, 2), }",
        "code": "__import__('os').mkdir('pickle-was-loaded')",
        "brackets": "(" * 9000,
        "no shape": "{'descr': '<f8', 'fortran_order': False}",
        "another shape": "{'descr': '<f8', 'fortran_order': False, 'shape': 'many', }",
        "no type": "{'descr': 'nothing', 'fortran_order': False, 'shape': (9, 2), }",
        "nothing": "",
    }.items():
        content = header(text) + np.arange(18.0).tobytes()
        yield Case(f"NumPy: a header of {title}", text_file(content, "t.npy"), y)
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("x.npy", content)
        yield Case(f"NumPy: within, a header of {title}", text_file(archive.getvalue(), "t.npz"))
    for point in (0xD800, 0x110000, 2**32 - 1):
        text = header("{'descr': '<U1', 'fortran_order': False, 'shape': (4, 2), }")
        text += struct.pack("<I", point) * 8
        yield Case(f"NumPy: the character {point:#x}", text_file(text, "t.npy"), y)
    yield Case("NumPy: version 9", text_file(b"\x93NUMPY\x09\x00" + bytes(99), "t.npy"), y)
    yield Case("NumPy: only a mark", text_file(b"\x93NUMPY", "t.npy"), y)
    yield Case("NumPy: more than the array", text_file(_saved(plain) + bytes(99), "t.npy"), y)
    yield Case("NumPy: less than the array", text_file(_saved(plain)[:-9], "t.npy"), y)
    yield Case("NumPy: arrays", packed(x=plain[:, 0], y=labels))
    yield Case("NumPy: arrays of other lengths", packed(x=np.zeros(3), y=labels))
    yield Case("NumPy: one name twice", packed(x_0=np.zeros(30), x=plain, y=labels))
    yield Case("NumPy: evil text", packed(x=np.array([*EVIL] * 2), y=np.arange(2 * len(EVIL)) % 2))
    bomb = np.zeros(100_000, np.int8)
    yield Case("NumPy: a bomb", packed(x=bomb, y=bomb), {"max_bytes": 2**16})
    for title, members in {
        "no arrays": {},
        "other files": {"x.txt": b"x", "y.npy": _saved(labels)},
        "paths": {"../../x.npy": _saved(plain[:, 0]), "y.npy": _saved(labels)},
        "absolute paths": {"/etc/x.npy": _saved(plain[:, 0]), "y.npy": _saved(labels)},
        "folders": {"x/": b"", "y.npy": _saved(labels)},
        "archives": {"x.npz": b"PK\x05\x06" + bytes(18), "y.npy": _saved(labels)},
    }.items():
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            for name, content in members.items():
                file.writestr(name, content)
        yield Case(f"NumPy: an archive of {title}", text_file(archive.getvalue(), "t.npz"))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", _saved(np.zeros(30)))
        file.writestr("y.npy", _saved(labels))
    content = archive.getvalue()
    yield Case("NumPy: a cut archive", text_file(content[:-30], "t.npz"))
    lying = content.replace(struct.pack("<I", len(_saved(np.zeros(30)))), struct.pack("<I", 9))
    yield Case("NumPy: an archive that lies about sizes", text_file(lying, "t.npz"))
    for number in range(10):
        draw = random.Random(number)
        changed = bytearray(content)
        for _ in range(3):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        yield Case(f"NumPy: a changed archive {number}", text_file(bytes(changed), "t.npz"))


def _saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
