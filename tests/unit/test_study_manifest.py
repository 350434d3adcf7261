"""The manifest of a study folder gives back the grid that it was made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulate.api import planned_grid
from simulate.studies.grid import Grid
from simulate.studies.manifest import new_study_manifest, read_study_manifest
from simulate.studies.patches import difference, patched

ROOT = Path(__file__).parents[2]
STUDIES = [
    file
    for file in sorted((ROOT / "scenarios").glob("*.toml"))
    if "\n[study" in file.read_text(encoding="utf-8")
]
values = st.one_of(st.integers(0, 2), st.booleans(), st.sampled_from([1.0, 2.0, "a", ""]))
trees = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.one_of(values, st.lists(values, max_size=2)),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=8,
    ),
)


def order(grid: Grid) -> list[Any]:
    """Names in order, which equality leaves aside."""
    return [
        [list(part) for part in (s.arms, s.analyses, s.hypotheses, s.strata or {})]
        for s in (cell.scenario for cell in grid.cells)
    ]


@given(trees, trees)
def test_a_patch_makes_the_other_tree(one: dict[str, Any], other: dict[str, Any]) -> None:
    before = repr((one, other))
    patch = difference(one, other)
    made = patched(one, patch)
    assert made == other
    # 1, 1.0 and true are equal, and not the same.
    assert sorted(repr(made)) == sorted(repr(other))
    assert (not patch) == (
        repr(sorted(one)) == repr(sorted(other)) and difference(other, one) == {}
    )
    assert repr((one, other)) == before


def test_a_patch_holds_only_what_differs() -> None:
    base = {"a": {"b": 1, "c": [1, 2]}, "d": 1, "e": {"f": 2}}
    changed = {"a": {"b": 1, "c": [1, 3]}, "e": {"f": 2}, "g": {}}
    assert difference(base, changed) == {"a": {"c": [1, 3]}, "d": None, "g": {}}


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_shipped_studies_come_back(file: Path) -> None:
    grid = planned_grid(file, trials=777, seed=5)
    manifest = new_study_manifest(grid, "rows")
    data = manifest.to_bytes()
    read = read_study_manifest(data)
    assert read == manifest
    assert read.to_bytes() == data
    again = read.to_grid()
    assert again == grid
    assert order(again) == order(grid)
    assert [list(cell.settings) for cell in again.cells] == [
        list(cell.settings) for cell in grid.cells
    ]


def test_ensembles_are_stored_with_the_study(tmp_path: Path) -> None:
    """The files that arms name may be gone."""
    calibrated = ROOT / "scenarios" / "belzutifan-vs-sunitinib-calibrated.toml"
    grid = planned_grid(
        calibrated,
        ["study.axes.discount.discount_of='belzutifan'", "study.axes.discount.values=[1.0, 0.8]"],
        trials=100,
    )
    read = read_study_manifest(new_study_manifest(grid, "rows").to_bytes())
    # Once: cells hold no more than what they have otherwise.
    assert all("members" not in repr(cell.scenario) for cell in read.cells)
    again = read.to_grid()
    assert again == grid
    assert grid.cells[1].scenario != grid.cells[0].scenario
