"""The joint model of PFS and OS against exact cases, other algorithms and simulation."""

from __future__ import annotations

import math
from itertools import pairwise

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import integrate, special, stats

from simulate.design.joint_implied import implied, responders_times, response_time_cdf
from simulate.scenario.bivariate import bivariate_normal_cdf, gaussian_copula
from simulate.scenario.hazards import Hazard
from simulate.scenario.progression import (
    Infeasible,
    LatentProgression,
    feasible_correlations,
    latent_progression,
    round_mantissa,
)

FloatArray = NDArray[np.float64]
N = 200_000


def exponential(median: float) -> Hazard:
    return Hazard(1.0, 1.0, (0.0,), (math.log(2.0) / median,))


def weibull(shape: float, scale: float) -> Hazard:
    return Hazard(shape, scale, (0.0,), (1.0,))


OS_BASE = Hazard(1.0, 1.0, (0.0,), (-math.log(0.76) / 24.0,))
# PFS, OS, horizon.
PAIRS: dict[str, tuple[Hazard, Hazard, float]] = {
    "belzutifan": (exponential(22.3), OS_BASE, 120.0),
    "sunitinib": (exponential(12.0), OS_BASE, 120.0),
    "hazards that fall": (weibull(0.7, 15.0), weibull(0.7, 60.0), 90.0),
    "hazards that rise": (weibull(1.4, 15.0), weibull(1.4, 60.0), 90.0),
    "other shapes": (weibull(0.7, 20.0), weibull(1.4, 80.0), 40.0),
    "piecewise": (
        Hazard(1.0, 1.0, (0.0, 6.1, 18.0), (0.02, 0.08, 0.04)),
        Hazard(1.0, 1.0, (0.0, 12.0, 30.0), (0.005, 0.03, 0.01)),
        72.0,
    ),
}
RHOS = (0.0, 0.5, 0.9, -0.3)
CASES = [(pair, rho) for pair in PAIRS for rho in RHOS if (pair, rho) != ("other shapes", -0.3)]


def solved(pair: str, rho: float) -> LatentProgression:
    pfs, os, horizon = PAIRS[pair]
    table = latent_progression(pfs, os, rho, horizon)
    assert isinstance(table, LatentProgression)
    return table


def pfs_survival(pair: str, table: LatentProgression, months: FloatArray) -> FloatArray:
    """S_PFS of the tabulated model, by another formula than the solver's."""
    h = special.ndtri(table.hazard().survival(months))
    k = special.ndtri(PAIRS[pair][1].survival(months))
    root = math.sqrt(1.0 - table.rho**2)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    # Over TTP's normal score from 12 below to h.
    x = -12.0 + (h[:, None] + 12.0) * (nodes + 1.0) / 2.0
    density = stats.norm.pdf(x) * special.ndtr((k[:, None] - table.rho * x) / root)
    return np.asarray((density @ weights) * (h + 12.0) / 2.0)


@pytest.mark.parametrize("rho", [-0.999, -0.9, -0.3, 0.0, 0.2, 0.7, 0.95, 0.999])
def test_bivariate_normal_against_mpmath(rho: float) -> None:
    rng = np.random.default_rng(1)
    h, k = rng.uniform(-5.0, 5.0, (2, 12))
    h[:4], k[4:8] = [0.0, 1e-9, -1e-9, 0.3], [0.0, -1e-9, 1e-9, 0.3]
    k[0] = 0.0
    with mpmath.workdps(30):
        root = mpmath.sqrt(1 - mpmath.mpf(rho) ** 2)
        for x, y, value in zip(h, k, bivariate_normal_cdf(h, k, rho), strict=True):
            # Between the steps of the integrand, which are sharp when rho is near 1.
            step = y / rho if rho != 0.0 else 0.0
            points = sorted({-12.0, float(x)} | {step + w for w in (-0.5, 0.0, 0.5)})
            edges = [p for p in points if -12.0 <= p <= x]
            exact = mpmath.quad(
                lambda t, y=y: mpmath.npdf(t) * mpmath.ncdf((y - rho * t) / root), edges
            )
            assert abs(value - float(exact)) < 1e-13


