"""Every chart is a valid specification that compiles and draws what it is given."""

import altair as alt
import pytest
import vl_convert

from etude.evidence.result import Result
from etude.reporting import axes, panels, plots
from etude.reporting.theme import theme
from study_records import study_record


@pytest.fixture(scope="module")
def result() -> Result:
    return Result(study_record(rates=4, folds=3))


def _charts(result: Result) -> dict[str, alt.LayerChart]:
    curve = panels.curve_panels(result, 0)[0]
    swept = panels.sensitivity_panels(result, 0)["algorithm.learning_rate"][0]
    members = panels.member_rows(result, result.comparisons[0])
    return {
        "ranking": plots.ranking_chart(panels.ranking_rows(list(result.summaries)), "accuracy"),
        "curve": plots.curve_chart(curve.curves["accuracy"]),
        "log curve": plots.curve_chart(curve.curves["loss"], (0.01, 2.0), logarithmic=True),
        "gap": plots.gap_chart(curve.gap, axes.domain_of(curve.gap)),
        "sensitivity": plots.sensitivity_chart(
            swept.rows, "accuracy", True, (1e-4, 1.0), (0.0, 1.0), best=0.97
        ),
        "members": plots.members_chart(members, "accuracy"),
    }


@pytest.mark.parametrize("dark", [False, True])
def test_charts_are_valid_and_draw(result: Result, dark: bool) -> None:
    for name, chart in _charts(result).items():
        spec = chart.configure(**theme(dark)).to_dict()  # altair validates here
        svg = vl_convert.vegalite_to_svg(spec)
        assert "NaN" not in svg, name
        marks = svg.count("<path") + svg.count("<line")
        assert marks > 5, name
        if name == "ranking":
            assert svg.count("learning_rate=") + svg.count("decay=") == len(result.summaries)


def test_diverged_networks_have_their_own_mark(result: Result) -> None:
    rows = [{"place": 1, "value": 0.1, "choice": "a", "split": 1, "seed": 1, "status": "diverged"}]
    red = theme()["style"]["diverged"]["color"]
    chart = plots.members_chart(rows, "accuracy").configure(**theme())
    svg = vl_convert.vegalite_to_svg(chart.to_dict())
    assert svg.count(f'fill="{red}"') == 1


def test_without_rows_a_chart_reads_the_named_data_set() -> None:
    spec = plots.gap_chart(None).to_dict()
    assert spec["data"] == {"name": axes.DATASET}


def test_domains_hold_all_rows_and_survive_constants() -> None:
    low, high = axes.domain_of([{"low": 0.2, "high": 0.3}, {"low": 0.1, "high": None}])
    assert low < 0.1 < 0.3 < high
    low, high = axes.domain_of([{"low": 0.0, "high": 0.0}])
    assert low < 0 < high
    assert axes.domain_of([]) is None
    assert axes.log_domain_of([{"low": -1.0, "high": 5.0}], "low", "high") is None


def test_titles_of_users_are_literals() -> None:
    title = "datum.x'); alert(1) //"
    svg = vl_convert.vegalite_to_svg(
        plots.ranking_chart(
            [{"name": "0\u20021\u2002<b>", "choice": "<b>", "order": 0, "mean": 1, "low": 0,
              "high": 2}],
            title,
        ).to_dict()
    )  # fmt: skip
    assert "&lt;b&gt;" in svg
    assert "datum.x&#39;); alert(1) //" in svg or "datum.x'); alert(1) //" in svg
