"""The published figures that an evidence file may hold, each with its kind, interval and source."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from simulate.scenario.reading import toml_text
from simulate.scenario.tables import (
    MAX_PATIENTS,
    Name,
    OpenProbability,
    Stated,
    Text,
    known_kind,
    rule_error,
)

RESPONSE = "response"
DISEASE_CONTROL = "disease_control"
DURATION = "duration_of_response"
TIME_TO_RESPONSE = "time_to_response"
NOT_REACHED = "not_reached"

KINDS = ("proportion", "median", "survival", "range", "share_event_free")


def _as_written(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Check a number but keep a whole one whole: 26 has no decimals, and 26.0 has one."""
    checked = handler(value)
    return value if type(value) is int else checked


def _check_months(value: Any) -> Any:
    if isinstance(value, str) and value != NOT_REACHED:
        raise rule_error(f'must be a number of months or "{NOT_REACHED}"', given=toml_text(value))
    return value


# A stored figure, too, keeps its decimals.
Unchanged = PlainSerializer(lambda value: value)
Percent = Annotated[float, Field(ge=0, le=100), WrapValidator(_as_written), Unchanged]
Months = Annotated[float, Field(gt=0, le=1200), WrapValidator(_as_written), Unchanged]
ReachedOrNot = Annotated[
    Annotated[Months, Tag("<months>")] | Annotated[Literal["not_reached"], Tag("<text>")],
    Discriminator(lambda value: "<text>" if isinstance(value, str) else "<months>"),
    BeforeValidator(_check_months),
]
PercentInterval = Annotated[tuple[Percent, ...], Field(min_length=2, max_length=2)]
MonthsInterval = Annotated[tuple[ReachedOrNot, ...], Field(min_length=2, max_length=2)]
MonthsRange = Annotated[tuple[Months, ...], Field(min_length=2, max_length=2)]


class Figure(Stated):
    """What every published figure has."""

    label: Text | None = Field(default=None, description="Name for reports.")
    use: bool = Field(
        default=True,
        description="Whether the figure is fitted; false keeps it for the record, and what the "
        "model can predict of it is still shown beside it.",
    )
    decimals: int | None = Field(
        default=None,
        ge=0,
        le=6,
        description="Decimals that the figure and its limits are rounded to; default: as many as "
        "each of them is written with.",
    )

    def half_unit(self, value: float) -> float:
        """Half a unit of the last decimal of a value of this figure.

        Parameters
        ----------
        value : float
            The value as the file has it: a whole number has no decimals.

        Returns
        -------
        float
            What rounding may have added or taken away, at most.
        """
        return rounding(value, self.decimals)


def rounding(value: float, decimals: int | None = None) -> float:
    """Half a unit of the last decimal of a value as written, or of the decimals stated."""
    if decimals is None:
        exponent = Decimal(str(value)).as_tuple().exponent
        decimals = max(0, -exponent) if isinstance(exponent, int) else 0
    return 0.5 * float(10.0**-decimals)


class WithInterval(Figure):
    """A percentage that may have a confidence interval."""

    percent: Percent = Field(description="The figure, in percent.")
    interval_percent: PercentInterval | None = Field(
        default=None, description="Its confidence limits, in percent; absent: not published."
    )
    level: OpenProbability = Field(default=0.95, description="Level of the confidence interval.")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.interval_percent is not None:
            lower, upper = self.interval_percent
            if not lower <= self.percent <= upper:
                rule = f"must have limits on either side of the {self.percent:g} percent"
                raise rule_error(rule, ("interval_percent",))
        return self


class WithCount(WithInterval):
    """A percentage that is a number of patients of another."""

    count: int | None = Field(
        default=None, ge=0, le=MAX_PATIENTS, description="Patients counted, if published."
    )
    interval_method: Literal["clopper_pearson", "other"] = Field(
        default="clopper_pearson",
        description="How the interval was made: by the exact method of Clopper and Pearson, which "
        "fixes the count, or by another or an unknown one, which is then not checked.",
    )


