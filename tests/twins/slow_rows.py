"""One test or estimate at one look, from the list of patients: the slow twin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from scipy.stats import norm
from twins import slow_curves, slow_rates
from twins.slow_assessments import DAYS_PER_MONTH, attended_days
from twins.slow_logrank import Observed, RiskSet, risk_sets, slow_cox, slow_logrank
from twins.slow_patients import Patient
from twins.slow_weighted import (
    WeightFunction,
    fleming_harrington,
    modest_by_month,
    modest_by_survival,
    slow_weighted_logrank,
)

from simulate.engine.codes import STATUS_ESTIMATE_INFINITE, STATUS_NO_INFORMATION
from simulate.scenario.binary_tests import ExactBinomialTest, ProportionsTest
from simulate.scenario.comparisons import arms_of
from simulate.scenario.endpoints import (
    DURATION_OF_RESPONSE,
    PFS,
    PFS_INVESTIGATOR,
    RESPONSE,
    TIME_TO_RESPONSE,
)
from simulate.scenario.hypotheses import ArmEstimate, Hypothesis
from simulate.scenario.survival_tests import (
    LandmarkTest,
    LogrankTest,
    MilestoneTest,
    RestrictedMeanTest,
    WeightedLogrankTest,
    Weights,
)

Fields = dict[str, Any]
# The endpoint of whose follow-up the times of responders are made.
ENDS_OF = {DURATION_OF_RESPONSE: PFS, TIME_TO_RESPONSE: RESPONSE}
# By kind, where it is more than 1e-12: z is a quantile of a p-value, or comes from products along a
# curve.
Z_ERROR = {"fisher": 1e-9, "exact_binomial": 1e-9}
Z_ERROR |= dict.fromkeys(("rmst", "milestone", "landmark_survival"), 1e-10)


class SlowRow(NamedTuple):
    """What one trial yields for one hypothesis at one analysis; fields as in the engine's rows."""

    status: int
    cutoff: float = math.nan
    patients_experimental: int = 0
    patients_control: int = 0
    events_experimental: int = 0
    events_control: int = 0
    dropouts_experimental: int = 0
    dropouts_control: int = 0
    score: float = math.nan
    information: float = math.nan
    z: float = math.nan
    estimate: float = math.nan
    se: float = math.nan
    lower: float = math.nan
    upper: float = math.nan


def z_error(chosen: Hypothesis | ArmEstimate) -> float:
    """How far z may be from the engine's."""
    return Z_ERROR.get(kind_of(chosen), 1e-12)


def slow_row(
    patients: Sequence[Patient], chosen: Hypothesis | ArmEstimate, cutoff: float, status: int
) -> SlowRow:
    """Counts, test and estimate at a cutoff."""
    arms, endpoint = arms_of(chosen), chosen.endpoint
    # The analysis set: whose follow-up could have been so long.
    at_least = getattr(rule_of(chosen), "minimum_follow_up_months", None) or 0.0
    entered = [p for p in patients if p.arm in arms and p.entry + at_least <= cutoff]
    counted = ENDS_OF.get(endpoint, endpoint)
    if endpoint in ENDS_OF:
        entered = [p for p in entered if has_responded(p, cutoff)]
    counts: dict[str, int] = {}
    for side, arm in zip(("experimental", "control"), arms, strict=False):
        here = [p for p in entered if p.arm == arm]
        outcomes = [p.endpoints[counted].outcome for p in here if p.calendar_end(counted) <= cutoff]
        counts[f"patients_{side}"] = len(here)
        counts[f"events_{side}"] = outcomes.count("event")
        counts[f"dropouts_{side}"] = outcomes.count("dropout")
    stratified = isinstance(chosen, Hypothesis) and chosen.test.stratified
    observed = [
        observe(p, endpoint, cutoff, p.arm == arms[0], p.stratum if stratified else 0)
        for p in entered
    ]
    found = answer(observed, chosen)
    status |= found.pop("status", 0)
    return SlowRow(status, cutoff, **(counts | found))


def rule_of(chosen: Hypothesis | ArmEstimate) -> Any:
    """The test, or the estimate itself."""
    return chosen.test if isinstance(chosen, Hypothesis) else chosen


def kind_of(chosen: Hypothesis | ArmEstimate) -> str:
    """What a hypothesis is tested by, or what is estimated."""
    rule = rule_of(chosen)
    return str(getattr(rule, "method", rule.kind))