def test_bivariate_normal_special_cases() -> None:
    rng = np.random.default_rng(2)
    u, v = rng.uniform(0.0, 1.0, (2, 500))
    assert np.allclose(gaussian_copula(u, v, 0.0), u * v, rtol=0.0, atol=1e-14)
    assert np.allclose(gaussian_copula(u, v, 1.0), np.minimum(u, v), rtol=0.0, atol=1e-14)
    lower = np.maximum(u + v - 1.0, 0.0)
    assert np.allclose(gaussian_copula(u, v, -1.0), lower, rtol=0.0, atol=1e-14)
    for rho in (-1.0, -0.7, 0.3, 1.0):
        arcsine = 0.25 + math.asin(rho) / (2.0 * math.pi)
        assert gaussian_copula(0.5, 0.5, rho) == pytest.approx(arcsine, abs=1e-15)
        assert np.allclose(gaussian_copula(u, 1.0, rho), u, rtol=0.0, atol=1e-14)
        assert np.all(gaussian_copula(u, 0.0, rho) < 1e-15)
        flipped = u - gaussian_copula(u, 1.0 - v, -rho)
        assert np.allclose(gaussian_copula(u, v, rho), flipped, rtol=0.0, atol=1e-13)
    with pytest.raises(ValueError, match="rho must be from -1 to 1"):
        bivariate_normal_cdf(0.0, 0.0, 1.1)


@pytest.mark.parametrize(("pair", "rho"), CASES)
def test_pfs_keeps_its_marginal_between_the_knots(pair: str, rho: float) -> None:
    pfs, _, horizon = PAIRS[pair]
    table = solved(pair, rho)
    assert table.months[0] == table.cumulative[0] == 0.0
    assert np.all(np.diff(table.months) > 0.0)
    assert np.all(np.diff(table.cumulative) >= 0.0)
    months = np.concatenate(
        [np.linspace(0.0, horizon, 2002)[1:], horizon * 10.0 ** np.linspace(-8.0, -1.0, 800)]
    )
    error = pfs_survival(pair, table, months) - pfs.survival(months)
    assert np.max(np.abs(error)) < 1e-6


def test_independent_exponentials_have_the_difference_of_their_hazards() -> None:
    pfs, os, horizon = PAIRS["sunitinib"]
    table = solved("sunitinib", 0.0)
    rate = pfs.slopes[0] - os.slopes[0]
    assert np.allclose(table.cumulative, rate * table.months, rtol=1e-10, atol=1e-12)
    # Beyond the table, too.
    assert table.hazard().cumulative(3.0 * horizon) == pytest.approx(3.0 * rate * horizon, rel=1e-8)


def test_the_table_ends_where_nobody_is_left() -> None:
    pfs, os, _ = PAIRS["sunitinib"]
    table = latent_progression(pfs, os, 0.5, 1e4)
    assert isinstance(table, LatentProgression)
    assert pfs.survival(table.months[-1]) == pytest.approx(1e-9, rel=1e-6)


def test_pfs_that_is_os_leaves_no_progression() -> None:
    for rho in (-0.5, 0.0, 0.9):
        table = latent_progression(OS_BASE, OS_BASE, rho, 60.0)
        assert isinstance(table, LatentProgression)
        assert np.all(table.cumulative == 0.0)
        assert implied(OS_BASE, OS_BASE, table).probability_equal == pytest.approx(1.0, abs=1e-12)


def test_tables_have_forty_bits_and_knots_where_hazards_change() -> None:
    table = solved("piecewise", 0.5)
    assert np.all(np.isin(round_mantissa(np.array([6.1, 12.0, 18.0, 30.0])), table.months))
    for values in (table.months, table.cumulative):
        scaled = np.ldexp(np.frexp(values)[0], 40)
        assert np.array_equal(scaled, np.rint(scaled))
    value = np.array([math.pi, 1e-300, 0.0, -2.0 / 3.0])
    assert np.allclose(round_mantissa(value), value, rtol=2.0**-40, atol=0.0)
    neighbours = value * (1.0 + 2.0**-52)
    assert np.array_equal(round_mantissa(neighbours), round_mantissa(value))
    assert round_mantissa(np.array([5.0 / 3.0]), 3)[0] == 1.75


