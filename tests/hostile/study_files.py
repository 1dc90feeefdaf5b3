"""A thousand study files that are broken, absurd or hostile, the same on every machine."""

import copy
import random
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import tomli_w

HERE = Path(__file__).parents[2]

RICH = """
name = "rich"
seed = 3
seeds = 2
labels = ["a", "b"]
metric = { name = "accuracy" }

[[data]]
name = "iris"
scale = "none"

[[data]]
name = "spirals"
rows = 60
noise = { linear_range = [0.0, 0.2], count = 2 }
classes = 3

[[model]]
name = "mlp"
widths = [{ grid = [2, 3] }, 4]
activation = "tanh"
initializer = { name = "he_normal" }

[loss]
name = "cross_entropy"
label_smoothing = 0.1
l2 = { log_range = [1e-4, 1e-2], count = 2 }

[[algorithm]]
name = "adam"
beta1 = 0.8
epochs = 2
batch_size = { grid = [8, "full"] }
schedule = { name = "cosine", warmup = 0.1 }
stopping = { name = "early_stopping", patience = 2 }

[[algorithm]]
name = "optax"
rule = "nadam"
arguments = { b1 = { grid = [0.8, 0.9] } }
steps = 7

[validation]
name = "kfold"
folds = 3
stratified = true
validation = 0.2
"""
"""Every kind of thing that a study file can say."""

HOSTILE = (
    *("nan", "inf", "-inf", "-1", "0", "-0.0", "1e308", "-1e308", "5e-324", "1e-320", "1e400"),
    *("true", "0.5", "1000000", "1000000000", "9223372036854775807", "9223372036854775808"),
    *("1" + "0" * 30, "1" + "0" * 4000, "1" + "0" * 5000, "0x" + "f" * 20, "0x" + "f" * 6000),
    *("-1" + "0" * 400, "1" * 310 + ".5", "1979-05-27T07:32:00Z", "1979-05-27", "07:32:00"),
    *('""', '" "', '"x"', '"full"', '"auto"', '"' + "x" * 5000 + '"', r'"a\u0000b.csv"'),
    *(r'"\u001b[31m\u202e<script>alert(1)</script>"', '"=1+1"', r'"\n\n  forged: line"'),
    *('"../../../../etc/passwd"', '"/dev/zero"', '"/dev/stdin.csv"', '"~nobody-there/x.csv"'),
    *('"~"', '"/"', '"."', '"x.csv/y.csv"', '"https://example.org/x.csv"', '"\U0001f9ea.csv"'),
    *('"' + "n" * 300 + '.csv"', '"*.csv"', '"file:///etc/passwd"', '"s3://bucket/x.parquet"'),
    *("[]", "[[]]", '[1, "a"]', "[0]", "[-1]", "[1.5]", "[nan]", "[true]", "[1000000000]"),
    *("[100000, 100000]", "[9223372036854775807]", "[" + "1, " * 3000 + "1]", "[[1], [2]]"),
    *("[" * 60 + "]" * 60, "[" * 2000 + "]" * 2000, "{a=" * 400 + "1" + "}" * 400),
    *("{}", "{a = 1}", '{name = "x"}', '{name = "mlp"}', "{name = 3}", "{name = []}"),
    *('{name = "adam", learning_rate = -1}', '{name = "table", path = "x.csv", target = "y"}'),
    *('{name = "moons", rows = 100000000000}', '{name = "mlp", widths = [1000000000]}'),
    *("{grid = []}", "{grid = 3}", "{grid = {}}", "{grid = [[]]}", "{grid = [1, 1]}"),
    *("{grid = [1, {grid = [2, {grid = [3]}]}]}", "{grid = [1], count = 3}", "{count = 3}"),
    *('{grid = ["a", 1, true, nan]}', "{grid = [1], log_range = [1, 2], count = 1000000000}"),
    *("{log_range = [1e-4, 1], count = 1000000000}", "{log_range = [0, 1], count = 3}"),
    *("{linear_range = [1, 2]}", "{linear_range = [2, 1], count = 3}", "{linear_range = []}"),
    *("{linear_range = [0, inf], count = 3}", "{linear_range = [0, nan], count = 3}"),
    *('{linear_range = ["a", "b"], count = 2}', "{linear_range = [0, 1], count = -3}"),
    *("{linear_range = [0, 1], count = 1.5}", "{linear_range = [0, 1], count = true}"),
    *("{linear_range = [0, 1e-300], count = 50}", "{linear_range = [-1e308, 1e308], count = 5}"),
    *("{log_range = [5e-324, 1e308], count = 9}", "{linear_range = [1, 1], count = 1}"),
    *("{linear_range = [1" + "0" * 400 + ", 2], count = 2}", "{uniform = [0, 1]}"),
    *("{grid = [" + "1, " * 200_000 + "1]}", "{linear_range = [0, 1], count = 99999}"),
)
"""What a value is replaced by, as TOML writes it."""

