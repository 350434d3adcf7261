"""Counts behind percentages, against beta distributions and all counts there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from simulate.calibration.counts import (
    Count,
    counts_of_interval,
    counts_of_rounding,
    possible_counts,
)
from simulate.calibration.facts import derived, published, scans, unknown
from simulate.calibration.figures import Proportion, WithCount
from simulate.calibration.load import load_evidence

EVIDENCE = Path(__file__).parents[2] / "scenarios" / "evidence"
SOURCED: dict[str, Any] = {"status": "published", "source": "Table."}


def proportion(**keys: Any) -> Proportion:
    return Proportion.model_validate(
        {"kind": "proportion", "endpoint": "response", **SOURCED, **keys}
    )


def slow_limits(x: int, n: int, level: float) -> tuple[float, float]:
    """Clopper and Pearson's limits as quantiles of beta distributions."""
    half = (1.0 - level) / 2.0
    lower = beta.ppf(half, x, n - x + 1) if x > 0 else 0.0
    upper = beta.ppf(1.0 - half, x + 1, n - x) if x < n else 1.0
    return float(lower), float(upper)


def test_the_published_counts_are_fixed() -> None:
    evidence = load_evidence(EVIDENCE / "litespark-015.toml")
    counts = {
        name: possible_counts(figure, evidence)
        for name, figure in evidence.figures.items()
        if isinstance(figure, WithCount)
    }
    assert counts == {
        "response": (Count(19, 72),),
        "disease_control": (Count(61, 72),),
        "duration_12": (Count(10, 19),),
        "antihypertensives": (Count(19, 60),),
    }


@pytest.mark.parametrize(("count", "kept"), [(60, []), (61, [61]), (62, [])])
def test_only_61_of_72_have_the_published_interval(count: int, kept: list[int]) -> None:
    # 60 and 62 have intervals that round to 73 and 76 at their lower limits.
    figure = proportion(percent=85, interval_percent=(74, 92))
    assert counts_of_interval(figure, [count], 72) == kept


def test_an_exact_interval_of_90_percent() -> None:
    evidence = load_evidence(EVIDENCE / "firstmappp-sunitinib.toml")
    figure = evidence.figures["pfs_12"]
    assert isinstance(figure, WithCount)
    assert possible_counts(figure, evidence) == (Count(14, 39),)


def test_placebo_in_the_same_trial_is_no_plain_share() -> None:
    # 19% (90% CI 11 to 31) of 39: no whole number rounds to it.
    assert counts_of_rounding(proportion(percent=19), 39) == []


def test_several_counts_where_the_denominator_is_large() -> None:
    figure = proportion(percent=26)
    assert counts_of_rounding(figure, 500) == [128, 129, 130, 131, 132]
    assert counts_of_rounding(proportion(percent=26.0), 500) == [130]
    # Half a unit may have been rounded up or down.
    assert counts_of_rounding(proportion(percent=12), 200) == [23, 24, 25]
    assert counts_of_rounding(proportion(percent=13), 200) == [25, 26, 27]


def test_an_interval_of_another_method_fixes_nothing() -> None:
    figure = proportion(percent=26, interval_percent=(20, 30), interval_method="other")
    assert counts_of_interval(figure, [18, 19], 72) == [18, 19]


@given(st.data(), st.integers(1, 400), st.sampled_from([0, 1, 2]), st.sampled_from([0.9, 0.95]))
def test_the_count_that_made_a_figure_is_among_those_it_leaves(
    choose: st.DataObject, n: int, decimals: int, level: float
) -> None:
    x = choose.draw(st.integers(0, n))
    limits = slow_limits(x, n, level)
    percent, lower, upper = (round(100 * share, decimals) for share in (x / n, *limits))
    figure = proportion(
        percent=percent, interval_percent=(lower, upper), level=level, decimals=decimals
    )
    rounded = counts_of_rounding(figure, n)
    kept = counts_of_interval(figure, rounded, n)
    assert x in kept
    half = 0.5 * 10.0**-decimals + 1e-9
    like = [
        y
        for y in rounded
        if all(
            abs(100 * exact - given) <= half
            for exact, given in zip(slow_limits(y, n, level), (lower, upper), strict=True)
        )
    ]
    assert kept == like
    every = [y for y in range(n + 1) if abs(100 * y / n - percent) <= half]
    assert rounded == every


def test_what_is_said_of_a_trial() -> None:
    evidence = load_evidence(EVIDENCE / "litespark-015.toml")
    said = {one.name: one for one in published(evidence)}
    assert said["response"].value == "26% (95% CI 17 to 38)"
    assert said["response"].counted == "19/72, by its interval"
    assert said["duration_12"].counted == "10/19, by rounding"
    assert said["antihypertensives"].counted == "19/60, published"
    assert said["pfs_median"].value == "22.3 (95% CI 13.8 to not reached)"
    assert said["time_to_response_range"].value == "1.7 to 24.8"
    assert said["os_median"].value == "not reached"
    lines = list(derived(evidence))
    assert lines[0].endswith("61 - 19 = 42")
    assert lines[1].endswith("72 - 61 = 11")
    assert lines[2].endswith("72 / 14.3 = 5 a month")
    assert "os_24: no interval" in list(unknown(evidence))
    weeks = {(scan.name, scan.months): (scan.week, scan.days_off) for scan in scans(evidence)}
    expected = {11.0: 48, 1.7: 8, 24.8: 108, 22.3: 96, 13.8: 60}
    assert {months: week for (_, months), (week, _) in weeks.items()} == expected
    assert max(abs(days) for _, days in weeks.values()) < 7.5


def test_a_kaplan_meier_share_has_no_count() -> None:
    path = EVIDENCE / "litespark-015.toml"
    evidence = load_evidence(path, ["figures.duration_12.method=kaplan_meier"])
    (one,) = (one for one in published(evidence) if one.name == "duration_12")
    assert one.counted == "a Kaplan-Meier estimate"
