"""Plug-ins: single truths to stand in the place of what is uncertain, beside the assurance."""

from __future__ import annotations

from pydantic import Field

from simulate.scenario.endpoints import OS, PFS, Response
from simulate.scenario.kinds import EndpointDistribution
from simulate.scenario.states import States
from simulate.scenario.tables import Name, Sourced, Table, Text

REPLACED = (PFS, OS, "response", "states")


class PlugInArm(Table):
    """What happens to an arm's patients, instead of all that the arm itself says of it."""

    pfs: EndpointDistribution | None = Field(
        default=None, description="Progression-free survival, as in an arm."
    )
    os: EndpointDistribution | None = Field(
        default=None, description="Overall survival, as in an arm."
    )
    response: Response | None = Field(default=None, description="Response, as in an arm.")
    states: States | None = Field(
        default=None, description="A multi-state model, as in an arm, without an ensemble."
    )


class PlugIn(Sourced):
    """Arms with single truths: what a calculation would use that takes a figure for the truth.

    Arms that it does not name keep their tables, with their own figures as the truth.
    """

    label: Text | None = Field(default=None, description="Name for reports.")
    arms: dict[Name, PlugInArm] = Field(
        min_length=1, description="Arms, by their names, with other tables."
    )
