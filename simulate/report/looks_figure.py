"""A picture of a result: when its looks take place, and with how many events."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulate.engine.codes import STATUS_LOOK_SKIPPED
from simulate.engine.statistics import Statistics
from simulate.report.contents import counted_name, failure_label, with_error
from simulate.report.figure import LINE, REJECTED_COLOR, bar_edges, check_drawable
from simulate.report.pictures import check_path, picture
from simulate.report.words import analysis_name, arm_name, endpoint_name, trigger_text
from simulate.results.characteristics import LOOK_QUANTILES
from simulate.results.estimates import Estimate, WholeMoments
from simulate.results.quantiles import Bins, FloatArray, Values
from simulate.results.result import Result
from simulate.results.tallies import BIN_MONTHS, Key, fates_of
from simulate.scenario.comparisons import planned_comparisons
from simulate.scenario.models import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OPTION = "--looks"
WIDTH = 9.6
ROW_HEIGHT = 4.1
TITLE_WIDTH = 62
QUANTILES = tuple(probability for probability, _ in LOOK_QUANTILES)
# Months that differ by less are one: what is left of them is rounding.
ROUNDING_MONTHS = 1e-6
# Experimental, control, both: told apart in grey by their dashes.
STYLES = ((REJECTED_COLOR, "-"), (LINE, "--"), ("black", ":"))
FILL = "#c9d3da"
# Heights in the panel: of the uppermost marks, and from mark to mark.
FIRST_MARK = 0.95
NEXT_MARK = 0.06


class _Look(NamedTuple):
    """A look at one endpoint in some arms, the first hypothesis that has it, and its place.

    The place counts what there is of one analysis: its month is that of all.
    """

    analysis: str
    hypothesis: str
    place: int


class _Part(NamedTuple):
    """What is drawn of one quantity: its trials in bins, its mean and its quantiles."""

    label: str
    bins: Bins
    mean: Estimate
    quantiles: Sequence[Estimate]
    digits: tuple[int, int]
    color: str
    dashes: str

    def words(self) -> str:
        """Its mean and quantiles, with their errors."""
        digits, of_quantiles = self.digits
        quantiles = ", ".join(with_error(found, of_quantiles) for found in self.quantiles)
        mean = textwrap.fill(f"{self.label}mean {with_error(self.mean, digits)}", TITLE_WIDTH)
        return f"{mean}\n5, 50, 95%: {quantiles}"


def check(scenario: Scenario, path: str) -> None:
    """Refuse a picture of looks that could not be drawn, before anything is simulated.

    Raises
    ------
    ScenarioError
        If the file cannot be one, or the scenario has no hypotheses.
    """
    check_path(path, OPTION)
    check_drawable(scenario, OPTION)


def draw_looks(result: Result, path: str) -> None:
    """Draw when looks take place, and at how many events, into a PNG, SVG or PDF file.

    Left, a panel a look: histogram of the calendar month. Right, a panel for each endpoint and
    pair of arms tested there: histograms of the numbers of events by arm, and together where that
    number is not fixed. Above each the middle 90%, the median and the mean; beside them what closed
    forms expect. Trials count that have the look, also those that had stopped before it.

    Parameters
    ----------
    result : Result
        Of numbers of events, only the means are told where its trials are not in memory.
    path : str
        The file; equal results give equal files.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """
    looks = _looks(result.scenario)
    with picture(path, WIDTH, 0.6 + ROW_HEIGHT * len(looks)) as figure:
        panels = figure.subplots(len(looks), 2, squeeze=False)
        for look, (left, right) in zip(looks, panels, strict=True):
            if look.place == 0:
                _draw_months(result, look, left)
            else:
                left.set_axis_off()
            _draw_events(result, look, right)
        figure.suptitle(textwrap.fill(result.scenario.title, 100), fontsize=11)
        figure.supxlabel("\n".join(_caption(result)), fontsize=7)


def _caption(result: Result) -> Iterator[str]:
    """How the picture is to be read."""
    yield (
        "marks on top: 5 to 95% of the trials, median (bar), mean (diamond); Monte Carlo standard "
        "errors in brackets; bars leave out the outermost 0.1% of the trials"
    )
    if _may_stop(result.scenario):
        yield "trials that had stopped before a look are in: as if all went on"


def _may_stop(scenario: Scenario) -> bool:
    """Whether trials may stop before one of their looks."""
    return len(scenario.analyses) > 1 and scenario.stopping.rejected != "never"


def _looks(scenario: Scenario) -> list[_Look]:
    """Looks in their order; hypotheses about the same data share one."""
    looks: list[_Look] = []
    for analysis in scenario.analyses:
        found: dict[object, _Look] = {}
        for name, chosen in scenario.hypotheses.items():
            if analysis in chosen.analyses:
                followed = getattr(chosen.test, "minimum_follow_up_months", None)
                data = (chosen.endpoint, chosen.arms.names, followed)
                found.setdefault(data, _Look(analysis, name, len(found)))
        looks += found.values()
    return looks


def _draw_months(result: Result, look: _Look, axes: Axes) -> None:
    """Histogram of the calendar month of a look, beside what a closed form expects."""
    scenario = result.scenario
    title = (
        analysis_name(scenario, look.analysis),
        trigger_text(scenario.analyses[look.analysis].trigger),
        _reached_text(result, look),
    )
    axes.set_title("\n".join(textwrap.fill(line, TITLE_WIDTH) for line in title), fontsize=9)
    name, at = look.hypothesis, look.analysis
    mean, deviation = (result.estimate(f"look_time_{m}", name, at) for m in ("mean", "sd"))
    if mean.n_trials == 0:
        _say("no trial has this look", axes)
        return
    if not deviation.value > ROUNDING_MONTHS:
        _say(f"calendar month {mean.value:.6g} in every trial that has the look", axes)
        return
    quantiles = [result.estimate(f"look_time_{q}", name, at) for _, q in LOOK_QUANTILES]
    bins = _months(result, look)
    _draw_parts([_Part("", bins, mean, quantiles, (2, 2), REJECTED_COLOR, "-")], 0.0, axes)
    expected = [t for t in result.twins if (t.analysis, t.measure) == (at, "look_time_mean")]
    for twin in expected[:1]:
        label = f"closed form: {twin.twin:.2f}{' DIFFERS' * twin.flagged}"
        axes.axvline(twin.twin, color=LINE, linestyle="--", linewidth=1.2, label=label)
    _finish("calendar months since the start of accrual", axes)


def _reached_text(result: Result, look: _Look) -> str:
    """In how many trials a look does not take place, and in which something did not exist."""

    def share(measure: str) -> Estimate:
        return result.estimate(measure, look.hypothesis, look.analysis)

    reached = share("reached_probability")
    missed = with_error(reached._replace(value=1.0 - reached.value))
    if reached.value == 1.0:
        texts = ["reached in all trials"]
    else:
        why = " (stopped before, or not held)" if _may_stop(result.scenario) else ""
        texts = [f"not reached{why} in {missed} of the trials"]
    for measure in ("look_skipped", "target_not_reached"):
        if share(measure).value > 0.0:
            label = failure_label(result.scenario, look.hypothesis, measure)
            texts.append(f"{label}: {with_error(share(measure))}")
    return "; ".join(texts)


def _months(result: Result, look: _Look) -> Bins:
    """Calendar months of a look, in the bins that every kind of tally can be put into."""
    keys = [
        Key(look.hypothesis, look.analysis, "look_time_quantiles", fate)
        for fate in fates_of(result.scenario)
    ]
    if not result.tallies.are_exact:
        return result.tallies.over(Bins, keys)
    return Bins.of(np.concatenate(result.tallies.over(Values, keys).parts), BIN_MONTHS)


def _closed_form(result: Result, look: _Look, measure: str) -> str:
    """Say what a closed form expects of a hypothesis at a look; nothing if there is none."""
    wanted = (look.hypothesis, look.analysis, measure)
    for twin in result.twins:
        if (twin.hypothesis, twin.analysis, twin.measure) == wanted:
            return f"closed form {twin.twin:.1f}{' DIFFERS' * twin.flagged}, "
    return ""


def _draw_events(result: Result, look: _Look, axes: Axes) -> None:
    """Histograms of the numbers of events at a look, by arm and together."""
    scenario = result.scenario
    endpoint = endpoint_name(scenario, scenario.hypotheses[look.hypothesis].endpoint)
    counted = counted_name(scenario, look.hypothesis, "events")
    title = f"{analysis_name(scenario, look.analysis)}: {counted} ({endpoint})"
    axes.set_title(textwrap.fill(title, TITLE_WIDTH), fontsize=9)
    if result.estimate("events_mean", look.hypothesis, look.analysis).n_trials == 0:
        _say("no trial has this look", axes)
        return
    if result.statistics is None:
        _say("\n".join(_means(result, look)), axes)
        return
    fixed, parts = _event_parts(result, look, result.statistics)
    if not parts:
        _say("\n".join(fixed), axes)
        return
    # Whole numbers stand in the middle of their bars.
    _draw_parts(parts, 0.5, axes)
    for text in fixed:
        axes.plot([], [], " ", label=text)
    _finish(f"number of {counted} ({endpoint})", axes)


def _counted(result: Result, look: _Look) -> Iterator[tuple[str, str]]:
    """Names of the arms of a look and of both, each with the quantity that counts its events."""
    arms = result.scenario.hypotheses[look.hypothesis].arms.names
    for arm, quantity in zip(arms, ("events_experimental", "events_control"), strict=False):
        yield arm_name(result.scenario, arm), quantity
    if len(arms) > 1:
        yield "both arms", "events"


def _means(result: Result, look: _Look) -> Iterator[str]:
    """Mean numbers of events, and why their distribution is not drawn."""
    for label, quantity in _counted(result, look):
        mean = result.estimate(f"{quantity}_mean", look.hypothesis, look.analysis)
        yield f"{label}: mean {with_error(mean, 1)}"
    yield ""
    yield textwrap.fill(
        "the distribution is not known, for the trials are not in memory: use --keep rows and at "
        "most 1,000,000 trials or 4,000,000 rows",
        TITLE_WIDTH,
    )


def _event_parts(
    result: Result, look: _Look, statistics: Statistics
) -> tuple[list[str], list[_Part]]:
    """Numbers of events that are the same in every trial, in words, and the others."""
    rows = [(c.hypothesis, c.analysis) for c in planned_comparisons(result.scenario)]
    row = rows.index((look.hypothesis, look.analysis))
    exists = (statistics.status[:, row] & STATUS_LOOK_SKIPPED) == 0
    experimental = statistics.events_experimental[exists, row]
    control = statistics.events_control[exists, row]
    numbers = {"events_experimental": experimental, "events_control": control}
    numbers["events"] = experimental + control
    fixed, parts = [], []
    for (label, quantity), style in zip(_counted(result, look), STYLES, strict=False):
        counts = numbers[quantity]
        if counts.min() == counts.max():
            fixed.append(f"{label}: {counts[0]:,} in every trial")
            continue
        closed = _closed_form(result, look, f"{quantity}_mean")
        mean = WholeMoments.of(counts).mean()
        quantiles = Values.of(counts).quantiles(QUANTILES)
        parts.append(
            _Part(f"{label}: {closed}", Bins.of(counts, 1.0), mean, quantiles, (1, 0), *style)
        )
    return fixed, parts


def _draw_parts(parts: Sequence[_Part], shift: float, axes: Axes) -> None:
    """Histograms over common bars, ``shift`` to the left, each with its marks on top."""
    edges = bar_edges(reduce(Bins.combined, (part.bins for part in parts)))
    heights = [_shares(part.bins, edges) for part in parts]
    for number, (part, shares) in enumerate(zip(parts, heights, strict=True)):
        if len(parts) == 1:
            axes.stairs(shares, edges - shift, fill=True, color=FILL)
        axes.stairs(
            shares,
            edges - shift,
            color=part.color,
            linestyle=part.dashes,
            linewidth=1.3,
            label=part.words(),
        )
        _mark(part, FIRST_MARK - number * NEXT_MARK, axes)
    room = FIRST_MARK - len(parts) * NEXT_MARK
    axes.set_ylim(0.0, max(float(shares.max()) for shares in heights) / room)
    axes.set_ylabel("share of trials with the look")


def _shares(bins: Bins, edges: FloatArray) -> FloatArray:
    """Share of the numbers between neighbouring edges."""
    counts, _ = np.histogram(bins.middles(), edges, weights=bins.counts)
    return np.asarray(counts / bins.n_trials)


def _mark(part: _Part, height: float, axes: Axes) -> None:
    """Mark the middle 90%, the median and the mean at a height of the panel."""
    low, middle, high = (found.value for found in part.quantiles)
    place = axes.get_xaxis_transform()
    axes.plot([low, high], [height] * 2, color=part.color, linestyle=part.dashes, transform=place)
    axes.plot([low, middle, high], [height] * 3, "|", color=part.color, ms=8, transform=place)
    axes.plot(
        part.mean.value, height, "D", color=part.color, markerfacecolor="white", ms=4,
        transform=place,
    )  # fmt: skip


def _say(text: str, axes: Axes) -> None:
    """Words where there is nothing to draw."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8)
    axes.set_axis_off()


def _finish(label: str, axes: Axes) -> None:
    """Name the axis, and put the legend below it."""
    axes.set_xlabel(label)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False, fontsize=8, alignment="left"
    )
    axes.spines[["top", "right"]].set_visible(False)
