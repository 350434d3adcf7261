"""The one form that every event-time distribution takes, with its closed forms in NumPy.

Exponential, Weibull and piecewise exponential times, and any of them under a hazard ratio that is
constant or changes with time, share one form. With the clock stretched to ``y = (t / scale) **
shape``, the cumulative hazard is piecewise linear in ``y``: it starts at 0, has slope ``slopes[j]``
from ``starts[j]`` (months) on. Hence

- exponential: shape 1, scale 1 month, one slope, the rate;
- Weibull: its shape and scale, one slope, 1;
- piecewise exponential: shape 1, scale 1 month, a slope a piece;
- a hazard ratio multiplies slopes; one that changes with time adds starts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Hazard:
    """A hazard over time, as a piecewise-linear cumulative hazard on a Weibull clock.

    Parameters
    ----------
    shape : float
        Weibull shape; 1 for exponential and piecewise exponential times.
    scale_months : float
        Weibull scale in months; 1 for exponential and piecewise exponential times.
    starts_months : tuple of float
        Where each piece starts, in months; the first is 0, the rest increase.
    slopes : tuple of float
        Cumulative hazard per unit of ``y = (t / scale) ** shape`` in each piece; not negative.
    """

    shape: float
    scale_months: float
    starts_months: tuple[float, ...]
    slopes: tuple[float, ...]

    def clock(self, months: Any) -> FloatArray:
        """Months as the stretched clock ``y``; any shape in, the same shape out."""
        t = np.asarray(months, dtype=np.float64)
        return np.asarray((t / self.scale_months) ** self.shape, dtype=np.float64)

    def _knots(self) -> tuple[FloatArray, FloatArray]:
        """Clock and cumulative hazard at the start of each piece."""
        y = self.clock(self.starts_months)
        rise = np.asarray(self.slopes[:-1]) * np.diff(y)
        return y, np.concatenate([[0.0], np.cumsum(rise)])

    def cumulative(self, months: Any) -> FloatArray:
        """Cumulative hazard at ``months`` (at least 0); any shape in, the same shape out."""
        y, at_start = self._knots()
        now = self.clock(months)
        j = np.clip(np.searchsorted(y, now, side="right") - 1, 0, len(y) - 1)
        return np.asarray(at_start[j] + np.asarray(self.slopes)[j] * (now - y[j]))

    def survival(self, months: Any) -> FloatArray:
        """Probability of no event by ``months``; any shape in, the same shape out."""
        return np.asarray(np.exp(-self.cumulative(months)))

    def rate(self, months: Any) -> FloatArray:
        """Hazard per month at ``months``, above 0; any shape in, the same shape out."""
        t = np.asarray(months, dtype=np.float64)
        j = np.searchsorted(self.starts_months, t, side="right") - 1
        return np.asarray(np.asarray(self.slopes)[j] * self.shape * self.clock(t) / t)

    def slope_at(self, month: float) -> float:
        """Slope of the cumulative hazard on the clock from ``month`` on."""
        return _value_at(month, self.starts_months, self.slopes)

    def quantile(self, probability: Any) -> FloatArray:
        """Month by which ``probability`` have had the event; infinite where that never happens."""
        y, at_start = self._knots()
        with np.errstate(divide="ignore"):
            target = -np.log1p(-np.asarray(probability, dtype=np.float64))
        slopes = np.asarray(self.slopes)
        # The piece in which the cumulative hazard reaches the target: the last that starts below.
        j = np.clip(np.searchsorted(at_start, target, side="left") - 1, 0, len(y) - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(target > at_start[j], (target - at_start[j]) / slopes[j], 0.0)
        return np.asarray(self.scale_months * (y[j] + step) ** (1.0 / self.shape))

    def times(self, ratio: float) -> Hazard:
        """Return the same hazard multiplied by ``ratio`` throughout."""
        slopes = tuple(slope * ratio for slope in self.slopes)
        return Hazard(self.shape, self.scale_months, self.starts_months, slopes)

    def stretched(self, factor: float) -> Hazard:
        """Return the hazard of times that are ``factor`` times as long."""
        if factor == 1.0:
            return self
        starts = tuple(start * factor for start in self.starts_months)
        return Hazard(self.shape, self.scale_months * factor, starts, self.slopes)

    def times_from(self, starts_months: tuple[float, ...], ratios: tuple[float, ...]) -> Hazard:
        """Return the hazard multiplied by ``ratios[j]`` from ``starts_months[j]`` on."""
        starts = tuple(sorted(set(self.starts_months) | set(starts_months)))
        slopes = tuple(
            _value_at(start, self.starts_months, self.slopes)
            * _value_at(start, starts_months, ratios)
            for start in starts
        )
        return Hazard(self.shape, self.scale_months, starts, slopes)


def median_of(
    hazard: Hazard, log: Callable[[float], float], exp: Callable[[float], float]
) -> float:
    """Median of a hazard in months, from the ``log`` and ``exp`` given; infinite if there is none.

    `Hazard.quantile` gives the same with NumPy's own, whose bits differ by processor.
    """

    def power(base: float, exponent: float) -> float:
        return exp(exponent * log(base)) if base > 0.0 else 0.0

    left, at_start = log(2.0), 0.0
    starts = [power(start / hazard.scale_months, hazard.shape) for start in hazard.starts_months]
    for start, end, slope in zip(starts, [*starts[1:], math.inf], hazard.slopes, strict=True):
        if slope > 0.0 and at_start + slope * (end - start) >= left:
            clock = start + (left - at_start) / slope
            return hazard.scale_months * power(clock, 1.0 / hazard.shape)
        at_start += slope * (end - start) if end < math.inf else 0.0
    return math.inf


def _value_at(month: float, starts: tuple[float, ...], values: tuple[float, ...]) -> float:
    """Value of a step function at ``month``."""
    return values[bisect_right(starts, month) - 1]


def constant_hazard_ratio(experimental: Hazard, control: Hazard) -> float | None:
    """Hazard ratio of two arms if it is the same at all times, else None.

    A Weibull with slope ``s`` has cumulative hazard ``s * (t / scale) ** shape``, so two hazards of
    one shape are proportional when ``slope / scale ** shape`` has one ratio on every piece.
    """
    if experimental.shape != control.shape:
        return None
    clocks = (control.scale_months / experimental.scale_months) ** control.shape
    starts = sorted(set(experimental.starts_months) | set(control.starts_months))
    ratios = []
    for start in starts:
        top = _value_at(start, experimental.starts_months, experimental.slopes)
        bottom = _value_at(start, control.starts_months, control.slopes)
        if top == 0.0 and bottom == 0.0:
            continue
        if bottom == 0.0:
            return None
        ratios.append(clocks * top / bottom)
    if not ratios or max(ratios) - min(ratios) > 1e-9 * max(ratios):
        return None
    return float(ratios[0])
