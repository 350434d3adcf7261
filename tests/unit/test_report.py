"""What is printed and drawn: every kind of table in words, and the figures in their places."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from rich.console import Console
from twins.feature_scenarios import (
    FEATURES,
    TWO_ARMS,
    Table,
    dropping_out,
    events,
    feature_scenario,
    hypothesis,
    piecewise,
    relative,
)

from simulate.api import run
from simulate.errors import ScenarioError, SimulateError
from simulate.report import progress as progress_module
from simulate.report.contents import rejection_name, with_error
from simulate.report.figure import NOT_REJECTED_COLOR, REJECTED_COLOR, draw
from simulate.report.pictures import check_path
from simulate.report.progress import progress_of
from simulate.report.text import print_check, print_result
from simulate.report.words import describe, trigger_text
from simulate.results.decisions import decide
from simulate.results.estimates import Estimate
from simulate.results.result import Result
from simulate.results.tally import tally
from simulate.scenario.models import Scenario

STRATA: Table = {"risk": {"high": 0.25, "low": 0.75}, "site": {"a": 0.5, "b": 0.5}}


def console_of(width: int = 100, terminal: bool = False) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, force_terminal=terminal), file


def checked(scenario: Scenario, width: int = 100) -> str:
    console, file = console_of(width)
    print_check(scenario, console)
    return file.getvalue()


def printed(result: Result, width: int = 100) -> str:
    console, file = console_of(width)
    print_result(result, console)
    return file.getvalue()


def result_of(name: str, trials: int = 200, **tables: Any) -> Result:
    return run(feature_scenario(name, **tables), trials=trials, workers=1)


def lines_of(scenario: Scenario, heading: str) -> list[str]:
    return dict(describe(scenario))[heading]


# Words


def test_kinds_of_distribution_in_words() -> None:
    weibull: Table = {"distribution": "weibull"}
    piecewise_survival: Table = {
        "distribution": "piecewise_exponential",
        "survival": [{"month": 3, "probability": 0.7}, {"month": 8, "probability": 0.2}],
    }
    exponential: Table = {"distribution": "exponential"}
    cases: list[tuple[Table, str]] = [
        (exponential | {"median_months": 12}, "exponential, median 12 months"),
        (exponential | {"rate_per_month": 0.025}, "exponential, rate 0.025 a month"),
        (
            exponential | {"survival": {"month": 24, "probability": 0.76}},
            "exponential, survival 0.76 at month 24",
        ),
        (
            weibull | {"shape": 0.8, "scale_months": 20.5},
            "Weibull, shape 0.8, scale 20.5 months",
        ),
        (
            weibull | {"median_months": 9, "survival": {"month": 24, "probability": 0.2}},
            "Weibull, median 9 months, survival 0.2 at month 24",
        ),
        (
            piecewise((0, 0.1), (6, 0.05)),
            "piecewise exponential, rate 0.1 from month 0, rate 0.05 from month 6",
        ),
        (
            piecewise_survival,
            "piecewise exponential, survival 0.7 at month 3, survival 0.2 at month 8",
        ),
    ]
    for distribution, words in cases:
        arms = {"new": {"pfs": relative("old", 0.6)}, "old": {"pfs": distribution}}
        lines = lines_of(feature_scenario("plain", arms=arms), "Arms")
        assert f"  PFS: {words}" in lines
        assert "  PFS: hazard ratio 0.6 to old" in lines


def test_arms_tell_effects_strata_dropout_status_and_median() -> None:
    arms: Table = {
        "new": {
            "label": "New, 120 mg",
            "pfs": relative("old", 0.5)
            | {
                "status": "inferred",
                "by_stratum": {
                    "x": {
                        "stratum": {"risk": "high", "site": "a"},
                        "relative_to": "old",
                        "hazard_ratios": [
                            {"from_month": 0, "hazard_ratio": 1.0},
                            {"from_month": 4, "hazard_ratio": 0.55},
                        ],
                        "status": "derived",
                    }
                },
            },
            "dropout": dropping_out(0.01) | {"status": "published"},
        },
        "old": {"pfs": {"distribution": "exponential", "rate_per_month": math.log(2.0) / 8.0}},
    }
    lines = lines_of(feature_scenario("plain", arms=arms, strata=STRATA), "Arms")
    assert lines == [
        "new (New, 120 mg)",
        "  PFS: hazard ratio 0.5 to old [inferred]",
        "    where risk = high, site = a: hazard ratio to old of 1 from month 0, 0.55 from month 4 "
        "[derived]",
        "  dropout: exponential, rate 0.01 a month [published]",
        "old",
        "  PFS: exponential, rate 0.0866434 a month",
        "    median 8 months",
        "  dropout: none",
    ]


def test_patients_in_words() -> None:
    evenly = lines_of(feature_scenario("two to one", follow_up={"maximum_months": 1}), "Patients")
    assert evenly == [
        "75 patients, evenly spaced, 5.5 a month",
        "randomised 2:1 (new : old) in permuted blocks of 6",
        "2 strata, each with its share of the patients:",
        "  site = small: 0.3",
        "  site = large: 0.7",
        "each followed for at most 1 month",
    ]
    poisson = lines_of(feature_scenario("poisson with a pause"), "Patients")
    assert poisson[0] == (
        "80 patients, Poisson arrivals, 10 a month, then 0 a month from month 3, "
        "then 4 a month from month 6, then 20 a month from month 9"
    )
    strata = lines_of(feature_scenario("stratified"), "Patients")
    assert strata[1].endswith("in permuted blocks of 4 within strata")
    assert "  risk = high, site = b: 0.1" in strata


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (events(1200), "at 1,200 PFS events (if never reached: at the last event)"),
        (events(50, "skip"), "at 50 PFS events (if never reached: not held)"),
        (
            events(50, "all_data"),
            "at 50 PFS events (if never reached: when all follow-up has ended)",
        ),
        (
            events(50, stratum={"risk": "high"}, arms=["old"]),
            "at 50 PFS events where risk = high in old (if never reached: at the last event)",
        ),
        ({"calendar_months": 30.5}, "at calendar month 30.5"),
        ({"minimum_follow_up_months": 12}, "12 months after the entry of the last patient"),
        (
            {"minimum_follow_up_months": 1, "after_patients": 1100},
            "1 month after the entry of patient 1,100",
        ),
        ({"months_after_previous": 10}, "10 months after the previous analysis"),
        (
            {
                "latest_of": [
                    {"calendar_months": 3},
                    {"earliest_of": [{"calendar_months": k} for k in (4, 5)]},
                ]
            },
            "the latest of (at calendar month 3; the earliest of (at calendar month 4; at calendar "
            "month 5))",
        ),
    ],
)
def test_kinds_of_trigger_in_words(trigger: Table, words: str) -> None:
    looks = {"first": {"trigger": {"calendar_months": 2.0}}, "final": {"trigger": trigger}}
    scenario = feature_scenario(
        "plain",
        2000,
        strata=STRATA,
        analyses=looks,
        hypotheses={"test": hypothesis("new", "old", "first", "final")},
    )
    assert trigger_text(scenario.analyses["final"].trigger) == words
    assert lines_of(scenario, "Analyses")[1] == f"final: {words}"


def test_hypotheses_and_stopping_in_words() -> None:
    looks: Table = {name: {"trigger": events(n)} for name, n in (("a", 20), ("b", 40))}
    one = hypothesis("new", "old", "a", "b", null_hazard_ratio=1.2)
    tests = {
        "x": one | {"label": "Non-inferiority", "critical_values": [2.5, -0.5]},
        "y": hypothesis("new", "old", "b") | {"alpha": 0.025},
    }
    del tests["y"]["critical_values"]
    said = {
        ("all", "x", "y"): "the trial stops once x and y are rejected",
        ("any", "x", "y"): "the trial stops once x or y is rejected",
        ("all", "y"): "the trial stops once y is rejected",
        ("never", "x"): "the trial goes on to its last analysis, whatever is rejected",
    }
    for (rejected, *counted), words in said.items():
        stopping = {"rejected": rejected, "hypotheses": counted}
        scenario = feature_scenario("plain", analyses=looks, hypotheses=tests, stopping=stopping)
        assert lines_of(scenario, "Hypotheses") == [
            "x (Non-inferiority): new against old, log-rank test of hazard ratio 1.2",
            "  rejected at z of at least 2.5000 at a, -0.5000 at b",
            "y: new against old, log-rank test",
            "  rejected at z of at least 1.9600 at b (one-sided alpha 0.025)",
            words,
        ]
    # With one analysis there is nothing to stop.
    assert len(lines_of(feature_scenario("plain"), "Hypotheses")) == 2


# Text


@pytest.mark.parametrize(
    "width",
    [60, pytest.param(80, marks=pytest.mark.slow), pytest.param(140, marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("name", FEATURES)
def test_every_scenario_can_be_printed_at_every_width(name: str, width: int) -> None:
    result = result_of(name, 30)
    for text in (checked(result.scenario, width), printed(result, width)):
        assert "…" not in text
        assert "nan" not in text
        table_lines = [line for line in text.splitlines() if "─" in line]
        assert all(len(line) <= width for line in table_lines)


def cells_after(text: str, label: str) -> list[str]:
    """Figures behind the label of a row, with their errors."""
    (line,) = [line for line in text.splitlines() if line.startswith(label)]
    parts = line.removeprefix(label).split()
    return [
        f"{parts[k]} {parts[k + 1]}" if k + 1 < len(parts) and parts[k + 1][0] == "(" else parts[k]
        for k in range(len(parts))
        if parts[k][0] != "("
    ]


def test_tables_hold_the_figures_look_by_look() -> None:
    result = result_of("poisson with a pause")
    text = printed(result)

    def at(measure: str, analysis: str, digits: int) -> str:
        return with_error(result.estimate(measure, "test", analysis), digits)

    for label, measure, digits in (
        ("first rejected here", "first_rejection_probability", 4),
        ("rejected by now", "cumulative_rejection_probability", 4),
        ("look reached", "reached_probability", 4),
    ):
        assert cells_after(text, label) == [at(measure, look, digits) for look in ("early", "late")]
    looks = ("early", "late", "overall")
    for label, measure in (
        ("calendar month, mean", "look_time_mean"),
        ("  standard deviation", "look_time_sd"),
        ("  median", "look_time_q50"),
        ("events, mean", "events_mean"),
        ("dropouts, mean", "dropouts_mean"),
    ):
        assert cells_after(text, label) == [at(measure, look, 2) for look in looks]
    assert cells_after(text, "hazard ratio, geometric mean") == [
        at("hazard_ratio", look, 4) for look in looks[:2]
    ]
    assert cells_after(text, "  coverage of the 95% interval") == [
        at("coverage_95", look, 4) for look in looks[:2]
    ]
    power = result.power()
    assert f"test: power {power.value:.4f} ({power.mcse:.4f})" in text
    assert "test: new against old, log-rank test; true hazard ratio 0.6" in text
    assert "200 simulated trials, seed 20260101" in text


def test_a_narrow_terminal_gets_the_looks_below_each_other() -> None:
    result = result_of("nested triggers", 50)
    wide, narrow = printed(result, 140), printed(result, 60)
    row = "calendar month, mean"

    def cells(text: str) -> list[list[str]]:
        rows = [line for line in text.splitlines() if line.startswith(row)]
        return [line.removeprefix(row).split() for line in rows]

    (whole,), split = cells(wide), cells(narrow)
    assert len(split) > 1
    assert [cell for part in split for cell in part] == whole
    # Only the part with the looks has rows about them.
    assert sum(line.startswith("look reached") for line in narrow.splitlines()) < len(split)


def test_several_hypotheses_are_rejected_jointly() -> None:
    result = result_of("three arms")
    text = printed(result)
    for several, words in (("any", "at least one"), ("all", "every one")):
        share = result.estimate("rejection_probability", several)
        assert f"{words} of the hypotheses rejected: {with_error(share)}" in text
    assert "of the hypotheses rejected" not in printed(result_of("plain", 20))


def test_binned_quantiles_are_said_to_be() -> None:
    result = result_of("plain", 30)
    assert "quantiles" not in printed(result)
    assert result.statistics is not None
    tallies = tally(result.scenario, result.statistics, quantiles="binned")
    binned = replace(result, tallies=tallies, blocks=[])
    assert "quantiles binned to 1/128 month\n" in printed(binned)


def test_twins_stand_side_by_side() -> None:
    result = result_of("evenly spaced in steps")
    text = printed(result)
    for twin in result.twins:
        if twin.measure == "events_control_mean" and twin.analysis == "whole":
            assert cells_after(text, "  events at whole, old") == [
                f"{twin.estimate:.2f} ({twin.mcse:.3f})",
                f"{twin.twin:.2f}",
                f"{twin.estimate - twin.twin:+.2f}",
                f"{twin.allowed:.2f}",
            ]
    assert "rejected: Schoenfeld's approximation (1981), good to 0.015, stratified 0.03" in text
    assert "patients, events, dropouts at a fixed month: exact" in text
    assert "DIFFERS" not in text


def test_a_flagged_twin_is_hard_to_miss() -> None:
    result = result_of("evenly spaced in steps")
    wrong = tuple(
        twin._replace(flagged=twin.measure == "events_control_mean") for twin in result.twins
    )
    text = printed(replace(result, twins=wrong))
    assert text.count("DIFFERS") == 2
    assert "find out why before using either" in text


def test_without_a_twin_that_is_said() -> None:
    assert "No closed form stands beside these figures." in printed(result_of("nested triggers"))


def test_failures_are_told_each_in_a_line() -> None:
    assert "What did not exist: nothing, in any trial." in printed(result_of("plain"))
    result = result_of("events that never come")
    text = printed(result)
    skipped = result.estimate("look_skipped", "test", "skipped")
    missed = result.estimate("target_not_reached", "test", "all")
    assert "What did not exist:\n" in text
    assert f"  test at skipped: look not held in {with_error(skipped)} of the trials" in text
    words = f"number of events never reached in {with_error(missed)} of the trials"
    assert f"  test at all: {words}" in text
    hardly = printed(result_of("hardly any patients"))
    assert "  across at first: nothing to test in " in hardly
    assert "  across at second: hazard ratio infinite in " in hardly
    assert "hazard ratio not converged" not in hardly


def test_no_single_truth_is_said() -> None:
    text = printed(result_of("stratified", 50))
    assert "within: no single true hazard ratio" in text
    assert "bias of its logarithm" not in text
    assert "true hazard ratio" not in text.split("within: no single")[0]


def ratio_scenario(ratio: float, null: float = 1.0) -> Scenario:
    arms = TWO_ARMS | {"new": {"pfs": relative("old", ratio)}}
    tests = {"test": hypothesis("new", "old", "final", null_hazard_ratio=null)}
    return feature_scenario("plain", arms=arms, hypotheses=tests)


@pytest.mark.parametrize(
    ("ratio", "null", "name"),
    [
        (0.6, 1.0, "power"),
        (1.0, 1.0, "type I error"),
        (1.1, 1.0, "type I error"),
        (1.3, 1.3, "type I error"),
        (1.0, 1.3, "power"),
    ],
)
def test_rejecting_a_true_null_hypothesis_is_a_type_i_error(
    ratio: float, null: float, name: str
) -> None:
    scenario = ratio_scenario(ratio, null)
    assert rejection_name(scenario, "test") == name
    assert f"test: {name} " in printed(run(scenario, trials=20, workers=1))
    assert f"test: {name} " in checked(scenario)


def test_users_words_are_no_markup() -> None:
    scenario = feature_scenario(
        "plain",
        analyses={"final": {"label": "Final [BICR] :warning:", "trigger": events(55)}},
        hypotheses={"test": hypothesis("new", "old", "final") | {"label": "PFS [/bold] [red]"}},
        arms=TWO_ARMS | {"new": TWO_ARMS["new"] | {"label": "[b]New[/b]"}},
    ).model_copy(update={"title": "A [title]", "purpose": "To [/test] :smile:"})
    result = run(scenario, trials=20, workers=1)
    text, words = printed(result), checked(scenario)
    for everywhere in ("A [title]", "Final [BICR] :warning:", "[b]New[/b]"):
        assert everywhere in text
        assert everywhere in words
    assert "PFS [/bold] [red]: power" in text
    assert "To [/test] :smile:" in words


@pytest.mark.parametrize(
    ("estimate", "digits", "text"),
    [
        (Estimate(0.77671, 0.00132, 9), 4, "0.7767 (0.0013)"),
        (Estimate(44.9789, 0.0085, 9), 2, "44.98 (0.009)"),
        (Estimate(88.0, 0.0, 9), 2, "88.00 (0.000)"),
        (Estimate(1.0, math.nan, 1), 4, "1.0000 (none)"),
        (Estimate(math.nan, math.nan, 0), 4, "none"),
    ],
)
def test_estimates_are_written_with_their_errors(
    estimate: Estimate, digits: int, text: str
) -> None:
    assert with_error(estimate, digits) == text


def test_check_shows_what_closed_forms_expect() -> None:
    text = checked(feature_scenario("evenly spaced in steps"))
    assert cells_after(text, "calendar month") == ["8.93", "15.54"]
    assert cells_after(text, "patients ") == ["47.0", "70.0"]
    assert "exact  exact" in text
    assert "test: power 0.1085 by part, 0.3150 by whole (Schoenfeld" in text
    never = checked(feature_scenario("events that never come"))
    assert cells_after(never, "calendar month") == ["never"] * 4
    assert "uncertain: trials may well lack the events" in never
    assert "test: no closed-form power" in never
    # Nothing is foreseen of a look at events that an investigator calls.
    scans = {"schedule": [{"from_week": 0, "every_weeks": 8}], "investigator": {}}
    trigger = {"endpoint": "pfs_investigator", "events": 20, "if_not_reached": "skip"}
    analyses = {"month": {"trigger": {"calendar_months": 8.0}}, "called": {"trigger": trigger}}
    tests = {"test": hypothesis("new", "old", "month", "called")}
    chosen = feature_scenario("plain", assessments=scans, analyses=analyses, hypotheses=tests)
    called = checked(chosen)
    assert cells_after(called, "calendar month") == ["8.00"]
    assert "exact  unknown" in called
    assert "unknown: no closed form says when such events come" in called
    assert "approximate: " not in called
    assert "uncertain: " not in called


# Figures


class Drawn:
    """A figure caught before it is written: its panels, two a hypothesis."""

    def __init__(self, result: Result, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        caught: list[Figure] = []
        monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: caught.append(self))
        draw(result, str(folder / "figure.svg"))
        (self.figure,) = caught

    def panels(self) -> list[Axes]:
        return list(self.figure.axes)


def bar_heights(axes: Axes, color: str) -> float:
    """Total height of the bars of a colour."""
    bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
    return sum(bar.get_height() for bar in bars if to_hex(bar.get_facecolor()) == color)


def vertical_lines(axes: Axes) -> dict[str, float]:
    """Months or ratios of the labelled vertical lines."""
    return {
        str(line.get_label()): float(np.asarray(line.get_xdata())[0])
        for line in axes.lines
        if len(set(np.asarray(line.get_xdata()).tolist())) == 1
    }


def test_the_histogram_counts_trials_by_conclusion(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = result_of("plain", 400)
    left, _ = Drawn(result, monkeypatch, tmp_path).panels()
    power = result.power()
    # The outermost 0.1% are left out.
    rejected, others = 400 * power.value, 400 * (1.0 - power.value)
    assert bar_heights(left, REJECTED_COLOR) == pytest.approx(rejected, abs=2.0)
    assert bar_heights(left, NOT_REJECTED_COLOR) == pytest.approx(others, abs=2.0)
    assert left.get_xscale() == "log"
    assert left.get_xlabel() == "estimated hazard ratio at: final"
    assert left.get_title() == f"test: power {power.value:.3f} (standard error {power.mcse:.4f})"
    lines = vertical_lines(left)
    assert lines["true ratio 0.6"] == pytest.approx(0.6)
    assert lines["null hypothesis"] == 1.0
    ticks = left.get_xticks()
    assert len(ticks) >= 3


def test_the_histogram_shows_each_trial_at_its_last_look(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = result_of("nested triggers", 300)
    left, _ = Drawn(result, monkeypatch, tmp_path).panels()
    assert result.statistics is not None
    decisions = decide(result.scenario, result.statistics)
    ended = np.isfinite(result.statistics.estimate[np.arange(300), decisions.last_look])
    total = bar_heights(left, REJECTED_COLOR) + bar_heights(left, NOT_REJECTED_COLOR)
    assert total == pytest.approx(np.count_nonzero(ended), abs=2.0)
    assert left.get_xlabel() == "estimated hazard ratio at the trial's last look"


def test_each_bar_holds_the_estimates_between_its_edges(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = result_of("plain", 400)
    assert result.statistics is not None
    left, _ = Drawn(result, monkeypatch, tmp_path).panels()
    bars = [bar for bar in left.patches if isinstance(bar, Rectangle)]
    starts = sorted({bar.get_x() for bar in bars})
    assert 50 <= len(starts) <= 60
    ends = [*starts[1:], max(bar.get_x() + bar.get_width() for bar in bars)]
    ratios = np.exp(result.statistics.estimate[:, 0])
    for start, end in zip(starts, ends, strict=True):
        height = sum(bar.get_height() for bar in bars if bar.get_x() == start)
        assert height == np.count_nonzero((ratios >= start) & (ratios < end))


def test_without_an_estimate_z_is_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = result_of("evenly spaced in steps")
    left, _ = Drawn(result, monkeypatch, tmp_path).panels()
    assert left.get_xlabel() == "z at the trial's last look (positive favours the experimental arm)"
    assert left.get_xscale() == "linear"
    assert vertical_lines(left)["critical value"] == 2.0


def test_the_curves_are_expected_events_and_the_bands_look_times(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = result_of("poisson with a pause")
    _, right = Drawn(result, monkeypatch, tmp_path).panels()
    curves = {str(line.get_label()): line for line in right.lines if len(line.get_xdata()) > 2}  # type: ignore[arg-type]
    assert set(curves) == {"new", "old", "both arms"}
    months = np.asarray(curves["both arms"].get_xdata())
    total = np.asarray(curves["both arms"].get_ydata())
    parts = [np.asarray(curves[arm].get_ydata()) for arm in ("new", "old")]
    assert np.allclose(total, parts[0] + parts[1])
    for look in ("early", "late"):
        month = result.estimate("look_time_q50", "test", look).value
        expected = next(
            t.twin
            for t in result.twins
            if t.analysis == look and t.measure == "events_control_mean"
        )
        # A curve of straight lines between 120 months.
        assert np.interp(month, months, parts[1]) == pytest.approx(expected, abs=0.05)
    labels = [text.get_text() for text in right.texts]
    assert labels == ["early\nmonth 7.3", "late\nmonth 11.4"]
    assert right.get_title().startswith("events, and middle 90%")


def test_two_panels_a_hypothesis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn = Drawn(result_of("three arms", 60), monkeypatch, tmp_path)
    titles = [axes.get_title() for axes in drawn.panels()[::2]]
    assert [title.split(":")[0] for title in titles] == ["high", "low", "doses"]
    assert len(drawn.panels()) == 6
    assert drawn.figure.get_suptitle() == "three arms"


@pytest.mark.parametrize("name", ["plain", "stratified", "hardly any patients"])
@pytest.mark.parametrize("trials", [1, 40])
def test_scenarios_can_be_drawn_with_few_trials(name: str, trials: int, tmp_path: Path) -> None:
    draw(result_of(name, trials), str(tmp_path / "figure.svg"))
    assert (tmp_path / "figure.svg").read_text(encoding="utf-8").count("<path") > 10


def test_looks_that_no_trial_has_are_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    never: Table = {"final": {"trigger": events(90, "skip")}}
    result = result_of("plain", 20, analyses=never, arms=FEATURES["events that never come"]["arms"])
    assert result.estimate("look_skipped", "test", "final").value == 1.0
    left, right = Drawn(result, monkeypatch, tmp_path).panels()
    assert [text.get_text() for text in right.texts] == []
    assert right.get_xlim()[1] > 10.0
    assert bar_heights(left, REJECTED_COLOR) + bar_heights(left, NOT_REJECTED_COLOR) == 0.0


def test_narrow_and_wide_ratios_get_round_ticks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    narrow = run(
        feature_scenario("plain", 4000, analyses={"final": {"trigger": events(3500)}}), trials=20
    )
    left, _ = Drawn(narrow, monkeypatch, tmp_path).panels()
    low, high = left.get_xlim()
    shown = [tick for tick in left.get_xticks() if low <= tick <= high]
    assert len(shown) >= 2
    assert [label.get_text() for label in left.get_xticklabels()] == [
        f"{tick:g}" for tick in left.get_xticks()
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("figure.jpg", "must end in .png, .svg or .pdf"),
        ("figure", "must end in .png, .svg or .pdf"),
        ("no/such/figure.png", "must be in a folder that exists"),
    ],
)
def test_a_path_that_cannot_be_drawn_is_refused(path: str, words: str) -> None:
    with pytest.raises(ScenarioError, match=rf"--figure: {words} \(given: {path}\)"):
        check_path(path)
    check_path("figure.PNG")


def test_a_figure_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "figure.png").mkdir()
    with pytest.raises(SimulateError, match=r"cannot write .*figure\.png: "):
        draw(result_of("plain", 10), str(tmp_path / "figure.png"))


# Progress


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_progress_in_a_file_is_a_plain_line_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr(progress_module, "time", clock)
    console, file = console_of()
    with progress_of(50_000, console) as advance:
        for seconds in (2.0, 2.0, 2.0, 1.0, 4.0):
            clock.now += seconds
            advance(1000)
    assert file.getvalue().splitlines() == [
        "3,000 of 50,000 trials, 500 a second, 94 s left",
        "5,000 of 50,000 trials, 455 a second, 99 s left",
    ]
    assert "\x1b" not in file.getvalue()


def test_short_work_prints_no_progress_in_a_file() -> None:
    console, file = console_of()
    with progress_of(10, console) as advance:
        advance(10)
    assert file.getvalue() == ""


def test_progress_on_a_terminal_is_a_bar_that_goes_away() -> None:
    console, file = console_of(terminal=True)
    with progress_of(10, console) as advance:
        advance(4)
        advance(6)
    assert "simulating" in file.getvalue()
    assert "10/10" in file.getvalue()
    # At last the line is erased.
    assert file.getvalue().rstrip().endswith("\x1b[2K")
