"""Tests of two Kaplan-Meier curves, restricted means and milestones, by asymptotic moments."""

from __future__ import annotations

import math

import numpy as np

from simulate.design.arguments import check_positive
from simulate.design.at_risk import at_risk
from simulate.design.normal_power import NormalTest
from simulate.design.two_arms import TwoArms
from simulate.errors import DesignError


def rmst_test(trial: TwoArms, tau_months: float) -> NormalTest:
    """Test of the difference in restricted mean survival time, by its number of patients.

    Each arm's estimate has variance ``integral from 0 to tau of A(u)**2 h(u) / y(u) du`` over its
    number of patients, A being the area under its curve from u to tau (Yung and Liu 2020).

    Parameters
    ----------
    trial : TwoArms
        The trial, without strata.
    tau_months : float
        Months from randomisation up to which the means go, below the longest follow-up.

    Returns
    -------
    NormalTest

    Raises
    ------
    DesignError
        If ``tau_months`` is out of its range or there are strata.
    """
    return _curve_test(trial, "tau_months", tau_months, of_areas=True)


def milestone_test(trial: TwoArms, at_months: float) -> NormalTest:
    """Test of the difference in survival at a month, by its number of patients.

    Each arm's estimate has Greenwood's variance, ``S**2 * integral of h(u) / y(u) du`` up to the
    month, over its number of patients (Yung and Liu 2020).

    Parameters
    ----------
    trial : TwoArms
        The trial, without strata.
    at_months : float
        Months from randomisation, below the longest follow-up.

    Returns
    -------
    NormalTest

    Raises
    ------
    DesignError
        If ``at_months`` is out of its range or there are strata.
    """
    return _curve_test(trial, "at_months", at_months, of_areas=False)


def _curve_test(trial: TwoArms, name: str, months: float, *, of_areas: bool) -> NormalTest:
    """Test of the two survival curves up to a month, or at it."""
    check_positive(**{name: months})
    longest = trial.study_months - trial.entry.first_month
    if months >= longest:
        raise DesignError(name, f"must be below the longest follow-up, {longest:g} months", months)
    if len(trial.strata) > 1:
        raise DesignError("strata", "must be one: the curves are those of whole arms", "several")
    stratum = trial.strata[0]
    (seen,) = at_risk(trial, (months,))
    inside = seen.months < months
    difference, variance = 0.0, 0.0
    for hazard, share, rate, sign in (
        (stratum.experimental, seen.share, seen.hazard_experimental, 1.0),
        (stratum.control, 1.0 - seen.share, seen.hazard_control, -1.0),
    ):
        curve = np.where(inside, hazard.survival(seen.months), 0.0)
        if of_areas:
            whole, before = seen.integral(curve), seen.running_integral(curve)
            value, remaining = whole, whole - before
        else:
            value = float(hazard.survival(months))
            remaining = np.full_like(curve, value)
        remaining_at_risk = np.where(inside, seen.probability * share, 1.0)
        difference += sign * value
        variance += seen.integral(np.where(inside, remaining**2 * rate / remaining_at_risk, 0.0))
    error = math.sqrt(variance)
    return NormalTest(difference, error, error)
