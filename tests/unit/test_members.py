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
from simulate.results.given_truth import GivenTruth
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
    truths = truths_of(successes, trials)
    raw = np.array(successes) / np.array(trials)
    # Each anywhere within half a step: (width of 1 / R)**2 / 12.
    seen = np.var(raw, ddof=1) + np.mean(1.0 / (12.0 * np.array(trials) ** 2))
    between, _ = slow_parts(successes, trials)
    assert truths.towards**2 * seen == pytest.approx(float(between), rel=1e-9)
    assert 0.0 < truths.towards < 1.0


def test_members_that_do_not_differ_all_have_the_mean() -> None:
    found = spread_of(shares_of(*CASES["no difference"]))
    assert found.sd.value == 0.0
    assert found.between_se == 0.0
    assert [e.value for e in quantiles_given_truth(found, (0.05, 0.5))] == [0.5] * 2
    assert share_of_truths_above(found, 0.5).value == 1.0
    assert share_of_truths_above(found, 0.6).value == 0.0
    # Though they may: no error is 0, and the tail's is the largest.
    low, middle = (e.mcse for e in quantiles_given_truth(found, (0.05, 0.5)))
    assert low > middle > 0.0
    assert found.sd.mcse > 0.0


# Quantiles of probabilities given the truth, and errors of all of these


def truths_of(successes: Sequence[int], trials: Sequence[int]) -> GivenTruth:
    truths = spread_of(shares_of(successes, trials)).given_truth
    assert truths is not None
    return truths


def slow_quantile(successes: Sequence[int], trials: Sequence[int], probability: float) -> float:
    """Quantile of shares spread over their steps, drawn towards the mean; by bisection."""
    between, _ = slow_parts(successes, trials)
    shares = [Fraction(s, n) for s, n in zip(successes, trials, strict=True)]
    middle = sum(shares, Fraction(0)) / len(shares)
    seen = sum(((s - middle) ** 2 for s in shares), Fraction(0)) / (len(shares) - 1)
    seen += sum((Fraction(1, 12 * n * n) for n in trials), Fraction(0)) / len(shares)
    low, high = -1.0, 2.0
    for _ in range(60):
        at = (low + high) / 2.0
        parts = [
            min(max((at - float(s)) * n + 0.5, 0.0), 1.0)
            for s, n in zip(shares, trials, strict=True)
        ]
        low, high = (at, high) if sum(parts) < probability * len(parts) else (low, at)
    mean = sum(successes) / sum(trials)
    return min(max(mean + math.sqrt(between / seen) * (low - mean), 0.0), 1.0)


@pytest.mark.parametrize("probability", [0.05, 0.31, 0.5, 0.95])
@pytest.mark.parametrize("name", ["balanced", "one more in some", "some alone"])
def test_quantiles_are_those_of_shares_spread_over_their_steps(
    name: str, probability: float
) -> None:
    successes, trials = CASES[name]
    truths = truths_of(successes, trials)
    expected = slow_quantile(successes, trials, probability)
    # Either end of a gap between members, or its middle, is a quantile.
    at = truths.quantile(probability).value
    ends = [slow_quantile(successes, trials, probability + d) for d in (-1e-6, 1e-6)]
    assert ends[0] - 1e-6 <= at <= ends[1] + 1e-6
    if ends[1] - ends[0] < 1e-4:
        assert at == pytest.approx(expected, abs=1e-6)
    else:
        assert at == pytest.approx(np.mean(ends), abs=1e-4)
    # The share above a quantile is what is left; the picture's curve goes through it.
    if 0.0 < at < 1.0:
        assert truths.share_above(at).value == pytest.approx(1.0 - probability, abs=1e-6)
        powers, upto = truths.curve()
        assert np.interp(at, powers, upto) == pytest.approx(probability, abs=1e-6)


def without(values: Sequence[int], member: int) -> list[int]:
    return [*values[:member], *values[member + 1 :]]


