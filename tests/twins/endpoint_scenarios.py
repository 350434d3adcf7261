"""Small scenarios of overall survival, response and binary endpoints, and of tests of curves."""

from __future__ import annotations

from twins.scenario_tables import (
    Table,
    dropping_out,
    estimate,
    events,
    exponential,
    hypothesis,
    of_curves,
    of_one_arm,
    of_rates,
    piecewise,
    relative,
    responding,
    uncertain,
    weighted,
)

SITES = {"site": {"small": 0.3, "large": 0.7}}
IN_SMALL = {"stratum": {"site": "small"}}
WEIBULL: Table = {"distribution": "weibull", "shape": 1.4, "scale_months": 4.0}
FISHER = {"method": "fisher"}
LATE = {"fleming_harrington": {"rho": 0, "gamma": 1}}

THREE_ARMS_JOINT: Table = {
    "high": {
        "pfs": relative("control", 0.6),
        "os": relative("control", 0.7),
        "response": responding(
            0.5, exponential(3.0), by_stratum={"small": {"rate": 0.7} | IN_SMALL}
        ),
        "binary": {"pressure": {"rate": 0.45}, "anaemia": {"rate": 0.5}},
        "dropout": dropping_out(0.02),
    },
    "low": {
        "pfs": relative("high", 1.2),
        "os": relative("control", 1.0),
        "response": responding(0.35, WEIBULL),
        "binary": {
            "pressure": {"rate": 0.3, "by_stratum": {"small": {"rate": 0.1} | IN_SMALL}},
            "anaemia": {"rate": 0.2},
        },
    },
    "control": {
        "pfs": exponential(6.0) | {"by_stratum": {"small": exponential(4.0) | IN_SMALL}},
        "os": {"distribution": "weibull", "shape": 1.1, "median_months": 18.0},
        "response": responding(0.2, exponential(2.0)),
        "binary": {"pressure": {"rate": 0.15}, "anaemia": {"rate": 0.0}},
        "dropout": dropping_out(0.03),
    },
}
ATOM_AT_FIVE: Table = {
    "new": {"pfs": piecewise((0.0, 0.05), (5.0, 1e20)), "dropout": dropping_out(0.02)},
    "old": {"pfs": piecewise((0.0, 0.1), (2.5, 0.4), (5.0, 1e20))},
}
EIGHT_THEN_TWELVE: Table = {
    "schedule": [{"from_week": 0, "every_weeks": 8}, {"from_week": 24, "every_weeks": 12}]
}
SHIFTED: Table = EIGHT_THEN_TWELVE | {"shift_days": 7, "not_evaluable_probability": 0.1}
EVERY_SIX_WEEKS: Table = {"schedule": [{"from_week": 0, "every_weeks": 6}]}
BIASED: Table = {
    "progression_early_probability": 0.5,
    "progression_late_probability": 0.1,
    "response_missed_probability": 0.4,
    "response_added_probability": 0.3,
}
FAIR: Table = {"progression_early_probability": 0.2, "progression_late_probability": 0.3}
READ: Table = SHIFTED | {"confirm_response": True, "censor_at": "last_scan"}
TWO_SCANNED_ARMS: Table = {
    "new": {"pfs": relative("old", 0.6), "dropout": dropping_out(0.02)},
    "old": {"pfs": exponential(5.0)},
}

MEMBERS: Table = {
    "stable_to_response": {"shape": [1.0, 1.0, 1.2], "cumulative_12": [0.4, 0.9, 0.2]},
    "stable_to_progression": {"shape": [0.7, 1.0, 1.3], "cumulative_12": [0.8, 1.1, 0.5]},
    "stable_to_death": {"shape": [1.0, 1.0, 1.0], "cumulative_12": [0.1, 0.2, 0.3]},
    "response_to_progression": {"shape": [1.0, 0.8, 1.5], "cumulative_12": [0.6, 0.3, 0.9]},
    "progression_to_death": {"shape": [1.0, 1.0, 1.0], "cumulative_12": [0.5, 1.5, 1.0]},
}
STATES: Table = {
    "stable_to_response": exponential(9.0),
    "stable_to_progression": WEIBULL
    | {"by_stratum": {"small": piecewise((0.0, 0.2), (2.0, 0.05)) | IN_SMALL}},
    "stable_to_death": exponential(60.0),
    "response_to_progression": {"distribution": "weibull", "shape": 0.8, "scale_months": 9.0},
    "response_to_death": piecewise((0.0, 0.01), (4.0, 0.05), (9.0, 0.02)),
    "progression_to_death": {"distribution": "weibull", "shape": 1.3, "scale_months": 12.0},
    "clocks": {"response_to_progression": "forward", "progression_to_death": "forward"},
}
STATES_RELATIVE: Table = {
    "stable_to_response": relative("old", 2.0),
    "stable_to_progression": relative("old", 0.6),
    "stable_to_death": exponential(80.0),
    "response_to_progression": relative("old", 0.7),
    "response_to_death": {
        "relative_to": "old",
        "hazard_ratios": [
            {"from_month": 0, "hazard_ratio": 1.0},
            {"from_month": 3, "hazard_ratio": 0.4},
        ],
    },
    "progression_to_death": relative("old", 1.0),
    "clocks": {"response_to_progression": "forward", "progression_to_death": "forward"},
    "discount": 0.8,
    "discontinuation": exponential(30.0),
}

