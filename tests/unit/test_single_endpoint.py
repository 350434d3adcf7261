"""Calibration of one endpoint, against integrals, simulated trials and published arithmetic."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from simulate.api.evidence import latent_median, medians_with_limits, weibull_shape
from simulate.calibration.curves import censoring_variance, share_followed, survival_variance
from simulate.calibration.evidence import Evidence
from simulate.calibration.load import load_evidence
from simulate.calibration.shape import SHAPES, FloatArray, Replicates, shape_by_simulation
from simulate.calibration.single import (
    expected_events,
    exponential_rates,
    survival_at_limit,
    weibull_curves,
)
from simulate.errors import ScenarioError

EVIDENCE = Path(__file__).parents[2] / "scenarios" / "evidence"
Z = 1.959963984540054


@pytest.fixture(scope="module")
def litespark() -> Evidence:
    return load_evidence(EVIDENCE / "litespark-015.toml")


def followed(evidence: Evidence, month: float) -> float:
    """Share followed so long, from draws of the follow-up's quantiles."""
    months, shares = zip(*evidence.follow_up.quantiles, strict=True)
    draws = np.interp((np.arange(100_000) + 0.5) / 100_000, shares, months)
    return float(np.mean(draws >= month))


def test_share_followed_is_that_of_the_quantiles(litespark: Evidence) -> None:
    for month in (0.0, 10.0, 23.3, 25.0, 30.2, 33.0, 37.6, 50.0):
        assert share_followed(litespark, month) == pytest.approx(
            followed(litespark, month), abs=2e-5
        )


def test_constant_hazards_of_the_published_trial(litespark: Evidence) -> None:
    by_interval, by_events = exponential_rates(litespark, "pfs_median")
    assert round(by_interval.rate, 4) == 0.0311
    assert by_interval.lower == 0.0
    assert by_interval.upper == pytest.approx(math.log(2) / 13.8)
    events = expected_events(litespark, by_events.rate)
    assert math.log(by_events.upper / by_events.rate) == pytest.approx(Z / math.sqrt(events))
    assert by_events.lower * by_events.upper == pytest.approx(by_events.rate**2)
    (os,) = exponential_rates(litespark, "os_24")
    assert round(os.rate, 4) == 0.0114
    # Peto: n S F patients at risk, and the delta method to log(-log S).
    at_risk = 72 * 0.76 * followed(litespark, 24.0)
    error = math.sqrt(0.24 / at_risk) / -math.log(0.76)
    assert math.log(os.upper / os.rate) == pytest.approx(Z * error, rel=1e-3)
    for name in ("os_median", "response", "duration_median", "time_to_response_range"):
        assert exponential_rates(litespark, name) == []


def test_an_interval_of_survival_gives_that_of_the_hazard() -> None:
    path = EVIDENCE / "litespark-015.toml"
    evidence = load_evidence(path, ["figures.os_24.interval_percent=[64, 85]"])
    (os,) = exponential_rates(evidence, "os_24")
    assert os.how == "interval"
    assert (os.lower, os.upper) == (-math.log(0.85) / 24, -math.log(0.64) / 24)


def test_expected_events_are_the_integral(litespark: Evidence) -> None:
    months, shares = zip(*litespark.follow_up.quantiles, strict=True)

    def seen(share: float, rate: float) -> float:
        c = float(np.interp(share, shares, months))
        both = rate + 0.005
        return rate / both * (1.0 - math.exp(-both * c))

    for rate in (0.001, 0.0311, 0.3):
        mean = sum(quad(seen, *part, args=(rate,))[0] for part in ((0.0, 0.5), (0.5, 1.0)))
        assert expected_events(litespark, rate) == pytest.approx(72 * mean, rel=1e-9)


def test_survival_at_the_lower_limit_has_its_limit_at_one_half() -> None:
    for patients, share_there, level in ((72, 1.0, 0.95), (39, 0.8, 0.9), (500, 1.0, 0.95)):
        survival = survival_at_limit(patients, share_there, level)
        assert survival is not None
        assert survival > 0.5
        se = math.sqrt(survival_variance(survival, patients, share_there))
        on_scale = se / (survival * -math.log(survival))
        z = float(norm.ppf(0.5 + level / 2))
        lower = survival ** math.exp(z * on_scale)
        assert lower == pytest.approx(0.5, abs=1e-9)
    assert survival_at_limit(4, 1.0, 0.95) is None
    assert survival_at_limit(72, 0.0, 0.95) is None


def test_two_points_that_give_the_shape_of_0774(litespark: Evidence) -> None:
    (curve,) = weibull_curves(litespark, "pfs")
    (limit, survival), (median, half) = curve.points
    assert (limit, median, half) == (13.8, 22.3, 0.5)
    # The lower limit of the median pins S(13.8) near 0.62; 0.62 itself has the shape 0.774.
    assert survival == pytest.approx(0.62, abs=0.003)
    assert curve.shape == pytest.approx(0.79, abs=0.005)
    rounded = math.log(math.log(0.5) / math.log(0.62)) / math.log(22.3 / 13.8)
    assert round(rounded, 3) == 0.774
    for month, share in curve.points:
        there = math.exp(-((month / curve.scale_months) ** curve.shape))
        assert there == pytest.approx(share, rel=1e-12)
    assert weibull_curves(litespark, "os") == []


