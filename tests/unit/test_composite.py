"""Frailty, cured fractions and mixtures against their closed forms, and what follows from them."""

from __future__ import annotations

import hashlib
import itertools
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, stats
from twins.feature_scenarios import (
    Table,
    delayed,
    events,
    exponential,
    feature_scenario,
    hypothesis,
    piecewise,
    relative,
)

from simulate.design.follow_up import probability_by
from simulate.engine import elementary
from simulate.engine.compile import in_python
from simulate.results.closed_forms import expected_looks
from simulate.scenario.comparisons import constant_log_hazard_ratio
from simulate.scenario.composite import Composite, marginal_hazard_ratios
from simulate.scenario.hazards import Hazard
from simulate.scenario.marginal_effects import marginal_effects
from simulate.scenario.models import Scenario
from simulate.scenario.resolve import composite_in, dropout_hazards, endpoint_tables, event_hazards
from simulate.scenario.tabulation import ShapeError, marginal_hazard

FloatArray = NDArray[np.float64]
Function = Callable[[FloatArray], FloatArray]
TOLERANCE = 1e-7
RATE = 0.07
SHAPE = 1.3
SCALE = 9.0
STEPS = ((0.0, 0.1), (3.0, 0.0), (6.0, 0.25), (20.0, 0.04))
WEIBULL: Table = {"distribution": "weibull", "shape": SHAPE, "scale_months": SCALE}
RATED: Table = {"distribution": "exponential", "rate_per_month": RATE}
MIXTURE: Table = {
    "distribution": "mixture",
    "components": [
        RATED | {"weight": 0.25},
        WEIBULL | {"weight": 0.45},
        piecewise(*STEPS) | {"weight": 0.3},
    ],
}


def h_rated(t: FloatArray) -> FloatArray:
    return RATE * t


def h_weibull(t: FloatArray) -> FloatArray:
    return np.asarray(-stats.weibull_min(SHAPE, scale=SCALE).logsf(t))


def h_steps(t: FloatArray) -> FloatArray:
    total = np.zeros_like(t)
    for (start, rate), (end, _) in itertools.pairwise([*STEPS, (math.inf, 0.0)]):
        total += rate * np.clip(t - start, 0.0, end - start)
    return total


def survivors(cumulative: Function, variance: float = 0.0, cured: float = 0.0) -> Function:
    """Survival at a cumulative hazard: over gamma frailties, the Laplace transform of theirs."""

    def result(t: FloatArray) -> FloatArray:
        uncured = np.exp(-cumulative(t))
        if variance > 0.0:
            shape = 1.0 / variance
            uncured = (shape / (shape + cumulative(t))) ** shape
        return np.asarray(cured + (1.0 - cured) * uncured)

    return result


def mixed(ratio: float = 1.0, variance: float = 0.0, cured: float = 0.0) -> Function:
    """Survival of the mixture, every hazard multiplied by a ratio."""

    def result(t: FloatArray) -> FloatArray:
        parts = ((0.25, h_rated), (0.45, h_weibull), (0.3, h_steps))
        total = np.zeros_like(t)
        for weight, h in parts:
            total += weight * survivors(times(h, ratio), variance, cured)(t)
        return total

    return result


def times(cumulative: Function, ratio: float) -> Function:
    return lambda t: ratio * cumulative(t)


def arms(new: Table, old: Table, **tables: Any) -> Scenario:
    return feature_scenario("plain", arms={"new": {"pfs": new}, "old": {"pfs": old}}, **tables)


def resolved(pfs: Table, relative_to_it: Table | None = None) -> Hazard:
    """Hazard of a control arm, or of an arm relative to it."""
    hazards = event_hazards(arms(relative_to_it or relative("old", 0.5), pfs))
    return hazards["old" if relative_to_it is None else "new"][0]


