"""Assurance beside plug-ins: ordinary runs with one seed, put into one table."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from numbers import Real

from simulate.api.inputs import chosen_scenario
from simulate.api.run import run
from simulate.errors import Problem, ScenarioError
from simulate.results.assurance import Assurance, assurance_row
from simulate.runner.execute import Progress
from simulate.scenario.models import Arm, Scenario, with_plug_in
from simulate.scenario.resolve import n_members, uncertain_tables

OWN_FIGURES = "own_figures"
UNCERTAIN = "uncertain"
MOST_DISCOUNT = 10.0


def assurance(
    scenario: Scenario | str | os.PathLike[str],
    discounts: Sequence[float] | None = None,
    *,
    arms: Sequence[str] | None = None,
    trials: int | None = None,
    seed: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Assurance:
    """Simulate the assurance of a trial, and the power that its plug-ins give, under discounts.

    Parameters
    ----------
    scenario : Scenario or path
        A trial with an ensemble or uncertain arms, or the file that says so.
    discounts : sequence of float, optional
        By which the hazards of progression and death are divided, instead of what the scenario
        says; its own if not given.
    arms : sequence of str, optional
        Whose hazards; the experimental arms of the hypotheses if not given.
    trials, seed : int, optional
        Instead of those of the scenario.
    workers : int, optional
        Processes; one a core if not given.
    progress : callable, optional
        Called with the number of trials done since it was called last.

    Returns
    -------
    Assurance
        A row a hypothesis, calibration and discount. All are simulated with one seed, so that they
        share their patients.

    Raises
    ------
    ScenarioError
        If the scenario, or another argument, cannot be used.
    """
    chosen = chosen_scenario(scenario, trials, seed, workers)
    check_assurance(chosen)
    discounted = _discounted_arms(chosen, arms)
    columns = _columns(chosen, discounted, discounts)
    calibrations = calibrations_of(chosen)
    rows = []
    for name in calibrations:
        truth = calibrated(chosen, name)
        for discount in columns:
            result = run(
                with_discount(truth, discounted, discount), workers=workers, progress=progress
            )
            rows += [
                assurance_row(result, name, discount, hypothesis)
                for hypothesis in chosen.hypotheses
            ]
    order = list(chosen.hypotheses)
    rows.sort(key=lambda row: order.index(row.hypothesis))
    return Assurance(chosen, discounted, calibrations, columns, tuple(rows))


def n_runs(scenario: Scenario, discounts: Sequence[float] | None) -> int:
    """Number of runs that `assurance` makes."""
    return len(calibrations_of(scenario)) * len(discounts or (1.0,))


def check_assurance(scenario: Scenario) -> None:
    """Refuse a scenario that has no assurance.

    Raises
    ------
    ScenarioError
        If it has one truth, or no hypothesis.
    """
    if n_members(scenario) == 1:
        rule = "must have an ensemble in an arm's states, or an arm with uncertainty"
        remedy = "simulate run gives the power of a scenario with one truth"
        raise ScenarioError([Problem("arms", rule, "", remedy)])
    if not scenario.hypotheses:
        rule = "needs at least one: assurance is the probability of rejecting it"
        raise ScenarioError([Problem("hypotheses", rule, "")])


def calibrations_of(scenario: Scenario) -> dict[str, str]:
    """Names for reports of what stands for the truth, by name: plug-ins first.

    Where the uncertain arms have figures of their own, these are a plug-in, too.
    """
    found = {name: plug_in.label or name for name, plug_in in scenario.plug_in.items()}
    has_ensemble = any(arm.states and arm.states.members for arm in scenario.arms.values())
    if uncertain_tables(scenario) and not has_ensemble:
        found = {OWN_FIGURES: "own figures", **found}
    return found | {UNCERTAIN: "ensemble" if has_ensemble else "uncertain"}


def calibrated(scenario: Scenario, calibration: str) -> Scenario:
    """Scenario with one of its calibrations."""
    if calibration == UNCERTAIN:
        return scenario
    arms = with_plug_in(scenario.arms, scenario.plug_in.get(calibration))
    simulation = scenario.simulation.model_copy(update={"members": None})
    return scenario.model_copy(update={"arms": arms, "plug_in": {}, "simulation": simulation})


def with_discount(scenario: Scenario, arms: Sequence[str], discount: float) -> Scenario:
    """Scenario with a discount of some arms in the place of their own."""
    changed: Mapping[str, Arm] = {
        name: _with_discount(arm, discount) if name in arms else arm
        for name, arm in scenario.arms.items()
    }
    return scenario.model_copy(update={"arms": changed})


def _with_discount(arm: Arm, discount: float) -> Arm:
    if arm.states is None:
        return arm.model_copy(update={"discount": None if discount == 1.0 else discount})
    states = arm.states.model_copy(update={"discount": discount})
    return arm.model_copy(update={"states": states})


def _own_discount(arm: Arm) -> float:
    return arm.states.discount if arm.states is not None else arm.discount or 1.0


def _discounted_arms(scenario: Scenario, arms: Sequence[str] | None) -> tuple[str, ...]:
    """Arms whose hazards are discounted."""
    if arms is None:
        return tuple(dict.fromkeys(h.arms.experimental for h in scenario.hypotheses.values()))
    for name in arms:
        if name not in scenario.arms:
            rule = f"must be one of the scenario's: {', '.join(scenario.arms)}"
            raise ScenarioError([Problem("arms", rule, repr(name))])
    return tuple(dict.fromkeys(arms))


def _columns(
    scenario: Scenario, discounted: Sequence[str], discounts: Sequence[float] | None
) -> tuple[float, ...]:
    """Discounts asked for, or the scenario's own."""
    if discounts is None:
        own = dict.fromkeys(_own_discount(scenario.arms[name]) for name in discounted)
        if len(own) > 1:
            rule = f"must be given: {' and '.join(discounted)} have different ones of their own"
            raise ScenarioError([Problem("discounts", rule, "")])
        return tuple(own)
    for discount in discounts:
        is_number = isinstance(discount, Real) and not isinstance(discount, bool)
        if not (is_number and math.isfinite(discount) and 0.0 < discount <= MOST_DISCOUNT):
            rule = f"must be numbers above 0, at most {MOST_DISCOUNT:g}"
            raise ScenarioError([Problem("discounts", rule, repr(discount))])
    if not discounts:
        raise ScenarioError([Problem("discounts", "must have at least one", "")])
    given = [float(discount) for discount in discounts]
    for number, discount in enumerate(given):
        if discount in given[:number]:
            raise ScenarioError(
                [Problem("discounts", "must differ from each other", f"{discount:.10g}")]
            )
    return tuple(given)
