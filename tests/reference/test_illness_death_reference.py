"""The illness-death process with constant hazards against TrialSimulator's million patients."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulate.design import illness_death
from simulate.design.multistate import WeibullHazards, occupancy

CASE: dict[str, Any] = json.loads(
    Path(__file__).with_name("illness_death_cases.json").read_text(encoding="utf-8")
)["illness_death_idm"]
RATES: dict[str, float] = CASE["params"]
VALUES: dict[str, Any] = CASE["values"]
# Standard error of the correlation of a million such patients, from 100 samples of them.
SE_CORRELATION = 8e-4


def standard_errors(probability: Any) -> Any:
    """Of a share of the reference's patients."""
    return np.sqrt(np.asarray(probability) * (1.0 - np.asarray(probability)) / VALUES["n"])


def test_closed_forms() -> None:
    h01, h02, h12 = (RATES[name] for name in ("h01", "h02", "h12"))
    for name, curve in (
        ("S_pfs", illness_death.pfs_survival(VALUES["times"], h01, h02)),
        ("S_os", illness_death.os_survival(VALUES["times"], h01, h02, h12)),
    ):
        assert np.all(np.abs(curve - VALUES[name]) < 4.0 * standard_errors(curve)), name
    equal = illness_death.probability_equal(h01, h02)
    assert abs(equal - VALUES["P_equal"]) < 4.0 * standard_errors(equal)
    correlation = illness_death.correlation(h01, h02, h12)
    assert correlation == pytest.approx(VALUES["pearson"], abs=4.0 * SE_CORRELATION)


def test_occupancy_and_its_medians() -> None:
    found = occupancy(
        {
            name: WeibullHazards(np.ones(1), np.array([12.0 * RATES[rate]]))
            for name, rate in (
                ("stable_to_progression", "h01"),
                ("stable_to_death", "h02"),
                ("progression_to_death", "h12"),
            )
        }
    )
    for name, curve in (("S_pfs", found.pfs), ("S_os", found.os)):
        values = found.at(curve, VALUES["times"])[0]
        assert np.all(np.abs(values - VALUES[name]) < 4.0 * standard_errors(values)), name
    for name, curve in (("median_pfs", found.pfs), ("median_os", found.os)):
        median = found.quantile(curve)[0]
        density = -np.diff(found.at(curve, [median - 0.5, median + 0.5])[0])[0]
        error = 0.5 / math.sqrt(VALUES["n"]) / density
        assert abs(median - VALUES[name]) < 4.0 * error, name
