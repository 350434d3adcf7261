"""Kaplan-Meier curves of two arms, their restricted means, and tests of the difference.

From the sorted keys of all patients compared, as one stratum. A curve has a row an event of the
arm: tied events take their shares one after the other, at the same month, which comes to the same,
since ``(n - 1) / n`` times ``(n - 2) / (n - 1)`` is ``(n - 2) / n``, and likewise for the sums.
"""

from __future__ import annotations

import math

import numpy as np

from simulate.engine.arrays import Curve, FloatArray, IntArray
from simulate.engine.codes import STATUS_NO_INFORMATION, STATUS_NOT_ESTIMABLE
from simulate.engine.compile import kernel
from simulate.engine.elementary import exp, log
from simulate.engine.logrank import lane_sum
from simulate.engine.ordering import (
    CENSORED_BIT,
    EXPERIMENTAL_BIT,
    PAYLOAD_BITS,
    count_keys_until,
)


@kernel
def arm_curves(keys: IntArray, n: int, scale: float, until: float, both: Curve) -> tuple[int, int]:
    """Kaplan-Meier curves of both arms up to the month ``until``; returns the rows of each.

    S is the product of ``(n - 1) / n`` over the events so far, ``n`` of the arm being at risk
    (Kaplan and Meier 1958). ``keys[:n]`` are sorted keys, ``scale`` their ticks a month. The
    control's curve begins in the middle of ``both``.
    """
    left_experimental = 0
    for i in range(n):
        left_experimental += keys[i] & EXPERIMENTAL_BIT
    left_control = n - left_experimental
    inverse_scale = 1.0 / scale
    middle = len(both.months) // 2
    in_experimental = np.uint64(0)
    in_control = np.uint64(middle)
    for i in range(count_keys_until(keys, n, scale, until)):
        key = keys[i]
        is_experimental = key & EXPERIMENTAL_BIT
        is_event = 1 - ((key & CENSORED_BIT) >> 1)
        place = in_experimental if is_experimental == 1 else in_control
        # Written for censorings, too, and then overwritten: cheaper than a branch.
        both.months[place] = (key >> PAYLOAD_BITS) * inverse_scale
        both.survival[place] = left_experimental if is_experimental == 1 else left_control
        in_experimental += np.uint64(is_event & is_experimental)
        in_control += np.uint64(is_event & (1 - is_experimental))
        left_experimental -= is_experimental
        left_control -= 1 - is_experimental
    n_experimental = int(np.int64(in_experimental))
    n_control = int(np.int64(in_control)) - middle
    _multiply_up(both.survival, both.greenwood, n_experimental)
    _multiply_up(both.survival[middle:], both.greenwood[middle:], n_control)
    return n_experimental, n_control


@kernel
def curve_of_one_arm(keys: IntArray, n: int, scale: float, until: float, curve: Curve) -> int:
    """As `arm_curves`, of keys of one arm alone; returns the rows of its curve."""
    inverse_scale = 1.0 / scale
    place = np.uint64(0)
    for i in range(count_keys_until(keys, n, scale, until)):
        key = keys[i]
        # Written for censorings, too, and then overwritten: cheaper than a branch.
        curve.months[place] = (key >> PAYLOAD_BITS) * inverse_scale
        curve.survival[place] = n - i
        place += np.uint64(1 - ((key & CENSORED_BIT) >> 1))
    n_rows = int(np.int64(place))
    _multiply_up(curve.survival, curve.greenwood, n_rows)
    return n_rows


@kernel
def _multiply_up(survival: FloatArray, greenwood: FloatArray, n_rows: int) -> None:
    """From the number at risk in ``survival`` to S and the terms of Greenwood's sum."""
    for j in range(n_rows):
        at_risk = survival[j]
        left = at_risk - 1.0
        # One division for both.
        inverse = 1.0 / (at_risk * max(left, 1.0))
        survival[j] = left * left * inverse
        greenwood[j] = inverse
    running_products(survival, n_rows)


@kernel
def last_follow_up(keys: IntArray, n: int, scale: float, has_control: bool) -> tuple[float, float]:
    """Longest follow-up in months of the experimental and of the control arm, event or not.

    Of sorted ``keys[:n]``; minus infinity for an arm without patients. Without a control all keys
    are the experimental arm's.
    """
    inverse_scale = 1.0 / scale
    experimental = -np.inf
    control = -np.inf
    i = n - 1
    while i >= 0 and (experimental < 0.0 or (has_control and control < 0.0)):
        time = (keys[i] >> PAYLOAD_BITS) * inverse_scale
        if keys[i] & EXPERIMENTAL_BIT:
            experimental = max(experimental, time)
        else:
            control = max(control, time)
        i -= 1
    return experimental, control


@kernel
def count_until(months: FloatArray, n_sets: int, month: float) -> int:
    """Number of event times in ``months[:n_sets]``, which ascend, at or before ``month``."""
    n = 0
    for j in range(n_sets):
        n += int(months[j] <= month)
    return n


