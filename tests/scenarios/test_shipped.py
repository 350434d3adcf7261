"""Every shipped scenario loads, runs, and agrees with its closed forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulate
from simulate.calibration.evidence import evidence_hash
from simulate.scenario.endpoints import TIMES
from simulate.scenario.ensembles import read_ensemble
from simulate.scenario.resolve import has_states

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.toml"))
CORRELATIONS = ("progression_os", "progression_response", "os_response")
FILES = [*SCENARIOS, *sorted((ROOT / "benchmarks").glob("*.toml"))]


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_runs_and_agrees_with_closed_forms(path: Path) -> None:
    result = simulate.run(path, trials=20_000, workers=1)
    # Of patients who go through states, and of rates, there are no closed forms.
    endpoints = {hypothesis.endpoint for hypothesis in result.scenario.hypotheses.values()}
    are_times = bool(endpoints & set(TIMES))
    assert bool(result.twins) == (are_times and not has_states(result.scenario))
    assert not [twin for twin in result.twins if twin.flagged]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names_the_schema_for_editors(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "#:schema ../docs/scenario-schema-v1.json"
    assert (path.parent / first.split()[1]).resolve().is_file()


@pytest.mark.parametrize("path", SCENARIOS, ids=name_of)
def test_every_assumption_has_status_and_source(path: Path) -> None:
    scenario = simulate.load_scenario(path)
    tables = list(assumptions(scenario.model_dump(exclude_none=True)))
    # Of each arm two, at least, or a rate alone, and the accrual.
    fewest = sum(2 if arm.endpoints else 1 for arm in scenario.arms.values()) + 1
    assert len(tables) >= fewest
    assert not [where for where, table in tables if "status" not in table or "source" not in table]


def assumptions(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tables that carry an assumption about patients."""
    for name, arm in data["arms"].items():
        for endpoint in ("pfs", "os", "response", "states", "dropout"):
            if endpoint in arm:
                yield f"arms.{name}.{endpoint}", arm[endpoint]
        if "response" in arm:
            times = arm["response"]["time_to_response"]
            yield f"arms.{name}.response.time_to_response", times
        for binary, table in arm["binary"].items():
            yield f"arms.{name}.binary.{binary}", table
    if any(value for key, value in data["correlations"].items() if key in CORRELATIONS):
        yield "correlations", data["correlations"]
    for name, factor in data.get("strata", {}).items():
        yield f"strata.{name}", factor
    for path, scans in scans_of(data):
        yield path, scans
        if "investigator" in scans:
            yield f"{path}.investigator", scans["investigator"]
    yield "accrual", data["accrual"]