ENDPOINT_FEATURES: dict[str, Table] = {
    "joint": {
        "arms": THREE_ARMS_JOINT,
        "correlations": {
            "progression_os": 0.6,
            "progression_response": 0.4,
            "os_response": 0.1,
            "horizon_months": 48.0,
        },
        "binary_endpoints": {
            "pressure": {"response_correlation": 0.5, "assessed_months": 3.0},
            "anaemia": {"assessed_months": 1.0},
        },
        "strata": SITES,
        "accrual": {"patients": 90, "arrivals": "poisson", "rate_per_month": 12.0},
        "analyses": {
            "responses": {"trigger": events(15, endpoint="response", arms=["high", "control"])},
            "deaths": {"trigger": events(24, endpoint="os", stratum={"site": "large"})},
            "both": {
                "trigger": {
                    "latest_of": [events(70), events(60, "all_data", endpoint="os", arms=["low"])]
                }
            },
        },
        "hypotheses": {
            "pfs": hypothesis("high", "control", "responses", "both", stratified=True),
            "os": hypothesis("high", "control", "deaths", "both", stratified=True, endpoint="os"),
            "os_low": hypothesis("low", "control", "deaths", endpoint="os"),
            "response": of_rates(
                "high", "control", "responses", "deaths", stratified=True, method="mantel_haenszel"
            ),
            "followed": of_rates(
                "high", "control", "responses", method="fisher", minimum_follow_up_months=2.5
            ),
            "pressure": of_rates(
                "low", "control", "responses", "both", endpoint="pressure", method="z_pooled"
            ),
            "anaemia": of_rates(
                "high", "control", "responses", endpoint="anaemia", **FISHER, estimate="odds_ratio"
            ),
            "late": weighted("both", stratified=True, **LATE)
            | {"arms": {"experimental": "low", "control": "high"}},
        },
        "estimates": {
            "median": estimate("high", "median"),
            "survival": estimate("low", "survival", "os", at_months=9.0, analyses=["both"]),
            "rate": estimate("control", "rate", "response", level=0.9),
        },
    },
    "overall survival alone": {
        "arms": {
            "new": {"os": relative("old", 0.7), "dropout": dropping_out(0.02)},
            "old": {"os": exponential(9.0)},
        },
        "strata": SITES,
        "accrual": {"patients": 60, "arrivals": "evenly_spaced", "rate_per_month": 6.0},
        "follow_up": {"maximum_months": 14.0},
        "analyses": {
            "first": {"trigger": events(14, "skip", endpoint="os", stratum={"site": "small"})},
            "last": {"trigger": events(42, "all_data", endpoint="os")},
        },
        "hypotheses": {
            "test": hypothesis("new", "old", "first", "last", stratified=True, endpoint="os"),
            "landmark": of_one_arm(
                "new",
                "first",
                "last",
                endpoint="os",
                kind="landmark_survival",
                at_months=6.0,
                null_survival=0.6,
            ),
            "milestone": of_curves(
                "new", "old", "last", endpoint="os", kind="milestone", at_months=12.0
            ),
        },
        "estimates": {"median": estimate("old", "median", "os")},
    },
    "one arm": {
        "arms": {
            "only": {"response": responding(0.3, exponential(2.0)), "dropout": dropping_out(0.05)}
        },
        "accrual": {"patients": 40, "arrivals": "poisson", "rate_per_month": 4.0},
        "follow_up": {"maximum_months": 6.0},
        "analyses": {
            "start": {"trigger": {"calendar_months": 1.0}},
            "some": {"trigger": events(10, "skip", endpoint="response")},
            "last": {"trigger": events(14, "all_data", endpoint="response")},
        },
        "hypotheses": {
            "exact": of_one_arm(
                "only",
                "start",
                "some",
                "last",
                endpoint="response",
                kind="exact_binomial",
                null_rate=0.15,
                minimum_follow_up_months=3.0,
            ),
        },
        "estimates": {
            "everyone": estimate("only", "rate", "response"),
            "set": estimate("only", "rate", "response", minimum_follow_up_months=1.5),
        },
    },
    "survival and response": {
        "arms": {
            "new": {
                "os": piecewise((0.0, 0.15), (4.0, 0.05)),
                # Deaths before month 1 leave no time to respond.
                "response": responding(0.6, piecewise((0.0, 0.0), (1.0, 0.4), (6.0, 0.0))),
                "binary": {"early": {"rate": 0.6}, "late": {"rate": 0.5}, "never": {"rate": 0.9}},
                "dropout": dropping_out(0.05),
            },
            "old": {
                "os": relative("new", 1.6),
                "response": responding(0.4, WEIBULL),
                "binary": {"early": {"rate": 0.4}, "late": {"rate": 0.5}, "never": {"rate": 0.9}},
            },
        },
        "correlations": {"os_response": -0.5},
        "binary_endpoints": {
            "early": {"response_correlation": -0.7},
            "late": {"response_correlation": 0.8, "assessed_months": 9.0},
            "never": {"assessed_months": 9.5},
        },
        "strata": SITES,
        "accrual": {"patients": 70, "arrivals": "evenly_spaced", "rate_per_month": 7.0},
        "randomisation": {"ratio": {"new": 2, "old": 1}, "block_size": 3},
        "follow_up": {"maximum_months": 9.0},
        "analyses": {
            "first": {"trigger": {"calendar_months": 4.0}},
            "last": {"trigger": events(70, "all_data", endpoint="os")},
        },
        "hypotheses": {
            "os": hypothesis("new", "old", "first", "last", endpoint="os"),
            "score": of_rates(
                "new", "old", "first", "last", method="miettinen_nurminen", null_difference=-0.1
            ),
            "in_strata": of_rates(
                "new",
                "old",
                "first",
                "last",
                stratified=True,
                method="miettinen_nurminen",
                estimate="odds_ratio",
            ),
            "unpooled": of_rates("new", "old", "last", method="z_unpooled", null_difference=0.2),
            "early": of_rates("new", "old", "first", endpoint="early", **FISHER),
            "late": of_rates("new", "old", "last", endpoint="late", method="z_pooled"),
            "never": of_rates("new", "old", "last", endpoint="never", method="z_unpooled"),
        },
    },
    "shared data": {
        "arms": {
            "new": {
                "pfs": relative("old", 0.7),
                "response": responding(0.5, exponential(2.0)),
                "dropout": dropping_out(0.02),
            },
            "old": {"pfs": exponential(7.0), "response": responding(0.3, exponential(2.0))},
        },
        "strata": SITES,
        "accrual": {"patients": 60, "arrivals": "poisson", "rate_per_month": 9.0},
        "analyses": {
            "early": {"trigger": {"calendar_months": 6.0}},
            "final": {"trigger": events(45)},
        },
        "hypotheses": {
            "plain": hypothesis("new", "old", "early", "final", stratified=True),
            "mean": of_curves("new", "old", "early", "final", kind="rmst", tau_months=5.0),
            "late": weighted("early", "final", stratified=True, **LATE),
            "response": of_rates("new", "old", "early", "final", method="z_pooled"),
            "again": hypothesis(
                "new", "old", "early", "final", stratified=True, null_hazard_ratio=1.3
            ),
            "milestone": of_curves(
                "new", "old", "final", kind="milestone", at_months=6.0, transform="log_log"
            ),
            "modest": weighted(
                "early", "final", stratified=True, modestly_weighted={"delay_months": 3.0}
            ),
            "landmark": of_one_arm(
                "new",
                "early",
                "final",
                kind="landmark_survival",
                at_months=4.0,
                null_survival=0.5,
            ),
            "across": hypothesis("new", "old", "final"),
            "longer": of_curves("new", "old", "final", kind="rmst", tau_months=8.0),
        },
        "estimates": {
            "median": estimate("new", "median"),
            "mean_new": estimate("new", "rmst", at_months=5.0),
            "survival": estimate("old", "survival", at_months=4.0, level=0.8),
            "rate": estimate("old", "rate", "response", minimum_follow_up_months=2.0),
            "median_old": estimate("old", "median", analyses=["early"]),
        },
    },
    "ties of curves": {
        "arms": ATOM_AT_FIVE,
        "accrual": {"patients": 60, "arrivals": "evenly_spaced", "rate_per_month": 4.0},
        "follow_up": {"maximum_months": 5.0},
        "analyses": {
            "early": {"trigger": {"calendar_months": 8.0}},
            "all": {"trigger": events(60, "all_data")},
        },
        "hypotheses": {
            "mean": of_curves("new", "old", "early", "all", kind="rmst", tau_months=5.0),
            "before": of_curves("new", "old", "all", kind="milestone", at_months=4.75),
            "at": of_curves("new", "old", "early", "all", kind="milestone", at_months=5.0),
            "at_log_log": of_curves(
                "new", "old", "all", kind="milestone", at_months=5.0, transform="log_log"
            ),
            "landmark": of_one_arm(
                "new", "all", kind="landmark_survival", at_months=5.0, null_survival=0.3
            ),
        },
        "estimates": {
            "median": estimate("new", "median"),
            "survival": estimate("old", "survival", at_months=5.0),
            "mean_old": estimate("old", "rmst", at_months=5.0),
        },
    },
    "binary endpoints alone": {
        "arms": {
            "new": {"binary": {"cured": {"rate": 0.5}}, "dropout": dropping_out(0.04)},
            "old": {"binary": {"cured": {"rate": 0.3}}},
        },
        "binary_endpoints": {"cured": {"assessed_months": 2.9}},
        "strata": SITES,
        "accrual": {"patients": 50, "arrivals": "evenly_spaced", "rate_per_month": 7.0},
        "analyses": {
            "part": {"trigger": {"minimum_follow_up_months": 2.9, "after_patients": 30}},
            "some": {"trigger": events(14, endpoint="cured", arms=["new"])},
            # Who entered last has been followed for exactly as long as the set asks for.
            "last": {"trigger": {"minimum_follow_up_months": 2.9}},
        },
        "hypotheses": {
            "set": of_rates(
                "new",
                "old",
                "part",
                "last",
                endpoint="cured",
                method="fisher",
                minimum_follow_up_months=2.9,
            ),
            "everyone": of_rates(
                "new",
                "old",
                "part",
                "some",
                endpoint="cured",
                stratified=True,
                method="mantel_haenszel",
            ),
        },
        "estimates": {
            "rate": estimate(
                "new", "rate", "cured", minimum_follow_up_months=2.9, analyses=["part"]
            )
        },
    },
    "frailty and a cured fraction": {
        "arms": {
            "new": {"pfs": relative("old", 0.6), "dropout": dropping_out(0.01)},
            "old": {"pfs": exponential(5.0) | {"frailty_variance": 0.8, "cured": 0.15}},
        },
        "accrual": {"patients": 60, "arrivals": "poisson", "rate_per_month": 8.0},
        "analyses": {"final": {"trigger": events(44, "last_event")}},
        "hypotheses": {
            "test": hypothesis("new", "old", "final"),
            "mean": of_curves("new", "old", "final", kind="rmst", tau_months=10.0),
        },
        "estimates": {"median": estimate("old", "median")},
    },
    "progression through scans": {
        "arms": TWO_SCANNED_ARMS,
        "assessments": EIGHT_THEN_TWELVE,
        "strata": SITES,
        "accrual": {"patients": 70, "arrivals": "poisson", "rate_per_month": 9.0},
        "analyses": {
            "part": {"trigger": {"calendar_months": 9.0}},
            "final": {"trigger": events(50)},
        },
        "hypotheses": {
            "breslow": hypothesis(
                "new", "old", "part", "final", stratified=True, estimate="cox_breslow"
            ),
            "efron": hypothesis("new", "old", "final", null_hazard_ratio=0.8),
            "late": weighted("part", "final", stratified=True, **LATE),
            "mean": of_curves("new", "old", "final", kind="rmst", tau_months=7.0),
            "milestone": of_curves("new", "old", "final", kind="milestone", at_months=6.0),
        },
        "estimates": {
            "median": estimate("new", "median"),
            "survival": estimate("old", "survival", at_months=4.0),
        },
    },
    "states": {
        "arms": {
            "new": {
                "states": STATES_RELATIVE,
                "binary": {"pressure": {"rate": 0.4}},
                "dropout": dropping_out(0.02),
            },
            "old": {"states": STATES, "binary": {"pressure": {"rate": 0.2}}},
        },
        "binary_endpoints": {"pressure": {"assessed_months": 2.0}},
        "strata": SITES,
        "accrual": {"patients": 70, "arrivals": "poisson", "rate_per_month": 8.0},
        "analyses": {
            "responses": {"trigger": events(15, endpoint="response")},
            "final": {"trigger": events(30, "all_data", endpoint="os")},
        },
        "hypotheses": {
            "pfs": hypothesis("new", "old", "responses", "final", stratified=True),
            "os": hypothesis("new", "old", "final", endpoint="os"),
            "response": of_rates("new", "old", "responses", "final", method="z_pooled"),
            "pressure": of_rates("new", "old", "final", endpoint="pressure", method="z_pooled"),
        },
        "estimates": {"median": estimate("new", "median")},
    },
    "states of an ensemble through scans": {
        "arms": {
            "new": {"states": {"members": MEMBERS, "discount": 0.9}, "dropout": dropping_out(0.01)},
            "old": {"pfs": exponential(7.0)},
        },
        "assessments": EIGHT_THEN_TWELVE | {"confirm_response": True},
        "accrual": {"patients": 60, "arrivals": "evenly_spaced", "rate_per_month": 6.0},
        "analyses": {"final": {"trigger": events(45, "last_event")}},
        "hypotheses": {"pfs": hypothesis("new", "old", "final")},
        "estimates": {"median": estimate("new", "median")},
    },
    "states of an ensemble beside an uncertain arm": {
        "arms": {
            "new": {"states": {"members": MEMBERS}},
            "old": {"pfs": uncertain(exponential(7.0), sd_log_time=0.4), "discount": 0.9},
        },
        "accrual": {"patients": 50, "arrivals": "evenly_spaced", "rate_per_month": 6.0},
        "analyses": {"final": {"trigger": events(35, "last_event")}},
        "hypotheses": {"pfs": hypothesis("new", "old", "final")},
    },
    "states of two ensembles": {
        "arms": {
            "new": {"states": {"members": MEMBERS}},
            "old": {
                "states": {"members": MEMBERS | {"stable_to_death": MEMBERS["stable_to_response"]}}
            },
        },
        "accrual": {"patients": 50, "arrivals": "evenly_spaced", "rate_per_month": 6.0},
        "analyses": {"final": {"trigger": events(30, "all_data", endpoint="os")}},
        "hypotheses": {
            "pfs": hypothesis("new", "old", "final"),
            "response": of_rates("new", "old", "final", method="fisher"),
        },
        "estimates": {"survival": estimate("old", "survival", "os", at_months=6.0)},
    },
    "joint through scans": {
        "arms": THREE_ARMS_JOINT
        | {"low": THREE_ARMS_JOINT["low"] | {"assessments": EVERY_SIX_WEEKS}},
        "assessments": EIGHT_THEN_TWELVE
        | {"window_days": 5, "missed_probability": 0.2, "confirm_response": True},
        "correlations": {"progression_os": 0.5, "progression_response": 0.3, "os_response": 0.2},
        "binary_endpoints": {"pressure": {"response_correlation": 0.5}, "anaemia": {}},
        "accrual": {"patients": 75, "arrivals": "evenly_spaced", "rate_per_month": 11.0},
        "strata": SITES,
        "analyses": {
            "responses": {"trigger": events(12, endpoint="response", arms=["high", "low"])},
            "final": {"trigger": events(30, endpoint="os")},
        },
        "hypotheses": {
            "pfs": hypothesis("high", "control", "responses", "final"),
            "os": hypothesis("low", "control", "final", endpoint="os", stratified=True),
            "response": of_rates("high", "control", "responses", "final", method="fisher"),
        },
        "estimates": {"rate": estimate("low", "rate", "response", minimum_follow_up_months=3.0)},
    },
    "shifted scans": {
        # One plan for all arms, shifted by more in one of them.
        "arms": THREE_ARMS_JOINT
        | {"low": THREE_ARMS_JOINT["low"] | {"assessments": SHIFTED | {"shift_days": 20}}},
        "assessments": SHIFTED,
        "correlations": {"progression_response": 0.3},
        "binary_endpoints": {"pressure": {}, "anaemia": {}},
        "strata": SITES,
        "accrual": {"patients": 70, "arrivals": "poisson", "rate_per_month": 12.0},
        "analyses": {
            "first": {"trigger": events(20)},
            "all": {"trigger": events(70, "all_data", endpoint="response")},
        },
        "hypotheses": {
            "pfs": hypothesis("high", "control", "first", "all", stratified=True),
            "response": of_rates("high", "low", "first", "all", method="z_pooled"),
        },
        "estimates": {"median": estimate("low", "median")},
    },
    "observed through scans": {
        "arms": THREE_ARMS_JOINT,
        "assessments": SHIFTED | {"confirm_response": True},
        "correlations": {"progression_response": 0.3},
        "binary_endpoints": {"pressure": {}, "anaemia": {"assessed_months": 2.0}},
        "strata": SITES,
        "accrual": {"patients": 80, "arrivals": "poisson", "rate_per_month": 12.0},
        "analyses": {
            "early": {"trigger": {"calendar_months": 3.0}},
            "first": {"trigger": events(20)},
            # The last patient's fourth scan, but for the shift, is on the day of the cutoff.
            "last": {"trigger": {"minimum_follow_up_months": 224 / 30.4375}},
        },
        "hypotheses": {
            "control": of_rates(
                "high", "control", "first", "last", endpoint="disease_control", method="z_pooled"
            ),
            "in_strata": of_rates(
                "high",
                "low",
                "last",
                endpoint="disease_control",
                method="mantel_haenszel",
                stratified=True,
            ),
            "pressure": of_rates("high", "low", "last", endpoint="pressure", method="z_pooled"),
        },
        "estimates": {
            "duration": estimate("high", "median", "duration_of_response"),
            "duration_at_4": estimate(
                "high", "survival", "duration_of_response", at_months=4.0, level=0.9
            ),
            "duration_last": estimate("high", "last_survival", "duration_of_response"),
            "duration_free": estimate(
                "high", "share_event_free", "duration_of_response", at_months=56 / 30.4375
            ),
            "duration_mean": estimate("low", "rmst", "duration_of_response", at_months=3.0),
            "onset": estimate("low", "median", "time_to_response"),
            "soonest": estimate("low", "minimum", "time_to_response"),
            "latest": estimate("low", "maximum", "time_to_response"),
            "rate": estimate("control", "rate", "disease_control"),
            "followed": estimate(
                "control", "rate", "disease_control", minimum_follow_up_months=4.0
            ),
            "pfs_last": estimate("high", "last_survival"),
            "pfs_free": estimate("high", "share_event_free", at_months=168 / 30.4375),
            "os_longest": estimate("control", "maximum", "os"),
        },
    },
    "observed at missed scans": {
        "arms": {
            "only": THREE_ARMS_JOINT["high"]
            | {"pfs": exponential(5.0), "os": exponential(14.0), "binary": {}}
        },
        "assessments": EVERY_SIX_WEEKS
        | {"window_days": 10, "missed_probability": 0.3, "shift_days": 20},
        "strata": SITES,
        "accrual": {"patients": 50, "arrivals": "evenly_spaced", "rate_per_month": 8.0},
        "follow_up": {"maximum_months": 10.0},
        "analyses": {
            "first": {"trigger": {"calendar_months": 6.0}},
            "last": {"trigger": events(50, "all_data")},
        },
        "estimates": {
            "rate": estimate("only", "rate", "disease_control"),
            "duration": estimate("only", "median", "duration_of_response"),
            "last": estimate("only", "last_survival", "duration_of_response"),
            "longest": estimate("only", "maximum", "duration_of_response"),
            "onset": estimate("only", "median", "time_to_response"),
            "latest": estimate("only", "maximum", "time_to_response"),
            "free": estimate("only", "share_event_free", at_months=6.0),
        },
    },
    "censored at the last of the scans": {
        # In one arm at the end of follow-up. The last patient's fourth scan is at the very cutoff.
        "arms": {
            "new": {
                "pfs": relative("old", 0.5),
                "os": relative("old", 0.5),
                "response": responding(0.5, exponential(2.0)),
                "dropout": dropping_out(0.05),
            },
            "old": {
                "pfs": exponential(6.0),
                "os": exponential(15.0),
                "response": responding(0.4, exponential(3.0)),
            },
            "other": {
                "pfs": relative("old", 0.9),
                "os": relative("old", 1.0),
                "response": responding(0.4, exponential(3.0)),
                "assessments": EIGHT_THEN_TWELVE,
            },
        },
        "assessments": EIGHT_THEN_TWELVE | {"censor_at": "last_scan"},
        "correlations": {"progression_os": 0.3},
        "strata": SITES,
        "accrual": {"patients": 70, "arrivals": "evenly_spaced", "rate_per_month": 9.0},
        "follow_up": {"maximum_months": 17.0},
        "analyses": {
            "first": {"trigger": events(20)},
            "grid": {"trigger": {"minimum_follow_up_months": 224 / 30.4375}},
            "last": {"trigger": events(70, "all_data", endpoint="os")},
        },
        "hypotheses": {
            "within": hypothesis("new", "old", "first", "grid", "last", stratified=True),
            "mixed": hypothesis("new", "other", "grid"),
            "mean": of_curves("new", "old", "grid", "last", kind="rmst", tau_months=5.0),
            "os": hypothesis("new", "old", "grid", endpoint="os"),
        },
        "estimates": {
            "median": estimate("new", "median"),
            "free": estimate("new", "share_event_free", at_months=168 / 30.4375),
            "late": estimate("old", "survival", at_months=224 / 30.4375),
            "duration": estimate("new", "median", "duration_of_response"),
            "duration_other": estimate("other", "median", "duration_of_response"),
            "still": estimate(
                "new", "share_event_free", "duration_of_response", at_months=56 / 30.4375
            ),
        },
    },
    "censored at the last attended of the scans": {
        "arms": {
            "only": THREE_ARMS_JOINT["high"]
            | {"pfs": exponential(5.0), "os": exponential(14.0), "binary": {}}
        },
        "assessments": EVERY_SIX_WEEKS
        | {"window_days": 10, "missed_probability": 0.3, "shift_days": 20}
        | {"censor_at": "last_scan", "not_evaluable_probability": 0.1},
        "strata": SITES,
        "accrual": {"patients": 40, "arrivals": "poisson", "rate_per_month": 8.0},
        "analyses": {
            "first": {"trigger": {"calendar_months": 6.0}},
            "last": {"trigger": events(25)},
        },
        "estimates": {
            "median": estimate("only", "median"),
            "last": estimate("only", "last_survival"),
            "survival": estimate("only", "survival", at_months=4.0),
            "duration": estimate("only", "median", "duration_of_response"),
            "free": estimate("only", "share_event_free", at_months=3.0),
        },
    },
    "shifted scans, censored at them": {
        "arms": TWO_SCANNED_ARMS,
        "assessments": SHIFTED | {"censor_at": "last_scan", "shift_days": 50},
        "accrual": {"patients": 60, "arrivals": "poisson", "rate_per_month": 9.0},
        "analyses": {"final": {"trigger": events(35)}},
        "hypotheses": {"test": hypothesis("new", "old", "final")},
        "estimates": {"median": estimate("new", "median")},
    },
    "responders of continuous times": {
        "arms": {
            "new": {
                "pfs": relative("old", 0.7),
                "response": responding(0.5, exponential(2.0)),
                "dropout": dropping_out(0.04),
            },
            "old": {"pfs": exponential(5.0), "response": responding(0.1, exponential(2.0))},
        },
        "accrual": {"patients": 44, "arrivals": "poisson", "rate_per_month": 9.0},
        "analyses": {
            "early": {"trigger": {"calendar_months": 1.5}},
            "final": {"trigger": events(30)},
        },
        "hypotheses": {"test": hypothesis("new", "old", "early", "final")},
        "estimates": {
            "duration": estimate("new", "median", "duration_of_response"),
            "survival": estimate("old", "survival", "duration_of_response", at_months=3.0),
            "free": estimate("old", "share_event_free", "duration_of_response", at_months=3.0),
            "last": estimate("old", "last_survival", "duration_of_response"),
            "onset": estimate("old", "median", "time_to_response"),
            "latest": estimate("new", "maximum", "time_to_response"),
            "soonest": estimate("old", "minimum"),
        },
    },
    "shifted scans in windows": {
        "arms": TWO_SCANNED_ARMS
        | {"old": TWO_SCANNED_ARMS["old"] | {"assessments": EVERY_SIX_WEEKS | {"shift_days": 6}}},
        "assessments": EIGHT_THEN_TWELVE
        | {"window_days": 4, "missed_probability": 0.2, "shift_days": 40}
        | {"not_evaluable_probability": 0.15},
        "accrual": {"patients": 60, "arrivals": "poisson", "rate_per_month": 9.0},
        "follow_up": {"maximum_months": 9.0},
        "analyses": {"final": {"trigger": events(35, "all_data")}},
        "hypotheses": {"test": hypothesis("new", "old", "final")},
        "estimates": {"median": estimate("new", "median")},
    },
    "read by the investigator": {
        # One plan for all arms, read in another way in one of them.
        "arms": THREE_ARMS_JOINT
        | {
            "control": THREE_ARMS_JOINT["control"]
            | {"assessments": READ | {"investigator": BIASED}}
        },
        "assessments": READ | {"investigator": FAIR},
        "correlations": {"progression_response": 0.3},
        "binary_endpoints": {"pressure": {"response_correlation": 0.4}, "anaemia": {}},
        "strata": SITES,
        "accrual": {"patients": 80, "arrivals": "poisson", "rate_per_month": 12.0},
        "analyses": {
            "responses": {"trigger": events(9, endpoint="response_investigator")},
            "first": {"trigger": events(25, endpoint="pfs_investigator", arms=["high", "control"])},
            "last": {"trigger": {"minimum_follow_up_months": 224 / 30.4375}},
        },
        "hypotheses": {
            "central": hypothesis("high", "control", "first", "last", stratified=True),
            "called": hypothesis(
                "high", "control", "first", "last", stratified=True, endpoint="pfs_investigator"
            ),
            "late": weighted("last", stratified=True, **LATE)
            | {
                "endpoint": "pfs_investigator",
                "arms": {"experimental": "high", "control": "control"},
            },
            "mean": of_curves(
                "low", "control", "last", endpoint="pfs_investigator", kind="rmst", tau_months=7.0
            ),
            # On the risk sets of a row before, and then on curves of its own.
            "within": hypothesis("low", "high", "last"),
            "milestone": of_curves(
                "low",
                "high",
                "last",
                endpoint="pfs_investigator",
                kind="milestone",
                at_months=5.0,
            ),
            "again": hypothesis("low", "high", "last", null_hazard_ratio=1.2),
            "mean_again": of_curves("low", "high", "last", kind="rmst", tau_months=7.0),
            "response": of_rates(
                "high",
                "control",
                "responses",
                "last",
                endpoint="response_investigator",
                method="mantel_haenszel",
                stratified=True,
            ),
            "pressure": of_rates("high", "low", "last", endpoint="pressure", method="z_pooled"),
        },
        "estimates": {
            "median": estimate("control", "median", "pfs_investigator"),
            "free": estimate(
                "low", "share_event_free", "pfs_investigator", at_months=168 / 30.4375
            ),
            "rate": estimate(
                "control", "rate", "response_investigator", minimum_follow_up_months=3.0
            ),
            "control": estimate("control", "rate", "disease_control"),
            "duration": estimate("control", "median", "duration_of_response"),
        },
    },
    "missed scans read by the investigator": {
        "arms": {
            "only": THREE_ARMS_JOINT["high"]
            | {"pfs": exponential(5.0), "os": exponential(9.0), "binary": {}}
        },
        "assessments": EVERY_SIX_WEEKS
        | {"window_days": 10, "missed_probability": 0.3, "shift_days": 20}
        | {"censor_at": "last_scan", "not_evaluable_probability": 0.1, "confirm_response": True}
        | {"investigator": BIASED | {"progression_late_probability": 0.5}},
        "strata": SITES,
        "accrual": {"patients": 50, "arrivals": "evenly_spaced", "rate_per_month": 8.0},
        "follow_up": {"maximum_months": 10.0},
        "analyses": {
            "first": {"trigger": {"calendar_months": 6.0}},
            "last": {"trigger": events(50, "all_data", endpoint="pfs_investigator")},
        },
        "hypotheses": {
            "landmark": of_one_arm(
                "only",
                "first",
                "last",
                endpoint="pfs_investigator",
                kind="landmark_survival",
                at_months=4.0,
                null_survival=0.5,
            ),
        },
        "estimates": {
            "called": estimate("only", "survival", "pfs_investigator", at_months=4.0),
            "central": estimate("only", "survival", at_months=4.0),
            "last": estimate("only", "last_survival", "pfs_investigator"),
            "rate": estimate("only", "rate", "response_investigator"),
            "duration": estimate("only", "median", "duration_of_response"),
        },
    },
    "states read by the investigator": {
        "arms": {
            "new": {
                "states": STATES_RELATIVE,
                "assessments": EVERY_SIX_WEEKS | {"investigator": FAIR},
            },
            "old": {"states": STATES, "dropout": dropping_out(0.02)},
        },
        "assessments": EIGHT_THEN_TWELVE | {"investigator": BIASED},
        "strata": SITES,
        "accrual": {"patients": 60, "arrivals": "poisson", "rate_per_month": 8.0},
        "analyses": {"final": {"trigger": events(45, endpoint="pfs_investigator")}},
        "hypotheses": {
            "central": hypothesis("new", "old", "final"),
            "called": hypothesis("new", "old", "final", endpoint="pfs_investigator"),
            "response": of_rates(
                "new", "old", "final", endpoint="response_investigator", method="fisher"
            ),
        },
    },
    "responses alone, read by the investigator": {
        "arms": {"only": {"response": responding(0.3, exponential(2.0))}},
        "assessments": EVERY_SIX_WEEKS
        | {"confirm_response": True, "not_evaluable_probability": 0.1}
        | {"investigator": {"response_missed_probability": 0.2, "response_added_probability": 0.2}},
        "accrual": {"patients": 40, "arrivals": "poisson", "rate_per_month": 4.0},
        "follow_up": {"maximum_months": 6.0},
        "analyses": {"last": {"trigger": events(17, "all_data", endpoint="response_investigator")}},
        "hypotheses": {
            "exact": of_one_arm(
                "only",
                "last",
                endpoint="response_investigator",
                kind="exact_binomial",
                null_rate=0.15,
            ),
        },
        "estimates": {"rate": estimate("only", "rate", "response")},
    },
}