@kernel
def running_products(values: FloatArray, n: int) -> None:
    """Replace ``values[:n]`` by the products of all up to and including each, in one fixed order.

    Four at a time, so that one multiplication in four waits for the one before. How many values
    follow does not matter to any product.
    """
    product = 1.0
    whole = n - n % 4
    for i in range(0, whole, 4):
        first = values[i]
        two = first * values[i + 1]
        three = two * values[i + 2]
        four = two * (values[i + 2] * values[i + 3])
        values[i] = product * first
        values[i + 1] = product * two
        values[i + 2] = product * three
        product *= four
        values[i + 3] = product
    rest = 1.0
    for i in range(whole, n):
        rest *= values[i]
        values[i] = product * rest


@kernel
def running_sums(values: FloatArray, n: int) -> None:
    """Replace ``values[:n]`` by the sums of all up to and including each, in one fixed order."""
    total = 0.0
    whole = n - n % 4
    for i in range(0, whole, 4):
        first = values[i]
        two = first + values[i + 1]
        three = two + values[i + 2]
        four = two + (values[i + 2] + values[i + 3])
        values[i] = total + first
        values[i + 1] = total + two
        values[i + 2] = total + three
        total += four
        values[i + 3] = total
    for i in range(whole, n):
        total += values[i]
        values[i] = total


@kernel
def survival_after(curve: Curve, n_rows: int) -> float:
    """S just after the first ``n_rows`` events of the arm."""
    return curve.survival[n_rows - 1] if n_rows > 0 else 1.0


@kernel
def is_defined(curve: Curve, n_rows: int, month: float, last: float) -> bool:
    """Whether the curve of an arm with ``n_rows`` events by ``month`` is defined at ``month``.

    It is up to the ``last`` follow-up of the arm, and for ever once it has come down to 0.
    """
    return month <= last or survival_after(curve, n_rows) == 0.0


@kernel
def survival_variance(curve: Curve, n_rows: int) -> float:
    """Greenwood's (1926) variance of S after the first ``n_rows`` events of the arm.

    ``S**2`` times the sum of ``d / (n (n - d))``; 0 where S is 1 or 0, as for a proportion.
    """
    survival = survival_after(curve, n_rows)
    return survival * survival * lane_sum(curve.greenwood, n_rows)


@kernel
def restricted_mean(
    curve: Curve, n_rows: int, tau: float, areas: FloatArray
) -> tuple[float, float]:
    """Restricted mean survival time in months up to ``tau``, and its variance.

    The mean is the area below S up to ``tau``; its variance the sum over the event times of
    ``A**2 d / (n (n - d))``, where ``A`` is the area from that time to ``tau`` (Klein and
    Moeschberger 2003, section 4.5), without the factor ``m / (m - 1)`` for ``m`` events that some
    packages add for small samples. ``n_rows`` is the number of the arm's events up to ``tau``;
    ``areas`` (n_rows,) is scratch.
    """
    if n_rows == 0:
        return tau, 0.0
    # Areas up to each event. As slices, since an index that is not the counter is slow.
    following = curve.months[1:n_rows]
    following_areas = areas[1:n_rows]
    areas[0] = curve.months[0]
    for j in range(len(following)):
        following_areas[j] = curve.survival[j] * (following[j] - curve.months[j])
    running_sums(areas, n_rows)
    last = n_rows - 1
    mean = areas[last] + curve.survival[last] * (tau - curve.months[last])
    for j in range(n_rows):
        area = mean - areas[j]
        areas[j] = area * area * curve.greenwood[j]
    return mean, lane_sum(areas, n_rows)


@kernel
def compare_means(
    experimental: Curve,
    n_experimental: int,
    last_experimental: float,
    control: Curve,
    n_control: int,
    last_control: float,
    tau: float,
    areas: FloatArray,
) -> tuple[float, float, float, int]:
    """Difference in restricted mean survival time up to ``tau``: months, standard error, z, flag.

    Positive if the experimental arm does better. Each arm with its curve, the number of its rows
    and its last follow-up; ``areas`` is scratch as long as they. The flag of a row's status is 0 if
    all is well; `STATUS_NOT_ESTIMABLE` where a curve is not defined up to ``tau``;
    `STATUS_NO_INFORMATION` where the standard error is 0. What is undefined is NaN.
    """
    n1 = count_until(experimental.months, n_experimental, tau)
    n0 = count_until(control.months, n_control, tau)
    if not (
        is_defined(experimental, n1, tau, last_experimental)
        and is_defined(control, n0, tau, last_control)
    ):
        return np.nan, np.nan, np.nan, STATUS_NOT_ESTIMABLE
    mean_1, variance_1 = restricted_mean(experimental, n1, tau, areas)
    mean_0, variance_0 = restricted_mean(control, n0, tau, areas)
    return _difference(mean_1, variance_1, mean_0, variance_0)


