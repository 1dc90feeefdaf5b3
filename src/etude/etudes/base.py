"""What an étude is: a claim of the field, studies that test it, and a rule that judges them."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

if TYPE_CHECKING:  # both bring JAX along, which a list of the études does not need
    from etude.evidence.intervals import Estimate
    from etude.evidence.result import Result
    from etude.study import Study

Verdict = Literal["supported", "refuted", "undecided"]

FOLDER = Path(__file__).parent
"""Where études are: one Python file each, and their study files beside it."""

WHOLE = "study"
"""The name of the part of an étude that has one study file, which is named like the étude."""


class CannotJudge(Exception):
    """A rule has nothing to go by: what it needs is missing, or no number that it can take."""


@dataclass(frozen=True)
class Figure:
    """A picture of what was found.

    Attributes:
        title: one line above the picture.
        alt: what it shows, in words, for those who do not see it.
        chart: an Altair chart with its own rows, few enough to be read (some thousand at most).
    """

    title: str
    alt: str
    chart: Any


@dataclass(frozen=True)
class Finding:
    """What the results say about the claim.

    Attributes:
        verdict: "supported", "refuted", or "undecided" where the rule cannot tell.
        decides: one sentence with the figure that decides, its uncertainty, and n.
        table: rows of cells for the page, the header first; () for none.
        figures: pictures for the page.
        notes: limits, and what would change the verdict; a sentence each.
    """

    verdict: Verdict
    decides: str
    table: tuple[tuple[str, ...], ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()


class Etude(ABC):
    """A claim of the field that is put to the test.

    One étude is one file of this package, with its study files `<name>.toml` or
    `<name>_<part>.toml` beside it. It is known by being there.

    Class attributes:
        name: the name of its file.
        title: a few words.
        claim: one sentence, which the studies can refute.
        background: one to three short paragraphs, separated by empty lines.
        rule: how the results become a verdict, in words.
        source: where the claim comes from.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    claim: ClassVar[str]
    background: ClassVar[str]
    rule: ClassVar[str]
    source: ClassVar[str]

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls.name = cls.__module__.rpartition(".")[2]
        for word in ("title", "claim", "background", "rule", "source"):
            text = getattr(cls, word, None)
            if not isinstance(text, str) or not text.strip():
                raise TypeError(f"the étude {cls.name} must say its {word}")
            setattr(cls, word, inspect.cleandoc(text))

    def files(self) -> dict[str, Path]:
        """Its study files by the name of the part; "study" where it has but one."""
        named = [path for path in sorted(FOLDER.glob("*.toml")) if _owner(path) == self.name]
        return {path.stem[len(self.name) + 1 :] or WHOLE: path for path in named}

    def studies(self) -> "dict[str, Study]":
        """Its studies by the name of the part."""
        from etude.file import read_study

        return {part: read_study(path) for part, path in self.files().items()}

    @abstractmethod
    def judge(self, results: "Mapping[str, Result]") -> Finding:
        """Apply the rule.

        Args:
            results: of every study, by the name of the part; their members have the outputs of
                test rows, as far as these were kept.

        Raises:
            CannotJudge: a value that the rule needs is missing or impossible.
        """


def logarithms(values: Any, told: str) -> np.ndarray:
    """Natural logarithms of values that a rule compares by their ratio.

    Args:
        values: array-like of any shape.
        told: what they are, for the message.

    Raises:
        CannotJudge: one of them is missing, infinite, or not above 0.
    """
    found = np.asarray(values, float)
    wrong = found[~(np.isfinite(found) & (found > 0))]
    if wrong.size:
        raise CannotJudge(f"{told} must be above 0 and finite, and one is {wrong.flat[0]:g}")
    return np.asarray(np.log(found))


def interval_of(found: "Estimate") -> tuple[float, float]:
    """The interval of an estimate that has one."""
    assert found.interval is not None
    return found.interval


def ratio_told(logarithm: "Estimate") -> str:
    """A ratio with its interval, from the estimate of its natural logarithm."""
    mean, low, high = (math.exp(value) for value in (logarithm.mean, *interval_of(logarithm)))
    return f"{mean:.2f} ({low:.2f} to {high:.2f})"


def _owner(study_file: Path) -> str | None:
    """The étude of a study file: the longest name of an étude with which its name begins."""
    names = [path.stem for path in FOLDER.glob("*.py")]
    owners = [n for n in names if study_file.stem == n or study_file.stem.startswith(f"{n}_")]
    return max(owners, key=len, default=None)
