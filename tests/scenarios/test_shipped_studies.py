"""Every shipped study runs, and says what it is there to say."""

from __future__ import annotations

from pathlib import Path

import pytest

import simulate
from simulate.scenario.load import load_scenario
from simulate.studies.grid import load_grid
from simulate.studies.result import Study

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scenarios").glob("*.toml"))
STUDIES = {file.stem: file for file in FILES if load_scenario(file).study is not None}
BASE = ROOT / "scenarios" / "belzutifan-vs-sunitinib.toml"


def found_of(name: str, trials: int) -> Study:
    return simulate.study(STUDIES[name], trials=trials, workers=1)


def test_there_are_studies() -> None:
    assert len(STUDIES) >= 5


@pytest.mark.parametrize("name", STUDIES)
def test_axes_have_status_and_source(name: str) -> None:
    study = load_scenario(STUDIES[name]).study
    assert study is not None
    for axis in study.axes.values():
        assert axis.status is not None
        assert axis.source is not None
        assert axis.label is not None


@pytest.mark.parametrize(
    "name", ["belzutifan-vs-sunitinib-control-accrual", "belzutifan-vs-sunitinib-hazard-ratios"]
)
def test_studies_of_the_base_case_are_of_the_base_case(name: str) -> None:
    base, study = (load_scenario(file).model_dump() for file in (BASE, STUDIES[name]))
    for data in (base, study):
        del data["title"], data["purpose"], data["simulation"], data["study"]
    assert base == study


def test_a_median_that_stays_moves_the_power_and_accrual_the_month() -> None:
    found = found_of("belzutifan-vs-sunitinib-control-accrual", 2_000)
    powers = [found.cell(control_median=m, accrual=4).power() for m in (8.9, 14.1)]
    # 0.99 and 0.57 in the feasibility study.
    assert powers[0].value == pytest.approx(0.985, abs=0.015)
    assert powers[1].value == pytest.approx(0.565, abs=4 * powers[1].mcse)
    slow, fast = (found.cell(control_median=12, accrual=a) for a in (2, 5))
    assert abs(slow.power().value - fast.power().value) < 0.04
    months = [cell.estimate("look_time_mean", "pfs").value for cell in (slow, fast)]
    assert months[0] - months[1] > 25
    assert not [twin for cell in found.cells for twin in cell.twins if twin.flagged]


def test_power_falls_with_the_ratio_to_a_type_i_error() -> None:
    found = found_of("belzutifan-vs-sunitinib-hazard-ratios", 2_000)
    powers = [cell.power().value for cell in found.cells]
    assert powers == sorted(powers, reverse=True)
    assert [cell.cell.null_holds["pfs"] for cell in found.cells] == [False] * 9 + [True]
    assert powers[-1] == pytest.approx(0.0254, abs=0.015)
    assert not [twin for cell in found.cells for twin in cell.twins if twin.flagged]


def test_a_discount_costs_more_than_a_slow_accrual() -> None:
    found = found_of("belzutifan-vs-investigators-choice", 1_000)
    assert len(found.cells) == 9
    full, discounted = (found.cell(discount=d, accrual=5).power().value for d in (1.0, 0.74))
    assert full - discounted > 0.5
    # The control is a mixture: there is no single hazard ratio, and no closed form.
    assert all(cell.twin("rejection_probability", "pfs") is None for cell in found.cells)


def test_the_stress_case_is_infeasible_within_60_months() -> None:
    found = found_of("belzutifan-vs-radioligand", 1_000)
    late = {
        cell.cell.name: cell.estimate("not_decided_by_horizon", "pfs").value for cell in found.cells
    }
    assert min(late.values()) > 0.7
    assert [share for name, share in late.items() if "accrual=5,events=132" not in name] == (
        pytest.approx([1.0] * 5, abs=0.01)
    )


def test_outside_controls_inflate_the_type_i_error_and_randomised_ones_do_not() -> None:
    found = found_of("phase-2-outside-controls", 2_000)
    outside = [cell.power("outside") for cell in found.cells]
    randomised = [cell.power("randomised") for cell in found.cells]
    for cell in found.cells:
        assert set(cell.cell.null_holds.values()) == {True}
    assert outside[0].value < 0.10
    assert min(outside[1].value, outside[2].value) > 0.95
    assert max(share.value for share in randomised) < 0.10


@pytest.mark.parametrize("name", STUDIES)
def test_pages_and_files_agree_on_cells(name: str) -> None:
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    assert f"scenarios/{name}.toml" in page
    assert f"| {len(load_grid(STUDIES[name]).cells)} |" in next(
        line for line in page.splitlines() if f"{name}.toml" in line and line.startswith("|")
    )
