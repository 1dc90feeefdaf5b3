"""Étude beside PyTorch and scikit-learn on one grid of small networks: same accuracy? how fast?

python benchmarks/peers_on_digits.py                 both, into RESULTS.md
python benchmarks/peers_on_digits.py --agreement     accuracies only
python benchmarks/peers_on_digits.py --speed         times only; wants a quiet machine
python benchmarks/peers_on_digits.py --quick         a small run of both
"""

import argparse
import os
import sys
from pathlib import Path

# The peers run on the CPU, and so does Étude here, whatever else the machine has.
os.environ["JAX_PLATFORMS"] = "cpu"

from digits_peers import agreement, speed
from digits_peers.results_file import write_section
from digits_peers.work import Work

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    """Run what was asked for and write it down; 1 where accuracies do not agree."""
    options = _options()
    both = not (options.agreement or options.speed)
    command = " ".join(["python benchmarks/peers_on_digits.py", *sys.argv[1:]])
    agreed = True
    if options.agreement or both:
        work = Work(rates=options.rates, seeds=options.seeds)
        rows = agreement.compare(work)
        agreed = agreement.passed(rows)
        _tell(options.results, "agreement", command, agreement.section(rows, work))
    if options.speed or both:
        work = Work(rates=options.rates, seeds=options.seeds, every=options.every)
        times = speed.measure(work, options.repeats, lambda text: print(text, file=sys.stderr))
        _tell(options.results, "speed", command, speed.section(times, work))
    return 0 if agreed else 1


def _tell(results: Path, name: str, command: str, text: str) -> None:
    print(text)
    write_section(results, name, command, text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agreement", action="store_true", help="compare accuracies only")
    parser.add_argument("--speed", action="store_true", help="compare times only")
    parser.add_argument("--quick", action="store_true", help="3 values for each rule and 1 seed")
    parser.add_argument("--rates", type=int, metavar="N", help="values for each rule (12)")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds (2)")
    parser.add_argument(
        "--every", type=int, metavar="N", help="time PyTorch on every Nth value (4)"
    )
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="rounds of timing (3)")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="RESULTS.md")
    options = parser.parse_args()
    options.rates = options.rates or (3 if options.quick else 12)
    options.seeds = options.seeds or (1 if options.quick else 2)
    options.every = options.every or (1 if options.quick else 4)
    if min(options.rates, options.seeds, options.every, options.repeats) < 1:
        parser.error("numbers must be at least 1")
    if options.every > options.rates:
        parser.error("--every must be at most --rates")
    return options


if __name__ == "__main__":
    sys.exit(main())
