"""What the tables of a result say, whatever they are printed as."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from simulate.report.tables import Column
from simulate.report.wording import number
from simulate.report.words import (
    analysis_name,
    arm_name,
    comparison_text,
    hypothesis_name,
)
from simulate.results.characteristics import coverages
from simulate.results.estimates import Estimate
from simulate.results.given_truth import FEWEST_TRIALS
from simulate.results.measured import measured_effect
from simulate.results.result import Result
from simulate.results.twins import (
    EXPECTED_COUNTS,
    EXPECTED_EVENTS,
    LOOK_TIME_TOLERANCE,
    POWER_TOLERANCE,
    SCHOENFELD,
    STRATIFIED_POWER_TOLERANCE,
    Twin,
)
from simulate.scenario.comparisons import arms_of, constant_log_hazard_ratio, planned
from simulate.scenario.effects import null_holds
from simulate.scenario.endpoints import DISEASE_CONTROL, OF_PATIENTS, OF_RESPONDERS, READINGS
from simulate.scenario.hypotheses import ArmEstimate
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import n_members

FAILURES = (
    ("look_skipped", "look not held"),
    ("target_not_reached", "number of events never reached"),
    ("no_information", "nothing to test"),
    ("estimate_infinite", "hazard ratio infinite"),
    ("estimate_not_converged", "hazard ratio not converged"),
    ("not_estimable", "not estimable, or not reached"),
)
# Name of what is estimated, and digits shown.
EFFECTS = {
    "log_hazard_ratio": ("hazard ratio", 4),
    "rmst_difference": ("difference in restricted mean, months", 3),
    "survival_difference": ("difference in survival", 4),
    "log_log_difference": ("difference in -log(-log(survival))", 4),
    "rate_difference": ("difference in rates", 4),
    "log_odds_ratio": ("log odds ratio", 4),
    "survival": ("survival", 4),
    "rate": ("rate", 4),
    "median": ("median, months", 2),
    "rmst": ("restricted mean, months", 3),
    "last_survival": ("survival after the last event", 4),
    "share_event_free": ("share seen event-free", 4),
    "minimum": ("shortest, months", 2),
    "maximum": ("longest, months", 2),
}
RATES = {"rate", "rate_difference", "log_odds_ratio"}
COVERAGES = {"": "", "clopper_pearson_": "Clopper-Pearson ", "wilson_": "Wilson "}
METHODS = {
    SCHOENFELD: "rejected: Schoenfeld's approximation (1981), good to "
    f"{POWER_TOLERANCE:g}, stratified {STRATIFIED_POWER_TOLERANCE:g}",
    EXPECTED_EVENTS: "mean month: when the expected events reach the number, good to "
    f"{LOOK_TIME_TOLERANCE:.0%}",
    EXPECTED_COUNTS: "patients, events, dropouts at a fixed month: exact",
}


def failure_label(scenario: Scenario, name: str, measure: str) -> str:
    """What did not exist, in words."""
    if measure == "estimate_infinite" and measured_effect(scenario, name).kind == "log_odds_ratio":
        return "odds ratio infinite"
    return dict(FAILURES)[measure]


def headline(result: Result, hypothesis: str) -> str:
    """Name of a hypothesis and its power, or type I error."""
    name = hypothesis_name(result.scenario, hypothesis)
    power = with_error(result.power(hypothesis))
    return f"{name}: {rejection_name(result.scenario, hypothesis)} {power}"


def assurance_text(result: Result, hypothesis: str) -> Iterator[str]:
    """Where the error of an assurance comes from, and the power given each truth."""
    members = n_members(result.scenario)
    if members == 1:
        return

    def value(measure: str) -> str:
        return with_error(result.estimate(measure, hypothesis))

    between, within, deviation = (
        result.estimate(measure, hypothesis).value
        for measure in (
            "assurance_between_se",
            "assurance_within_se",
            "conditional_power_sd",
        )
    )
    yield f"over {members:,} truths, which the trials take in turn"
    if math.isnan(within):
        yield "too few trials to tell truths apart: none has two"
        return
    yield f"of its error, {between:.4f} because of so many truths, {within:.4f} of so many trials"
    if deviation == 0.0:
        yield "given the truth: no difference between truths beyond the noise of their trials"
        return
    low, middle, high = (value(f"conditional_power_{q}") for q in ("p05", "median", "p95"))
    yield (
        f"given the truth: median {middle}, 5% quantile {low}, 95% quantile {high}; at least 0.8 "
        f"in {value('conditional_power_above_80')} of the truths"
    )
    yield from few_trials_text(members, result.power(hypothesis).n_trials)


def few_trials_text(members: int, trials: int) -> Iterator[str]:
    """Warning where each truth has too few trials to tell how the power varies between them."""
    if trials < FEWEST_TRIALS * members:
        yield (
            f"{trials / members:.4g} trials a truth: too few to trust quantiles and the share with "
            f"at least 0.8 to their errors; {FEWEST_TRIALS * members:,} trials would do"
        )


def estimate_headline(result: Result, estimate: str) -> str:
    """Name of an estimate without a test, and its mean over the trials at the last look."""
    chosen = result.scenario.estimates[estimate]
    measure = measured_effect(result.scenario, estimate).kind
    _, digits = EFFECTS[measure]
    mean = result.estimate(f"{measure}_mean", estimate, chosen.analyses[-1])
    return f"{chosen.label or estimate}: {with_error(mean, digits)}"


def tested_text(scenario: Scenario, hypothesis: str) -> str:
    """Arms and test of a hypothesis, and the true value of its estimate if there is one."""
    return f"{comparison_text(scenario, hypothesis)}{truth_text(scenario, hypothesis)}"


def truth_text(scenario: Scenario, name: str) -> str:
    """True value of the estimate of a hypothesis or an estimate, if there is a single one."""
    measured = measured_effect(scenario, name)
    if name in scenario.hypotheses and measured.kind in {"log_hazard_ratio", "none"}:
        log_hr = constant_log_hazard_ratio(scenario, name)
        return "" if log_hr is None else f"; true hazard ratio {number(math.exp(log_hr))}"
    if measured.truth is None:
        return ""
    eventual = "eventual " if measured.kind in {"rate", "rate_difference"} else ""
    return f"; true {eventual}{EFFECTS[measured.kind][0]} {number(measured.truth, 4)}"


def result_table(result: Result, hypothesis: str) -> tuple[list[str], list[Column]]:
    """Labels of the figures of a hypothesis, and a column a look; last, the end of the trial."""
    scenario = result.scenario
    several = len(scenario.analyses) > 1
    lines = list(result_lines(scenario, hypothesis, several))
    columns = [
        Column(
            analysis_name(scenario, analysis),
            [
                with_error(result.estimate(measure, hypothesis, analysis), digits)
                for _, measure, digits, _ in lines
            ],
        )
        for analysis in planned(scenario)[hypothesis].analyses
    ]
    if several:
        at_end = [
            with_error(result.estimate(measure, hypothesis), digits) if by_end else ""
            for _, measure, digits, by_end in lines
        ]
        columns.append(Column("at the end", at_end))
    return [label for label, *_ in lines], columns


def partial_text(result: Result) -> str:
    """Say that trials are missing, and how many."""
    planned = result.planned_trials or 0
    missing = planned - result.scenario.simulation.trials
    return f"partial: {missing:,} of {planned:,} planned trials are missing"


def rejection_name(scenario: Scenario, hypothesis: str) -> str:
    """What the rejection probability of a hypothesis is called under the scenario's assumptions.

    A type I error if the null hypothesis holds, in all truths; assurance where there are several.
    """
    if null_holds(scenario, hypothesis):
        return "type I error"
    return "power" if n_members(scenario) == 1 else "assurance"


def rejection_columns(called: Sequence[str], figures: Sequence[str]) -> Iterator[Column]:
    """Column of rejection probabilities, and one of what each is called where that differs."""
    is_one = len(set(called)) == 1
    yield Column(called[0] if is_one else "rejected", list(figures))
    yield Column("which is", [""] * len(called) if is_one else list(called))


def with_error(estimate: Estimate, digits: int = 4) -> str:
    """Write an estimate with its Monte Carlo standard error in brackets, to 3 decimals at least."""
    if not math.isfinite(estimate.value):
        return "none"
    if not math.isfinite(estimate.mcse):
        return f"{estimate.value:.{digits}f} (none)"
    return f"{estimate.value:.{digits}f} ({estimate.mcse:.{max(digits, 3)}f})"


def result_lines(
    scenario: Scenario, hypothesis: str, several: bool
) -> Iterator[tuple[str, str, int, bool]]:
    """Label, measure, digits, and whether it exists for the trial's end."""
    arms = arms_of(planned(scenario)[hypothesis])
    if hypothesis in scenario.estimates:
        if several:
            yield "look reached", "reached_probability", 4, False
    elif several:
        yield "first rejected here", "first_rejection_probability", 4, False
        yield "rejected by now", "cumulative_rejection_probability", 4, False
        yield "look reached", "reached_probability", 4, False
    else:
        yield "rejected", "rejection_probability", 4, True
    yield "calendar month, mean", "look_time_mean", 2, True
    yield "  standard deviation", "look_time_sd", 2, True
    yield "  5% quantile", "look_time_q05", 2, True
    yield "  median", "look_time_q50", 2, True
    yield "  95% quantile", "look_time_q95", 2, True
    for counted in ("patients", "events", "dropouts"):
        yield f"{counted_name(scenario, hypothesis, counted)}, mean", f"{counted}_mean", 2, True
        if len(arms) > 1:
            for part, arm in zip(("experimental", "control"), arms, strict=True):
                yield f"  {arm_name(scenario, arm)}", f"{counted}_{part}_mean", 2, True
    yield from _effect_lines(scenario, hypothesis)