def scans_of(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tables of assessments, of all arms and of single ones."""
    for path, table in [("", data), *((f"arms.{n}.", arm) for n, arm in data["arms"].items())]:
        if "assessments" in table:
            yield f"{path}assessments", table["assessments"]


def test_the_base_case_is_the_one_that_was_planned() -> None:
    scenario = simulate.load_scenario(ROOT / "scenarios" / "belzutifan-vs-sunitinib.toml")
    result = simulate.run(scenario, trials=100_000)
    power = result.power("pfs")
    # Four equal cells, stratified: 0.779 in an independent simulation of as many trials.
    assert abs(power.value - 0.779) < 4 * 2**0.5 * power.mcse
    assert scenario.accrual.patients == 160


def test_ensembles_are_those_of_the_evidence_files() -> None:
    files = sorted((ROOT / "scenarios" / "evidence").glob("*.parquet"))
    assert files
    for file in files:
        found = read_ensemble(file)
        evidence = simulate.load_evidence(file.with_suffix(".toml"))
        assert found.provenance["evidence_sha256"] == evidence_hash(evidence)
        assert len(found) == evidence.calibration.members


def test_the_calibrated_base_case_has_the_assurance_of_the_feasibility_study() -> None:
    path = ROOT / "scenarios" / "belzutifan-vs-sunitinib-calibrated.toml"
    result = simulate.run(path, trials=20_000)
    found = result.power("pfs")
    # About 0.73 there, over another ensemble: two sets of a thousand members are a percent apart.
    assert found.value == pytest.approx(0.73, abs=0.03)
    assert 0.003 < found.mcse < 0.01


def test_the_null_differs_from_the_base_case_in_the_hazard_ratio_alone() -> None:
    base, null = (
        simulate.load_scenario(ROOT / "scenarios" / name).model_dump()
        for name in ("belzutifan-vs-sunitinib.toml", "belzutifan-vs-sunitinib-null.toml")
    )
    assert null["arms"]["belzutifan"]["pfs"]["hazard_ratio"] == 1.0
    for data in (base, null):
        del data["arms"]["belzutifan"]["pfs"], data["title"], data["purpose"]
    assert base == null


@pytest.mark.parametrize(
    ("name", "base", "added"),
    [
        (
            "belzutifan-vs-sunitinib-os-response.toml",
            "belzutifan-vs-sunitinib.toml",
            {"os", "response"},
        ),
        ("placebo-2to1-os.toml", "placebo-2to1.toml", {"os"}),
    ],
)
def test_further_endpoints_leave_the_trial_of_pfs_as_it_is(
    name: str, base: str, added: set[str]
) -> None:
    joint, plain = (simulate.load_scenario(ROOT / "scenarios" / file) for file in (name, base))
    for key in ("strata", "accrual", "randomisation"):
        assert getattr(joint, key) == getattr(plain, key)
    for arm in plain.arms:
        assert joint.arms[arm].pfs == plain.arms[arm].pfs
        assert joint.arms[arm].dropout == plain.arms[arm].dropout
        assert {e for e in added if getattr(joint.arms[arm], e) is not None} == added
    assert joint.analyses["final"].trigger == plain.analyses["final"].trigger
    powers = [simulate.run(scenario, trials=20_000).power("pfs") for scenario in (joint, plain)]
    # One seed shares entries, arms and dropout, but not PFS, which is the earlier of two times.
    errors = sum(power.mcse**2 for power in powers) ** 0.5
    assert abs(powers[0].value - powers[1].value) < 4 * errors


def test_a_biased_investigator_raises_the_type_i_error_of_an_open_label_trial() -> None:
    # As docs/endpoints.md has it; central review keeps its own.
    file = ROOT / "scenarios" / "belzutifan-open-label.toml"
    scenario = simulate.load_scenario(file, ["arms.belzutifan.pfs.hazard_ratio=1"])
    result = simulate.run(scenario, trials=20_000)
    central, called = result.power("pfs"), result.power("pfs_investigator")
    assert abs(central.value - 0.026) < 4 * central.mcse
    assert abs(called.value - 0.050) < 4 * called.mcse
    # What investigators err in is assumed, and must say so.
    tables = [arm.assessments or scenario.assessments for arm in scenario.arms.values()]
    found = [table.investigator for table in tables if table is not None]
    assert [table.status for table in found if table is not None] == ["inferred", "inferred"]


def test_response_is_as_late_and_as_long_as_its_source_says() -> None:
    file = ROOT / "scenarios" / "belzutifan-vs-sunitinib-os-response.toml"
    times, durations = [], []
    for cohort in simulate.cohorts(file, 2_000):
        responders = cohort.responded & (cohort.arm == cohort.arms.index("belzutifan"))
        times.append(cohort.response_time[responders])
        durations.append(cohort.duration_of_response[responders])
    duration = np.concatenate(durations)
    assert np.median(np.concatenate(times)) == pytest.approx(10.8, abs=0.15)
    assert np.median(duration) == pytest.approx(19.7, abs=0.4)
    assert np.mean(duration >= 12) == pytest.approx(0.61, abs=0.01)


def test_falling_hazard_favours_late_weights() -> None:
    file = ROOT / "scenarios" / "belzutifan-vs-sunitinib-non-proportional.toml"
    result = simulate.run(file, trials=20_000)
    # The hazards cross: early events speak against the arm that is better in the end.
    assert result.power("logrank").value < 0.6
    assert result.power("late").value > 0.8
    # The price of assuming no pattern: less power than the best of its components.
    assert result.power("logrank").value < result.power("maxcombo").value
    assert result.power("maxcombo").value < result.power("late").value
    assert result.power("restricted_mean").value < result.power("milestone").value
