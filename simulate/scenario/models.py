"""The typed model of a scenario, field for field as in its file, and its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field

from simulate.scenario.assessments import TrialAssessments
from simulate.scenario.distributions import steps_in_order
from simulate.scenario.endpoints import (
    BUILT_IN,
    OS,
    PFS,
    RESPONSE,
    TIMES,
    Binary,
    BinaryEndpoint,
    Correlations,
    Response,
)
from simulate.scenario.hypotheses import ArmEstimate, Hypothesis
from simulate.scenario.kinds import DropoutDistribution, EndpointDistribution
from simulate.scenario.looks import Analysis
from simulate.scenario.plug_in import REPLACED, PlugIn
from simulate.scenario.states import STABLE_TO_RESPONSE, TO_DEATH, States
from simulate.scenario.study import Study
from simulate.scenario.tables import (
    MAX_PATIENTS,
    Name,
    NotNegative,
    Positive,
    Prevalence,
    Selector,
    Sourced,
    Table,
    Text,
    filled,
    rule_error,
    without_default,
)
from simulate.scenario.uncertainty import MOST_STRATA, uncertainty_of


def is_version_1(version: int) -> int:
    """Refuse a version of a file's format that this release does not read."""
    if version != 1:
        raise rule_error("must be 1, the one version that this release reads")
    return version


MOST_TRIALS = 10_000_000_000


class Arm(Sourced):
    """A treatment arm: what happens to its patients."""

    label: Text | None = Field(default=None, description="Name for reports.")
    pfs: EndpointDistribution | None = Field(
        default=None,
        description="Progression-free survival: time from randomisation to progression or death.",
    )
    os: EndpointDistribution | None = Field(
        default=None, description="Overall survival: time from randomisation to death."
    )
    response: Response | None = Field(default=None, description="Objective response.")
    states: States | None = Field(
        default=None,
        description="A multi-state model, from which progression-free and overall survival and "
        "response follow, instead of their tables.",
    )
    discount: Annotated[float, Field(gt=0, le=10)] | None = Field(
        default=None,
        description="Hazards of progression-free and overall survival are divided by this, after "
        "all else: 0.74 makes them larger by 1 / 0.74. Arms relative to this one are not affected.",
    )
    binary: dict[Name, Binary] = Field(
        default={}, description="Rates of the further binary endpoints, by their names."
    )
    dropout: DropoutDistribution | None = Field(
        default=None, description="Time from randomisation to dropout; absent: nobody drops out."
    )
    assessments: TrialAssessments | None = Field(
        default=None, description="When this arm is scanned, if not as the others are."
    )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Endpoints that the arm has, but for the binary ones beside response."""
        if self.states is None:
            return tuple(name for name in BUILT_IN if getattr(self, name) is not None)
        given = self.states.given
        dies = any(name in given for name in TO_DEATH)
        return (
            PFS,
            *((OS,) if dies else ()),
            *((RESPONSE,) if STABLE_TO_RESPONSE in given else ()),
        )


class Factor(Sourced):
    """A stratification factor: the prevalence of each of its levels; they sum to 1."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Prevalence] = Field(init=False)

    @property
    def prevalences(self) -> dict[str, float]:
        """Prevalence by level, in the order of the file."""
        return dict(self.__pydantic_extra__)


class JointPrevalence(Sourced):
    """The prevalence of one combination of levels."""

    stratum: Selector = Field(description="A level of every factor: factor = level.")
    prevalence: float = Field(ge=0, le=1, description="Share of the patients, 0 to 1.")


class AccrualStep(Table):
    """An accrual rate from one month until the next step."""

    from_month: NotNegative = Field(description="Calendar months; 0 in the first step.")
    rate: NotNegative = Field(description="Patients a month; 0 is a pause.")


def _last_recruits(steps: tuple[AccrualStep, ...]) -> tuple[AccrualStep, ...]:
    if steps[-1].rate == 0:
        at = (len(steps) - 1, "rate")
        raise rule_error("must be greater than 0 in the last step, or accrual never ends", at)
    return steps


class Accrual(Sourced):
    """How patients enter."""

    one_of: ClassVar = ("rate_per_month", "rates_per_month")
    patients: int = Field(ge=2, le=MAX_PATIENTS, description="Planned number of patients.")
    arrivals: Literal["evenly_spaced", "poisson"] = Field(
        description="Entries at even distances, or at random (a Poisson process)."
    )
    rate_per_month: Positive | None = Field(default=None, description="Patients a month.")
    rates_per_month: (
        Annotated[
            tuple[AccrualStep, ...],
            Field(min_length=1),
            AfterValidator(steps_in_order),
            AfterValidator(_last_recruits),
        ]
        | None
    ) = Field(default=None, description="Patients a month, changing with calendar time.")

    @property
    def steps(self) -> tuple[tuple[float, float], ...]:
        """Calendar month from which each rate holds, and the rate in patients a month."""
        if self.rate_per_month is not None:
            return ((0.0, self.rate_per_month),)
        return tuple((step.from_month, step.rate) for step in self.rates_per_month or ())


class Randomisation(Sourced):
    """Randomisation in permuted blocks."""

    ratio: dict[str, Annotated[int, Field(ge=1, le=20)]] = filled(
        {}, "Allocation ratio, a whole number an arm; default: 1 each."
    )
    block_size: int = filled(
        0,
        "Patients a block, a multiple of the sum of the ratio; default: twice that sum.",
        ge=1,
        le=MAX_PATIENTS,
    )
    within_strata: bool = filled(
        False, "Whether each cell has blocks of its own; default: true where there are strata."
    )


class FollowUp(Sourced):
    """How long each patient is followed."""

    maximum_months: Positive = Field(
        description="Months from randomisation after which a patient is not followed any more."
    )