class Proportion(WithCount):
    """A share of the patients: those with a response, with disease control and so on."""

    kind: Literal["proportion"] = Field(description="What the figure is.")
    endpoint: Name = Field(
        description="'response' (confirmed where scans have to confirm it), 'disease_control', or "
        "another name, which the model knows nothing of: then with use = false."
    )
    denominator: int | None = Field(
        default=None, ge=1, le=MAX_PATIENTS, description="Of how many patients; default: of all."
    )


class Median(Figure):
    """A Kaplan-Meier median; of the time to response a plain one, among responders."""

    kind: Literal["median"] = Field(description="What the figure is.")
    endpoint: Literal["pfs", "os", "duration_of_response", "time_to_response"] = Field(
        description="The time it is the median of."
    )
    months: ReachedOrNot = Field(description='The median in months, or "not_reached".')
    interval_months: MonthsInterval | None = Field(
        default=None,
        description='Its confidence limits in months, each a number or "not_reached"; absent: not '
        "published.",
    )
    level: OpenProbability = Field(default=0.95, description="Level of the confidence interval.")

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.interval_months is not None:
            lower, upper = map(months_of, self.interval_months)
            if not lower <= months_of(self.months) <= upper:
                rule = f"must have limits on either side of the median, {median_text(self.months)}"
                raise rule_error(rule, ("interval_months",))
        return self


class Survival(WithInterval):
    """A Kaplan-Meier estimate at a month."""

    kind: Literal["survival"] = Field(description="What the figure is.")
    endpoint: Literal["pfs", "os", "duration_of_response"] = Field(
        description="The time whose survival function it is of."
    )
    at_months: Months = Field(description="Months at which the curve is read.")


class Range(Figure):
    """The least and the greatest of the times to response, among responders."""

    kind: Literal["range"] = Field(description="What the figure is.")
    endpoint: Literal["time_to_response"] = Field(description="The time.")
    months: MonthsRange = Field(description="The least and the greatest, in months.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.months[1] < self.months[0]:
            raise rule_error("must have the least first", ("months",))
        return self


class ShareEventFree(WithCount):
    """The share of the patients who are event-free for so many months or longer."""

    kind: Literal["share_event_free"] = Field(description="What the figure is.")
    endpoint: Literal["pfs", "os", "duration_of_response"] = Field(
        description="The time; of a duration of response the patients are the responders."
    )
    at_months: Months = Field(description="Months of being event-free.")
    denominator: int | None = Field(
        default=None,
        ge=1,
        le=MAX_PATIENTS,
        description="Of how many patients; default: of all, or of the responders.",
    )
    method: Literal["raw", "kaplan_meier"] = Field(
        default="raw",
        description="How it was made: raw counts the patients who are seen event-free so long and "
        "takes those censored before for failures; kaplan_meier reads the curve.",
    )
    method_status: Literal["published", "inferred"] = Field(
        default="inferred", description="Whether the publication says how, or it is a guess."
    )


AnyFigure = Annotated[
    Annotated[Proportion, Tag("<proportion>")]
    | Annotated[Median, Tag("<median>")]
    | Annotated[Survival, Tag("<survival>")]
    | Annotated[Range, Tag("<range>")]
    | Annotated[ShareEventFree, Tag("<share_event_free>")],
    Discriminator(lambda data: f"<{data.get('kind') if isinstance(data, dict) else data.kind}>"),
    BeforeValidator(lambda data: known_kind(data, KINDS)),
]


def months_of(value: float | str) -> float:
    """Months of a median or a limit; infinite for one that is not reached."""
    return float("inf") if isinstance(value, str) else float(value)


def median_text(value: float | str) -> str:
    """A median or a limit in words: its number of months, or "not reached"."""
    return "not reached" if isinstance(value, str) else f"{value}"
