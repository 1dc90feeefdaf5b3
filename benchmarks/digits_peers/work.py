"""The work that every side does: which networks, on which rows. Imports no side's library."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple, Self

import numpy as np

FOLDS = 5
HIDDEN = 64
BATCH_SIZE = 32
SPLIT_SEED = 0

CLOSE_TO_ZERO = 1e-20
"""ε of Adagrad and RMSprop: Étude adds it inside the root, PyTorch outside; so small a number
makes the two forms one, and keeps single precision from dividing by 0."""

WEIGHT_DECAY = 0.01
"""λ of AdamW, which without it would be Adam; no other rule decays weights."""


@dataclass(frozen=True)
class Rule:
    """An update rule and the range of the one number that is swept.

    Attributes:
        low, high: ends of the range: logarithmic for a rate, linear for a decay.
        swept: "learning_rate", or "decay" for Adadelta, which has no learning rate.
        fixed: what differs from Étude's defaults.
        in_sklearn: whether `MLPClassifier` has it.
    """

    low: float
    high: float
    swept: str = "learning_rate"
    fixed: tuple[tuple[str, float], ...] = ()
    in_sklearn: bool = False

    def values(self, count: int) -> list[float]:
        """`count` values from `low` to `high`."""
        space = np.geomspace if self.swept == "learning_rate" else np.linspace
        return [float(value) for value in space(self.low, self.high, count)]


_NO_EPSILON = (("epsilon", CLOSE_TO_ZERO),)
RULES = {
    "sgd": Rule(1e-3, 1, in_sklearn=True),
    "momentum": Rule(1e-4, 0.3, in_sklearn=True),
    "nesterov": Rule(1e-4, 0.3, in_sklearn=True),
    "adagrad": Rule(1e-3, 1, fixed=_NO_EPSILON),
    "adadelta": Rule(0.44, 0.99, swept="decay"),
    "rmsprop": Rule(3e-5, 0.1, fixed=_NO_EPSILON),
    "adam": Rule(3e-5, 0.1, in_sklearn=True),
    "adamw": Rule(3e-5, 0.1, fixed=(("weight_decay", WEIGHT_DECAY),)),
}
"""The ranges are those of studies/optimizers_on_digits.toml."""
SKLEARN_RULES = tuple(name for name, rule in RULES.items() if rule.in_sklearn)


class Job(NamedTuple):
    """One network trained once."""

    rule: str
    value: float
    fold: int
    seed: int


@dataclass(frozen=True)
class Work:
    """Rules × values × folds × seeds, in this order.

    Attributes:
        rules: names of the update rules.
        rates: how many values of each rule's swept number.
        seeds: networks for each of them on each fold.
        epochs: how often each network goes through its training rows.
        starts: a file of initial weights and batch orders; "" draws them at random.
        processes: in how many processes of one thread the side spreads the work.
    """

    rules: tuple[str, ...] = tuple(RULES)
    rates: int = 12
    seeds: int = 2
    epochs: int = 20
    starts: str = ""
    processes: int = 2

    def values(self, rule: str) -> list[float]:
        """The values of a rule's swept number."""
        return RULES[rule].values(self.rates)

    def jobs(self) -> list[Job]:
        """Every network."""
        return [
            Job(rule, value, fold, seed)
            for rule in self.rules
            for value in self.values(rule)
            for fold in range(FOLDS)
            for seed in range(self.seeds)
        ]

    def __str__(self) -> str:
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        return f"{self.rates} values for each rule × {FOLDS} folds × {seeds}, {self.epochs} epochs"

    def to_json(self) -> str:
        """The work as one line, for the command line of a side."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The work that `to_json` wrote."""
        fields = json.loads(text)
        return cls(**fields | {"rules": tuple(fields["rules"])})


class Fold(NamedTuple):
    """The rows of one split: inputs standardized as fitted to the training rows, float32.

    Attributes:
        rows: numbers of the training rows.
        trivial: accuracy on the test rows of always saying the most frequent training class;
            a network that diverged counts with it.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    rows: np.ndarray
    trivial: float


def folds() -> list[Fold]:
    """The five splits, by scikit-learn."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    x, y = load_digits(return_X_y=True)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SPLIT_SEED)
    found = []
    for train, test in splitter.split(x, y):
        scaler = StandardScaler().fit(x[train])
        found.append(
            Fold(
                scaler.transform(x[train]).astype(np.float32),
                y[train],
                scaler.transform(x[test]).astype(np.float32),
                y[test],
                train,
                float(np.mean(y[test] == np.bincount(y[train]).argmax())),
            )
        )
    return found


class Start(NamedTuple):
    """What a network starts from, and the batches it sees.

    Attributes:
        weights: W `[inputs, outputs]` of each layer.
        biases: b `[outputs]` of each layer.
        orders: `[epochs, training rows]` positions among the fold's training rows.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    orders: np.ndarray


Starts = dict[tuple[int, int], Start]
"""By fold and seed; all rules and values share them."""


def write_starts(path: str, starts: Starts) -> None:
    """Write starts to an NPZ file."""
    arrays = {}
    for (fold, seed), start in starts.items():
        arrays[f"{fold}/{seed}/orders"] = start.orders
        for layer, (weights, biases) in enumerate(zip(start.weights, start.biases, strict=True)):
            arrays[f"{fold}/{seed}/weights{layer}"] = weights
            arrays[f"{fold}/{seed}/biases{layer}"] = biases
    np.savez(path, **arrays)


def read_starts(path: str) -> Starts:
    """The starts that `write_starts` wrote; none where `path` is empty."""
    if not path:
        return {}
    with np.load(path) as file:
        arrays = dict(file)
    keys = [tuple(map(int, name.split("/")[:2])) for name in arrays if name.endswith("orders")]
    return {
        (fold, seed): Start(
            [arrays[f"{fold}/{seed}/weights{layer}"] for layer in range(2)],
            [arrays[f"{fold}/{seed}/biases{layer}"] for layer in range(2)],
            arrays[f"{fold}/{seed}/orders"],
        )
        for fold, seed in keys
    }


def answer(train: Callable[[Work], list[float]]) -> None:
    """Do the work named on the command line; print test accuracies."""
    print(json.dumps(train(Work.from_json(sys.argv[1]))))


def decode(output: str) -> list[float]:
    """What `answer` printed."""
    return json.loads(output.strip().splitlines()[-1])