def jackknife(figure: Any, successes: list[int], trials: list[int]) -> float:
    """Standard error of a figure by leaving out one member after the other."""
    left = [figure(without(successes, m), without(trials, m)) for m in range(len(successes))]
    return math.sqrt(np.var(left) * (len(left) - 1))


@pytest.mark.parametrize("sizes", [(8, 8), (2, 3), (5, 9)])
def test_the_error_of_a_deviation_is_that_of_the_jackknife(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(11)
    trials = rng.integers(sizes[0], sizes[1] + 1, 300)
    successes = rng.binomial(trials, rng.beta(2.0, 1.0, 300))
    figures = successes.tolist(), trials.tolist()
    found = truths_of(*figures).deviation()
    expected = jackknife(lambda s, t: truths_of(s, t).deviation().value, *figures)
    assert found.mcse == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("n_each", [3, 30])
def test_errors_of_quantiles_and_shares_are_those_of_leaving_out_groups(n_each: int) -> None:
    # Quantiles are smooth enough for it only if many members are left out at once.
    rng = np.random.default_rng(12)
    n_members, n_groups = 6000, 60
    successes = rng.binomial(n_each, rng.beta(3.0, 2.0, n_members))
    truths = truths_of(successes.tolist(), [n_each] * n_members)
    figures = [truths.quantile(p) for p in (0.05, 0.25, 0.5, 0.75)] + [truths.share_above(0.8)]
    left = []
    for group in range(n_groups):
        kept = np.arange(n_members) % n_groups != group
        part = truths_of(successes[kept].tolist(), [n_each] * int(kept.sum()))
        left.append([part.quantile(p).value for p in (0.05, 0.25, 0.5, 0.75)])
        left[-1].append(part.share_above(0.8).value)
    expected = np.sqrt(np.var(left, axis=0) * (n_groups - 1))
    # A standard deviation of 60 groups is right to 9%.
    assert [figure.mcse for figure in figures] == pytest.approx(expected, rel=0.3)


def test_no_member_above_a_level_still_has_an_error() -> None:
    found = truths_of([3, 5, 4, 2, 6, 5] * 5, [20] * 30).share_above(0.8)
    assert found.value == 0.0
    assert found.mcse == pytest.approx(share([False] * 30)[1])


def test_powers_never_leave_their_range() -> None:
    truths = truths_of([5, 5, 5, 4, 0, 0, 1, 5] * 10, [5] * 80)
    found = [truths.quantile(p) for p in (0.05, 0.95)]
    assert [e.value for e in found] == [0.0, 1.0]
    powers, upto = truths.curve()
    assert powers.min() == 0.0
    assert powers.max() == 1.0
    assert (upto[0], upto[-1]) == (0.0, 1.0)
    assert np.all(np.diff(upto) >= 0.0)
    assert np.all(np.diff(powers) >= 0.0)


def test_strata_make_the_errors_smaller() -> None:
    rng = np.random.default_rng(4)
    n_members, n_each = 400, 200
    strata = rng.permutation(n_members)
    power = 0.3 + 0.6 * (strata + 0.5) / n_members
    shares = shares_of(rng.binomial(n_each, power).tolist(), [n_each] * n_members)
    alone, stratified = spread_of(shares), spread_of(shares, [strata])
    for one, other in zip(
        (alone.sd, *quantiles_given_truth(alone, (0.25, 0.5)), share_of_truths_above(alone, 0.8)),
        (
            stratified.sd,
            *quantiles_given_truth(stratified, (0.25, 0.5)),
            share_of_truths_above(stratified, 0.8),
        ),
        strict=True,
    ):
        assert one.value == other.value
        assert 0.0 < other.mcse < 0.6 * one.mcse


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
        assert stratified.sd.value == alone.sd.value
        assert stratified.sd.mcse <= alone.sd.mcse
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
