"""How uncertain the times of an arm are: a distribution of truths instead of a single one."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from simulate.scenario.tables import OpenProbability, Positive, Sourced, Table, rule_error

# Stratified quantiles: more of them would change nothing that trials can show.
MOST_STRATA = 100_000
DEFAULT_MEMBERS = 1_000
DEFAULT_LEVEL = 0.95
STANDARD_NORMAL = NormalDist()


RealFunction = Callable[[float], float]


def _in_order(interval: tuple[float, ...]) -> tuple[float, ...]:
    if interval[0] >= interval[1]:
        raise rule_error("must be two months, the lower one first")
    return interval


Interval = Annotated[
    tuple[Positive, ...], Field(min_length=2, max_length=2), AfterValidator(_in_order)
]


class Uncertainty(Sourced):
    """A distribution of the factor by which all times of an arm are longer or shorter.

    It is lognormal on either side of the table's own figures, which are its median. All patients
    of the arm in one trial have one factor; another trial has another.
    """

    one_of: ClassVar = ("sd_log_time", "median_months_interval")
    sd_log_time: Annotated[float, Field(gt=0, le=2)] | None = Field(
        default=None, description="Standard deviation of the logarithm of the factor."
    )
    median_months_interval: Interval | None = Field(
        default=None,
        description="Interval of the arm's median, in months; the median of the table's own "
        "figures lies within, with half of the probability on either side.",
    )
    level: OpenProbability | None = Field(
        default=None,
        description="Probability of the interval, half of the rest on either side; default: 0.95.",
    )

    @property
    def interval_level(self) -> float:
        """Probability of the interval, whether stated or not."""
        return DEFAULT_LEVEL if self.level is None else self.level

    def sd_on(
        self,
        side: Literal["longer", "shorter"],
        median_months: float,
        log: RealFunction = math.log,
        quantile: RealFunction = STANDARD_NORMAL.inv_cdf,
    ) -> float:
        """Standard deviation of the logarithm of the factor, where times are longer or shorter.

        Parameters
        ----------
        side : {"longer", "shorter"}
            Than the table's own figures.
        median_months : float
            Of the table's own figures, in months.
        log, quantile : callable
            Natural logarithm, and quantile of the standard normal distribution, of one float.

        Returns
        -------
        float
            With an interval, the one with which its end on this side is the quantile of its level.
        """
        if self.median_months_interval is None:
            assert self.sd_log_time is not None
            return self.sd_log_time
        low, high = self.median_months_interval
        ratio = high / median_months if side == "longer" else median_months / low
        return log(ratio) / quantile(0.5 + 0.5 * self.interval_level)


class Uncertain(Table):
    """What an endpoint's distribution may say of how certain it is."""

    uncertainty: Uncertainty | None = Field(
        default=None,
        description="A distribution of the arm's times, of which each trial has another; absent: "
        "the figures are the truth.",
    )


def uncertainty_of(holder: object, endpoint: str) -> Uncertainty | None:
    """How uncertain a table of an arm, or of its states, says it is."""
    found: Uncertainty | None = getattr(getattr(holder, endpoint, None), "uncertainty", None)
    return found
