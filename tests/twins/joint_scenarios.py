"""A scenario with every endpoint, and every test and estimate of them."""

from __future__ import annotations

from typing import Any

from twins.feature_scenarios import Table, dropping_out, exponential, piecewise

from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario


def by_site(definition: Table, in_small: Table) -> Table:
    """A definition, and what replaces it in the small sites."""
    return definition | {"by_stratum": {"s": in_small | {"stratum": {"site": "small"}}}}


def responding(rate: float, in_small: float, median_months: float) -> Table:
    entry = by_site({"rate": rate}, {"rate": in_small})
    return entry | {"time_to_response": exponential(median_months)}


ARMS: Table = {
    "new": {
        "label": "The new drug",
        "pfs": {"distribution": "weibull", "shape": 0.9, "scale_months": 16.0},
        "os": exponential(40.0),
        "response": responding(0.5, 0.3, 2.0),
        "binary": {"clear": {"rate": 0.4}},
        "dropout": dropping_out(0.01),
    },
    "old": {
        "pfs": by_site(piecewise((0.0, 0.04), (5.0, 0.12), (11.0, 0.06)), exponential(4.0)),
        "os": exponential(30.0),
        "response": responding(0.2, 0.1, 3.0),
        "binary": {"clear": {"rate": 0.25}},
    },
}


def compare(endpoint: str, kind: str, **test: Any) -> Table:
    """A hypothesis about both arms."""
    arms = {"experimental": "new", "control": "old"}
    test = {"kind": kind} | test
    return {"endpoint": endpoint, "arms": arms, "test": test, "alpha": 0.025}


def alone(endpoint: str, kind: str, **test: Any) -> Table:
    """A hypothesis about the experimental arm."""
    return compare(endpoint, kind, **test) | {"arms": {"experimental": "new"}}


def estimate(endpoint: str, kind: str, arm: str = "new", **more: Any) -> Table:
    return {"endpoint": endpoint, "arm": arm, "kind": kind} | more


HYPOTHESES: dict[str, Table] = {
    "logrank": compare("os", "logrank"),
    "late": compare("pfs", "weighted_logrank", fleming_harrington={"rho": 0, "gamma": 1}),
    "rmst": compare("pfs", "rmst", tau_months=15.0),
    "milestone": compare("pfs", "milestone", at_months=8.0),
    "log_log": compare("os", "milestone", at_months=12.0, transform="log_log"),
    "landmark": alone("pfs", "landmark_survival", at_months=10.0, null_survival=0.4),
    "difference": compare("response", "proportions", method="z_unpooled"),
    "cells": compare("response", "proportions", method="mantel_haenszel", stratified=True),
    "odds": compare("clear", "proportions", method="fisher", estimate="odds_ratio"),
    "rate": alone("response", "exact_binomial", null_rate=0.3),
}
ESTIMATES: dict[str, Table] = {
    "median": estimate("pfs", "median", arm="old"),
    "survival": estimate("os", "survival", at_months=12.0, level=0.9),
    "mean": estimate("pfs", "rmst", at_months=15.0),
    "share": estimate("response", "rate"),
    "mature": estimate("response", "rate", minimum_follow_up_months=6.0, level=0.8),
}


def joint_scenario(trials: int = 20, seed: int = 20260101, **tables: Any) -> Scenario:
    """The scenario, perhaps with other tables; a table of None is left out."""
    data: Table = {
        "schema_version": 1,
        "title": "Every endpoint",
        "purpose": "To test endpoints and what is made of them.",
        "arms": ARMS,
        "correlations": {
            "progression_os": 0.5,
            "progression_response": 0.3,
            "os_response": 0.2,
        },
        "binary_endpoints": {
            "clear": {"label": "Clearance", "response_correlation": 0.4, "assessed_months": 3.0}
        },
        "strata": {"site": {"small": 0.3, "large": 0.7}},
        "accrual": {"patients": 120, "arrivals": "evenly_spaced", "rate_per_month": 10.0},
        "analyses": {"final": {"trigger": {"calendar_months": 30.0}}},
        "hypotheses": HYPOTHESES,
        "estimates": ESTIMATES,
        "simulation": {"trials": trials, "seed": seed},
    }
    return scenario_from_dict({k: v for k, v in (data | tables).items() if v is not None})