def _effect_lines(scenario: Scenario, name: str) -> Iterator[tuple[str, str, int, bool]]:
    """Lines of what is estimated."""
    measured = measured_effect(scenario, name)
    if measured.kind == "none":
        return
    label, digits = EFFECTS[measured.kind]
    if measured.kind == "log_hazard_ratio":
        yield "hazard ratio, geometric mean", "hazard_ratio", 4, False
        if measured.truth is not None:
            yield "  bias of its logarithm", "log_hazard_ratio_bias", 4, False
    else:
        yield f"{label}, mean", f"{measured.kind}_mean", digits, False
        yield "  standard deviation", f"{measured.kind}_sd", digits, False
        if measured.truth is not None:
            below = " from the eventual one" if measured.kind in RATES else ""
            yield f"  bias{below}", f"{measured.kind}_bias", digits, False
    if measured.truth is not None:
        level = f"{100.0 * measured.level:g}% interval"
        for coverage in coverages(measured):
            method = COVERAGES[coverage.removesuffix(measured.coverage)]
            yield f"  coverage of the {method}{level}", coverage, 4, False


def counted_name(scenario: Scenario, name: str, counted: str) -> str:
    """What patients and events are called: who has a binary endpoint is a responder."""
    chosen = planned(scenario)[name]
    endpoint = chosen.endpoint
    if counted == "patients":
        return "responders" if endpoint in OF_RESPONDERS else counted
    if counted != "events":
        return counted
    if isinstance(chosen, ArmEstimate) and chosen.kind == "share_event_free":
        return "seen event-free"
    if endpoint in (*OF_PATIENTS, *OF_RESPONDERS):
        return counted
    return "patients with disease control" if endpoint == DISEASE_CONTROL else "responders"


