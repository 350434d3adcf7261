"""The tests of a binary endpoint that a hypothesis may name."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from simulate.scenario.tables import NotNegative, OpenProbability, Sourced, rule_error

Margin = Annotated[float, Field(gt=-1, lt=1)]
STRATIFIED_METHODS = ("miettinen_nurminen", "mantel_haenszel")
MARGIN_METHODS = ("z_unpooled", "miettinen_nurminen")


class BinaryTest(Sourced):
    """A test of a binary endpoint."""

    of_times: ClassVar[bool] = False
    n_arms: ClassVar[int] = 2
    minimum_follow_up_months: NotNegative | None = Field(
        default=None,
        description="The analysis set: patients randomised at least so many months before the "
        "cutoff; absent: all randomised. Who has not responded by the cutoff counts as no "
        "responder.",
    )


class ProportionsTest(BinaryTest):
    """Difference in proportions between two arms."""

    kind: Literal["proportions"] = Field(description="The test.")
    method: Literal["z_pooled", "z_unpooled", "miettinen_nurminen", "fisher", "mantel_haenszel"] = (
        Field(
            description="z with pooled or unpooled variance, Miettinen and Nurminen's score test, "
            "Fisher's exact test, or Cochran, Mantel and Haenszel's test."
        )
    )
    stratified: bool = Field(
        default=False, description="Whether the test and the estimate are stratified by the cells."
    )
    null_difference: Margin = Field(
        default=0.0,
        description="Difference in proportions, experimental less control, under the null.",
    )
    estimate: Literal["difference", "odds_ratio"] = Field(
        default="difference", description="What is estimated beside the test."
    )

    @property
    def effect(self) -> str:
        """What the estimate is of."""
        return "rate_difference" if self.estimate == "difference" else "log_odds_ratio"

    @model_validator(mode="after")
    def _fits_method(self) -> Self:
        if self.stratified and self.method not in STRATIFIED_METHODS:
            remedy = f"use {' or '.join(STRATIFIED_METHODS)}, or leave the strata out"
            raise rule_error(
                f"cannot be stratified with {self.method}", ("stratified",), "", remedy
            )
        if self.method == "mantel_haenszel" and not self.stratified:
            rule = "must be true with mantel_haenszel, which is a stratified test"
            raise rule_error(rule, ("stratified",))
        if self.null_difference != 0.0 and self.method not in MARGIN_METHODS:
            remedy = f"use {' or '.join(MARGIN_METHODS)}"
            raise rule_error(f"must be 0 with {self.method}", ("null_difference",), remedy=remedy)
        return self


class ExactBinomialTest(BinaryTest):
    """Exact test of one arm's rate against a null value."""

    n_arms: ClassVar[int] = 1
    kind: Literal["exact_binomial"] = Field(description="The test.")
    null_rate: OpenProbability = Field(description="Rate under the null hypothesis.")

    @property
    def stratified(self) -> bool:
        """Never."""
        return False

    @property
    def estimate(self) -> str:
        """The rate itself."""
        return "rate"

    @property
    def effect(self) -> str:
        """What the estimate is of."""
        return "rate"
