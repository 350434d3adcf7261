"""Kaplan-Meier curves and medians of published data sets against R's survival package."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference.datasets import read

from simulate.results.kaplan_meier import KaplanMeier, kaplan_meier, n_at_risk

CASES = json.loads(Path(__file__).with_name("kaplan_meier_cases.json").read_text(encoding="utf-8"))[
    "cases"
]
CURVES = [case for case in CASES if "times" in case["values"]]
MEDIANS = [case for case in CASES if "times" not in case["values"]]


def curve_of(case: dict[str, Any], arm: int) -> tuple[np.ndarray[Any, Any], KaplanMeier]:
    """Follow-up times of one arm, and its curve."""
    data = read(Path(case["data"]).stem)
    here = data.arm == arm
    return data.time[here], kaplan_meier(data.time[here], data.event[here] == 1)


@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize("case", CURVES, ids=lambda case: case["name"])
def test_curves_and_numbers_at_risk(case: dict[str, Any], arm: int) -> None:
    times = np.array(case["values"]["times"], dtype=float)
    expected = case["values"][f"arm{arm}"]
    follow_up, curve = curve_of(case, arm)
    np.testing.assert_allclose(curve.survival_at(times), expected["surv"], rtol=1e-12)
    assert n_at_risk(follow_up, times).tolist() == expected["at_risk"]


@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize("case", MEDIANS, ids=lambda case: case["name"])
def test_medians(case: dict[str, Any], arm: int) -> None:
    expected = case["values"][f"arm{arm}"]["median"]
    assert curve_of(case, arm)[1].median_months == (math.inf if expected is None else expected)
