"""Calibration of one endpoint, against integrals, simulated trials and published arithmetic."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from simulate.api.evidence import (
    latent_median,
    medians_with_limits,
    near_months,
    published_trial,
    weibull_shape,
)
from simulate.calibration.curves import censoring_variance, share_followed, survival_variance
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import Median
from simulate.calibration.load import load_evidence
from simulate.calibration.shape import SHAPES, Medians, shape_by_simulation
from simulate.calibration.single import (
    expected_events,
    exponential_rates,
    survival_at_limit,
    weibull_curves,
)
from simulate.errors import CalibrationError, ScenarioError
from simulate.runner.execute import Block, simulate_block
from simulate.runner.pack import pack

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


@pytest.mark.parametrize("loss", ["10", "1e6", "1e300"])
def test_a_loss_that_leaves_no_events_leaves_limits_wide_and_finite(loss: str) -> None:
    path = EVIDENCE / "litespark-015.toml"
    evidence = load_evidence(path, [f"loss.rate_per_month={loss}"])
    by_events = exponential_rates(evidence, "pfs_median")[-1]
    assert by_events.how == "events"
    assert 0.0 <= by_events.lower < 0.1 * by_events.rate
    assert 10.0 * by_events.rate < by_events.upper < math.inf


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

PUBLISHED = (22.3, 13.8, math.inf)
TOLERANCES = (0.5, 0.3, 0.0)
ERROR = 0.16
SPREAD = 0.12


def made_at(shape: float, ratio: float, n: int = 20_000) -> Medians:
    """Medians of a made-up trial: the lower limit is the median times exp(-0.3 / shape), or so."""
    rng = np.random.default_rng(round(1e6 * shape * ratio))
    median = 22.3 * ratio * np.exp(ERROR / shape * rng.normal(size=n))
    lower = median * np.exp(-0.3 / shape + SPREAD * rng.normal(size=n))
    return Medians(median, lower, np.where(rng.random(n) < 0.5, np.inf, 30.0))


def test_shape_of_a_made_up_trial_is_that_of_its_likelihood() -> None:
    # Medians being equally likely on the log scale, the ratio of lower limit and median decides.
    found = shape_by_simulation(made_at, PUBLISHED, TOLERANCES, ERROR)
    logs = np.linspace(math.log(SHAPES[0]), math.log(SHAPES[-1]), 4001)
    density = norm.pdf((math.log(22.3 / 13.8) - 0.3 / np.exp(logs)) / SPREAD)
    below = np.cumsum(density) / density.sum()
    expected = np.exp(np.interp([0.5, 0.025, 0.975], below, logs))
    assert [found.value, found.lower, found.upper] == pytest.approx(expected, rel=0.05)
    assert abs(found.value - expected[0]) < 5 * found.mcse + 0.01
    assert 0.0 < found.mcse < 0.05
    assert found.not_reached == pytest.approx(0.5, abs=0.02)
    assert not found.at_edge


def test_upper_limit_not_reached_moves_the_shape() -> None:
    def rarely(shape: float, ratio: float) -> Medians:
        made = made_at(shape, ratio)
        often = np.arange(len(made.median)) % 1000 < 1000 * min(1.0, 0.2 / shape)
        return made._replace(upper=np.where(often, np.inf, 30.0))

    plain = shape_by_simulation(made_at, PUBLISHED, TOLERANCES, ERROR).value
    assert shape_by_simulation(rarely, PUBLISHED, TOLERANCES, ERROR).value < plain - 0.02
    reached = (22.3, 13.8, 30.0)
    assert shape_by_simulation(rarely, reached, TOLERANCES, ERROR).value > plain + 0.01


def test_a_grid_that_cuts_the_interval_off_says_so() -> None:
    shapes = [shape for shape in SHAPES if shape < 0.8]
    assert shape_by_simulation(made_at, PUBLISHED, TOLERANCES, ERROR, shapes).at_edge


def test_trials_unlike_the_published_one_are_refused() -> None:
    def early(shape: float, ratio: float) -> Medians:
        return Medians(*np.full((3, 100), 2.0))

    with pytest.raises(CalibrationError, match="hardly any simulated trial"):
        shape_by_simulation(early, PUBLISHED, TOLERANCES, ERROR)


def test_the_nearest_scan_counts_as_the_published_time(litespark: Evidence) -> None:
    seen = litespark.assessments
    # Every 12 weeks about 22.3 months, every 8 weeks about 8.3.
    assert near_months(22.3, seen) == pytest.approx(6 * 7 / 30.4375)
    assert near_months(8.3, seen) == pytest.approx(4 * 7 / 30.4375)
    assert near_months(22.3, None) == pytest.approx(1.115)


def test_shape_of_the_published_trial(litespark: Evidence) -> None:
    assert medians_with_limits(litespark) == ["pfs_median"]
    found = weibull_shape(litespark, "pfs_median", trials=400)
    # The limits favour a hazard that falls, and do not prove it.
    assert 0.5 < found.value < 0.75
    assert found.lower < 0.4
    assert 0.9 < found.upper < 1.25
    assert found.mcse < 0.05
    assert found == weibull_shape(litespark, "pfs_median", trials=400)
    with pytest.raises(ScenarioError, match="must be a median of pfs or os"):
        weibull_shape(litespark, "os_median")


@pytest.mark.validate
@pytest.mark.parametrize("true", [0.6, 1.0])
def test_shapes_of_simulated_trials_are_covered(litespark: Evidence, true: float) -> None:
    """Published figures made from trials at a known shape lead back to it."""
    figure = litespark.figures["pfs_median"]
    assert isinstance(figure, Median)
    plan = pack(published_trial(litespark, figure, true, 20.7))
    rows = simulate_block(plan, 99, Block(0, 60))
    covered: list[bool] = []
    for median, low, high in zip(
        rows.estimate[:, 0], rows.lower[:, 0], rows.upper[:, 0], strict=True
    ):
        if not (math.isfinite(median) and math.isfinite(low)) or len(covered) == 40:
            continue
        upper = round(high, 1) if math.isfinite(high) else "not_reached"
        update = {"months": round(median, 1), "interval_months": (round(low, 1), upper)}
        one = figure.model_copy(update=update)
        evidence = litespark.model_copy(update={"figures": {"pfs": one}})
        try:
            found = weibull_shape(evidence, "pfs", trials=500)
        except CalibrationError:
            # Too rare a pattern for so few trials; not to tell a shape is not to cover it.
            covered.append(False)
            continue
        covered.append(found.lower <= true <= found.upper)
    assert len(covered) == 40
    # Binomial, 40 at 0.95: 33 or fewer have probability 0.003.
    assert sum(covered) >= 34
