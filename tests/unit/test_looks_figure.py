"""The picture of looks: months and numbers of events, as they are in the trials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from twins.feature_scenarios import FEATURES, Table, events, feature_scenario, hypothesis
from twins.scenario_tables import of_one_arm
from unit.pictures import caught, legend_texts, numbers, panel_texts

from simulate.api import run
from simulate.engine.statistics import Statistics
from simulate.errors import ScenarioError
from simulate.report.looks_figure import check, draw_looks
from simulate.results.result import Result
from simulate.results.tally import tally

# The bars leave out the outermost 0.1%.
LEFT_OUT = 0.002


def result_of(name: str, trials: int = 600, **tables: Any) -> Result:
    return run(feature_scenario(name, **tables), trials=trials, workers=1)


def drawn(result: Result, folder: Path) -> Figure:
    return caught(lambda: draw_looks(result, str(folder / "looks.png")))


def steps(panel: Axes) -> list[StepPatch]:
    """Outlines of the histograms, in the order of the legend."""
    return [p for p in panel.patches if isinstance(p, StepPatch) and p.get_label()]


def statistics_of(result: Result) -> Statistics:
    assert result.statistics is not None
    return result.statistics


def marks(panel: Axes) -> list[list[float]]:
    """Places of the marks on top, for each histogram: 5, 50 and 95%, then the mean."""
    tops = [line for line in panel.lines if line.get_marker() == "|"]
    means = [line for line in panel.lines if line.get_marker() == "D"]
    assert [line.get_ydata()[0] for line in tops] == [line.get_ydata()[0] for line in means]  # type: ignore[index]
    return [
        numbers(top.get_xdata()) + numbers(mean.get_xdata())
        for top, mean in zip(tops, means, strict=True)
    ]


def test_months_are_those_of_the_trials_beside_the_closed_form(tmp_path: Path) -> None:
    result = result_of("plain", 4000)
    months, _ = drawn(result, tmp_path).axes
    (outline,) = steps(months)
    shares, edges, _ = outline.get_data()
    cutoff = statistics_of(result).cutoff[:, 0]
    for share, low, high in zip(shares, edges[:-1], edges[1:], strict=True):
        assert share == pytest.approx(np.mean((cutoff >= low) & (cutoff < high)))
    assert sum(shares) == pytest.approx(1.0, abs=LEFT_OUT)
    found = [
        result.estimate(f"look_time_{m}", "test", "final") for m in ("q05", "q50", "q95", "mean")
    ]
    assert marks(months) == [[estimate.value for estimate in found]]
    low, middle, high, mean = found
    (twin,) = [t for t in result.twins if t.measure == "look_time_mean"]
    assert legend_texts(months) == [
        f"mean {mean.value:.2f} ({mean.mcse:.3f})\n5, 50, 95%: {low.value:.2f} ({low.mcse:.3f}), "
        f"{middle.value:.2f} ({middle.mcse:.3f}), {high.value:.2f} ({high.mcse:.3f})",
        f"closed form: {twin.twin:.2f}",
    ]
    (line,) = [line for line in months.lines if "closed form" in str(line.get_label())]
    assert numbers(line.get_xdata()) == [twin.twin] * 2
    assert months.get_xlabel() == "calendar months since the start of accrual"
    assert months.get_ylabel() == "share of trials with the look"
    title = months.get_title().splitlines()
    assert (title[0], title[-1]) == ("final", "reached in all trials")


def test_events_are_counted_by_arm_and_together_where_that_is_not_fixed(tmp_path: Path) -> None:
    result = result_of("plain")
    _, panel = drawn(result, tmp_path).axes
    data = statistics_of(result)
    number = data.events_experimental[0, 0] + data.events_control[0, 0]
    assert legend_texts(panel)[2] == f"both arms: {number} in every trial"
    assert len(steps(panel)) == 2
    for outline, counts, text, mark in zip(
        steps(panel),
        (data.events_experimental[:, 0], data.events_control[:, 0]),
        legend_texts(panel),
        marks(panel),
        strict=False,
    ):
        shares, edges, _ = outline.get_data()
        assert set(np.asarray(edges) % 1.0) == {0.5}
        for share, low, high in zip(shares, edges[:-1], edges[1:], strict=True):
            assert share == pytest.approx(np.mean((counts > low) & (counts < high)))
        ordered = np.sort(counts)
        expected = [ordered[29], ordered[299], ordered[569], counts.mean()]
        assert mark == pytest.approx(expected)
        error = counts.std(ddof=1) / np.sqrt(len(counts))
        assert f": mean {counts.mean():.1f} ({error:.3f})\n5, 50, 95%: {ordered[29]} (" in text
    assert panel.get_xlabel() == "number of events (PFS)"


def test_at_a_fixed_month_it_is_told_and_events_stand_beside_expected_ones(tmp_path: Path) -> None:
    result = result_of("plain", analyses={"final": {"trigger": {"calendar_months": 20.0}}})
    months, panel = drawn(result, tmp_path).axes
    assert panel_texts(months) == ["calendar month 20 in every trial that has the look"]
    assert not steps(months)
    twins = {t.measure: t for t in result.twins}
    for text, part in zip(legend_texts(panel), ("experimental", "control"), strict=False):
        assert f": closed form {twins[f'events_{part}_mean'].twin:.1f}, mean" in text
    assert legend_texts(panel)[2].startswith("both arms: mean")
    total = statistics_of(result).events_experimental + statistics_of(result).events_control
    assert marks(panel)[2][3] == pytest.approx(total.mean())


def test_of_summaries_months_are_drawn_and_of_events_means_are_told(tmp_path: Path) -> None:
    result = result_of("nested triggers")
    tallies = tally(result.scenario, statistics_of(result), quantiles="binned")
    binned = replace(result, tallies=tallies, blocks=[])
    exact = drawn(result, tmp_path).axes
    kept = drawn(binned, tmp_path).axes
    for one, other in zip(exact[::2], kept[::2], strict=True):
        for first, second in zip(steps(one), steps(other), strict=True):
            assert [numbers(part) for part in first.get_data()[:2]] == [
                numbers(part) for part in second.get_data()[:2]
            ]
    (text,) = panel_texts(kept[1])
    look = next(iter(result.scenario.hypotheses["test"].analyses))
    mean = result.estimate("events_experimental_mean", "test", look)
    assert f"mean {mean.value:.1f} ({mean.mcse:.3f})" in text.splitlines()[0]
    assert "use --keep rows and" in text
    assert not steps(kept[1])


def test_looks_that_are_not_held_or_not_reached_are_told(tmp_path: Path) -> None:
    rare = {key: FEATURES["events that never come"][key] for key in ("arms", "follow_up")}
    some: Table = {"final": {"trigger": events(30, "skip")}}
    result = result_of("plain", analyses=some, **rare)
    skipped = result.estimate("look_skipped", "test", "final")
    assert 0.1 < skipped.value < 0.9
    months, panel = drawn(result, tmp_path).axes
    share = f"{skipped.value:.4f} ({skipped.mcse:.4f})"
    told = " ".join(months.get_title().splitlines()[2:])
    assert told.startswith(f"not reached in {share} of the trials; look not held: {share}")
    shares, _, _ = steps(panel)[0].get_data()
    assert sum(shares) == pytest.approx(1.0, abs=2.0 / 600 / (1.0 - skipped.value))
    assert marks(panel)[0][3] == result.estimate("events_experimental_mean", "test", "final").value
    never: Table = {"final": {"trigger": events(90, "skip")}}
    none = result_of("plain", 50, analyses=never, **rare)
    months, panel = drawn(none, tmp_path).axes
    assert panel_texts(months) == panel_texts(panel) == ["no trial has this look"]


def test_months_of_a_look_are_drawn_once_and_equal_data_share_a_panel(tmp_path: Path) -> None:
    two: Table = {
        "analyses": {"early": {"trigger": events(30)}, "late": {"trigger": events(60)}},
        "hypotheses": {
            "one": hypothesis("new", "old", "early", "late"),
            "same": hypothesis("new", "old", "late"),
            "single": of_one_arm("new", "late", kind="landmark_survival", at_months=6.0,
                                 null_survival=0.5),
        },
    }  # fmt: skip
    result = result_of("plain", 200, **two, stopping={"rejected": "any"})
    figure = drawn(result, tmp_path)
    assert len(figure.axes) == 6
    shown = [panel.get_title().splitlines()[:1] for panel in figure.axes]
    assert shown == [
        ["early"], ["early: events (PFS)"], ["late"], ["late: events (PFS)"], [],
        ["late: events (PFS)"],
    ]  # fmt: skip
    assert len(steps(figure.axes[5])) == 1
    for place, look in ((0, "early"), (2, "late")):
        months = {
            t.twin for t in result.twins if (t.analysis, t.measure) == (look, "look_time_mean")
        }
        (month,) = months
        assert legend_texts(figure.axes[place])[1] == f"closed form: {month:.2f}"
    reached = result.estimate("reached_probability", "one", "late")
    told = " ".join(figure.axes[2].get_title().splitlines()[1:])
    assert 0.1 < reached.value < 0.9
    share = f"{1.0 - reached.value:.4f} ({reached.mcse:.4f})"
    assert f"not reached (stopped before, or not held) in {share} of the trials" in told
    assert "trials that had stopped before a look are in" in figure.get_supxlabel()
    going_on = drawn(result_of("plain", 50, **two, stopping={"rejected": "never"}), tmp_path)
    assert going_on.axes[2].get_title().endswith("reached in all trials")
    assert "stopped" not in going_on.get_supxlabel()


def test_what_cannot_be_drawn_is_refused_before(tmp_path: Path) -> None:
    scenario = feature_scenario("plain")
    check(scenario, str(tmp_path / "looks.pdf"))
    with pytest.raises(ScenarioError, match=r"--looks: must end in \.png, \.svg or \.pdf"):
        check(scenario, str(tmp_path / "looks.jpg"))
    without = scenario.model_copy(update={"hypotheses": {}})
    with pytest.raises(ScenarioError, match="--looks: needs a scenario with hypotheses"):
        check(without, str(tmp_path / "looks.png"))
