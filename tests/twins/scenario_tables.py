"""Tables of scenarios, made from what tests vary."""

from __future__ import annotations

from typing import Any

PFS = "pfs"
Table = dict[str, Any]


def exponential(median_months: float) -> Table:
    return {"distribution": "exponential", "median_months": median_months}


def dropping_out(rate_per_month: float) -> Table:
    return {"distribution": "exponential", "rate_per_month": rate_per_month}


def piecewise(*steps: tuple[float, float]) -> Table:
    rates = [{"from_month": month, "rate": rate} for month, rate in steps]
    return {"distribution": "piecewise_exponential", "rates_per_month": rates}


def relative(arm: str, ratio: float) -> Table:
    return {"relative_to": arm, "hazard_ratio": ratio}


def delayed(arm: str, *steps: tuple[float, float]) -> Table:
    ratios = [{"from_month": month, "hazard_ratio": ratio} for month, ratio in steps]
    return {"relative_to": arm, "hazard_ratios": ratios}


def uncertain(table: Table, **how: Any) -> Table:
    return table | {"uncertainty": how}


def arriving(patients: int, arrivals: str, *steps: tuple[float, float]) -> Table:
    rates = [{"from_month": month, "rate": rate} for month, rate in steps]
    return {"patients": patients, "arrivals": arrivals, "rates_per_month": rates}


def events(number: int, if_not_reached: str = "last_event", **which: Any) -> Table:
    return {"endpoint": PFS, "events": number, "if_not_reached": if_not_reached} | which


def hypothesis(
    experimental: str,
    control: str,
    *analyses: str,
    stratified: bool = False,
    endpoint: str = PFS,
    **test: Any,
) -> Table:
    return {
        "endpoint": endpoint,
        "arms": {"experimental": experimental, "control": control},
        "test": {"kind": "logrank", "stratified": stratified} | test,
        "analyses": list(analyses),
        "critical_values": [2.0] * len(analyses),
    }


def weighted(*analyses: str, stratified: bool = True, **weights: Any) -> Table:
    test = {"kind": "weighted_logrank"} | weights
    return hypothesis("new", "old", *analyses, stratified=stratified, **test)


def of_curves(
    experimental: str, control: str, *analyses: str, endpoint: str = PFS, **test: Any
) -> Table:
    """A hypothesis whose test is not one for strata."""
    found = hypothesis(experimental, control, *analyses, endpoint=endpoint, **test)
    del found["test"]["stratified"]
    return found


def of_one_arm(arm: str, *analyses: str, endpoint: str = PFS, **test: Any) -> Table:
    found = of_curves(arm, arm, *analyses, endpoint=endpoint, **test)
    del found["arms"]["control"]
    return found


def of_rates(
    experimental: str, control: str, *analyses: str, endpoint: str = "response", **test: Any
) -> Table:
    test = {"kind": "proportions"} | test
    return hypothesis(experimental, control, *analyses, endpoint=endpoint, **test)


def estimate(arm: str, kind: str, endpoint: str = PFS, **keys: Any) -> Table:
    return {"endpoint": endpoint, "arm": arm, "kind": kind} | keys


def responding(rate: float, time_to_response: Table, **keys: Any) -> Table:
    return {"rate": rate, "time_to_response": time_to_response} | keys
