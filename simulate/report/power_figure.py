"""A picture of the power given each truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulate.report.words import hypothesis_name
from simulate.results.characteristics import power_given_truth
from simulate.results.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOR = "#1f5f8b"
MEAN_COLOR = "#b3541e"
# At which many a trial is planned.
USUAL_POWER = 0.8


def draw_powers(result: Result, hypothesis: str, axes: Axes) -> None:
    """Share of the truths by the power given each, corrected for noise, with its mean."""
    found = power_given_truth(result.scenario, result.tallies, hypothesis)
    mean = found.estimate
    if found.given_truth is None:
        axes.set_title("too few trials to tell truths apart", fontsize=9)
        axes.set_axis_off()
        return
    powers, upto = found.given_truth.curve()
    axes.plot(powers, upto, color=COLOR)
    axes.axvline(mean.value, color=MEAN_COLOR, label=f"mean, the assurance, {mean.value:.3f}")
    axes.axvline(USUAL_POWER, color="black", linestyle=":", linewidth=1, label="power 0.8")
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_xlabel("power given the truth, without the noise of its trials")
    axes.set_ylabel("share of the truths up to this power")
    name = hypothesis_name(result.scenario, hypothesis)
    axes.set_title(f"{name}: power given each of {found.n_members:,} truths", fontsize=9)
    axes.legend(frameon=False, fontsize=8, loc="best")
    axes.spines[["top", "right"]].set_visible(False)