class Stopping(Sourced):
    """When a trial stops for efficacy."""

    rejected: Literal["all", "any", "never"] = Field(
        default="all", description="How many of the hypotheses must be rejected to stop."
    )
    hypotheses: tuple[str, ...] = filled(
        (), "The hypotheses that count for stopping; default: all of them."
    )


class Simulation(Table):
    """How much is simulated."""

    trials: int = Field(ge=1, le=MOST_TRIALS, description="Number of simulated trials.")
    seed: int = Field(ge=0, le=2**63 - 1, description="Seed of the random numbers.")
    members: Annotated[int, Field(ge=2, le=MOST_STRATA)] | None = Field(
        default=None,
        description="Number of truths that stand for the distributions of uncertain arms, which "
        "trials take in turn; default: 1,000, or as many as an ensemble has.",
    )


class Scenario(Table):
    """A trial to simulate, with every assumption it rests on."""

    schema_version: Annotated[int, AfterValidator(is_version_1)] = Field(
        description="Version of this format, which is 1.", json_schema_extra={"const": 1}
    )
    title: Text = Field(description="One line that names the trial.")
    purpose: Text = Field(description="What the scenario is for.")
    arms: dict[Name, Arm] = Field(min_length=1, max_length=16, description="The arms, by name.")
    correlations: Correlations = Field(
        default=Correlations(),
        description="How the endpoints of a patient go together; absent: independently.",
        json_schema_extra=without_default,
    )
    binary_endpoints: dict[Name, BinaryEndpoint] = Field(
        default={}, max_length=16, description="Binary endpoints beside response, by name."
    )
    strata: dict[Name, Factor] = Field(
        default={}, description="Stratification factors, by name; the cells are their product."
    )
    joint_prevalence: dict[Name, JointPrevalence] = Field(
        default={},
        description="Prevalence of every cell, where the factors are not independent.",
    )
    assessments: TrialAssessments | None = Field(
        default=None,
        description="When patients are scanned; absent: progression and response are seen when "
        "they happen.",
    )
    accrual: Accrual = Field(description="How patients enter.")
    randomisation: Randomisation = Field(
        default=Randomisation(),
        description="How patients are allocated.",
        json_schema_extra=without_default,
    )
    follow_up: FollowUp | None = Field(
        default=None, description="How long each patient is followed; absent: until the cutoff."
    )
    analyses: dict[Name, Analysis] = Field(
        min_length=1, max_length=64, description="The looks, by name, in the order of time."
    )
    hypotheses: dict[Name, Hypothesis] = Field(
        default={}, max_length=64, description="The hypotheses, by name."
    )
    estimates: dict[Name, ArmEstimate] = Field(
        default={}, max_length=64, description="Estimates without a test, by name."
    )
    stopping: Stopping = Field(
        default=Stopping(),
        description="When a trial stops for efficacy.",
        json_schema_extra=without_default,
    )
    plug_in: dict[Name, PlugIn] = Field(
        default={},
        max_length=16,
        description="Single truths that `simulate assurance` puts in the place of what is "
        "uncertain, by name.",
    )
    study: Study | None = Field(
        default=None,
        description="A grid over values of this scenario, for `simulate study`; all else leaves it "
        "aside.",
    )
    simulation: Simulation = Field(description="How much is simulated.")


def with_plug_in(arms: Mapping[str, Arm], plug_in: PlugIn | None) -> dict[str, Arm]:
    """Arms with a plug-in's tables, and the others with their own figures as the truth.

    Parameters
    ----------
    arms : mapping of str to Arm
        The arms of a scenario.
    plug_in : PlugIn or None
        None: no other tables.
    """
    found = {}
    for name, arm in arms.items():
        own = None if plug_in is None else plug_in.arms.get(name)
        if own is not None:
            tables = {key: getattr(own, key) for key in REPLACED}
            # States have a discount of their own.
            kept = {"discount": arm.discount if own.states is None else None}
            found[name] = arm.model_copy(update=tables | kept)
            continue
        certain = {
            endpoint: getattr(arm, endpoint).model_copy(update={"uncertainty": None})
            for endpoint in TIMES
            if uncertainty_of(arm, endpoint) is not None
        }
        found[name] = arm.model_copy(update=certain)
    return found


def json_schema() -> dict[str, Any]:
    """JSON Schema of a scenario file, as users write it.

    Returns
    -------
    dict
        A schema of draft 2020-12, ready for ``json.dumps``.
    """
    return file_schema(Scenario, "Scenario of a clinical trial, version 1")


def file_schema(model: type[Table], title: str) -> dict[str, Any]:
    """JSON Schema of a kind of file, as users write it.

    Parameters
    ----------
    model : type of Table
        What the file as a whole is.
    title : str
        Title of the schema.

    Returns
    -------
    dict
        A schema of draft 2020-12, ready for ``json.dumps``.
    """
    schema: dict[str, Any] = _as_written(model.model_json_schema())
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return head | {key: value for key, value in schema.items() if key != "title"}


def _as_written(schema: Any) -> Any:
    """Drop what TOML cannot hold (null), and close the tables whose keys follow a pattern."""
    if isinstance(schema, list):
        return [_as_written(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _as_written(item) for key, item in schema.items()}
    if "default" in result and result["default"] is None:
        del result["default"]
    if "patternProperties" in result:
        result["additionalProperties"] = False
    options = [item for item in result.get("anyOf", []) if item != {"type": "null"}]
    if "anyOf" in result and len(options) == 1:
        del result["anyOf"]
        result = options[0] | result
    elif "anyOf" in result:
        result["anyOf"] = options
    return result
