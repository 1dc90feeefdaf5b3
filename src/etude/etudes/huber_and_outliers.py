"""Whether Huber's loss resists outliers."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.etudes.base import WHOLE, Etude, Figure, Finding, Verdict, ratio_told
from etude.evidence.intervals import Estimate, estimate

if TYPE_CHECKING:
    from etude.evidence.result import Result

JUDGED = "huber 0.3"
"""The Huber loss that decides, with δ three times the noise; named before looking."""

COST = 1.1
"""Up to so many times the error of MSE counts as no cost where there are no outliers."""


class HuberAndOutliers(Etude):
    title = "Huber's loss and outliers"
    claim = (
        "Where some targets are outliers a network trained with Huber's loss comes closer to the "
        "truth than one trained with squared error, and where there are none it costs nothing."
    )
    background = """
    Squared error makes a target that is ten times as far off count a hundred times as much, so a
    few wrong targets can bend the whole fit. Huber's loss is squared near the prediction and
    absolute beyond δ: there every outlier pulls with the same force, however far it is. Absolute
    error (MAE) pulls with the same force everywhere.

    The data are a plane in five inputs with noise of standard deviation 0.1, and the network is a
    linear one, so that training finds the best weights of every loss and the losses alone are
    compared. In half of the data sets a tenth of the targets, those of test rows included, is moved
    by 5 up or down. The truth is known here: networks are judged by their distance from the plane
    itself on rows they have not seen, and not by targets of which some are wrong.
    """
    rule = """
    Twelve data sets are drawn anew with outliers and twelve without. On each, the error of a loss
    is the root mean square of prediction − truth over the test rows; the learning rate of each loss
    is the one with the lowest mean error over the data sets of that kind, which favours all alike.
    What decides is the ratio of the error of Huber (δ = 0.3) to that of MSE, and the 95 % interval
    of its geometric mean over the twelve data sets, which are independent.

    Supported: with outliers the interval lies below 1, and without them below 1.1. Refuted: with
    outliers it lies above 1, or without them above 1.1. Undecided otherwise.
    """
    source = (
        'Huber 1964, "Robust estimation of a location parameter", Annals of Mathematical '
        "Statistics 35."
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        errors = _errors(results[WHOLE])
        ratios = {
            (loss, kind): _ratio(errors[loss, kind], errors["mse", kind])
            for loss, kind in errors
            if loss != "mse"
        }
        dirty, clean = ratios[JUDGED, "outliers"], ratios[JUDGED, "clean"]
        return Finding(
            verdict=_verdict(dirty, clean),
            decides=(
                f"With a tenth of outliers the error of Huber's loss (δ = 0.3) is "
                f"{ratio_told(dirty)} times that of MSE, and without outliers "
                f"{ratio_told(clean)} times (95 % intervals over n = {dirty.n} data sets each)."
            ),
            table=_table(errors, ratios),
            figures=(_figure(errors),),
            notes=(
                "Outliers lie far out on both sides alike; on one side they would shift MAE and "
                "Huber too.",
                "The rule was first applied to networks of 32 and 64 units on a cubic curve: with "
                "outliers the answer was the same, and without them the luck of training hid "
                "whether Huber costs something, so the network was made linear.",
                "δ has to fit the noise: the table shows what δ = 0.1 and 1 make of it.",
            ),
        )


def _verdict(dirty: Estimate, clean: Estimate) -> Verdict:
    (dirty_low, dirty_high), (clean_low, clean_high) = _ends(dirty), _ends(clean)
    if dirty_low > 1 or clean_low > COST:
        return "refuted"
    return "supported" if dirty_high < 1 and clean_high < COST else "undecided"


def _errors(result: "Result") -> dict[tuple[str, str], np.ndarray]:
    """(loss, kind) -> `[data sets]` distance from the truth at the best learning rate."""
    from etude.study import Study

    record = result.record
    study = Study.from_document(record.document)
    found: dict[tuple[str, str], dict[float, dict[int, list[float]]]] = {}
    tests = []
    for data in study.data:
        prepared = data.prepare()
        assert prepared.truth is not None
        splits = study.validation.splits(prepared.rows, prepared.strata, study.seed)
        tests.append([prepared.truth[split.test] for split in splits])
    documents = record.document["data"]
    for member in record.members:
        choice = record.choices[member.choice].document
        number, rate = documents.index(choice["data"]), choice["algorithm"]["learning_rate"]
        kind = "outliers" if choice["data"]["outliers"] else "clean"
        truth = tests[number][member.split]
        # A network that diverged knows no more than the mean of the targets.
        outputs = truth.mean() if member.status == "diverged" else member.outputs
        error = float(np.sqrt(np.mean((outputs - truth) ** 2)))
        by_rate = found.setdefault((_loss(choice["loss"]), kind), {})
        by_rate.setdefault(rate, {}).setdefault(number, []).append(error)
    tables = {
        place: [
            np.array([np.mean(seeds) for seeds in by_data.values()]) for by_data in rates.values()
        ]
        for place, rates in found.items()
    }
    return {place: min(of_rates, key=np.mean) for place, of_rates in tables.items()}


def _loss(document: dict[str, Any]) -> str:
    delta = f" {document['delta']:g}" if "delta" in document else ""
    return f"{document['name']}{delta}"


def _ratio(errors: np.ndarray, base: np.ndarray) -> Estimate:
    """The logarithm of the ratio of errors; the data sets share no row, so nothing is corrected."""
    return estimate(np.log(errors / base), test_over_train=0.0)


def _ends(ratio: Estimate) -> tuple[float, float]:
    assert ratio.interval is not None
    return math.exp(ratio.interval[0]), math.exp(ratio.interval[1])


def _table(
    errors: dict[tuple[str, str], np.ndarray], ratios: dict[tuple[str, str], Estimate]
) -> tuple[tuple[str, ...], ...]:
    rows = [("loss", "error, no outliers", "times MSE", "error, outliers", "times MSE")]
    for loss in dict.fromkeys(loss for loss, _ in errors):
        cells = [loss]
        for kind in ("clean", "outliers"):
            cells.append(f"{errors[loss, kind].mean():.3f}")
            cells.append("1" if loss == "mse" else ratio_told(ratios[loss, kind]))
        rows.append(tuple(cells))  # type: ignore[arg-type]
    return tuple(rows)


def _figure(errors: dict[tuple[str, str], np.ndarray]) -> Figure:
    import altair as alt

    words = {"clean": "no outliers", "outliers": "a tenth of outliers"}
    rows = [
        {"loss": loss, "data": words[kind], "error": float(error), "mean": float(values.mean())}
        for (loss, kind), values in errors.items()
        for error in values
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("loss:N", sort=None, title=None),
    )
    scale = alt.Scale(type="log", nice=False)
    axis = alt.Axis(format="~g", values=[0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1])
    points = base.mark_circle(style="split").encode(
        x=alt.X("error:Q", scale=scale, axis=axis, title="distance from the truth (RMS)")
    )
    means = base.mark_tick(style="mean").encode(x=alt.X("mean:Q", scale=scale))
    chart = (
        (points + means)
        .properties(width=560, height=120)
        .facet(
            row=alt.Row(
                "data:N",
                title=None,
                sort=None,
                header=alt.Header(
                    labelAngle=0, labelAlign="left", labelAnchor="start", labelOrient="top"
                ),
            )
        )
    )
    worst = max(errors, key=lambda place: float(errors[place].mean()))
    return Figure(
        title="How far networks are from the truth, by the loss that trained them",
        alt=(
            "A dot for each data set and a tick at the mean, on a logarithmic axis. The largest "
            f"mean error, {errors[worst].mean():.2f}, is that of {worst[0]} "
            f"{'with' if worst[1] == 'outliers' else 'without'} outliers."
        ),
        chart=chart,
    )
