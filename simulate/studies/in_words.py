"""What a search has found in words, and why it has found nothing."""

from __future__ import annotations

import math
from statistics import NormalDist

from simulate.results.estimates import Estimate
from simulate.studies.curve import Point
from simulate.studies.levers import EVENTS, FOLLOW_UP, PATIENTS, Lever
from simulate.studies.points import SURE, Goal, Interval, Points


def power_text(power: Estimate) -> str:
    """A power with its standard error in brackets."""
    return f"{power.value:.4f} ({power.mcse:.4f})"


def value_text(lever: Lever, value: float) -> str:
    """A value with its unit, or what it is of."""
    decimals = 0 if lever.is_whole else 2 if lever.rises else 4
    digits = f"{value:,.{decimals}f}"
    return f"{digits} {lever.unit}" if lever.unit else f"{lever.label} {digits}"


def interval_text(lever: Lever, interval: Interval, goal: Goal) -> str:
    """An interval in words, short; an end that the trials do not bound lies beyond the range."""
    decimals = 0 if lever.is_whole else 2 if lever.rises else 4
    low = "below " + f"{goal.low:,.7g}" if interval.low is None else f"{interval.low:,.{decimals}f}"
    if interval.high is None:
        return f"{low} to beyond {goal.high:,.7g}"
    return f"{low} to {interval.high:,.{decimals}f}"


def why_not(
    lever: Lever, goal: Goal, points: Points, end: Point, at_none: float, *, undecided: bool = False
) -> str:
    """Say why the power is not reached in the range.

    Parameters
    ----------
    lever, goal, points : Lever, Goal, Points
        Of the search.
    end : Point
        The strongest, at the end of the range.
    at_none : float
        Probit of the power without any effect.
    undecided : bool
        Whether the search ended before it was sure of the end of the range; of what was looked at
        it may be sure all the same.
    """
    text = value_text(lever, end.value)
    at_end = f"the power at {text} is {power_text(end.power)}"
    if undecided and end.power.value >= goal.power - SURE * end.power.mcse:
        return f"{at_end}, too close to {goal.power:g} to tell with these trials"
    if end.power.value < 2.0 * NormalDist().cdf(at_none):
        return f"{at_end}, hardly above alpha: the effect does not favour the experimental arm"
    strongest = goal.high if lever.rises else goal.low
    if undecided and end.value != strongest:
        last = value_text(lever, strongest)
        return f"{at_end}; {ended_after(points)} before {last} was looked at"
    return f"{at_end}: {bound_of(lever, points, end)}"


def ended_after(points: Points) -> str:
    """Say with how many trials a search ended."""
    return f"the search ended after {points.n_trials:,} trials (--max-trials),"


def bound_of(lever: Lever, points: Points, end: Point) -> str:
    """Say what bounds the power at the end of the range."""
    share = end.counts.short.estimate().value
    short = f"in {share:.0%} of the trials the final look never has its events; "
    lacks = short if share >= 0.01 else ""
    if end.value != lever.limits[lever.rises]:
        further = f"a {'larger --to' if lever.rises else 'smaller --from'} looks further"
    else:
        further = "nothing lies beyond"
    n_patients = lever.scenario.accrual.patients
    if lever.over == EVENTS and not lever.scaled:
        return (
            f"{lacks}{n_patients:,} patients have no more events: more of them are needed "
            "(--scale lets them grow in proportion)"
        )
    if lever.over == PATIENTS and not lever.scaled and len(lever.paths) == 1:
        kept = "the numbers of events stay (--scale lets them grow in proportion)"
        return f"{lacks}{kept if lever.has_events else further}"
    if lever.over == FOLLOW_UP and _is_flat(points, end):
        return f"{lacks}the power has its ceiling there: {n_patients:,} patients are too few"
    return f"{lacks}{further}"


def _is_flat(points: Points, end: Point) -> bool:
    """Whether a value of at most two thirds has the same power, as far as the trials tell."""
    others = [p for p in points.in_order() if p.value <= 2.0 / 3.0 * end.value]
    if not others:
        return False
    other = others[-1].power
    return abs(end.power.value - other.value) < 3.0 * math.hypot(end.power.mcse, other.mcse)
