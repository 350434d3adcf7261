"""A scenario in words: what `simulate check` prints so that a reader can confirm the trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simulate.scenario.comparisons import critical_values
from simulate.scenario.distributions import (
    Exponential,
    HazardStep,
    PiecewiseExponential,
    Relative,
    SurvivalPoint,
    Weibull,
)
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
from simulate.scenario.resolve import event_hazards, strata_cells
from simulate.scenario.survival_tests import WeightedLogrankTest

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
        ("Hypotheses", list(_hypotheses(scenario))),
    ]


def number(value: float, digits: int = 6) -> str:
    """Write a figure as a person would: no trailing zeros, up to six digits."""
    return f"{value:,.{digits}g}"


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
    hazards = event_hazards(scenario)
    for name, arm in scenario.arms.items():
        yield f"{name} ({arm.label})" if arm.label else name
        yield f"  PFS: {_definition(arm.pfs)}{_status(arm.pfs.status)}"
        for entry in arm.pfs.by_stratum.values():
            where = _stratum(entry.stratum)
            yield f"    where {where}: {_definition(entry)}{_status(entry.status)}"
        medians = {number(float(hazard.quantile(0.5)), 4) for hazard in hazards[name]}
        if len(medians) == 1 and getattr(arm.pfs, "median_months", None) is None:
            yield f"    median {medians.pop()} months"
        if arm.dropout is None:
            yield "  dropout: none"
        else:
            yield f"  dropout: {_definition(arm.dropout)}{_status(arm.dropout.status)}"


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
        yield f"each followed for at most {_months(scenario.follow_up.maximum_months)}"


def _months(months: float) -> str:
    return "1 month" if months == 1.0 else f"{number(months)} months"


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
                f"at {trigger.events:,} {trigger.endpoint.upper()} events{where}{arms} "
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
            return f"{_months(trigger.minimum_follow_up_months)} after the entry of {who}"
        case DelayTrigger():
            return f"{_months(trigger.months_after_previous)} after the previous analysis"
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


def comparison_text(scenario: Scenario, hypothesis: str) -> str:
    """Arms and test of a hypothesis in words."""
    chosen = scenario.hypotheses[hypothesis]
    test, arms = chosen.test, chosen.arms
    kind = "stratified log-rank test" if test.stratified else "log-rank test"
    null = test.null_hazard_ratio
    detail = f" of hazard ratio {number(null)}" if null != 1.0 else ""
    if isinstance(test, WeightedLogrankTest):
        kind, detail = f"weighted {kind}", f", {_weights(test)}"
    return f"{arms.experimental} against {arms.control}, {kind}{detail}"


def _weights(test: WeightedLogrankTest) -> str:
    """Weights of a test in words."""
    if test.fleming_harrington is not None:
        weights = test.fleming_harrington
        return f"Fleming-Harrington ({number(weights.rho)}, {number(weights.gamma)})"
    modest = test.modestly_weighted
    if modest is not None and modest.delay_months is not None:
        return f"modestly weighted up to month {number(modest.delay_months)}"
    floor = modest.survival_floor if modest is not None else None
    return f"modestly weighted down to survival {number(floor or 0.0)}"


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
