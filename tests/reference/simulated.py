"""The scenarios behind R packages' simulated answers, in our own terms."""

from __future__ import annotations

from typing import Any

CRITICAL_100_150_200 = [2.962588, 2.359018, 2.014084]


def trial(
    *,
    control: dict[str, Any],
    experimental: dict[str, Any],
    dropout: float | tuple[float, float],
    patients: int,
    rates: list[tuple[float, float]],
    arrivals: str,
    analyses: dict[str, Any],
    critical_values: list[float],
    ratio: tuple[int, int] = (1, 1),
    block_size: int | None = None,
    strata: dict[str, float] | None = None,
    null_hazard_ratio: float = 1.0,
    fleming_harrington: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Tables of a two-arm trial; ``dropout`` is a hazard, or one for each arm."""
    hazards = dropout if isinstance(dropout, tuple) else (dropout, dropout)
    arms = {}
    for name, pfs, hazard in zip(
        ("experimental", "control"), (experimental, control), hazards, strict=True
    ):
        out = {"distribution": "exponential", "rate_per_month": hazard}
        arms[name] = {"pfs": pfs, "dropout": out}
    scenario: dict[str, Any] = {
        "schema_version": 1,
        "title": "reference",
        "purpose": "Agreement with another package.",
        "arms": arms,
        "accrual": {
            "patients": patients,
            "arrivals": arrivals,
            "rates_per_month": [{"from_month": m, "rate": r} for m, r in rates],
        },
        "randomisation": {
            "ratio": {"experimental": ratio[0], "control": ratio[1]},
            "block_size": block_size or sum(ratio),
        },
        "analyses": {name: {"trigger": trigger} for name, trigger in analyses.items()},
        "hypotheses": {
            "pfs": {
                "endpoint": "pfs",
                "arms": {"experimental": "experimental", "control": "control"},
                "test": {
                    "kind": "logrank",
                    "estimate": "none",
                    "stratified": strata is not None,
                    "null_hazard_ratio": null_hazard_ratio,
                },
                "analyses": list(analyses),
                "critical_values": critical_values,
            }
        },
        "simulation": {"trials": 100_000, "seed": 20261122},
    }
    if strata is not None:
        scenario["strata"] = {"risk": strata}
    if fleming_harrington is not None:
        rho, gamma = fleming_harrington
        test = scenario["hypotheses"]["pfs"]["test"]
        del test["null_hazard_ratio"]
        test["kind"] = "weighted_logrank"
        test["fleming_harrington"] = {"rho": rho, "gamma": gamma}
    return scenario


def exponential(median: float) -> dict[str, Any]:
    """Exponential times with a median in months."""
    return {"distribution": "exponential", "median_months": median}


def ratio_to_control(hazard_ratio: float) -> dict[str, Any]:
    """Control's hazard times a constant."""
    return {"relative_to": "control", "hazard_ratio": hazard_ratio}


def _delayed(months: float, hazard_ratio: float) -> dict[str, Any]:
    """Control's hazard, times a constant from a month on."""
    return {
        "relative_to": "control",
        "hazard_ratios": [
            {"from_month": 0.0, "hazard_ratio": 1.0},
            {"from_month": months, "hazard_ratio": hazard_ratio},
        ],
    }


def at_events(*numbers: int) -> dict[str, Any]:
    """Looks at numbers of events; the last event if there are fewer."""
    return {
        f"look{k}": {"endpoint": "pfs", "events": n, "if_not_reached": "last_event"}
        for k, n in enumerate(numbers, start=1)
    }


def _lrstat(**changes: Any) -> dict[str, Any]:
    """W1 as lrstat simulates it: Poisson arrivals, blocks of 2."""
    plain: dict[str, Any] = {
        "control": exponential(10.0),
        "experimental": ratio_to_control(0.65),
        "dropout": 0.01,
        "patients": 300,
        "rates": [(0.0, 12.5)],
        "arrivals": "poisson",
        "analyses": at_events(200),
        "critical_values": [1.9599639845],
    }
    return trial(**(plain | changes))


def _rpact(**changes: Any) -> dict[str, Any]:
    """W2 as rpact simulates it: evenly spaced arrivals."""
    looks = {"analyses": at_events(100, 150, 200), "critical_values": CRITICAL_100_150_200}
    return _lrstat(**({"arrivals": "evenly_spaced"} | looks | changes))


def _by_risk(values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One definition a stratum."""
    return {
        "by_stratum": {
            name: {"stratum": {"risk": name}, **definition} for name, definition in values.items()
        }
    }


SCENARIOS: dict[str, dict[str, Any]] = {
    "W1_null_lrsim": _lrstat(experimental=ratio_to_control(1.0)),
    "W4_lrsim": _lrstat(
        experimental=ratio_to_control(1.0),
        analyses=at_events(100, 150, 200),
        critical_values=CRITICAL_100_150_200,
    ),
    "D1_alloc2to1": _lrstat(
        control=exponential(12.0),
        experimental=ratio_to_control(0.7),
        dropout=(0.005, 0.015),
        patients=360,
        rates=[(0.0, 20.0)],
        ratio=(2, 1),
        analyses=at_events(180),
    ),
    "D5_calendar_looks": _lrstat(
        analyses={f"look{k}": {"calendar_months": m} for k, m in ((1, 18), (2, 30), (3, 40))},
        critical_values=CRITICAL_100_150_200,
    ),
    "D7_noninferiority": _lrstat(
        control=exponential(14.0),
        experimental=ratio_to_control(1.0),
        dropout=0.005,
        patients=500,
        rates=[(0.0, 25.0)],
        analyses=at_events(350),
        null_hazard_ratio=1.3,
    ),
    "D10_three_strata": _lrstat(
        control=_by_risk({"a": exponential(5.0), "b": exponential(9.0), "c": exponential(15.0)}),
        experimental=_by_risk(
            {"a": ratio_to_control(0.5), "b": ratio_to_control(0.7), "c": ratio_to_control(0.85)}
        ),
        patients=450,
        rates=[(0.0, 20.0)],
        analyses=at_events(300),
        strata={"a": 0.2, "b": 0.3, "c": 0.5},
    ),
    "D12_events_not_reached": _lrstat(
        control=exponential(12.0),
        experimental=ratio_to_control(0.7),
        dropout=0.06,
        patients=150,
        rates=[(0.0, 10.0)],
        analyses=at_events(90),
    ),
    "W3_FH01_lrsim": _lrstat(
        control=_by_risk({"a": exponential(7.0), "b": exponential(14.0)}),
        experimental=_delayed(4.0, 0.55),
        patients=400,
        rates=[(0.0, 400.0 / 24.0)],
        analyses=at_events(280),
        strata={"a": 0.4, "b": 0.6},
        fleming_harrington=(0.0, 1.0),
    ),
    "D3_delayed_FH01_gs": _lrstat(
        experimental=_delayed(3.0, 0.6),
        dropout=0.005,
        patients=400,
        rates=[(0.0, 20.0)],
        analyses=at_events(150, 280),
        critical_values=[2.797, 1.977],
        fleming_harrington=(0.0, 1.0),
    ),
    "W2_rpact": _rpact(),
    "D15_weibull_kappa0.7_trueHR.65": _rpact(
        control={"distribution": "weibull", "shape": 0.7, "median_months": 10.0}
    ),
    "D15_weibull_kappa1.3_trueHR.65": _rpact(
        control={"distribution": "weibull", "shape": 1.3, "median_months": 10.0}
    ),
    "D16_rpact_delayed_piecewise": _rpact(
        control={
            "distribution": "piecewise_exponential",
            "rates_per_month": [
                {"from_month": 0.0, "rate": 0.08},
                {"from_month": 6.0, "rate": 0.05},
            ],
        },
        experimental=ratio_to_control(0.7),
        patients=400,
        rates=[(0.0, 10.0), (6.0, 20.0)],
        ratio=(2, 1),
        analyses=at_events(130, 260),
        critical_values=[2.962588042728, 1.968595640634],
    ),
    "S1_simtrial_complex_cuts": _lrstat(
        control=exponential(9.0),
        experimental={
            "relative_to": "control",
            "hazard_ratios": [
                {"from_month": 0.0, "hazard_ratio": 1.0},
                {"from_month": 3.0, "hazard_ratio": 9.0 / 14.0},
            ],
        },
        dropout=0.001,
        patients=400,
        rates=[(0.0, 10.0), (4.0, 30.0)],
        block_size=4,
        analyses={
            "look1": {
                "earliest_of": [
                    {
                        "latest_of": [
                            {"calendar_months": 20.0},
                            {"endpoint": "pfs", "events": 100, "if_not_reached": "last_event"},
                            {"minimum_follow_up_months": 12.0, "after_patients": 200},
                        ]
                    },
                    {"calendar_months": 24.0},
                ]
            },
            # The reference also names "10 months after look 1", and did not apply it: its look 1
            # comes after month 22 in one trial of thirteen, its look 2 at month 32 in all of 400.
            "look2": {
                "latest_of": [
                    {"calendar_months": 32.0},
                    {
                        "earliest_of": [
                            {"endpoint": "pfs", "events": 200, "if_not_reached": "last_event"},
                            {"calendar_months": 34.0},
                        ]
                    },
                ]
            },
            "look3": {
                "latest_of": [
                    {"calendar_months": 45.0},
                    {"endpoint": "pfs", "events": 350, "if_not_reached": "last_event"},
                ]
            },
        },
        # The reference reports z at each look without stopping: values that are never reached.
        critical_values=[20.0, 20.0, 20.0],
    ),
}
