"""Composite distributions in the one form that all else knows: `Hazard`, as a table.

Time is halved until a cubic fits the marginal cumulative hazard (cubics need few of the slow
logarithms); each cubic is then cut into as many lines as its second derivative asks for.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from simulate.scenario.composite import Composite
from simulate.scenario.hazards import Hazard

RealFunction = Callable[[float], float]

# The number of pieces of a table grows without bound as a shape goes to 0.
SHAPES = (0.1, 100.0)
# A table ends where fewer than so many are still to have the event; with tails heavier than any
# patients have, which would take thousands of pieces, at a thousand million months.
_REMAINING = 1e-9
_LAST_MONTH = 1e9
# Largest errors of survival: of the cubics between points where it is computed, of the straight
# lines between points of the cubics, and of a single line where the cumulative hazard hardly rises.
_CUBIC_ERROR = 2e-8
_LINE_ERROR = 7e-8
_NEGLIGIBLE_RISE = 5e-9
# No panel is divided that is shorter in proportion to its month: rounding of months would show in
# hazards of millions a month.
_SHORTEST = 1e-11
# exp(-700) and exp(600) are still far from what a double cannot hold.
_HIGHEST_CUMULATIVE = 700.0
_HIGHEST_LOG_CLOCK = 600.0


class ShapeError(ValueError):
    """A Weibull shape with which no composite distribution is tabulated; its text is the rule."""


@lru_cache(maxsize=256)
def marginal_hazard(
    composite: Composite, log: RealFunction = math.log, exp: RealFunction = math.exp
) -> Hazard:
    """Hazard of patients whose frailty, cure and component nobody knows.

    Parameters
    ----------
    composite : Composite
        The distribution.
    log, exp : callable
        Natural logarithm and exponential of one float; nothing else but ``+ - * /`` and square
        roots makes the figures of a table.

    Returns
    -------
    Hazard
        The composite's own where it is plain. Otherwise a table on the clock of months whose
        survival is right to 1e-7, absolutely, up to month 1e9. Some 2,000 pieces are usual. Its
        last slope is 0 if some never have the event.

    Raises
    ------
    ShapeError
        If a Weibull shape is out of `SHAPES`.
    ArithmeticError, ValueError
        If the figures are too extreme for floating point.
    """
    if composite.is_plain:
        return composite.hazards[0]
    low, high = SHAPES
    for hazard in composite.hazards:
        if not low <= hazard.shape <= high:
            raise ShapeError(
                f"must give a Weibull shape from {low:g} to {high:g} where there is frailty, a "
                f"cured fraction or a mixture, not {hazard.shape:.4g}"
            )
    return _Tabulation(composite, log, exp).hazard()


class _Piece(NamedTuple):
    """A component over a stretch of time in which its cumulative hazard is linear in its clock."""

    weight: float
    shape: float
    scale_months: float
    clock: float
    cumulative: float
    slope: float


class _Point(NamedTuple):
    """The marginal distribution at one month: cumulative hazard, hazard, survival."""

    month: float
    cumulative: float
    rate: float
    survival: float


class _Tabulation:
    """A composite's cumulative hazard, approximated by straight lines."""

    def __init__(self, composite: Composite, log: RealFunction, exp: RealFunction) -> None:
        self._log, self._exp = log, exp
        self._frailty_variance = composite.frailty_variance
        self._cured = composite.cured
        self._scale = min(hazard.scale_months for hazard in composite.hazards)
        parts = zip(composite.weights, composite.hazards, strict=True)
        self._components = [(hazard.starts_months, self._pieces(w, hazard)) for w, hazard in parts]
        self._starts = sorted({s for hazard in composite.hazards for s in hazard.starts_months})
        self._plateau = self._never()

    def hazard(self) -> Hazard:
        """Return the table."""
        # One line to the first month: a Weibull hazard may be infinite at 0.
        knots = [(0.0, 0.0)]
        month = self._first_month()
        left = self._at(month, self._pieces_at(month))
        while not self._is_last(left):
            starts = self._starts[bisect_right(self._starts, left.month) :]
            month = min([2.0 * left.month, *starts[:1]])
            pieces = self._pieces_at(left.month)
            right = self._at(month, pieces)
            knots += self._panel(left, right, pieces)
            # Where pieces start, the hazard may jump.
            left = self._at(month, self._pieces_at(month)) if month in starts[:1] else right
        knots.append((left.month, left.cumulative))
        slopes = [
            # Rounding may let a level cumulative hazard fall.
            max(0.0, (after - before) / (end - start))
            for (start, before), (end, after) in pairwise(knots)
        ]
        slopes.append(left.rate if self._plateau == 0.0 else 0.0)
        return Hazard(1.0, 1.0, tuple(month for month, _ in knots), tuple(slopes))

    def _is_last(self, point: _Point) -> bool:
        """Whether the table may end here: nearly all who ever have the event have had it."""
        if point.month >= _LAST_MONTH:
            return True
        goes_on = self._plateau > 0.0 or point.rate > 0.0
        return goes_on and point.survival - self._plateau <= _REMAINING

    def _first_month(self) -> float:
        """Month before which hardly anything happens."""
        month = self._scale
        while self._at(month, self._pieces_at(month)).cumulative > _NEGLIGIBLE_RISE:
            month *= 0.5
        return month

    def _panel(
        self, left: _Point, right: _Point, pieces: list[_Piece]
    ) -> Iterator[tuple[float, float]]:
        """Months and cumulative hazards at the starts of the lines from ``left`` to ``right``."""
        ends = [right]
        while ends:
            right = ends[-1]
            rise = left.survival * (right.cumulative - left.cumulative)
            short = right.month - left.month <= _SHORTEST * right.month
            if short or rise <= _NEGLIGIBLE_RISE:
                yield left.month, left.cumulative
                left = ends.pop()
                continue
            middle = self._at(0.5 * (left.month + right.month), pieces)
            if _is_cubic(left, middle, right):
                yield from _lines(left, right)
                left = ends.pop()
            else:
                ends.append(middle)

    def _pieces(self, weight: float, hazard: Hazard) -> list[_Piece]:
        """Every piece of a component."""
        shape, scale = hazard.shape, hazard.scale_months
        pieces: list[_Piece] = []
        cumulative = 0.0
        for start, slope in zip(hazard.starts_months, hazard.slopes, strict=True):
            clock = self._clock(shape, scale, start) if start > 0.0 else 0.0
            if pieces:
                cumulative += pieces[-1].slope * (clock - pieces[-1].clock)
            pieces.append(_Piece(weight, shape, scale, clock, cumulative, slope))
        return pieces

    def _pieces_at(self, month: float) -> list[_Piece]:
        """Piece of each component that holds from a month on."""
        return [pieces[bisect_right(starts, month) - 1] for starts, pieces in self._components]

    def _clock(self, shape: float, scale: float, month: float) -> float:
        """Weibull clock ``(month / scale) ** shape``."""
        if shape == 1.0:
            return month / scale
        return self._exp(min(shape * self._log(month / scale), _HIGHEST_LOG_CLOCK))

    def _at(self, month: float, pieces: list[_Piece]) -> _Point:
        """Marginal distribution at a month above 0 for which ``pieces`` hold."""
        v = self._frailty_variance
        survival, density = self._cured, 0.0
        for piece in pieces:
            clock = self._clock(piece.shape, piece.scale_months, month)
            cumulative = piece.cumulative + piece.slope * (clock - piece.clock)
            rate = piece.slope * piece.shape * clock / month
            if not (math.isfinite(cumulative * (1.0 + v)) and math.isfinite(rate)):
                raise OverflowError(f"hazard at month {month}")
            part = self._share(piece.weight, cumulative)
            survival += part
            density += part * rate / (1.0 + v * cumulative)
        return _Point(month, -self._log(survival), density / survival, survival)

    def _never(self) -> float:
        """Probability of never having the event."""
        survival = self._cured
        for _, pieces in self._components:
            last = pieces[-1]
            if last.slope == 0.0:
                survival += self._share(last.weight, last.cumulative)
        return survival

    def _share(self, weight: float, cumulative: float) -> float:
        """Share of all patients that are in a component and event-free, over all frailties."""
        v = self._frailty_variance
        if v > 0.0:
            excess = v * cumulative
            total = 1.0 + excess
            # log(1 + x) with the digits of a small x: log(y) / (y - 1) is the same for all near y.
            if total > 1.0:
                cumulative = self._log(total) * (excess / (total - 1.0)) / v
        survival = self._exp(-min(cumulative, _HIGHEST_CUMULATIVE))
        return (1.0 - self._cured) * weight * survival


