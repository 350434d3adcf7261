"""The endpoints beside progression-free and overall survival, and how all of them go together."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from simulate.scenario.kinds import DropoutDistribution
from simulate.scenario.tables import (
    Name,
    NotNegative,
    Positive,
    Probability,
    Selector,
    Sourced,
    Text,
)

PFS = "pfs"
OS = "os"
RESPONSE = "response"
# Endpoints that are times and have distributions.
TIMES = (PFS, OS)
BUILT_IN = (PFS, OS, RESPONSE)
# Endpoints made of these as a trial observes them: disease control, there where a hypothesis or an
# estimate is about it; times of the responders confirmed by a cutoff; and what the investigator
# reads beside central review, there where a table says how the two differ.
DISEASE_CONTROL = "disease_control"
DURATION_OF_RESPONSE = "duration_of_response"
TIME_TO_RESPONSE = "time_to_response"
OF_RESPONDERS = (DURATION_OF_RESPONSE, TIME_TO_RESPONSE)
PFS_INVESTIGATOR = "pfs_investigator"
RESPONSE_INVESTIGATOR = "response_investigator"
# Each with the endpoint that it is a reading of.
READINGS = MappingProxyType({PFS_INVESTIGATOR: PFS, RESPONSE_INVESTIGATOR: RESPONSE})
OBSERVED = (DISEASE_CONTROL, *OF_RESPONDERS, *READINGS)
# Times to an event that all patients are followed for, not responders alone.
OF_PATIENTS = (*TIMES, PFS_INVESTIGATOR)

Correlation = Annotated[float, Field(gt=-1, lt=1)]


class StratumRate(Sourced):
    """A rate in some strata."""

    stratum: Selector = Field(description="The cells it holds for: factor = level, one or more.")
    rate: Probability = Field(description="Probability, 0 to 1.")


class Binary(Sourced):
    """The rate of a binary endpoint in an arm."""

    rate: Probability = Field(description="Probability, 0 to 1.")
    by_stratum: dict[Name, StratumRate] = Field(
        default={}, description="Rates that replace this one in the cells they name."
    )


class Response(Binary):
    """Objective response: whether, and when."""

    time_to_response: DropoutDistribution = Field(
        description="Time from randomisation to response in those who respond. It is drawn from "
        "this distribution on condition that it comes before progression and death, which shortens "
        "it."
    )


class BinaryEndpoint(Sourced):
    """A binary endpoint beside response: when it is known, and how it goes with response."""

    label: Text | None = Field(default=None, description="Name for reports.")
    response_correlation: Correlation = Field(
        default=0.0, description="Correlation with response, of the underlying normal scores."
    )
    assessed_months: NotNegative = Field(
        default=0.0,
        description="Months from randomisation at which it is assessed; who has dropped out, or is "
        "not followed so long by a cutoff, counts as not having it.",
    )


class Correlations(Sourced):
    """A Gaussian copula: correlations of the normal scores behind a patient's endpoints.

    Positive ones join long times with long times and with response.
    """

    progression_os: Correlation = Field(
        default=0.0, description="Of the latent time to progression and overall survival."
    )
    progression_response: Correlation = Field(
        default=0.0, description="Of the latent time to progression and response."
    )
    os_response: Correlation = Field(default=0.0, description="Of overall survival and response.")
    horizon_months: Positive = Field(
        default=240.0,
        description="Months from randomisation up to which progression-free survival has exactly "
        "the distribution named where overall survival is simulated with it.",
    )
