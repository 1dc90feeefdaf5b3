"""How often do tests call equal choices different, and how often do they find worse ones?

python benchmarks/null_studies.py            all tables, into docs/statistics.md (about 25 minutes)
python benchmarks/null_studies.py --quick    a small run, printed only
python benchmarks/null_studies.py --only levels real
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from etude.evidence.comparison import Comparison
from etude.evidence.intervals import t_quantile
from etude.evidence.paired import against
from etude.evidence.possible_bests import possible_bests
from etude.store.records import SplitRecord

DOCUMENT = Path(__file__).parents[1] / "docs" / "statistics.md"
LEVEL = 0.05
SEED = 12


def equal(random: np.random.Generator, studies: int, choices: int, folds: int) -> np.ndarray:
    """`[studies, choices, folds]`: equally good choices, as the corrected t-test supposes.

    Normal, mean 0 and variance 1, the folds of a choice correlated by ρ = 1/folds.
    """
    return _persistent(folds, random.normal(size=(studies, choices, 1))) + _own(
        folds, random.normal(size=(studies, choices, folds))
    )


def noise_differs(
    random: np.random.Generator, studies: int, choices: int, folds: int
) -> np.ndarray:
    """Standard deviations of choices drawn from exp(N(0, 0.7²)): 1 in 20 is beyond 1/4 or 4."""
    spread = np.exp(random.normal(0, 0.7, size=(studies, choices, 1)))
    return spread * equal(random, studies, choices, folds)


def one_noisy(random: np.random.Generator, studies: int, choices: int, folds: int) -> np.ndarray:
    """One choice is eight times as noisy as the others."""
    values = equal(random, studies, choices, folds)
    values[:, 0] *= 8
    return values


def neighbours(random: np.random.Generator, studies: int, choices: int, folds: int) -> np.ndarray:
    """Choices along one setting: neighbours are correlated by 0.9, the n-th by 0.9ⁿ."""
    values = equal(random, studies, choices, folds)
    for choice in range(1, choices):
        values[:, choice] = 0.9 * values[:, choice - 1] + np.sqrt(0.19) * values[:, choice]
    return values


def groups(random: np.random.Generator, studies: int, choices: int, folds: int) -> np.ndarray:
    """Groups of about twelve choices that are nearly the same."""
    count = max(2, choices // 12)
    shared = equal(random, studies, count, folds)
    return shared[:, np.arange(choices) % count] + 0.2 * equal(random, studies, choices, folds)


def one_apart(random: np.random.Generator, studies: int, choices: int, folds: int) -> np.ndarray:
    """A tenth of the choices are nearly the same, and so are all others."""
    shared = equal(random, studies, 2, folds)
    group = (np.arange(choices) < max(1, choices // 10)).astype(int)
    return shared[:, group] + 0.1 * equal(random, studies, choices, folds)


def heavy_tails(random: np.random.Generator, studies: int, choices: int, folds: int) -> np.ndarray:
    """Student's t with 3 degrees of freedom in each fold, brought to variance 1."""
    own = random.standard_t(3, size=(studies, choices, folds)) / np.sqrt(3)
    return _persistent(folds, random.normal(size=(studies, choices, 1))) + _own(folds, own)


def accidents(random: np.random.Generator, studies: int, choices: int, folds: int) -> np.ndarray:
    """One network in fifty fails and loses 20 standard deviations."""
    values = equal(random, studies, choices, folds)
    return values - 20.0 * (random.random(values.shape) < 0.02)


def few_rows(random: np.random.Generator, studies: int, choices: int, folds: int) -> np.ndarray:
    """Accuracies near 0.9 on 30 rows a fold: 31 values are possible, and many tie."""
    chance = np.clip(0.9 + 0.02 * equal(random, studies, choices, folds), 0, 1)
    return random.binomial(30, chance) / 30


KINDS: dict[str, Callable[..., np.ndarray]] = {
    "as supposed": equal,
    "noise of choices differs": noise_differs,
    "one choice 8 × as noisy": one_noisy,
    "neighbours alike (0.9)": neighbours,
    "groups of 12 alike": groups,
    "a tenth apart from the rest": one_apart,
    "heavy tails (t, 3 degrees)": heavy_tails,
    "1 network in 50 fails": accidents,
    "accuracy on 30 rows": few_rows,
}


