"""Occupancy of a multi-state model against closed forms, quadrature and published checks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from twins.slow_occupancy import slow_occupancy
from twins.slow_states import Weibull

from simulate.design import illness_death
from simulate.design.multistate import (
    Clock,
    Cumulative,
    Occupancy,
    WeibullHazards,
    occupancy,
)
from simulate.scenario.hazards import Hazard
from simulate.scenario.states import TRANSITIONS

# stable to response, progression, death; response to progression, death; progression to death
SHAPES = {
    "constant": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "falling": (0.6, 0.6, 0.7, 0.8, 0.6, 0.6),
    "rising": (1.4, 1.7, 1.2, 2.0, 1.0, 1.5),
    "mixed": (1.2, 0.6, 1.0, 1.8, 0.7, 1.0),
}
CUMULATIVE = (0.35, 0.5, 0.1, 0.6, 0.1, 0.5)
CLOCKS: dict[str, dict[str, Clock]] = {
    "reset": {},
    "forward": {
        "response_to_progression": "forward",
        "response_to_death": "forward",
        "progression_to_death": "forward",
    },
    "progression_forward": {"response_to_progression": "forward"},
    "death_forward": {"response_to_death": "forward", "progression_to_death": "forward"},
}


def one(shape: float, cumulative_12: float) -> WeibullHazards:
    return WeibullHazards(np.array([shape]), np.array([cumulative_12]))


def published_check() -> dict[str, Cumulative]:
    """The parameters of the numeric checks: rates a month, and a Weibull for progression."""
    rates = dict.fromkeys(("stable_to_death", "response_to_death"), 0.0054) | {
        "stable_to_response": 0.0238,
        "response_to_progression": 0.0315,
        "progression_to_death": 0.0273,
    }
    constant: dict[str, Cumulative] = {n: one(1.0, 12.0 * rate) for n, rate in rates.items()}
    return constant | {"stable_to_progression": one(0.6, 0.37844)}


def test_the_published_numeric_checks() -> None:
    found = occupancy(published_check(), horizon_months=48.0)
    pfs = found.at(found.pfs, [12.0, 18.0, 24.0, 36.0])[0]
    np.testing.assert_allclose(pfs, [0.6345, 0.5402, 0.4609, 0.3342], atol=2e-3)
    os = found.at(found.os, [12.0, 24.0, 36.0])[0]
    np.testing.assert_allclose(os, [0.8908, 0.7625, 0.6372], atol=2e-3)
    responded = found.at(found.responded, [12.0, 24.0])[0]
    np.testing.assert_allclose(responded, [0.1929, 0.2987], atol=2e-3)


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
def test_quadrature_agrees(shapes: tuple[float, ...], clocks: dict[str, Clock]) -> None:
    parameters = dict(zip(TRANSITIONS, zip(shapes, CUMULATIVE, strict=True), strict=True))
    found = occupancy(
        {name: one(*pair) for name, pair in parameters.items()}, clocks=clocks, horizon_months=24.0
    )
    slow = {n: Weibull(*pair, clocks.get(n, "reset")) for n, pair in parameters.items()}
    for month in (3.0, 24.0):
        expected = slow_occupancy(slow, month)
        got = [found.at(c, month)[0, 0] for c in (found.pfs, found.os, found.responded)]
        np.testing.assert_allclose(got, expected, atol=1e-4, rtol=0.0)


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
def test_halved_steps_agree_at_very_unequal_shapes(clocks: dict[str, Clock]) -> None:
    model = {
        name: one(shape, cumulative)
        for name, shape, cumulative in zip(
            TRANSITIONS, (0.3, 0.4, 0.5, 0.3, 0.5, 0.4), CUMULATIVE, strict=True
        )
    }
    coarse = occupancy(model, clocks=clocks, horizon_months=24.0)
    fine = occupancy(model, clocks=clocks, horizon_months=24.0, steps_per_month=64)
    months = np.arange(1.0, 25.0)
    for name in ("pfs", "os", "responded"):
        difference = coarse.at(getattr(coarse, name), months) - fine.at(getattr(fine, name), months)
        assert np.abs(difference).max() < 3e-4, name


@pytest.mark.parametrize("clocks", CLOCKS.values(), ids=CLOCKS)
def test_closed_forms_of_constant_hazards(clocks: dict[str, Clock]) -> None:
    h01, h02, h12 = 0.075, 0.024, 0.09
    # With the same hazards in response as in the stable state, response changes nothing.
    rates = (0.05, h01, h02, h01, h02, h12)
    model = {n: one(1.0, 12.0 * rate) for n, rate in zip(TRANSITIONS, rates, strict=True)}
    found = occupancy(model, clocks=clocks)
    pfs = illness_death.pfs_survival(found.months, h01, h02)
    os = illness_death.os_survival(found.months, h01, h02, h12)
    np.testing.assert_allclose(found.pfs[0], pfs, atol=1e-5)
    np.testing.assert_allclose(found.os[0], os, atol=1e-5)
    assert found.quantile(found.pfs)[0] == pytest.approx(math.log(2.0) / (h01 + h02), rel=1e-5)


@pytest.mark.parametrize("h12", [0.099, 0.099 * (1.0 + 1e-9), 0.2, 0.01, 0.0])
def test_closed_form_of_os_solves_its_equation(h12: float) -> None:
    h01, h02 = 0.075, 0.024
    months = np.array([1.0, 5.0, 30.0])
    step = 1e-4
    up, down = (illness_death.os_survival(months + s, h01, h02, h12) for s in (step, -step))
    pfs = illness_death.pfs_survival(months, h01, h02)
    progressed = illness_death.os_survival(months, h01, h02, h12) - pfs
    np.testing.assert_allclose((up - down) / (2.0 * step), -h02 * pfs - h12 * progressed, rtol=1e-6)
    assert illness_death.os_survival(0.0, h01, h02, h12) == 1.0


def test_members_are_each_their_own() -> None:
    rng = np.random.default_rng(1)
    drawn = {
        n: (np.exp(rng.normal(0, 0.3, 150)), np.exp(rng.normal(-1, 0.5, 150))) for n in TRANSITIONS
    }
    clocks: dict[str, Clock] = {"response_to_death": "forward"}
    together = occupancy(
        {n: WeibullHazards(*pair) for n, pair in drawn.items()}, clocks=clocks, horizon_months=36.0
    )
    assert together.os.shape == (150, 36 * 16 + 1)
    for member in (0, 63, 64, 149):
        alone = occupancy(
            {n: one(shape[member], c[member]) for n, (shape, c) in drawn.items()},
            clocks=clocks,
            horizon_months=36.0,
        )
        for name in ("stable", "response", "progressed", "responded"):
            got, expected = getattr(together, name)[member], getattr(alone, name)[0]
            np.testing.assert_allclose(got, expected, atol=1e-14)


def test_a_hazard_of_a_scenario_is_common_to_all_members() -> None:
    hazard = Hazard(1.0, 1.0, (0.0, 6.0), (0.1, 0.02))
    found = occupancy(
        {
            "stable_to_progression": hazard.cumulative,
            "stable_to_death": WeibullHazards(np.ones(3), np.array([0.0, 0.1, 0.2])),
        },
        horizon_months=12.0,
    )
    expected = hazard.survival(found.months) * np.exp(
        -np.array([0.0, 0.1, 0.2])[:, None] * found.months / 12.0
    )
    np.testing.assert_allclose(found.pfs, expected, atol=1e-12)
    assert np.all(found.responded == 0.0)


def test_quantiles_that_are_not_reached_are_infinite() -> None:
    curve = np.array([[1.0, 0.8, 0.5, 0.2], [1.0, 0.9, 0.8, 0.6], [1.0, 0.0, 0.0, 0.0]])
    none = np.zeros_like(curve)
    grid = Occupancy(np.arange(4.0), curve, none, none, none)
    np.testing.assert_allclose(grid.quantile(curve), [2.0, np.inf, 0.5])
    between = grid.quantile(curve, 0.4)[0]
    assert between == pytest.approx(2.0 + math.log(0.5 / 0.4) / math.log(0.5 / 0.2))
    np.testing.assert_allclose(grid.at(curve, [0.5, 3.0]), [[0.9, 0.2], [0.95, 0.6], [0.5, 0.0]])


def test_a_forward_hazard_of_any_length_does_not_overflow() -> None:
    model = {
        "stable_to_progression": one(1.0, 0.1),
        "progression_to_death": one(2.0, 50.0),
    }
    found = occupancy(model, clocks={"progression_to_death": "forward"})
    assert np.all(np.isfinite(found.os)) and np.all(found.progressed[0, 800:] < 1e-3)


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ValueError, match="stable_to_cured"):
        occupancy({"stable_to_cured": one(1.0, 0.1)})
    with pytest.raises(ValueError, match="clock"):
        occupancy({}, clocks={"clock": "reset"})
    two, three = (WeibullHazards(np.ones(n), np.ones(n)) for n in (2, 3))
    with pytest.raises(ValueError, match=r"equally many .*\[2, 3\]"):
        occupancy({"stable_to_death": two, "stable_to_progression": three})
    found = occupancy({"stable_to_death": two}, horizon_months=12.0)
    with pytest.raises(ValueError, match="0 to 12"):
        found.at(found.os, 13.0)
