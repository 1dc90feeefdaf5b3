"""What a study says, in sentences that somebody who is no statistician can act on."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from etude.evidence.comparison import BETWEEN, Comparison, baseline_of
from etude.evidence.data_sets import data_sets
from etude.evidence.ranking import ChoiceSummary
from etude.evidence.rounding import (
    counted,
    decimals_for,
    interval_text,
    printable,
    rounded,
)
from etude.evidence.searched import searched, unfinished
from etude.store.records import StudyRecord

if TYPE_CHECKING:
    from etude.evidence.nested_search import NestedSearch
    from etude.evidence.possible_bests import PossibleBests
    from etude.evidence.result import Result

NAMED = 4
"""So many other choices that may be as good are named; of more, kinds and counts are told."""


class Name(str):
    """The label of a choice within a sentence: a report isolates it and sets it apart."""

    __slots__ = ()


class Figure(str):
    """A number within a sentence that is to be seen at once."""

    __slots__ = ()


Sentence = tuple[str, ...]
"""Parts of text, some of them a `Name` or a `Figure`."""


def verdict(result: "Result", data: int | None = None) -> list[str]:
    """The answer in plain sentences: the lead, how sure it is, what the best is worth, and how
    the choices stand to a declared baseline.

    Args:
        result: what the study found.
        data: number of a data choice; by default all, each told apart where there are several.
    """
    several = len(result.comparisons) > 1
    sentences = []
    for comparison in result.comparisons:
        if data is not None and comparison.data != data:
            continue
        lead, *more = sentences_of(result, comparison)
        where = f"{data_name(result.record, comparison)}: " if several else ""
        sentences += [printable(where) + plain(lead), *(plain(sentence) for sentence in more)]
    return sentences


def plain(sentence: Sentence) -> str:
    """A sentence as text that is safe on a terminal."""
    return printable("".join(sentence))


def sentences_of(result: "Result", comparison: Comparison) -> list[Sentence]:
    """The sentences of one data choice in parts, the lead first."""
    rows = [row for row in result.summaries if row.data == comparison.data]
    ranked = [row for row in rows if row.rank is not None]
    if result.nested_search is not None:
        return _of_nested_search(result, comparison, result.nested_search)
    if not ranked:
        return [_nothing_ranked(rows)]
    if all(row.diverged == row.members for row in ranked):
        return [
            (
                "Every network diverged. No choice can be recommended; smaller learning rates "
                "are the first thing to try.",
            ),
            *_incomplete(rows),
        ]
    best = ranked[0]
    if best.mean is None:
        lead = (
            _name(result.record, best.choice),
            f" ranks first, but its value cannot be told: {best.note}.",
        )
        return [lead, *_incomplete(rows)]
    found = result.possible_bests[comparison.data]
    return [
        _lead(result.record, rows, found),
        *_how_sure(ranked, found),
        _worth(result, comparison, ranked),
        *_against_baseline(result, comparison, ranked),
        *_incomplete(rows),
        *_searched(result),
    ]


def _of_nested_search(
    result: "Result", comparison: Comparison, search: "NestedSearch"
) -> list[Sentence]:
    """What is handed over, what searching is worth, and what was chosen where."""
    lead, *told = search.sentences(result.record, partial(_name, result.record))
    worth = result.estimate_of_best(comparison.data)
    if worth.mean is None:
        own: Sentence = (f"No honest estimate of the best can be made: {worth.reason}.",)
        return [lead, own, *told]
    decimals = decimals_for([worth.stderr])
    bounds = f", approximate 95 % interval {interval_text(worth.interval, decimals)}"
    own = (
        "Choosing like this is worth ",
        Figure(rounded(worth.mean, decimals)),
        f" ({result.record.metric}{bounds if worth.interval else ''}): {worth.method}.",
    )
    there = [row for row in result.summaries if row.mean is not None]
    return [lead, own, *told, *_against_baseline(result, comparison, there)]


def kinds(record: StudyRecord) -> tuple[str, ...]:
    """For every choice the names of its parts that differ within the study: "mlp · adam"."""
    parts = ("model", "loss", "algorithm", "estimator")
    names = [
        {part: title(choice.document[part]) for part in parts if part in choice.document}
        for choice in record.choices
    ]
    differ = {part for part in parts if len({row[part] for row in names if part in row}) > 1}
    return tuple(
        printable(
            BETWEEN.join(
                [text for part, text in row.items() if part in differ]
                or [text for part, text in row.items() if part in ("algorithm", "estimator")]
            )
        )
        for row in names
    )


def title(part: dict[str, Any]) -> str:
    """What the document of a part calls it: an estimator of scikit-learn by its class."""
    return str(part.get("estimator") or part.get("name", ""))


def data_name(record: StudyRecord, comparison: Comparison) -> str:
    """The name of a data choice; where there are several it is the first part of every label."""
    documents = data_sets(record)
    if len(documents) > 1 and len(comparison.choices):
        return record.choices[int(comparison.choices[0])].label.partition(BETWEEN)[0]
    return str(documents[comparison.data].get("name", ""))


def _nothing_ranked(rows: Sequence[ChoiceSummary]) -> Sentence:
    failed = sum(row.failed for row in rows)
    missing = sum(row.missing for row in rows)
    return (
        f"No choice is complete yet, so nothing can be ranked: {counted(missing, 'network')} "
        f"not finished, {failed} failed.",
    )


def _lead(record: StudyRecord, rows: Sequence[ChoiceSummary], found: "PossibleBests") -> Sentence:
    ranked = [row for row in rows if row.rank is not None]
    best, count = _name(record, ranked[0].choice), len(ranked)
    left = sum(row.left > 0 for row in rows)
    if count == 1 and left:
        return (best, f" was trained to the end; a search let {counted(left, 'other')} leave.")
    if count == 1:
        only = "only choice" if len(rows) == 1 else "only complete choice"
        return (best, f" is the {only}, so there is nothing to compare it with.")
    if found.best is None:
        return (best, f" did best of {count}, but that may be chance: {found.reason}.")
    if left and count + left == len(rows):
        of_these = f"Of the {count} choices trained to the end, "
        return (of_these, *_standing(record, best, count, found))
    if count < len(rows):
        so_far = f"So far, of the {count} complete choices, "
        return (so_far, *_standing(record, best, count, found))
    return _standing(record, best, count, found)


def _standing(record: StudyRecord, best: Name, count: int, found: "PossibleBests") -> Sentence:
    """The best of some choices, those that may be as good, and how many are worse."""
    if found.ahead is not None:
        return _overtaken(record, best, count, found)
    others = [choice for choice in found.choices if choice != found.best]
    worse = count - 1 - len(others)
    if not others:
        if worse == 1:
            return (best, " is best; ", _name(record, found.worse[0]), " is worse.")
        return (best, f" is best; {_all(worse)} are worse.")
    if not worse and len(others) > 1:
        return (best, f" did best, but none can be ruled out: all {count} may be as good.")
    rest = "the other one is worse" if worse == 1 else f"{_all(worse)} are worse"
    rest = f"; {rest}." if worse else "."
    if len(others) <= NAMED:
        names = [_name(record, choice) for choice in others]
        return (best, " did best; ", *_listed(names), " may be as good", rest)
    of_kinds = kinds(record)
    counts = Counter(of_kinds[choice] for choice in others)
    told = ", ".join(f"{number} {kind}" for kind, number in counts.most_common(4))
    told += ", …" if len(counts) > 4 else ""
    which = f" ({told})" if len(counts) > 1 else ""
    return (
        best,
        f" did best, but {len(others)} of the {count - 1} other choices{which} may be as good",
        f"; {worse} are worse." if worse > 1 else rest,
    )


def _overtaken(record: StudyRecord, best: Name, count: int, found: "PossibleBests") -> Sentence:
    """The first of the ranking is worse on the rows that judge, which the choice did not see."""
    assert found.ahead is not None
    others = [choice for choice in found.choices if choice != found.ahead]
    ahead = _name(record, found.ahead)
    told = (best, " ranked first on inner rows, and is worse than ", ahead, " on test rows")
    if count == 2:
        return (*told, ".")
    if not others:
        rest = "the other one is" if count == 3 else f"{_all(count - 2)} are"
        return (*told, f"; {rest} worse there too.")
    if len(others) <= NAMED:
        names = _listed([_name(record, choice) for choice in others])
        return (*told, "; ", *names, " may be as good as that one.")
    return (*told, f"; {len(others)} of the {count - 2} others may be as good as that one.")


def _all(count: int) -> str:
    return "both others" if count == 2 else f"all {count} others"


def _name(record: StudyRecord, choice: int) -> Name:
    """The label of a choice, without the part on the data, which is told before."""
    label = record.choices[choice].label
    if len(data_sets(record)) > 1:
        label = label.partition(BETWEEN)[2] or label
    return Name(label)


def _listed(names: Sequence[str]) -> list[str]:
    """Names with commas, and "and" before the last."""
    parts: list[str] = []
    for index, name in enumerate(names):
        between = " and " if index == len(names) - 1 else ", "
        parts += [between, name] if index else [name]
    return parts


def _how_sure(ranked: Sequence[ChoiceSummary], found: "PossibleBests") -> list[Sentence]:
    if len(ranked) == 1 or found.best is None:
        return []
    more = "; more splits would narrow them down" if len(found.choices) > 1 + NAMED else ""
    return [
        (
            "How sure: in about 95 of 100 such studies the truly best choice is among those that "
            f"are not called worse{more}.",
        )
    ]


def _worth(result: "Result", comparison: Comparison, ranked: Sequence[ChoiceSummary]) -> Sentence:
    best, metric = ranked[0], result.record.metric
    decimals = decimals_for(row.stderr for row in ranked)
    own: Sentence = (
        f"The {metric} of ",
        _name(result.record, best.choice),
        f" on {comparison.judged} rows is ",
        Figure(rounded(best.mean, decimals)),
    )
    spread = f" (approximate 95 % interval {interval_text(best.interval, decimals)})"
    searching = unfinished(result.record)
    if len(ranked) == 1 and not searching and not any(row.left for row in result.summaries):
        return (*own, spread if best.interval else "", ".")
    worth = result.estimate_of_best(comparison.data)
    inside = comparison.choosing != comparison.judged
    if inside:
        where = "the rows that inner splits hold out" if comparison.nested else "validation rows"
        own = (f"The ranking was made on {where}. ", *own)
    if worth.mean is None:
        flattered = "" if inside else ", flattered by its having been chosen"
        why = f"; no honest estimate of the best can be made: {worth.reason}."
        return (*own, spread if best.interval else "", flattered, why)
    bounds = f" (approximate 95 % interval {interval_text(worth.interval, decimals)})"
    return (
        *own,
        "; freed of the flattery of having been chosen, the best is worth ",
        Figure(rounded(worth.mean, decimals)),
        bounds if worth.interval else "",
        f": {worth.method}.",
    )


def _against_baseline(
    result: "Result", comparison: Comparison, ranked: Sequence[ChoiceSummary]
) -> list[Sentence]:
    reference = baseline_of(result.record, comparison)
    if reference is None:
        return []
    name = _name(result.record, reference)
    if reference not in {row.choice for row in ranked}:
        return [("The baseline ", name, " is not complete, so nothing is compared with it.")]
    differences = result.differences[comparison.data]
    if not differences:
        return []
    counts = Counter(str(difference.verdict) for difference in differences)
    words = (
        ("better", "better"),
        ("worse", "worse"),
        ("equivalent", "practically equivalent"),
        ("undecided", "undecided"),
    )
    told = ", ".join(f"{counts[key]} {word}" for key, word in words if counts[key])
    parts: list[str] = ["Against the baseline ", name, f": {told}"]
    best = next((d for d in differences if d.choice == ranked[0].choice), None)
    if best is not None and len(differences) > 1:
        parts.append(f"; the first of the ranking is {dict(words)[best.verdict]}")
    return [(*parts, f" (corrected for {counted(len(differences), 'comparison')}).")]


def _incomplete(rows: Sequence[ChoiceSummary]) -> list[Sentence]:
    count = sum(row.rank is None and not row.left for row in rows)
    verb = "is" if count == 1 else "are"
    return [(f"{counted(count, 'choice')} {verb} incomplete and not ranked.",)] if count else []


def _searched(result: "Result") -> list[Sentence]:
    if unfinished(result.record):
        return [("The search has not ended.",)]
    search = searched(result.record)
    return [] if search is None else [(sentence,) for sentence in search.sentences()]
