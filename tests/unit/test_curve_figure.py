"""What pictures of curves and of searches say of their points."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from twins.scenario_tables import dropping_out, events, exponential, relative
from twins.study_tables import study_tables
from unit.pictures import caught, legend_texts, numbers

import simulate
from simulate.report.curve_figure import draw_curve, draw_size
from simulate.scenario.models import Scenario


@pytest.fixture(name="scenario")
def _scenario() -> Scenario:
    """40 patients, of whom some drop out."""
    dropout = {"dropout": dropping_out(0.03)}
    arms = {
        "new": {"pfs": relative("old", 0.5), **dropout},
        "old": {"pfs": exponential(8.0), **dropout},
    }
    data = study_tables(arms=arms, analyses={"final": {"trigger": events(25)}})
    del data["study"]
    return simulate.scenario_from_dict(data)


def drawn(axes: Axes, label: str) -> Line2D:
    (line,) = [line for line in axes.get_lines() if str(line.get_label()).startswith(label)]
    return line


def test_points_without_their_events_are_crossed(scenario: Scenario, tmp_path: Path) -> None:
    found = simulate.power_curve(
        scenario,
        [10, 15, 25, 30, 40],
        over="events",
        trials=400,
        workers=1,
    )
    shares = [row["target_not_reached"] for row in found.rows]
    short = [row for row in found.rows if row["target_not_reached"] > 0.01]
    assert 1 <= len(short) < len(shares)
    (axes,) = caught(lambda: draw_curve(found, str(tmp_path / "curve.png"))).axes
    crosses = drawn(axes, "without its events")
    assert crosses.get_marker() == "x"
    assert numbers(crosses.get_xdata()) == [row["events"] for row in short]
    assert numbers(crosses.get_ydata()) == [row["power"] for row in short]
    least, most = (f"{row['target_not_reached']:.0%}" for row in (short[0], short[-1]))
    share = least if len(short) == 1 else f"{least} to {most}"
    assert crosses.get_label() == f"without its events in {share} of the trials"
    closed = drawn(axes, "Schoenfeld")
    assert numbers(closed.get_xdata()) == [
        row["events"] for row in found.rows if row["closed_form"] is not None
    ]
    assert max(numbers(closed.get_xdata())) < short[0]["events"]
    assert axes.get_ylabel() == "power"


def test_points_with_their_events_are_not(scenario: Scenario, tmp_path: Path) -> None:
    found = simulate.power_curve(scenario, [5, 10], over="events", trials=200, workers=1)
    (axes,) = caught(lambda: draw_curve(found, str(tmp_path / "curve.png"))).axes
    assert legend_texts(axes) == ["simulated", "Schoenfeld 1981"]


def test_type_i_errors_are_hollow(scenario: Scenario, tmp_path: Path) -> None:
    found = simulate.power_curve(scenario, [0.5, 1.0], over="hazard-ratio", trials=200, workers=1)
    (axes,) = caught(lambda: draw_curve(found, str(tmp_path / "curve.png"))).axes
    hollow = drawn(axes, "type I error")
    assert hollow.get_markerfacecolor() == "white"
    assert numbers(hollow.get_xdata()) == [1.0]
    assert axes.get_ylabel() == "probability of rejection"
    alone = simulate.power_curve(scenario, [1.0], over="hazard-ratio", trials=200, workers=1)
    (axes,) = caught(lambda: draw_curve(alone, str(tmp_path / "curve.png"))).axes
    assert axes.get_ylabel() == "type I error"


def test_a_search_crosses_them_too(scenario: Scenario, tmp_path: Path) -> None:
    found = simulate.size(scenario, 0.99, over="events", low=30, max_trials=10_000, workers=1)
    assert found.curve[-1]["target_not_reached"] > 0.01
    (axes,) = caught(lambda: draw_size(found, str(tmp_path / "size.png"))).axes
    crosses = drawn(axes, "without its events")
    assert numbers(crosses.get_xdata()) == [
        row["events"] for row in found.curve if row["target_not_reached"] > 0.01
    ]
