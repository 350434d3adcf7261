"""The size of a run folder that is told beforehand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import simulate
from simulate.api import expected_bytes, with_simulation
from simulate.api.inputs import Keep
from simulate.runner.execute import BLOCK_TRIALS

ROOT = Path(__file__).parents[2]
KEEPS: tuple[Keep, ...] = ("rows", "summary")
SHIPPED = sorted((ROOT / "scenarios").glob("*.toml"))
WORKLOADS = [ROOT / "benchmarks" / "w1.toml", ROOT / "benchmarks" / "w2.toml"]


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("file", [*SHIPPED, *WORKLOADS], ids=lambda file: file.stem)
def test_expected_size_is_right_within_a_factor_of_two(
    file: Path, keep: Keep, tmp_path: Path
) -> None:
    # Two blocks, one of them partial.
    scenario = with_simulation(simulate.load_scenario(file), BLOCK_TRIALS + 4_000, None)
    folder = tmp_path / "run"
    simulate.run(scenario, out=folder, keep=keep, workers=1)
    found = sum(part.stat().st_size for part in folder.iterdir())
    expected = expected_bytes(scenario, keep)
    # Sums of looks at a fixed month are smaller still: nobody lacks 100 kB.
    assert abs(math.log2(expected / found)) < 1.0 or found < expected < 100_000


def test_every_shipped_scenario_is_measured() -> None:
    assert len(SHIPPED) >= 3
