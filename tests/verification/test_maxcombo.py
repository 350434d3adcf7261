"""MaxCombo by closed form against the engine's trials, in standard errors; the seeds are fixed.

The closed form is asymptotic, for many events and effects that are not large. With some 200 events
it still holds to a few thousandths of power.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pytest
from twins.feature_scenarios import Table, arriving, delayed, dropping_out, exponential, hypothesis

from simulate import design
from simulate.api import run
from simulate.results.result import Result
from simulate.scenario.load import scenario_from_dict

ALPHA, TRIALS = 0.025, 20_000
DELAY, DROPOUT = 4.0, 0.01
HALVES = {"site": {"slow": 0.5, "fast": 0.5}}
FOUR = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]


class Case(NamedTuple):
    """A trial with a delayed effect, and the weights that it combines."""

    patients: int
    hazard_ratio: float
    components: list[Table]
    medians: tuple[float, ...] = (12.0,)
    dropout: bool = False
    ratio: int = 1


def fleming_harrington(rho: float, gamma: float) -> Table:
    return {"fleming_harrington": {"rho": rho, "gamma": gamma}}


LATE = [fleming_harrington(*exponents) for exponents in FOUR]
MODEST = {"modestly_weighted": {"delay_months": DELAY}}
CASES = {
    # As on the page of closed forms.
    "page": Case(300, 0.55, [*LATE[:2], MODEST]),
    "dropout": Case(300, 0.55, LATE, dropout=True),
    "2:1": Case(1200, 0.75, LATE, dropout=True, ratio=2),
    "strata": Case(1200, 0.75, LATE[:3], medians=(8.0, 16.0), ratio=2),
    "no effect": Case(1200, 1.0, LATE, dropout=True),
}


def simulated(case: Case) -> Result:
    """MaxCombo, and each of its components as a test of its own."""
    dropout = {"dropout": dropping_out(DROPOUT)} if case.dropout else {}
    control: Table = exponential(case.medians[0])
    experimental = delayed("old", (0.0, 1.0), (DELAY, case.hazard_ratio))
    strata: Table = {}
    if len(case.medians) > 1:
        strata = {"strata": HALVES}
        by_level = zip(HALVES["site"], case.medians, strict=True)
        of_strata = {x: exponential(m) | {"stratum": {"site": x}} for x, m in by_level}
        control = {"by_stratum": of_strata}
    options: Table = {"estimate": "none", "stratified": bool(strata)}
    tests: Table = {
        f"component_{k}": {"kind": "weighted_logrank", **weights}
        for k, weights in enumerate(case.components)
    }
    tests["maxcombo"] = {"kind": "maxcombo", "components": case.components}
    hypotheses = {}
    for name, test in tests.items():
        table = hypothesis("new", "old", "look", **options, **test)
        del table["critical_values"]
        hypotheses[name] = table | {"alpha": ALPHA}
    tables = {
        "schema_version": 1,
        "title": "MaxCombo",
        "purpose": "To compare with a closed form.",
        "arms": {"new": {"pfs": experimental} | dropout, "old": {"pfs": control} | dropout},
        "accrual": arriving(case.patients, "evenly_spaced", (0.0, case.patients / 24.0)),
        "randomisation": {"ratio": {"new": case.ratio, "old": 1}},
        "analyses": {"look": {"trigger": {"calendar_months": 36.0}}},
        "hypotheses": hypotheses,
        "simulation": {"trials": TRIALS, "seed": 7},
    }
    return run(scenario_from_dict(tables | strata), workers=1)


def closed_form(case: Case) -> design.MaxComboTest:
    lost = design.piecewise_exponential((DROPOUT,)) if case.dropout else None
    strata = []
    for median in case.medians:
        control = design.exponential(median_months=median)
        experimental = control.times_from((0.0, DELAY), (1.0, case.hazard_ratio))
        strata.append(design.Stratum(control, experimental, lost, lost))
    trial = design.TwoArms(tuple(strata), design.Entry(24.0), 12.0, float(case.ratio))
    weights = [
        design.LogrankWeights(**exponents_or_delay)
        for table in case.components
        for exponents_or_delay in table.values()
    ]
    return design.maxcombo_test(trial, weights)


@pytest.mark.parametrize(
    "name",
    ["page", *(pytest.param(name, marks=pytest.mark.slow) for name in CASES if name != "page")],
)
def test_power_means_and_correlations_are_those_of_simulated_trials(name: str) -> None:
    case = CASES[name]
    result, test = simulated(case), closed_form(case)
    assert result.statistics is not None
    z = result.statistics.z[:, : len(case.components)]
    power = result.power("maxcombo")
    assert abs(power.value - test.power(case.patients, ALPHA)) < 4.0 * power.mcse
    means, errors = z.mean(axis=0), z.std(axis=0) / math.sqrt(TRIALS)
    expected = np.array(test.effects) * math.sqrt(case.patients)
    assert np.all(np.abs(means - expected) < 4.0 * errors)
    # Of z across trials, which effects of some size make a little other than the test's own.
    found = np.corrcoef(z.T)
    within = 4.0 * (1.0 - found**2) / math.sqrt(TRIALS) + 0.005
    assert np.all(np.abs(found - np.array(test.correlation)) < within)
