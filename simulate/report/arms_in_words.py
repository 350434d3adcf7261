"""Arms in words: their endpoints, and what the joint model implies."""

from __future__ import annotations

import math
from collections.abc import Iterator

from simulate.report.distributions_in_words import definition_text
from simulate.report.states_in_words import states_in_words
from simulate.report.wording import number, status_text, stratum_text
from simulate.results.implied import implied_by_model
from simulate.scenario.assessed import latent_median_range
from simulate.scenario.assessments import Assessments, Investigator
from simulate.scenario.endpoints import TIMES, Binary
from simulate.scenario.latent import is_observed
from simulate.scenario.marginal_effects import START, MarginalEffect, marginal_effects
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import endpoint_tables, event_hazards, n_members, own_median
from simulate.scenario.uncertainty import STANDARD_NORMAL, Uncertainty


def arms_in_words(scenario: Scenario) -> Iterator[str]:
    """Endpoints and dropout of every arm."""
    for name, arm in scenario.arms.items():
        yield f"{name} ({arm.label})" if arm.label else name
        if arm.states is not None:
            yield from states_in_words(arm.states)
        for endpoint in TIMES if arm.states is None else ():
            if getattr(arm, endpoint) is None:
                continue
            yield from _times(scenario, name, endpoint)
        if arm.response is not None:
            yield from _rates("response", arm.response)
            time = arm.response.time_to_response
            yield f"    time to response: {definition_text(time)}, if before progression and death"
        for binary, table in arm.binary.items():
            yield from _rates(scenario.binary_endpoints[binary].label or binary, table)
        if arm.assessments is not None:
            yield f"  {scans_text(arm.assessments)}"
            for line in reading_text(arm.assessments.investigator):
                yield f"  {line}"
        if arm.dropout is None:
            yield "  dropout: none"
        else:
            yield f"  dropout: {definition_text(arm.dropout)}{status_text(arm.dropout.status)}"


def _times(scenario: Scenario, arm: str, endpoint: str) -> Iterator[str]:
    """Distribution of a time to an event in an arm."""
    table = getattr(scenario.arms[arm], endpoint)
    yield f"  {endpoint.upper()}: {definition_text(table)}{status_text(table.status)}"
    for entry in table.by_stratum.values():
        where = stratum_text(entry.stratum)
        yield f"    where {where}: {definition_text(entry)}{status_text(entry.status)}"
    uncertain = getattr(table, "uncertainty", None)
    if uncertain is not None:
        yield f"    {_uncertainty_text(scenario, arm, endpoint, uncertain)}"
    discount = scenario.arms[arm].discount
    if discount is not None:
        yield f"    hazard divided by {number(discount)}"
    hazards = event_hazards(scenario, endpoint)[arm]
    medians = {number(float(hazard.quantile(0.5)), 4) for hazard in hazards}
    if is_observed(table):
        latent = " or ".join(sorted(medians))
        yield f"    as seen through the scans; latent median {latent} months{_range(scenario, arm)}"
    elif len(medians) == 1 and (
        getattr(table, "median_months", None) is None or _changed(table) or discount is not None
    ):
        yield f"    median {medians.pop()} months"
    for effect, cells in marginal_effects(scenario, endpoint).items():
        if effect.arm == arm:
            yield f"    {_marginal_text(effect, [cell for cell in cells if cell])}"


def _uncertainty_text(scenario: Scenario, arm: str, endpoint: str, found: Uncertainty) -> str:
    """Distribution of an arm's median over the truths, and how many there are."""
    median = own_median(endpoint_tables(scenario, endpoint)[arm], math.log, math.exp)
    quantile = STANDARD_NORMAL.inv_cdf(0.5 + 0.5 * found.interval_level)
    low = median * math.exp(-quantile * found.sd_on("shorter", median))
    high = median * math.exp(quantile * found.sd_on("longer", median))
    return (
        f"uncertain: in {n_members(scenario):,} truths, by trial in turn, a median of "
        f"{number(median, 4)} months, {100.0 * found.interval_level:g}% from {number(low, 4)} to "
        f"{number(high, 4)}{status_text(found.status)}"
    )


def _range(scenario: Scenario, arm: str) -> str:
    """Latent medians that scans show as the one stated."""
    chosen = scenario.arms[arm].assessments or scenario.assessments
    median = getattr(scenario.arms[arm].pfs, "median_months", None)
    if median is None or chosen is None:
        return ""
    low, high = latent_median_range(median, chosen.steps_in_days)
    return f", the middle of {low:.2f} to {high:.2f}, which are all seen as {number(median)}"