KEYS = (
    *("name", "names", "path", "target", "grid", "count", "widths", "epochs", "seeds", "seed"),
    *("learning_rate", "lerning_rate", "__class__", "__init__", "model_config", "kind", "revision"),
    *("data", "datas", "validation", "folds", "rows", "content", "module", "function", "labels"),
    *("ключ", "a b", 'quo"te', "", "\x1b[31m", "\u202egnp.exe", "<b>", "=cmd()", "k" * 3000),
    *("x.y.z", "\n  forged: line", "constructor", "metric", "metrics", "stopping", "schedule"),
)
"""What a key is replaced by, or what is added."""

BYTES = (
    *(b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n", b"\x1b[2J", b"\x7f"),
    *(b"\xe2\x80\xae", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\t"),
    *(b'"', b"'", b'"""', b"'''", b"[", b"]", b"[[", b"]]", b"{", b"}", b"=", b",", b".", b"#"),
    *(b"-", b"_", b"e", b"\\", b"\\u", b"\\U0010ffff", b"0", b"9999999999", b"nan", b"inf"),
)
"""What is inserted somewhere."""

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][\w-]*|[+-]?\d[\w.+-]*|[^\s\w]')


@cache
def sources() -> list[str]:
    """The study files of this project, and a rich one."""
    files = sorted([*(HERE / "studies").glob("*.toml"), *(HERE / "examples").glob("*.toml")])
    return [file.read_text(encoding="utf-8") for file in files] + [RICH]


def mutant(number: int) -> tuple[str, bytes]:
    """The title and content of a hostile study file: first the written ones, then mutations."""
    if number < written_files():
        return _written()[number]
    texts, draw = sources(), random.Random(number)
    mutation = (bytewise, tokenwise, structural, structural)[number % 4]
    return f"{mutation.__name__} {number}", mutation(draw.choice(texts), draw)


def written_files() -> int:
    """How many files are written, not mutated."""
    return len(_written())


@cache
def _written() -> list[tuple[str, bytes]]:
    return list(written(sources()))


def bytewise(text: str, draw: random.Random) -> bytes:
    """A few bytes changed, inserted, taken away, doubled or cut off."""
    content = bytearray(text.encode())
    for _ in range(draw.choice((1, 1, 2, 5))):
        place = draw.randrange(len(content) + 1)
        length = draw.choice((1, 1, 2, 10, 100))
        match draw.randrange(6):
            case 0:
                content[place : place + 1] = bytes([draw.randrange(256)])
            case 1:
                content[place:place] = draw.choice(BYTES)
            case 2:
                del content[place : place + length]
            case 3:
                content[place:place] = content[place : place + length]
            case 4:
                content[place:place] = draw.randbytes(length)
            case 5:
                del content[place:]
    return bytes(content)


def tokenwise(text: str, draw: random.Random) -> bytes:
    """A few words, numbers or marks replaced, exchanged, taken away or doubled."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for _ in range(draw.choice((1, 1, 2, 3))):
        content = "\n".join(lines)
        tokens = list(TOKEN.finditer(content))
        if not tokens:
            break
        one, other = draw.choice(tokens), draw.choice(tokens)
        match draw.randrange(6):
            case 0 | 1:
                content = content[: one.start()] + draw.choice(HOSTILE) + content[one.end() :]
            case 2:
                content = content[: one.start()] + other[0] + content[one.end() :]
            case 3:
                content = content[: one.start()] + content[one.end() :]
            case 4:
                content = content[: one.end()] + " " + one[0] + content[one.end() :]
            case 5:
                line = draw.choice(lines)
                content += f"\n{line}"
        lines = content.split("\n")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def structural(text: str, draw: random.Random) -> bytes:
    """Values of wrong kinds, missing and unknown fields, sections in wrong places."""
    document = tomllib.loads(text)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        holder, key = draw.choice(list(_places(document)))
        match draw.randrange(10):
            case 0 | 1 | 2 | 3 | 4:
                holder[key] = _hostile(draw)
            case 5:
                del holder[key]
            case 6:
                holder[key] = draw.choice(([holder[key]], {"grid": [holder[key]]}, {"x": 1}))
            case 7 if isinstance(holder, dict):
                holder[draw.choice(KEYS)] = holder.pop(key)
            case 8 if isinstance(holder, dict):
                holder[draw.choice(KEYS)] = _hostile(draw)
            case _:
                other, place = draw.choice(list(_places(document)))
                holder[key] = copy.deepcopy(other[place])
    return tomli_w.dumps(document).encode("utf-8", "surrogatepass")


def _hostile(draw: random.Random) -> Any:
    """A hostile value that is valid TOML and can be written again."""
    while True:
        valid, value = _parsed(draw.choice(HOSTILE))
        if valid:
            return copy.deepcopy(value)


@cache
def _parsed(text: str) -> tuple[bool, Any]:
    """Whether a value is valid TOML and can be written again, and the value."""
    try:
        value = tomllib.loads(f"value = {text}")["value"]
        str(value)
    except (ValueError, RecursionError):
        return False, None
    return True, value


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder of a value with the key of the value."""
    items: Any = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in items:
        yield document, key
        if isinstance(value, dict | list) and len(value) < 1000:
            yield from _places(value)


def written(texts: list[str]) -> Iterator[tuple[str, bytes]]:
    """Files that no mutation would find."""
    smallest = next(text for text in texts if "smallest" in text)
    plain = smallest.encode()
    yield "empty", b""
    yield "blank", b" \n\t\n"
    yield "a comment", b"# nothing\n"
    yield "NUL only", b"\0" * 100
    yield "byte order mark", b"\xef\xbb\xbf" + plain
    yield "byte order mark only", b"\xef\xbb\xbf"
    yield "two byte order marks", b"\xef\xbb\xbf" * 2 + plain
    yield "CRLF", plain.replace(b"\n", b"\r\n")
    yield "CR", plain.replace(b"\n", b"\r")
    yield "UTF-16", smallest.encode("utf-16")
    yield "UTF-32", smallest.encode("utf-32")
    yield "Latin-1", smallest.replace("smallest", "kleinß").encode("latin-1")
    yield "binary", bytes(range(256)) * 40
    yield "gzip", b"\x1f\x8b\x08\x00" + bytes(100)
    yield "a picture", b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield "JSON", b'{"name": "x", "data": {"name": "iris"}}'
    yield "YAML", b"name: x\ndata:\n  name: iris\n"
    yield "INI", b"[data\nname=iris"
    yield "HTML", b"<html><script>alert(1)</script></html>"
    yield "10 MB of spaces", plain + b" " * (10 * 2**20 - len(plain))
    yield "more than 10 MB", plain + b"\n" * 10 * 2**20
    yield "a long line", b"x" * 9_000_000
    yield "a long comment", plain + b"#" + b"x" * 9_000_000
    yield "a long name", plain.replace(b"smallest", b"x" * 9_000_000)
    yield "a long key", plain + b"x" * 9_000_000 + b" = 1"
    yield "many sections", plain + b"".join(b"[x%d]\n" % n for n in range(30_000))
    yield "many keys", plain + b"".join(b"moons%d = 1\n" % n for n in range(100_000))
    yield (
        "many algorithms",
        plain.partition(b"[algorithm]")[0]
        + b"".join(b'[[algorithm]]\nname = "adm"\nrate = %d\n' % n for n in range(20_000)),
    )
    yield (
        "many wrong values",
        plain.replace(
            b"[0.001, 0.01]", b"[" + b", ".join(b"-%d" % n for n in range(50_000)) + b"]"
        ),
    )
    yield "many labels", b"labels = [" + b'"x", ' * 90_000 + b"]\n" + plain
    yield "a deep list", b"x = " + b"[" * 100_000 + b"]" * 100_000
    yield "a deep table", b"x = " + b"{a = " * 50_000 + b"1" + b"}" * 50_000
    yield "a deep key", b".".join([b"a"] * 50_000) + b" = 1"
    yield "a deep section", b"[" + b".".join([b"a"] * 20_000) + b"]"
    yield (
        "a deep grid",
        plain.replace(b"{ grid = [0.001, 0.01] }", b"{ grid = [" * 150 + b"0.1" + b"] }" * 150),
    )
    for count in (5, 6, 60):
        sweeps = b"".join(
            b"%s = { linear_range = [0.1, 0.9], count = 100 }\n" % name
            for name in (b"learning_rate", b"beta1", b"beta2", b"epsilon", b"x1", b"x2")[:count]
        )
        yield (
            f"{count} sweeps of a hundred",
            plain.replace(b"learning_rate = { grid = [0.001, 0.01] }\n", sweeps),
        )
    yield (
        "10^60 choices",
        plain.replace(b"widths = [16]", b"widths = [" + b"{ grid = [1, 2] }, " * 200 + b"]"),
    )
    for old, new in SINGLE:
        assert old in smallest, old
        yield f"{new[:60]!r}", smallest.replace(old, new).encode()
    before, _, rest = smallest.partition("[data]")
    after = rest.partition("[model]")[2]
    for path in PATHS:
        table = f'[data]\nname = "table"\npath = {path}\ntarget = "y"\n[model]'
        yield (
            f"a table at {path[:40]}",
            f"{before}{table}{after}".encode(),
        )


SINGLE: tuple[tuple[str, str], ...] = (
    *(
        ("rows = 200", f"rows = {count}")
        for count in (4, 10**6, 10**7 + 1, 10**9, 10**12, 2**63 - 1, 2**63)
    ),
    *(
        ('name = "moons"\nrows = 200\nnoise = 0.2', f"name = {rest}")
        for rest in (
            *('"blobs"\nrows = 10000000\nfeatures = 10000', '"spirals"\nclasses = 1000000'),
            *('"linear_regression"\nrows = 10000000\ncoefficients = [' + "1, " * 100 + "1]",),
            *('"blobs"\nrows = 4000\nclasses = 1000', '"sine"\nrows = 50', '"surface"'),
        )
    ),
    *(("noise = 0.2", f"noise = {size}") for size in ("1e30", "1e38", "1e200", "1e308", "5e-324")),
    *(
        ("widths = [16]", f"widths = {widths}")
        for widths in (
            *("[1000000]", "[1000000000]", "[1000000000, 1000000000]", "[2147483648]"),
            *("[9223372036854775807, 9223372036854775807]", f"[{'1, ' * 300}1]"),
            *(f"[{'1, ' * 100_000}1]", f"[{'1000, ' * 60}1]"),
        )
    ),
    *(
        ("epochs = 20", f"epochs = {count}")
        for count in (1, 10**6, 10**9, 2**31 - 1, 2**31, 2**63 - 1, "1_000", "1e3", '"20"')
    ),
    *(("epochs = 20", f"steps = {count}") for count in (1, 10**9, 2**31, 2**63 - 1)),
    *(
        ("epochs = 20", f"batch_size = {count}")
        for count in (1, 10**9, 2**31, 2**63 - 1, '"full"', '"Full"')
    ),
    *(
        ('name = "smallest"', f"seeds = {count}")
        for count in (10**5, 10**6, 10**9, 10**18, 2**63 - 1)
    ),
    *(('name = "smallest"', f"seed = {count}") for count in (2**32 - 1, 2**32, 2**63 - 1)),
    *(
        ('[validation]\nname = "holdout"\ntest = 0.25', f"[validation]\nname = {rest}")
        for rest in (
            *('"kfold"\nfolds = 200', '"kfold"\nfolds = 201', '"kfold"\nfolds = 1000000000'),
            *('"stratified"\nfolds = 101', '"holdout"\ntest = 0.999999', '"holdout"\ntest = 1'),
            *('"holdout"\ntest = 1e-300', '"holdout"\ntest = 0.5\nvalidation = 0.5'),
            *('"kfold"\nvalidation = 0.9999', '"training_only"', '"kfold"\nfolds = 2.0'),
            '"kfold"\nfolds = 9223372036854775807',
        )
    ),
    *(
        (
            "rows = 200\nnoise = 0.2",
            f'rows = {rows}\n[validation]\nname = "kfold"\nfolds = {rows}\n[x]',
        )
        for rows in (1000, 10**6)
    ),
)
"""Replacements in the smallest study: sizes beyond any machine, and the edges of rules."""

PATHS = (
    *('"/etc/passwd"', '"../../../../../etc/passwd.csv"', '"missing.csv"', '"folder.csv"'),
    *('"loop.csv"', '"pipe.csv"', '"/dev/zero"', '"~nobody-there/x.csv"', r'"a\u0000.csv"'),
    *('"' + "n" * 300 + '.csv"', '"' + "d/" * 3000 + 'x.csv"', '"empty.csv"', '"."', '""', '"~"'),
    *('"table.csv"', '"*.csv"', '"./././table.csv"', '"table.csv/x.csv"', '"http://x.org/a.csv"'),
    *('"s3://bucket/x.parquet"', '"file:///etc/passwd.csv"', r'"\u202evsc.elbat"', '"locked.csv"'),
)
"""Where a table might be said to lie, as TOML writes it."""
