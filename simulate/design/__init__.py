"""Closed forms: expected counts, crossing probabilities, power and size; no randomness.

What is public is listed in ``__all__`` and loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulate.design.average_effects import average_hazard_ratio, cox_limit
    from simulate.design.curve_tests import milestone_test, rmst_test
    from simulate.design.events import (
        critical_hazard_ratio,
        detectable_hazard_ratio,
        power_at_events,
        required_events,
    )
    from simulate.design.maxcombo import MaxComboTest, maxcombo_test
    from simulate.design.nonproportional import LogrankWeights, logrank_score, logrank_test
    from simulate.design.normal_power import NormalTest, rounded_up
    from simulate.design.one_proportion import single_arm, single_arm_size
    from simulate.design.simon import simon_designs, two_stage
    from simulate.design.survival_size import (
        Question,
        accrual_for_power,
        event_probabilities,
        follow_up_for_power,
        in_whole_patients,
        power_for_size,
        size_for_power,
        survival_test,
    )
    from simulate.design.two_arms import (
        Entry,
        Stratum,
        TwoArms,
        exponential,
        piecewise_exponential,
        two_arm_trial,
        weibull,
    )
    from simulate.design.two_proportions import two_proportions_test

_HOMES = {
    "Entry": "two_arms",
    "LogrankWeights": "nonproportional",
    "MaxComboTest": "maxcombo",
    "NormalTest": "normal_power",
    "Question": "survival_size",
    "Stratum": "two_arms",
    "TwoArms": "two_arms",
    "accrual_for_power": "survival_size",
    "average_hazard_ratio": "average_effects",
    "cox_limit": "average_effects",
    "critical_hazard_ratio": "events",
    "detectable_hazard_ratio": "events",
    "event_probabilities": "survival_size",
    "exponential": "two_arms",
    "follow_up_for_power": "survival_size",
    "in_whole_patients": "survival_size",
    "logrank_score": "nonproportional",
    "logrank_test": "nonproportional",
    "maxcombo_test": "maxcombo",
    "milestone_test": "curve_tests",
    "piecewise_exponential": "two_arms",
    "power_at_events": "events",
    "power_for_size": "survival_size",
    "required_events": "events",
    "rmst_test": "curve_tests",
    "rounded_up": "normal_power",
    "simon_designs": "simon",
    "single_arm": "one_proportion",
    "single_arm_size": "one_proportion",
    "size_for_power": "survival_size",
    "survival_test": "survival_size",
    "two_arm_trial": "two_arms",
    "two_proportions_test": "two_proportions",
    "two_stage": "simon",
    "weibull": "two_arms",
}

__all__ = [
    "Entry",
    "LogrankWeights",
    "MaxComboTest",
    "NormalTest",
    "Question",
    "Stratum",
    "TwoArms",
    "accrual_for_power",
    "average_hazard_ratio",
    "cox_limit",
    "critical_hazard_ratio",
    "detectable_hazard_ratio",
    "event_probabilities",
    "exponential",
    "follow_up_for_power",
    "in_whole_patients",
    "logrank_score",
    "logrank_test",
    "maxcombo_test",
    "milestone_test",
    "piecewise_exponential",
    "power_at_events",
    "power_for_size",
    "required_events",
    "rmst_test",
    "rounded_up",
    "simon_designs",
    "single_arm",
    "single_arm_size",
    "size_for_power",
    "survival_test",
    "two_arm_trial",
    "two_proportions_test",
    "two_stage",
    "weibull",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name in _HOMES:
        return getattr(import_module(f"simulate.design.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'simulate.design' has no attribute '{name}'")
