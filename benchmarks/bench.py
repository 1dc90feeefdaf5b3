"""Étude side by side with its peers: how fast, in how much memory, and how it grows.

python benchmarks/bench.py                    every row, into RESULTS.md (up to an hour)
python benchmarks/bench.py --only cnn gpt     these rows
python benchmarks/bench.py --quick            small sizes, printed only: shows that it works

Times want a machine that does nothing else.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# The peers run on the CPU, and so does Étude here, whatever else the machine has.
os.environ["JAX_PLATFORMS"] = "cpu"
if "ETUDE_DATA" in os.environ:
    # Sides run in folders of their own.
    os.environ["ETUDE_DATA"] = str(Path(os.environ["ETUDE_DATA"]).expanduser().resolve())

from measuring.results_file import load, write_section
from rows import by_hand, gemm_rate, growth, mlp_grid, networks, ratings
from rows.options import Options

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "RESULTS.md"

ROWS: dict[str, Callable[[Options], str]] = {
    "digits": mlp_grid.digits,
    "digits-small": mlp_grid.digits_small,
    "table": mlp_grid.table,
    "by-hand": by_hand.population,
    "cnn": networks.cnn,
    "gpt": networks.gpt,
    "lstm": networks.lstm,
    "shakespeare": networks.shakespeare,
    "ratings": ratings.ratings,
    "gemm-rate": gemm_rate.gemm_rate,
    "growth": growth.growth,
}
"""By the names of their sections in RESULTS.md."""


def main() -> int:
    """Measure what was asked for and write it down; 1 where a side failed."""
    options = _options()
    command = " ".join(["python benchmarks/bench.py", *sys.argv[1:]])
    kept = not options.quick or options.results != RESULTS
    failed = []
    for name in options.only or ROWS:
        _tell(f"{name}:")
        before, begin = load(), time.perf_counter()
        with tempfile.TemporaryDirectory() as name_of_folder:
            folder = Path(name_of_folder)
            pictures = options.results.parent if kept else folder
            row = Options(options.repeats, options.quick, folder, _tell, pictures)
            try:
                text = ROWS[name](row)
            except subprocess.CalledProcessError as error:
                # The other rows have taken long, or will.
                _tell(f"{name}: {error}")
                failed.append(name)
                continue
        minutes = (time.perf_counter() - begin) / 60
        rounds = "1 round" if options.repeats == 1 else f"{options.repeats} rounds"
        text += (
            f"\n\nMedian of {rounds}, in brackets smallest and largest; {minutes:.1f} minutes "
            f"in all. {before}"
        )
        print(f"## {name}\n\n{text}\n", flush=True)
        if kept:
            write_section(options.results, name, command, text)
    if failed:
        _tell(f"not measured: {', '.join(failed)}")
    return 1 if failed else 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=ROWS, metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="small sizes, printed only")
    parser.add_argument("--repeats", type=int, metavar="N", help="rounds (5; quick 1)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="RESULTS.md")
    options = parser.parse_args()
    options.repeats = options.repeats or (1 if options.quick else 5)
    if options.repeats < 1:
        parser.error("--repeats must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
