"""Events and their formulas against what they are derived from."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest

from simulate.design import (
    NormalTest,
    critical_hazard_ratio,
    detectable_hazard_ratio,
    power_at_events,
    required_events,
    rounded_up,
)
from simulate.errors import DesignError
from simulate.report.design_survival import events_answer

NORMAL = NormalDist()
METHODS = ["schoenfeld", "freedman", "hsieh_freedman"]


def test_freedmans_mean_is_that_of_risk_sets_in_the_ratio() -> None:
    """Each event is in the experimental arm with odds r HR; under the null hypothesis with r."""
    for ratio, hazard_ratio, events in ((1.0, 0.5, 70), (2.0, 0.6, 90), (0.5, 0.8, 300)):
        expected = ratio / (1.0 + ratio)
        happens = ratio * hazard_ratio / (1.0 + ratio * hazard_ratio)
        mean = events * (expected - happens)
        z = mean / math.sqrt(events * expected * (1.0 - expected))
        power = NORMAL.cdf(z - NORMAL.inv_cdf(0.975))
        found = power_at_events(events, hazard_ratio, 0.025, ratio, method="freedman")
        assert found == pytest.approx(power, abs=1e-12)


def test_schoenfelds_mean_is_the_log_hazard_ratio_over_its_error() -> None:
    for ratio, events in ((1.0, 100), (2.0, 90)):
        control = events / (1.0 + ratio)
        error = math.sqrt(1.0 / control + 1.0 / (events - control))
        z = (math.log(1.2) - math.log(0.7)) / error
        power = NORMAL.cdf(z - NORMAL.inv_cdf(0.99))
        found = power_at_events(events, 0.7, 0.01, ratio, null_hazard_ratio=1.2)
        assert found == pytest.approx(power, abs=1e-12)
        just = critical_hazard_ratio(events, 0.01, ratio, 1.2)
        assert math.log(1.2 / just) / error == pytest.approx(NORMAL.inv_cdf(0.99), rel=1e-12)


def test_the_base_case_needs_88_events() -> None:
    events = required_events(0.55, 0.8)
    assert math.ceil(events) == 88
    assert power_at_events(88, 0.55) == pytest.approx(0.8007, abs=5e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ratio", [0.5, 1.0, 3.0])
def test_three_directions_agree(method: str, ratio: float) -> None:
    rest = (0.02, ratio, 1.0, method)
    events = required_events(0.62, 0.87, *rest)  # type: ignore[arg-type]
    assert power_at_events(events, 0.62, *rest) == pytest.approx(0.87)  # type: ignore[arg-type]
    found = detectable_hazard_ratio(events, 0.87, *rest)  # type: ignore[arg-type]
    assert found == pytest.approx(0.62, rel=1e-11)


def test_detectable_hazard_ratio_under_another_null() -> None:
    events = required_events(0.9, 0.8, null_hazard_ratio=1.3)
    assert detectable_hazard_ratio(events, 0.8, null_hazard_ratio=1.3) == pytest.approx(0.9)


def test_rounding_up() -> None:
    assert rounded_up(87.84, 1.0) == 88
    assert rounded_up(88.0, 1.0) == 88
    assert rounded_up(88.0 * (1.0 + 1e-14), 1.0) == 88
    assert rounded_up(88.01, 1.0) == 90
    assert rounded_up(88.0, 2.0) == 90
    assert rounded_up(88.0, 0.5) == 90
    assert rounded_up(88.0, 1.5) == 90
    assert rounded_up(86.2, 2.0 / 3.0) == 90
    assert rounded_up(86.2, math.pi) == 87
    # A part of 1e-12 of many is no rounding.
    assert rounded_up(4202968808703844.5, math.pi) == 4202968808703845
    assert rounded_up(4e9 + 1e-3, math.pi) == 4e9 + 1
    assert rounded_up(4e9 + 5e-7, math.pi) == 4e9


@pytest.mark.parametrize("hazard_ratio", [0.55, 0.999, 0.999999, 0.9999999])
def test_rounded_up_is_never_below_exact(hazard_ratio: float) -> None:
    answer = events_answer(hazard_ratio, 0.9, None, 0.025, 1.0, 1.0, "schoenfeld")
    exact, whole = answer.figures[0].values
    assert exact is not None
    assert whole is not None
    assert exact <= whole < exact + 1.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((1.0, 0.8), "hazard_ratio: must be below that of the null hypothesis, 1"),
        ((math.inf, 0.8), "hazard_ratio: must be a finite number greater than 0"),
        ((0.5, 0.8, 0.5), "alpha: must be above 0 and below 0.5"),
        ((0.5, 0.02), "power: must be above alpha, 0.025, and below 1"),
        ((0.5, 1.0), "power: must be above alpha"),
        ((0.5, 0.8, 0.025, 0.0), "ratio: must be a finite number"),
        ((0.5, 0.8, 0.025, 1.0, 1.1, "freedman"), "null_hazard_ratio: must be 1 with freedman"),
        ((0.5, 0.8, 0.025, 1.0, 1.0, "exact"), "method: must be one of schoenfeld, freedman"),
    ],
)
def test_bad_events(given: tuple[float, ...], message: str) -> None:
    with pytest.raises(DesignError, match=message):
        required_events(*given)  # type: ignore[arg-type]


def test_a_hazard_ratio_out_of_reach() -> None:
    # By Freedman's formula even a hazard ratio of 0 gives d events a mean of sqrt(d) at most.
    with pytest.raises(DesignError, match="events: must be more: no hazard ratio"):
        detectable_hazard_ratio(6, 0.9, method="freedman")
    assert detectable_hazard_ratio(6, 0.9) < 0.1
    with pytest.raises(DesignError, match="events: must be a finite number greater than 0"):
        power_at_events(0, 0.5)


def test_a_test_against_the_experimental_arm_has_no_size() -> None:
    with pytest.raises(DesignError, match="power: cannot be reached"):
        NormalTest(0.0, 1.0, 1.0).n_for(0.8, 0.025)
    with pytest.raises(DesignError, match="power: must be greater"):
        NormalTest(0.1, 1.0, 9.0).n_for(0.03, 0.025)
