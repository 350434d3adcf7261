"""Events that a log-rank test needs under proportional hazards, and what events give.

Schoenfeld (Biometrika 68, 1981, 316-319): the statistic of d events has mean
``log(HR0 / HR) sqrt(d r) / (1 + r)`` with r experimental patients to one control patient. Freedman
(Statistics in Medicine 1, 1982, 121-129): ``(1 - HR) sqrt(d r) / (1 + r HR)``. Freedman's formula
for equal arms with Schoenfeld's factor for unequal ones (Hsieh, Statistics in Medicine 11, 1992,
1091-1098): ``2 (1 - HR) sqrt(d r) / ((1 + HR) (1 + r))``. The variance is 1 in all of them.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

from simulate.design.arguments import check_level, check_positive, check_power
from simulate.design.normal_power import NormalTest
from simulate.design.schoenfeld import logrank_drift
from simulate.errors import DesignError

EventMethod = Literal["schoenfeld", "freedman", "hsieh_freedman"]


def events_test(
    hazard_ratio: float,
    ratio: float = 1.0,
    null_hazard_ratio: float = 1.0,
    method: EventMethod = "schoenfeld",
) -> NormalTest:
    """Log-rank test by its number of events.

    Parameters
    ----------
    hazard_ratio : float
        Assumed hazard ratio, experimental over control, greater than 0.
    ratio : float
        Experimental patients to one control patient.
    null_hazard_ratio : float
        Hazard ratio under the null hypothesis; other than 1 by Schoenfeld's method only.
    method : {"schoenfeld", "freedman", "hsieh_freedman"}
        Whose mean of the statistic.

    Returns
    -------
    NormalTest
        Its ``n`` is the number of events of both arms.

    Raises
    ------
    DesignError
        If a number is not greater than 0 or the method does not take it.
    """
    check_positive(hazard_ratio=hazard_ratio, ratio=ratio, null_hazard_ratio=null_hazard_ratio)
    if method not in get_args(EventMethod):
        raise DesignError("method", f"must be one of {', '.join(get_args(EventMethod))}", method)
    if method == "schoenfeld":
        drift = logrank_drift(hazard_ratio, null_hazard_ratio, ratio / (1.0 + ratio))
        return NormalTest(drift, 1.0, 1.0)
    if null_hazard_ratio != 1.0:
        raise DesignError(
            "null_hazard_ratio", f"must be 1 with {method}", null_hazard_ratio, "use schoenfeld"
        )
    if method == "freedman":
        drift = (1.0 - hazard_ratio) * math.sqrt(ratio) / (1.0 + ratio * hazard_ratio)
    else:
        drift = 2.0 * (1.0 - hazard_ratio) * math.sqrt(ratio)
        drift /= (1.0 + hazard_ratio) * (1.0 + ratio)
    return NormalTest(drift, 1.0, 1.0)


def required_events(
    hazard_ratio: float,
    power: float,
    alpha: float = 0.025,
    ratio: float = 1.0,
    null_hazard_ratio: float = 1.0,
    method: EventMethod = "schoenfeld",
) -> float:
    """Events, not rounded, with which a log-rank test has a power.

    Parameters
    ----------
    hazard_ratio : float
        Assumed hazard ratio, experimental over control, below ``null_hazard_ratio``.
    power : float
        Probability of rejecting, above ``alpha``.
    alpha : float
        One-sided level.
    ratio, null_hazard_ratio, method
        As in `events_test`.

    Returns
    -------
    float
        Events of both arms.

    Raises
    ------
    DesignError
        If a value is out of its range or the hazard ratio is not below the null one.
    """
    _check_below(hazard_ratio, null_hazard_ratio)
    return events_test(hazard_ratio, ratio, null_hazard_ratio, method).n_for(power, alpha)


def power_at_events(
    events: float,
    hazard_ratio: float,
    alpha: float = 0.025,
    ratio: float = 1.0,
    null_hazard_ratio: float = 1.0,
    method: EventMethod = "schoenfeld",
) -> float:
    """Power of a log-rank test at a number of events.

    Parameters
    ----------
    events : float
        Events of both arms, greater than 0.
    hazard_ratio, ratio, null_hazard_ratio, method
        As in `events_test`.
    alpha : float
        One-sided level.

    Returns
    -------
    float
        Probability of rejecting in favour of the experimental arm.

    Raises
    ------
    DesignError
        If a value is out of its range.
    """
    check_positive(events=events)
    return events_test(hazard_ratio, ratio, null_hazard_ratio, method).power(events, alpha)


def detectable_hazard_ratio(
    events: float,
    power: float,
    alpha: float = 0.025,
    ratio: float = 1.0,
    null_hazard_ratio: float = 1.0,
    method: EventMethod = "schoenfeld",
) -> float:
    """Hazard ratio at which a number of events gives a power.

    Parameters
    ----------
    events : float
        Events of both arms, greater than 0.
    power : float
        Probability of rejecting, above ``alpha``.
    alpha : float
        One-sided level.
    ratio, null_hazard_ratio, method
        As in `events_test`.

    Returns
    -------
    float
        The largest hazard ratio with at least this power, below ``null_hazard_ratio``.

    Raises
    ------
    DesignError
        If a value is out of its range, or no hazard ratio gives the power.
    """
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to import
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    check_positive(events=events, ratio=ratio, null_hazard_ratio=null_hazard_ratio)
    check_power(power, alpha)
    needed = float(ndtri(power) - ndtri(alpha)) / math.sqrt(events)

    def surplus(log_ratio: float) -> float:
        test = events_test(
            null_hazard_ratio * math.exp(log_ratio), ratio, null_hazard_ratio, method
        )
        return test.effect - needed

    # By Freedman's formulas the mean stays finite as the hazard ratio falls to 0.
    if surplus(-700.0) < 0.0:
        raise DesignError("events", "must be more: no hazard ratio gives this power", events)
    return null_hazard_ratio * math.exp(brentq(surplus, -700.0, 0.0, xtol=1e-14, rtol=1e-14))


def critical_hazard_ratio(
    events: float, alpha: float = 0.025, ratio: float = 1.0, null_hazard_ratio: float = 1.0
) -> float:
    """Estimated hazard ratio at which a test of so many events just rejects, about.

    The variance of the log hazard ratio is that of Schoenfeld's approximation,
    ``(1 + r)**2 / (r * events)``.

    Parameters
    ----------
    events : float
        Events of both arms, greater than 0.
    alpha : float
        One-sided level.
    ratio, null_hazard_ratio : float
        As in `events_test`.

    Returns
    -------
    float
        Estimates below it reject.

    Raises
    ------
    DesignError
        If a value is out of its range.
    """
    from scipy.special import ndtri  # noqa: PLC0415 - slow to import

    check_level(alpha)
    check_positive(events=events, ratio=ratio, null_hazard_ratio=null_hazard_ratio)
    error = (1.0 + ratio) / math.sqrt(ratio * events)
    return null_hazard_ratio * math.exp(float(ndtri(alpha)) * error)


def _check_below(hazard_ratio: float, null_hazard_ratio: float) -> None:
    """Refuse a hazard ratio with which no trial can be planned."""
    check_positive(hazard_ratio=hazard_ratio, null_hazard_ratio=null_hazard_ratio)
    if hazard_ratio >= null_hazard_ratio:
        raise DesignError(
            "hazard_ratio",
            f"must be below that of the null hypothesis, {null_hazard_ratio:g}",
            hazard_ratio,
        )