def _is_cubic(left: _Point, middle: _Point, right: _Point) -> bool:
    """Whether the cubic with the values and slopes of both ends is right in the middle, and rises.

    Its error is largest in the middle, and its slope there is right, to the first order; an error
    of the next order turns its slope. It rises where neither slope exceeds three times the mean.
    """
    width = right.month - left.month
    mean = (right.cumulative - left.cumulative) / width
    value = 0.5 * (left.cumulative + right.cumulative) + 0.125 * width * (left.rate - right.rate)
    slope = 1.5 * mean - 0.25 * (left.rate + right.rate)
    error = max(abs(value - middle.cumulative), 0.15 * width * abs(slope - middle.rate))
    return left.survival * error <= _CUBIC_ERROR and max(left.rate, right.rate) <= 3.0 * mean


def _lines(left: _Point, right: _Point) -> Iterator[tuple[float, float]]:
    """Starts of lines along the cubic: a line over ``d`` months errs by ``d ** 2 / 8`` bends."""
    width = right.month - left.month
    mean = (right.cumulative - left.cumulative) / width
    square = 3.0 * mean - 2.0 * left.rate - right.rate
    cube = left.rate + right.rate - 2.0 * mean
    # The second derivative of a cubic is largest at an end.
    bend = max(abs(2.0 * square), abs(2.0 * square + 6.0 * cube)) * width
    n_lines = 1 + int(math.sqrt(left.survival * bend / (8.0 * _LINE_ERROR)))
    for i in range(n_lines):
        u = i / n_lines
        rise = width * u * (left.rate + u * (square + u * cube))
        yield left.month + width * u, left.cumulative + rise
