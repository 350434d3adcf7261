"""Distributions of event times and of dropout, each in the figures that the user has."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from simulate.scenario.tables import (
    NotNegative,
    OpenProbability,
    Positive,
    Sourced,
    Table,
    rule_error,
)


class SurvivalPoint(Table):
    """A point of a survival curve."""

    month: Positive = Field(description="Months from randomisation.")
    probability: OpenProbability = Field(
        description="Probability of no event by that month, strictly between 0 and 1."
    )


class HazardStep(Table):
    """A hazard from one month until the next step."""

    from_month: NotNegative = Field(description="Months from randomisation; 0 in the first step.")
    rate: NotNegative = Field(description="Hazard: events per patient-month.")


class RatioStep(Table):
    """A hazard ratio from one month until the next step."""

    from_month: NotNegative = Field(description="Months from randomisation; 0 in the first step.")
    hazard_ratio: Positive = Field(description="Hazard ratio from that month on.")


def steps_in_order(steps: Sequence[Any]) -> Sequence[Any]:
    """Refuse steps whose ``from_month`` does not start at 0 and increase strictly."""
    months = [step.from_month for step in steps]
    if months[0] != 0:
        raise rule_error("must be 0 in the first step", (0, "from_month"))
    for i, (before, month) in enumerate(pairwise(months), start=1):
        if month <= before:
            rule = f"must be later than the {before:g} of the step before"
            raise rule_error(rule, (i, "from_month"))
    return steps


def _points_in_order(points: Sequence[SurvivalPoint]) -> Sequence[SurvivalPoint]:
    for i, (before, point) in enumerate(pairwise(points), start=1):
        if point.month <= before.month:
            rule = f"must be later than the {before.month:g} of the point before"
            raise rule_error(rule, (i, "month"))
        if point.probability > before.probability:
            rule = f"must not exceed the {before.probability:g} of the point before"
            raise rule_error(rule, (i, "probability"))
    return points


HazardSteps = Annotated[tuple[HazardStep, ...], Field(min_length=1), AfterValidator(steps_in_order)]
RatioSteps = Annotated[tuple[RatioStep, ...], Field(min_length=1), AfterValidator(steps_in_order)]
SurvivalPoints = Annotated[
    tuple[SurvivalPoint, ...], Field(min_length=1), AfterValidator(_points_in_order)
]
PointOrPoints = Annotated[
    Annotated[SurvivalPoint, Tag("<point>")] | Annotated[SurvivalPoints, Tag("<points>")],
    Discriminator(lambda data: "<points>" if isinstance(data, list | tuple) else "<point>"),
]


class Composed(Table):
    """What a distribution may add to its figures: frailty, and patients who are cured."""

    cured: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None,
        description="Fraction of the patients that never has the event; the other figures are "
        "those of the uncured. In a relative table: instead of the other arm's.",
    )
    frailty_variance: Annotated[float, Field(ge=0, le=10)] | None = Field(
        default=None,
        description="Variance of a gamma frailty of mean 1 that multiplies each uncured patient's "
        "hazard; the other figures are those of a patient of frailty 1. In a relative table: "
        "instead of the other arm's.",
    )


class Exponential(Sourced):
    """Exponential times: a constant hazard."""

    one_of: ClassVar = ("rate_per_month", "median_months", "survival")
    distribution: Literal["exponential"] = Field(description="The distribution's name.")
    rate_per_month: Positive | None = Field(
        default=None, description="Hazard: events per patient-month."
    )
    median_months: Positive | None = Field(default=None, description="Median, in months.")
    survival: SurvivalPoint | None = Field(
        default=None, description="A point that the survival curve passes through."
    )


class Weibull(Sourced):
    """Weibull times, S(t) = exp(-(t / scale)^shape), by shape and one figure or by two points."""

    distribution: Literal["weibull"] = Field(description="The distribution's name.")
    shape: Positive | None = Field(
        default=None, description="Weibull shape: below 1 for a hazard that falls with time."
    )
    scale_months: Positive | None = Field(
        default=None, description="Weibull scale, in months: survival there is exp(-1)."
    )
    median_months: Positive | None = Field(default=None, description="Median, in months.")
    survival: PointOrPoints | None = Field(
        default=None, description="One or more points that the survival curve passes through."
    )

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Months and survival probabilities that the curve passes through, the median included."""
        given = self.survival or ()
        pairs = [
            (point.month, point.probability)
            for point in (given if isinstance(given, tuple) else (given,))
        ]
        if self.median_months is not None:
            pairs.append((self.median_months, 0.5))
        return tuple(sorted(pairs))

    @model_validator(mode="after")
    def _enough_figures(self) -> Self:
        n_points = len(self.points)
        if self.shape is None:
            if n_points != 2 or self.scale_months is not None:
                raise rule_error(
                    "must have a 'shape' and one of 'scale_months', 'median_months', a 'survival' "
                    "point; or no 'shape' and two points, of which 'median_months' may be one",
                    given=self._figures_given(),
                )
            (first, high), (second, low) = self.points
            if not (first < second and high > low):
                raise rule_error(
                    "must have two points at different months, with the lower survival later",
                    given=f"{high:g} at month {first:g} and {low:g} at month {second:g}",
                )
        elif n_points + (self.scale_months is not None) != 1:
            raise rule_error(
                "must have, beside 'shape', exactly one of 'scale_months', 'median_months', one "
                "'survival' point",
                given=self._figures_given(),
            )
        return self

    def _figures_given(self) -> str:
        names = ("shape", "scale_months", "median_months", "survival")
        return " and ".join(name for name in names if getattr(self, name) is not None)


class PiecewiseExponential(Sourced):
    """Piecewise exponential times: a hazard that is constant between given months."""

    one_of: ClassVar = ("rates_per_month", "survival")
    may_end_at_zero: ClassVar[bool] = True
    distribution: Literal["piecewise_exponential"] = Field(description="The distribution's name.")
    rates_per_month: HazardSteps | None = Field(
        default=None, description="The hazard of each piece; the last one continues."
    )
    survival: SurvivalPoints | None = Field(
        default=None,
        description="Points of the survival curve; the hazard is constant between them and the "
        "last piece continues.",
    )

    @model_validator(mode="after")
    def _ends_above_zero(self) -> Self:
        if self.may_end_at_zero:
            return self
        if self.rates_per_month is not None and self.rates_per_month[-1].rate == 0:
            at = ("rates_per_month", len(self.rates_per_month) - 1, "rate")
            raise rule_error("must be greater than 0 in the last step", at)
        # The curve starts at probability 1, so a single point always has a hazard above 0.
        probabilities = [point.probability for point in self.survival or ()]
        if len(probabilities) > 1 and probabilities[-1] == probabilities[-2]:
            rule = f"must be below the {probabilities[-2]:g} of the point before in the last point"
            at = ("survival", len(probabilities) - 1, "probability")
            raise rule_error(rule, at)
        return self


class Relative(Sourced):
    """Times whose hazard is that of another arm multiplied by a ratio.

    The ratio is conditional: it multiplies the hazard of the uncured, at a given frailty, in each
    component of a mixture.
    """

    one_of: ClassVar = ("hazard_ratio", "hazard_ratios")
    relative_to: str = Field(
        description="The arm whose hazard is multiplied; its frailty, cured fraction and mixture "
        "hold here, too."
    )
    hazard_ratio: Positive | None = Field(
        default=None, description="True hazard ratio, the same at all times."
    )
    hazard_ratios: RatioSteps | None = Field(
        default=None, description="True hazard ratios that change with time since randomisation."
    )