@kernel
def compare_survival(
    experimental: Curve,
    n_experimental: int,
    last_experimental: float,
    control: Curve,
    n_control: int,
    last_control: float,
    month: float,
    log_log: int,
) -> tuple[float, float, float, int]:
    """Difference in survival at a month (a milestone): estimate, standard error, z, flag.

    Of S itself or, with ``log_log``, of ``-log(-log(S))``, which needs both S between 0 and 1
    (Klein, Logan, Harhoff and Andersen 2007). Arguments and flags as in `compare_means`.
    """
    n1 = count_until(experimental.months, n_experimental, month)
    n0 = count_until(control.months, n_control, month)
    if not (
        is_defined(experimental, n1, month, last_experimental)
        and is_defined(control, n0, month, last_control)
    ):
        return np.nan, np.nan, np.nan, STATUS_NOT_ESTIMABLE
    survival_1 = survival_after(experimental, n1)
    survival_0 = survival_after(control, n0)
    variance_1 = survival_variance(experimental, n1)
    variance_0 = survival_variance(control, n0)
    if log_log == 0:
        return _difference(survival_1, variance_1, survival_0, variance_0)
    if not (0.0 < survival_1 < 1.0 and 0.0 < survival_0 < 1.0):
        return np.nan, np.nan, np.nan, STATUS_NOT_ESTIMABLE
    value_1, variance_1 = _log_log(survival_1, variance_1)
    value_0, variance_0 = _log_log(survival_0, variance_0)
    return _difference(value_1, variance_1, value_0, variance_0)


@kernel
def survival_of_arm(
    curve: Curve, n_rows: int, last: float, month: float, quantile: float
) -> tuple[float, float, float, float, int]:
    """Survival of an arm at a month: estimate, standard error, lower and upper limit, flag.

    Limits by the log-log transform, ``S ** exp(+-quantile se)`` with the standard error of
    ``log(-log(S))``; undefined where S is 0 or 1. The flag is `STATUS_NOT_ESTIMABLE` where the
    curve is not defined at the month.
    """
    n = count_until(curve.months, n_rows, month)
    if not is_defined(curve, n, month, last):
        return np.nan, np.nan, np.nan, np.nan, STATUS_NOT_ESTIMABLE
    survival = survival_after(curve, n)
    variance = survival_variance(curve, n)
    se = math.sqrt(variance)
    if not 0.0 < survival < 1.0:
        return survival, se, np.nan, np.nan, 0
    lower, upper = log_log_limits(survival, variance, quantile)
    return survival, se, lower, upper, 0


@kernel
def survival_against(
    curve: Curve, n_rows: int, last: float, month: float, null: float
) -> tuple[float, float, float, int]:
    """Survival of an arm at a month against a null value: estimate, standard error, z, flag.

    z is of ``-log(-log(S))``, positive where S is above the null value. The flag is
    `STATUS_NOT_ESTIMABLE` where the curve is not defined at the month, and `STATUS_NO_INFORMATION`
    where S is 0 or 1, which has no standard error on that scale.
    """
    n = count_until(curve.months, n_rows, month)
    if not is_defined(curve, n, month, last):
        return np.nan, np.nan, np.nan, STATUS_NOT_ESTIMABLE
    survival = survival_after(curve, n)
    variance = survival_variance(curve, n)
    if not 0.0 < survival < 1.0:
        return survival, math.sqrt(variance), np.nan, STATUS_NO_INFORMATION
    value, transformed = _log_log(survival, variance)
    z = (value + log(-log(null))) / math.sqrt(transformed)
    return survival, math.sqrt(variance), z, 0


@kernel
def mean_of_arm(
    curve: Curve, n_rows: int, last: float, tau: float, areas: FloatArray
) -> tuple[float, float, int]:
    """Restricted mean survival time of an arm up to ``tau``: months, standard error, flag.

    ``areas`` is scratch. The flag is `STATUS_NOT_ESTIMABLE` where the curve is not defined so far.
    """
    n = count_until(curve.months, n_rows, tau)
    if not is_defined(curve, n, tau, last):
        return np.nan, np.nan, STATUS_NOT_ESTIMABLE
    mean, variance = restricted_mean(curve, n, tau, areas)
    return mean, math.sqrt(variance), 0


@kernel
def _log_log(survival: float, variance: float) -> tuple[float, float]:
    """``-log(-log(S))`` and its variance by the delta method, for 0 < S < 1."""
    log_survival = log(survival)
    scale = survival * log_survival
    return -log(-log_survival), variance / (scale * scale)


@kernel
def log_log_limits(survival: float, variance: float, quantile: float) -> tuple[float, float]:
    """Confidence limits by the log-log transform, for 0 < S < 1."""
    _, transformed = _log_log(survival, variance)
    hazard = -log(survival)
    stretch = exp(quantile * math.sqrt(transformed))
    return exp(-hazard * stretch), exp(-hazard / stretch)


@kernel
def _difference(
    experimental: float, variance_experimental: float, control: float, variance_control: float
) -> tuple[float, float, float, int]:
    """Difference of two independent estimates, its standard error, z and flag."""
    difference = experimental - control
    variance = variance_experimental + variance_control
    if variance == 0.0:
        return difference, 0.0, np.nan, STATUS_NO_INFORMATION
    se = math.sqrt(variance)
    return difference, se, difference / se, 0
