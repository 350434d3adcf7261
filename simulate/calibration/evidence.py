"""The typed model of an evidence file: a published trial, its figures, and the model to fit."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from simulate.calibration.figures import AnyFigure, Months, MonthsRange, rounding
from simulate.calibration.priors import Model
from simulate.scenario.assessments import Assessments
from simulate.scenario.hashes import canonical_hash
from simulate.scenario.models import file_schema, is_version_1
from simulate.scenario.tables import (
    Name,
    Positive,
    Stated,
    Table,
    Text,
    rule_error,
    without_default,
)

MOST_DRAWS = 1_000_000
MOST_PATIENTS = 100_000


class PublishedTrial(Stated):
    """The trial: one arm of it."""

    arm: Name = Field(description="Name of the treatment, for scenarios.")
    label: Text | None = Field(default=None, description="Name for reports.")
    patients: int = Field(
        ge=2,
        le=MOST_PATIENTS,
        description="Patients, of whom the figures are unless they say else.",
    )


class PublishedFollowUp(Stated):
    """Follow-up: months from each patient's entry to the cutoff of the data."""

    range_months: MonthsRange = Field(description="The shortest and the longest, in months.")
    median_months: Months | None = Field(
        default=None,
        description="The median, in months; absent: patients entered at an even rate.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        shortest, longest = self.range_months
        if longest <= shortest:
            raise rule_error("must have the shortest first, and a longer one", ("range_months",))
        if self.median_months is not None and not shortest < self.median_months < longest:
            rule = f"must be between the {shortest:g} and {longest:g} of the range"
            raise rule_error(rule, ("median_months",))
        return self

    @property
    def quantiles(self) -> tuple[tuple[float, float], ...]:
        """Months of follow-up with the share of the patients followed for so long or shorter.

        Between them the share is linear: patients entered at a constant rate.
        """
        shortest, longest = map(float, self.range_months)
        median = 0.5 * (shortest + longest) if self.median_months is None else self.median_months
        return (shortest, 0.0), (float(median), 0.5), (longest, 1.0)

    @property
    def longest_possible(self) -> float:
        """The longest follow-up, in months, with what rounding may have taken away."""
        return float(self.range_months[1]) + rounding(self.range_months[1])

    def accrual_steps(self, patients: int) -> tuple[tuple[float, float], ...]:
        """Accrual that gives this follow-up at a cutoff ``longest`` months after the first entry.

        Parameters
        ----------
        patients : int
            Patients of the trial.

        Returns
        -------
        tuple of (float, float)
            Month from which each rate holds, and the rate in patients a month; one step if the
            median is midway.
        """
        (shortest, _), (median, _), (longest, _) = self.quantiles
        rates = (0.5 * patients / (longest - median), 0.5 * patients / (median - shortest))
        if self.median_months is None:
            return ((0.0, rates[0]),)
        return (0.0, rates[0]), (longest - median, rates[1])


class Loss(Stated):
    """Patients who are lost before the cutoff."""

    rate_per_month: Positive = Field(description="Constant hazard of being lost, a patient-month.")


class NotEvaluable(Stated):
    """Patients without a scan after the first."""

    patients: int = Field(
        ge=0,
        le=MOST_PATIENTS,
        description="How many: without response and disease control, and censored at once for "
        "progression-free survival; their survival is known.",
    )


class PublishedAssessments(Assessments, Stated):
    """When scans show progression and response."""

    shift_days: int = Field(
        default=0,
        ge=0,
        description="All scans of a patient are up to so many whole days early or late together, "
        "all shifts equally likely.",
    )

    @model_validator(mode="after")
    def _shifts_apart(self) -> Self:
        shortest = min(every for _, every in self.steps_in_days)
        if 2 * self.shift_days >= shortest:
            rule = f"must be less than half the {shortest} days between scans"
            raise rule_error(rule, ("shift_days",), remedy=f"at most {(shortest - 1) // 2}")
        return self


class Importance(Table):
    """A round of importance sampling."""

    draws: int = Field(ge=100, le=MOST_DRAWS, description="Parameter sets.")
    replicates: int = Field(ge=20, le=10_000, description="Simulated trials for each of them.")


class Calibration(Table):
    """How much is simulated to fit the model."""

    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="Seed of the random numbers.")
    search_rounds: int = Field(
        default=5, ge=1, le=50, description="Rounds that look for the region of the parameters."
    )
    search_draws: int = Field(
        default=20_000,
        ge=1000,
        le=MOST_DRAWS,
        description="Parameter sets a round of the search, each with one simulated trial.",
    )
    importance: Annotated[tuple[Importance, ...], Field(min_length=1, max_length=10)] = Field(
        default=(
            Importance(draws=800, replicates=120),
            Importance(draws=1500, replicates=150),
            Importance(draws=3000, replicates=200),
        ),
        description="The rounds of importance sampling after it; the last one gives the result.",
    )
    members: int = Field(
        default=1000, ge=2, le=100_000, description="Members of the ensemble that scenarios name."
    )


class Evidence(Table):
    """A published trial with everything that is known, and assumed, of it."""

    schema_version: Annotated[int, AfterValidator(is_version_1)] = Field(
        description="Version of this format, which is 1.", json_schema_extra={"const": 1}
    )
    title: Text = Field(description="One line that names the trial.")
    citation: Text = Field(description="Where it was published.")
    trial: PublishedTrial = Field(description="The trial: one arm of it.")
    follow_up: PublishedFollowUp = Field(
        description="Follow-up: months from each patient's entry to the cutoff of the data."
    )
    loss: Loss | None = Field(
        default=None, description="Patients who are lost before the cutoff; absent: nobody."
    )
    not_evaluable: NotEvaluable | None = Field(
        default=None, description="Patients without a scan after the first; absent: nobody."
    )
    assessments: PublishedAssessments | None = Field(
        default=None,
        description="When patients were scanned; absent: progression and response were seen when "
        "they happened.",
    )
    figures: dict[Name, AnyFigure] = Field(
        min_length=1, max_length=64, description="The published figures, by name."
    )
    model: Model = Field(
        description="Transitions between stable disease, response, progression and death, with "
        "the priors of their hazards."
    )
    calibration: Calibration = Field(
        default=Calibration(),
        description="How much is simulated to fit the model.",
        json_schema_extra=without_default,
    )

    @property
    def used(self) -> dict[str, AnyFigure]:
        """The figures that are fitted, by name."""
        return {name: figure for name, figure in self.figures.items() if figure.use}

    @property
    def loss_rate(self) -> float:
        """Hazard of being lost before the cutoff, a patient-month."""
        return 0.0 if self.loss is None else self.loss.rate_per_month

    @property
    def n_not_evaluable(self) -> int:
        """Patients without a scan after the first."""
        return 0 if self.not_evaluable is None else self.not_evaluable.patients


def evidence_hash(evidence: Evidence) -> str:
    """Hash what an evidence file says, whatever its layout, labels and sources.

    Parameters
    ----------
    evidence : Evidence
        Evidence as loaded.

    Returns
    -------
    str
        SHA-256, in hexadecimal, of its canonical JSON.
    """
    return canonical_hash(evidence)


def evidence_schema() -> dict[str, Any]:
    """JSON Schema of an evidence file, as users write it.

    Returns
    -------
    dict
        A schema of draft 2020-12, ready for ``json.dumps``.
    """
    return file_schema(Evidence, "Published evidence of a clinical trial, version 1")
