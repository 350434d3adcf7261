"""Small scenarios that between them use every feature of the engine."""

from __future__ import annotations

from typing import Any

from twins.endpoint_scenarios import ENDPOINT_FEATURES
from twins.scenario_tables import (
    PFS,
    Table,
    arriving,
    delayed,
    dropping_out,
    events,
    exponential,
    hypothesis,
    piecewise,
    relative,
    uncertain,
    weighted,
)

from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario

__all__ = [
    "FEATURES",
    "PFS",
    "Table",
    "arriving",
    "delayed",
    "dropping_out",
    "events",
    "exponential",
    "feature_scenario",
    "hypothesis",
    "piecewise",
    "relative",
    "uncertain",
    "weighted",
]

TWO_ARMS = {"new": {"pfs": relative("old", 0.6)}, "old": {"pfs": exponential(8.0)}}
SMALL_AND_LARGE = {"site": {"small": 0.3, "large": 0.7}}
FOUR_CELLS = {"risk": {"high": 0.4, "low": 0.6}, "site": {"a": 0.5, "b": 0.5}}
OWN_HAZARDS = {
    "new": {
        "pfs": relative("old", 0.7)
        | {
            "by_stratum": {
                "high": delayed("old", (0.0, 1.0), (3.0, 0.4)) | {"stratum": {"risk": "high"}}
            }
        },
        "dropout": dropping_out(0.02),
    },
    "old": {
        "pfs": {
            "by_stratum": {
                "high": exponential(4.0) | {"stratum": {"risk": "high"}},
                "low": piecewise((0.0, 0.02), (5.0, 0.1), (11.0, 0.04))
                | {"stratum": {"risk": "low"}},
            }
        }
    },
}
JOINT = {
    "first": {"stratum": {"risk": "high", "site": "a"}, "prevalence": 0.3},
    "second": {"stratum": {"risk": "high", "site": "b"}, "prevalence": 0.1},
    "third": {"stratum": {"risk": "low", "site": "a"}, "prevalence": 0.2},
    "fourth": {"stratum": {"risk": "low", "site": "b"}, "prevalence": 0.4},
}
THREE_ARMS = {
    "low": {"pfs": relative("placebo", 0.8), "dropout": dropping_out(0.01)},
    "high": {"pfs": relative("low", 0.7), "dropout": dropping_out(0.03)},
    "placebo": {"pfs": exponential(7.0)},
}
# Everyone who is still event-free at month 5 has the event there (nearly everyone at 2.5 in the
# small sites of one arm): times that tie exactly, between arms and with censorings.
ATOMS = {
    "new": {"pfs": piecewise((0.0, 0.05), (5.0, 1e20)), "dropout": dropping_out(0.03)},
    "old": {
        "pfs": piecewise((0.0, 0.1), (5.0, 1e20))
        | {
            "by_stratum": {
                "small": piecewise((0.0, 0.05), (2.5, 1e20)) | {"stratum": {"site": "small"}}
            }
        }
    },
}

