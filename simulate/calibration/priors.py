"""The multi-state model of an evidence file: which transitions there are, and their priors."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple, Self, get_args

from pydantic import Discriminator, Field, Tag, model_validator

from simulate.scenario.states import ENSEMBLE_MONTHS, TransitionName
from simulate.scenario.tables import Positive, Stated, Table, rule_error


class Prior(Table):
    """A lognormal prior."""

    median: Positive = Field(description="Its median, in the unit of the parameter.")
    sd_log: Annotated[float, Field(gt=0, le=5)] = Field(
        description="Standard deviation of the parameter's logarithm."
    )


Parameter = Annotated[
    Annotated[Prior, Tag("<prior>")] | Annotated[Positive, Tag("<number>")],
    Discriminator(lambda data: "<prior>" if isinstance(data, dict | Prior) else "<number>"),
]


class Transition(Stated):
    """The hazard of one transition, H(t) = H(12) (t / 12)^shape: priors, or numbers that are held.

    A number in the place of a prior holds a parameter at it.
    """

    one_of: ClassVar = ("rate_per_month", "cumulative_hazard_at_12_months", "same_as")
    rate_per_month: Parameter | None = Field(
        default=None, description="A constant hazard, in events per patient-month."
    )
    cumulative_hazard_at_12_months: Parameter | None = Field(
        default=None, description="The cumulative hazard after 12 months on the transition's clock."
    )
    shape: Parameter | None = Field(
        default=None,
        description="Weibull shape, beside the cumulative hazard at 12 months; absent: 1, a "
        "constant hazard.",
    )
    same_as: TransitionName | None = Field(
        default=None, description="The transition whose parameters hold here, too."
    )
    clock: Literal["reset", "forward"] = Field(
        default="reset",
        description="Months since the state was entered (reset), or since randomisation (forward); "
        "for transitions from stable there is no difference.",
    )

    @model_validator(mode="after")
    def _shape_has_its_hazard(self) -> Self:
        if self.shape is not None and self.cumulative_hazard_at_12_months is None:
            rule = "needs 'cumulative_hazard_at_12_months' beside it"
            raise rule_error(rule, ("shape",), remedy="a rate is a constant hazard, of shape 1")
        return self

    @property
    def parameters(self) -> tuple[tuple[str, Prior | float], ...]:
        """Name and prior of each own parameter: ``cumulative_12``, then ``shape``.

        A constant rate is given by its cumulative hazard at 12 months, 12 times the rate.
        """
        if self.same_as is not None:
            return ()
        cumulative = self.cumulative_hazard_at_12_months
        if cumulative is None:
            assert self.rate_per_month is not None
            cumulative = _times_anchor(self.rate_per_month)
        return ("cumulative_12", cumulative), ("shape", 1.0 if self.shape is None else self.shape)


def _times_anchor(rate: Prior | float) -> Prior | float:
    """Prior of the cumulative hazard at 12 months of a constant rate."""
    if isinstance(rate, Prior):
        return rate.model_copy(update={"median": ENSEMBLE_MONTHS * rate.median})
    return ENSEMBLE_MONTHS * rate


class FreeParameter(NamedTuple):
    """A parameter with a lognormal prior: ``transition.cumulative_12`` or ``transition.shape``."""

    name: str
    median: float
    sd_log: float


class Model(Table):
    """Transitions between stable disease, response, progression and death; absent: never."""

    stable_to_response: Transition | None = Field(
        default=None, description="Response, while the disease is stable."
    )
    stable_to_progression: Transition | None = Field(
        default=None, description="Progression without a response before."
    )
    stable_to_death: Transition | None = Field(
        default=None, description="Death without progression or response before."
    )
    response_to_progression: Transition | None = Field(
        default=None, description="Progression after a response."
    )
    response_to_death: Transition | None = Field(
        default=None, description="Death in response, without progression before."
    )
    progression_to_death: Transition | None = Field(
        default=None, description="Death after progression."
    )

    @property
    def transitions(self) -> dict[TransitionName, Transition]:
        """The transitions that there are, by name."""
        given = ((name, getattr(self, name)) for name in get_args(TransitionName))
        return {name: transition for name, transition in given if transition is not None}

    @property
    def free(self) -> tuple[FreeParameter, ...]:
        """The parameters that have a prior, in the order of the transitions."""
        return tuple(
            FreeParameter(f"{name}.{key}", prior.median, prior.sd_log)
            for name, transition in self.transitions.items()
            for key, prior in transition.parameters
            if isinstance(prior, Prior)
        )

    @property
    def held(self) -> dict[str, float]:
        """The parameters that are held at a number, by name."""
        return {
            f"{name}.{key}": float(value)
            for name, transition in self.transitions.items()
            for key, value in transition.parameters
            if not isinstance(value, Prior)
        }

    def owner(self, name: TransitionName) -> TransitionName:
        """The transition whose parameters a transition has: its own name, or what it is same as."""
        return self.transitions[name].same_as or name

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        given = self.transitions
        if self.stable_to_progression is None and self.stable_to_death is None:
            raise rule_error("must have 'stable_to_progression' or 'stable_to_death'")
        for name, transition in given.items():
            origin = name.split("_to_", maxsplit=1)[0]
            if origin != "stable" and not any(other.endswith(f"_to_{origin}") for other in given):
                raise rule_error(f"needs a transition to {origin} beside it", (name,), "")
            if origin == "stable" and transition.clock == "forward":
                rule = "must be left out: from stable both clocks run from randomisation"
                raise rule_error(rule, (name, "clock"))
            _check_same_as(name, given)
        if not self.free:
            rule = "must have at least one prior: there is nothing to fit"
            raise rule_error(rule, given="")
        return self


def _check_same_as(name: TransitionName, given: dict[TransitionName, Transition]) -> None:
    meant = given[name].same_as
    if meant is None:
        return
    if meant not in given or meant == name:
        others = [other for other in given if other != name]
        remedy = f"there are: {', '.join(others)}"
        raise rule_error(
            "must name another transition of this model", (name, "same_as"), None, remedy
        )
    if given[meant].same_as is not None:
        rule = "must name a transition with parameters of its own"
        raise rule_error(rule, (name, "same_as"))
