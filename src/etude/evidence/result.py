"""What a study found, in the forms that people and programs ask for."""

import html
import operator
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, SupportsIndex

from etude.errors import InputError
from etude.evidence.best import BestEstimate, estimate_of_best
from etude.evidence.bias_variance import BiasVariance, bias_variance
from etude.evidence.comparison import Comparison, baseline_of, called, comparisons
from etude.evidence.frames import Kind, frame_of, one_type
from etude.evidence.importance import Decomposition, importance
from etude.evidence.nested_search import NestedSearch, nested_search, noted
from etude.evidence.out_of_bag import point_632
from etude.evidence.paired import Difference, against
from etude.evidence.possible_bests import PossibleBests, possible_bests
from etude.evidence.ranking import ChoiceSummary, summaries
from etude.evidence.ranking_table import RankingTable
from etude.evidence.searched import searched
from etude.evidence.targets import Reached, default_target, to_target
from etude.evidence.verdict import verdict
from etude.store.records import StudyRecord

if TYPE_CHECKING:  # the study brings JAX along, which reading a store does not need
    from etude.study import Study

JSON_VERSION = 1


@dataclass(frozen=True)
class RankedChoice:
    """A choice that a study ranked, as `refit` takes it.

    Attributes:
        choice: its number in the study.
        label: its name for people.
        rank: 1 for the best of its data choice.
        mean: its mean over splits on the judged rows.
        document: data, model, loss and algorithm with all their fields.
    """

    choice: int
    label: str
    rank: int
    mean: float | None
    document: dict[str, Any]

    def __index__(self) -> int:
        return self.choice


