"""Trials of many truths: what lies between members and within, against sums in fractions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.feature_scenarios import Table, feature_scenario, hypothesis
from twins.slow_results import Outcome, share, slow_outcome, trials_of

from simulate import api
from simulate.engine.statistics import Statistics
from simulate.results.characteristics import Row, operating_characteristics
from simulate.results.members import (
    MemberShares,
    quantiles_given_truth,
    share_of_truths_above,
    spread_of,
)
from simulate.results.tallies import BY_MEMBER, Key, Tallies, combine
from simulate.results.tally import tally
from simulate.runner.execute import BLOCK_TRIALS, Block, simulate_block
from simulate.runner.pack import pack
from simulate.scenario.models import Scenario

TWO_HYPOTHESES: Table = {
    "hypotheses": {
        "test": hypothesis("new", "old", "interim", "final") | {"critical_values": [2.0, 1.2]},
        "other": hypothesis("new", "old", "final", null_hazard_ratio=1.3),
    }
}


def shares_of(successes: Sequence[int], trials: Sequence[int]) -> MemberShares:
    return MemberShares(np.array(successes), np.array(trials))


def slow_parts(successes: Sequence[int], trials: Sequence[int]) -> tuple[Fraction, Fraction]:
    """Variance between members and within, by the analysis of variance, trial by trial."""
    groups = [
        [Fraction(int(i < s)) for i in range(n)] for s, n in zip(successes, trials, strict=True)
    ]
    everything = [value for group in groups for value in group]
    mean = sum(everything, Fraction(0)) / len(everything)
    means = [sum(group, Fraction(0)) / len(group) for group in groups]
    pairs = list(zip(groups, means, strict=True))
    within = sum(((value - m) ** 2 for group, m in pairs for value in group), Fraction(0))
    within /= len(everything) - len(groups)
    between = sum((len(group) * (m - mean) ** 2 for group, m in pairs), Fraction(0))
    between /= len(groups) - 1
    squares = sum((Fraction(len(group) ** 2) for group in groups), Fraction(0))
    n0 = (len(everything) - squares / len(everything)) / (len(groups) - 1)
    return max(Fraction(0), (between - within) / n0), within


CASES = {
    "balanced": ([3, 19, 12, 20, 7, 15], [20] * 6),
    "one more in some": ([2, 4, 4, 1, 0, 5, 3], [5, 5, 5, 5, 4, 5, 4]),
    "some alone": ([1, 2, 1, 0, 15, 12], [1, 2, 1, 1, 17, 18]),
    "no difference": ([10, 10, 11, 9], [20] * 4),
}


@pytest.mark.parametrize("name", CASES)
def test_the_parts_of_an_error_are_those_of_the_analysis_of_variance(name: str) -> None:
    successes, trials = CASES[name]
    between, within = slow_parts(successes, trials)
    n = sum(trials)
    of_between = math.sqrt(between * sum(r * r for r in trials) / Fraction(n) ** 2)
    of_within = math.sqrt(within / n)
    found = spread_of(shares_of(successes, trials))
    assert found.estimate.value == sum(successes) / n
    assert found.estimate.n_trials == n
    assert found.between_se == pytest.approx(of_between, rel=1e-9, abs=1e-12)
    assert found.within_se == pytest.approx(of_within, rel=1e-12)
    assert found.sd.value == pytest.approx(math.sqrt(between), rel=1e-9, abs=1e-12)
    total = math.hypot(of_between, of_within)
    few = min(sum(successes), n - sum(successes)) < 10
    expected = max(total, share([i < sum(successes) for i in range(n)])[1]) if few else total
    assert found.estimate.mcse == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["balanced", "one more in some", "some alone"])
def test_corrected_powers_have_the_variance_between(name: str) -> None:
    successes, trials = CASES[name]
    found = spread_of(shares_of(successes, trials))
    raw = np.array(successes) / np.array(trials)
    assert np.var(found.given_truth, ddof=1) == pytest.approx(found.sd.value**2, rel=1e-9)
    # In the order of what was seen, and nearer to the mean.
    moved = (found.given_truth - found.estimate.value) / np.sort(raw - found.estimate.value)
    assert np.ptp(moved) < 1e-9
    assert 0.0 < moved[0] < 1.0


def test_members_that_do_not_differ_all_have_the_mean() -> None:
    found = spread_of(shares_of(*CASES["no difference"]))
    assert found.sd.value == 0.0
    assert found.between_se == 0.0
    assert found.given_truth.tolist() == [0.5] * 4
    assert share_of_truths_above(found, 0.5).value == 1.0


@pytest.mark.parametrize("trials", [[1] * 40, [1] * 30 + [0] * 10, [25] + [0] * 39])
def test_members_with_a_trial_each_cannot_be_told_apart(trials: list[int]) -> None:
    successes = [int(i % 3 == 0 and n > 0) for i, n in enumerate(trials)]
    found = spread_of(shares_of(successes, trials))
    n = sum(trials)
    assert found.estimate == pytest.approx(share([i < sum(successes) for i in range(n)]))
    assert math.isnan(found.between_se)
    assert math.isnan(found.within_se)
    assert math.isnan(found.sd.value)
    assert all(math.isnan(e.value) for e in quantiles_given_truth(found, (0.05, 0.5)))
    assert math.isnan(share_of_truths_above(found, 0.8).value)


def test_strata_take_what_they_explain_out_of_the_error() -> None:
    rng = np.random.default_rng(3)
    n_members, n_each = 400, 50
    strata = rng.permutation(n_members)
    quantile = (strata + 0.5) / n_members
    # All of the spread is explained, none is, or half of its variance.
    other = rng.permutation(quantile)
    for power, low, high in (
        (0.3 + 0.6 * quantile, 0.0, 0.15),
        (0.3 + 0.6 * other, 0.85, 1.0),
        (0.3 + 0.3 * quantile + 0.3 * other, 0.6, 0.8),
    ):
        successes = rng.binomial(n_each, power)
        shares = shares_of(successes.tolist(), [n_each] * n_members)
        alone, stratified = spread_of(shares), spread_of(shares, [strata])
        assert alone.between_se == pytest.approx(np.std(power) / 20.0, rel=0.15)
        assert low <= stratified.between_se / alone.between_se <= high
        assert stratified.within_se == alone.within_se
        assert stratified.sd == alone.sd
    both = spread_of(shares, [strata, np.argsort(np.argsort(other))])
    assert both.between_se < 0.3 * alone.between_se


# Over a run


def slow_by_member(holds: Sequence[bool], n_members: int, first: int = 0) -> MemberShares:
    successes, trials = [0] * n_members, [0] * n_members
    for trial, held in enumerate(holds, start=first):
        successes[trial % n_members] += held
        trials[trial % n_members] += 1
    return shares_of(successes, trials)


def simulated(scenario: Scenario, start: int, stop: int) -> Statistics:
    return simulate_block(pack(scenario), scenario.simulation.seed, Block(start, stop))


def rows_by_name(scenario: Scenario, tallies: Tallies) -> dict[tuple[str, str, str], Row]:
    rows = operating_characteristics(scenario, tallies)
    return {(r.hypothesis, r.analysis, r.measure): r for r in rows if r.condition == "all"}


def rejecting(outcomes: Sequence[Outcome], hypothesis: str, *looks: str) -> list[bool]:
    wanted = {(look, hypothesis) for look in looks}
    return [bool(wanted & outcome.rejects) for outcome in outcomes]


@pytest.mark.parametrize("quantiles", ["exact", "binned"])
def test_rows_of_any_blocks_are_those_of_the_trials_by_member(quantiles: Any) -> None:
    scenario = feature_scenario("uncertain control", **TWO_HYPOTHESES)
    parts = [(0, 3), (3, 41), (41, 200)]
    blocks = [(start, simulated(scenario, start, stop)) for start, stop in parts]
    tallies = combine(
        tally(scenario, block, first_trial=start, quantiles=quantiles) for start, block in blocks
    )
    rows = rows_by_name(scenario, tallies)
    outcomes = [slow_outcome(scenario, t) for _, b in blocks for t in trials_of(scenario, b)]
    both = [rejecting(outcomes, name, "interim", "final") for name in scenario.hypotheses]
    held = {
        ("test", "overall", "rejection_probability"): both[0],
        ("test", "overall", "assurance"): both[0],
        ("test", "interim", "cumulative_rejection_probability"): rejecting(
            outcomes, "test", "interim"
        ),
        ("test", "interim", "assurance"): rejecting(outcomes, "test", "interim"),
        ("test", "final", "first_rejection_probability"): rejecting(outcomes, "test", "final"),
        ("test", "final", "rejection_probability"): [
            ("final", "test") in o.crosses for o in outcomes
        ],
        ("test", "final", "reached_probability"): [
            ("final", "test") in o.reached for o in outcomes
        ],
        ("other", "overall", "assurance"): both[1],
        ("any", "overall", "assurance"): [a or b for a, b in zip(*both, strict=True)],
        ("all", "overall", "assurance"): [a and b for a, b in zip(*both, strict=True)],
    }
    for key, holds in held.items():
        found = spread_of(slow_by_member(holds, 7))
        # The one distribution's strata are known: at most the error of members without order.
        assert rows[key].estimate == found.estimate.value, key
        assert found.within_se <= rows[key].mcse <= found.estimate.mcse + 1e-12, key
    found = spread_of(slow_by_member(both[0], 7))
    assert rows["test", "overall", "conditional_power_sd"].estimate == found.sd.value
    assert rows["test", "overall", "assurance_within_se"].estimate == found.within_se
    low, middle = quantiles_given_truth(found, (0.05, 0.5))
    for name, expected in (("p05", low), ("median", middle)):
        row = rows["test", "overall", f"conditional_power_{name}"]
        assert row[5:] == pytest.approx(expected, nan_ok=True)
    above = share_of_truths_above(found, 0.8)
    assert rows["test", "overall", "conditional_power_above_80"][5:] == above


def test_members_of_an_ensemble_have_the_error_of_the_analysis_of_variance() -> None:
    scenario = feature_scenario("states of an ensemble through scans")
    statistics = simulated(scenario, 0, 200)
    rows = rows_by_name(scenario, tally(scenario, statistics))
    outcomes = [slow_outcome(scenario, t) for t in trials_with_hypotheses(scenario, statistics)]
    states = scenario.arms["new"].states
    assert states is not None
    found = spread_of(slow_by_member(rejecting(outcomes, "pfs", "final"), states.n_members))
    row = rows["pfs", "overall", "assurance"]
    assert (row.estimate, row.mcse) == found.estimate[:2]
    assert rows["pfs", "overall", "assurance_between_se"].estimate == found.between_se


def trials_with_hypotheses(scenario: Scenario, statistics: Statistics) -> list[Any]:
    """Rows of the hypotheses alone, which come first."""
    n = len(scenario.hypotheses)
    return trials_of(scenario, Statistics._make(column[:, :n] for column in statistics))


def test_tallies_by_member_come_back_from_columns() -> None:
    scenario = feature_scenario("uncertain control")
    tallies = tally(scenario, simulated(scenario, 5, 60), first_trial=5, quantiles="binned")
    again = Tallies.from_columns(tallies.to_columns())
    kept = {key: entry for key, entry in again.items() if isinstance(entry, MemberShares)}
    assert len(kept) == 14
    for key, entry in kept.items():
        expected: Any = tallies[key]
        assert np.array_equal(entry.successes, expected.successes)
        assert np.array_equal(entry.trials, expected.trials)
    rows, expected = (operating_characteristics(scenario, t) for t in (again, tallies))
    assert str(rows) == str(expected)


def test_one_truth_has_no_rows_about_truths() -> None:
    for name in ("plain", "states"):
        scenario = feature_scenario(name)
        tallies = tally(scenario, simulated(scenario, 0, 30))
        assert not [key for key in tallies if key.quantity.endswith("_by_member")]
        measures = {row.measure for row in operating_characteristics(scenario, tallies)}
        assert not [m for m in measures if m.startswith(("assurance", "conditional"))]


def test_a_folder_of_sums_gives_the_rows_of_one_of_trials(tmp_path: Path) -> None:
    scenario = feature_scenario("uncertain control", **TWO_HYPOTHESES)
    # Two blocks, whose second begins in the middle of the truths.
    options: dict[str, Any] = {"trials": BLOCK_TRIALS + 100, "workers": 1}
    of_rows = api.run(scenario, out=tmp_path / "rows", **options)
    of_sums = api.run(scenario, out=tmp_path / "sums", keep="summary", **options)
    in_memory = api.run(scenario, **options)
    read = [api.load_run(tmp_path / name, workers=1) for name in ("rows", "sums")]
    for result in (of_sums, in_memory, *read):
        for one, other in zip(
            result.operating_characteristics, of_rows.operating_characteristics, strict=True
        ):
            if not one.measure.startswith("look_time_q"):
                assert str(one) == str(other)
    assert BLOCK_TRIALS % 7 != 0
    partial = api.load_run(tmp_path / "sums", workers=1).tallies
    key = Key("test", "final", "cumulative_rejection_probability" + BY_MEMBER, "all")
    counted: Any = partial[key]
    assert counted.trials.tolist() == [2872, 2872, 2872, 2871, 2871, 2871, 2871]
