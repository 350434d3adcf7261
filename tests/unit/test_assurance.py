"""Assurance beside plug-ins: which runs are made, what the table says, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from twins.feature_scenarios import Table, events, exponential, hypothesis, relative, uncertain

import simulate
from simulate.api.assurance import calibrated, calibrations_of, n_runs, with_discount
from simulate.errors import ScenarioError
from simulate.report.assurance import assurance_csv, print_assurance
from simulate.results.settings import settings_that_differ
from simulate.scenario.hashes import data_hash
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import event_hazards, n_members, transition_hazards

MEMBERS = {
    "stable_to_progression": {"shape": [1.0, 0.8, 0.7], "cumulative_12": [0.3, 0.4, 0.6]},
}
PLUG_IN = {
    "published": {
        "label": "published median",
        "arms": {"new": {"pfs": exponential(22.3)}},
        "source": "A paper.",
    }
}


def scenario_of(**tables: Any) -> Scenario:
    data: Table = {
        "schema_version": 1,
        "title": "assurance",
        "purpose": "To test.",
        "arms": {"new": {"states": {"members": MEMBERS}}, "old": {"pfs": exponential(12.0)}},
        "accrual": {"patients": 80, "arrivals": "evenly_spaced", "rate_per_month": 6.0},
        "analyses": {"final": {"trigger": events(50)}},
        "hypotheses": {"pfs": hypothesis("new", "old", "final")},
        "plug_in": PLUG_IN,
        "simulation": {"trials": 120, "seed": 5},
    }
    return scenario_from_dict(data | tables)


UNCERTAIN_CONTROL = {
    "new": {"pfs": exponential(20.0)},
    "old": {"pfs": uncertain(exponential(12.0), sd_log_time=0.2)},
}


# Rows


def test_rows_are_those_of_runs_of_their_own() -> None:
    scenario = scenario_of()
    found = simulate.assurance(scenario, (1.0, 0.74), workers=1)
    assert found.calibrations == {"published": "published median", "uncertain": "ensemble"}
    assert found.discounted == ("new",)
    assert [(r.calibration, r.discount) for r in found.rows] == [
        ("published", 1.0),
        ("published", 0.74),
        ("uncertain", 1.0),
        ("uncertain", 0.74),
    ]
    arms = {"new": {"pfs": exponential(22.3), "discount": 0.74}, "old": {"pfs": exponential(12.0)}}
    alone = simulate.run(scenario_of(arms=arms, plug_in=None), workers=1)
    row = found.row("published", 0.74)
    assert (row.estimate, row.mcse) == alone.power()[:2]
    assert row.hazard_ratio == alone.estimate("hazard_ratio", "pfs", "final").value
    assert (row.between_se, row.within_se) == (0.0, row.mcse)
    assert math.isnan(row.power_median)
    states = {"states": {"members": MEMBERS, "discount": 0.74}}
    alone = simulate.run(scenario_of(arms={"new": states, "old": arms["old"]}), workers=1)
    row = found.row("uncertain", 0.74)
    assert (row.estimate, row.mcse) == alone.power()[:2]
    assert row.between_se == alone.estimate("assurance_between_se", "pfs").value
    assert row.power_p05 == alone.estimate("conditional_power_p05", "pfs").value
    with pytest.raises(KeyError, match="discounts"):
        found.row("published", 0.5)


def test_rows_of_several_hypotheses_stand_by_hypothesis() -> None:
    both = {
        "pfs": hypothesis("new", "old", "final"),
        "other": hypothesis("new", "old", "final", estimate="none"),
    }
    found = simulate.assurance(scenario_of(hypotheses=both), workers=1)
    assert [row.hypothesis for row in found.rows] == ["pfs", "pfs", "other", "other"]
    assert math.isnan(found.row("published", 1.0, "other").hazard_ratio)


def test_without_discounts_the_scenarios_own_is_the_column() -> None:
    arms = {
        "new": {"states": {"members": MEMBERS, "discount": 0.85}},
        "old": {"pfs": exponential(12.0)},
    }
    found = simulate.assurance(scenario_of(arms=arms), workers=1)
    assert found.discounts == (0.85,)
    (published,) = event_hazards(
        with_discount(calibrated(found.scenario, "published"), ("new",), 0.85)
    )["new"]
    assert float(published.quantile(0.5)) == pytest.approx(22.3 * 0.85)


def test_a_discount_divides_the_ratio_of_a_relative_arm_and_the_hazards_of_states() -> None:
    arms = {"new": {"pfs": relative("old", 0.5)}, "old": UNCERTAIN_CONTROL["old"]}
    scenario = scenario_of(arms=arms, plug_in=None)
    hazards = event_hazards(with_discount(scenario, ("new",), 0.8))
    assert hazards["new"][0].rate(3.0) / hazards["old"][0].rate(3.0) == pytest.approx(0.5 / 0.8)
    states = {"stable_to_progression": exponential(10.0), "stable_to_response": exponential(9.0)}
    plug_in = {"own": {"arms": {"new": {"states": states}}}}
    found = with_discount(calibrated(scenario_of(plug_in=plug_in), "own"), ("new",), 0.5)
    for name, median in (("stable_to_progression", 5.0), ("stable_to_response", 9.0)):
        (hazard,) = transition_hazards(found, name)["new"]
        assert hazard is not None
        assert float(hazard.quantile(0.5)) == pytest.approx(median)


# Calibrations


def test_own_figures_are_a_plug_in_where_there_is_no_ensemble() -> None:
    scenario = scenario_of(arms=UNCERTAIN_CONTROL, plug_in=None)
    assert calibrations_of(scenario) == {"own_figures": "own figures", "uncertain": "uncertain"}
    assert n_runs(scenario, (1.0, 0.9, 0.8)) == 6
    certain = calibrated(scenario, "own_figures")
    assert n_members(certain) == 1
    plain = {"new": UNCERTAIN_CONTROL["new"], "old": {"pfs": exponential(12.0)}}
    assert data_hash(certain) == data_hash(scenario_of(arms=plain, plug_in=None))


def test_a_plug_in_replaces_what_happens_to_patients_and_nothing_else() -> None:
    arms = {
        "new": {
            "states": {"members": MEMBERS},
            "label": "New",
            "dropout": {"distribution": "exponential", "rate_per_month": 0.02},
        },
        "old": UNCERTAIN_CONTROL["old"],
    }
    found = calibrated(scenario_of(arms=arms), "published")
    arm = found.arms["new"]
    assert (arm.label, arm.states) == ("New", None)
    assert arm.dropout is not None
    assert arm.pfs is not None
    assert n_members(found) == 1
    assert found.plug_in == {}


def test_plug_ins_are_in_no_hash_and_no_setting() -> None:
    scenarios = [scenario_of(), scenario_of(plug_in=None)]
    assert data_hash(scenarios[0]) == data_hash(scenarios[1])
    a, b = (s.model_dump(mode="json", exclude_none=True) for s in scenarios)
    assert settings_that_differ(a, b) == []


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discounts": (1.0, 0.0)}, "discounts: must be numbers above 0, at most 10"),
        ({"discounts": ()}, "discounts: must have at least one"),
        ({"discounts": (math.nan,)}, "discounts: must be numbers above 0"),
        ({"arms": ["none"]}, "arms: must be one of the scenario's: new, old"),
    ],
)
def test_discounts_and_arms_that_cannot_be_used_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        simulate.assurance(scenario_of(), **options)


def test_a_scenario_without_an_assurance_is_refused() -> None:
    plain = {"new": {"pfs": exponential(20.0)}, "old": {"pfs": exponential(12.0)}}
    with pytest.raises(ScenarioError, match="must have an ensemble in an arm's states"):
        simulate.assurance(scenario_of(arms=plain, plug_in=None))
    median = {"median": {"endpoint": "pfs", "arm": "new", "kind": "median"}}
    with pytest.raises(ScenarioError, match="needs at least one: assurance"):
        simulate.assurance(scenario_of(hypotheses=None, estimates=median))


def test_different_discounts_of_two_arms_must_be_replaced() -> None:
    arms = {
        "new": {"states": {"members": MEMBERS, "discount": 0.85}},
        "old": {"pfs": exponential(12.0)},
    }
    with pytest.raises(ScenarioError, match="new and old have different ones"):
        simulate.assurance(scenario_of(arms=arms), arms=["new", "old"])


# Reports


def test_what_is_printed_and_written_are_the_rows(tmp_path: Path) -> None:
    found = simulate.assurance(scenario_of(), (1.0, 0.74), workers=1)
    stream = io.StringIO()
    print_assurance(found, Console(file=stream, width=140, markup=False))
    text = stream.getvalue()
    for row in found.rows:
        assert f"{row.estimate:.4f} ({row.mcse:.4f})" in text
    for words in ("power, published median", "assurance, ensemble, 3 truths", "discount 0.74"):
        assert words in text
    rows = list(csv.DictReader(io.StringIO(assurance_csv(found), newline="")))
    assert [float(row["estimate"]) for row in rows] == [row.estimate for row in found.rows]
    assert rows[0]["power_median"] == ""
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [row["mcse"] for row in data["rows"]] == [row.mcse for row in found.rows]
    assert data["rows"][0]["power_median"] is None
    assert scenario_from_dict(data["scenario"]) == found.scenario