FEATURES: dict[str, Table] = {
    "plain": {
        "arms": TWO_ARMS,
        "accrual": {"patients": 90, "arrivals": "evenly_spaced", "rate_per_month": 7.0},
        "analyses": {"final": {"trigger": events(55)}},
        "hypotheses": {"test": hypothesis("new", "old", "final")},
    },
    "stratified": {
        "arms": OWN_HAZARDS,
        "strata": FOUR_CELLS,
        "joint_prevalence": JOINT,
        "accrual": {"patients": 100, "arrivals": "poisson", "rate_per_month": 9.0},
        "analyses": {
            "interim": {"trigger": events(20, stratum={"risk": "high"})},
            "final": {"trigger": events(70, "all_data")},
        },
        "hypotheses": {
            "within": hypothesis("new", "old", "interim", "final", stratified=True),
            "across": hypothesis("new", "old", "final", estimate="cox_breslow"),
        },
    },
    "poisson with a pause": {
        "arms": {
            "new": {"pfs": relative("old", 0.6), "dropout": dropping_out(0.02)},
            "old": {"pfs": exponential(8.0)},
        },
        "accrual": arriving(80, "poisson", (0.0, 10.0), (3.0, 0.0), (6.0, 4.0), (9.0, 20.0)),
        "analyses": {
            "early": {"trigger": {"calendar_months": 7.3}},
            "late": {"trigger": {"months_after_previous": 4.1}},
        },
        "hypotheses": {"test": hypothesis("new", "old", "early", "late")},
    },
    "evenly spaced in steps": {
        "arms": TWO_ARMS,
        "accrual": arriving(70, "evenly_spaced", (0.0, 3.3), (4.0, 0.0), (5.0, 8.7), (9.0, 21.1)),
        "analyses": {
            "part": {"trigger": {"minimum_follow_up_months": 2.0, "after_patients": 30}},
            "whole": {"trigger": {"minimum_follow_up_months": 5.5}},
        },
        "hypotheses": {"test": hypothesis("new", "old", "part", "whole", estimate="none")},
    },
    "three arms": {
        "arms": THREE_ARMS,
        "accrual": {"patients": 110, "arrivals": "poisson", "rate_per_month": 15.0},
        "randomisation": {"ratio": {"low": 1, "high": 2, "placebo": 1}, "block_size": 4},
        "analyses": {
            "first": {"trigger": events(30, arms=["high", "placebo"])},
            "second": {"trigger": events(45, arms=["low", "placebo"])},
        },
        "hypotheses": {
            "high": hypothesis("high", "placebo", "first", "second"),
            "low": hypothesis("low", "placebo", "second"),
            "doses": hypothesis("high", "low", "first", null_hazard_ratio=0.8),
        },
    },
    "three arms in strata": {
        "arms": THREE_ARMS,
        "strata": SMALL_AND_LARGE,
        "accrual": {"patients": 90, "arrivals": "evenly_spaced", "rate_per_month": 11.0},
        "analyses": {
            "first": {"trigger": events(25, stratum={"site": "large"}, arms=["low", "placebo"])},
            "second": {"trigger": events(60)},
        },
        "hypotheses": {
            "within": hypothesis("high", "placebo", "first", "second", stratified=True),
            "across": hypothesis("low", "placebo", "first", "second"),
        },
    },
    "two to one": {
        "arms": TWO_ARMS,
        "strata": SMALL_AND_LARGE,
        "accrual": {"patients": 75, "arrivals": "evenly_spaced", "rate_per_month": 5.5},
        "randomisation": {"ratio": {"new": 2, "old": 1}, "block_size": 6, "within_strata": False},
        "analyses": {"final": {"trigger": events(45, stratum={"site": "large"})}},
        "hypotheses": {"test": hypothesis("new", "old", "final", stratified=True)},
    },
    "weibull": {
        "arms": {
            "new": {
                "pfs": delayed("old", (0.0, 1.0), (2.0, 0.5), (9.0, 0.9)),
                "dropout": {
                    "distribution": "weibull",
                    "shape": 0.8,
                    "survival": {"month": 12, "probability": 0.8},
                },
            },
            "old": {"pfs": {"distribution": "weibull", "shape": 1.4, "median_months": 9.0}},
        },
        "accrual": {"patients": 80, "arrivals": "evenly_spaced", "rate_per_month": 8.0},
        "analyses": {"final": {"trigger": events(50)}},
        "hypotheses": {"test": hypothesis("new", "old", "final", null_hazard_ratio=1.3)},
    },
    "cure-like plateaus": {
        "arms": {
            "new": {
                "pfs": piecewise((0.0, 0.0), (2.0, 0.2), (4.0, 0.0), (10.0, 0.1)),
                "dropout": piecewise((0.0, 0.05), (3.0, 0.0)),
            },
            "old": {
                "pfs": {
                    "distribution": "piecewise_exponential",
                    "survival": [
                        {"month": 3, "probability": 0.7},
                        {"month": 8, "probability": 0.7},
                        {"month": 20, "probability": 0.1},
                    ],
                }
            },
        },
        "accrual": {"patients": 60, "arrivals": "poisson", "rate_per_month": 10.0},
        "analyses": {
            "first": {"trigger": {"latest_of": [events(12), {"calendar_months": 8.0}]}},
            "last": {"trigger": events(59, "all_data")},
        },
        "hypotheses": {"test": hypothesis("new", "old", "first", "last")},
    },
    "events that never come": {
        "arms": {
            "new": {"pfs": exponential(20.0), "dropout": dropping_out(0.05)},
            "old": {"pfs": exponential(12.0), "dropout": dropping_out(0.01)},
        },
        "accrual": {"patients": 60, "arrivals": "evenly_spaced", "rate_per_month": 6.0},
        "follow_up": {"maximum_months": 9.0},
        "analyses": {
            "last": {"trigger": events(24, "last_event")},
            "skipped": {"trigger": events(25, "skip")},
            "after": {"trigger": {"months_after_previous": 0.47}},
            "all": {"trigger": events(26, "all_data")},
        },
        "hypotheses": {"test": hypothesis("new", "old", "last", "skipped", "after", "all")},
    },
    "nested triggers": {
        "arms": TWO_ARMS,
        "accrual": {"patients": 60, "arrivals": "poisson", "rate_per_month": 6.0},
        "follow_up": {"maximum_months": 12.0},
        "analyses": {
            "first": {
                "trigger": {
                    "earliest_of": [
                        events(25, "skip"),
                        {"calendar_months": 11.0},
                        {
                            "latest_of": [
                                events(4, arms=["old"]),
                                {"minimum_follow_up_months": 1.0, "after_patients": 20},
                            ]
                        },
                    ]
                }
            },
            "second": {
                "trigger": {
                    "latest_of": [
                        {"earliest_of": [events(45, "skip"), events(42, "last_event")]},
                        {"months_after_previous": 3.0},
                    ]
                }
            },
            "third": {"trigger": {"latest_of": [events(38, "skip"), events(47, "all_data")]}},
        },
        "hypotheses": {"test": hypothesis("new", "old", "first", "second", "third")},
    },
    "hardly any patients": {
        "arms": TWO_ARMS,
        "strata": SMALL_AND_LARGE,
        "accrual": {"patients": 9, "arrivals": "poisson", "rate_per_month": 3.0},
        "follow_up": {"maximum_months": 15.0},
        "analyses": {
            "first": {"trigger": {"calendar_months": 1.0}},
            "second": {"trigger": events(3, arms=["old"])},
            "third": {"trigger": events(4, "skip", arms=["new"])},
        },
        "hypotheses": {
            "across": hypothesis("new", "old", "first", "second", "third"),
            "within": hypothesis("new", "old", "second", stratified=True),
        },
    },
    "uncertain control": {
        "arms": {
            "new": {"pfs": relative("old", 0.6), "discount": 0.8},
            "old": {"pfs": uncertain(exponential(8.0), median_months_interval=[6.0, 14.0])},
        },
        "accrual": {"patients": 70, "arrivals": "poisson", "rate_per_month": 7.0},
        "analyses": {
            "interim": {"trigger": events(25)},
            "final": {"trigger": events(50)},
        },
        "hypotheses": {"test": hypothesis("new", "old", "interim", "final")},
        "simulation": {"members": 7},
    },
    "uncertain arms in strata": {
        "arms": {
            "new": {
                "pfs": delayed("old", (0.0, 1.0), (3.0, 0.4))
                | {
                    "by_stratum": {
                        "high": exponential(9.0) | {"stratum": {"risk": "high"}},
                    }
                }
            },
            "old": {
                "pfs": uncertain(piecewise((0.0, 0.02), (3.0, 0.1), (11.0, 0.04)), sd_log_time=0.3)
                | {
                    "by_stratum": {
                        "high": {"distribution": "weibull", "shape": 1.3, "median_months": 5.0}
                        | {"stratum": {"risk": "high", "site": "a"}}
                    }
                }
            },
            "other": {
                "pfs": uncertain(
                    {"distribution": "weibull", "shape": 0.8, "median_months": 10.0},
                    median_months_interval=[9.0, 16.0],
                    level=0.8,
                )
            },
        },
        "strata": FOUR_CELLS,
        "accrual": {"patients": 90, "arrivals": "evenly_spaced", "rate_per_month": 9.0},
        "analyses": {"final": {"trigger": events(60)}},
        "hypotheses": {
            "test": hypothesis("new", "old", "final", stratified=True),
            "other": hypothesis("new", "other", "final"),
        },
        "simulation": {"members": 5},
    },
    "uncertain survival": {
        "arms": {
            "new": {"os": uncertain(exponential(9.0), sd_log_time=0.2)},
            "old": {"os": exponential(8.0)},
        },
        "accrual": {"patients": 50, "arrivals": "evenly_spaced", "rate_per_month": 7.0},
        "analyses": {
            "interim": {"trigger": events(15, endpoint="os")},
            "final": {"trigger": events(30, endpoint="os")},
        },
        "hypotheses": {"test": hypothesis("new", "old", "interim", "final", endpoint="os")},
        "simulation": {"members": 3},
    },
    "weighted": {
        "arms": OWN_HAZARDS,
        "strata": FOUR_CELLS,
        "accrual": {"patients": 70, "arrivals": "poisson", "rate_per_month": 9.0},
        "analyses": {
            "interim": {"trigger": events(25)},
            "final": {"trigger": events(50)},
        },
        "hypotheses": {
            "late": weighted("interim", "final", fleming_harrington={"rho": 0, "gamma": 1}),
            "middle": weighted("final", fleming_harrington={"rho": 0.7, "gamma": 0.5}),
            "modest": weighted("interim", "final", modestly_weighted={"delay_months": 4.0}),
            "floor": weighted("final", modestly_weighted={"survival_floor": 0.5}),
            "plain": hypothesis("new", "old", "interim", "final", stratified=True),
            "late_across": weighted(
                "final", stratified=False, fleming_harrington={"rho": 0, "gamma": 1}
            ),
        },
    },
    "weighted ties": {
        "arms": ATOMS,
        "strata": SMALL_AND_LARGE,
        "accrual": {"patients": 64, "arrivals": "evenly_spaced", "rate_per_month": 4.0},
        "analyses": {"final": {"trigger": events(50)}},
        "hypotheses": {
            "early": weighted("final", fleming_harrington={"rho": 1, "gamma": 0}),
            "modest": weighted("final", stratified=False, modestly_weighted={"delay_months": 2.5}),
        },
    },
    "ties, Efron": {
        "arms": ATOMS,
        "strata": SMALL_AND_LARGE,
        "accrual": {"patients": 64, "arrivals": "evenly_spaced", "rate_per_month": 4.0},
        "analyses": {
            "first": {"trigger": {"calendar_months": 10.0}},
            "final": {"trigger": events(50)},
        },
        "hypotheses": {
            "across": hypothesis("new", "old", "first", "final", null_hazard_ratio=1.3),
            "within": hypothesis("new", "old", "first", "final", stratified=True),
        },
    },
    "ties, Breslow": {
        "arms": ATOMS,
        "strata": SMALL_AND_LARGE,
        "accrual": {"patients": 64, "arrivals": "evenly_spaced", "rate_per_month": 4.0},
        "follow_up": {"maximum_months": 5.0},
        "analyses": {"final": {"trigger": {"calendar_months": 18.0}}},
        "hypotheses": {
            "across": hypothesis("new", "old", "final", estimate="cox_breslow"),
            "within": hypothesis("new", "old", "final", stratified=True, estimate="cox_breslow"),
        },
    },
}

FEATURES |= ENDPOINT_FEATURES


def feature_scenario(
    name: str, patients: int | None = None, seed: int = 20260101, **tables: Any
) -> Scenario:
    """One of `FEATURES`, perhaps with another number of patients or other tables."""
    data: Table = {"schema_version": 1, "title": name, "purpose": "To test the engine."}
    data |= FEATURES[name] | tables
    data["simulation"] = data.get("simulation", {}) | {"trials": 20, "seed": seed}
    if patients is not None:
        data["accrual"] = data["accrual"] | {"patients": patients}
    return scenario_from_dict(data)
