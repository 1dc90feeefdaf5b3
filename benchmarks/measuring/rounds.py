"""Sides measured one after another in paired rounds, and what the rounds come to."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from measuring.results_file import table

Tell = Callable[[str], None]


class Measured(NamedTuple):
    """What a side took in one round.

    Attributes:
        seconds: from the start of its process to the end, for all the work of the row.
        training: seconds of these after imports, start of workers and compilation.
        peak: bytes of memory of its process tree at most.
        score: what its networks came to, in the measure that the row names.
        share: which share of the work it did; its training seconds are scaled to all of it.
    """

    seconds: float
    training: float
    peak: int
    score: float | None = None
    share: float = 1.0


Side = Callable[[], Measured]
Rounds = dict[str, list[Measured]]


class Aim(NamedTuple):
    """By which factor Étude is to be faster, and which of its runs and seconds are compared."""

    factor: float
    own: str
    part: Literal["seconds", "training"] = "seconds"


def in_rounds(sides: Mapping[str, Side], repeats: int, tell: Tell) -> Rounds:
    """Run every side once a round, every other round in the opposite order.

    What slows the machine down for a while so hits all sides alike, and no side profits from
    always being the first.
    """
    found: Rounds = {name: [] for name in sides}
    for number in range(repeats):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            measured = sides[name]()
            found[name].append(measured)
            tell(f"  round {number + 1} of {repeats}: {name} {measured.seconds:.1f} s")
    return found


def ratios(rounds: Rounds, peer: str, own: str, part: str = "seconds") -> list[float]:
    """Seconds of the peer divided by seconds of Étude, round by round."""
    pairs = zip(rounds[peer], rounds[own], strict=True)
    return [getattr(theirs, part) / getattr(ours, part) for theirs, ours in pairs]


def spread(values: Sequence[float], digits: int = 1, unit: str = "") -> str:
    """The median, and in brackets the smallest and the largest."""
    middle = f"{statistics.median(values):.{digits}f}{unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def comparison(
    rounds: Rounds,
    own: Sequence[str],
    aims: Mapping[str, Sequence[Aim]],
    *,
    score: str = "",
    parts: Sequence[Literal["seconds", "training"]] = ("seconds",),
    digits: int = 4,
) -> str:
    """A table: seconds, memory and score of every side, and by how much Étude is faster.

    Args:
        rounds: what was measured.
        own: the sides that are Étude.
        aims: what is to be reached against peers.
        score: what scores are; "" leaves them out.
        parts: which seconds are compared.
        digits: of scores.
    """
    told = {"seconds": "", "training": ", training alone"}
    ratio_heads = [f"{name} is faster by{told[part]}" for part in parts for name in own]
    head = ["side", "seconds", "of these training", "peak MiB"]
    head += [score] if score else []
    head += [*ratio_heads, "aim"]
    rows = []
    for side, measured in rounds.items():
        mark = " *" if measured[0].share < 1 else ""
        row = [
            side,
            spread([one.seconds for one in measured]) + mark,
            spread([one.training for one in measured]),
            f"{max(one.peak for one in measured) / 2**20:.0f}",
        ]
        if score:
            known = [one.score for one in measured if one.score is not None]
            row.append(f"{statistics.median(known):.{digits}f}" if known else "")
        row += [
            "" if side in own else spread(ratios(rounds, side, name, part), unit="×")
            for part in parts
            for name in own
        ]
        row.append("; ".join(verdict(rounds, side, aim) for aim in aims.get(side, ())))
        rows.append(row)
    text = table(head, rows, right=range(1, len(head) - 1))
    if any(one.share < 1 for measured in rounds.values() for one in measured):
        text += "\n\n\\* " + " ".join(_scaled(rounds))
    return text


def verdict(rounds: Rounds, peer: str, aim: Aim) -> str:
    """What is to be reached against a peer, and whether the median does."""
    reached = statistics.median(ratios(rounds, peer, aim.own, aim.part)) >= aim.factor
    where = " training alone" if aim.part == "training" else ""
    return f"{aim.factor:g}× ({aim.own}{where}): {'reached' if reached else 'not reached'}"


def _scaled(rounds: Rounds) -> Iterable[str]:
    for side, measured in rounds.items():
        if measured[0].share < 1:
            yield (
                f"{side} trained {100 * measured[0].share:.3g} % of the networks; its training "
                "seconds are scaled to all of them, its start-up counts once."
            )
