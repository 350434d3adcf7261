"""A two-arm trial by sums over small steps of time, one step after the other.

Everything that the design's quadrature gives, written another way: who is at risk from who entered
when, both arms' curves by multiplying small steps, and sums of step-wise moments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulate.design.two_arms import Entry, Stratum, TwoArms
from simulate.scenario.hazards import Hazard

Weight = Callable[[float], float]


class Step(NamedTuple):
    """One step of one stratum, for one patient of the trial."""

    begin: float
    end: float
    at_risk: tuple[float, float]
    events: tuple[float, float]
    survival_before: float


def slow_entered(entry: Entry, months: ArrayLike) -> NDArray[np.float64]:
    """Patients who have entered by calendar months, rate by rate."""
    total = np.zeros(np.shape(months))
    for j, (start, rate) in enumerate(zip(entry.from_months, entry.rates_per_month, strict=True)):
        is_last = j + 1 == len(entry.from_months)
        end = entry.accrual_months if is_last else entry.from_months[j + 1]
        end = min(end, entry.accrual_months)
        total += rate * np.maximum(np.minimum(end, months) - start, 0.0)
    return total


@cache
def slow_steps(trial: TwoArms, stratum: Stratum, steps: int) -> list[Step]:
    """Steps of a stratum from randomisation to the look."""
    p = trial.ratio / (1.0 + trial.ratio)
    share = stratum.share / math.fsum(other.share for other in trial.strata)
    arms = (
        (1.0 - p, stratum.control, stratum.dropout_control),
        (p, stratum.experimental, stratum.dropout_experimental),
    )
    look = trial.study_months
    edges = look * np.arange(steps + 1) / steps
    middle = 0.5 * (edges[:-1] + edges[1:])
    followed = share * slow_entered(trial.entry, look - middle)
    followed /= slow_entered(trial.entry, math.inf)
    at_risk, events = [], []
    for part, event, dropout in arms:
        stayed = part * followed
        if dropout is not None:
            stayed = stayed * dropout.survival(middle)
        at_risk.append((stayed * event.survival(middle)).tolist())
        events.append((stayed * -np.diff(event.survival(edges))).tolist())
    survival, found = 1.0, []
    for j in range(steps):
        y, d = (at_risk[0][j], at_risk[1][j]), (events[0][j], events[1][j])
        found.append(Step(float(edges[j]), float(edges[j + 1]), y, d, survival))
        if sum(y) > 0.0:
            survival *= math.exp(-sum(d) / sum(y))
    return found


def slow_score(trial: TwoArms, weight: Weight, steps: int) -> tuple[float, float, float, float]:
    """Mean and variance of the weighted score, and events of both arms."""
    mean = variance = control = experimental = 0.0
    for stratum in trial.strata:
        for step in slow_steps(trial, stratum, steps):
            y0, y1 = step.at_risk
            d0, d1 = step.events
            control, experimental = control + d0, experimental + d1
            if y0 + y1 <= 0.0:
                continue
            w, q = weight(step.survival_before), y1 / (y0 + y1)
            # Expected less observed events of the experimental arm.
            mean += w * (q * (d0 + d1) - d1)
            variance += w * w * q * (1.0 - q) * (d0 + d1)
    return mean, variance, control, experimental


def slow_curve_variance(
    trial: TwoArms, experimental: bool, month: float, steps: int, *, of_area: bool
) -> float:
    """Variance, times the patients of the trial, of an arm's restricted mean or its survival.

    The covariance of two points of a Kaplan-Meier curve is the product of the curve there and
    Greenwood's sum up to the earlier one; the restricted mean's variance is its double integral.
    """
    (stratum,) = trial.strata
    hazard: Hazard = stratum.experimental if experimental else stratum.control
    greenwood, curve, widths = [0.0], [1.0], []
    for step in slow_steps(trial, stratum, steps):
        if step.end > month + 1e-9:
            break
        y, d = step.at_risk[experimental], step.events[experimental]
        greenwood.append(greenwood[-1] + d / y**2)
        curve.append(float(hazard.survival(step.end)))
        widths.append(step.end - step.begin)
    if not of_area:
        return curve[-1] ** 2 * greenwood[-1]
    # Twice the integral over s of S(s) G(s) times the area from s on.
    total = area = 0.0
    for j in range(len(widths) - 1, -1, -1):
        middle = 0.5 * (curve[j] + curve[j + 1])
        spread = 0.5 * (greenwood[j] + greenwood[j + 1])
        total += 2.0 * middle * spread * (area + 0.5 * middle * widths[j]) * widths[j]
        area += middle * widths[j]
    return total