@pytest.mark.parametrize(("pair", "rho"), CASES)
def test_simulated_patients_have_the_marginals_and_what_is_implied(pair: str, rho: float) -> None:
    pfs, os, horizon = PAIRS[pair]
    table = solved(pair, rho)
    rng = np.random.default_rng([20260103, CASES.index((pair, rho))])
    k, noise = rng.standard_normal((2, N))
    x = rho * k + math.sqrt(1.0 - rho**2) * noise
    death = os.quantile(special.ndtr(-k))
    progression = table.hazard().quantile(special.ndtr(-x))
    first = np.minimum(death, progression)

    critical = stats.kstwobign.isf(1e-3) / math.sqrt(N)
    for times, hazard in ((first, pfs), (death, os)):
        seen = np.sort(times)
        exact = 1.0 - hazard.survival(seen)
        # Beyond the horizon PFS is what follows from the last hazard of progression.
        seen_by = seen <= horizon
        steps = np.arange(N + 1) / N
        distance = np.maximum(exact - steps[:-1], steps[1:] - exact)[seen_by].max()
        assert distance < critical

    model = implied(pfs, os, table)
    p = model.probability_equal
    assert abs(np.mean(death < progression) - p) < 4.0 * math.sqrt(p * (1.0 - p) / N)
    a, b = (first - first.mean()) / first.std(), (death - death.mean()) / death.std()
    correlation = float(np.mean(a * b))
    # Of the correlation's influence function.
    spread = np.std(a * b - 0.5 * correlation * (a * a + b * b))
    assert abs(correlation - model.correlation) < 4.0 * spread / math.sqrt(N)
    for times, mean in ((first, model.mean_pfs), (death, model.mean_os)):
        assert abs(times.mean() - mean) < 4.0 * times.std() / math.sqrt(N)


@pytest.mark.parametrize("pair", ["belzutifan", "sunitinib"])
def test_implied_by_independent_exponentials(pair: str) -> None:
    # PFS, the earlier of two independent exponential times, has with one of them the correlation
    # and the probability of equality that are the ratio of the hazards.
    pfs, os, _ = PAIRS[pair]
    model = implied(pfs, os, solved(pair, 0.0))
    ratio = os.slopes[0] / pfs.slopes[0]
    assert model.probability_equal == pytest.approx(ratio, abs=1e-9)
    assert model.correlation == pytest.approx(ratio, abs=1e-8)
    assert model.mean_pfs == pytest.approx(1.0 / pfs.slopes[0], rel=1e-9)
    assert model.mean_os == pytest.approx(1.0 / os.slopes[0], rel=1e-9)


@pytest.mark.parametrize("rho", [-0.3, 0.5, 0.95])
def test_the_mean_of_pfs_is_that_of_its_marginal(rho: float) -> None:
    pfs, os = weibull(1.4, 15.0), weibull(1.4, 60.0)
    table = latent_progression(pfs, os, rho, 300.0)
    assert isinstance(table, LatentProgression)
    assert implied(pfs, os, table).mean_pfs == pytest.approx(
        15.0 * special.gamma(1.0 + 1.0 / 1.4), rel=1e-5
    )


@pytest.mark.parametrize("last_slope", [0.06, 0.0])
def test_immortal_patients_have_no_mean(last_slope: float) -> None:
    pfs = Hazard(1.0, 1.0, (0.0, 60.0), (0.06, last_slope))
    os = Hazard(1.0, 1.0, (0.0, 60.0), (0.01, 0.0))
    table = latent_progression(pfs, os, 0.0, 120.0)
    assert isinstance(table, LatentProgression)
    model = implied(pfs, os, table)
    assert math.isnan(model.correlation)
    # With independent times: the integral of 0.01 S_PFS up to month 60.
    rate = pfs.slopes[0]
    exact = 0.01 / rate * (1.0 - math.exp(-60.0 * rate))
    assert model.probability_equal == pytest.approx(exact, abs=1e-6)


def test_pfs_above_os_is_named_with_its_month() -> None:
    # -log S: (t / 15)**0.7 and (t / 30)**1.4 meet at month 60.
    result = latent_progression(weibull(0.7, 15.0), weibull(1.4, 30.0), 0.5, 100.0)
    assert isinstance(result, Infeasible)
    assert result.reason == "pfs_above_os"
    assert result.month == pytest.approx(60.0, abs=1e-3)
    assert result.survival_pfs > result.survival_os
    assert result.lowest_rho is None
    assert feasible_correlations(weibull(0.7, 15.0), weibull(1.4, 30.0), 100.0) is None
    # Up to an earlier horizon PFS stays below.
    assert feasible_correlations(weibull(0.7, 15.0), weibull(1.4, 30.0), 50.0) is not None


