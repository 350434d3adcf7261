"""Single endpoints of published evidence, calibrated by simulating the trial with the engine."""

from __future__ import annotations

import math

import numpy as np

from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import AnyFigure, Median, months_of
from simulate.calibration.shape import FloatArray, Replicates, Shape, shape_by_simulation
from simulate.errors import Problem, ScenarioError
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.assessed import DAYS_PER_MONTH, last_scan
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario

LOG_LOG_2 = math.log(math.log(2.0))
# A published time is read on both sides: replicates have no scan on the very day.
EITHER_SIDE = 0.5
FARTHEST = 4.0


def weibull_shape(evidence: Evidence, name: str, trials: int = 4000) -> Shape:
    """Weibull shape of an endpoint from its published median and interval, by simulation.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.
    name : str
        Name of a median of pfs or os, reached, with a lower limit.
    trials : int
        Simulated trials at each shape of the grid.

    Returns
    -------
    Shape

    Raises
    ------
    ScenarioError
        If the figure is no such median.
    """
    figure = evidence.figures.get(name)
    limits = _limits(figure)
    if not isinstance(figure, Median) or limits is None:
        rule = "must be a median of pfs or os that is reached, with a lower limit"
        raise ScenarioError([Problem(f"figures.{name}", rule)])
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    quantile = float(ndtri(0.5 + 0.5 * figure.level))
    aims = zip(limits, (0.0, quantile, -quantile), strict=True)
    months, targets = zip(*(pair for pair in aims if math.isfinite(pair[0])), strict=True)

    def simulate(shape: float) -> Replicates:
        scenario = _replicate(evidence, shape, figure, months)
        block = Block(0, trials)
        rows = simulate_block(pack(scenario), evidence.calibration.seed, block)
        z = _z(rows.estimate[:, :-1], rows.se[:, :-1])
        return Replicates(0.5 * (z[:, 0::2] + z[:, 1::2]).T, ~np.isfinite(rows.upper[:, -1]))

    return shape_by_simulation(simulate, targets, math.isinf(limits[2]))


def medians_with_limits(evidence: Evidence) -> list[str]:
    """Names of the medians from which `weibull_shape` can find a shape.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.

    Returns
    -------
    list of str
        In the order of the file.
    """
    return [name for name, figure in evidence.figures.items() if _limits(figure) is not None]


def _limits(figure: AnyFigure | None) -> tuple[float, float, float] | None:
    """Median and limits of a median of pfs or os, None if it is not reached or has no limits."""
    if not isinstance(figure, Median) or figure.endpoint not in {"pfs", "os"}:
        return None
    if figure.interval_months is None:
        return None
    median, lower, upper = map(months_of, (figure.months, *figure.interval_months))
    return (median, lower, upper) if math.isfinite(median) else None


def _z(survival: FloatArray, se: FloatArray) -> FloatArray:
    """z(t) of `Replicates`, clipped; NaN where the curve is 0 or 1 or does not go so far."""
    inside = (survival > 0.0) & (survival < 1.0)
    s = np.where(inside, survival, 0.5)
    z = (LOG_LOG_2 - np.log(-np.log(s))) * s * -np.log(s) / np.where(inside, se, 1.0)
    return np.where(inside, np.clip(z, -FARTHEST, FARTHEST), np.nan)


def latent_median(evidence: Evidence, month: float) -> float:
    """Middle of the latent medians that scans show at a month, or the month without scans."""
    if evidence.assessments is None:
        return month
    steps = evidence.assessments.steps_in_days
    slack = evidence.assessments.shift_days + evidence.assessments.window_days
    scan = float(last_scan(month + slack / DAYS_PER_MONTH, steps))
    if scan == 0.0:
        return 0.5 * month
    return 0.5 * (scan + float(last_scan(math.nextafter(scan, 0.0), steps)))


def _replicate(
    evidence: Evidence, shape: float, figure: Median, months: tuple[float, ...]
) -> Scenario:
    """Scenario of the trial with one Weibull endpoint; rows: both sides of months, the median."""
    endpoint, arm = figure.endpoint, evidence.trial.arm
    seen = evidence.assessments if endpoint == "pfs" else None
    centre = latent_median(evidence, months[0]) if endpoint == "pfs" else months[0]
    steps = evidence.follow_up.accrual_steps(evidence.trial.patients)
    at = [month + side for month in months for side in (-EITHER_SIDE, EITHER_SIDE)]
    common = {"endpoint": endpoint, "arm": arm}
    estimates: dict[str, dict[str, object]] = {
        f"at_{i}": common | {"kind": "survival", "at_months": max(month, 0.01)}
        for i, month in enumerate(at)
    }
    estimates["median"] = common | {"kind": "median", "level": figure.level}
    times = {"distribution": "weibull", "shape": shape, "median_months": centre}
    loss = {"distribution": "exponential", "rate_per_month": evidence.loss_rate}
    return scenario_from_dict(
        {
            "schema_version": 1,
            "title": evidence.title,
            "purpose": "One replicate of the published trial.",
            "arms": {arm: {endpoint: times, "dropout": loss if evidence.loss_rate else None}},
            "assessments": None
            if seen is None
            else {
                "schedule": [step.model_dump() for step in seen.schedule],
                "window_days": max(seen.window_days, seen.shift_days),
                "missed_probability": seen.missed_probability,
            },
            "accrual": {
                "patients": evidence.trial.patients,
                "arrivals": "evenly_spaced",
                "rates_per_month": [{"from_month": a, "rate": rate} for a, rate in steps],
            },
            "analyses": {
                "cutoff": {
                    "trigger": {"calendar_months": float(evidence.follow_up.range_months[1])}
                }
            },
            "estimates": estimates,
            "simulation": {"trials": 1, "seed": evidence.calibration.seed},
        }
    )
