"""What is estimated by a test or an estimate, and what its operating characteristics are called."""

from __future__ import annotations

import math
from typing import NamedTuple

from simulate.scenario.effects import true_value
from simulate.scenario.models import Scenario

COX = "cox"
DIFFERENCE = "difference"
WITHOUT_SE = ("median", "minimum", "maximum")
WITHOUT_LIMITS = ("rate", "share_event_free", "minimum", "maximum")


class MeasuredEffect(NamedTuple):
    """What is estimated, and how its operating characteristics are worked out.

    Attributes
    ----------
    kind : str
        Also its name among the measures: "none", "log_hazard_ratio", "rmst_difference",
        "survival_difference", "log_log_difference", "rate_difference", "log_odds_ratio",
        or the kind of an estimate ("survival" and "rate" of tests of one arm, too).
    truth : float or None
        The true value; None where there is no single one, or it is infinite.
    level : float
        Of the confidence intervals.
    has_limits : bool
        Whether the engine gives limits; else they are the estimate and its standard error's.
    """

    kind: str
    truth: float | None
    level: float
    has_limits: bool

    @property
    def failures(self) -> str:
        """What may be missing."""
        return COX if self.kind == "log_hazard_ratio" else DIFFERENCE

    @property
    def has_se(self) -> bool:
        """Whether estimates come with a standard error."""
        return self.kind not in WITHOUT_SE

    @property
    def is_rate(self) -> bool:
        """Whether it is the rate of one arm."""
        return self.kind == "rate"

    @property
    def quantile(self) -> float:
        """Half-width of the confidence interval in standard errors."""
        from scipy.special import ndtri  # noqa: PLC0415 - slow to import

        return float(ndtri(0.5 + 0.5 * self.level))

    @property
    def coverage(self) -> str:
        """Name of the coverage of the confidence interval among the measures."""
        return f"coverage_{100.0 * self.level:g}"


def measured_effect(scenario: Scenario, name: str) -> MeasuredEffect:
    """What a hypothesis or an estimate of a scenario estimates."""
    truth = true_value(scenario, name)
    if truth is not None and not math.isfinite(truth):
        truth = None
    if name in scenario.hypotheses:
        return MeasuredEffect(scenario.hypotheses[name].test.effect, truth, 0.95, False)
    chosen = scenario.estimates[name]
    has_limits = chosen.kind not in WITHOUT_LIMITS
    return MeasuredEffect(chosen.kind, truth, chosen.level, has_limits)