def grid(hazard: Hazard) -> FloatArray:
    """Months from early to late, and several within every piece of a table."""
    starts = np.array(hazard.starts_months)
    inner = starts[:-1, None] + np.diff(starts)[:, None] * np.linspace(0.0, 1.0, 7)
    months = np.concatenate([np.geomspace(1e-9, 1e7, 4001), np.linspace(0.0, 80.0, 4001)])
    return np.unique(np.concatenate([months, inner.ravel()]))


def assert_survival(hazard: Hazard, survival: Function) -> None:
    months = grid(hazard)
    assert np.abs(hazard.survival(months) - survival(months)).max() < TOLERANCE


CASES: dict[str, tuple[Table, Function]] = {
    "frailty": (RATED | {"frailty_variance": 0.5}, survivors(h_rated, 0.5)),
    "frailty, Weibull": (WEIBULL | {"frailty_variance": 1.7}, survivors(h_weibull, 1.7)),
    "frailty, pieces": (piecewise(*STEPS) | {"frailty_variance": 0.9}, survivors(h_steps, 0.9)),
    "hardly any frailty": (RATED | {"frailty_variance": 1e-9}, survivors(h_rated)),
    "largest frailty": (RATED | {"frailty_variance": 10.0}, survivors(h_rated, 10.0)),
    "cured": (RATED | {"cured": 0.2}, survivors(h_rated, cured=0.2)),
    "cured, Weibull": (WEIBULL | {"cured": 0.01}, survivors(h_weibull, cured=0.01)),
    "cured, pieces": (piecewise(*STEPS) | {"cured": 0.6}, survivors(h_steps, cured=0.6)),
    "frailty, cured": (
        WEIBULL | {"cured": 0.3, "frailty_variance": 0.8},
        survivors(h_weibull, 0.8, 0.3),
    ),
    "mixture": (MIXTURE, mixed()),
    "mixture, cured": (MIXTURE | {"cured": 0.1}, mixed(cured=0.1)),
    "mixture, frailty": (MIXTURE | {"frailty_variance": 0.8}, mixed(variance=0.8)),
    "mixture, both": (
        MIXTURE | {"cured": 0.35, "frailty_variance": 0.8},
        mixed(variance=0.8, cured=0.35),
    ),
    "steep": (
        {"distribution": "weibull", "shape": 100.0, "scale_months": 9.0, "cured": 0.5},
        survivors(lambda t: (np.minimum(t, 90.0) / 9.0) ** 100.0, cured=0.5),
    ),
    "flat": (
        {"distribution": "weibull", "shape": 0.1, "scale_months": 9.0, "cured": 0.5},
        survivors(lambda t: (t / 9.0) ** 0.1, cured=0.5),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_survival_is_the_closed_form(name: str) -> None:
    table, survival = CASES[name]
    hazard = resolved(table)
    assert (hazard.shape, hazard.scale_months) == (1.0, 1.0)
    assert min(hazard.slopes) >= 0.0
    assert hazard.cumulative(0.0) == 0.0
    assert_survival(hazard, survival)


@pytest.mark.parametrize("name", CASES)
def test_quantile_inverts_survival(name: str) -> None:
    hazard = resolved(CASES[name][0])
    p = np.linspace(0.0, 0.995, 400)
    ever = 1.0 - CASES[name][0].get("cured", 0.0)
    below, above = p[p < ever - TOLERANCE], p[p > ever + TOLERANCE]
    months = hazard.quantile(below)
    np.testing.assert_allclose(1.0 - hazard.survival(months), below, rtol=0, atol=1e-12)
    assert np.all(np.isinf(hazard.quantile(above)))


# Of the flat one's patients some have the event after a thousand million months.
@pytest.mark.parametrize(
    "name", [name for name, (table, _) in CASES.items() if "cured" in table and name != "flat"]
)
def test_a_cured_hazard_ends_at_zero(name: str) -> None:
    table, survival = CASES[name]
    hazard = resolved(table)
    assert hazard.slopes[-1] == 0.0
    last = np.array([hazard.starts_months[-1]])
    assert survival(last)[0] - table["cured"] < 1e-9
    assert hazard.survival(1e15) == pytest.approx(table["cured"], abs=TOLERANCE)


@pytest.mark.parametrize("name", ["frailty", "mixture", "largest frailty"])
def test_the_uncured_all_have_the_event(name: str) -> None:
    hazard = resolved(CASES[name][0])
    assert hazard.slopes[-1] > 0.0
    assert math.isfinite(hazard.quantile(1.0 - 1e-15))


def test_a_pause_late_in_the_hazard_is_no_cure() -> None:
    paused = piecewise((0.0, 2.5), (10.0, 0.0), (90.0, 0.1))
    mixture: Table = {
        "distribution": "mixture",
        "components": [paused | {"weight": 0.5}, paused | {"weight": 0.5}],
    }
    hazard = resolved(mixture)
    assert hazard.slopes[-1] == pytest.approx(0.1)
    assert hazard.starts_months[-1] == 90.0


def test_nothing_but_zeros_is_the_plain_hazard() -> None:
    plain = resolved(WEIBULL)
    assert resolved(WEIBULL | {"cured": 0.0, "frailty_variance": 0.0}) == plain
    assert plain == Hazard(SHAPE, SCALE, (0.0,), (1.0,))


def test_the_median_is_that_of_the_uncured_at_frailty_1() -> None:
    month = np.array([8.0])
    cured = resolved(exponential(8.0) | {"cured": 0.3}).survival(month)
    assert cured[0] == pytest.approx(0.3 + 0.7 * 0.5, abs=TOLERANCE)
    frail = resolved(exponential(8.0) | {"frailty_variance": 2.0}).survival(month)
    assert frail[0] == pytest.approx((1.0 + 2.0 * math.log(2.0)) ** -0.5, abs=TOLERANCE)


def test_weights_need_sum_to_1_only_nearly() -> None:
    third = RATED | {"weight": 0.3333333333}
    mixture: Table = {"distribution": "mixture", "components": [third, third, third]}
    tables = endpoint_tables(arms(relative("old", 0.5), mixture), "pfs")
    assert math.fsum(composite_in(tables, "new", {}).weights) == pytest.approx(1.0, abs=1e-15)
    assert_survival(resolved(mixture), survivors(h_rated))


# Effects


def test_a_ratio_multiplies_the_conditional_hazard() -> None:
    old = WEIBULL | {"cured": 0.3, "frailty_variance": 0.8}
    expected = survivors(times(h_weibull, 0.4), 0.8, 0.3)
    assert_survival(resolved(old, relative("old", 0.4)), expected)


def test_a_ratio_multiplies_the_hazard_of_each_component() -> None:
    assert_survival(resolved(MIXTURE, relative("old", 0.4)), mixed(ratio=0.4))


def test_a_changing_ratio_multiplies_the_conditional_hazard() -> None:
    def changed(t: FloatArray) -> FloatArray:
        return RATE * (np.minimum(t, 4.0) + 0.5 * np.maximum(t - 4.0, 0.0))

    hazard = resolved(RATED | {"frailty_variance": 0.8}, delayed("old", (0.0, 1.0), (4.0, 0.5)))
    assert 4.0 in hazard.starts_months
    assert_survival(hazard, survivors(changed, 0.8))


@pytest.mark.parametrize(
    ("own", "cured", "variance"),
    [
        ({}, 0.3, 0.8),
        ({"cured": 0.5}, 0.5, 0.8),
        ({"cured": 0.0}, 0.0, 0.8),
        ({"frailty_variance": 0.2}, 0.3, 0.2),
        ({"cured": 0.1, "frailty_variance": 1.5}, 0.1, 1.5),
    ],
)
def test_an_effect_may_state_its_own_cure_and_frailty(
    own: Table, cured: float, variance: float
) -> None:
    old = RATED | {"cured": 0.3, "frailty_variance": 0.8}
    hazard = resolved(old, relative("old", 0.6) | own)
    assert_survival(hazard, survivors(times(h_rated, 0.6), variance, cured))


def test_an_entry_by_stratum_takes_nothing_from_the_table_it_replaces() -> None:
    high = RATED | {"stratum": {"risk": "high"}}
    old = WEIBULL | {"cured": 0.3, "by_stratum": {"high": high}}
    scenario = arms(relative("old", 0.5), old, strata={"risk": {"high": 0.4, "low": 0.6}})
    hazards = event_hazards(scenario)
    assert hazards["old"][0] == Hazard(1.0, 1.0, (0.0,), (RATE,))
    assert hazards["new"][0] == Hazard(1.0, 1.0, (0.0,), (0.5 * RATE,))
    assert hazards["old"][1].survival(1e6) == pytest.approx(0.3, abs=TOLERANCE)


def test_dropout_may_be_composite_and_end() -> None:
    dropout = piecewise((0.0, 0.02), (12.0, 0.0)) | {"frailty_variance": 0.5, "cured": 0.25}
    table = {"new": {"pfs": relative("old", 0.5), "dropout": dropout}, "old": {"pfs": RATED}}
    hazard = dropout_hazards(feature_scenario("plain", arms=table))["new"]
    assert hazard is not None
    assert hazard.starts_months[-1] == 12.0
    assert hazard.slopes[-1] == 0.0
    never = 0.25 + 0.75 * (1.0 + 0.5 * 0.24) ** -2.0
    assert hazard.survival(1e6) == pytest.approx(never, abs=TOLERANCE)


# Marginal hazard ratios

ALONE = Composite((1.0,), (Hazard(1.0, 1.0, (0.0,), (RATE,)),))
FRAIL = Composite(ALONE.weights, ALONE.hazards, frailty_variance=0.8)
CURED = Composite(ALONE.weights, ALONE.hazards, cured=0.2)
BLEND = Composite(
    (0.3, 0.7),
    (Hazard(SHAPE, SCALE, (0.0, 4.0), (1.0, 0.5)), Hazard(1.0, 1.0, (0.0,), (RATE,))),
    frailty_variance=0.4,
    cured=0.1,
)
MONTHS = np.array([0.01, 0.5, 3.0, 10.0, 30.0, 60.0])


def test_marginal_ratios_against_closed_forms() -> None:
    h = RATE * MONTHS
    frail = marginal_hazard_ratios(FRAIL.times(0.6), FRAIL, MONTHS)
    np.testing.assert_allclose(frail, 0.6 * (1.0 + 0.8 * h) / (1.0 + 0.8 * 0.6 * h), rtol=1e-13)
    cured = marginal_hazard_ratios(CURED.times(0.6), CURED, MONTHS)
    old, new = np.exp(-h), np.exp(-0.6 * h)
    expected = 0.6 * (new / (0.2 + 0.8 * new)) / (old / (0.2 + 0.8 * old))
    np.testing.assert_allclose(cured, expected, rtol=1e-13)
    plain = marginal_hazard_ratios(ALONE.times(0.6), ALONE, MONTHS)
    np.testing.assert_allclose(plain, 0.6, rtol=1e-15)


@pytest.mark.parametrize("composite", [FRAIL, CURED, BLEND])
def test_rate_is_the_derivative_of_survival(composite: Composite) -> None:
    step = 1e-5 * MONTHS
    cumulative = [-np.log(composite.survival(MONTHS + sign * step)) for sign in (-1.0, 1.0)]
    derivative = (cumulative[1] - cumulative[0]) / (2.0 * step)
    np.testing.assert_allclose(composite.rate(MONTHS), derivative, rtol=1e-6)


@pytest.mark.parametrize("composite", [FRAIL, CURED, BLEND])
def test_tables_give_the_ratio_to_a_hundredth(composite: Composite) -> None:
    new = composite.times(0.6)
    exact = marginal_hazard_ratios(new, composite, MONTHS)
    table = marginal_hazard_ratios(marginal_hazard(new), marginal_hazard(composite), MONTHS)
    np.testing.assert_allclose(table, exact, rtol=0.01)


def test_marginal_ratios_where_a_hazard_is_0() -> None:
    pausing = Hazard(1.0, 1.0, (0.0, 2.0), (0.0, 0.1))
    assert marginal_hazard_ratios(ALONE, pausing, [1.0, 3.0]).tolist() == [
        math.inf,
        pytest.approx(0.7),
    ]
    assert math.isnan(marginal_hazard_ratios(pausing, pausing, 1.0))
    with pytest.raises(ValueError, match="greater than 0"):
        marginal_hazard_ratios(ALONE, ALONE, [0.0, 1.0])


@pytest.mark.parametrize(
    "old",
    [
        exponential(8.0) | {"frailty_variance": 0.5},
        exponential(8.0) | {"cured": 0.2},
        MIXTURE,
    ],
)
def test_there_is_no_single_truth(old: Table) -> None:
    truths = [
        constant_log_hazard_ratio(
            arms(new, old, hypotheses={"test": hypothesis("new", "old", "final")}), "test"
        )
        for new in (relative("old", 0.6), relative("old", 1.0) | {"cured": 0.4})
    ]
    assert truths == [None, None]
    null = arms(relative("old", 1.0), old, hypotheses={"test": hypothesis("new", "old", "final")})
    assert constant_log_hazard_ratio(null, "test") == 0.0


def test_effects_are_told_with_their_marginal_ratios() -> None:
    old = exponential(8.0) | {
        "frailty_variance": 1.0,
        "by_stratum": {"high": exponential(4.0) | {"stratum": {"risk": "high"}}},
    }
    strata = {"risk": {"high": 0.4, "low": 0.4, "none": 0.2}}
    found = marginal_effects(arms(relative("old", 0.5), old, strata=strata))
    [(effect, cells)] = found.items()
    assert cells == ("risk=low", "risk=none")
    assert (effect.arm, effect.relative_to) == ("new", "old")
    assert effect.conditional == ((0.0, 0.5),)
    assert effect.shares == (1e-6, 0.25, 0.5, 0.75)
    # 1 + H = 1 / S, and the ratio is 0.5 (1 + H) / (1 + 0.5 H).
    expected = [0.5, 0.5 / (0.75 + 0.125), 2.0 / 3.0, 0.5 / (0.25 + 0.375)]
    assert effect.marginal == pytest.approx(expected, abs=1e-5)
    assert effect.months[1:] == pytest.approx(
        [8.0 / math.log(2.0) * odds for odds in (1.0 / 3.0, 1.0, 3.0)], rel=1e-5
    )


def test_effects_leave_out_what_is_never_reached() -> None:
    ratios = delayed("old", (0.0, 1.0), (3.0, 0.5)) | {"cured": 0.6}
    old = exponential(8.0) | {"cured": 0.3}
    [effect] = marginal_effects(arms(ratios, old))
    assert effect.shares == (1e-6, 0.25, 0.5)
    assert effect.cured == (0.6, 0.3)
    assert effect.conditional == ((0.0, 1.0), (3.0, 0.5))
    # The uncured of both arms have the same hazard at first, and are 4 of 7.
    assert effect.marginal[0] == pytest.approx(4.0 / 7.0, rel=1e-5)


def test_plain_effects_are_not_told() -> None:
    assert marginal_effects(arms(relative("old", 0.5), exponential(8.0))) == {}


# Closed forms that follow


@pytest.mark.parametrize("name", ["cured", "frailty", "mixture, both"])
def test_observed_events_with_a_composite_dropout(name: str) -> None:
    table, survival = CASES[name]
    event, dropout = resolved(table), marginal_hazard(CURED)
    p_event, p_dropout = probability_by(event, dropout, [5.0, 40.0, math.inf])
    censored = survivors(h_rated, cured=0.2)

    def free(t: float) -> float:
        return float(survival(np.array([t]))[0])

    for month, event_by, dropout_by in zip((5.0, 40.0), p_event, p_dropout, strict=False):
        # By parts: events by u are 1 - S(u) G(u) - dropouts by u.
        def density(t: float) -> float:
            return free(t) * 0.8 * RATE * math.exp(-RATE * t)

        kinks = [start for start, _ in STEPS[1:]]
        dropouts = integrate.quad(density, 0.0, month, points=kinks, limit=200, epsabs=1e-11)[0]
        assert dropout_by == pytest.approx(dropouts, abs=3e-7)
        both = free(month) * float(censored(np.array([month]))[0])
        assert event_by == pytest.approx(1.0 - both - dropouts, abs=3e-7)
    if "cured" in table:
        never = table["cured"] * 0.2
        assert p_event[2] + p_dropout[2] == pytest.approx(1.0 - never, abs=3e-7)


@pytest.mark.parametrize("events_wanted", [150, 170])
def test_expected_looks_know_that_the_cured_have_no_event(events_wanted: int) -> None:
    # Of 200, all but a fifth: 160 in the end.
    scenario = arms(
        relative("old", 0.6),
        exponential(8.0) | {"cured": 0.2},
        accrual={"patients": 200, "arrivals": "evenly_spaced", "rate_per_month": 10.0},
        analyses={"final": {"trigger": events(events_wanted)}},
        hypotheses={"test": hypothesis("new", "old", "final")},
    )
    [look] = expected_looks(scenario)
    if events_wanted < 160:
        assert sum(look.events.values()) == pytest.approx(events_wanted, abs=1e-6)
    else:
        assert look.month == math.inf
        assert sum(look.events.values()) == pytest.approx(160.0, abs=1e-5)


def test_the_heaviest_tails_do_not_stop_the_closed_forms() -> None:
    old = {"distribution": "weibull", "shape": 0.5, "median_months": 8.0, "frailty_variance": 10.0}
    scenario = arms(
        relative("old", 0.6),
        old,
        accrual={"patients": 200, "arrivals": "evenly_spaced", "rate_per_month": 10.0},
        analyses={"final": {"trigger": events(100)}},
        hypotheses={"test": hypothesis("new", "old", "final")},
    )
    assert sum(expected_looks(scenario)[0].events.values()) == pytest.approx(100.0, abs=1e-6)


# Bits


def engine_log(x: float) -> float:
    return float(in_python(elementary.log)(np.float64(x)))


def engine_exp(x: float) -> float:
    return float(in_python(elementary.exp)(np.float64(x)))


def test_only_the_functions_given_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    log, exp = math.log, math.exp
    expected = marginal_hazard(BLEND)

    def refuse(*_: float) -> float:
        raise AssertionError("a function that was not given")

    for name in ("log", "exp", "log1p", "expm1", "pow"):
        monkeypatch.setattr(math, name, refuse)
    marginal_hazard.cache_clear()
    assert marginal_hazard(BLEND, log, exp) == expected


def test_bits_of_a_table_stay() -> None:
    """With the engine's functions a table has the same bits on every machine.

    A change of this value changes the trials of stored runs; it needs a decision.
    """
    hazard = marginal_hazard(BLEND, engine_log, engine_exp)
    figures = [*hazard.starts_months, *hazard.slopes]
    digest = hashlib.sha256(struct.pack(f"<{len(figures)}d", *figures)).hexdigest()
    assert digest == "6e4e9dcc5190b21cd69fa600ffd3b36297605dfa33e19c440ae544ec9e8067c5"


def test_tables_do_not_depend_on_what_was_made_before() -> None:
    composites = [FRAIL, CURED, BLEND, BLEND.times(0.6)]
    first = [marginal_hazard(c, engine_log, engine_exp) for c in composites]
    marginal_hazard.cache_clear()
    again = [marginal_hazard(c, engine_log, engine_exp) for c in reversed(composites)]
    assert again[::-1] == first


# Bounds


@pytest.mark.parametrize("shape", [0.09, 101.0])
def test_extreme_shapes_are_refused(shape: float) -> None:
    extreme = Composite((1.0,), (Hazard(shape, 9.0, (0.0,), (1.0,)),), cured=0.1)
    with pytest.raises(ShapeError, match=r"from 0\.1 to 100"):
        marginal_hazard(extreme)


@pytest.mark.parametrize("rate", [1e-300, 1e300])
def test_extreme_rates_end_one_way_or_the_other(rate: float) -> None:
    extreme = Composite((1.0,), (Hazard(1.0, 1.0, (0.0,), (rate,)),), 0.5, 0.1)
    hazard = marginal_hazard(extreme)
    assert hazard.survival(1.0 / rate * 1e-6) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("rate", [1e4, 1e6, 1e8, 1e12, 1e100])
def test_a_late_hazard_as_good_as_infinite_takes_no_endless_table(rate: float) -> None:
    late = Composite((1.0,), (Hazard(1.0, 1.0, (0.0, 6.0), (0.1, rate)),), 0.5)
    hazard = marginal_hazard(late)
    assert len(hazard.slopes) < 50_000
    assert hazard.survival(6.0) == pytest.approx(1.3**-2.0, abs=TOLERANCE)
    # On the way down, as far as survival and months are right.
    for share in (0.1, 0.01):
        fallen = 6.0 + ((share**-0.5 - 1.0) / 0.5 - 0.6) / rate
        assert hazard.quantile(1.0 - share) == pytest.approx(fallen, abs=1e-10 + 1e-4 / rate)


def test_steep_components_over_long_times_stay_within_floating_point() -> None:
    steep = Hazard(100.0, 0.1, (0.0,), (1.0,))
    both = Composite((0.5, 0.5), (steep, Hazard(1.0, 1.0, (0.0,), (1e-3,))))
    months = np.array([0.2, 10.0, 1e3, 1e4])
    expected = 0.5 * np.exp(-1e-3 * months)
    np.testing.assert_allclose(
        marginal_hazard(both).survival(months), expected, rtol=0, atol=TOLERANCE
    )
    alone = Composite((1.0,), (steep,), frailty_variance=1e-6)
    assert marginal_hazard(alone).survival(0.2) == pytest.approx(0.0, abs=TOLERANCE)
    twice = Composite((0.5, 0.5), (steep, steep))
    assert marginal_hazard(twice).survival(0.2) == pytest.approx(0.0, abs=TOLERANCE)


def test_rounding_lets_no_cumulative_hazard_fall() -> None:
    signs = itertools.cycle((1.0, -1.0, -1.0))
    paused = Hazard(1.0, 1.0, (0.0, 5.0, 90.0), (0.02, 0.0, 0.1))
    composite = Composite((1.0,), (paused,), cured=0.5)
    table = marginal_hazard(composite, lambda x: math.log(x) + 1e-14 * next(signs))
    assert min(table.slopes) == 0.0
    assert table.survival(80.0) == pytest.approx(0.5 + 0.5 * math.exp(-0.1), abs=TOLERANCE)


def test_figures_beyond_floating_point_are_an_error() -> None:
    extreme = Composite((1.0,), (Hazard(1.0, 1.0, (0.0, 1.0), (0.1, math.inf)),), 0.5)
    with pytest.raises(OverflowError):
        marginal_hazard(extreme)


def test_tables_are_not_large() -> None:
    assert len(marginal_hazard(FRAIL).slopes) < 3_000
    assert len(marginal_hazard(CURED).slopes) < 3_000
    assert len(marginal_hazard(BLEND).slopes) < 5_000
