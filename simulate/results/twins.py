"""Analytic twins: the same figure from a closed form, beside the simulated one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulate.results.characteristics import COUNTED, OVERALL, Row
from simulate.results.closed_forms import ExpectedLook, closed_form_power, expected_looks
from simulate.results.estimates import FEW
from simulate.scenario.looks import EventTrigger
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import has_states, is_assessed, times_of, uncertain_tables

STANDARD_ERRORS = 4.0
POWER_TOLERANCE = 0.015
STRATIFIED_POWER_TOLERANCE = 0.03
LOOK_TIME_TOLERANCE = 0.02
ROUNDING = 1e-9
SCHOENFELD = "Schoenfeld 1981"
EXPECTED_EVENTS = "expected events"
EXPECTED_COUNTS = "expected counts"


class Twin(NamedTuple):
    """A simulated figure and what a closed form says of it.

    Attributes
    ----------
    hypothesis, analysis, measure, condition : str
        The row of the operating characteristics.
    estimate, mcse : float
        Simulated figure and its Monte Carlo standard error.
    twin : float
        The closed form's.
    kind : str
        "exact", or "approximate" if the closed form is.
    method : str
        The closed form.
    tolerance : float
        What the closed form may differ by, beyond Monte Carlo error.
    flagged : bool
        The two differ by more than four standard errors and the tolerance.
    """

    hypothesis: str
    analysis: str
    measure: str
    condition: str
    estimate: float
    mcse: float
    twin: float
    kind: str
    method: str
    tolerance: float
    flagged: bool

    @property
    def allowed(self) -> float:
        """Difference beyond which the twin is flagged; NaN without a standard error."""
        return STANDARD_ERRORS * self.mcse + self.tolerance


class _Expected(NamedTuple):
    """A closed form's figure for one row."""

    hypothesis: str
    analysis: str
    measure: str
    value: float
    exact: bool
    method: str
    tolerance: float


def twins(scenario: Scenario, rows: Sequence[Row]) -> list[Twin]:
    """Twins of the operating characteristics that have one.

    Parameters
    ----------
    scenario : Scenario
        What was simulated.
    rows : sequence of Row
        Its operating characteristics.

    Returns
    -------
    list of Twin
        Exact twins: counts at looks whose month is the same in every trial. Approximate twins:
        months of looks at a number of events that is all but sure to come; rejection probabilities
        under one hazard ratio.
    """
    if has_states(scenario) or uncertain_tables(scenario):
        return []  # closed forms are of the endpoint model, and of one truth
    found = {(r.hypothesis, r.analysis, r.measure, r.condition): r for r in rows}
    pairs = []
    for expected in _expectations(scenario):
        row = found[(expected.hypothesis, expected.analysis, expected.measure, "all")]
        pairs.append(_pair(row, expected))
    return pairs


def _pair(row: Row, expected: _Expected) -> Twin:
    """Put the two figures together and judge the difference."""
    # Ten patients, rejections or months in all trials together are no evidence: of few trials, and
    # of what hardly ever varies, the standard error is too small.
    tolerance = expected.tolerance + FEW / max(row.n_trials, 1)
    if expected.exact:
        tolerance += ROUNDING * abs(expected.value)
    twin = Twin(
        hypothesis=row.hypothesis,
        analysis=row.analysis,
        measure=row.measure,
        condition=row.condition,
        estimate=row.estimate,
        mcse=row.mcse,
        twin=expected.value,
        kind="exact" if expected.exact else "approximate",
        method=expected.method,
        tolerance=tolerance,
        flagged=False,
    )
    return twin._replace(flagged=bool(abs(row.estimate - expected.value) > twin.allowed))


def _expectations(scenario: Scenario) -> Iterator[_Expected]:
    """Everything that closed forms say about the rows of a scenario."""
    by_endpoint = {name: expected_looks(scenario, name) for name in times_of(scenario)}
    for name, hypothesis in scenario.hypotheses.items():
        if hypothesis.endpoint not in by_endpoint:
            continue
        expected = by_endpoint[hypothesis.endpoint]
        looks = {look.analysis: look for look in expected}
        power = closed_form_power(scenario, name, expected)
        if power is not None:
            yield from _powers(scenario, name, power)
        if is_assessed(scenario):
            continue  # scans delay events, which these forms leave out
        for analysis in hypothesis.analyses:
            look = looks[analysis]
            if look.fixed:
                yield from _counts(scenario, name, look)
            elif look.typical and isinstance(scenario.analyses[analysis].trigger, EventTrigger):
                tolerance = LOOK_TIME_TOLERANCE * look.month
                measure = "look_time_mean"
                yield _Expected(
                    name, analysis, measure, look.month, False, EXPECTED_EVENTS, tolerance
                )


def _powers(scenario: Scenario, name: str, power: Sequence[float]) -> Iterator[_Expected]:
    """Rejection probability by each look and overall."""
    stratified = scenario.hypotheses[name].test.stratified
    tolerance = STRATIFIED_POWER_TOLERANCE if stratified else POWER_TOLERANCE
    for analysis, value in zip(scenario.hypotheses[name].analyses, power, strict=True):
        measure = "cumulative_rejection_probability"
        yield _Expected(name, analysis, measure, value, False, SCHOENFELD, tolerance)
    yield _Expected(name, OVERALL, "rejection_probability", power[-1], False, SCHOENFELD, tolerance)


def _counts(scenario: Scenario, name: str, look: ExpectedLook) -> Iterator[_Expected]:
    """Patients, events and dropouts at a fixed month, by arm."""
    arms = scenario.hypotheses[name].arms
    for counted in COUNTED:
        by_arm: dict[str, float] = getattr(look, counted)
        for part, arm in zip(("experimental", "control"), arms.names, strict=False):
            measure = f"{counted}_{part}_mean"
            yield _Expected(name, look.analysis, measure, by_arm[arm], True, EXPECTED_COUNTS, 0.0)
