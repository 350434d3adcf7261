"""Hypotheses, the tests they name, and estimates without a test."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from simulate.scenario.binary_tests import ExactBinomialTest, ProportionsTest
from simulate.scenario.survival_tests import (
    LandmarkTest,
    LogrankTest,
    MaxComboTest,
    MilestoneTest,
    RestrictedMeanTest,
    WeightedLogrankTest,
)
from simulate.scenario.tables import (
    NotNegative,
    OpenProbability,
    Positive,
    Sourced,
    Table,
    Text,
    filled,
    known_kind,
    rule_error,
)

# Kinds of estimate that need a month.
AT_A_MONTH = ("survival", "rmst", "share_event_free")
# Kinds of estimate that depend on the follow-up: there is no value that they are of.
DESCRIPTIVE = ("last_survival", "share_event_free", "minimum", "maximum")
BINARY_KINDS = ("proportions", "exact_binomial")
KINDS = (
    "logrank",
    "weighted_logrank",
    "maxcombo",
    "rmst",
    "milestone",
    "landmark_survival",
    *BINARY_KINDS,
)


def _kind(data: Any) -> str:
    """Tag of the union that a table's kind stands for."""
    kind = data.get("kind") if isinstance(data, dict) else getattr(data, "kind", None)
    return f"<{kind}>"


Test = Annotated[
    Annotated[LogrankTest, Tag("<logrank>")]
    | Annotated[WeightedLogrankTest, Tag("<weighted_logrank>")]
    | Annotated[MaxComboTest, Tag("<maxcombo>")]
    | Annotated[RestrictedMeanTest, Tag("<rmst>")]
    | Annotated[MilestoneTest, Tag("<milestone>")]
    | Annotated[LandmarkTest, Tag("<landmark_survival>")]
    | Annotated[ProportionsTest, Tag("<proportions>")]
    | Annotated[ExactBinomialTest, Tag("<exact_binomial>")],
    Discriminator(_kind),
    BeforeValidator(lambda data: known_kind(data, KINDS, ', such as { kind = "logrank" }')),
]


class ComparedArms(Table):
    """The two arms that a hypothesis compares, or the one that it is about."""

    experimental: str = Field(description="The arm expected to do better.")
    control: str | None = Field(
        default=None, description="The arm it is compared with; absent in a one-arm test."
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Both arms, or the one."""
        return (self.experimental,) if self.control is None else (self.experimental, self.control)


class Hypothesis(Sourced):
    """A hypothesis, its test, and its looks."""

    one_of: ClassVar = ("alpha", "critical_values")
    label: Text | None = Field(default=None, description="Name for reports.")
    endpoint: str = Field(description="The endpoint compared.")
    arms: ComparedArms = Field(description="The arms compared, or the one arm of a one-arm test.")
    test: Test = Field(description="The test.")
    analyses: tuple[str, ...] = filled(
        (),
        "The analyses it is tested at, in their order; default: the scenario's only one.",
        min_length=1,
    )
    alpha: float | None = Field(
        default=None, gt=0, lt=0.5, description="One-sided significance level, for a single look."
    )
    critical_values: Annotated[tuple[float, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="Value that the z statistic must reach at each look; positive z favours the "
        "experimental arm.",
    )


class ArmEstimate(Sourced):
    """A figure of one arm that is estimated at looks, without a test."""

    label: Text | None = Field(default=None, description="Name for reports.")
    endpoint: str = Field(description="The endpoint.")
    arm: str = Field(description="The arm.")
    kind: Literal[
        "median",
        "survival",
        "rmst",
        "rate",
        "last_survival",
        "share_event_free",
        "minimum",
        "maximum",
    ] = Field(
        description="Kaplan-Meier median (Brookmeyer-Crowley limits), survival at a month (log-log "
        "limits), restricted mean survival time up to a month, survival after the last event; raw "
        "share of the patients seen event-free up to a month; shortest and longest time to an "
        "event seen; or the rate of a binary endpoint (Clopper-Pearson limits)."
    )
    at_months: Positive | None = Field(
        default=None,
        description="Months from randomisation (of a duration of response: from response), for "
        "survival, rmst and share_event_free.",
    )
    minimum_follow_up_months: NotNegative | None = Field(
        default=None,
        description="The analysis set of a rate: patients randomised at least so many months "
        "before the cutoff; absent: all randomised.",
    )
    level: OpenProbability = Field(default=0.95, description="Level of the confidence limits.")
    analyses: tuple[str, ...] = filled(
        (), "The analyses it is estimated at; default: all of them.", min_length=1
    )

    @model_validator(mode="after")
    def _fits_kind(self) -> Self:
        if (self.at_months is not None) != (self.kind in AT_A_MONTH):
            if self.at_months is None:
                rule = f"required key is missing for kind '{self.kind}'"
                raise rule_error(rule, ("at_months",), remedy="months from randomisation")
            raise rule_error(f"must be left out for kind '{self.kind}'", ("at_months",))
        if self.minimum_follow_up_months is not None and self.kind != "rate":
            rule = f"must be left out for kind '{self.kind}': it is about rates"
            raise rule_error(rule, ("minimum_follow_up_months",))
        return self
