"""From the figures that a distribution is given by to hazards.

The conversions use only ``+ - * /`` and the ``log`` and ``exp`` given, so that a caller with
reproducible ones gets the same bits on every machine.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from simulate.scenario.composite import Composite
from simulate.scenario.distributions import (
    Composed,
    Exponential,
    PiecewiseExponential,
    SurvivalPoint,
    Weibull,
)
from simulate.scenario.hazards import Hazard
from simulate.scenario.kinds import Mixture
from simulate.scenario.tabulation import RealFunction


def composite_of(
    distribution: Exponential | Weibull | PiecewiseExponential | Mixture,
    log: RealFunction = math.log,
    exp: RealFunction = math.exp,
) -> Composite:
    """Conditional hazards, frailty and cured fraction of a distribution, as in `hazard_of`."""
    if isinstance(distribution, Mixture):
        weights = [component.weight for component in distribution.components]
        total = sum(weights)
        composite = Composite(
            tuple(weight / total for weight in weights),
            tuple(_conditional(component, log, exp) for component in distribution.components),
        )
    else:
        composite = Composite((1.0,), (_conditional(distribution, log, exp),))
    return with_stated(distribution, composite)


def with_stated(definition: object, composite: Composite) -> Composite:
    """Put the frailty and the cured fraction that a table states into a composite."""
    if not isinstance(definition, Composed):
        return composite
    variance, cured = definition.frailty_variance, definition.cured
    return replace(
        composite,
        frailty_variance=composite.frailty_variance if variance is None else variance,
        cured=composite.cured if cured is None else cured,
    )


def _conditional(
    distribution: Exponential | Weibull | PiecewiseExponential,
    log: RealFunction,
    exp: RealFunction,
) -> Hazard:
    """Hazard that the figures themselves give: of the uncured, at mean frailty."""
    if isinstance(distribution, Exponential):
        return Hazard(1.0, 1.0, (0.0,), (_exponential_rate(distribution, log),))
    if isinstance(distribution, Weibull):
        return _weibull(distribution, log, exp)
    if distribution.rates_per_month is not None:
        steps = distribution.rates_per_month
        starts = tuple(step.from_month for step in steps)
        return Hazard(1.0, 1.0, starts, tuple(step.rate for step in steps))
    return _piecewise_through(distribution.survival or (), log)


def _exponential_rate(distribution: Exponential, log: RealFunction) -> float:
    """Rate from S(t) = exp(-rate t)."""
    if distribution.rate_per_month is not None:
        return distribution.rate_per_month
    if distribution.median_months is not None:
        return log(2.0) / distribution.median_months
    assert distribution.survival is not None
    return -log(distribution.survival.probability) / distribution.survival.month


def _weibull(distribution: Weibull, log: RealFunction, exp: RealFunction) -> Hazard:
    """Shape and scale from S(t) = exp(-(t / scale)^shape), so -log S(t) = (t / scale)^shape."""
    shape, scale = distribution.shape, distribution.scale_months
    if shape is None:
        (first, high), (second, low) = distribution.points
        shape = log(log(low) / log(high)) / log(second / first)
    if scale is None:
        month, probability = distribution.points[0]
        cumulative = log(2.0) if probability == 0.5 else -log(probability)
        scale = month / exp(log(cumulative) / shape)
    return Hazard(shape, scale, (0.0,), (1.0,))


def _piecewise_through(points: tuple[SurvivalPoint, ...], log: RealFunction) -> Hazard:
    """Constant hazards between points of the survival curve, from S(0) = 1 on."""
    knots = [(0.0, 1.0), *((point.month, point.probability) for point in points)]
    slopes = tuple(
        # log(1) may not be exactly 0 in a log of the caller's; an equal pair has no hazard.
        0.0 if before == after else log(before / after) / (end - start)
        for (start, before), (end, after) in pairwise(knots)
    )
    return Hazard(1.0, 1.0, tuple(start for start, _ in knots[:-1]), slopes)
