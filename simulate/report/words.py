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
    EventTrigger,
    FollowUpTrigger,
    LatestTrigger,
    Trigger,
)
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import strata_cells

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


def number(value: float) -> str:
    """Write a figure as a person would: no trailing zeros, up to six digits."""
    return f"{value:,.6g}"


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
        status = f" [{arm.pfs.status}]" if arm.pfs.status else ""
        yield f"{name} ({arm.label})" if arm.label else name
        yield f"  PFS: {_definition(arm.pfs)}{status}"
        for entry in arm.pfs.by_stratum.values():
            yield f"    where {_stratum(entry.stratum)}: {_definition(entry)}"
        if arm.dropout is None:
            yield "  dropout: none"
        else:
            yield f"  dropout: {_definition(arm.dropout)}"


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
    yield f"{accrual.patients:,} patients, {arrivals}, {rates}"
    plan = scenario.randomisation
    ratio = ":".join(str(count) for count in plan.ratio.values())
    within = " within strata" if plan.within_strata else ""
    yield (
        f"randomised {ratio} ({' : '.join(plan.ratio)}) in permuted blocks of "
        f"{plan.block_size}{within}"
    )
    cells = strata_cells(scenario)
    if len(cells) > 1:
        yield f"{len(cells)} strata: " + "; ".join(
            f"{cell.name} {number(cell.prevalence)}" for cell in cells
        )
    if scenario.follow_up is not None:
        yield f"each followed for at most {number(scenario.follow_up.maximum_months)} months"


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
            who = f"patient {trigger.after_patients:,}" if trigger.after_patients else "the last"
            months = number(trigger.minimum_follow_up_months)
            return f"{months} months after the entry of {who}"
        case DelayTrigger():
            return f"{number(trigger.months_after_previous)} months after the previous analysis"
        case LatestTrigger():
            return "the latest of: " + "; ".join(map(trigger_text, trigger.latest_of))
    return "the earliest of: " + "; ".join(map(trigger_text, trigger.earliest_of))


def _hypotheses(scenario: Scenario) -> Iterator[str]:
    for name, hypothesis in scenario.hypotheses.items():
        test = hypothesis.test
        kind = "stratified log-rank" if test.stratified else "log-rank"
        null = (
            f" of hazard ratio {number(test.null_hazard_ratio)}"
            if test.null_hazard_ratio != 1.0
            else ""
        )
        arms = hypothesis.arms
        yield f"{name}: {arms.experimental} against {arms.control}, {kind} test{null}"
        limits = critical_values(scenario, name)
        level = f" (one-sided alpha {number(hypothesis.alpha)})" if hypothesis.alpha else ""
        yield (
            "  rejected at z of at least "
            + ", ".join(f"{limit:.4f} at {analysis}" for analysis, limit in limits.items())
            + level
        )
    stopping = scenario.stopping
    if len(scenario.analyses) == 1:
        return
    if stopping.rejected == "never":
        yield "the trial goes on to its last analysis, whatever is rejected"
    else:
        names = (" and " if stopping.rejected == "all" else " or ").join(stopping.hypotheses)
        yield f"the trial stops once {names} is rejected"
