"""Closed forms beside searches and curves of power, where there are any."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from simulate.design.one_proportion import single_arm
from simulate.design.schoenfeld import schoenfeld_power
from simulate.design.two_proportions import ProportionMethod, two_proportions_test
from simulate.results.closed_forms import closed_form_power
from simulate.results.twins import SCHOENFELD
from simulate.scenario.binary_tests import ExactBinomialTest, ProportionsTest
from simulate.scenario.comparisons import constant_log_hazard_ratio, critical_values
from simulate.scenario.effects import arm_rate
from simulate.scenario.hypotheses import Hypothesis
from simulate.scenario.looks import EventTrigger, FollowUpTrigger
from simulate.scenario.models import Scenario
from simulate.scenario.survival_tests import LogrankTest
from simulate.studies.levers import EVENTS, Lever

FARRINGTON_MANNING = "Farrington and Manning 1990"
UNPOOLED = "difference of two proportions, unpooled"
EXACT_BINOMIAL = "exact binomial"
_METHODS: dict[str, tuple[ProportionMethod, str]] = {"z_unpooled": ("unpooled", UNPOOLED)}
# Of values that are not whole.
HALVINGS = 50


class ClosedForm(NamedTuple):
    """A figure by a closed form.

    Attributes
    ----------
    value : float
        The power at a value, or the value with a power.
    method : str
        Whose formula.
    """

    value: float
    method: str


def closed_power(lever: Lever, value: float) -> ClosedForm | None:
    """Power at a value by a closed form; None where there is none.

    Of a log-rank test there is one where a run has one beside its power: not where its events may
    well not come, say.
    """
    scenario, name = lever.with_value(value), lever.hypothesis
    if isinstance(scenario.hypotheses[name].test, LogrankTest):
        power = closed_form_power(scenario, name)
        return None if power is None else ClosedForm(power[-1], SCHOENFELD)
    return _formula(lever, value)


def closed_size(lever: Lever, power: float) -> ClosedForm | None:
    """First value at which a closed form has a power.

    Parameters
    ----------
    lever : Lever
        What is varied.
    power : float
        Power to be reached.

    Returns
    -------
    ClosedForm or None
        Whole values are rounded to the power's side; of an exact test, whose power does not rise
        with every patient, the smallest. None where there is no closed form, or its power is not
        reached. Over events it is told whether or not the trial has so many; else only where
        `closed_power` has a power at the value.
    """
    found = formula_size(lever, power)
    if found is None or lever.over == EVENTS or closed_power(lever, found.value) is not None:
        return found
    return _first(lever, power, closed_power)


def formula_size(lever: Lever, power: float) -> ClosedForm | None:
    """First value at which a formula has a power, whether or not a trial has so many events."""
    if isinstance(lever.scenario.hypotheses[lever.hypothesis].test, ExactBinomialTest):
        low, high = lever.searched
        whole = range(int(low), int(high) + 1) if lever.is_whole else range(0)
        reaches = _reaches(lever, power, _formula)
        first = next((float(value) for value in whole if reaches(value)), None)
        return None if first is None else ClosedForm(first, EXACT_BINOMIAL)
    return _first(lever, power, _formula)


Form = Callable[[Lever, float], ClosedForm | None]


def _reaches(lever: Lever, power: float, form: Form) -> Callable[[float], bool]:
    def reaches(value: float) -> bool:
        found = form(lever, value)
        return found is not None and found.value >= power

    return reaches


def _first(lever: Lever, power: float, form: Form) -> ClosedForm | None:
    """First value with the power, of a power that rises from one end of the lever to the other."""
    low, high = lever.widest
    weak, strong = (low, high) if lever.rises else (high, low)
    at_most = form(lever, strong)
    if at_most is None or at_most.value < power:
        return None
    reaches = _reaches(lever, power, form)
    return ClosedForm(float(_halved(lever, reaches, weak, strong)), at_most.method)


def _formula(lever: Lever, value: float) -> ClosedForm | None:
    """Power at a value by a formula, of a single look at its own events by their number alone."""
    scenario, name = lever.with_value(value), lever.hypothesis
    chosen = scenario.hypotheses[name]
    if isinstance(chosen.test, LogrankTest):
        power = _at_events(scenario, name)
        if power is None:
            by_look = closed_form_power(scenario, name)
            power = None if by_look is None else by_look[-1]
        return None if power is None else ClosedForm(power, SCHOENFELD)
    if isinstance(chosen.test, ExactBinomialTest | ProportionsTest):
        return _of_rates(scenario, name)
    return None


def _halved(lever: Lever, reaches: Callable[[float], bool], weak: float, strong: float) -> float:
    """First value with the power, between one without it and one with it."""
    if reaches(weak):
        return weak
    for _ in range(HALVINGS):
        middle = 0.5 * (weak + strong)
        if lever.is_whole and strong - weak <= 1.0:
            break
        if lever.is_whole:
            middle = math.floor(middle)
        if reaches(middle):
            strong = middle
        else:
            weak = middle
    return strong


def _at_events(scenario: Scenario, name: str) -> float | None:
    """Schoenfeld's power of a single look at a number of the hypothesis's own events."""
    chosen = scenario.hypotheses[name]
    trigger = scenario.analyses[chosen.analyses[-1]].trigger
    if len(chosen.analyses) > 1 or not counts_its_own(scenario, chosen, trigger):
        return None
    log_hr = constant_log_hazard_ratio(scenario, name)
    if log_hr is None or not isinstance(chosen.test, LogrankTest) or may_stop(scenario, name):
        return None
    assert isinstance(trigger, EventTrigger)
    limit = critical_values(scenario, name)[chosen.analyses[-1]]
    ratio = scenario.randomisation.ratio
    experimental = ratio[chosen.arms.experimental]
    share = experimental / (experimental + ratio[str(chosen.arms.control)])
    null = chosen.test.null_hazard_ratio
    return float(schoenfeld_power(trigger.events, math.exp(log_hr), limit, null, share)[-1])


def may_stop(scenario: Scenario, name: str) -> bool:
    """Whether the trial may stop before the hypothesis has had its look."""
    others = [other for other in scenario.stopping.hypotheses if other != name]
    if scenario.stopping.rejected == "any":
        return bool(others)
    return scenario.stopping.rejected == "all" and name not in scenario.stopping.hypotheses


def counts_its_own(scenario: Scenario, chosen: Hypothesis, trigger: object) -> bool:
    """Whether a look is at a number of events of the hypothesis in its arms."""
    return (
        isinstance(trigger, EventTrigger)
        and trigger.endpoint == chosen.endpoint
        and trigger.stratum is None
        and set(trigger.arms or scenario.arms) == set(chosen.arms.names)
    )


def _all_have_entered(scenario: Scenario, look: str) -> bool:
    """Whether a look surely comes after the last planned entry."""
    trigger = scenario.analyses[look].trigger
    return isinstance(trigger, FollowUpTrigger) and trigger.after_patients is None


def _of_rates(scenario: Scenario, name: str) -> ClosedForm | None:
    """Power of a test of an immediate binary endpoint, over all patients."""
    chosen = scenario.hypotheses[name]
    if not _is_immediate(scenario, chosen) or may_stop(scenario, name):
        return None
    rates = [arm_rate(scenario, chosen.endpoint, arm) for arm in chosen.arms.names]
    ratio = [scenario.randomisation.ratio[arm] for arm in chosen.arms.names]
    share = sum(ratio) / sum(scenario.randomisation.ratio.values())
    patients, alpha = scenario.accrual.patients, chosen.alpha
    assert alpha is not None
    if isinstance(chosen.test, ExactBinomialTest):
        # Of several arms the number of patients in one varies.
        if share < 1.0 or not chosen.test.null_rate < rates[0] < 1.0:
            return None
        found = single_arm(patients, chosen.test.null_rate, rates[0], alpha)
        return ClosedForm(found.power, EXACT_BINOMIAL)
    if isinstance(chosen.test, ProportionsTest) and all(0.0 < rate < 1.0 for rate in rates):
        return _of_two_rates(chosen.test, rates, ratio, patients * share, alpha)
    return None


def _of_two_rates(
    test: ProportionsTest, rates: list[float], ratio: list[int], n: float, alpha: float
) -> ClosedForm | None:
    """Power of a test of two rates, the experimental arm first."""
    if test.method == "fisher":
        return None
    method, name = _METHODS.get(test.method, ("farrington_manning", FARRINGTON_MANNING))
    of_rates = two_proportions_test(
        rates[1], rates[0], ratio[0] / ratio[1], test.null_difference, method
    )
    return ClosedForm(of_rates.power(n, alpha), name)


def _is_immediate(scenario: Scenario, chosen: Hypothesis) -> bool:
    """Whether a binary endpoint is known at once, of all patients, at the only look."""
    endpoint = scenario.binary_endpoints.get(chosen.endpoint)
    of_all = getattr(chosen.test, "minimum_follow_up_months", None) is None
    return (
        endpoint is not None
        and endpoint.assessed_months == 0.0
        and of_all
        and not chosen.test.stratified
        and chosen.alpha is not None
        and len(chosen.analyses) == 1
        and _all_have_entered(scenario, chosen.analyses[-1])
    )
