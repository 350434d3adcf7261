"""Every shipped scenario loads, runs, and agrees with its closed forms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simulate

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.toml"))
FILES = [*SCENARIOS, *sorted((ROOT / "benchmarks").glob("*.toml"))]


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_runs_and_agrees_with_closed_forms(path: Path) -> None:
    result = simulate.run(path, trials=20_000, workers=1)
    assert result.twins
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
    assert len(tables) >= 5
    assert not [where for where, table in tables if "status" not in table or "source" not in table]


def assumptions(data: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tables that carry an assumption about patients."""
    for name, arm in data["arms"].items():
        yield f"arms.{name}.pfs", arm["pfs"]
        if "dropout" in arm:
            yield f"arms.{name}.dropout", arm["dropout"]
    for name, factor in data.get("strata", {}).items():
        yield f"strata.{name}", factor
    yield "accrual", data["accrual"]


def test_the_base_case_is_the_one_that_was_planned() -> None:
    scenario = simulate.load_scenario(ROOT / "scenarios" / "belzutifan-vs-sunitinib.toml")
    result = simulate.run(scenario, trials=100_000)
    power = result.power("pfs")
    # Four equal cells, stratified: 0.779 in an independent simulation of as many trials.
    assert abs(power.value - 0.779) < 4 * 2**0.5 * power.mcse
    assert scenario.accrual.patients == 160


def test_the_null_differs_from_the_base_case_in_the_hazard_ratio_alone() -> None:
    base, null = (
        simulate.load_scenario(ROOT / "scenarios" / name).model_dump()
        for name in ("belzutifan-vs-sunitinib.toml", "belzutifan-vs-sunitinib-null.toml")
    )
    assert null["arms"]["belzutifan"]["pfs"]["hazard_ratio"] == 1.0
    for data in (base, null):
        del data["arms"]["belzutifan"]["pfs"], data["title"], data["purpose"]
    assert base == null
