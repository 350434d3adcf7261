"""Curves of power: nested looks are those of trials of their own; the rest of what a user asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins.exact_powers import two_rates
from twins.scenario_tables import (
    Table,
    dropping_out,
    events,
    exponential,
    hypothesis,
    relative,
    uncertain,
)
from twins.study_tables import TWO_LOOKS, study_tables

import simulate
from simulate.api.size import _Trials
from simulate.design.schoenfeld import schoenfeld_power
from simulate.design.two_proportions import ProportionMethod, two_proportions_test
from simulate.engine.statistics import Statistics
from simulate.errors import ScenarioError
from simulate.results.keep import KeepRejections
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.studies.changes import without_estimates
from simulate.studies.closed import closed_power, closed_size, formula_size
from simulate.studies.curve import can_be_nested, nested
from simulate.studies.levers import lever_of

DROPOUT = {"dropout": dropping_out(0.03)}
ARMS = {
    "new": {"pfs": relative("old", 0.5), **DROPOUT},
    "old": {"pfs": exponential(8.0), **DROPOUT},
}
FOLLOW_UP: Table = {"minimum_follow_up_months": 3.0}


def made(trigger: Table, **changes: Any) -> Scenario:
    looks = {"final": {"trigger": trigger}}
    data = study_tables(**{"arms": ARMS, "analyses": looks, **changes})
    del data["study"]
    return scenario_from_dict(data)


def simulated(scenario: Scenario, n: int = 400) -> Statistics:
    return simulate_block(pack(scenario), scenario.simulation.seed, Block(0, n))


@pytest.mark.parametrize(
    ("trigger", "over", "values"),
    [
        (events(25), "events", [10, 20, 30, 36]),
        (events(25, "all_data"), "events", [10, 30, 36]),
        (events(25, "skip"), "events", [20, 30, 36]),
        ({"latest_of": [events(25), {"calendar_months": 14.0}]}, "events", [10, 25, 35]),
        ({"earliest_of": [events(25), {"calendar_months": 14.0}]}, "events", [10, 25, 35]),
        (FOLLOW_UP, "follow-up", [0.0, 2.5, 12.0]),
        ({"calendar_months": 12.0}, "follow-up", [6.0, 12.0, 30.0]),
    ],
)
def test_a_nested_look_is_that_of_a_trial_of_its_own(
    trigger: Table, over: str, values: list[float]
) -> None:
    """To the bit, in every trial, with targets that are never reached in some."""
    lever = lever_of(made(trigger), over)
    assert can_be_nested(lever)
    together = simulated(without_estimates(nested(lever, values)))
    for k, value in enumerate(values):
        alone = simulated(lever.at(value))
        for column in ("z", "score", "information", "cutoff"):
            own, its = getattr(together, column)[:, k], getattr(alone, column)[:, 0]
            assert own.tobytes() == its.tobytes(), (value, column)
        missing = (together.status[:, k] ^ alone.status[:, 0]) & 3
        assert not missing.any()


@pytest.mark.parametrize(
    ("over", "values", "is_nested"),
    [
        ("events", [15, 30], True),
        ("patients", [30, 41], False),
        ("hazard-ratio", [0.4, 0.8], False),
    ],
)
def test_a_curve_at_its_values_is_that_of_runs(
    over: str, values: list[float], is_nested: bool
) -> None:
    scenario = made(events(25))
    found = simulate.power_curve(scenario, values[::-1], over=over, trials=1_500)
    assert found.is_nested is is_nested
    assert [row[over.replace("-", "_")] for row in found.rows] == values
    for row, value in zip(found.rows, values, strict=True):
        alone = simulate.run(found.lever.at(value))
        assert (row["power"], row["mcse"], row["n_trials"]) == alone.power()
        month = alone.estimate("look_time_mean", "pfs")
        assert row["look_time_mean"] == pytest.approx(month.value, rel=1e-12)
        missing = alone.estimate("target_not_reached", "pfs", "final")
        assert row["target_not_reached"] == missing.value


def test_events_that_are_never_reached_are_told() -> None:
    found = simulate.power_curve(made(events(25)), [15, 36], over="events", trials=1_500)
    shares = [row["target_not_reached"] for row in found.rows]
    assert shares[0] == 0.0
    assert shares[1] > 0.5


def test_more_patients_are_another_trial() -> None:
    scenario = made(events(25))
    found = simulate.power_curve(scenario, [15, 30], over="events", scale=True, trials=500)
    assert not found.is_nested
    assert found.lever.at(30.0).accrual.patients == 48


def test_several_looks_are_run_value_by_value() -> None:
    data = study_tables(**TWO_LOOKS)
    del data["study"]
    scenario = scenario_from_dict(data)
    found = simulate.power_curve(scenario, [30, 36], over="events", hypothesis="pfs", trials=500)
    assert not found.is_nested
    alone = simulate.run(found.lever.at(30.0))
    assert found.rows[0]["power"] == alone.power("pfs").value


def test_several_truths_have_the_errors_of_a_run() -> None:
    uncertain = {**exponential(8.0), "uncertainty": {"sd_log_time": 0.3}}
    arms = {"new": {"pfs": exponential(16.0)}, "old": {"pfs": uncertain}}
    data = study_tables(arms=arms, simulation={"trials": 800, "seed": 3, "members": 20})
    del data["study"]
    found = simulate.power_curve(scenario_from_dict(data), [20, 30], over="events")
    alone = simulate.run(found.lever.at(20.0)).power()
    assert found.powers[0].mcse == pytest.approx(alone.mcse, rel=1e-12)
    assert found.powers[0].mcse > found.points[0].power.mcse


@pytest.mark.parametrize("over", ["events", "patients"])
def test_workers_change_nothing(over: str) -> None:
    scenario = made(events(25))
    found = [
        simulate.size(scenario, 0.35, over=over, precision=0.02, workers=workers).to_json()
        for workers in (1, 2)
    ]
    assert found[0] == found[1]
    assert found[0]["value"] is not None


def test_every_point_has_trials_of_its_own() -> None:
    lever = lever_of(made(events(25)), "events")
    source = _Trials(lever, 1, None)
    first, second = source({20.0: 700, 30.0: 300}), source({20.0: 500})
    for value, block, counts in (
        (20.0, Block(0, 700), first[20.0]),
        (30.0, Block(700, 1_000), first[30.0]),
        (20.0, Block(1_000, 1_500), second[20.0]),
    ):
        scenario = lever.at(value)
        alone = simulate_block(pack(scenario), scenario.simulation.seed, block)
        assert counts == KeepRejections(scenario, "pfs").keep(block, alone)


def test_a_size_is_its_curve_and_can_be_run() -> None:
    scenario = made(events(25), simulation={"trials": 100, "seed": 3})
    told: list[str] = []
    done: list[int] = []
    found = simulate.size(
        scenario, 0.35, over="events", precision=0.05, tell=told.append, progress=done.append
    )
    assert isinstance(found.value, int)
    assert found.n_trials == sum(row["n_trials"] for row in found.curve) == sum(done)
    assert told
    assert found.scenario == found.lever.at(found.value)
    power = simulate.run(found.scenario, trials=20_000, seed=9).power()
    assert abs(power.value - 0.35) < 0.06
    other = simulate.size(scenario, 0.35, over="events", precision=0.05, seed=4)
    assert other.curve != found.curve
    assert list(found.to_pandas().columns) == list(found.curve[0])


def test_sizes_by_events_need_no_patients() -> None:
    lever = lever_of(made(events(25)), "events")
    found = closed_power(lever, 15.0)
    assert found is not None
    assert found.value == pytest.approx(float(schoenfeld_power(15, 0.5, 2.0)[-1]), rel=1e-9)
    # 40 patients never have so many.
    assert closed_power(lever, 60.0) is None
    size = closed_size(lever, 0.9)
    assert size == formula_size(lever, 0.9)
    assert size is not None
    assert size.value == np.ceil((2.0 * (2.0 + 1.2815515655446004) / np.log(2.0)) ** 2)


@pytest.mark.parametrize(("n", "comes"), [(15, True), (25, False)])
def test_hazard_ratios_of_a_closed_form(n: int, comes: bool) -> None:
    """So strong an effect leaves too few events."""
    lever = lever_of(made(events(n)), "hazard-ratio")
    found = formula_size(lever, 0.8)
    assert found is not None
    expected = np.exp(-2.0 * (2.0 + 0.8416212335729143) / np.sqrt(n))
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert closed_size(lever, 0.8) == (found if comes else None)


def test_sizes_over_patients_are_those_whose_events_come() -> None:
    """By the formula one patient would do: the number of events stays."""
    lever = lever_of(made(events(25)), "patients", scaled=False)
    power = float(schoenfeld_power(25, 0.5, 2.0)[-1]) - 0.01
    by_formula, told = formula_size(lever, power), closed_size(lever, power)
    assert by_formula is not None
    assert told is not None
    assert by_formula.value == lever.widest[0]
    assert closed_power(lever, told.value) is not None
    assert closed_power(lever, told.value - 1.0) is None
    assert closed_size(lever, power + 0.02) is None


UNSURE = {**ARMS, "old": {"pfs": uncertain(exponential(8.0), sd_log_time=0.1), **DROPOUT}}


@pytest.mark.parametrize(
    ("scenario", "over", "values"),
    [
        (made(events(25)), "events", [5, 25, 30, 32, 34, 36, 40]),
        (made(events(25)), "patients", [26, 28, 30, 32, 36, 40, 90]),
        (made(events(25)), "hazard-ratio", [0.05, 0.2, 0.5, 1.0]),
        (made({"calendar_months": 12.0}), "follow-up", [6.0, 30.0]),
        (made({"latest_of": [events(25), {"calendar_months": 14.0}]}), "events", [10, 36]),
        (made(events(25), arms=UNSURE), "events", [25]),
    ],
    ids=["events", "patients", "hazard-ratio", "calendar", "latest", "truths"],
)
def test_a_curve_has_a_closed_form_where_a_run_has_one(
    scenario: Scenario, over: str, values: list[float]
) -> None:
    lever = lever_of(scenario, over, scaled=False)
    for value in values:
        found = closed_power(lever, value)
        result = simulate.run(lever.at(value), trials=50, workers=1)
        beside = [
            twin.twin
            for twin in result.twins
            if (twin.analysis, twin.measure) == ("overall", "rejection_probability")
        ]
        assert beside == ([] if found is None else [found.value])


@pytest.mark.parametrize(
    ("method", "name"), [("z_pooled", "farrington_manning"), ("z_unpooled", "unpooled")]
)
def test_closed_forms_of_rates(method: str, name: ProportionMethod) -> None:
    data = two_rates(1)
    data["hypotheses"]["cr"]["test"]["method"] = method
    data["randomisation"] = {"ratio": {"new": 2, "old": 1}, "block_size": 6}
    found = closed_power(lever_of(scenario_from_dict(data), "patients"), 240.0)
    expected = two_proportions_test(0.3, 0.5, 2.0, 0.0, name).power(240.0, 0.025)
    assert found is not None
    assert found.value == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"hypotheses": {"pfs": hypothesis("new", "old", "final", kind="rmst", tau_months=6.0)}},
        {"analyses": {"final": {"trigger": events(20, arms=["new"])}}},
    ],
)
def test_no_closed_form_of_other_tests_and_other_counts(changes: Table) -> None:
    data = study_tables(**changes)
    del data["study"]
    for chosen in data["hypotheses"].values():
        if chosen["test"]["kind"] == "rmst":
            del chosen["test"]["stratified"]
    lever = lever_of(scenario_from_dict(data), "events")
    assert closed_power(lever, 15.0) is None or data["hypotheses"]["pfs"]["test"]["kind"] != "rmst"
    trigger = data["analyses"]["final"]["trigger"]
    if "arms" in trigger:
        own = closed_power(lever, 15.0)
        assert own is None or own.value != float(schoenfeld_power(15, 0.5, 2.0)[-1])


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"power": 0.02}, "power: must be above alpha, 0.0227501, and below 1 (given: 0.02)"),
    ({"power": 1.0}, "power: must be above alpha, 0.0227501, and below 1 (given: 1)"),
    ({"low": 30, "high": 20}, "range: must end above where it begins (given: from 30 to 20)"),
    ({"low": 10.5}, "from: must be a whole number (given: 10.5)"),
    ({"high": 41}, "to: must be from 1 to 40, over events (given: 41)"),
    ({"precision": 0.0}, "precision: must be above 0 and below 1 (given: 0)"),
    ({"max_trials": 9_999}, "max_trials: must be a whole number from 10,000 to"),
    ({"workers": 0}, "workers: must be a whole number of at least 1 (given: 0)"),
    ({"seed": -1}, "simulation.seed: must be a whole number from 0"),
    ({"overrides": ["accrual.patients=50"]}, "overrides: are for scenario files only"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_a_search_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        simulate.size(made(events(25)), **{"power": 0.8, "over": "events", **options})
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "values: must be 1 to 64 (given: 0)"),
        (range(1, 66), "values: must be 1 to 64 (given: 65)"),
        ([10, 10.0], "values: must differ from each other (given: 10)"),
        ([10.5], "values: must be whole numbers (given: 10.5)"),
        ([0], "values: must be from 1 to 40, over events (given: 0)"),
        ([float("nan")], "values: must be"),
    ],
)
def test_what_a_curve_refuses(values: Any, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        simulate.power_curve(made(events(25)), values, over="events")
    assert message in str(caught.value)