def test_pfs_above_os_from_the_start() -> None:
    result = latent_progression(weibull(1.4, 15.0), weibull(0.7, 100.0), 0.5, 100.0)
    assert isinstance(result, Infeasible)
    assert result.reason == "pfs_above_os"
    assert 0.0 < result.month < 1e-3


def test_progression_that_would_reverse_is_named_with_its_month() -> None:
    # No PFS event from month 12 to 24 while patients die: independent TTP would have to rise.
    pfs = Hazard(1.0, 1.0, (0.0, 12.0, 24.0), (0.05, 0.0, 0.05))
    os = Hazard(1.0, 1.0, (0.0,), (0.01,))
    result = latent_progression(pfs, os, 0.0, 36.0)
    assert isinstance(result, Infeasible)
    assert result.reason == "progression_reversed"
    assert result.month == pytest.approx(12.0, abs=1e-9)
    assert result.survival_pfs == pytest.approx(math.exp(-0.6), rel=1e-9)
    assert result.survival_os == pytest.approx(math.exp(-0.12), rel=1e-9)


def test_feasible_correlations_where_the_condition_is_explicit() -> None:
    pfs, os, horizon = PAIRS["other shapes"]
    interval = feasible_correlations(pfs, os, horizon)
    assert interval is not None
    lowest, highest = interval
    assert highest == 0.999
    below = latent_progression(pfs, os, lowest - 0.01, horizon)
    assert isinstance(below, Infeasible)
    assert below.lowest_rho == lowest
    at_lowest = latent_progression(pfs, os, lowest, horizon)
    assert isinstance(at_lowest, LatentProgression)
    # Held level where it would fall by less than matters.
    assert np.all(np.diff(at_lowest.cumulative) >= 0.0)
    months = np.linspace(0.0, horizon, 500)[1:]
    error = pfs_survival("other shapes", at_lowest, months) - pfs.survival(months)
    assert np.max(np.abs(error)) < 1e-6
    # At the horizon f_PFS = P(TTP > t | OS = t) f_OS, up to what the tolerance lets pass.
    step = 1e-5
    f_pfs, f_os = (
        float(hazard.survival(horizon - step) - hazard.survival(horizon)) / step
        for hazard in (pfs, os)
    )
    k = special.ndtri(os.survival(horizon))

    def surplus(rho: float) -> float:
        target = float(pfs.survival(horizon))
        low, high = -9.0, 9.0
        for _ in range(80):
            middle = 0.5 * (low + high)
            if float(bivariate_normal_cdf(middle, k, rho)) < target:
                low = middle
            else:
                high = middle
        return f_pfs - float(special.ndtr((low - rho * k) / math.sqrt(1.0 - rho**2))) * f_os

    assert surplus(lowest - 0.02) < 0.0 < surplus(lowest + 0.02)


def test_the_base_case_is_feasible_at_every_useful_correlation() -> None:
    for pair, lowest in (("belzutifan", -0.849), ("sunitinib", -0.9006)):
        interval = feasible_correlations(*PAIRS[pair])
        assert interval is not None
        assert interval[0] == pytest.approx(lowest, abs=1e-3)