def comparison(scores: np.ndarray) -> Comparison:
    """Scores `[choices, folds]` as K-fold cross-validation would give them to Étude."""
    choices, folds = scores.shape
    split = [SplitRecord(0, fold, 60 * (folds - 1), 0, 60, {}) for fold in range(folds)]
    numbers = np.arange(choices)
    return Comparison(0, numbers, tuple(split), "test", scores, "test", scores, True)


def rejects(values: np.ndarray, ratio: float, comparisons: int = 1) -> np.ndarray:
    """`[...]`: whether the mean over folds of `[..., folds]` is called different from 0.

    Args:
        values: differences.
        ratio: n_test/n_train of the correction; 0 is the naive test.
        comparisons: by how many the level is divided.
    """
    folds = values.shape[-1]
    limit = t_quantile(1 - LEVEL / comparisons / 2, folds - 1)
    stderr = values.std(axis=-1, ddof=1) * np.sqrt(1 / folds + ratio)
    return np.abs(values.mean(axis=-1)) > limit * stderr


def against_first(scores: np.ndarray, ratio: float, comparisons: int = 1) -> np.ndarray:
    """`[studies]`: whether any choice is called different from the first, declared beforehand.

    Holm's first step divides the level by the number of comparisons.
    """
    return rejects(scores[:, 1:] - scores[:, :1], ratio, comparisons).any(axis=1)


def against_best(scores: np.ndarray, ratio: float, comparisons: int = 1) -> np.ndarray:
    """`[studies]`: the same against the best of the sample: the wrong way."""
    best = scores.mean(axis=2).argmax(axis=1)
    rest = scores - scores[np.arange(len(scores)), best][:, None]
    return rejects(rest, ratio, comparisons).any(axis=1)


def may_be_best(scores: np.ndarray) -> np.ndarray:
    """`[studies, choices]`: whether Étude says that a choice may be best."""
    found = np.zeros(scores.shape[:2], dtype=bool)
    for study, values in enumerate(scores):
        found[study, list(possible_bests(comparison(values), LEVEL).choices)] = True
    return found


def levels(size: int) -> str:
    """False alarms on null studies that are as the tests suppose."""
    rows = []
    for folds in (5, 10):
        for choices in (2, 10, 96):
            random = np.random.default_rng([SEED, folds, choices])
            counts = np.zeros(5)
            for part in _parts(size):
                scores, ratio = equal(random, part, choices, folds), 1 / (folds - 1)
                holm = choices - 1
                counts += [
                    against_first(scores, 0.0).sum(),
                    against_first(scores, ratio, holm).sum(),
                    against_best(scores, 0.0).sum(),
                    against_best(scores, ratio, holm).sum(),
                    (~may_be_best(scores).all(axis=1)).sum(),
                ]
            rows.append([str(folds), str(choices), *(_share(n, size) for n in counts)])
            _progress("levels", rows[-1])
    head = (
        "folds",
        "choices",
        "naive, baseline",
        "**corrected, Holm, baseline**",
        "naive, best",
        "corrected, Holm, best",
        "**set of possible bests**",
    )
    return f"{size:,} null studies in each row.\n\n{_table(head, rows)}"


def repeats(size: int) -> str:
    """One comparison of two choices, with folds drawn once and ten times."""
    rows = []
    for count in (1, 10):
        random = np.random.default_rng([SEED, count])
        persistent = random.normal(size=(size, 1)) * np.sqrt(1 / 10)
        values = persistent + random.normal(size=(size, 10 * count)) * np.sqrt(9 / 10)
        shares = [_share(rejects(values, ratio).sum(), size) for ratio in (0.0, 1 / 9)]
        rows.append([f"{count} × 10", *shares])
    return f"{size:,} null studies in each row.\n\n" + _table(
        ("repeats × folds", "naive", "**corrected**"), rows
    )


def robustness(size: int) -> str:
    """False alarms of the set of possible bests where the suppositions fail."""
    cells = [(folds, choices) for folds in (5, 10) for choices in (2, 10, 96)]
    rows = []
    for kind, draw in KINDS.items():
        row = [kind]
        for folds, choices in cells:
            random = np.random.default_rng([SEED, folds, choices, len(rows)])
            count = sum(
                int((~may_be_best(draw(random, part, choices, folds)).all(axis=1)).sum())
                for part in _parts(size)
            )
            row.append(_share(count, size))
        rows.append(row)
        _progress("robustness", row)
    head = ("equally good choices", *(f"{folds} folds, {choices}" for folds, choices in cells))
    return f"{size:,} null studies in each cell.\n\n{_table(head, rows)}"