def _changed(table: object) -> bool:
    """Whether frailty or a cured fraction changes the figures that a table states."""
    return any(getattr(table, key, None) is not None for key in ("cured", "frailty_variance"))


def _marginal_text(effect: MarginalEffect, cells: list[str]) -> str:
    """Marginal hazard ratios beside the conditional one."""
    ratios = ", ".join(
        f"{number(ratio, 3)} at month {number(month, 3)}" if share > START else number(ratio, 3)
        for share, month, ratio in zip(effect.shares, effect.months, effect.marginal, strict=True)
    )
    where = f" where {'; '.join(cells)}" if cells else ""
    return f"marginal hazard ratio{where}: at the start {ratios}"


def implied_in_words(scenario: Scenario) -> Iterator[str]:
    """Correlations of the joint model, and what follows for PFS, OS and time to response."""
    rows = implied_by_model(scenario)
    if not rows:
        return
    chosen = scenario.correlations
    given = {
        "progression and OS": chosen.progression_os,
        "progression and response": chosen.progression_response,
        "OS and response": chosen.os_response,
    }
    stated = [f"{number(value)} of {name}" for name, value in given.items() if value != 0.0]
    yield "correlations of the normal scores: " + (", ".join(stated) or "none")
    for name, endpoint in scenario.binary_endpoints.items():
        if endpoint.response_correlation != 0.0:
            label = endpoint.label or name
            yield f"  {number(endpoint.response_correlation)} of {label} and response"
    for row in rows:
        parts = []
        if row.probability_equal is not None and row.correlation is not None:
            parts.append(f"P(PFS = OS) {row.probability_equal:.3f}")
            if math.isfinite(row.correlation):
                parts.append(f"correlation of PFS and OS {row.correlation:.3f}")
        if row.response_quartiles:
            quarter, half, most = (number(month, 3) for month in row.response_quartiles)
            parts.append(f"median time to response {half} months (quartiles {quarter}, {most})")
        where = f" where {row.cell}" if row.cell else ""
        yield f"{row.arm}{where}: {'; '.join(parts)}"


def scans_text(assessments: Assessments) -> str:
    """A schedule of scans."""
    steps = [
        f"every {number(step.every_weeks, 4)} weeks"
        + (f" from week {number(step.from_week, 4)}" if step.from_week > 0 else "")
        for step in assessments.schedule
    ]
    text = f"scanned {', '.join(steps)}"
    if assessments.window_days:
        text += f", up to {assessments.window_days} days early or late"
    if assessments.missed_probability:
        text += f", each missed with probability {number(assessments.missed_probability)}"
    if assessments.shift_days:
        text += f", all of a patient's shifted by up to {assessments.shift_days} days"
    text += "; responses need confirmation" if assessments.confirm_response else ""
    if assessments.not_evaluable_probability:
        probability = number(assessments.not_evaluable_probability)
        text += f"; a patient is not evaluable with probability {probability}"
    if assessments.censor_at == "last_scan":
        text += "; PFS without an event is censored at the last scan attended"
    return text


def reading_text(investigator: Investigator | None) -> Iterator[str]:
    """How the investigator reads the scans, on a line; none where only central review does."""
    if investigator is None:
        return
    said = {
        "a scan early": investigator.progression_early_probability,
        "a scan late": investigator.progression_late_probability,
        "missed": investigator.response_missed_probability,
        "added where there is none": investigator.response_added_probability,
    }
    words = [f"{what} with probability {number(p)}" for what, p in said.items() if p > 0.0]
    progression = [text for text in words if "scan" in text]
    response = [text for text in words if "scan" not in text]
    parts = [f"progression called {' and '.join(progression)}"] if progression else []
    parts += [f"a response {' and '.join(response)}"] if response else []
    text = "; ".join(parts) or "as central review does"
    yield f"read by the investigator, too{status_text(investigator.status)}: {text}"


def _rates(label: str, table: Binary) -> Iterator[str]:
    """Rate of a binary endpoint in an arm."""
    yield f"  {label}: {number(table.rate)}{status_text(table.status)}"
    for entry in table.by_stratum.values():
        where = stratum_text(entry.stratum)
        yield f"    where {where}: {number(entry.rate)}{status_text(entry.status)}"
