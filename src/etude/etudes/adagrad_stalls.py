"""Whether Adagrad stalls, and whether Adadelta needs no learning rate."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.etudes.base import (
    WHOLE,
    CannotJudge,
    Etude,
    Figure,
    Finding,
    Verdict,
    interval_of,
    logarithms,
)
from etude.evidence.intervals import Estimate, corrected_t_test, estimate
from etude.evidence.paired import holm

if TYPE_CHECKING:
    from etude.evidence.result import Result

WINDOW = 50
"""The loss of an epoch is the mean over so many up to it: that of one epoch jumps."""

STRETCH = 25
"""The picture has a point for every so many epochs."""

MARGIN = 1.1
"""Up to so many times the error of the tuned rules counts as no loss."""

SMALL = 0.01
"""The learning rate that Adagrad usually has by default."""

USUAL = 1e-6
"""The ε of Adadelta by default: what it is where nothing is set."""

LEVEL = 0.05

TITLES = {"adagrad": "Adagrad", "rmsprop": "RMSProp", "adadelta": "Adadelta"}


@dataclass(frozen=True)
class Setting:
    """One rule with one setting.

    Attributes:
        rule: the name of the algorithm.
        number: its learning rate, or ε of Adadelta.
        curves: `[splits, epochs]` log₁₀ of the training loss; None where a network diverged.
        errors: `[splits]` RMSE on test rows; that of the trivial predictor where one diverged.
    """

    rule: str
    number: float
    curves: np.ndarray | None
    errors: np.ndarray

    @property
    def told(self) -> str:
        """Its rule and its number."""
        return f"{TITLES[self.rule]} at {_letter(self.rule)} = {self.number:.3g}"

    def after(self, share: float) -> np.ndarray:
        """`[splits]` log₁₀ of the training loss when this share of training is over.

        The mean over the epochs up to there, the first ones where there are not enough.
        """
        if self.curves is None:
            raise CannotJudge(f"{self.told} diverged")
        last = max(WINDOW, round(share * self.curves.shape[1]))
        return np.asarray(self.curves[:, last - WINDOW : last].mean(1))

    @property
    def height(self) -> float:
        """log₁₀ of the training loss at the end, the mean over splits; infinite if it diverged."""
        return math.inf if self.curves is None else float(self.after(1).mean())

    @property
    def late(self) -> np.ndarray:
        """`[splits]` the share of its whole progress that it makes in the second half."""
        whole = self.after(0) - self.after(1)
        if not (whole > 0).all():
            raise CannotJudge(f"the training loss of {self.told} does not fall")
        return (self.after(0.5) - self.after(1)) / whole

    @property
    def log_errors(self) -> np.ndarray:
        """`[splits]` log₁₀ of the errors."""
        return logarithms(self.errors, f"the error of {self.told}") / math.log(10)


class AdagradStalls(Etude):
    title = "Adagrad stalls, Adadelta needs no rate"
    claim = (
        "With each rule at its best setting, Adagrad stalls before RMSProp and Adadelta do, for "
        "its steps only ever shrink."
    )
    background = """
    Adagrad divides the learning rate of each weight by the root of the sum of all its squared
    gradients. The sum only grows, so the steps only shrink. RMSProp and Adadelta take a running
    average in place of the sum, which forgets. Adadelta also takes the size of its past steps in
    place of a learning rate; what is left to set is ε, which starts it off.
    """
    rule = """
    A polynomial of fifth degree without noise, a network with 32 tanh units, 1500 epochs. Each
    rule is tried with nine settings: learning rates from 0.01 to 100 for Adagrad and from 0.0001
    to 1 for RMSProp, ε from 0.00000001 to 1 for Adadelta, whose learning rate is no setting. Each
    is taken with the one with which its training loss ends lowest.

    To stall is to make no more progress. Progress is the fall of log₁₀ of the training loss,
    averaged over 50 epochs; what is judged is the share of the whole fall, from the 50th epoch on,
    that comes in the second half of training. Adagrad's share is compared with that of RMSProp and
    with that of Adadelta by the corrected t-test of paired differences over splits, with Holm's
    adjustment for the two. Supported: it is smaller than both with adjusted p ≤ 0.05. Refuted: it
    is larger than one of them with adjusted p ≤ 0.05. Undecided otherwise, or where a best setting
    is the smallest or the largest of its nine.

    Beside it, and without a say in the verdict, it is told whether Adadelta needs no setting: the
    RMSE on test rows of Adadelta with its default ε = 0.000001, as a multiple of that of the
    better of tuned Adagrad and tuned RMSProp by training loss. It needs none if the corrected 95 %
    interval of the ratio lies below 1.1, and does if it lies above.
    """
    source = (
        'Duchi, Hazan & Singer 2011, "Adaptive subgradient methods"; Zeiler 2012, "ADADELTA: an '
        'adaptive learning rate method"; Tieleman & Hinton 2012, "Lecture 6.5: RMSProp".'
    )

    def judge(self, results: "Mapping[str, Result]") -> Finding:
        settings, ratio = _settings(results[WHOLE])
        best = {rule: _best(settings, rule) for rule in TITLES}
        adagrad = best["adagrad"]
        later = {rule: adagrad.late - best[rule].late for rule in ("rmsprop", "adadelta")}
        p_holm = holm(np.array([corrected_t_test(found, ratio)[1] for found in later.values()]))
        edges = [found.told for found in best.values() if _at_edge(found, settings)]
        against = " and ".join(
            f"{_points(estimate(found, ratio))} more than {TITLES[rule]} (adjusted p = {p:.2g})"
            for (rule, found), p in zip(later.items(), p_holm, strict=True)
        )
        tuned = min(adagrad, best["rmsprop"], key=lambda found: found.height)
        default, small = _at(settings, "adadelta", USUAL), _at(settings, "adagrad", SMALL)
        worse = estimate(default.log_errors - tuned.log_errors, ratio)
        return Finding(
            verdict="undecided" if edges else _stalls(list(later.values()), p_holm),
            decides=(
                f"Adagrad makes {_points(estimate(adagrad.late, ratio))} of 100 parts of its "
                f"progress in the second half of training, {against} (approximate 95 % intervals, "
                f"n = {worse.n} splits"
                f"{'; at an edge: ' + ', '.join(edges) if edges else ''}). Beside it: Adadelta's "
                f"test error, with nothing set, is {_ratio(worse)} times that of {tuned.told}, "
                f"{_needs(worse)}."
            ),
            table=_table(settings, best, ratio),
            figures=(_curves(best), _sensitivity(settings)),
            notes=(
                f"Left at the usual small rate of {SMALL:g}, Adagrad makes "
                f"{_points(estimate(small.late, ratio))} of 100 parts of its progress in the "
                "second half, and its loss ends at "
                f"{_ratio(estimate(small.after(1) - adagrad.after(1), ratio))} times that at its "
                "best rate: whether it stalls is a matter of the rate.",
                "Progress is counted in powers of ten of the loss. A rule that is fast at first "
                "and then bounces about a floor stalls by this measure too, whatever its steps.",
                "One function without noise, whose loss can fall without end; where noise sets a "
                "floor, steps that shrink help to settle there.",
                "The settings are chosen by the training loss at the end, on the networks that "
                "are judged.",
                "The study was changed twice after a look. It was first about the digits, which "
                "such networks learn by heart, down to losses of 10⁻⁹: nothing could be told, and "
                "the data were changed. Then it asked that the loss end higher and fall less, "
                "with rates up to 1, which was Adagrad's best, and Adadelta at its default, and "
                "was refuted; a review had progress itself judged, every rule tuned, and ranges "
                "that hold the best setting inside. Holm's adjustment came last and changed no "
                "verdict.",
            ),
        )


def _settings(result: "Result") -> tuple[list[Setting], float]:
    """Every rule with every setting, and the rows that judge for each row that trained."""
    record = result.record
    (comparison,) = result.comparisons
    ratio = comparison.test_over_train
    assert ratio is not None
    curves: dict[int, list[np.ndarray]] = {}
    diverged = {member.choice for member in record.members if member.status == "diverged"}
    for member in record.members:
        if member.choice not in diverged:
            logs = logarithms(member.curves[:, 0, 0], "the training loss") / math.log(10)
            curves.setdefault(member.choice, []).append(logs)
    found = []
    for place, choice in enumerate(comparison.choices):
        rule = record.choices[int(choice)].document["algorithm"]
        number = rule["epsilon"] if rule["name"] == "adadelta" else rule["learning_rate"]
        own = None if int(choice) in diverged else np.array(curves[int(choice)])
        found.append(Setting(rule["name"], number, own, comparison.judged_values[place]))
    return found, ratio


def _best(settings: list[Setting], rule: str) -> Setting:
    return min((s for s in settings if s.rule == rule), key=lambda s: s.height)


def _at(settings: list[Setting], rule: str, number: float) -> Setting:
    for setting in settings:
        if setting.rule == rule and math.isclose(setting.number, number):
            return setting
    raise CannotJudge(f"{TITLES[rule]} at {_letter(rule)} = {number:g} is missing")


def _at_edge(best: Setting, settings: list[Setting]) -> bool:
    """Whether a setting is the smallest or the largest of its rule."""
    numbers = [setting.number for setting in settings if setting.rule == best.rule]
    return best.number in (min(numbers), max(numbers))


def _stalls(later: list[np.ndarray], p_holm: np.ndarray) -> Verdict:
    """By how much more of its progress Adagrad makes late than each of the others."""
    sure = [found.mean() for found, p in zip(later, p_holm, strict=True) if p <= LEVEL]
    if any(mean > 0 for mean in sure):
        return "refuted"
    return "supported" if len(sure) == len(later) else "undecided"


def _needs(worse: Estimate) -> str:
    """Whether Adadelta needs a setting, by its error over that of a tuned rule."""
    low, high = interval_of(worse)
    if low > math.log10(MARGIN):
        return "so it does need a setting"
    return "so it needs none" if high < math.log10(MARGIN) else "which leaves open if it needs one"


def _letter(rule: str) -> str:
    return "ε" if rule == "adadelta" else "η"


def _ratio(found: Estimate) -> str:
    """What log₁₀ was estimated of."""
    low, high = (f"{10**end:.2g}" for end in interval_of(found))
    return f"{10**found.mean:.2g} ({low} to {high})"


def _points(share: Estimate) -> str:
    """A share in parts of 100."""
    mean, low, high = (round(100 * value) for value in (share.mean, *interval_of(share)))
    return f"{mean} ({low} to {high})"


def _table(
    settings: list[Setting], best: dict[str, Setting], ratio: float
) -> tuple[tuple[str, ...], ...]:
    rows = [
        ("rule", "best setting", "progress in the second half, of 100",
         "training loss at the end", "test RMSE", "test RMSE over its nine settings")
    ]  # fmt: skip
    for rule, setting in best.items():
        means = [float(10 ** s.log_errors.mean()) for s in settings if s.rule == rule]
        rows.append(
            (
                TITLES[rule],
                f"{_letter(rule)} = {setting.number:.3g}",
                _points(estimate(setting.late, ratio)),
                _ratio(estimate(setting.after(1), ratio)),
                _ratio(estimate(setting.log_errors, ratio)),
                f"{min(means):.2g} to {max(means):.2g}",
            )
        )
    return tuple(rows)


def _curves(best: dict[str, Setting]) -> Figure:
    import altair as alt

    rows = []
    for rule, setting in best.items():
        assert setting.curves is not None  # its share of progress was taken
        means = setting.curves.mean(0)
        for last in range(STRETCH, len(means) + 1, STRETCH):
            loss = float(f"{10 ** means[last - STRETCH : last].mean():.4g}")
            rows.append({"rule": TITLES[rule], "epoch": last, "loss": loss})
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_line(strokeWidth=1.75)
        .encode(
            x=alt.X("epoch:Q", title="epoch", scale=alt.Scale(nice=False)),
            y=alt.Y(
                "loss:Q",
                title="training loss",
                scale=alt.Scale(type="log", nice=False),
                axis=alt.Axis(format="~g", tickCount=5),
            ),
            color=_colors(),
            strokeDash=alt.StrokeDash("rule:N", title=None, sort=None),
        )
        .properties(width=560, height=240)
    )
    told = "; ".join(f"{TITLES[rule]} {10**s.height:.2g}" for rule, s in best.items())
    return Figure(
        title="Training loss of each rule at its best setting, the mean over splits",
        alt=f"Three lines over 1500 epochs on a logarithmic axis. At the end: {told}.",
        chart=chart,
    )


def _sensitivity(settings: list[Setting]) -> Figure:
    import altair as alt

    rows: list[dict[str, Any]] = [
        {
            "rule": TITLES[s.rule],
            "setting": s.number,
            "error": float(f"{10 ** s.log_errors.mean():.4g}"),
        }
        for s in settings
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "setting:Q",
            title="learning rate; of Adadelta ε",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(format="~e", values=[10.0**power for power in range(-8, 3)]),
        ),
        y=alt.Y(
            "error:Q",
            title="test RMSE",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(format="~g", tickCount=5),
        ),
        color=_colors(),
        strokeDash=alt.StrokeDash("rule:N", title=None, sort=None),
    )
    spans = "; ".join(
        f"{title} from {min(values):.2g} to {max(values):.2g}"
        for title in TITLES.values()
        if (values := [row["error"] for row in rows if row["rule"] == title])
    )
    return Figure(
        title="Error over the whole range of settings",
        alt=f"Three lines, error against the setting on logarithmic axes: {spans}.",
        chart=(base.mark_line() + base.mark_point(filled=True, size=30)).properties(
            width=560, height=200
        ),
    )


def _colors() -> Any:
    import altair as alt

    scale = alt.Scale(range=["#a85400", "#1f6fb8", "#22262b"])
    return alt.Color("rule:N", title=None, sort=None, scale=scale)
