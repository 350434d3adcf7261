"""Pictures of a search for a size and of a curve of power."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulate.report.contents import rejection_name
from simulate.report.pictures import picture
from simulate.report.size import rejection_names
from simulate.report.words import hypothesis_name
from simulate.results.estimates import CONFIDENCE_Z, Estimate
from simulate.studies.closed import closed_power
from simulate.studies.curve import Curve, Point, is_null
from simulate.studies.in_words import value_text
from simulate.studies.levers import Lever
from simulate.studies.size import Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOR = "#08306b"
ANSWER = "#b3541e"
N_LINE = 100
# Points of fewer trials than this share of the most are drawn lightly.
FEW = 0.2
LIGHT = 0.35
# Points are crossed where more than this share of the trials lack the events of the look; a closed
# form stands where it is less.
OFTEN = 0.01


def draw_curve(found: Curve, path: str) -> None:
    """Draw power over the varied figure, with its pointwise 95% Monte Carlo band.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """

    def draw(axes: Axes) -> None:
        powers = found.powers
        x = [point.value for point in found.points]
        y, half = _bands(powers)
        axes.plot(x, y, "o-", color=COLOR, linewidth=1.4, markersize=4, label="simulated")
        _draw_marks(found.lever, found.points, y, axes)
        axes.fill_between(x, y - half, y + half, color=COLOR, alpha=0.22, linewidth=0)
        _draw_closed(found.lever, x, axes)
        axes.set_ylim(0.0, 1.02)

    called = set(rejection_names(found.lever, [point.value for point in found.points]))
    name = called.pop() if len(called) == 1 else "probability of rejection"
    how = "every value a look at the same trials" if found.is_nested else "a run a value, one seed"
    _save(found.lever, draw, name, f"band: pointwise 95% Monte Carlo intervals; {how}", path)


def draw_size(found: Size, path: str) -> None:
    """Draw the points of a search with 95% intervals, the fitted line and the answer's interval.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """

    def draw(axes: Axes) -> None:
        lever, points = found.lever, _near(found)
        y, half = _bands([point.power for point in points])
        most = max(point.power.n_trials for point in points)
        for point, power, error in zip(points, y, half, strict=True):
            alpha = 1.0 if point.power.n_trials >= FEW * most else LIGHT
            axes.errorbar(
                point.value, power, yerr=error, fmt="o", color=COLOR, alpha=alpha, markersize=4
            )
        _draw_marks(lever, points, y, axes)
        axes.plot([], [], "o", color=COLOR, label="simulated, with 95% intervals")
        if any(point.power.n_trials < FEW * most for point in points):
            axes.plot([], [], "o", color=COLOR, alpha=LIGHT, label="of far fewer trials")
        x = np.linspace(points[0].value, points[-1].value, N_LINE)
        x = x[x > 0.0]
        _draw_line(found, x, axes)
        _draw_closed(lever, sorted({*np.round(x)} if lever.is_whole else x), axes)
        axes.axhline(found.goal.power, color="black", linestyle=":", linewidth=1)
        _draw_answer(found, axes)

    name = rejection_name(found.lever.scenario, found.lever.hypothesis)
    _save(found.lever, draw, name, f"{found.n_trials:,} trials, of each value its own", path)


def _near(found: Size) -> list[Point]:
    """Points that say something about the answer; all of them where there is none."""
    if found.value is None or len(found.points) < 4:
        return list(found.points)
    most = max(point.power.n_trials for point in found.points)
    much = [p.value for p in found.points if p.power.n_trials >= FEW * most]
    margin = max(much) - min(much)
    return [p for p in found.points if min(much) - margin <= p.value <= max(much) + margin]


def _bands(powers: Sequence[Estimate]) -> tuple[np.ndarray, np.ndarray]:
    """Powers, and half-widths of their 95% Monte Carlo intervals."""
    values = np.array([power.value for power in powers])
    return values, CONFIDENCE_Z * np.array([power.mcse for power in powers])


def _draw_marks(lever: Lever, points: Sequence[Point], y: np.ndarray, axes: Axes) -> None:
    """Mark points that are type I errors, and those whose look often lacks its events."""
    null = [(p.value, v) for p, v in zip(points, y, strict=True) if is_null(lever, p.value)]
    if null:
        axes.plot(
            *zip(*null, strict=True),
            "o",
            color=COLOR,
            markerfacecolor="white",
            markersize=5,
            zorder=3,
            label="type I error",
        )
    shares = [point.counts.short.estimate().value for point in points]
    short = [(p.value, v) for p, v, s in zip(points, y, shares, strict=True) if s > OFTEN]
    if short:
        often = [f"{share:.0%}" for share in sorted(shares) if share > OFTEN]
        share = " to ".join(dict.fromkeys((often[0], often[-1])))
        label = f"without its events in {share} of the trials"
        axes.plot(*zip(*short, strict=True), "x", color=ANSWER, markersize=7, zorder=4, label=label)


def _draw_line(found: Size, x: np.ndarray, axes: Axes) -> None:
    """The probit line, where there is one that the answer rests on."""
    from scipy.special import ndtr  # noqa: PLC0415 - slow to import

    line, scale = found.found.line, found.found.scale
    if line is None or scale is None or found.found.is_uneven or found.found.levels_off:
        return
    y = [float(ndtr(line.probit(scale.of(found.lever.coordinate(value))))) for value in x]
    axes.plot(x, y, "-", color=COLOR, linewidth=1.2, label="fitted probit line")


def _draw_closed(lever: Lever, x: Sequence[float], axes: Axes) -> None:
    """The closed form, where there is one."""
    known = [(value, closed_power(lever, value)) for value in x]
    drawn = [(value, form.value) for value, form in known if form is not None]
    methods = {form.method for _, form in known if form is not None}
    if drawn:
        axes.plot(*zip(*drawn, strict=True), "k--", linewidth=0.9, label=", ".join(sorted(methods)))


def _draw_answer(found: Size, axes: Axes) -> None:
    """The answer, and its interval as a bar at the height of the power."""
    if found.value is None:
        return
    low, high = found.interval
    ends = (found.goal.low if low is None else low, found.goal.high if high is None else high)
    label = f"{value_text(found.lever, found.value)}, 95% interval"
    axes.plot(ends, [found.goal.power] * 2, "-", color=ANSWER, linewidth=4, alpha=0.6)
    axes.plot([found.value], [found.goal.power], "D", color=ANSWER, markersize=6, label=label)


def _save(lever: Lever, draw: Callable[[Axes], None], name: str, note: str, path: str) -> None:
    """Draw into a file."""
    with picture(path, 6.8, 4.4) as figure:
        axes = figure.subplots()
        draw(axes)
        unit = f" ({lever.unit})" if lever.unit not in {"", lever.label} else ""
        axes.set_xlabel(f"{lever.label}{unit}\n{lever.paths[0]}")
        axes.set_ylabel(name)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=8)
        axes.set_title(hypothesis_name(lever.scenario, lever.hypothesis), fontsize=9)
        figure.suptitle(_title(lever), fontsize=10)
        figure.supxlabel(note, fontsize=7, ha="center")


def _title(lever: Lever) -> str:
    """Title of the scenario, in lines that fit."""
    return textwrap.fill(lever.scenario.title, 88)
