"""A scenario in words: what `simulate check` prints so that a reader can confirm the trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simulate.report.tests_in_words import analysis_set, test_text
from simulate.report.wording import months_text, number
from simulate.scenario.comparisons import critical_values
from simulate.scenario.distributions import (
    Exponential,
    HazardStep,
    PiecewiseExponential,
    Relative,
    SurvivalPoint,
    Weibull,
)
from simulate.scenario.endpoints import RESPONSE, TIMES, Binary
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
from simulate.scenario.resolve import endpoints_of, event_hazards, strata_cells, times_of

IF_NOT_REACHED = {
    "last_event": "at the last event",
    "all_data": "when all follow-up has ended",
    "skip": "not held",
}


def describe(scenario: Scenario) -> list[tuple[str, list[str]]]:
    """Every part of a trial in words: headings, each with its lines."""
    return [
        ("Arms", list(_arms(scenario))),
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


def _arms(scenario: Scenario) -> Iterator[str]:
    for name, arm in scenario.arms.items():
        yield f"{name} ({arm.label})" if arm.label else name
        for endpoint in times_of(scenario):
            yield from _times(scenario, name, endpoint)
        if arm.response is not None:
            yield from _rates("response", arm.response)
            time = arm.response.time_to_response
            yield f"    time to response: {_definition(time)}, if before progression and death"
        for binary, table in arm.binary.items():
            yield from _rates(scenario.binary_endpoints[binary].label or binary, table)
        if arm.dropout is None:
            yield "  dropout: none"
        else:
            yield f"  dropout: {_definition(arm.dropout)}{_status(arm.dropout.status)}"


def _times(scenario: Scenario, arm: str, endpoint: str) -> Iterator[str]:
    """Distribution of a time to an event in an arm."""
    table = getattr(scenario.arms[arm], endpoint)
    yield f"  {endpoint.upper()}: {_definition(table)}{_status(table.status)}"
    for entry in table.by_stratum.values():
        where = _stratum(entry.stratum)
        yield f"    where {where}: {_definition(entry)}{_status(entry.status)}"
    hazards = event_hazards(scenario, endpoint)[arm]
    medians = {number(float(hazard.quantile(0.5)), 4) for hazard in hazards}
    if len(medians) == 1 and getattr(table, "median_months", None) is None:
        yield f"    median {medians.pop()} months"


def _rates(label: str, table: Binary) -> Iterator[str]:
    """Rate of a binary endpoint in an arm."""
    yield f"  {label}: {number(table.rate)}{_status(table.status)}"
    for entry in table.by_stratum.values():
        where = _stratum(entry.stratum)
        yield f"    where {where}: {number(entry.rate)}{_status(entry.status)}"


def _status(status: str | None) -> str:
    """How a figure is known, where the file says it."""
    return f" [{status}]" if status else ""


def _definition(definition: object) -> str:
    """A distribution or an effect in words."""
    match definition:
        case Exponential(rate_per_month=rate, median_months=median, survival=point):
            return "exponential, " + _figures(rate=rate, median=median, survival=point)
        case Weibull(shape=shape, scale_months=scale, median_months=median, survival=points):
            return "Weibull, " + _figures(shape=shape, scale=scale, median=median, survival=points)
        case PiecewiseExponential(rates_per_month=steps, survival=points):
            return "piecewise exponential, " + _figures(steps=steps, survival=points)
        case Relative(relative_to=arm, hazard_ratio=float(ratio)):
            return f"hazard ratio {number(ratio)} to {arm}"
        case Relative(relative_to=arm, hazard_ratios=steps):
            parts = [
                f"{number(step.hazard_ratio)} from month {number(step.from_month)}"
                for step in steps or ()
            ]
            return f"hazard ratio to {arm} of " + ", ".join(parts)
    return "by stratum"


def _figures(
    *,
    shape: float | None = None,
    scale: float | None = None,
    rate: float | None = None,
    median: float | None = None,
    steps: Sequence[HazardStep] | None = None,
    survival: SurvivalPoint | Sequence[SurvivalPoint] | None = None,
) -> str:
    """The figures that a distribution was given by."""
    parts = [
        template.format(number(value))
        for template, value in (
            ("shape {}", shape),
            ("scale {} months", scale),
            ("rate {} a month", rate),
            ("median {} months", median),
        )
        if value is not None
    ]
    parts += [f"rate {number(s.rate)} from month {number(s.from_month)}" for s in steps or ()]
    points = (survival,) if isinstance(survival, SurvivalPoint) else survival or ()
    parts += [f"survival {number(p.probability)} at month {number(p.month)}" for p in points]
    return ", ".join(parts)


def _stratum(levels: Mapping[str, str]) -> str:
    return ", ".join(f"{factor} = {level}" for factor, level in levels.items())


def _patients(scenario: Scenario) -> Iterator[str]:
    accrual = scenario.accrual
    rates = ", then ".join(
        f"{number(rate)} a month" + (f" from month {number(start)}" if start > 0 else "")
        for start, rate in accrual.steps
    )
    arrivals = "evenly spaced" if accrual.arrivals == "evenly_spaced" else "Poisson arrivals"
    yield f"{accrual.patients:,} patients, {arrivals}, {rates}{_status(accrual.status)}"
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
            yield f"  {_stratum(cell.levels)}: {number(cell.prevalence)}"
    if scenario.follow_up is not None:
        yield f"each followed for at most {months_text(scenario.follow_up.maximum_months)}"


def _analyses(scenario: Scenario) -> Iterator[str]:
    for name, analysis in scenario.analyses.items():
        yield f"{name}: {trigger_text(analysis.trigger)}"


def trigger_text(trigger: Trigger) -> str:
    """A trigger in words."""
    match trigger:
        case EventTrigger():
            where = f" where {_stratum(trigger.stratum)}" if trigger.stratum else ""
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
    if endpoint in TIMES:
        return f"{endpoint.upper()} events"
    return "responses" if endpoint == RESPONSE else f"patients with {endpoint}"


def endpoint_name(scenario: Scenario, endpoint: str) -> str:
    """An endpoint in words."""
    if endpoint in TIMES:
        return endpoint.upper()
    if endpoint == RESPONSE:
        return "response"
    return scenario.binary_endpoints[endpoint].label or endpoint


def estimated_text(scenario: Scenario, estimate: str) -> str:
    """What an estimate without a test is of, in words."""
    chosen = scenario.estimates[estimate]
    month = number(chosen.at_months or 0.0)
    at = f" at month {month}" if chosen.kind == "survival" else ""
    upto = f" up to month {month}" if chosen.kind == "rmst" else ""
    what = {
        "median": "Kaplan-Meier median",
        "survival": "Kaplan-Meier estimate",
        "rmst": "restricted mean",
        "rate": "rate",
    }[chosen.kind]
    endpoint = endpoint_name(scenario, chosen.endpoint)
    among = analysis_set(chosen.minimum_follow_up_months)
    return f"{chosen.arm}, {endpoint}: {what}{at}{upto}{among}"


def comparison_text(scenario: Scenario, hypothesis: str) -> str:
    """Arms, endpoint and test of a hypothesis in words."""
    chosen = scenario.hypotheses[hypothesis]
    arms = " against ".join(chosen.arms.names)
    many = len(endpoints_of(scenario)) > 1
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
