"""A picture of one simulated trial: Kaplan-Meier curves with the numbers at risk."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from simulate.errors import Problem, ScenarioError
from simulate.report.pictures import picture
from simulate.report.replay import is_ratio, median_text
from simulate.report.words import analysis_name, arm_name, hypothesis_name
from simulate.results.kaplan_meier import FloatArray, KaplanMeier, n_at_risk
from simulate.results.replayed import Cut, Look, ReplayedTrial
from simulate.scenario.endpoints import OF_PATIENTS, OS, PFS, PFS_INVESTIGATOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Experimental, control: told apart by the dashes where there is no colour.
ENDPOINTS = {
    PFS: "progression-free survival",
    OS: "overall survival",
    PFS_INVESTIGATOR: "investigator-assessed progression-free survival",
}
STYLES = (("#1f5f8b", "-"), ("#b3541e", "--"))
# Characters that fit beside each other at the sizes below.
TITLE_WIDTH = 100
LEGEND_WIDTH = 60
# Points below the axis: of the first line of the numbers at risk, and from line to line.
FIRST_LINE = -36
LINE_HEIGHT = 13


class _Group(NamedTuple):
    """An arm as it is drawn."""

    label: str
    months: FloatArray
    curve: KaplanMeier
    censored_months: FloatArray


def draw(trial: ReplayedTrial, cut: Cut, path: str) -> None:
    """Draw the survival curves of a trial into a PNG, SVG or PDF file.

    A panel for each hypothesis tested at the analysis, with the arms it compares: Kaplan-Meier
    estimates, a tick for each censoring, medians, and under the axis the numbers at risk just
    before its months.

    Parameters
    ----------
    trial : ReplayedTrial
        The trial.
    cut : Cut
        Its patients at one of its analyses.
    path : str
        The file; equal trials give equal files.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """
    looks = [
        look
        for look in trial.looks
        if look.analysis == cut.analysis and _is_drawn(trial, look.hypothesis)
    ]
    if not looks:
        rule = "needs an analysis with a hypothesis about a time to an event"
        raise ScenarioError([Problem("", rule, cut.analysis, where="--figure")])
    with picture(path, 8.0, 5.4 * len(looks)) as figure:
        figure.set_layout_engine("constrained", h_pad=0.1)
        panels = figure.subplots(len(looks), 1, squeeze=False)[:, 0]
        for look, axes in zip(looks, panels, strict=True):
            endpoint = trial.scenario.hypotheses[look.hypothesis].endpoint
            _draw_panel(trial, trial.cut(cut.analysis, endpoint), look, axes)
        figure.suptitle(_title(trial, cut), fontsize=11)


def _is_drawn(trial: ReplayedTrial, name: str) -> bool:
    """Whether it is a hypothesis about a time to an event."""
    hypotheses = trial.scenario.hypotheses
    return name in hypotheses and hypotheses[name].endpoint in OF_PATIENTS


def _title(trial: ReplayedTrial, cut: Cut) -> str:
    """Which trial, and when it was cut."""
    at = analysis_name(trial.scenario, cut.analysis)
    return (
        f"{textwrap.fill(trial.scenario.title, TITLE_WIDTH)}\n"
        f"Trial {trial.trial:,} of seed {trial.scenario.simulation.seed}, at: {at} "
        f"(calendar month {cut.cutoff:.1f})"
    )


def _test_text(trial: ReplayedTrial, look: Look) -> str:
    """Hazard ratio, z and the conclusion of one look."""
    ratio, low, high = look.hazard_ratio
    parts = []
    if is_ratio(trial, look) and not np.isnan(ratio):
        parts.append(f"hazard ratio {ratio:.3f} (95% limits {low:.3f} to {high:.3f})")
    parts.append("nothing to test" if np.isnan(look.z) else f"z {look.z:.2f}")
    return f"{', '.join(parts)}: {look.verdict}"


def _group(trial: ReplayedTrial, cut: Cut, arm: str) -> _Group:
    """Curve and censorings of an arm."""
    number = list(trial.scenario.arms).index(arm)
    here = cut.arm == number
    return _Group(
        arm_name(trial.scenario, arm),
        cut.months[here],
        cut.curve(number),
        cut.months[here & ~cut.is_event],
    )


def _draw_panel(trial: ReplayedTrial, cut: Cut, look: Look, axes: Axes) -> None:
    """Curves of the arms that one hypothesis compares."""
    arms = trial.scenario.hypotheses[look.hypothesis].arms
    groups = [_group(trial, cut, arm) for arm in arms.names]
    longest = max((float(group.months.max()) for group in groups if len(group.months)), default=0.0)
    for group, (color, style) in zip(groups, STYLES, strict=False):
        _draw_curve(group, color, style, axes)
    last = longest or 1.0  # nobody followed at all
    axes.set_xlim(-0.01 * last, 1.02 * last)
    axes.set_ylim(0.0, 1.03)
    axes.set_xticks(_ticks(last))
    axes.set_xlabel("months from randomisation")
    axes.set_ylabel(ENDPOINTS[cut.endpoint])
    name = textwrap.fill(hypothesis_name(trial.scenario, look.hypothesis), TITLE_WIDTH)
    axes.set_title(f"{name}\n{_test_text(trial, look)}", fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="best")
    axes.spines[["top", "right"]].set_visible(False)
    _write_at_risk(groups, axes)


def _ticks(last: float) -> list[float]:
    """Round months from 0 to ``last``: whole or half years, or parts of them if it is early."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    unit, steps = (12.0, [1, 2, 5, 10]) if last > 27.0 else (1.0, [1, 2, 3, 5, 10])
    ticks = unit * np.asarray(MaxNLocator(9, steps=steps).tick_values(0.0, last / unit))
    return [float(tick) for tick in ticks if 0.0 <= tick <= last]


def _draw_curve(group: _Group, color: str, style: str, axes: Axes) -> None:
    """Draw one arm's steps to the end of its follow-up, and its censorings."""
    n_events = int(group.curve.events.sum())
    label = textwrap.fill(group.label, LEGEND_WIDTH)
    median = median_text(group.curve.median_months)
    label += f"\nmedian {median}; {n_events:,} events in {len(group.months):,} patients"
    end = group.months.max(initial=0.0)
    months = np.concatenate(([0.0], group.curve.months, [end]))
    survival = group.curve.survival_at(months)
    axes.plot(months, survival, style, color=color, drawstyle="steps-post", label=label)
    at_censorings = group.curve.survival_at(group.censored_months)
    axes.plot(group.censored_months, at_censorings, "|", color=color, markersize=6)


def _write_at_risk(groups: list[_Group], axes: Axes) -> None:
    """Write the numbers at risk under the axis, each arm's under its name."""
    ticks = np.asarray(axes.get_xticks())
    points = FIRST_LINE
    _write_below(axes, 0.0, points, "number at risk", "black", "left")
    for group, (color, _) in zip(groups, STYLES, strict=False):
        points -= LINE_HEIGHT
        label = textwrap.shorten(group.label, TITLE_WIDTH, placeholder=" …")
        _write_below(axes, 0.0, points, label, color, "left")
        points -= LINE_HEIGHT
        for tick, count in zip(ticks, n_at_risk(group.months, ticks), strict=True):
            _write_below(axes, float(tick), points, f"{count:,}", "black", "center")


def _write_below(
    axes: Axes, month: float, points: int, text: str, color: str, side: Literal["left", "center"]
) -> None:
    """Write a text at a month, some points below the axis."""
    axes.annotate(
        text,
        (month, 0.0),
        (0, points),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha=side,
        va="top",
        fontsize=8,
        color=color,
    )