def observe(
    patient: Patient, endpoint: str, cutoff: float, is_experimental: bool, stratum: int
) -> Observed:
    """One patient as seen at a cutoff: an event at the cutoff counts."""
    if endpoint == TIME_TO_RESPONSE:
        return Observed(patient.response, True, is_experimental, stratum)
    if endpoint == DURATION_OF_RESPONSE:
        pfs = observe(patient, PFS, cutoff, is_experimental, stratum)
        return pfs._replace(time=duration_of(patient, pfs))
    seen = patient.calendar_end(endpoint) <= cutoff
    months = patient.endpoints[endpoint].months if seen else cutoff - patient.entry
    is_pfs = endpoint in (PFS, PFS_INVESTIGATOR)
    if is_pfs and not (seen and patient.has_event(endpoint)) and ends_at_scan(patient):
        months = last_scan(patient, endpoint, cutoff)
    return Observed(
        months,
        seen and patient.has_event(endpoint),
        is_experimental,
        stratum,
    )


def has_responded(patient: Patient, cutoff: float) -> bool:
    """Whether a response is confirmed by a cutoff."""
    return patient.has_event(RESPONSE) and patient.calendar_end(RESPONSE) <= cutoff


def ends_at_scan(patient: Patient) -> bool:
    """Whether a patient is censored for PFS at the last scan."""
    return patient.visits is not None and patient.visits[0].at_last_scan


def last_scan(patient: Patient, endpoint: str, cutoff: float) -> float:
    """Month of the last scan attended by the end of follow-up or the cutoff; 0 if there is none."""
    assert patient.visits is not None
    last = 0.0
    for day in attended_days(*patient.visits):
        month = day / DAYS_PER_MONTH
        if month > patient.endpoints[endpoint].months or patient.entry + month > cutoff:
            break
        last = month
    return last


def duration_of(patient: Patient, pfs: Observed) -> float:
    """Months from the first sign of a response to the end of PFS: whole days from scan to event."""
    if not patient.visits or not (pfs.is_event or ends_at_scan(patient)):
        return pfs.time - patient.response
    first, last = (round(month * DAYS_PER_MONTH) for month in (patient.response, pfs.time))
    return (last - first) / DAYS_PER_MONTH


def answer(observed: list[Observed], chosen: Hypothesis | ArmEstimate) -> Fields:
    """Fields of a row that a test or an estimate defines, and flags of its status."""
    rule = rule_of(chosen)
    if isinstance(rule, LogrankTest | WeightedLogrankTest):
        return of_risk_sets(observed, rule)
    if isinstance(rule, ProportionsTest):
        return slow_rates.compare_rates(observed, rule)
    if isinstance(rule, ExactBinomialTest) or rule.kind == "rate":
        null_rate = getattr(rule, "null_rate", None)
        return slow_rates.rate([o.is_event for o in observed], null_rate)
    return of_curves(observed, rule)


def of_curves(observed: list[Observed], rule: Any) -> Fields:
    """A test of Kaplan-Meier curves, or an estimate from one."""
    experimental = tuple((o.time, o.is_event) for o in observed if o.is_experimental)
    control = tuple((o.time, o.is_event) for o in observed if not o.is_experimental)
    match rule:
        case RestrictedMeanTest():
            return slow_curves.compare_means(experimental, control, rule.tau_months)
        case MilestoneTest():
            log_log = rule.transform == "log_log"
            return slow_curves.compare_survival(experimental, control, rule.at_months, log_log)
        case LandmarkTest():
            return slow_curves.survival_against(experimental, rule.at_months, rule.null_survival)
        case ArmEstimate():
            quantile = float(norm.isf((1.0 - rule.level) / 2.0))
            return slow_curves.estimate_of(rule.kind, experimental, rule.at_months, quantile)
    raise AssertionError(rule)


def of_risk_sets(observed: list[Observed], test: LogrankTest | WeightedLogrankTest) -> Fields:
    """A log-rank test, and Cox's estimate."""
    sets = risk_sets(observed)
    score, information = slow_score(observed, sets, test)
    found: Fields = {"score": score, "information": information, "status": 0}
    if information > 0.0:
        found["z"] = score / math.sqrt(information)
    else:
        found["status"] |= STATUS_NO_INFORMATION
    if test.estimate != "none":
        cox = slow_cox(sets, efron=test.estimate == "cox_efron")
        if cox is None:
            found["status"] |= STATUS_ESTIMATE_INFINITE
        else:
            found["estimate"], found["se"] = cox
    return found


def slow_score(
    observed: list[Observed], sets: list[RiskSet], test: LogrankTest | WeightedLogrankTest
) -> tuple[float, float]:
    """Score and information of a test, weighted or not."""
    if isinstance(test, LogrankTest):
        return slow_logrank(sets, test.null_hazard_ratio)
    return slow_weighted_logrank(observed, weight_function(test))


def weight_function(weights: Weights) -> WeightFunction:
    """Weights as the scenario names them."""
    if weights.fleming_harrington is not None:
        return fleming_harrington(*weights.fleming_harrington.exponents)
    modest = weights.modestly_weighted
    assert modest is not None
    if modest.delay_months is not None:
        return modest_by_month(modest.delay_months)
    assert modest.survival_floor is not None
    return modest_by_survival(modest.survival_floor)