@pytest.mark.parametrize(
    ("rho", "horizon", "message"),
    [
        (1.0, 60.0, "rho must be between -1 and 1"),
        (math.nan, 60.0, "rho must be between -1 and 1"),
        (0.5, math.inf, "horizon must be finite"),
        (0.5, 0.0, "horizon must be finite"),
    ],
)
def test_what_is_out_of_range_is_refused(rho: float, horizon: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        latent_progression(exponential(12.0), OS_BASE, rho, horizon)


@pytest.mark.parametrize("time", [exponential(2.0), weibull(1.4, 3.0), weibull(0.7, 3.0)])
@pytest.mark.parametrize("pfs", [exponential(12.0), weibull(0.7, 15.0), PAIRS["piecewise"][0]])
def test_time_to_response_against_integration(time: Hazard, pfs: Hazard) -> None:
    months = np.array([0.0, 0.01, 0.5, 3.0, 6.1, 20.0, 300.0])
    values = response_time_cdf(months, time, pfs)

    def inverse(share: float) -> float:
        return 1.0 / -float(np.expm1(-time.cumulative(pfs.quantile(share))))

    for month, value in zip(months[1:].tolist(), values[1:].tolist(), strict=True):
        progressed = -float(np.expm1(-pfs.cumulative(month)))
        bends = [1.0 - float(pfs.survival(s)) for s in pfs.starts_months if s > month]
        edges = sorted({progressed, *bends, 1.0, *(progressed + 10.0**-j for j in range(1, 9))})
        edges = [edge for edge in edges if progressed <= edge <= 1.0]
        area = sum(
            integrate.quad(inverse, a, b, epsabs=1e-11, epsrel=1e-11)[0] for a, b in pairwise(edges)
        )
        named = -float(np.expm1(-time.cumulative(month)))
        assert value == pytest.approx(progressed + named * area, abs=1e-8)
    assert values[0] == 0.0
    assert np.all(np.diff(values) > 0.0)


def test_time_to_response_against_simulation() -> None:
    rng = np.random.default_rng(20260104)
    time, pfs = weibull(1.4, 3.0), exponential(12.0)
    progression = pfs.quantile(rng.uniform(size=N))
    # Given PFS, responses at G^-1(U G(PFS)).
    share = rng.uniform(size=N) * -np.expm1(-time.cumulative(progression))
    response = time.quantile(share)
    for month in (0.5, 2.0, 6.0):
        p = float(response_time_cdf(month, time, pfs))
        assert abs(np.mean(response <= month) - p) < 4.0 * math.sqrt(p * (1.0 - p) / N)


def test_time_to_response_without_limit_is_the_named_distribution() -> None:
    time, pfs = exponential(2.0), exponential(1e9)
    months = np.array([0.5, 2.0, 10.0])
    assert np.allclose(response_time_cdf(months, time, pfs), 1.0 - time.survival(months), atol=1e-7)
    assert response_time_cdf(math.inf, time, pfs) == 1.0
    with pytest.raises(ValueError, match="must not be negative"):
        response_time_cdf([-1.0], time, pfs)
    with pytest.raises(ValueError, match="must not cease"):
        response_time_cdf([1.0], Hazard(1.0, 1.0, (0.0, 3.0), (0.1, 0.0)), pfs)


# The time to response: one that falls, and one before whose sixth week nobody responds.
RESPONSE_TIMES = [weibull(0.7, 3.0), Hazard(1.0, 1.0, (0.0, 1.4), (0.0, 0.3))]
CORRELATIONS = [(0.0, 0.0, 0.0), (0.5, -0.6, 0.3), (0.9, 0.3, 0.2)]


@pytest.mark.parametrize("deaths", [OS_BASE, None], ids=["with OS", "alone"])
@pytest.mark.parametrize("correlations", CORRELATIONS)
@pytest.mark.parametrize("time", RESPONSE_TIMES, ids=["falling", "after a pause"])
def test_quartiles_of_the_time_to_response_against_random_patients(
    time: Hazard, correlations: tuple[float, float, float], deaths: Hazard | None
) -> None:
    n, rate, latent = 60_000, 0.4, exponential(9.0)
    a, b, c = correlations
    if deaths is None:
        a, c = 0.0, 0.0
    shares = (0.25, 0.5, 0.75)
    found = responders_times(shares, time, rate, latent, deaths, (a, b, c))
    rng = np.random.default_rng(20261123)
    matrix = [[1.0, a, b], [a, 1.0, c], [b, c, 1.0]]
    first, death, response = rng.multivariate_normal([0.0] * 3, matrix, n).T
    event = latent.quantile(special.ndtr(-first))
    if deaths is not None:
        event = np.minimum(event, deaths.quantile(special.ndtr(-death)))
    responds = response < special.ndtri(rate)
    # A time of G that lies before the event; at once where no time does.
    within = rng.random(n) * -np.expm1(-time.cumulative(event))
    months = np.where(time.cumulative(event) > 0.0, time.quantile(within), 0.0)[responds]
    for share, month in zip(shares, found, strict=True):
        error = math.sqrt(share * (1.0 - share) / len(months))
        assert abs(np.mean(months <= month) - share) < 4.0 * error
