"""Tests and estimates of Kaplan-Meier curves, from the patients of each arm: the slow twin.

Each returns the fields of a row that it defines, and the flags of its status.
"""

from __future__ import annotations

import math
from typing import Any

from twins.slow_kaplan_meier import slow_survival
from twins.slow_rmst import (
    Patients,
    is_estimable,
    slow_greenwood_sum,
    slow_median_limits,
    slow_midpoint_median,
    slow_rmst,
    slow_survival_variance,
)

from simulate.engine.codes import STATUS_NO_INFORMATION, STATUS_NOT_ESTIMABLE

Fields = dict[str, Any]
UNDEFINED: Fields = {"status": STATUS_NOT_ESTIMABLE}


def difference(first: tuple[float, float], second: tuple[float, float]) -> Fields:
    """Difference of two values, each with its variance."""
    found: Fields = {"estimate": first[0] - second[0], "se": math.sqrt(first[1] + second[1])}
    if found["se"] == 0.0:
        return found | {"status": STATUS_NO_INFORMATION}
    return found | {"z": found["estimate"] / found["se"]}


def log_log(survival: float) -> float:
    return -math.log(-math.log(survival))


def log_log_variance(patients: Patients, month: float) -> float:
    """Of ``log(-log(S))`` where S is neither 0 nor 1."""
    survival = float(slow_survival(patients, month))
    return slow_greenwood_sum(patients, month) / math.log(survival) ** 2


def compare_means(experimental: Patients, control: Patients, tau: float) -> Fields:
    if not (is_estimable(experimental, tau) and is_estimable(control, tau)):
        return dict(UNDEFINED)
    return difference(slow_rmst(experimental, tau), slow_rmst(control, tau))


def compare_survival(
    experimental: Patients, control: Patients, month: float, transformed: bool
) -> Fields:
    if not (is_estimable(experimental, month) and is_estimable(control, month)):
        return dict(UNDEFINED)
    arms = (experimental, control)
    first, second = (float(slow_survival(arm, month)) for arm in arms)
    if not transformed:
        variances = [slow_survival_variance(arm, month) for arm in arms]
        return difference((first, variances[0]), (second, variances[1]))
    if not (0.0 < first < 1.0 and 0.0 < second < 1.0):
        return dict(UNDEFINED)
    variances = [log_log_variance(arm, month) for arm in arms]
    return difference((log_log(first), variances[0]), (log_log(second), variances[1]))


def survival_against(patients: Patients, month: float, null: float) -> Fields:
    if not is_estimable(patients, month):
        return dict(UNDEFINED)
    survival = float(slow_survival(patients, month))
    found: Fields = {
        "estimate": survival,
        "se": math.sqrt(slow_survival_variance(patients, month)),
    }
    if not 0.0 < survival < 1.0:
        return found | {"status": STATUS_NO_INFORMATION}
    deviation = math.sqrt(log_log_variance(patients, month))
    return found | {"z": (log_log(survival) - log_log(null)) / deviation}


def estimate_of(kind: str, patients: Patients, month: float | None, quantile: float) -> Fields:
    """An estimate without a test: the median, or survival or the restricted mean at a month."""
    if kind == "median":
        found = slow_midpoint_median(patients)
        lower, upper = slow_median_limits(patients, quantile)
        status = STATUS_NOT_ESTIMABLE if found == math.inf else 0
        return {"estimate": found, "lower": lower, "upper": upper, "status": status}
    if kind in ("last_survival", "minimum", "maximum"):
        return of_events(kind, patients, quantile)
    assert month is not None
    if kind == "share_event_free":
        return share_free(patients, month)
    if not is_estimable(patients, month):
        return dict(UNDEFINED)
    if kind == "rmst":
        mean, variance = slow_rmst(patients, month)
        half = quantile * math.sqrt(variance)
        limits = {"lower": mean - half, "upper": mean + half}
        return {"estimate": mean, "se": math.sqrt(variance)} | limits
    survival = float(slow_survival(patients, month))
    return {
        "estimate": survival,
        "se": math.sqrt(slow_survival_variance(patients, month)),
    } | survival_limits(patients, month, survival, quantile)


def of_events(kind: str, patients: Patients, quantile: float) -> Fields:
    """The shortest or longest time to an event, or survival after the last."""
    months = sorted(time for time, is_event in patients if is_event)
    if kind != "last_survival":
        return {"estimate": months[0 if kind == "minimum" else -1]} if months else dict(UNDEFINED)
    if not patients:
        return dict(UNDEFINED)
    if not months:
        return {"estimate": 1.0, "se": 0.0}
    survival = float(slow_survival(patients, months[-1]))
    found: Fields = {
        "estimate": survival,
        "se": math.sqrt(slow_survival_variance(patients, months[-1])),
    }
    return found | survival_limits(patients, months[-1], survival, quantile)


def share_free(patients: Patients, month: float) -> Fields:
    """Share followed beyond a month, or to it without an event there."""
    if not patients:
        return dict(UNDEFINED)
    free = sum(time > month or (time == month and not is_event) for time, is_event in patients)
    share = free / len(patients)
    se = math.sqrt(share * (1.0 - share) / len(patients))
    return {"estimate": share, "se": se, "events_experimental": free}


def survival_limits(patients: Patients, month: float, survival: float, quantile: float) -> Fields:
    """Limits at which ``log(-log(S))`` is so many standard errors away; none where S is 0 or 1."""
    if not 0.0 < survival < 1.0:
        return {}
    half = quantile * math.sqrt(log_log_variance(patients, month))
    centre = math.log(-math.log(survival))
    return {
        "lower": math.exp(-math.exp(centre + half)),
        "upper": math.exp(-math.exp(centre - half)),
    }
