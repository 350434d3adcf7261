"""The tests of a time to an event that a hypothesis may name."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulate.scenario.tables import OpenProbability, Positive, Sourced, Table

# Beyond, squares of weights would vanish.
Exponent = Annotated[float, Field(ge=0, le=20)]
MOST_COMPONENTS = 4


class SurvivalTest(Sourced):
    """A test of a time to an event."""

    of_times: ClassVar[bool] = True
    n_arms: ClassVar[int] = 2


class OfRiskSets(SurvivalTest):
    """What log-rank tests have in common: strata, and the estimate that goes with them."""

    stratified: bool = Field(
        default=False, description="Whether the test and the estimate are stratified by the cells."
    )
    estimate: Literal["cox_efron", "cox_breslow", "none"] = Field(
        default="cox_efron",
        description="Estimate of the hazard ratio: Cox's, by the handling of ties, or none.",
    )

    @property
    def effect(self) -> str:
        """What the estimate is of."""
        return "none" if self.estimate == "none" else "log_hazard_ratio"


class LogrankTest(OfRiskSets):
    """A log-rank test, and the estimate that goes with it."""

    kind: Literal["logrank"] = Field(description="The test.")
    null_hazard_ratio: Positive = Field(
        default=1.0, description="Hazard ratio under the null hypothesis."
    )


class FlemingHarrington(Table):
    """Weights ``S(t-)^rho (1 - S(t-))^gamma``, with S the survival of both arms together."""

    rho: Exponent = Field(description="Exponent of S: above 0, early differences weigh more.")
    gamma: Exponent = Field(description="Exponent of 1 - S: above 0, late differences weigh more.")

    @property
    def exponents(self) -> tuple[float, float]:
        """Rho and gamma."""
        return self.rho, self.gamma


class ModestlyWeighted(Table):
    """Weights ``1 / max(S(t-), floor)``, with S the survival of both arms together."""

    one_of: ClassVar = ("delay_months", "survival_floor")
    delay_months: Positive | None = Field(
        default=None, description="Weights grow up to this month, and S there is the floor."
    )
    survival_floor: Annotated[float, Field(gt=0, le=1)] | None = Field(
        default=None, description="The floor itself."
    )


class Weights(Table):
    """Weights of the event times in a log-rank test."""

    one_of: ClassVar = ("fleming_harrington", "modestly_weighted")
    fleming_harrington: FlemingHarrington | None = Field(
        default=None, description="Weights of Fleming and Harrington (1981)."
    )
    modestly_weighted: ModestlyWeighted | None = Field(
        default=None, description="Weights of Magirr and Burman (2019)."
    )


class WeightedLogrankTest(OfRiskSets, Weights):
    """A weighted log-rank test; the estimate is not weighted."""

    kind: Literal["weighted_logrank"] = Field(description="The test.")


class MaxComboTest(OfRiskSets):
    """The largest of several weighted log-rank statistics; the estimate is not weighted.

    The z is the normal quantile of 1 less the p-value, which takes the correlations of the
    components into account.
    """

    kind: Literal["maxcombo"] = Field(description="The test.")
    components: Annotated[tuple[Weights, ...], Field(min_length=2, max_length=MOST_COMPONENTS)] = (
        Field(description="Weights of each of the components.")
    )


class OfCurves(SurvivalTest):
    """What tests on Kaplan-Meier curves have in common."""

    @property
    def stratified(self) -> bool:
        """Never: the curves are those of whole arms."""
        return False

    @property
    def estimate(self) -> str:
        """The difference itself."""
        return "difference"


class RestrictedMeanTest(OfCurves):
    """Difference in restricted mean survival time."""

    kind: Literal["rmst"] = Field(description="The test.")
    tau_months: Positive = Field(description="Months from randomisation up to which it is.")

    @property
    def effect(self) -> str:
        """What the estimate is of."""
        return "rmst_difference"


class MilestoneTest(OfCurves):
    """Difference in survival at a month."""

    kind: Literal["milestone"] = Field(description="The test.")
    at_months: Positive = Field(description="Months from randomisation.")
    transform: Literal["none", "log_log"] = Field(
        default="none",
        description="Difference of S itself, or of -log(-log(S)).",
    )

    @property
    def effect(self) -> str:
        """What the estimate is of."""
        return "survival_difference" if self.transform == "none" else "log_log_difference"


class LandmarkTest(OfCurves):
    """Survival of one arm at a month against a null value, by -log(-log(S))."""

    n_arms: ClassVar[int] = 1
    kind: Literal["landmark_survival"] = Field(description="The test.")
    at_months: Positive = Field(description="Months from randomisation.")
    null_survival: OpenProbability = Field(description="Survival under the null hypothesis.")

    @property
    def effect(self) -> str:
        """What the estimate is of."""
        return "survival"
