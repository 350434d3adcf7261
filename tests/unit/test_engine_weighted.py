"""Weighted log-rank tests against exact fractions, patient by patient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twins.scanned import (
    Weighting,
    covariance_of,
    scanned,
    scratch,
    terms_of,
    weighted_test,
    weights_of,
)
from twins.slow_kaplan_meier import slow_survival
from twins.slow_logrank import Observed
from twins.slow_weighted import (
    WeightFunction,
    fleming_harrington,
    modest_by_month,
    modest_by_survival,
    slow_covariance,
    slow_terms,
    slow_weighted_logrank,
)

from simulate.engine.codes import (
    WEIGHTS_FLEMING_HARRINGTON,
    WEIGHTS_MODEST_BY_MONTH,
    WEIGHTS_MODEST_BY_SURVIVAL,
)
from simulate.engine.logrank import events_experimental, logrank
from simulate.engine.weighted import (
    weighted_logrank,
)

LOGRANK = Weighting(WEIGHTS_FLEMING_HARRINGTON, 0.0, 0.0)
EXPONENTS = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5), (0.0, 0.5), (1.0, 2.0)]
EXPONENTS += [(0.3, 0.0), (0.0, 0.7), (2.5, 1.0)]
WEIGHTINGS: list[tuple[Weighting, WeightFunction]] = [
    *(
        (Weighting(WEIGHTS_FLEMING_HARRINGTON, r, g), fleming_harrington(r, g))
        for r, g in EXPONENTS
    ),
    *((Weighting(WEIGHTS_MODEST_BY_MONTH, t), modest_by_month(t)) for t in (0.1, 1.25, 4.0, 100.0)),
    *(
        (Weighting(WEIGHTS_MODEST_BY_SURVIVAL, s), modest_by_survival(s))
        for s in (0.0, 0.5, 0.8, 1.0)
    ),
]
IDS = [" ".join(map(str, weighting)) for weighting, _ in WEIGHTINGS]
CASES = [(n, tied, k) for n in (2, 3, 9, 60) for tied in (False, True) for k in (1, 3)]


def sample(seed: int, n: int, tied: bool, n_strata: int = 1, share: float = 0.7) -> list[Observed]:
    """Random patients, of whom about a ``share`` have the event."""
    rng = np.random.default_rng([seed, n, tied, n_strata])
    times = rng.integers(1, 12, size=n) / 4.0 if tied else rng.exponential(5.0, size=n)
    return [
        Observed(float(time), bool(event), bool(arm), int(stratum))
        for time, event, arm, stratum in zip(
            times,
            rng.uniform(size=n) < share,
            rng.uniform(size=n) < 0.6,
            rng.integers(0, n_strata, size=n),
            strict=True,
        )
    ]


def agrees(
    observed: list[Observed], n_strata: int, weighting: Weighting, weight: WeightFunction
) -> None:
    score, information = weighted_test(scanned(observed, n_strata), weighting)
    slow_score, slow_information = slow_weighted_logrank(observed, weight)
    assert information == pytest.approx(slow_information, rel=1e-12, abs=1e-300)
    # A score without variance is a sum of zeros.
    assert score == pytest.approx(slow_score, rel=0.0, abs=1e-12 * math.sqrt(slow_information))


@pytest.mark.parametrize(("weighting", "weight"), WEIGHTINGS, ids=IDS)
@pytest.mark.parametrize(("n", "tied", "n_strata"), CASES)
def test_score_and_information(
    n: int, tied: bool, n_strata: int, weighting: Weighting, weight: WeightFunction
) -> None:
    for seed in range(3):
        agrees(sample(seed, n, tied, n_strata), n_strata, weighting, weight)


@pytest.mark.parametrize(("weighting", "weight"), WEIGHTINGS, ids=IDS)
@pytest.mark.parametrize("tied", [False, True])
def test_everybody_has_the_event(tied: bool, weighting: Weighting, weight: WeightFunction) -> None:
    agrees(sample(5, 40, tied, share=1.1), 1, weighting, weight)


@pytest.mark.parametrize(("weighting", "weight"), WEIGHTINGS, ids=IDS)
def test_an_arm_that_is_gone_and_an_empty_stratum(
    weighting: Weighting, weight: WeightFunction
) -> None:
    # No experimental patient after month 4; stratum 1 is empty and stratum 3 has no event.
    observed = [
        patient._replace(
            time=patient.time % 4.0 if patient.is_experimental else patient.time,
            stratum=2 * (i % 2),
        )
        for i, patient in enumerate(sample(6, 50, tied=False))
    ]
    observed += [Observed(2.0, False, True, 3), Observed(1.0, False, False, 3)]
    agrees(observed, 4, weighting, weight)


@pytest.mark.parametrize("weighting", [weighting for weighting, _ in WEIGHTINGS], ids=IDS)
def test_no_events(weighting: Weighting) -> None:
    sets = scanned(sample(7, 12, tied=False, n_strata=2, share=-1.0), 2)
    assert sets.n_sets == 0
    assert weighted_test(sets, weighting) == (0.0, 0.0)
    assert covariance_of(sets, weighting, LOGRANK) == 0.0


@pytest.mark.parametrize(("weighting", "weight"), WEIGHTINGS, ids=IDS)
@pytest.mark.parametrize("tied", [False, True])
def test_weights_one_by_one(tied: bool, weighting: Weighting, weight: WeightFunction) -> None:
    observed = sample(8, 80, tied, n_strata=2)
    found = weights_of(scanned(observed, 2), weighting)
    expected = [term.weight for term in slow_terms(observed, weight)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize(("weighting", "weight"), WEIGHTINGS, ids=IDS)
@pytest.mark.parametrize("tied", [False, True])
def test_covariance(tied: bool, weighting: Weighting, weight: WeightFunction) -> None:
    observed = sample(9, 60, tied, n_strata=2)
    sets = scanned(observed, 2)
    for other, other_weight in WEIGHTINGS[:5]:
        found = covariance_of(sets, weighting, other)
        assert found == pytest.approx(slow_covariance(observed, weight, other_weight), rel=1e-12)
    assert covariance_of(sets, weighting, weighting) == weighted_test(sets, weighting)[1]


def test_months_of_the_risk_sets() -> None:
    for tied in (False, True):
        observed = sample(10, 60, tied, n_strata=3)
        sets = scanned(observed, 3)
        expected = [
            month
            for s in range(3)
            for month in sorted({o.time for o in observed if o.is_event and o.stratum == s})
        ]
        # Small times lose what is below a tick.
        np.testing.assert_allclose(sets.months[: sets.n_sets], expected, rtol=1e-15, atol=1e-16)
        assert bool(sets.n_tied) == tied


def test_by_hand() -> None:
    # Four patients, events at 1 (control), 2 (experimental) and 4: S(t-) is 1, 3/4, 1/2.
    observed = [Observed(t, True, arm) for t, arm in ((1.0, False), (2.0, True))]
    observed += [Observed(3.0, False, True), Observed(4.0, True, False)]
    sets = scanned(observed)
    assert weights_of(sets, Weighting(WEIGHTS_FLEMING_HARRINGTON, 0.0, 1.0)).tolist() == [
        0.0,
        0.25,
        0.5,
    ]
    assert weights_of(sets, Weighting(WEIGHTS_FLEMING_HARRINGTON, 1.0, 0.0)).tolist() == [
        1.0,
        0.75,
        0.5,
    ]
    # S(2) is 1/2, and S just before 2 is 3/4.
    by_month = weights_of(sets, Weighting(WEIGHTS_MODEST_BY_MONTH, 2.0))
    assert by_month.tolist() == pytest.approx([1.0, 4.0 / 3.0, 2.0])
    before = weights_of(sets, Weighting(WEIGHTS_MODEST_BY_MONTH, 1.999))
    assert before.tolist() == pytest.approx([1.0, 4.0 / 3.0, 4.0 / 3.0])
    # At risk 2 of 4, 2 of 3, 0 of 1 experimental.
    score, information = weighted_test(sets, Weighting(WEIGHTS_FLEMING_HARRINGTON, 0.0, 1.0))
    assert score == pytest.approx(0.25 * (2.0 / 3.0 - 1.0))
    assert information == pytest.approx(0.25**2 * 2.0 / 9.0)


def test_zero_to_the_power_of_zero_is_one_and_of_anything_else_zero() -> None:
    sets = scanned(sample(11, 20, tied=False))
    assert weights_of(sets, Weighting(WEIGHTS_FLEMING_HARRINGTON, 0.4, 0.0))[0] == 1.0
    for gamma in (1e-3, 0.5, 0.7, 1.0, 3.0):
        assert weights_of(sets, Weighting(WEIGHTS_FLEMING_HARRINGTON, 0.0, gamma))[0] == 0.0


patients = st.lists(
    st.builds(
        Observed,
        st.integers(1, 30).map(lambda k: k / 4.0),
        st.booleans(),
        st.booleans(),
        st.integers(0, 2),
    ),
    min_size=2,
    max_size=40,
)
weightings = st.sampled_from([weighting for weighting, _ in WEIGHTINGS])


@given(observed=patients)
@settings(deadline=None, max_examples=100)
def test_weights_of_one_are_the_logrank_test(observed: list[Observed]) -> None:
    sets = scanned(observed, 3)
    n = sets.n_sets
    expected, variance = logrank(
        sets.risk_sets, n, sets.n_tied, 1.0, scratch(n + 1), scratch(n + 1)
    )
    events = sum(events_experimental(int(counts)) for counts in sets.risk_sets.counts[:n])
    score, information = weighted_test(sets, LOGRANK)
    assert information == variance
    assert score == pytest.approx(expected - events, rel=0.0, abs=1e-15 * max(1, len(observed)))


@given(observed=patients, weighting=weightings)
@settings(deadline=None, max_examples=100)
def test_exchanging_the_arms_changes_the_sign(
    observed: list[Observed], weighting: Weighting
) -> None:
    back = [o._replace(is_experimental=not o.is_experimental) for o in observed]
    score, information = weighted_test(scanned(observed, 3), weighting)
    score_back, information_back = weighted_test(scanned(back, 3), weighting)
    assert information_back == pytest.approx(information, rel=1e-12, abs=1e-15)
    assert score_back == pytest.approx(-score, rel=0.0, abs=1e-12 * max(1.0, information))


@given(observed=patients, weighting=weightings, order=st.permutations(range(3)))
@settings(deadline=None, max_examples=100)
def test_the_order_of_the_strata_does_not_matter(
    observed: list[Observed], weighting: Weighting, order: list[int]
) -> None:
    moved = [o._replace(stratum=order[o.stratum]) for o in observed]
    here = weighted_test(scanned(observed, 3), weighting)
    there = weighted_test(scanned(moved, 3), weighting)
    assert there == pytest.approx(here, rel=1e-12, abs=1e-12)


@given(observed=patients, factor=st.floats(0.01, 100.0), weighting=weightings)
@settings(deadline=None, max_examples=100)
def test_a_factor_of_the_weights_leaves_z(
    observed: list[Observed], factor: float, weighting: Weighting
) -> None:
    sets = scanned(observed, 3)
    assume(weighted_test(sets, weighting)[1] > 0.0)
    difference, variance = terms_of(sets)
    w = weights_of(sets, weighting)
    score, information = weighted_test(sets, weighting)
    scaled = weighted_logrank(w * factor, difference, variance, sets.n_sets, scratch(sets.n_sets))
    scale = 1e-12 * math.sqrt(information) * factor
    assert scaled[0] == pytest.approx(score * factor, rel=0.0, abs=scale)
    assert scaled[1] == pytest.approx(information * factor**2, rel=1e-12)


@given(observed=patients, months=st.floats(0.1, 9.0))
@settings(deadline=None, max_examples=50)
def test_the_two_modest_weightings_agree_where_their_lowest_survival_does(
    observed: list[Observed], months: float
) -> None:
    alone = [o._replace(stratum=0) for o in observed]
    sets = scanned(alone)
    lowest = float(slow_survival([(o.time, o.is_event) for o in alone], months))
    np.testing.assert_allclose(
        weights_of(sets, Weighting(WEIGHTS_MODEST_BY_MONTH, months)),
        weights_of(sets, Weighting(WEIGHTS_MODEST_BY_SURVIVAL, lowest)),
        rtol=1e-13,
    )
