"""A picture of a calibration: survival under the fitted model, and the published points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulate.calibration.calibrate import Calibration
from simulate.calibration.figures import Median, Survival, months_of
from simulate.report.pictures import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LATENT_COLOR = "#1f5f8b"
OBSERVED_COLOR = "#c9a227"
POINT = "#b3541e"
NAMES = {"pfs": "progression-free survival", "os": "overall survival"}


def draw_calibration(calibration: Calibration, path: str) -> None:
    """Draw a calibration into a PNG, SVG or PDF file: a panel for PFS, and one for OS.

    Raises
    ------
    SimulateError
        If the file cannot be written.
    """
    endpoints = list(calibration.latent)
    with picture(path, 4.8 * len(endpoints), 3.9) as figure:
        axes = figure.subplots(1, len(endpoints), squeeze=False)
        for endpoint, panel in zip(endpoints, axes[0], strict=True):
            _draw_endpoint(calibration, endpoint, panel)
        figure.suptitle(calibration.evidence.title, fontsize=10)


def _draw_endpoint(calibration: Calibration, endpoint: str, axes: Axes) -> None:
    """Draw the bands of one endpoint and what was published of it."""
    latent = calibration.latent[endpoint]
    axes.fill_between(
        latent.months,
        latent.lower,
        latent.upper,
        color=LATENT_COLOR,
        alpha=0.25,
        linewidth=0,
        label="fitted model, true times (95%)",
    )
    axes.plot(latent.months, latent.median, color=LATENT_COLOR, label="its median")
    observed = calibration.observed.get(endpoint)
    if observed is not None:
        for limit, label in (
            (observed.lower, "replicates' Kaplan-Meier (95%)"),
            (observed.upper, ""),
        ):
            axes.plot(observed.months, limit, "--", color=OBSERVED_COLOR, linewidth=1, label=label)
        axes.plot(
            observed.months,
            observed.median,
            color=OBSERVED_COLOR,
            linewidth=1,
            label="their median",
        )
    last = float(calibration.evidence.follow_up.range_months[1])
    end = float(latent.months[-1])
    axes.axvspan(last, end, color="0.5", alpha=0.12, linewidth=0, label="extrapolated")
    _draw_published(calibration, endpoint, end, axes)
    axes.set_xlim(0, end)
    axes.set_ylim(0, 1)
    axes.set_xlabel("months from the start of treatment")
    axes.set_ylabel(NAMES[endpoint])
    axes.legend(frameon=False, fontsize=7, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_published(calibration: Calibration, endpoint: str, end: float, axes: Axes) -> None:
    """Mark published medians and landmarks, with their intervals."""
    label = "published, as scans show it" if endpoint == "pfs" else "published"
    for figure in calibration.evidence.figures.values():
        if isinstance(figure, Median) and figure.endpoint == endpoint:
            month = months_of(figure.months)
            if figure.interval_months is not None:
                lower, upper = (min(months_of(v), end) for v in figure.interval_months)
                axes.plot([lower, upper], [0.5, 0.5], color=POINT, linewidth=1.5)
                if math.isinf(months_of(figure.interval_months[1])):
                    axes.plot([end], [0.5], ">", color=POINT, clip_on=False, markersize=4)
            if math.isfinite(month):
                axes.plot([month], [0.5], "o", color=POINT, markersize=5, label=label)
                label = ""
        elif isinstance(figure, Survival) and figure.endpoint == endpoint:
            share = figure.percent / 100.0
            if figure.interval_percent is not None:
                limits = [value / 100.0 for value in figure.interval_percent]
                axes.plot([figure.at_months] * 2, limits, color=POINT, linewidth=1.5)
            axes.plot([figure.at_months], [share], "o", color=POINT, markersize=5, label=label)
            label = ""