def twin_cells(scenario: Scenario, twin: Twin) -> list[str]:
    """Cells of a twin's row."""
    digits = 4 if "probability" in twin.measure else 2
    return [
        f"  {twin_label(scenario, twin)}",
        with_error(Estimate(twin.estimate, twin.mcse, 0), digits),
        f"{twin.twin:.{digits}f}",
        f"{twin.estimate - twin.twin:+.{digits}f}" if math.isfinite(twin.estimate) else "none",
        (f"{twin.allowed:.{digits}f}" if math.isfinite(twin.allowed) else "any")
        + (" DIFFERS" if twin.flagged else ""),
    ]


def twin_label(scenario: Scenario, twin: Twin) -> str:
    """What a twin's figure is, in words."""
    look = analysis_name(scenario, twin.analysis)
    if twin.measure == "cumulative_rejection_probability":
        return f"rejected by {look}"
    if twin.measure == "look_time_mean":
        return f"mean month of {look}"
    counted, part, _ = twin.measure.split("_")
    arms = arms_of(planned(scenario)[twin.hypothesis])
    arm = arms[0] if part == "experimental" else arms[1]
    return f"{counted} at {look}, {arm}"


def notes(result: Result) -> Iterator[str]:
    """What did not exist, what has no single truth, and what to make of flagged twins."""
    scenario = result.scenario
    missing = [
        f"  {row.hypothesis} at {row.analysis}: "
        f"{failure_label(scenario, row.hypothesis, measure)} in "
        f"{with_error(Estimate(row.estimate, row.mcse, row.n_trials))} of the trials"
        for measure, _ in FAILURES
        for row in result.operating_characteristics
        if row.measure == measure and row.condition == "all" and row.estimate > 0.0
    ]
    yield "What did not exist:" if missing else "What did not exist: nothing, in any trial."
    yield from missing
    for name, hypothesis in scenario.hypotheses.items():
        about_ratio = hypothesis.test.effect in {"log_hazard_ratio", "none"}
        if about_ratio and constant_log_hazard_ratio(scenario, name) is None:
            why = "it changes with time or by stratum"
            why = why if n_members(scenario) == 1 else "trials have many truths"
            why = "an investigator's reading has none" if hypothesis.endpoint in READINGS else why
            yield (
                f"{name}: no single true hazard ratio ({why}), so no bias, coverage or closed-form "
                "power."
            )
    if n_members(scenario) > 1:
        yield (
            "Errors of months, counts and estimates are those of independent trials: they leave "
            "out that trials share truths. Those of probabilities do not."
        )
    if any(twin.flagged for twin in result.twins):
        yield (
            "A figure differs from its closed form by more than is allowed: find out why before "
            "using either."
        )
