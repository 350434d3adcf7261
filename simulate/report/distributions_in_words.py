"""Distributions in words."""

from __future__ import annotations

from collections.abc import Sequence

from simulate.report.wording import number
from simulate.scenario.distributions import (
    Exponential,
    HazardStep,
    PiecewiseExponential,
    Relative,
    SurvivalPoint,
    Weibull,
)
from simulate.scenario.kinds import Mixture


def definition_text(definition: object) -> str:
    """A distribution or an effect in words, with its frailty and cured fraction."""
    text = _distribution(definition)
    variance = getattr(definition, "frailty_variance", None)
    cured = getattr(definition, "cured", None)
    if variance is not None:
        text += f", gamma frailty of variance {number(variance)}"
    if cured is not None:
        text += f", {number(cured)} cured"
    return text


def _distribution(definition: object) -> str:
    """A distribution or an effect in words."""
    if isinstance(definition, Relative):
        return _effect(definition)
    match definition:
        case Mixture(components=components):
            parts = [f"{number(c.weight)} {_distribution(c)}" for c in components]
            return "mixture of " + "; ".join(parts)
        case Exponential(rate_per_month=rate, median_months=median, survival=point):
            return "exponential, " + _figures(rate=rate, median=median, survival=point)
        case Weibull(shape=shape, scale_months=scale, median_months=median, survival=points):
            return "Weibull, " + _figures(shape=shape, scale=scale, median=median, survival=points)
        case PiecewiseExponential(rates_per_month=steps, survival=points):
            return "piecewise exponential, " + _figures(steps=steps, survival=points)
    return "by stratum"


def _effect(definition: Relative) -> str:
    """An effect on the hazard of another arm in words."""
    if definition.hazard_ratio is not None:
        return f"hazard ratio {number(definition.hazard_ratio)} to {definition.relative_to}"
    parts = [
        f"{number(step.hazard_ratio)} from month {number(step.from_month)}"
        for step in definition.hazard_ratios or ()
    ]
    return f"hazard ratio to {definition.relative_to} of " + ", ".join(parts)


def _figures(
    *,
    shape: float | None = None,
    scale: float | None = None,
    rate: float | None = None,
    median: float | None = None,
    steps: Sequence[HazardStep] | None = None,
    survival: SurvivalPoint | Sequence[SurvivalPoint] | None = None,
) -> str:
    """The figures that a distribution was given by."""
    parts = [
        template.format(number(value))
        for template, value in (
            ("shape {}", shape),
            ("scale {} months", scale),
            ("rate {} a month", rate),
            ("median {} months", median),
        )
        if value is not None
    ]
    parts += [f"rate {number(s.rate)} from month {number(s.from_month)}" for s in steps or ()]
    points = (survival,) if isinstance(survival, SurvivalPoint) else survival or ()
    parts += [f"survival {number(p.probability)} at month {number(p.month)}" for p in points]
    return ", ".join(parts)
