"""Étude beside PyTorch and scikit-learn on one grid of small networks: the same accuracy?

python benchmarks/peers_on_digits.py            into RESULTS.md (about 5 minutes)
python benchmarks/peers_on_digits.py --quick    a small run

How fast each of them is `bench.py` measures.
"""

import argparse
import os
import sys
from pathlib import Path

# The peers run on the CPU, and so does Étude here, whatever else the machine has.
os.environ["JAX_PLATFORMS"] = "cpu"

from digits_peers import agreement
from digits_peers.work import Work
from measuring.results_file import write_section

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    """Compare and write it down; 1 where accuracies do not agree."""
    options = _options()
    command = " ".join(["python benchmarks/peers_on_digits.py", *sys.argv[1:]])
    work = Work(rates=options.rates, seeds=options.seeds)
    rows = agreement.compare(work)
    text = agreement.section(rows, work)
    print(text)
    write_section(options.results, "agreement", command, text)
    return 0 if agreement.passed(rows) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 values for each rule and 1 seed")
    parser.add_argument("--rates", type=int, metavar="N", help="values for each rule (12)")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds (2)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="RESULTS.md")
    options = parser.parse_args()
    options.rates = options.rates or (3 if options.quick else 12)
    options.seeds = options.seeds or (1 if options.quick else 2)
    if min(options.rates, options.seeds) < 1:
        parser.error("numbers must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
