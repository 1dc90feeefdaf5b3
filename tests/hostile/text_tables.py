"""Hostile tables in text files."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars
from cases import EVIL, Case, rows, text_file


def encodings() -> Iterator[Case]:
    plain = rows("1", "2")
    umlaut = plain.replace("a\n", "ä\n")
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        yield Case(encoding, text_file(plain.encode(encoding)))
    for encoding in ("latin-1", "cp1252", "mac-roman", "cp437"):
        yield Case(encoding, text_file(umlaut.encode(encoding)))
    yield Case("shift-jis", text_file(plain.replace("a\n", "あ\n").encode("shift-jis")))
    yield Case("mixed", text_file((umlaut + "1,").encode() + "ö\n".encode("latin-1")))
    yield Case("a header in another one", text_file("x,ü\n".encode("latin-1") + b"1,a\n2,b\n"))
    yield Case("a mark in the middle", text_file(plain + "\ufeff1,a\n"))
    yield Case("overlong", text_file(plain.encode() + b"\xc0\xaf,a\n"))
    yield Case("surrogates", text_file(plain.encode() + b"\xed\xa0\x80,a\n"))
    yield Case("cut", text_file(umlaut.encode() + b"1,\xc3"))
    yield Case("bytes", text_file(bytes(range(256)) * 20))
    yield Case("NUL", text_file(plain.replace("1", "\0")))
    yield Case("NUL between", text_file(plain.encode("utf-16-le").replace(b"\n\0", b"\n")))
    yield Case("gzip", text_file(b"\x1f\x8b\x08\0" + bytes(50)))
    yield Case("a workbook", text_file(b"PK\x03\x04" + bytes(200)))


def shapes() -> Iterator[Case]:
    plain = rows("1", "2")
    for title, content in {
        "no bytes": "",
        "a line end": "\n",
        "blank lines": "\n\n\n\n",
        "blanks": "   \n  \n",
        "a header only": "x,y\n",
        "a header without a line end": "x,y",
        "one row": "x,y\n1,a\n",
        "two rows": "x,y\n1,a\n2,b\n",
        "one column": "y\na\nb\n",
        "one column and no header": "1\n2\n",
        "no header": "1,a\n2,b\n3,a\n",
        "separators only": ",,,\n,,,\n",
        "a short row": plain + "1\n",
        "a long row": plain + "1,a,b\n",
        "a short row first": "x,y\n1\n" + plain[4:],
        "a long row first": "x,y\n1,2,3\n" + plain[4:],
        "a short header": "x\n" + plain[4:],
        "a long header": "x,y,z\n" + plain[4:],
        "a separator at each end": plain.replace("\n", ",\n"),
        "blank lines between": plain.replace("\n", "\n\n"),
        "blank lines at the end": plain + "\n" * 50,
        "a blank line first": "\n" + plain,
        "a comment first": "# comment\n" + plain,
        "an unclosed quote": plain + '"1,a\n2,b\n',
        "an unclosed quote in the header": '"x,y\n' + plain[4:],
        "an unclosed quote at the end": plain + '1,"a',
        "a quote inside": plain + '1"2,a\n',
        "quotes inside quotes": plain + '"1""2",a\n',
        "a quote and more": plain + '"1"2,a\n',
        "a line end in a quote": plain + '"1\n2",a\n',
        "carriage returns": plain.replace("\n", "\r"),
        "all line ends": plain.replace("\n", "\r\n", 5).replace("a\n", "a\r", 2),
        "strange line ends": plain.replace("a\n", "a\x0b\n").replace("b\n", "b\x85\n"),
        "semicolons and decimal commas": plain.replace(",", ";").replace("1", "1,5"),
        "bars": plain.replace(",", "|"),
        "blanks for separators": plain.replace(",", " "),
        "tabs and commas": plain.replace(",", "\t", 9),
        "one name twice": "x,x,y\n1,2,a\n3,4,b\n",
        "one name twice but for blanks": "x, x ,y\n1,2,a\n3,4,b\n",
        "one name twice but for case": "x,X,y\n1,2,a\n3,4,b\n1,5,a\n",
        "no names": ",,y\n1,2,a\n3,4,b\n",
        "a name of blanks": " ,y\n1,a\n2,b\n",
        "a target without a name": "x,\n1,a\n2,b\n",
        "names of code": "__class__,y\n1,a\n2,b\n3,a\n4,b\n",
        "a page": "<html><body><table><tr><td>1</td></tr></table></body></html>",
        "JSON": '{"x": [1, 2], "y": ["a", "b"]}',
        "JSON lines": '{"x": 1, "y": "a"}\n{"x": 2, "y": "b"}\n',
    }.items():
        yield Case(title, text_file(content))
    yield Case("tabs", text_file(plain.replace(",", "\t"), "t.tsv"))
    yield Case("commas in a TSV", text_file(plain, "t.tsv"))
    yield Case("a suffix in capitals", text_file(plain, "t.CSV"))
    for number in range(12):
        draw = random.Random(number)
        content = bytearray(plain.encode())
        for _ in range(8):
            content[draw.randrange(len(content))] = draw.choice(b'",;\t\r\n\0\xff\\a1')
        yield Case(f"mutation {number}", text_file(bytes(content)))


def cells() -> Iterator[Case]:
    for cell in (
        *("inf", "-inf", "Infinity", "nan", "1e400", "1e308", "-1e308", "1e38", "1e37", "5e-324"),
        *("1e-320", "9007199254740993", "1" + "0" * 30, "1" + "0" * 5000, "0x10", "1_000", "1e"),
        *("--1", "١٢٣", "½", "1,5", "$1", "1%", " 1 ", "+1", "-0", "1.2.3", ".", "-", "1e-400"),
        *("TRUE", "Ja"),
        *("2020-01-01", "2020-13-45", "0001-01-01", "9999-12-31", "99999-01-01", "12:30:00"),
        *("2020-01-01T00:00:00Z", "2020-01-01T00:00:00+02:00", "2020-01-01 00:00:00.123456789"),
        *("01/02/2020", "P1D", "", "NA", "null", "?", "[1, 2]", "{}", "None"),
    ):
        quoted = f'"{cell}"' if "," in cell else cell
        yield Case(f"the cell {cell[:40]!r}", text_file(rows("1", "2", quoted)))
        if cell[:1].isdigit():
            yield Case(f"cells {cell[:40]!r}", text_file(rows(quoted, f"{quoted[:-1]}2")))
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}"' for text in EVIL]
    yield Case("evil cells", text_file(rows(*quoted, count=200)))
    header = ",".join([*quoted, "y"])
    body = "\n".join(",".join(["1.5"] * len(EVIL) + ["ab"[n % 2]]) for n in range(9))
    yield Case("evil names", text_file(f"{header}\n{body}\n"))
    labels = "\n".join(f"{n},{quoted[n % len(quoted)]}" for n in range(300))
    yield Case("evil labels", text_file(f"x,y\n{labels}\n"))
    yield Case("a constant column", text_file(rows("7")))
    yield Case("nearly constant numbers", text_file(rows("1e16", "1e16", "10000000000000002")))
    yield Case("tiny and huge numbers", text_file(rows("1e-300", "1e36", "-1e36", "0")))
    yield Case("dates and words", text_file(rows("2020-01-01", "soon")))
    yield Case("numbers and one word", text_file(rows("1", "2", "3", "4", "5", "much")))
    yield Case("true, false and 1", text_file(rows("true", "false", "1")))


def targets() -> Iterator[Case]:
    def target(*values: str, count: int = 30, **fields: Any) -> Case:
        body = "\n".join(f"{n},{values[n % len(values)]}" for n in range(count))
        title = (
            f"the targets {values[0][:20]!r}, {values[-1][:20]!r} of {len(values)} {fields or ''}"
        )
        return Case(title, text_file(f"x,y\n{body}\n"), fields)

    yield target("a")
    yield target("1")
    yield target("")
    yield target("NA", "nan")
    yield target("a", "b", "")
    yield target("1.5", "2.5", "inf")
    yield target("1e308", "-1e308")
    yield target("1e36", "2e36", "-3e36")
    yield target("1e-320", "2e-320", "0.5e-320")
    yield target("9007199254740993", "9007199254740992", "9007199254740995", task="numbers")
    yield target("1.0000000001", "1.0000000002", "1.0000000003")
    yield target("7.25", task="numbers")
    yield target("a", "b", task="numbers")
    yield target("0.5", "1.5", task="classes")
    yield target("2020-01-01", "2020-01-02")
    yield target("true", "false")
    yield target(*(f"label {n}" for n in range(101)), count=404)
    yield target(*(f"label {n}" for n in range(60)), count=60)
    yield target(*(str(n) for n in range(500)), count=500, task="classes")
    yield target("a", " a", "a ")
    yield target("1", "1.0", "01")
    plain = rows("1", "2")
    for fields in (
        *({"target": name} for name in ("z", "Y", " y", "", ("x", "x"), ("x", "y"))),
        *({"drop": (name,)} for name in "xyz"),
        *({"categorical": ("z",)}, {"categorical": ("y",)}, {"missing": ("1",)}),
        *({"missing": ("a",)}, {"max_categories": 2, "categorical": ("x",)}, {"max_bytes": 10}),
        *({"group": "z"}, {"order": "z"}, {"group": "y"}),
        {"scale": "none", "missing": ("1", "2")},
    ):
        yield Case(f"fields {fields}", text_file(plain), fields)


def large() -> Iterator[Case]:
    def many_categories(folder: Path) -> str:
        frame = polars.DataFrame({"x": polars.Series(range(1_000_000)).cast(polars.String)})
        frame = frame.with_columns(("id " + polars.col("x")).alias("x"), polars.lit(1.5).alias("z"))
        frame = frame.with_columns((polars.int_range(polars.len()) % 2).alias("y"))
        frame.write_csv(folder / "t.csv")
        return str(folder / "t.csv")

    yield Case("a million categories", many_categories)
    names = ",".join(f"x{n}" for n in range(10_000))
    body = "\n".join(",".join(["1", "2"] * 5000) + f",{'ab'[n % 2]}" for n in range(6))
    yield Case("ten thousand columns", text_file(f"{names},y\n{body}\n"))
    yield Case(
        "ten thousand names that are one", text_file("x," * 10_000 + "y\n" + "1," * 10_000 + "a\n")
    )
    yield Case("a wide header and no rows", text_file(f"{names},y\n"))
    yield Case("a long cell", text_file(rows("1", "x" * 5_000_000, count=4)))
    yield Case("a long name", text_file(f"{'x' * 5_000_000},y\n1,a\n2,b\n"))
    yield Case("a long line without separators", text_file("x" * 5_000_000))
    yield Case("ten thousand categories asked for", many_codes, {"max_categories": 10**9})
    yield Case("a hundred thousand short rows", text_file("x,y\n" + "1\n" * 100_000))
    yield Case("a hundred thousand quotes", text_file("x,y\n" + '"' * 100_001 + ",a\n"))


def many_codes(folder: Path) -> str:
    """Sixty thousand rows with as many categories: 14 GB once each has a feature."""
    lines = "\n".join(f"code {n},{'ab'[n % 2]}" for n in range(60_000))
    return text_file(f"x,y\n{lines}\n")(folder)
