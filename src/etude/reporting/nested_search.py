"""What the searches inside of nested validation chose, and what they trained."""

from etude.evidence.nested_search import InnerSearch, NestedSearch
from etude.evidence.result import Result
from etude.evidence.rounding import decimals_for, printable, rounded
from etude.evidence.searched import sign_of
from etude.reporting.figures import quiet
from etude.reporting.markup import Html, join, name
from etude.reporting.tables import TOP, html_table

MOST = 10 * TOP
"""So many rounds are shown at most."""


def the_searches(result: Result, search: NestedSearch) -> Html:
    """A row for what each outer split chose and one for what all rows did; then the rounds."""
    record, metric = result.record, printable(result.record.metric)
    decimals = decimals_for([result.estimate_of_best().stderr])
    searches = (*search.outer, search.final)
    note = quiet(
        "Each search saw the rows that its own inner splits hold out, and no others. "
        "What an outer split chose was trained on it and judged on its test rows; what all rows "
        "chose is handed over, and no rows are left to judge it."
    )
    chosen: list[list[object]] = [
        [
            _split(one),
            "–" if one.chosen is None else name(record.choices[one.chosen].label),
            rounded(one.choosing_value, decimals),
            rounded(one.judged_value, decimals),
        ]
        for one in searches
    ]
    headers = ["outer split", "chosen", f"{metric} on inner splits", f"{metric} on its test rows"]
    rounds: list[list[object]] = []
    for one in searches:
        for number, each in enumerate(one.rounds, 1):
            values = zip(each.values, each.trials, strict=True)
            told = [(value, trial) for value, trial in values if value is not None]
            best = max(told, key=lambda pair: pair[0], default=None)
            rounds.append(
                [
                    *(_split(one), number, len(each.trials)),
                    "to the end" if not each.epochs else f"to epoch {each.epochs}",
                    "–" if best is None else rounded(sign_of(record) * best[0], decimals),
                    "–" if best is None else name(record.choices[best[1]].label),
                ]
            )
    columns = ["outer split", "round", "choices", "trained", f"best {metric}", "of"]
    return join(
        note,
        html_table("What each outer split chose", headers, chosen, label=1),
        html_table("What was trained and judged together", columns, rounds[:MOST], label=5),
    )


def _split(search: InnerSearch) -> object:
    return "all rows" if search.split is None else search.split + 1
