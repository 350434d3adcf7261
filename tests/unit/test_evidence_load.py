"""Evidence files: what they hold, what may be left out, and what they are not."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

import simulate
from simulate.calibration.evidence import Evidence, evidence_hash, evidence_schema
from simulate.calibration.figures import Median, Proportion, ShareEventFree, rounding
from simulate.calibration.load import evidence_from_dict, load_evidence
from simulate.calibration.priors import Transition
from simulate.errors import ScenarioError

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios" / "evidence").glob("*.toml"))
LITESPARK = ROOT / "scenarios" / "evidence" / "litespark-015.toml"
SOURCED = {"status": "inferred", "source": "Chosen."}


def data() -> dict[str, Any]:
    return tomllib.loads(LITESPARK.read_text(encoding="utf-8"))


def problems(tables: Any) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        evidence_from_dict(tables)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_shipped_files_load_and_name_the_schema(path: Path) -> None:
    evidence = simulate.load_evidence(path)
    assert evidence.used
    assert evidence.model.free
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "#:schema ../../docs/evidence-schema-v1.json"


def test_the_published_trial_is_as_published() -> None:
    evidence = load_evidence(LITESPARK)
    assert evidence.trial.patients == 72
    figures = evidence.figures
    response = figures["response"]
    assert isinstance(response, Proportion)
    assert (response.percent, response.interval_percent) == (26, (17, 38))
    pfs = figures["pfs_median"]
    assert isinstance(pfs, Median)
    assert (pfs.months, pfs.interval_months) == (22.3, (13.8, "not_reached"))
    duration = figures["duration_median"]
    assert isinstance(duration, Median)
    assert (duration.months, duration.interval_months) == (20.4, (8.3, "not_reached"))
    share = figures["duration_12"]
    assert isinstance(share, ShareEventFree)
    assert (share.method, share.method_status) == ("raw", "inferred")
    assert set(figures) - set(evidence.used) == {"antihypertensives"}
    assert {name: figure.status for name, figure in figures.items()} == dict.fromkeys(
        figures, "published"
    )
    inferred = (evidence.loss, evidence.not_evaluable, evidence.assessments)
    assert [table.status for table in inferred if table is not None] == ["inferred"] * 3


def test_priors_and_what_shares_them() -> None:
    model = load_evidence(LITESPARK).model
    assert {name: (median, sd) for name, median, sd in model.free} == {
        "stable_to_response.cumulative_12": (pytest.approx(12 * 0.03), 1.0),
        "stable_to_progression.cumulative_12": (0.35, 0.8),
        "stable_to_progression.shape": (1.0, 0.35),
        "stable_to_death.cumulative_12": (pytest.approx(12 * 0.003), 1.0),
        "response_to_progression.cumulative_12": (pytest.approx(12 * 0.03), 0.8),
        "progression_to_death.cumulative_12": (pytest.approx(12 * 0.03), 0.7),
    }
    assert set(model.held.values()) == {1.0}
    assert model.owner("response_to_death") == "stable_to_death"
    assert model.owner("progression_to_death") == "progression_to_death"


def test_a_number_in_the_place_of_a_prior_is_held() -> None:
    transition = Transition.model_validate(
        SOURCED | {"cumulative_hazard_at_12_months": 0.4, "shape": {"median": 0.8, "sd_log": 0.3}}
    )
    names = dict(transition.parameters)
    assert names["cumulative_12"] == 0.4
    assert names["shape"] == transition.shape
    rate = Transition.model_validate(SOURCED | {"rate_per_month": 0.02})
    assert dict(rate.parameters) == {"cumulative_12": pytest.approx(0.24), "shape": 1.0}


def test_follow_up_gives_the_accrual_that_makes_it() -> None:
    follow_up = load_evidence(LITESPARK).follow_up
    (start, first), (change, second) = follow_up.accrual_steps(72)
    assert start == 0.0
    assert change == pytest.approx(7.4)
    assert first == pytest.approx(36 / 7.4)
    assert second == pytest.approx(36 / 6.9)
    # All enter before the shortest follow-up begins.
    assert first * change + second * (37.6 - 23.3 - change) == pytest.approx(72)
    tables = data()
    del tables["follow_up"]["median_months"]
    even = evidence_from_dict(tables).follow_up
    ((start, rate),) = even.accrual_steps(72)
    assert start == 0.0
    assert rate == pytest.approx(72 / 14.3)
    assert even.quantiles[1][0] == pytest.approx(30.45)


def test_what_a_file_may_leave_out() -> None:
    tables = data()
    for key in ("loss", "not_evaluable", "calibration"):
        del tables[key]
    evidence = evidence_from_dict(tables)
    assert (evidence.loss_rate, evidence.n_not_evaluable) == (0.0, 0)
    assert evidence.calibration.seed == 1
    assert [(r.draws, r.replicates) for r in evidence.calibration.importance] == [
        (800, 120),
        (1500, 150),
        (3000, 200),
    ]


def test_resolved_evidence_is_its_own_file() -> None:
    evidence = load_evidence(LITESPARK)
    assert evidence_from_dict(evidence.model_dump()) == evidence
    assert evidence_from_dict(json.loads(evidence.model_dump_json())) == evidence


def test_overrides_are_named_in_messages() -> None:
    assert load_evidence(LITESPARK, ["not_evaluable.patients=5"]).n_not_evaluable == 5
    with pytest.raises(ScenarioError, match=r"^--set .*: trial\.patients: must be at"):
        load_evidence(LITESPARK, ["trial.patients=1"])


def test_whole_numbers_stay_whole_and_give_the_rounding() -> None:
    assert rounding(26) == 0.5
    assert rounding(26.0) == pytest.approx(0.05)
    assert rounding(13.81) == pytest.approx(0.005)
    assert rounding(30, decimals=2) == pytest.approx(0.005)
    # A float is printed with an exponent where it is small.
    assert rounding(0.00001) == pytest.approx(0.000005)


def test_hash_is_of_what_is_said_and_not_how() -> None:
    tables = data()
    before = evidence_hash(evidence_from_dict(tables))
    tables["figures"]["response"] |= {"label": "ORR", "source": "Elsewhere."}
    tables["trial"]["status"] = "inferred"
    assert evidence_hash(evidence_from_dict(tables)) == before
    changes: list[tuple[str, str, Any]] = [
        ("figures", "response", {"use": False, "denominator": None}),
        ("not_evaluable", "patients", 2),
        ("calibration", "seed", 16),
    ]
    hashes = {before}
    for table, key, value in changes:
        changed = copy.deepcopy(data())
        if isinstance(value, dict):
            changed[table][key] |= value
            # The share of the responders needs their number.
            changed["figures"]["duration_12"]["denominator"] = 19
        else:
            changed[table][key] = value
        hashes.add(evidence_hash(evidence_from_dict(changed)))
    assert len(hashes) == 4


def test_a_scenario_is_no_evidence_and_evidence_no_scenario() -> None:
    scenario = ROOT / "scenarios" / "placebo-2to1.toml"
    with pytest.raises(ScenarioError, match="must be published evidence: this is a scenario"):
        load_evidence(scenario)
    with pytest.raises(ScenarioError, match="must be a scenario: this is published evidence"):
        simulate.load_scenario(LITESPARK)
    with pytest.raises(ScenarioError, match="is a folder, not an evidence file"):
        load_evidence(LITESPARK.parent)


def test_data_that_is_no_evidence() -> None:
    assert problems(3) == ["must be a mapping of tables (given: 3)"]
    assert "schema_version: required key is missing" in problems({})[0]


# The schema


def test_json_schema_file_is_current() -> None:
    text = (ROOT / "docs" / "evidence-schema-v1.json").read_text(encoding="utf-8")
    assert text == json.dumps(evidence_schema(), indent=2) + "\n"


def test_json_schema_describes_every_key_and_no_null() -> None:
    schema = evidence_schema()
    assert '"null"' not in json.dumps(schema)
    definitions = schema["$defs"]
    for table in (schema, *definitions.values()):
        for name, key in table["properties"].items():
            told = key if "description" in key else definitions[key["$ref"].split("/")[-1]]
            assert told["description"], f"{table['title']}.{name}"


def test_json_schema_asks_for_what_the_loader_asks_for() -> None:
    schema = evidence_schema()
    required = {name for name, f in Evidence.model_fields.items() if f.is_required()}
    assert set(schema["required"]) == required
    assert {"status", "source"} <= set(schema["$defs"]["Median"]["required"])
    assert schema["$defs"]["Transition"]["oneOf"] == [
        {"required": [key]}
        for key in ("rate_per_month", "cumulative_hazard_at_12_months", "same_as")
    ]
