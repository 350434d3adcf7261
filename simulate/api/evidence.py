"""Single endpoints of published evidence, calibrated by simulating the trial with the engine."""

from __future__ import annotations

import math

from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import AnyFigure, Median, months_of
from simulate.calibration.replicate import trial_tables
from simulate.calibration.shape import Medians, Shape, shape_by_simulation
from simulate.calibration.single import LOG_2, expected_events
from simulate.errors import CalibrationError, Problem, ScenarioError
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.assessed import DAYS_PER_MONTH, last_scan, scans_around
from simulate.scenario.assessments import Assessments
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario

# Without scans replicates count whose median is within so much of the published one.
NEAR = 0.05
LEAST_NEAR = 0.5


def weibull_shape(evidence: Evidence, name: str, trials: int = 2000) -> Shape:
    """Weibull shape of an endpoint from its published median and interval, by simulation.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.
    name : str
        Name of a median of pfs or os, reached, with a lower limit.
    trials : int
        Simulated trials at each shape and true median of the grid.

    Returns
    -------
    Shape

    Raises
    ------
    ScenarioError
        If the figure is no such median.
    CalibrationError
        If hardly any simulated trial is like the published one.
    """
    figure = evidence.figures.get(name)
    limits = _limits(figure)
    if not isinstance(figure, Median) or limits is None:
        rule = "must be a median of pfs or os that is reached, with a lower limit"
        raise ScenarioError([Problem(f"figures.{name}", rule)])
    seen = evidence.assessments if figure.endpoint == "pfs" else None
    tolerances = tuple(near_months(month, seen) for month in limits)
    centre = latent_median(evidence, limits[0]) if figure.endpoint == "pfs" else limits[0]
    events = expected_events(evidence, LOG_2 / limits[0])

    def simulate(shape: float, ratio: float) -> Medians:
        scenario = published_trial(evidence, figure, shape, ratio * centre)
        rows = simulate_block(pack(scenario), evidence.calibration.seed, Block(0, trials))
        return Medians(rows.estimate[:, 0], rows.lower[:, 0], rows.upper[:, 0])

    return shape_by_simulation(simulate, limits, tolerances, 1.0 / math.sqrt(events))


def weibull_shapes(evidence: Evidence) -> dict[str, Shape | None]:
    """Shape from every median that has one, by the name of the median.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.

    Returns
    -------
    dict of str to Shape or None
        None where hardly any simulated trial is like the published one.
    """
    found: dict[str, Shape | None] = {}
    for name in medians_with_limits(evidence):
        try:
            found[name] = weibull_shape(evidence, name)
        except CalibrationError:
            found[name] = None
    return found


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


def near_months(month: float, seen: Assessments | None) -> float:
    """How near a replicate's time must be to a published one: so that the nearest scan counts.

    Parameters
    ----------
    month : float
        The published time; infinite for one that is not reached.
    seen : Assessments or None
        When patients are scanned.

    Returns
    -------
    float
        Half the months between the scans before and after it; without scans a twentieth of it.
    """
    if math.isinf(month) or seen is None:
        return max(LEAST_NEAR, NEAR * month)
    before, after = scans_around(month, seen.steps_in_days)
    return 0.5 * (after - before)


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


def published_trial(evidence: Evidence, figure: Median, shape: float, median: float) -> Scenario:
    """Scenario of the published trial with one Weibull endpoint and its median as an estimate.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.
    figure : Median
        Its endpoint and the level of its limits.
    shape, median : float
        Of the latent times; months.

    Returns
    -------
    Scenario
        Of one arm; the estimate is of the data at the cutoff.
    """
    times = {"distribution": "weibull", "shape": shape, "median_months": median}
    estimate = {"endpoint": figure.endpoint, "arm": evidence.trial.arm, "kind": "median"}
    tables = trial_tables(
        evidence,
        title=evidence.title,
        purpose="One replicate of the published trial.",
        disease={figure.endpoint: times},
        estimates={"median": estimate | {"level": figure.level}},
        trials=1,
    )
    if figure.endpoint != "pfs":
        tables.pop("assessments", None)
    elif "assessments" in tables:
        # Scans see no response here, which could be confirmed.
        tables["assessments"].pop("confirm_response", None)
    return scenario_from_dict(tables)