def power(size: int) -> str:
    """How often worse choices are called worse."""
    lags = (1, 2, 3, 5, 8)
    rows = []
    for folds in (5, 10):
        for choices in (2, 10, 96):
            for name, worse in (("one", 1), ("half", choices // 2)):
                if (choices, name) == (2, "half"):
                    continue
                found, wrong = [], []
                for lag in lags:
                    random = np.random.default_rng([SEED, folds, choices, lag])
                    scores = equal(random, size, choices, folds)
                    scores[:, choices - worse :] -= lag
                    called = ~may_be_best(scores)
                    found.append(called[:, choices - worse :].mean())
                    wrong.append(called[:, : choices - worse].any(axis=1).mean())
                shares = [f"{share:.2f}" for share in found]
                false = _share(sum(wrong) * size, len(lags) * size)
                rows.append([str(folds), str(choices), name, *shares, false])
                _progress("power", [*rows[-1], "by lag", *(f"{share:.3f}" for share in wrong)])
    head = ("folds", "choices", "worse ones", *(f"by {lag}" for lag in lags), "false alarms")
    return f"{size:,} studies in each cell.\n\n{_table(head, rows)}"


def real(size: int) -> str:
    """Null studies that are trained: one choice under many labels differs by its seeds alone."""
    from etude import Adam, CrossEntropy, Iris, KFold, Linear, Study, run

    choices, folds, labels = 10, 5, 250
    counts = np.zeros(5)
    studies = 0
    for seed in range(-(-size * choices // labels)):
        study = Study(
            data=Iris(),
            model=Linear(),
            loss=CrossEntropy(),
            algorithm=Adam(learning_rate=0.02, epochs=4, batch_size=16),
            labels=tuple(f"label {number}" for number in range(labels)),
            validation=KFold(folds=folds),
            seed=seed,
        )
        whole = run(study).comparisons[0].scores
        scores, ratio = whole.reshape(-1, choices, folds), 1 / (folds - 1)
        studies += len(scores)
        counts += [
            against_first(scores, 0.0).sum(),
            sum(any(d.verdict != "undecided" for d in against(comparison(s), 0)) for s in scores),
            against_best(scores, 0.0).sum(),
            against_best(scores, ratio, choices - 1).sum(),
            (~may_be_best(scores).all(axis=1)).sum(),
        ]
    head = (
        "naive, baseline",
        "**corrected, Holm, baseline**",
        "naive, best",
        "corrected, Holm, best",
        "**set of possible bests**",
    )
    table = _table(head, [[_share(n, studies) for n in counts]])
    return f"{studies:,} null studies of {choices} choices, {folds} folds.\n\n{table}"


SECTIONS = {
    "levels": (levels, 10_000),
    "repeats": (repeats, 200_000),
    "robustness": (robustness, 2_000),
    "power": (power, 1_000),
    "real": (real, 500),
}
"""What makes each table, and of how many studies."""


def write_section(file: Path, name: str, text: str) -> None:
    """Replaces what stands between `<!-- name: begin -->` and `<!-- name: end -->`."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, found, rest = file.read_text(encoding="utf-8").partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{file} must hold the markers {begin} and {end}")
    file.write_text(f"{head}{begin}\n{text}\n{end}{tail}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Makes the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="these tables only")
    parser.add_argument("--quick", action="store_true", help="a fiftieth of the studies; print")
    options = parser.parse_args(arguments)
    for name in options.only or SECTIONS:
        make, size = SECTIONS[name]
        text = make(size // 50 if options.quick else size)
        print(f"{name}\n\n{text}\n", flush=True)
        if not options.quick:
            write_section(DOCUMENT, name, text)
    return 0


def _persistent(folds: int, values: np.ndarray) -> np.ndarray:
    """The part of the noise that all folds of a choice share."""
    return np.sqrt(1 / folds) * values


def _own(folds: int, values: np.ndarray) -> np.ndarray:
    """The part that each fold has of its own."""
    return np.sqrt(1 - 1 / folds) * values


def _parts(size: int) -> Iterable[int]:
    """`size` in parts of at most 500 studies."""
    return [500] * (size // 500) + ([size % 500] if size % 500 else [])


def _share(count: float, size: int) -> str:
    """A share with its standard error, that of one case at least."""
    share = count / size
    error = np.sqrt(max(share * (1 - share), 1 / size) / size)
    return f"{share:.4f} ± {error:.4f}" if size >= 5_000 else f"{share:.3f} ± {error:.3f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = (head, ["---:"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _progress(name: str, row: Sequence[str]) -> None:
    print(name, *row, sep="  ", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
