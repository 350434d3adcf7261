"""The tests that a hypothesis may name."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from simulate.scenario.reading import did_you_mean, quoted, toml_text
from simulate.scenario.tables import Positive, Sourced, Table, rule_error

KINDS = ("logrank", "weighted_logrank")
# Beyond, squares of weights would vanish.
Exponent = Annotated[float, Field(ge=0, le=20)]


class OfRiskSets(Sourced):
    """What log-rank tests have in common: strata, and the estimate that goes with them."""

    stratified: bool = Field(
        default=False, description="Whether the test and the estimate are stratified by the cells."
    )
    estimate: Literal["cox_efron", "cox_breslow", "none"] = Field(
        default="cox_efron",
        description="Estimate of the hazard ratio: Cox's, by the handling of ties, or none.",
    )


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


class WeightedLogrankTest(OfRiskSets):
    """A weighted log-rank test; the estimate is not weighted."""

    one_of: ClassVar = ("fleming_harrington", "modestly_weighted")
    kind: Literal["weighted_logrank"] = Field(description="The test.")
    fleming_harrington: FlemingHarrington | None = Field(
        default=None, description="Weights of Fleming and Harrington (1981)."
    )
    modestly_weighted: ModestlyWeighted | None = Field(
        default=None, description="Weights of Magirr and Burman (2019)."
    )

    @property
    def null_hazard_ratio(self) -> float:
        """Hazard ratio under the null hypothesis: equal hazards."""
        return 1.0


def _kind(data: Any) -> str:
    """Tag of the union that a table's kind stands for."""
    kind = data.get("kind") if isinstance(data, dict) else getattr(data, "kind", None)
    return f"<{kind}>"


def _check_kind(data: Any) -> Any:
    """Refuse a table of no kind in words, where the union itself could not."""
    if isinstance(data, Table):
        return data
    if not isinstance(data, dict):
        raise rule_error('must be a table, such as { kind = "logrank" }')
    if "kind" not in data:
        raise rule_error("required key is missing", ("kind",), remedy=f"one of {quoted(KINDS)}")
    kind = data["kind"]
    if not isinstance(kind, str) or kind not in KINDS:
        remedy = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
        raise rule_error(f"must be one of {quoted(KINDS)}", ("kind",), toml_text(kind), remedy)
    return data


Test = Annotated[
    Annotated[LogrankTest, Tag("<logrank>")]
    | Annotated[WeightedLogrankTest, Tag("<weighted_logrank>")],
    Discriminator(_kind),
    BeforeValidator(_check_kind),
]
