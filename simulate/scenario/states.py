"""The multi-state model of an arm: stable, response, progression, death.

It stands instead of the arm's tables for PFS, OS and response, which follow from it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from simulate.scenario.kinds import DropoutDistribution, EndpointDistribution
from simulate.scenario.tables import Positive, Sourced, Table, Text, filled, rule_error

STABLE_TO_RESPONSE = "stable_to_response"
STABLE_TO_PROGRESSION = "stable_to_progression"
STABLE_TO_DEATH = "stable_to_death"
RESPONSE_TO_PROGRESSION = "response_to_progression"
RESPONSE_TO_DEATH = "response_to_death"
PROGRESSION_TO_DEATH = "progression_to_death"
TRANSITIONS = (
    STABLE_TO_RESPONSE,
    STABLE_TO_PROGRESSION,
    STABLE_TO_DEATH,
    RESPONSE_TO_PROGRESSION,
    RESPONSE_TO_DEATH,
    PROGRESSION_TO_DEATH,
)
TO_DEATH = (STABLE_TO_DEATH, RESPONSE_TO_DEATH, PROGRESSION_TO_DEATH)
# Their clocks can be reset when the state is entered.
CLOCKED = (RESPONSE_TO_PROGRESSION, RESPONSE_TO_DEATH, PROGRESSION_TO_DEATH)
# At which the cumulative hazards of an ensemble are.
ENSEMBLE_MONTHS = 12.0
MOST_MEMBERS = 100_000

Values = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=MOST_MEMBERS)]


class MemberHazards(Table):
    """The Weibull hazard of a transition in each member of an ensemble.

    The cumulative hazard is ``cumulative_12 * (t / 12) ** shape``, ``t`` in months.
    """

    shape: Values = Field(description="Weibull shape of each member.")
    cumulative_12: Values = Field(description="Cumulative hazard at 12 months of each member.")


TransitionName = Literal[
    "stable_to_response",
    "stable_to_progression",
    "stable_to_death",
    "response_to_progression",
    "response_to_death",
    "progression_to_death",
]
ClockedName = Literal["response_to_progression", "response_to_death", "progression_to_death"]


def _of_one_size(members: dict[str, MemberHazards]) -> dict[str, MemberHazards]:
    sizes = {len(v) for hazards in members.values() for v in (hazards.shape, hazards.cumulative_12)}
    if len(sizes) > 1:
        raise rule_error("must have as many shapes and cumulative hazards for every transition")
    return members


Members = Annotated[dict[TransitionName, MemberHazards], AfterValidator(_of_one_size)]


class States(Sourced):
    """A multi-state model: the hazards of its transitions, or an ensemble of calibrated ones."""

    stable_to_response: EndpointDistribution | None = Field(
        default=None, description="Time from randomisation to response; absent: nobody responds."
    )
    stable_to_progression: EndpointDistribution | None = Field(
        default=None, description="Time from randomisation to progression without response."
    )
    stable_to_death: EndpointDistribution | None = Field(
        default=None, description="Time from randomisation to death before both."
    )
    response_to_progression: EndpointDistribution | None = Field(
        default=None, description="Time to progression of responders; see clocks."
    )
    response_to_death: EndpointDistribution | None = Field(
        default=None, description="Time to death of responders who do not progress; see clocks."
    )
    progression_to_death: EndpointDistribution | None = Field(
        default=None, description="Time to death after progression; see clocks."
    )
    clocks: dict[ClockedName, Literal["reset", "forward"]] = Field(
        default={},
        description="Whether months of a transition out of response or progression run from the "
        "entry into that state (reset, the default) or from randomisation (forward).",
    )
    discontinuation: DropoutDistribution | None = Field(
        default=None,
        description="Time from randomisation to leaving treatment for an adverse event, after "
        "which neither progression nor response is assessed; absent: never.",
    )
    ensemble: Text | None = Field(
        default=None,
        description="File of a calibrated ensemble, instead of the transitions; relative to the "
        "file of the scenario.",
    )
    members: Members = filled({}, "Hazards of the ensemble's members, by transition.")
    discount: Annotated[float, Field(gt=0, le=10)] = Field(
        default=1.0,
        description="Hazards of progression and death are divided by this: 0.74 makes them larger "
        "by 1 / 0.74.",
    )

    @property
    def given(self) -> tuple[str, ...]:
        """Transitions that can happen."""
        return tuple(n for n in TRANSITIONS if n in self.members or getattr(self, n) is not None)

    @property
    def n_members(self) -> int:
        """Number of members of the ensemble; 1 without one."""
        return next((len(hazards.shape) for hazards in self.members.values()), 1)

    def clock(self, transition: str) -> str:
        """Clock of a transition: "reset" or "forward"."""
        return "forward" if self.clocks.get(transition) == "forward" else "reset"  # type: ignore[call-overload]
