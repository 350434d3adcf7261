"""A replicate of a published single-arm trial, by patient and by scan: the slow twin.

The trial is LITESPARK-015 as `PUBLISHED` describes it. Follow-up is in months, scans are on whole
days, and what a patient's scans show is asked scan by scan, in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from twins.slow_kaplan_meier import slow_survival
from twins.slow_rmst import Patients, slow_median_limits, slow_midpoint_median
from twins.slow_states import Model, Weibull, slow_states

DAYS_PER_MONTH = 30.4375
LEVEL = 1.959963984540054
LAST_DAY = 36525


class Trial(NamedTuple):
    """How the trial was run."""

    patients: int = 72
    cutoff_month: float = 37.6
    # (from month, patients a month): the published median and range of follow-up.
    accrual: tuple[tuple[float, float], ...] = ((0.0, 36.0 / 7.4), (7.4, 36.0 / 6.9))
    loss_rate: float = 0.005
    not_evaluable: float = 3.0 / 72.0
    # (from week, every so many weeks)
    schedule: tuple[tuple[int, int], ...] = ((0, 8), (48, 12))
    shift_days: int = 7


PUBLISHED = Trial()


def published_model(
    *, rsr: float, h12: float, k: float, rrp: float, rpd: float, rd: float
) -> dict[str, Weibull]:
    """Rates a month, and a Weibull from the stable state to progression."""
    rates = {
        "stable_to_response": rsr,
        "stable_to_death": rd,
        "response_to_progression": rrp,
        "response_to_death": rd,
        "progression_to_death": rpd,
    }
    model = {name: Weibull(1.0, 12.0 * rate) for name, rate in rates.items()}
    return model | {"stable_to_progression": Weibull(k, h12)}


# The parameters of the numeric checks.
CHECKED = {"rsr": 0.0238, "h12": 0.37844, "k": 0.6, "rrp": 0.0315, "rpd": 0.0273, "rd": 0.0054}


class Draws(NamedTuple):
    """What chance decides of one patient."""

    exponentials: Mapping[str, float]
    dropout: float
    shift: int
    is_evaluable: bool


class Record(NamedTuple):
    """What the trial knows of a patient at its cutoff: days of scans and PFS, months of OS."""

    pfs_day: int
    has_pfs_event: bool
    os: float
    is_dead: bool
    has_disease_control: bool
    # The scan that first showed a response, of confirmed responders; 0 for others.
    response_day: int


def entry_months(trial: Trial) -> list[float]:
    """Patient k, from 1, enters when the accrual reaches k."""
    found = []
    for k in range(1, trial.patients + 1):
        left, month = float(k), 0.0
        for (start, rate), end in zip(
            trial.accrual, [*(start for start, _ in trial.accrual[1:]), math.inf], strict=True
        ):
            taken = min(left, rate * (end - start))
            month = start + taken / rate
            left -= taken
            if left <= 1e-9:
                break
        found.append(month)
    return found


def planned_days(trial: Trial) -> Iterator[int]:
    week = 0
    while True:
        week += next(every for start, every in reversed(trial.schedule) if start <= week)
        yield 7 * week


def slow_record(trial: Trial, model: Model, entry: float, draws: Draws) -> Record:
    course = slow_states(model, draws.exponentials)
    followed = min(trial.cutoff_month - entry, draws.dropout)
    death_day = LAST_DAY
    if course.death * DAYS_PER_MONTH < LAST_DAY:
        death_day = max(1, math.ceil(course.death * DAYS_PER_MONTH))
    is_dead = death_day / DAYS_PER_MONTH <= followed
    os = death_day / DAYS_PER_MONTH if is_dead else followed
    if not draws.is_evaluable:
        return Record(0, False, os, is_dead, False, 0)

    last_clear = progression = response = 0
    is_confirmed = False
    for planned in planned_days(trial):
        day = planned + draws.shift
        month = day / DAYS_PER_MONTH
        if day >= death_day or month > followed:
            break
        if month >= course.progression:
            progression = day
            break
        last_clear = day
        if response > 0:
            is_confirmed = True
        elif month >= course.response:
            response = day
    if progression > 0:
        pfs, has_event = progression, True
    else:
        pfs, has_event = (death_day, True) if is_dead else (last_clear, False)
    return Record(pfs, has_event, os, is_dead, last_clear > 0, response if is_confirmed else 0)


class Median(NamedTuple):
    """Kaplan-Meier median and its limits; infinite where not reached."""

    median: float
    lower: float
    upper: float


class Figures(NamedTuple):
    """What a paper prints."""

    responders: int
    disease_control: int
    pfs_events: int
    pfs: Median
    duration: Median
    durations_of_12: int
    time_to_response: tuple[float, float, float]
    os_24: float


def median_of(patients: Patients) -> Median:
    if not any(is_event for _, is_event in patients):
        return Median(math.inf, math.inf, math.inf)
    return Median(slow_midpoint_median(patients), *slow_median_limits(patients, LEVEL))


def slow_figures(records: Sequence[Record]) -> Figures:
    pfs = [(r.pfs_day / DAYS_PER_MONTH, r.has_pfs_event) for r in records]
    responders = [r for r in records if r.response_day > 0]
    durations = [
        ((r.pfs_day - r.response_day) / DAYS_PER_MONTH, r.has_pfs_event) for r in responders
    ]
    times = sorted(r.response_day / DAYS_PER_MONTH for r in responders)
    middle = math.nan
    if times:
        middle = 0.5 * (times[(len(times) - 1) // 2] + times[len(times) // 2])
    return Figures(
        responders=len(responders),
        disease_control=sum(r.has_disease_control for r in records),
        pfs_events=sum(r.has_pfs_event for r in records),
        pfs=median_of(pfs),
        duration=median_of(durations),
        durations_of_12=sum(time >= 12.0 for time, _ in durations),
        time_to_response=(times[0], middle, times[-1]) if times else (math.nan,) * 3,
        os_24=float(slow_survival([(r.os, r.is_dead) for r in records], 24.0)),
    )
