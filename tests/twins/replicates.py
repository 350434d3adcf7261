"""Many replicates of a published single-arm trial at once, in NumPy arrays.

The same trial as `twins.slow_replicate`, without its loops, so that posteriors can be checked in
minutes. Arrays are (replicates, patients) unless said; scan-seen times are days.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from twins.slow_replicate import DAYS_PER_MONTH, LEVEL, Trial, entry_months, planned_days

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

PARAMETERS = ("rsr", "h12", "k", "rrp", "rpd", "rd")
LOG_LOG_2 = math.log(math.log(2.0))
SCANS = 40


class ManyDraws(NamedTuple):
    """What chance decides: a unit exponential for each transition, dropout, shift, evaluability."""

    exponentials: dict[str, FloatArray]
    dropout: FloatArray
    shift: FloatArray
    is_evaluable: BoolArray


class Seen(NamedTuple):
    """What the trials know; `response` is infinite where none was confirmed."""

    pfs: FloatArray
    has_event: BoolArray
    os: FloatArray
    is_dead: BoolArray
    has_disease_control: BoolArray
    response: FloatArray


class Curve(NamedTuple):
    """Kaplan-Meier curves after each patient in order of time, with sums of Greenwood's terms."""

    time: FloatArray
    is_event: BoolArray
    survival: FloatArray
    greenwood: FloatArray


def draw(trial: Trial, replicates: int, rng: np.random.Generator) -> ManyDraws:
    size = (replicates, trial.patients)
    names = ("sr", "sp", "sd", "rp", "rd", "pd")
    exponentials = {name: rng.standard_exponential(size) for name in names}
    dropout = rng.standard_exponential(size) / trial.loss_rate
    shift = rng.integers(-trial.shift_days, trial.shift_days, size, endpoint=True)
    is_evaluable = rng.random(size) >= trial.not_evaluable
    return ManyDraws(exponentials, dropout, shift.astype(np.float64), is_evaluable)


def see(
    trial: Trial, parameters: FloatArray, draws: ManyDraws, follow_up: FloatArray | None = None
) -> Seen:
    """What scans and follow-up show; ``parameters`` (replicates, 6), in the order `PARAMETERS`."""
    e = draws.exponentials
    rsr, h12, k, rrp, rpd, rd = parameters.T[:, :, None]
    if follow_up is None:
        follow_up = trial.cutoff_month - np.array(entry_months(trial))
    response = e["sr"] / rsr
    progression = 12.0 * (e["sp"] / h12) ** (1.0 / k)
    death = e["sd"] / rd
    responds = response < np.minimum(progression, death)
    progression = np.where(responds, response + e["rp"] / rrp, progression)
    death = np.where(responds, response + e["rd"] / rd, death)
    progresses = progression < death
    death = np.where(progresses, progression + e["pd"] / rpd, death)
    progression = np.where(progresses, progression, np.inf)
    response = np.where(responds, response, np.inf)

    end = np.minimum(follow_up, draws.dropout) * DAYS_PER_MONTH
    death = np.maximum(np.ceil(death * DAYS_PER_MONTH), 1.0)
    is_dead = death <= end
    os = np.where(is_dead, death, end)
    plan = np.array([day for day, _ in zip(planned_days(trial), range(SCANS), strict=False)])

    def scan_from(day: FloatArray) -> NDArray[np.int64]:
        """Number of the first scan on or after a day."""
        return np.searchsorted(plan, day - draws.shift, side="left")

    days = np.append(plan.astype(np.float64), np.inf)
    # The first scan that is not done: from death on, or after the end of follow-up.
    undone = np.searchsorted(plan, end - draws.shift, side="right")
    undone = np.minimum(undone, scan_from(death))
    shown = scan_from(progression * DAYS_PER_MONTH)
    is_shown = shown < undone
    last_clear = np.minimum(shown, undone) - 1
    at_last = np.where(last_clear >= 0, days[last_clear] + draws.shift, 0.0)
    pfs = np.where(is_shown, days[shown] + draws.shift, np.where(is_dead, death, at_last))
    first = scan_from(response * DAYS_PER_MONTH)
    is_confirmed = (first + 1 <= last_clear) & draws.is_evaluable
    return Seen(
        pfs=np.where(draws.is_evaluable, pfs, 0.0),
        has_event=(is_shown | is_dead) & draws.is_evaluable,
        os=os,
        is_dead=is_dead,
        has_disease_control=(last_clear >= 0) & draws.is_evaluable,
        response=np.where(is_confirmed, days[first] + draws.shift, np.inf),
    )


def curve_of(time: FloatArray, is_event: BoolArray, included: BoolArray | None = None) -> Curve:
    """Curves of each row; patients left out come last and count for nothing."""
    n = time.shape[1]
    known = np.ones_like(is_event) if included is None else included
    # Events come before censorings at equal times.
    key = np.where(known, time + np.where(is_event, 0.0, 1e-6), np.inf)
    order = np.argsort(key, axis=1, kind="stable")
    sorted_time = np.take_along_axis(np.where(known, time, np.inf), order, axis=1)
    event = np.take_along_axis(is_event & known, order, axis=1)
    at_risk = np.maximum(known.sum(axis=1, keepdims=True) - np.arange(n), 1)
    survival = np.cumprod(np.where(event, 1.0 - 1.0 / at_risk, 1.0), axis=1)
    with np.errstate(divide="ignore"):
        terms = np.where(event, 1.0 / (at_risk * (at_risk - 1.0)), 0.0)
    greenwood = np.cumsum(terms, axis=1).astype(np.float64)
    return Curve(sorted_time, event, survival.astype(np.float64), greenwood)