class Result:
    """What a study found.

    Args:
        record: what is kept of the study; everything is computed from it alone.
        study: the study itself, where it was run here; `refit` takes it, for parts of a user
            cannot be made again from the record.

    Example:
        ```python
        result = etude.run(study)
        print(result.table())
        network = etude.refit(result, result.best())
        ```
    """

    def __init__(self, record: StudyRecord, study: "Study | None" = None) -> None:
        self.record = record
        self.study = study

    @cached_property
    def summaries(self) -> tuple[ChoiceSummary, ...]:
        """All choices: by data choice, then by rank, the incomplete ones last.

        After a search inside nested validation: what is handed over, then what was chosen most
        often.
        """
        rows = summaries(self.record)
        return rows if self.nested_search is None else noted(rows, self.nested_search)

    @cached_property
    def nested_search(self) -> NestedSearch | None:
        """The searches inside of nested validation; None where there are none that have ended."""
        return nested_search(self.record)

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The values by split behind the summaries, one comparison for each data choice."""
        return comparisons(self.record)

    @cached_property
    def possible_bests(self) -> dict[int, PossibleBests]:
        """Number of a data choice -> which of its choices may be best."""
        return {comparison.data: possible_bests(comparison) for comparison in self.comparisons}

    @cached_property
    def differences(self) -> dict[int, tuple[Difference, ...]]:
        """Number of a data choice -> its choices against the declared baseline; () without."""
        region = self.record.document.get("region") or None
        found: dict[int, tuple[Difference, ...]] = {}
        for comparison in self.comparisons:
            reference = baseline_of(self.record, comparison)
            found[comparison.data] = (
                () if reference is None else against(comparison, reference, region)
            )
        return found

    @cached_property
    def importance(self) -> dict[int, Decomposition]:
        """Number of a data choice -> how much of the variance each swept field explains."""
        return {c.data: importance(self.record, c) for c in self.comparisons}

    def compare(
        self, baseline: SupportsIndex | str, region: float | None = None, data: int = 0
    ) -> tuple[Difference, ...]:
        """Every other complete choice against a baseline that was named before looking.

        Args:
            baseline: what the ranking calls it, or the number of the choice.
            region: differences of the metric up to so much do not matter in practice.
            data: number of the data choice, in a study of several.

        Raises:
            InputError: there is no such choice or data choice, or the region is below 0.
        """
        reference = (
            self.reference(baseline, data)
            if isinstance(baseline, str)
            else operator.index(baseline)
        )
        return against(self._comparison(data), reference, region)

    def reference(self, name: str | None = None, data: int = 0) -> int:
        """The number of the choice that the ranking calls so; by default the declared baseline.

        Raises:
            InputError: there is no such choice or several are called so, or none is declared.
        """
        comparison = self._comparison(data)
        name = self.record.document.get("baseline") if name is None else name
        if name is None:
            raise InputError("`baseline` must name a choice, and the study declares none")
        number = called(self.record, comparison, name)
        if number is None:
            labels = [self.record.choices[choice].label for choice in comparison.choices]
            by_lower = {label.lower(): label for label in labels}
            close = get_close_matches(name.lower(), by_lower, n=1)
            hint = f"the first one is {labels[0]!r}"
            if close:
                hint = f"did you mean {by_lower[close[0]]!r}?"
            raise InputError(f"`baseline` must name a choice, got {name!r}; {hint}")
        choices = self.record.choices
        count = sum(choices[c].label == choices[number].label for c in comparison.choices)
        if count > 1:
            raise InputError(
                f"`baseline` must name one choice, got {name!r}, which {count} choices are called"
            )
        return number

    def to_target(self, target: float | None = None, data: int = 0) -> tuple[Reached, ...]:
        """How soon the networks of each choice reach a value of the deciding metric.

        Args:
            target: the value; by default that of the best choice less one standard error.
            data: number of the data choice, in a study of several.
        """
        comparison = self._comparison(data)
        if target is None:
            target = default_target(comparison)
        return () if target is None else to_target(self.record, comparison, target)

    def table(self, top: int = 20) -> RankingTable:
        """The best choices, for a terminal, a pipe or a notebook.

        Args:
            top: how many choices are shown.
        """
        roles = {comparison.choosing for comparison in self.comparisons}
        choosing = roles.pop() if len(roles) == 1 else self.record.judged
        nested = any(comparison.nested for comparison in self.comparisons)
        return RankingTable(
            self.summaries, self.record.metric, self.record.judged, choosing, top, nested
        )

    def best(self, data: int = 0) -> RankedChoice:
        """The choice of rank 1; the first one where several tie.

        With validation rows it is the best on those, otherwise on the judged rows. After a search
        inside nested validation it is what the same search chose by all rows: the estimate of
        the best is of this way of choosing, and no mean of the choice itself is known.

        Args:
            data: number of the data choice, in a study of several.

        Raises:
            InputError: no choice of this data is complete, or there is no such data choice.
        """
        rows = [summary for summary in self.summaries if summary.data == data]
        if not rows:
            numbers = sorted({summary.data for summary in self.summaries})
            raise InputError(f"`data` must be one of {numbers}, got {data}")
        search = self.nested_search
        handed_over = search is not None and search.final.chosen is not None
        if rows[0].rank is None and not handed_over:
            raise InputError(f"no choice is complete; the first one is {rows[0].note}")
        first = rows[0]
        return RankedChoice(
            choice=first.choice,
            label=first.label,
            rank=1,
            mean=first.mean,
            document=self.record.choices[first.choice].document,
        )

    def estimate_of_best(self, data: int = 0) -> BestEstimate:
        """What choosing the best is worth, judged on rows that did not choose."""
        return estimate_of_best(self.record, self._comparison(data))

    def bias_variance(self, data: int = 0) -> tuple[BiasVariance, ...]:
        """Squared bias, variance and noise of every choice whose networks are all trained.

        A study finds them where its splits share their test rows: under `replicates`.

        Args:
            data: number of the data choice, in a study of several.

        Raises:
            InputError: the study has none.
        """
        found = bias_variance(self.record, self._comparison(data))
        if not found:
            name = (self.record.document.get("validation") or {}).get("name", "")
            raise InputError(
                "`bias_variance` needs a study that has ended, on replicates of rows of classes "
                f"or numbers, and networks that did not diverge; got [validation] {name}"
            )
        return found

    def _comparison(self, data: int) -> Comparison:
        found = next((c for c in self.comparisons if c.data == data), None)
        if found is None:
            numbers = [comparison.data for comparison in self.comparisons]
            raise InputError(f"`data` must be one of {numbers}, got {data}")
        return found

    def frame(self, kind: Kind = "polars") -> Any:
        """One row for each choice, in the order of the ranking.

        Columns: number, choice, data, the swept fields, rank, mean, stderr, low, high, n,
        p_best, members, diverged, failed, missing, note, parameters, seconds (of a network).

        Args:
            kind: the kind of data frame: "polars", "pandas" or "arrow".
        """
        fields = list(dict.fromkeys(f for choice in self.record.choices for f in choice.swept))
        columns: dict[str, list[Any]] = {
            "number": [row.choice for row in self.summaries],
            "choice": [row.label for row in self.summaries],
            "data": [row.data for row in self.summaries],
        }
        for field in fields:
            values = [self.record.choices[row.choice].swept.get(field) for row in self.summaries]
            columns.setdefault(field, one_type(values))
        columns |= {
            "rank": [row.rank for row in self.summaries],
            "mean": [row.mean for row in self.summaries],
            "stderr": [row.stderr for row in self.summaries],
            "low": [row.interval[0] if row.interval else None for row in self.summaries],
            "high": [row.interval[1] if row.interval else None for row in self.summaries],
        }
        for name in (
            *("n", "p_best", "members", "diverged", "failed", "missing", "note"),
            *("parameters", "seconds"),
        ):
            columns[name] = [getattr(row, name) for row in self.summaries]
        return frame_of(columns, kind)

    def members(self, kind: Kind = "polars") -> Any:
        """One row for each network: its place, how it went, and every value of its kept weights.

        Args:
            kind: the kind of data frame: "polars", "pandas" or "arrow".
        """
        members = self.record.members
        columns: dict[str, list[Any]] = {
            "number": [member.choice for member in members],
            "choice": [self.record.choices[member.choice].label for member in members],
        }
        for name in ("split", "seed", "status", "reason", "epochs", "steps", "best_epoch"):
            columns[name] = [getattr(member, name) for member in members]
        columns["diverged_step"] = [member.diverged_step or None for member in members]
        columns["seconds"] = [member.seconds for member in members]
        for role in ("train", "validation", "test"):
            for metric in self.record.metrics:
                values = [member.values.get(role, {}).get(metric) for member in members]
                if any(value is not None for value in values):
                    columns[f"{role}_{metric}"] = values
        return frame_of(columns, kind)

    def json(self) -> dict[str, Any]:
        """The answer as one object for programs; what is unknown is null, never NaN.

        `best` and `estimate_of_best` are those of the only data choice; in a study of several
        they are null, and the ranks in `choices` hold within each.
        """
        record = self.record
        single = len(self.comparisons) == 1
        nested = self.nested_search
        handed_over = nested is not None and nested.final.chosen is not None
        ranked = single and (self.summaries[0].rank is not None or handed_over)
        best = self.estimate_of_best(self.comparisons[0].data) if single else None
        search = searched(record) or nested
        corrected: dict[int, float] = {}
        for comparison in self.comparisons:
            corrected |= point_632(record, comparison)
        return {
            "version": JSON_VERSION,
            "study": record.name,
            "members": len(record.members),
            "programs": len(record.programs),
            "trained": record.trained,
            "reused": record.reused,
            "diverged": sum(member.status == "diverged" for member in record.members),
            "seconds": {
                name: float(record.seconds.get(name, 0.0)) for name in ("compile", "run", "total")
            },
            "metric": record.metric,
            "choices": [
                {
                    "choice": row.label,
                    "mean": row.mean,
                    "stderr": row.stderr,
                    "interval": list(row.interval) if row.interval else None,
                    "n": row.n,
                    "rank": row.rank,
                    "p_best": row.p_best,
                    "may_be_best": row.choice in self.possible_bests[row.data].choices,
                    "diverged": row.diverged,
                    "parameters": row.parameters,
                }
                | ({"point_632": corrected[row.choice]} if row.choice in corrected else {})
                for row in self.summaries
            ],
            "baseline": record.document.get("baseline"),
            "differences": [
                {"data": data, "choice": record.choices[difference.choice].label}
                | figures_of(difference)
                for data, differences in self.differences.items()
                for difference in differences
            ],
            "best": self.summaries[0].label if ranked else None,
            "estimate_of_best": None
            if best is None
            else {
                "mean": best.mean,
                "stderr": best.stderr,
                "interval": list(best.interval) if best.interval else None,
                "n": best.n,
                "method": best.method or None,
                "reason": best.reason or None,
                "chosen": [
                    {"choice": record.choices[choice].label, "splits": times}
                    for choice, times in Counter(best.chosen).most_common()
                ],
            },
        } | ({} if search is None else {"search": search.document(record)})

    def __repr__(self) -> str:
        return f"Result({self.record.name!r})\n{self.table()}"

    def _repr_html_(self) -> str:
        sentences = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in verdict(self))
        return sentences + self.table()._repr_html_()


def figures_of(difference: Difference) -> dict[str, Any]:
    """A difference from a baseline as plain values for programs, without the choices' names."""
    shares = difference.equivalence
    return {
        "mean": difference.mean,
        "stderr": difference.stderr,
        "interval": list(difference.interval) if difference.interval else None,
        "t": difference.t,
        "p": difference.p,
        "p_holm": difference.p_holm,
        "effect": difference.effect,
        "probabilities": None if shares is None else vars(shares),
        "verdict": difference.verdict,
        "reason": difference.reason or None,
    }
