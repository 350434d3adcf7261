from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from simulate.design.crossing import crossing_probabilities
from simulate.design.schoenfeld import logrank_drift, schoenfeld_power


def staying_between(
    lower: list[float], upper: list[float], information: list[float], drift: float
) -> float:
    """P(lower_k <= Z_k < upper_k at every look) from the joint normal distribution of the looks."""
    info = np.array(information)
    return float(
        stats.multivariate_normal.cdf(
            np.array(upper) - drift * np.sqrt(info),
            cov=np.sqrt(np.minimum.outer(info, info) / np.maximum.outer(info, info)),
            lower_limit=np.array(lower) - drift * np.sqrt(info),
            maxpts=2_000_000,
            abseps=1e-8,
            releps=1e-8,
        )
    )


@pytest.mark.parametrize("drift", [-0.1, 0.0, 0.2])
@pytest.mark.parametrize(
    ("bounds", "information"),
    [
        ([2.5, 2.0], [40.0, 88.0]),
        ([2.0, 2.0], [40.0, 40.1]),
        ([3.0, 2.4, 2.0], [100.0, 150.0, 200.0]),
        ([1.0, 1.5, 2.0, 0.5], [10.0, 50.0, 55.0, 200.0]),
    ],
)
def test_crossing_against_the_joint_normal(
    bounds: list[float], information: list[float], drift: float
) -> None:
    stays = 1.0 - np.cumsum(crossing_probabilities(bounds, information, drift).upper)
    for k in range(len(bounds)):
        lower = [-math.inf] * (k + 1)
        slow = staying_between(lower, bounds[: k + 1], information[: k + 1], drift)
        assert stays[k] == pytest.approx(slow, abs=1e-6)


def test_both_bounds_against_the_joint_normal() -> None:
    lower, upper, info, drift = [-0.5, 0.0, 0.3], [2.5, 2.2, 2.0], [40.0, 88.0, 100.0], 0.15
    first = crossing_probabilities(upper, info, drift, lower)
    for k in range(3):
        above = [*lower[:k], upper[k]], [*upper[:k], math.inf]
        below = [*lower[:k], -math.inf], [*upper[:k], lower[k]]
        for crossed, region in ((first.upper[k], above), (first.lower[k], below)):
            slow = staying_between(*region, info[: k + 1], drift)
            assert crossed == pytest.approx(slow, abs=1e-6)


def test_one_look_is_a_normal_tail() -> None:
    first = crossing_probabilities(1.96, 25.0, 0.3, lower_bounds=-1.0)
    assert first.upper == pytest.approx([stats.norm.sf(1.96 - 1.5)], rel=1e-13)
    assert first.lower == pytest.approx([stats.norm.cdf(-1.0 - 1.5)], rel=1e-13)


def test_infinite_bounds() -> None:
    silent = crossing_probabilities([math.inf, 2.0, math.inf], [10.0, 20.0, 30.0], 0.1)
    assert silent.upper[0] == silent.upper[2] == 0.0
    assert silent.upper[1] == pytest.approx(stats.norm.sf(2.0 - 0.1 * math.sqrt(20.0)), rel=1e-13)
    assert not np.any(silent.lower)
    at_once = crossing_probabilities([2.0, -math.inf, 1.0], [10.0, 20.0, 30.0], 0.1)
    assert at_once.upper.sum() == pytest.approx(1.0, abs=1e-14)
    assert at_once.upper[2] == 0.0


@pytest.mark.parametrize("share", [0.99, 0.9999, 0.999999])
def test_looks_close_together_add_little(share: float) -> None:
    # The second look's statistic is nearly the first's: first crossings there vanish like the
    # square root of the information that it adds.
    first = crossing_probabilities([2.0, 2.0, 2.0], [100.0 * share, 100.0, 300.0], 0.1)
    assert 0.0 < first.upper[1] < 0.2 * math.sqrt(1.0 - share)
    pair = crossing_probabilities([2.0, 2.0], [100.0 * share, 300.0], 0.1).upper.sum()
    assert first.upper.sum() == pytest.approx(pair, abs=0.1 * math.sqrt(1.0 - share))


def test_closed_bounds_leave_nothing() -> None:
    first = crossing_probabilities([2.0, 1.0], [10.0, 20.0], 0.3, [-1.0, 1.0])
    assert first.upper.sum() + first.lower.sum() == pytest.approx(1.0, abs=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([2.0, 2.0], [10.0, 10.0]), "a look that adds none"),
        (([2.0, 2.0], [10.0, 9.0]), "increase"),
        (([2.0], [0.0]), "greater than 0"),
        (([2.0], [math.inf]), "finite"),
        (([2.0, 2.0], [10.0]), "one length"),
        (([], []), "at least 1"),
        (([[2.0]], [[10.0]]), "lists"),
        (([math.nan], [10.0]), "numbers"),
        (([2.0], [10.0], math.inf), "drift must be finite"),
        (([2.0], [10.0], 0.0, [2.5]), "must not exceed"),
        (([2.0], [10.0], 0.0, [1.0, 1.0]), "one length"),
    ],
)
def test_refused_designs(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        crossing_probabilities(*arguments)  # type: ignore[arg-type]


def test_power_of_the_base_case() -> None:
    power = schoenfeld_power(88, 0.55, stats.norm.isf(0.025))
    mean = -math.log(0.55) * math.sqrt(88.0) / 2.0
    assert power == pytest.approx([stats.norm.sf(stats.norm.isf(0.025) - mean)], rel=1e-12)
    assert round(float(power[-1]), 4) == 0.8007


def test_drift_favours_the_experimental_arm() -> None:
    assert logrank_drift(0.55) > 0.0 > logrank_drift(1.5)
    assert logrank_drift(1.2, null_hazard_ratio=1.2) == 0.0
    # 2:1 carries 8/9 of the information of 1:1.
    assert logrank_drift(0.55, share_experimental=2 / 3) == pytest.approx(
        logrank_drift(0.55) * math.sqrt(8.0 / 9.0)
    )


def test_power_under_the_null_ratio_is_alpha() -> None:
    power = schoenfeld_power(200, 1.3, stats.norm.isf(0.025), null_hazard_ratio=1.3)
    assert power == pytest.approx([0.025], rel=1e-12)


def test_refused_power_arguments() -> None:
    for ratio in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="hazard_ratio must be finite and greater than 0"):
            logrank_drift(ratio)
    with pytest.raises(ValueError, match="null_hazard_ratio"):
        logrank_drift(0.5, null_hazard_ratio=0.0)
    with pytest.raises(ValueError, match="share_experimental"):
        logrank_drift(0.5, share_experimental=1.0)