def test_censoring_adds_what_peto_adds_to_the_binomial(litespark: Evidence) -> None:
    # 23 months: all are followed; a tenth is taken off, and the loss of half a percent a month.
    left = 0.9 * math.exp(-0.005 * 23)
    assert censoring_variance(litespark, 0.5, 72, 23.0) == pytest.approx(
        0.25 / 72 * (1.0 / left - 1.0)
    )
    assert censoring_variance(litespark, 0.5, 72, 40.0) == math.inf


def test_latent_median_is_the_middle_of_those_that_scans_show(litespark: Evidence) -> None:
    # 22.3 is within a week after week 96; the scan before is week 84.
    assert latent_median(litespark, 22.3) == pytest.approx(0.5 * (84 + 96) * 7 / 30.4375)
    without = litespark.model_copy(update={"assessments": None})
    assert latent_median(without, 22.3) == 22.3


# The shape from a median and its limits


def made_at(shape: float, n: int = 4000) -> Replicates:
    """Replicates of a made-up trial: z at the lower limit has mean 2.7 - log shape, sd 0.8."""
    rng = np.random.default_rng(round(1000 * shape))
    z: FloatArray = rng.normal(size=(2, n))
    lower = 2.7 - math.log(shape) + 0.48 * z[0] + 0.64 * z[1]
    return Replicates(np.array([z[0], lower]), rng.random(n) < 0.5)


def test_shape_of_a_made_up_trial_is_that_of_its_normal_likelihood() -> None:
    # Given z = 0 at the median, z at the limit is normal about 2.7 - log k with sd 0.64.
    found = shape_by_simulation(made_at, (0.0, Z), True)
    expected = 2.7 - Z
    flat = np.exp(np.linspace(math.log(SHAPES[0]), math.log(SHAPES[-1]), 4001))
    density = norm.pdf((np.log(flat) - expected) / 0.64)
    below = np.cumsum(density) / density.sum()
    lower, middle, upper = np.interp([0.025, 0.5, 0.975], below, flat)
    assert found.value == pytest.approx(middle, rel=0.06)
    assert found.lower == pytest.approx(lower, rel=0.08)
    assert found.upper == pytest.approx(upper, rel=0.08)
    assert 0.0 < found.mcse < 0.05 * found.value
    assert found.not_reached == pytest.approx(0.5, abs=0.03)
    assert found.at_edge


def test_upper_limit_not_reached_moves_the_shape() -> None:
    def rarely(shape: float) -> Replicates:
        made = made_at(shape)
        return made._replace(not_reached=np.arange(4000) % 1000 < 1000 * min(1.0, 0.3 / shape))

    plain = shape_by_simulation(made_at, (0.0, Z), True).value
    assert shape_by_simulation(rarely, (0.0, Z), True).value < plain - 0.1
    assert shape_by_simulation(rarely, (0.0, Z), False).value > plain


def test_replicates_that_show_nothing_are_refused() -> None:
    def nothing(shape: float) -> Replicates:
        return Replicates(np.full((2, 100), np.nan), np.zeros(100, dtype=bool))

    with pytest.raises(ScenarioError, match="no shape gives replicates"):
        shape_by_simulation(nothing, (0.0, Z), True)


def test_shape_of_the_published_trial(litespark: Evidence) -> None:
    assert medians_with_limits(litespark) == ["pfs_median"]
    found = weibull_shape(litespark, "pfs_median", trials=2000)
    # The limits favour a hazard that falls, and do not prove it.
    assert 0.55 < found.value < 0.75
    assert found.lower < 0.45
    assert 0.9 < found.upper < 1.2
    assert found.mcse < 0.02
    assert found == weibull_shape(litespark, "pfs_median", trials=2000)
    with pytest.raises(ScenarioError, match="must be a median of pfs or os"):
        weibull_shape(litespark, "os_median")


@pytest.mark.slow
@pytest.mark.parametrize("true", [0.6, 1.0, 1.5])
def test_shapes_of_simulated_trials_are_covered(litespark: Evidence, true: float) -> None:
    """Published figures made from trials at a known shape lead back to it."""
    from simulate.api.evidence import _replicate
    from simulate.runner.execute import Block, simulate_block
    from simulate.runner.pack import pack

    figure = litespark.figures["pfs_median"]
    assert figure.kind == "median"
    scenario = _replicate(litespark, true, figure, (22.3,))
    rows = simulate_block(pack(scenario), 99, Block(0, 400))
    medians, lower, upper = (getattr(rows, name)[:, -1] for name in ("estimate", "lower", "upper"))
    covered: list[bool] = []
    for median, low, high in zip(medians, lower, upper, strict=True):
        # The median is held: trials whose median is the published one, or nearly.
        if not abs(median - 22.3) < 1.0 or not math.isfinite(low) or len(covered) == 40:
            continue
        limits = [round(low, 1), round(high, 1) if math.isfinite(high) else "not_reached"]
        update = {"months": round(median, 1), "interval_months": tuple(limits)}
        one = figure.model_copy(update=update)
        evidence = litespark.model_copy(update={"figures": {"pfs": one}})
        found = weibull_shape(evidence, "pfs", trials=1000)
        covered.append(found.lower <= true <= found.upper)
    assert len(covered) == 40
    # Binomial, 40 at 0.95: 33 or fewer have probability 0.003.
    assert sum(covered) >= 34
