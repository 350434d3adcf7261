"""A scenario in words: what `simulate check` prints so that a reader can confirm the trial."""

from __future__ import annotations

from collections.abc import Iterator

from simulate.report.arms_in_words import (
    arms_in_words,
    implied_in_words,
    reading_text,
    scans_text,
)
from simulate.report.tests_in_words import analysis_set, test_text
from simulate.report.wording import months_text, number, status_text, stratum_text
from simulate.scenario.comparisons import critical_values
from simulate.scenario.endpoints import OBSERVED, READINGS, RESPONSE, TIMES
from simulate.scenario.looks import (
    CalendarTrigger,
    DelayTrigger,
    EarliestTrigger,
    EventTrigger,
    FollowUpTrigger,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import endpoints_of, strata_cells

IF_NOT_REACHED = {
    "last_event": "at the last event",
    "all_data": "when all follow-up has ended",
    "skip": "not held",
}


def describe(scenario: Scenario) -> list[tuple[str, list[str]]]:
    """Every part of a trial in words: headings, each with its lines."""
    implied = list(implied_in_words(scenario))
    return [
        ("Arms", list(arms_in_words(scenario))),
        *([("Implied by the joint model", implied)] if implied else []),
        ("Patients", list(_patients(scenario))),
        ("Analyses", list(_analyses(scenario))),
        *([("Hypotheses", list(_hypotheses(scenario)))] if scenario.hypotheses else []),
        *([("Estimates", list(_estimates(scenario)))] if scenario.estimates else []),
    ]


def arm_name(scenario: Scenario, arm: str) -> str:
    """Label of an arm, or its name."""
    return scenario.arms[arm].label or arm


def analysis_name(scenario: Scenario, analysis: str) -> str:
    """Label of an analysis, or its name."""
    return scenario.analyses[analysis].label or analysis


def hypothesis_name(scenario: Scenario, hypothesis: str) -> str:
    """Label of a hypothesis, or its name."""
    return scenario.hypotheses[hypothesis].label or hypothesis


def _patients(scenario: Scenario) -> Iterator[str]:
    accrual = scenario.accrual
    rates = ", then ".join(
        f"{number(rate)} a month" + (f" from month {number(start)}" if start > 0 else "")
        for start, rate in accrual.steps
    )
    arrivals = "evenly spaced" if accrual.arrivals == "evenly_spaced" else "Poisson arrivals"
    yield f"{accrual.patients:,} patients, {arrivals}, {rates}{status_text(accrual.status)}"
    plan = scenario.randomisation
    ratio = ":".join(str(count) for count in plan.ratio.values())
    within = " within strata" if plan.within_strata else ""
    yield (
        f"randomised {ratio} ({' : '.join(plan.ratio)}) in permuted blocks of "
        f"{plan.block_size}{within}"
    )
    cells = strata_cells(scenario)
    if len(cells) > 1:
        yield f"{len(cells)} strata, each with its share of the patients:"
        for cell in cells:
            yield f"  {stratum_text(cell.levels)}: {number(cell.prevalence)}"
    if scenario.assessments is not None:
        yield scans_text(scenario.assessments)
        yield from reading_text(scenario.assessments.investigator)
    if scenario.follow_up is not None:
        yield f"each followed for at most {months_text(scenario.follow_up.maximum_months)}"


def _analyses(scenario: Scenario) -> Iterator[str]:
    for name, analysis in scenario.analyses.items():
        yield f"{name}: {trigger_text(analysis.trigger)}"


def trigger_text(trigger: Trigger) -> str:
    """A trigger in words."""
    match trigger:
        case EventTrigger():
            where = f" where {stratum_text(trigger.stratum)}" if trigger.stratum else ""
            arms = f" in {' and '.join(trigger.arms)}" if trigger.arms else ""
            return (
                f"at {trigger.events:,} {events_name(trigger.endpoint)}{where}{arms} "
                f"(if never reached: {IF_NOT_REACHED[trigger.if_not_reached]})"
            )
        case CalendarTrigger():
            return f"at calendar month {number(trigger.calendar_months)}"
        case FollowUpTrigger():
            who = (
                f"patient {trigger.after_patients:,}"
                if trigger.after_patients
                else "the last patient"
            )
            return f"{months_text(trigger.minimum_follow_up_months)} after the entry of {who}"
        case DelayTrigger():
            return f"{months_text(trigger.months_after_previous)} after the previous analysis"
        case LatestTrigger():
            return f"the latest of ({'; '.join(map(trigger_text, trigger.latest_of))})"
        case EarliestTrigger():
            return f"the earliest of ({'; '.join(map(trigger_text, trigger.earliest_of))})"


def _hypotheses(scenario: Scenario) -> Iterator[str]:
    for name in scenario.hypotheses:
        label = scenario.hypotheses[name].label
        yield (
            f"{name} ({label}): {comparison_text(scenario, name)}"
            if label
            else (f"{name}: {comparison_text(scenario, name)}")
        )
        yield f"  {rule_text(scenario, name)}"
    if len(scenario.analyses) > 1:
        yield stopping_text(scenario)


def _estimates(scenario: Scenario) -> Iterator[str]:
    for name, chosen in scenario.estimates.items():
        label = f" ({chosen.label})" if chosen.label else ""
        yield f"{name}{label}: {estimated_text(scenario, name)}"


def events_name(endpoint: str) -> str:
    """What the events of an endpoint are called."""
    if endpoint in READINGS:
        return f"investigator-assessed {events_name(READINGS[endpoint])}"
    if endpoint in TIMES:
        return f"{endpoint.upper()} events"
    return "responses" if endpoint == RESPONSE else f"patients with {endpoint}"


def endpoint_name(scenario: Scenario, endpoint: str) -> str:
    """An endpoint in words."""
    if endpoint in READINGS:
        return f"investigator-assessed {endpoint_name(scenario, READINGS[endpoint])}"
    if endpoint in TIMES:
        return endpoint.upper()
    if endpoint == RESPONSE or endpoint in OBSERVED:
        return endpoint.replace("_", " ")
    return scenario.binary_endpoints[endpoint].label or endpoint


def estimated_text(scenario: Scenario, estimate: str) -> str:
    """What an estimate without a test is of, in words."""
    chosen = scenario.estimates[estimate]
    month = number(chosen.at_months or 0.0)
    at = f" at month {month}" if chosen.kind == "survival" else ""
    upto = f" up to month {month}" if chosen.kind in {"rmst", "share_event_free"} else ""
    what = {
        "median": "Kaplan-Meier median",
        "survival": "Kaplan-Meier estimate",
        "rmst": "restricted mean",
        "rate": "rate",
        "last_survival": "Kaplan-Meier estimate after the last event",
        "share_event_free": "share of the patients seen event-free",
        "minimum": "shortest time seen",
        "maximum": "longest time seen",
    }[chosen.kind]
    endpoint = endpoint_name(scenario, chosen.endpoint)
    among = analysis_set(chosen.minimum_follow_up_months)
    return f"{chosen.arm}, {endpoint}: {what}{at}{upto}{among}"


def comparison_text(scenario: Scenario, hypothesis: str) -> str:
    """Arms, endpoint and test of a hypothesis in words."""
    chosen = scenario.hypotheses[hypothesis]
    arms = " against ".join(chosen.arms.names)
    many = len(endpoints_of(scenario)) > 1 or chosen.endpoint in OBSERVED
    endpoint = f"{endpoint_name(scenario, chosen.endpoint)}, " if many else ""
    return f"{arms}, {endpoint}{test_text(chosen.test)}"


def rule_text(scenario: Scenario, hypothesis: str) -> str:
    """When a hypothesis is rejected, in words."""
    alpha = scenario.hypotheses[hypothesis].alpha
    level = f" (one-sided alpha {number(alpha)})" if alpha else ""
    limits = critical_values(scenario, hypothesis).items()
    at = ", ".join(f"{limit:.4f} at {analysis}" for analysis, limit in limits)
    return f"rejected at z of at least {at}{level}"


def stopping_text(scenario: Scenario) -> str:
    """When a trial stops, in words."""
    stopping = scenario.stopping
    names = stopping.hypotheses
    if stopping.rejected == "never":
        return "the trial goes on to its last analysis, whatever is rejected"
    if stopping.rejected == "any" or len(names) == 1:
        return f"the trial stops once {' or '.join(names)} is rejected"
    return f"the trial stops once {' and '.join(names)} are rejected"