def survival_at(curve: Curve, month: float) -> tuple[FloatArray, FloatArray]:
    """Survival and its sum of Greenwood's terms, (replicates,); what was last known goes on."""
    by_then = (curve.time <= month * DAYS_PER_MONTH + 1e-6).sum(axis=1)
    rows = np.arange(len(by_then))
    last = np.maximum(by_then - 1, 0)
    survival = np.where(by_then > 0, curve.survival[rows, last], 1.0)
    return survival, np.where(by_then > 0, curve.greenwood[rows, last], 0.0)


def z_of(survival: FloatArray, greenwood: FloatArray) -> FloatArray:
    """Standard errors, on the scale of log(-log S), from S to one half; positive above it.

    At S = 1 and S = 0, where it is undefined, beyond all others.
    """
    inside = (survival > 1e-9) & (survival < 1.0)
    hazard = -np.log(np.where(inside, survival, 0.5))
    error = np.sqrt(np.where(inside, greenwood, 1.0)) / hazard
    z = np.where(inside, (LOG_LOG_2 - np.log(hazard)) / error, np.where(survival > 0.5, 9.9, -9.9))
    return np.clip(z, -4.0, 4.0)


def z_at(curve: Curve, month: float) -> FloatArray:
    """Mean of z half a month before and after."""
    before, after = (z_of(*survival_at(curve, month + step)) for step in (-0.5, 0.5))
    return 0.5 * (before + after)


def following(curve: Curve) -> FloatArray:
    """The next patient's time; infinite after the last."""
    return np.append(curve.time[:, 1:], np.full_like(curve.time[:, :1], np.inf), axis=1)


def has_limits(curve: Curve) -> BoolArray:
    """Where the band is defined: after the last of tied times, not at S = 0."""
    return np.asarray((curve.survival > 1e-9) & (following(curve) > curve.time))


def lowest_z(curve: Curve) -> FloatArray:
    """Least z where there are limits: the upper limit of the median is reached if it is -1.96."""
    z = z_of(curve.survival, curve.greenwood)
    return np.asarray(np.where(has_limits(curve), z, 4.0).min(axis=1))


def last_z(curve: Curve) -> FloatArray:
    """Last z of each curve, after its last event; not that of the upper limit where S is then 0."""
    return z_of(curve.survival[:, -1], curve.greenwood[:, -1])


def first_month(curve: Curve, reached: BoolArray) -> FloatArray:
    """Month of the first time at which something holds; infinite if never."""
    time = np.take_along_axis(curve.time, np.argmax(reached, axis=1)[:, None], axis=1)[:, 0]
    return np.where(reached.any(axis=1), time / DAYS_PER_MONTH, np.inf)


def median_and_limits(curve: Curve) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Kaplan-Meier median and its limits, (replicates,) each; infinite if not reached."""
    half = curve.survival <= 0.5 + 1e-12
    below = curve.survival < 0.5 - 1e-12
    # Where S is 1/2 over an interval: to the next event, or the end of follow-up.
    ends = below | (half & np.isinf(following(curve)))
    median = 0.5 * (first_month(curve, half) + first_month(curve, ends))
    at_half = np.take_along_axis(curve.survival, np.argmax(half, axis=1)[:, None], axis=1)[:, 0]
    exactly = np.abs(at_half - 0.5) <= 1e-12
    median = np.where(exactly, median, first_month(curve, half))
    z = z_of(curve.survival, curve.greenwood)
    limits = has_limits(curve)
    lower = first_month(curve, limits & (z <= LEVEL))
    return median, lower, first_month(curve, limits & (z <= -LEVEL))


class Figures(NamedTuple):
    """What papers of the replicates print, (replicates,) each; NaN where nobody responded."""

    responders: FloatArray
    disease_control: FloatArray
    pfs_events: FloatArray
    pfs: tuple[FloatArray, FloatArray, FloatArray]
    duration: tuple[FloatArray, FloatArray, FloatArray]
    durations_of_12: FloatArray
    time_to_response: tuple[FloatArray, FloatArray, FloatArray]
    os_24: FloatArray


def duration_curve(seen: Seen) -> Curve:
    """Of the duration of response, among responders."""
    responds = np.isfinite(seen.response)
    return curve_of(np.where(responds, seen.pfs - seen.response, 0.0), seen.has_event, responds)


def figures(seen: Seen) -> Figures:
    responds = np.isfinite(seen.response)
    number = responds.sum(axis=1)
    times = np.sort(seen.response, axis=1) / DAYS_PER_MONTH
    rows, last = np.arange(len(times)), np.maximum(number - 1, 0)
    middle = 0.5 * (times[rows, last // 2] + times[rows, np.maximum(number, 1) // 2])
    of_times = (times[:, 0], middle, times[rows, last])
    lasting = responds & (seen.pfs - np.where(responds, seen.response, 0.0) >= 12 * DAYS_PER_MONTH)
    return Figures(
        responders=number.astype(np.float64),
        disease_control=seen.has_disease_control.sum(axis=1).astype(np.float64),
        pfs_events=seen.has_event.sum(axis=1).astype(np.float64),
        pfs=median_and_limits(curve_of(seen.pfs, seen.has_event)),
        duration=median_and_limits(duration_curve(seen)),
        durations_of_12=lasting.sum(axis=1).astype(np.float64),
        time_to_response=tuple(np.where(number > 0, t, np.nan) for t in of_times),  # type: ignore[arg-type]
        os_24=survival_at(curve_of(seen.os, seen.is_dead), 24.0)[0],
    )
