"""The search for the value of a figure at which a trial has a power, by simulation.

Every point of the search has trials of its own: the trials of the seed are dealt out in their
order, each to one point, so that the counts of all points are independent, and the error of the
answer follows from a fit to them. (With one set of trials for all points the curve would be
smoother, but the answer no surer: its error is that of the height of the curve, which common random
numbers leave as it is.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from simulate.scenario.comparisons import critical_values
from simulate.studies.curve import Point
from simulate.studies.fit import Limits, ProbitLine, fit_probit
from simulate.studies.in_words import (
    bound_of,
    ended_after,
    interval_text,
    power_text,
    value_text,
    why_not,
)
from simulate.studies.levers import EVENTS, PROPORTIONAL_REACH, Lever
from simulate.studies.points import PILOT_TRIALS, SURE, Found, Goal, Interval, Points
from simulate.studies.scale import Scale, isotonic

LEVEL = 0.95
# Of a value that ends the range, before it is called undecided.
MOST_END_TRIALS = 32_000
# Probits around the target whose points make the line: at first, and once most trials are near.
WIDE = 0.8
NEAR = 0.3
# Probits from the target at which new points are set, on both sides of it.
STEP = 0.15
# Each round has at least this share of the trials so far, and at most so many times as many.
LEAST_GROWTH = 0.5
MOST_GROWTH = 3.0
# Share of the slope that a test statistic proportional to the coordinate would have, from which on
# a slope, with one standard error more, is not too flat for a line.
LEVEL_SLOPE = 0.75
# Share of the trials without their events from which on one more that is planned hardly counts.
MOST_SHORT = 0.25
# Share of the way to an end at a step, where no approximation tells how far to go, and share of the
# range from which on the end itself is next.
STRIDE = 0.3
NEAR_END = 0.05
# Probits above alpha that tell nothing of the slope.
LITTLE = 0.2
# Reach of the points that make the line: in half-widths of the interval that is asked for, and of
# that which there is.
TOLERANCES = 12.0
HALF_WIDTHS = 3.0
MOST_ROUNDS = 60
MOST_BRACKETING = 40


Tell = Callable[[str], None]


def search(
    lever: Lever, goal: Goal, points: Points, start: float, tell: Tell | None = None
) -> Found:
    """Find the value at which the power is reached.

    First values on both sides of it are looked for, each step by the normal approximation from the
    point before. Then rounds of three points close to where a probit line through the points so far
    reaches the power, until the interval of that place is narrow enough. Only points near it make
    the line, so that it need not be straight elsewhere; which these are is decided by their values,
    not by their counts.

    Parameters
    ----------
    lever : Lever
        What is varied.
    goal : Goal
        The power, the range and the precision.
    points : Points
        Where trials come from.
    start : float
        First value to look at.
    tell : callable, optional
        Told, in words, how the search stands after each round.

    Returns
    -------
    Found
    """
    return _Search(lever, goal, points, tell or (lambda _: None)).run(start)


class _Search:
    """One search; ``weak`` and ``strong`` are the ends of the range with less and more power."""

    def __init__(self, lever: Lever, goal: Goal, points: Points, tell: Tell) -> None:
        self.lever = lever
        self.goal = goal
        self.points = points
        self.tell = tell
        ends = (goal.low, goal.high)
        self.weak, self.strong = ends if lever.rises else ends[::-1]
        # Where there is no information, power is alpha.
        limits = critical_values(lever.scenario, lever.hypothesis)
        self.at_none = -min(limits.values())
        # Distance, in coordinates, up to which points make the line.
        self.reach = math.inf
        self.scale: Scale
        # Whether the points that make the line are near the place.
        self.is_near = False

    def run(self, start: float) -> Found:
        """Bracket, then refine."""
        return self._bracket(start) or self._refine()

    # Bracketing ---------------------------------------------------------------------------------

    def _bracket(self, start: float) -> Found | None:
        """Look at values until some have less and some more than the power.

        Returns what was found if an end of the range settles it.
        """
        value = self._within(start)
        for _ in range(MOST_BRACKETING):
            if value not in self.points:
                self.points.add({value: PILOT_TRIALS})
            if self.points.is_spent:
                return None
            below, above = self._sides()
            if below and above:
                return None
            if below:
                if self.strong in self.points:
                    return self._at_strong_end()
                value = self._towards(self.strong, max(below, key=self._place))
            else:
                if self.weak in self.points:
                    return self._at_weak_end()
                value = self._towards(self.weak, min(above, key=self._place))
        return None

    def _sides(self) -> tuple[list[Point], list[Point]]:
        """Points with less than the power, and those with it."""
        every = self.points.in_order()
        below = [point for point in every if point.power.value < self.goal.power]
        return below, [point for point in every if point.power.value >= self.goal.power]

    def _towards(self, end: float, point: Point) -> float:
        """Next value on the way to an end: past where the normal approximation sees the power."""
        here, last = self._place(point), self.lever.coordinate(end)
        if self.lever.is_proportional:
            there = here * self._factor(point, up=end == self.strong)
        else:
            there = here + STRIDE * (last - here)
        first = self.lever.coordinate(self.weak if end == self.strong else self.strong)
        if abs(last - there) <= NEAR_END * abs(last - first):
            return end
        value = self._within(self.lever.value_at(there))
        return end if value in self.points else value

    def _factor(self, point: Point, *, up: bool) -> float:
        """How many times the coordinate of a point has the power, and a tenth further.

        Neither too near nor too far at once; twice or half where the point tells nothing.
        """
        n = point.power.n_trials
        p = min(max(point.power.value, 0.5 / n), 1.0 - 0.5 / n)
        seen = NormalDist().inv_cdf(p) - self.at_none
        factor = (self.goal.probit - self.at_none) / seen if seen > LITTLE else 2.0 if up else 0.5
        return min(max(1.1 * factor, 1.15), 3.0) if up else max(min(0.9 * factor, 0.85), 0.3)

    def _at_strong_end(self) -> Found | None:
        """Say that the power is not reached, once that is sure; None if it may be."""
        end = self._settled(self.strong)
        if end.power.value < self.goal.power - SURE * end.power.mcse:
            return Found(None, Interval(None, None), self._why_not(end))
        return None

    def _at_weak_end(self) -> Found | None:
        """Say that every value has the power, once that is sure."""
        end = self._settled(self.weak)
        if end.power.value < self.goal.power + SURE * end.power.mcse:
            return None
        text = value_text(self.lever, self.weak)
        reason = f"the range begins there: the power at {text} is {power_text(end.power)} already"
        return Found(self.weak, Interval(self.weak, self.weak), reason)

    def _settled(self, value: float) -> Point:
        """Point with as many trials as tell its power from the target, or as there may be."""
        point = self.points[value]
        while (
            abs(point.power.value - self.goal.power) < SURE * point.power.mcse
            and point.power.n_trials < MOST_END_TRIALS
            and not self.points.is_spent
        ):
            self.points.add({value: point.power.n_trials})
            point = self.points[value]
        return point

    # Refining -----------------------------------------------------------------------------------

    def _refine(self) -> Found:
        """Rounds of points about the place where the line reaches the power."""
        line = None
        for _ in range(MOST_ROUNDS):
            line = self._fit(line)
            if line is None:
                if self.points.is_spent or not self._add_between():
                    break
                continue
            limits = self._limits_of(line)
            self._set_reach(line)
            self._tell_round(line, limits)
            is_done = self.is_near and self._is_narrow(line, limits)
            if is_done or self.points.is_spent:
                break
            self._add_about(line, limits)
        return self._conclude(line)

    def _fit(self, last: ProbitLine | None) -> ProbitLine | None:
        """Line through the points near the place; None while they determine none."""
        every = self.points.in_order()
        self.scale = Scale(self.lever, every)
        # With more events seen the coordinates have changed a little, and the line with them.
        line = last or self._first_line()
        for width in (WIDE, WIDE, NEAR, NEAR):
            if line is None or line.slope <= 0.0:
                return None
            near = self._near(line, width)
            enough = sum(p.power.n_trials for p in near) >= 0.6 * self.points.n_trials
            if width == WIDE:
                self.is_near = len(near) >= 2
            if len(near) < 2 or (width == NEAR and not (enough and len(near) > 2)):
                # Not yet near: what there is tells where to look next.
                return line
            line = _line_through(self.lever, self.scale, near) or line
        return line

    def _near(self, line: ProbitLine, width: float) -> list[Point]:
        """Points that lie, by a line, within some probits of the power, and within its reach."""
        place = line.place_of(self.goal.probit)
        reach = min(self.reach, self._widest_reach(place))
        return [
            point
            for point in self.points.in_order()
            if abs(line.probit(self.scale.of(self._place(point))) - self.goal.probit) <= width
            and abs(self.scale.of(self._place(point)) - place) <= reach
        ]

    def _widest_reach(self, place: float) -> float:
        """Distance from a place over which a line may be trusted."""
        if self.scale.is_measured:
            return PROPORTIONAL_REACH * abs(place)
        return self.lever.reach(place)

    def _of_line(self, line: ProbitLine) -> float:
        """Coordinate of the lever at which a line reaches the power."""
        return self.scale.own_at(line.place_of(self.goal.probit))

    def _limits_of(self, line: ProbitLine) -> Limits:
        """Limits of that coordinate."""
        low, high = line.limits_of(self.goal.probit, LEVEL)
        return Limits(self.scale.own_at(low), self.scale.own_at(high))

    def _set_reach(self, line: ProbitLine) -> None:
        """Let fewer points make the line the better the place is known.

        So what the curve departs from a line becomes small beside the interval that is asked for,
        while the points stay far enough from each other to tell the slope.
        """
        place, limits = line.place_of(self.goal.probit), line.limits_of(self.goal.probit, LEVEL)
        value = self.lever.value_at(self._of_line(line))
        beyond = self.lever.coordinate(value + self._tolerance(value))
        narrow = abs(self.scale.of(beyond) - place)
        wanted = max(TOLERANCES * narrow, HALF_WIDTHS * 0.5 * (limits.high - limits.low))
        self.reach = min(self._widest_reach(place), wanted)

    def _first_line(self) -> ProbitLine | None:
        """Line through the nearest points on both sides of the power."""
        below, above = self._sides()
        if not (below and above):
            return _line_through(self.lever, self.scale, self.points.in_order())
        nearest = max(below, key=self._place), min(above, key=self._place)
        return _line_through(self.lever, self.scale, nearest)

    def _add_between(self) -> bool:
        """Look between the nearest points on both sides, or again at them; False if there is none.

        Chance may have put them in the wrong order: more trials tell.
        """
        below, above = self._sides()
        if not (below and above):
            return False
        weaker, stronger = max(below, key=self._place), min(above, key=self._place)
        middle = 0.5 * (self._place(weaker) + self._place(stronger))
        value = self._within(self.lever.value_at(middle))
        trials = {p.value: p.power.n_trials for p in (weaker, stronger)}
        if value not in self.points:
            trials[value] = PILOT_TRIALS
        self.points.add(trials)
        return True

    def _add_about(self, line: ProbitLine, limits: Limits) -> None:
        """Simulate new trials about the place where the line reaches the power."""
        place = line.place_of(self.goal.probit)
        # Two thirds, so that the points of the next round are still near.
        step = min(STEP / line.slope, 2.0 / 3.0 * self.reach)
        places = (place - step, place, place + step)
        if self._levels_off(line):
            # Only where the power still rises it tells what is too little.
            own = min(self._isotonic_place(), self.lever.coordinate(self.strong))
            place = self.scale.of(own)
            step = 0.5 * self._widest_reach(place)
            places = (place - 2.0 * step, place - step, place)
        values = {self._within(self.lever.value_at(self.scale.own_at(at))) for at in places}
        if len(values) < 2 and self.lever.is_whole:
            only = values.pop()
            values = {self._within(only - 1.0), only, self._within(only + 1.0)}
        n_so_far = self.points.n_trials
        half = self._half_width(limits)
        wanted = self._tolerance(self.lever.value_at(self._of_line(line)))
        growth = (half / wanted) ** 2 - 1.0 if math.isfinite(half) else 1.0
        n_new = min(max(growth, LEAST_GROWTH), MOST_GROWTH) * max(n_so_far, 3 * PILOT_TRIALS)
        self.points.add(dict.fromkeys(sorted(values), math.ceil(n_new / len(values))))

    def _half_width(self, limits: Limits) -> float:
        """Half the width of an interval, in values; infinite if it has no end."""
        if not all(map(math.isfinite, limits)):
            return math.inf
        ends = [self.lever.value_at(at) for at in limits]
        return 0.5 * abs(ends[1] - ends[0])

    def _tolerance(self, value: float) -> float:
        """Half-width of an interval about a value that is narrow enough."""
        wanted = self.goal.precision * abs(value)
        # Whole numbers are not told apart further; days of follow-up not either.
        least = 0.5 if self.lever.is_whole else 0.0 if not self.lever.rises else 1.0 / 30.4375
        return max(wanted, least)

    def _is_narrow(self, line: ProbitLine, limits: Limits) -> bool:
        value = self.lever.value_at(self._of_line(line))
        return self._half_width(limits) <= self._tolerance(value)

    def _conclude(self, line: ProbitLine | None) -> Found:
        """Answer from the last line."""
        if line is None or line.slope <= 0.0:
            nothing = Interval(None, None)
            return Found(None, nothing, "too few trials to tell where the power is reached")
        place, limits = self._of_line(line), self._limits_of(line)
        levels_off = self._levels_off(line)
        if line.is_uneven or levels_off or not self.is_near:
            limits = self._sure_limits()
            place = self._isotonic_place()
        interval = self._interval(limits)
        first, last = self.lever.coordinate(self.weak), self.lever.coordinate(self.strong)
        if place > last:
            reason = self._why_not(self._strongest(), undecided=limits.low <= last)
            return Found(None, interval, reason, line.is_uneven, levels_off, line, self.scale)
        value = self.lever.rounded_up(self.lever.value_at(max(place, first)))
        reasons = []
        if levels_off:
            bound = bound_of(self.lever, self.points, self._strongest())
            reasons.append(f"the power levels off there: {bound}")
        if self.points.is_spent and self._half_width(limits) > self._tolerance(value):
            end = ended_after(self.points)
            reasons.append(f"{end} before the interval was as narrow as asked for")
        reason = "; ".join(reasons)
        return Found(value, interval, reason, line.is_uneven, levels_off, line, self.scale)

    def _levels_off(self, line: ProbitLine) -> bool:
        """Whether the power hardly rises any more where it is reached, and no line describes it.

        On a scale on which the mean of the test statistic is proportional to the coordinate, the
        slope is known: it leads from alpha at 0 to the power. On others it must be sure that the
        line rises at all. Nor is there a line where events are planned that many trials never have.
        """
        error = math.sqrt(float(line.covariance[1, 1]))
        if line.slope < SURE * error:
            return True
        if self._share_short(self._of_line(line)) > MOST_SHORT:
            return True
        place = line.place_of(self.goal.probit)
        wanted = self.goal.probit - self.at_none
        is_proportional = self.lever.is_proportional or self.scale.is_measured
        return is_proportional and (line.slope + error) * place < LEVEL_SLOPE * wanted

    def _share_short(self, own: float) -> float:
        """Share of the trials whose final look never has its events, about a coordinate."""
        if self.lever.over != EVENTS:
            return 0.0
        points = sorted(self.points.in_order(), key=self._place)
        shares = [point.counts.short.estimate().value for point in points]
        return float(np.interp(own, [self._place(point) for point in points], shares))

    def _isotonic_place(self) -> float:
        """Place where powers that only rise reach the target: pooled where they fall by chance.

        Straight lines lie between the points; infinite if they do not reach it.
        """
        points = sorted(self.points.in_order(), key=self._place)
        shares = np.array([point.power.value for point in points])
        powers = isotonic(shares, np.array([float(p.power.n_trials) for p in points]))
        reached = np.flatnonzero(powers >= self.goal.power)
        if len(reached) == 0:
            return math.inf
        first, before = int(reached[0]), max(int(reached[0]) - 1, 0)
        at, past = self._place(points[before]), self._place(points[first])
        if first == before:
            return past
        share = (self.goal.power - powers[before]) / (powers[first] - powers[before])
        return float(at + share * (past - at))

    def _sure_limits(self) -> Limits:
        """Limits that need no line: the nearest points that are surely below and above the power.

        Sure at the level together, by Bonferroni's inequality, if only power rises.
        """
        points = self.points.in_order()
        quantile = NormalDist().inv_cdf(1.0 - 0.5 * (1.0 - LEVEL) / len(points))
        surplus = [(p.power.value - self.goal.power) / p.power.mcse for p in points]
        places = [self._place(point) for point in points]
        below = [at for at, z in zip(places, surplus, strict=True) if z < -quantile]
        above = [at for at, z in zip(places, surplus, strict=True) if z > quantile]
        return Limits(max(below, default=-math.inf), min(above, default=math.inf))

    def _interval(self, limits: Limits) -> Interval:
        """Interval of values; rounded as the answer is, so that it covers it as often."""
        first, last = self.lever.coordinate(self.weak), self.lever.coordinate(self.strong)
        weak = self.lever.rounded_up(self.lever.value_at(max(limits.low, first)))
        strong = self.lever.rounded_up(self.lever.value_at(min(limits.high, last)))
        low = None if limits.low > last else weak
        high = None if limits.high > last else strong
        return Interval(low, high) if self.lever.rises else Interval(high, low)

    # What both share ----------------------------------------------------------------------------

    def _place(self, point: Point) -> float:
        return self.lever.coordinate(point.value)

    def _within(self, value: float) -> float:
        """Value in the range, whole if it has to be."""
        if self.lever.is_whole:
            value = float(round(value))
        return min(max(value, self.goal.low), self.goal.high)

    def _tell_round(self, line: ProbitLine, limits: Limits) -> None:
        at = self.lever.value_at(self._of_line(line))
        interval = self._interval(limits)
        self.tell(
            f"{self.points.n_trials:,} trials: about {value_text(self.lever, at)}"
            f" ({interval_text(self.lever, interval, self.goal)})"
        )

    def _why_not(self, end: Point, *, undecided: bool = False) -> str:
        return why_not(self.lever, self.goal, self.points, end, self.at_none, undecided=undecided)

    def _strongest(self) -> Point:
        """Point with the largest power that the range should have."""
        return max(self.points.in_order(), key=self._place)


def _line_through(
    lever: Lever, scale: Scale, points: list[Point] | tuple[Point, ...]
) -> ProbitLine | None:
    """Line through points; None if there is none, or it falls."""
    line = fit_probit(
        [scale.of(lever.coordinate(point.value)) for point in points],
        [point.counts.rejected.successes for point in points],
        [point.counts.rejected.n_trials for point in points],
    )
    return None if line is None or line.slope <= 0.0 else line
