"""A picture of a result: what each trial would have concluded, and when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from simulate.design.expected import expected_counts
from simulate.errors import Problem, ScenarioError
from simulate.report.contents import EFFECTS, rejection_name
from simulate.report.pictures import picture
from simulate.report.power_figure import draw_powers
from simulate.report.words import (
    analysis_name,
    arm_name,
    endpoint_name,
    events_name,
    hypothesis_name,
)
from simulate.results.characteristics import OVERALL
from simulate.results.closed_forms import maximum_follow_up, trial_accrual, trial_groups
from simulate.results.measured import measured_effect
from simulate.results.quantiles import Bins, FloatArray
from simulate.results.result import Result
from simulate.results.tallies import NOT_REJECTED, REJECTED, Key
from simulate.scenario.comparisons import constant_log_hazard_ratio, critical_values
from simulate.scenario.effects import arm_rate, null_value
from simulate.scenario.endpoints import OBSERVED, OF_PATIENTS, READINGS
from simulate.scenario.hypotheses import Hypothesis
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import has_states, n_members

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REJECTED_COLOR = "#1f5f8b"
NOT_REJECTED_COLOR = "#c9d3da"
LINE = "#b3541e"
RATIO_TICKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
N_BINS = 60
N_CURVE = 120


def check_drawable(scenario: Scenario, option: str = "--figure") -> None:
    """Refuse a scenario of which there is nothing to draw, before anything is simulated.

    Raises
    ------
    ScenarioError
        If it has no hypotheses.
    """
    if not scenario.hypotheses:
        rule = "needs a scenario with hypotheses: a panel is drawn of each"
        raise ScenarioError([Problem("", rule, where=option)])


def draw(result: Result, path: str) -> None:
    """Draw a result into a PNG, SVG or PDF file: one row of panels a hypothesis.

    Left: the estimated hazard ratios (z where none was estimated) at each trial's last look, by
    whether it rejected the hypothesis. Right: expected events over calendar time, with the middle
    90% of the simulated months of each look; with many truths, the power given each instead.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """
    names = list(result.scenario.hypotheses)
    with picture(path, 9.6, 3.9 * len(names)) as figure:
        axes = figure.subplots(len(names), 2, squeeze=False)
        for row, name in zip(axes, names, strict=True):
            _draw_estimates(result, name, row[0])
            if n_members(result.scenario) > 1:
                draw_powers(result, name, row[1])
            else:
                _draw_events(result, name, row[1])
        figure.suptitle(result.scenario.title, fontsize=11)


def _draw_estimates(result: Result, hypothesis: str, axes: Axes) -> None:
    """Histogram of the estimates with which the trials ended, by their conclusion."""
    scenario = result.scenario
    chosen = scenario.hypotheses[hypothesis]
    effect = chosen.test.effect
    has_ratio = effect == "log_hazard_ratio"
    ended = [
        result.tallies.over(Bins, [Key(hypothesis, OVERALL, "estimate", condition)])
        for condition in (REJECTED, NOT_REJECTED)
    ]
    edges = bar_edges(ended[0].combined(ended[1]))
    shown = np.exp if has_ratio else np.asarray
    axes.hist(
        [shown(part.middles()) for part in ended],
        bins=list(shown(edges)),
        weights=[part.counts for part in ended],
        stacked=True,
        color=[REJECTED_COLOR, NOT_REJECTED_COLOR],
        edgecolor="white",
        linewidth=0.3,
        label=["rejected", "not rejected"],
    )
    looks = scenario.hypotheses[hypothesis].analyses
    look = analysis_name(scenario, looks[0])
    when = f"at: {look}" if len(looks) == 1 else "at the trial's last look"
    if has_ratio:
        axes.set_xscale("log")
        ticks = _ratio_ticks(edges)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel(f"estimated hazard ratio {when}")
        log_hr = constant_log_hazard_ratio(scenario, hypothesis)
        if log_hr is not None:
            axes.axvline(np.exp(log_hr), color=LINE, label=f"true ratio {np.exp(log_hr):.3g}")
        _mark_null(null_value(chosen), axes)
    elif effect != "none":
        axes.set_xlabel(f"estimated {EFFECTS[effect][0]} {when}")
        truth = measured_effect(scenario, hypothesis).truth
        if truth is not None:
            axes.axvline(truth, color=LINE, label=f"true value {truth:.3g}")
        _mark_null(null_value(chosen), axes)
    else:
        axes.set_xlabel(f"z {when} (positive favours the experimental arm)")
        limits = set(critical_values(scenario, hypothesis).values())
        if len(limits) == 1:
            axes.axvline(limits.pop(), color=LINE, label="critical value")
    power = result.power(hypothesis)
    axes.set_ylabel("simulated trials")
    axes.set_title(
        f"{hypothesis_name(scenario, hypothesis)}: {rejection_name(scenario, hypothesis)} "
        f"{power.value:.3f} (standard error {power.mcse:.4f})",
        fontsize=9,
    )
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _mark_null(value: float, axes: Axes) -> None:
    """Mark the value under the null hypothesis."""
    axes.axvline(value, color="black", linestyle=":", linewidth=1, label="null hypothesis")


def bar_edges(estimates: Bins) -> FloatArray:
    """Edges of up to `N_BINS` bars over all but the outermost 0.1% of the estimates.

    Bars are a whole number of bins wide, so that each bin is in one bar.
    """
    if estimates.n_trials == 0:
        return np.linspace(-1.0, 1.0, N_BINS + 1)
    up_to = np.cumsum(estimates.counts) / estimates.n_trials
    low, high = estimates.bins[np.searchsorted(up_to, [0.0005, 0.9995])]
    in_a_bar = -(-(high - low + 1) // N_BINS)
    n_bars = -(-(high - low + 1) // in_a_bar)
    return np.asarray((low + in_a_bar * np.arange(n_bars + 1)) * estimates.width)


def _ratio_ticks(edges: FloatArray) -> list[float]:
    """Round hazard ratios for an axis of log hazard ratios."""
    low, high = np.exp(edges[0]), np.exp(edges[-1])
    ticks = [tick for tick in RATIO_TICKS if low <= tick <= high]
    if len(ticks) >= 3:
        return ticks
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    return [float(tick) for tick in MaxNLocator(5).tick_values(low, high) if tick > 0.0]


def _draw_events(result: Result, hypothesis: str, axes: Axes) -> None:
    """Expected events over calendar time, and when the looks took place."""
    scenario = result.scenario
    chosen = scenario.hypotheses[hypothesis]
    months = _months(result, hypothesis)
    if chosen.endpoint not in OF_PATIENTS:
        _draw_responders(result, hypothesis, axes)
        return
    has_no_form = has_states(scenario) or chosen.endpoint in READINGS
    if has_no_form:
        _draw_mean_events(result, hypothesis, axes)
    else:
        _draw_expected_events(scenario, chosen, months, axes)
    for number, analysis in enumerate(chosen.analyses):
        low, middle, high = (
            result.estimate(f"look_time_{q}", hypothesis, analysis).value
            for q in ("q05", "q50", "q95")
        )
        if math.isnan(middle):
            continue  # a look that no trial had
        axes.axvspan(low, high, color=REJECTED_COLOR, alpha=0.25, linewidth=0)
        axes.axvline(middle, color=REJECTED_COLOR, linewidth=1)
        when = f"{low:.0f} to {high:.0f}" if high - low > 0.5 else f"month {middle:.4g}"
        axes.annotate(
            f"{analysis_name(scenario, analysis)}\n{when}",
            # Looks may be close: their names stand at two heights.
            (middle, 0.02 + 0.1 * (number % 2)),
            xycoords=("data", "axes fraction"),
            ha="center",
            fontsize=8,
        )
    axes.set_xlim(0, months[-1])
    axes.set_ylim(0, 1.1 * axes.get_ylim()[1] if has_no_form else None)
    axes.set_xlabel("calendar months since the start of accrual")
    kind = "mean" if has_no_form else "expected"
    axes.set_ylabel(f"{kind} {events_name(chosen.endpoint)}")
    axes.set_title("events, and middle 90% of the simulated look times", fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_expected_events(
    scenario: Scenario, chosen: Hypothesis, months: FloatArray, axes: Axes
) -> None:
    """Expected events over calendar time, by arm and together."""
    groups = trial_groups(scenario, endpoint=chosen.endpoint)
    limit = maximum_follow_up(scenario)
    counts = expected_counts(groups, trial_accrual(scenario), months, limit).events
    arms = chosen.arms.names
    total = np.zeros(len(months))
    for arm, style in zip(arms, ("--", ":"), strict=False):
        in_arm = counts[[group.arm == arm for group in groups]].sum(axis=0)
        total += in_arm
        axes.plot(months, in_arm, style, color="black", label=arm_name(scenario, arm))
    if len(arms) > 1:
        axes.plot(months, total, color="black", label="both arms")


def _draw_mean_events(result: Result, hypothesis: str, axes: Axes) -> None:
    """Mean events at the looks, by arm: where there are no closed forms."""
    scenario = result.scenario
    chosen = scenario.hypotheses[hypothesis]
    for arm, part, marker in zip(
        chosen.arms.names, ("experimental", "control"), ("o", "s"), strict=False
    ):
        points = [
            (
                result.estimate("look_time_q50", hypothesis, look).value,
                result.estimate(f"events_{part}_mean", hypothesis, look).value,
            )
            for look in chosen.analyses
        ]
        held = [(month, events) for month, events in points if not math.isnan(month)]
        name = f"{arm_name(scenario, arm)}, mean"
        axes.plot([m for m, _ in held], [n for _, n in held], marker, color="black", label=name)


def _draw_responders(result: Result, hypothesis: str, axes: Axes) -> None:
    """Mean rates of a binary endpoint at each look, by arm, beside the eventual ones."""
    scenario = result.scenario
    chosen = scenario.hypotheses[hypothesis]
    looks = chosen.analyses
    for arm, part, color in zip(
        chosen.arms.names, ("experimental", "control"), (REJECTED_COLOR, "black"), strict=False
    ):
        responders, patients = (
            np.array([result.estimate(f"{c}_{part}_mean", hypothesis, k).value for k in looks])
            for c in ("events", "patients")
        )
        name = arm_name(scenario, arm)
        rates = responders / np.maximum(patients, 1e-300)
        axes.plot(range(len(looks)), rates, "o", color=color, label=f"{name}, by the look")
        if _has_rate(scenario, chosen.endpoint):
            eventual = arm_rate(scenario, chosen.endpoint, arm)
            axes.axhline(eventual, color=color, linestyle=":", label=f"{name}, eventually")
    axes.set_xticks(range(len(looks)), [analysis_name(scenario, look) for look in looks])
    axes.set_xlim(-0.5, len(looks) - 0.5)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel(f"{endpoint_name(scenario, chosen.endpoint)}, share of the patients")
    beside = "" if chosen.endpoint in OBSERVED else ", and the eventual ones"
    axes.set_title(f"mean rates at the looks{beside}", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _has_rate(scenario: Scenario, endpoint: str) -> bool:
    """Whether an eventual rate is among the assumptions."""
    is_stated = not has_states(scenario) or endpoint in scenario.binary_endpoints
    return is_stated and endpoint not in OBSERVED


def _months(result: Result, hypothesis: str) -> FloatArray:
    """Calendar months from 0 to a little beyond the last look."""
    latest = [
        result.estimate("look_time_q95", hypothesis, analysis).value
        for analysis in result.scenario.hypotheses[hypothesis].analyses
    ]
    held = [month for month in latest if not math.isnan(month)]
    accrued = trial_accrual(result.scenario).last_entry_month()
    return np.linspace(0.0, 1.1 * max(held, default=accrued), N_CURVE)
