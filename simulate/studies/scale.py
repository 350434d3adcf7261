"""Coordinates in which the probit of a power is about linear.

The mean of a log-rank statistic is proportional to the root of the number of events (Schoenfeld,
Biometrika 68, 1981, 316-319), and it is the events that there are which count, not those that were
planned: towards the end of all follow-up more planned events, or more months, bring hardly any. So
over events and months the coordinate is the root of the mean number of events seen at the final
look, which is known far better than the power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from simulate.results.quantiles import FloatArray
from simulate.scenario.survival_tests import OfRiskSets
from simulate.studies.closed import counts_its_own
from simulate.studies.curve import Point
from simulate.studies.levers import EVENTS, FOLLOW_UP, Lever

# Least rise of the root of events, as a share of that over the whole range: none is flat.
LEAST_RISE = 1e-6
# Tangents that hardly differ meet anywhere.
LEAST_FALL = 1e-3


def is_by_events(lever: Lever) -> bool:
    """Whether the power depends on the figure through the number of events seen."""
    test = lever.scenario.hypotheses[lever.hypothesis].test
    return lever.over in {EVENTS, FOLLOW_UP} and isinstance(test, OfRiskSets)


class Scale:
    """From coordinates of a lever to those of the line, and back.

    Parameters
    ----------
    lever : Lever
        What is varied.
    points : sequence of Point
        Values that have been looked at, one at least. Between them the root of the mean number of
        events is taken to be straight; where it is known how it rises at the points, it is that of
        the lower of the two tangents.
    """

    def __init__(self, lever: Lever, points: Sequence[Point]) -> None:
        self._knots: tuple[FloatArray, FloatArray] | None = None
        if is_by_events(lever):
            values = np.array([point.value for point in points])
            weights = np.array([float(point.power.n_trials) for point in points])
            seen = np.array([point.counts.events.mean().value for point in points])
            seen = isotonic(np.nan_to_num(seen), weights)
            if _rises_with_plan(lever):
                short = np.array([point.counts.short.estimate().value for point in points])
                values, seen = _with_corners(values, seen, 1.0 - isotonic(short, weights))
            own = np.array([lever.coordinate(value) for value in values])
            self._knots = _rising(own, np.sqrt(seen))

    @property
    def is_measured(self) -> bool:
        """Whether the coordinates are roots of numbers of events."""
        return self._knots is not None

    def of(self, own: float) -> float:
        """Coordinate of the line."""
        if self._knots is None:
            return own
        return _straight(own, *self._knots)

    def own_at(self, at: float) -> float:
        """Coordinate of the lever; the inverse of `of`."""
        if self._knots is None or not math.isfinite(at):
            return at
        own, roots = self._knots
        return _straight(at, roots, own)


def _rises_with_plan(lever: Lever) -> bool:
    """Whether one event more that is planned is one more seen, in trials that have so many."""
    scenario = lever.scenario
    chosen = scenario.hypotheses[lever.hypothesis]
    trigger = scenario.analyses[chosen.analyses[-1]].trigger
    return lever.over == EVENTS and counts_its_own(scenario, chosen, trigger)


def _with_corners(
    planned: FloatArray, seen: FloatArray, slopes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Add points where the tangents of neighbours meet: what is seen rises ever more slowly.

    Parameters
    ----------
    planned, seen : FloatArray, shape (n,)
        Planned numbers of events, and the means of those that are seen.
    slopes : FloatArray, shape (n,)
        Share of the trials that have so many events: by so much the mean rises with one more.
    """
    x, y = [planned[0]], [seen[0]]
    for k in range(1, len(planned)):
        fall = slopes[k - 1] - slopes[k]
        if fall > LEAST_FALL:
            rise = seen[k] - slopes[k] * planned[k] - (seen[k - 1] - slopes[k - 1] * planned[k - 1])
            corner = rise / fall
            if planned[k - 1] < corner < planned[k]:
                x.append(corner)
                y.append(seen[k - 1] + slopes[k - 1] * (corner - planned[k - 1]))
        x.append(planned[k])
        y.append(max(seen[k], y[-1]))
    return np.array(x), np.array(y)


def isotonic(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Rising values nearest to some values, in order, by weighted squares; shape (n,)."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415

    return np.asarray(isotonic_regression(values, weights=weights).x, dtype=np.float64)


def _rising(own: FloatArray, roots: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Knots that rise strictly; a single one becomes two on a line through the origin."""
    if len(own) == 1:
        slope = float(roots[0] / own[0]) if own[0] > 0.0 else max(float(roots[0]), 1.0)
        own = np.array([own[0], own[0] + 1.0])
        roots = np.array([roots[0], roots[0] + slope])
    least = LEAST_RISE * max(float(roots[-1]), 1.0) / (own[-1] - own[0])
    # Added to the whole, so that the order is kept where it is flat.
    return own, roots + least * (own - own[0])


def _straight(at: float, x: FloatArray, y: FloatArray) -> float:
    """Value of straight lines between knots, continued beyond them."""
    k = min(max(int(np.searchsorted(x, at)), 1), len(x) - 1)
    share = (at - x[k - 1]) / (x[k] - x[k - 1])
    return float(y[k - 1] + share * (y[k] - y[k - 1]))
