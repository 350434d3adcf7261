"""Two runs compared trial by trial, against plain Python, other derivations and repetition."""

from __future__ import annotations

import io
import json
import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from twins.feature_scenarios import Table, events, feature_scenario, hypothesis, relative
from twins.slow_results import slow_outcome, trials_of

from simulate.engine.statistics import Statistics
from simulate.errors import RefusedError, StoreError
from simulate.report.compare import print_comparison
from simulate.results.clusters import clustered_pairs
from simulate.results.compare import Difference, PairedRuns, Unpaired, compare_folders
from simulate.results.estimates import Share
from simulate.results.pairs import Figure, RejectionPairs, ValuePairs
from simulate.results.settings import Setting, settings_that_differ
from simulate.runner.columns import encode_rows
from simulate.runner.execute import Block, simulate_block
from simulate.runner.folder import RunFolder, start_folder
from simulate.runner.manifest import Manifest, new_manifest
from simulate.runner.pack import pack
from simulate.scenario.load import scenario_from_dict
from simulate.scenario.models import Scenario, Simulation

SEED = 20260101
COUNTS = ("n_trials", "n_only_a", "n_only_b", "n_neither")
# Relative to the spread of the values; both sides sum the same doubles in another order.
ROUNDING = 1e-9


def with_trials(scenario: Scenario, trials: int, seed: int = SEED) -> Scenario:
    return scenario.model_copy(update={"simulation": Simulation(trials=trials, seed=seed)})


def arms_of(ratio: float) -> Table:
    """Arms of the feature "plain" under another hazard ratio."""
    plain = feature_scenario("plain").model_dump(mode="json", exclude_none=True)["arms"]
    return {**plain, "new": {**plain["new"], "pfs": relative("old", ratio)}}


def simulated(scenario: Scenario) -> Statistics:
    simulation = scenario.simulation
    return simulate_block(pack(scenario), simulation.seed, Block(0, simulation.trials))


def stored(
    path: Path, scenario: Scenario, block_trials: int = 50, **changed: Any
) -> tuple[RunFolder, Statistics]:
    """A run folder, and the statistics in it."""
    manifest = replace(new_manifest(scenario, block_trials, "rows"), **changed)
    found = simulated(scenario)
    folder, _ = start_folder(path, manifest)
    for block in folder.planned():
        part = Statistics(
            **{name: column[slice(*block)] for name, column in found._asdict().items()}
        )
        folder.add(block, encode_rows(part, block.start, manifest.numbers, manifest.header))
    return folder, found


def compared(path: Path, *scenarios: Scenario) -> PairedRuns:
    a, b = (stored(path / str(i), scenario)[0] for i, scenario in enumerate(scenarios))
    return compare_folders(a, b)


def row_of(
    runs: PairedRuns, hypothesis: str, analysis: str = "overall", measure: str = "rejection"
) -> Difference:
    """The first row that fits; a measure is told by how it begins."""
    return next(
        row
        for row in runs.differences
        if row[:2] == (hypothesis, analysis) and row.measure.startswith(measure)
    )


# Against plain Python


Values = dict[tuple[str, str, str], list[float]]


def slow_values(scenario: Scenario, found: Statistics) -> Values:
    """Each trial's value of each figure, trial by trial; NaN where undefined."""
    values: Values = {}
    for trial in trials_of(scenario, found):
        outcome = slow_outcome(scenario, trial)
        for name, planned in scenario.hypotheses.items():
            figures: dict[tuple[str, str], float] = {}
            rejected, month, n_events = 0.0, math.nan, math.nan
            for look in planned.analyses:
                row, at = trial[look, name], (look, name)
                held = at in outcome.exists
                counted = float(row.events_experimental + row.events_control)
                rejected = max(rejected, float(at in outcome.rejects))
                if at in outcome.reached:
                    month, n_events = row.cutoff, counted
                figures[look, "cumulative_rejection_probability"] = rejected
                figures[look, "look_time_mean"] = row.cutoff if held else math.nan
                figures[look, "events_mean"] = counted if held else math.nan
                figures[look, "z_mean"] = row.z
                if planned.test.estimate != "none":
                    figures[look, "log_hazard_ratio_mean"] = row.estimate
            figures["overall", "rejection_probability"] = rejected
            figures["overall", "look_time_mean"] = month
            figures["overall", "events_mean"] = n_events
            for (look, measure), value in figures.items():
                values.setdefault((name, look, measure), []).append(value)
    return values


def slow_difference(a: list[float], b: list[float]) -> dict[str, float]:
    """Means, errors and counts of a figure, with the module `statistics`."""
    both = [(x, y) for x, y in zip(a, b, strict=True) if math.isfinite(x) and math.isfinite(y)]
    n = len(both)
    xs, ys, ds = ([pair[0] for pair in both], [pair[1] for pair in both], [y - x for x, y in both])
    found: dict[str, float] = {
        "n_trials": n,
        "n_only_a": sum(map(math.isfinite, a)) - n,
        "n_only_b": sum(map(math.isfinite, b)) - n,
        "n_neither": sum(not math.isfinite(x + y) for x, y in zip(a, b, strict=True))
        - (sum(map(math.isfinite, a)) + sum(map(math.isfinite, b)) - 2 * n),
    }
    found |= {"estimate_a": math.nan, "estimate_b": math.nan, "difference": math.nan}
    found |= dict.fromkeys(("mcse", "mcse_independent", "correlation"), math.nan)
    if n > 0:
        found["estimate_a"], found["estimate_b"] = statistics.fmean(xs), statistics.fmean(ys)
        found["difference"] = statistics.fmean(ds)
    if n > 1:
        found["mcse"] = statistics.stdev(ds) / math.sqrt(n)
        variance = statistics.variance(xs) + statistics.variance(ys)
        found["mcse_independent"] = math.sqrt(variance / n)
        if min(statistics.pstdev(xs), statistics.pstdev(ys)) > 0.0:
            found["correlation"] = statistics.correlation(xs, ys)
    return found


CASES: dict[str, tuple[Scenario, Scenario]] = {
    "hazard ratio": (feature_scenario("plain"), feature_scenario("plain", arms=arms_of(0.8))),
    "patients": (feature_scenario("stratified"), feature_scenario("stratified", patients=130)),
    "looks that do not come": (
        feature_scenario("hardly any patients"),
        feature_scenario("hardly any patients", patients=10),
    ),
    "nothing reached": (
        feature_scenario("events that never come"),
        feature_scenario("events that never come", patients=50),
    ),
    "another design": (
        feature_scenario("three arms"),
        feature_scenario("three arms", stopping={"rejected": "any"}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_differences_are_those_of_plain_python(case: str, tmp_path: Path) -> None:
    scenarios = [
        with_trials(scenario, trials)
        for scenario, trials in zip(CASES[case], (170, 130), strict=True)
    ]
    (folder_a, found_a), (folder_b, found_b) = (
        stored(tmp_path / str(i), scenario) for i, scenario in enumerate(scenarios)
    )
    runs = compare_folders(folder_a, folder_b)
    assert runs.n_trials == 130
    slow_a, slow_b = slow_values(scenarios[0], found_a), slow_values(scenarios[1], found_b)
    assert {row[:3] for row in runs.differences} == slow_a.keys()
    for row in runs.differences:
        a, b = slow_a[row[:3]][:130], slow_b[row[:3]]
        expected = slow_difference(a, b)
        assert {name: getattr(row, name) for name in COUNTS} == {n: expected[n] for n in COUNTS}
        scale = max([1.0, *(abs(x) for x in (*a, *b) if math.isfinite(x))])
        for name in ("estimate_a", "estimate_b", "difference"):
            assert getattr(row, name) == pytest.approx(
                expected[name], abs=ROUNDING * scale, nan_ok=True
            ), (row, name)
        if row.measure.endswith("probability"):
            check_rejections(runs, row, a, b)
            continue
        for name in ("mcse", "mcse_independent", "correlation"):
            assert getattr(row, name) == pytest.approx(
                expected[name], rel=1e-6, abs=ROUNDING * scale, nan_ok=True
            ), (row, name)


def check_rejections(runs: PairedRuns, row: Difference, a: list[float], b: list[float]) -> None:
    counts = next(found for found in runs.rejections if found[:3] == row[:3])
    pairs = list(zip(a, b, strict=True))
    assert counts[3:] == tuple(map(pairs.count, ((1, 1), (1, 0), (0, 1), (0, 0))))
    n = len(pairs)
    assert row.mcse_independent == pytest.approx(
        math.hypot(*(Share(int(sum(x)), n).estimate().mcse for x in (a, b)))
    )
    if counts.only_a + counts.only_b >= 10:
        # Population moments: the errors of proportions are binomial.
        error = statistics.pstdev([y - x for x, y in pairs]) / math.sqrt(n)
        assert row.mcse == pytest.approx(error)
    if 0 < sum(a) < n and 0 < sum(b) < n:
        assert row.correlation == pytest.approx(statistics.correlation(a, b))


def test_cases_have_all_that_can_be_missing(tmp_path: Path) -> None:
    # Otherwise the test above would hold for code that leaves nothing out.
    found = {
        name: sum(getattr(row, name) > 0 for row in runs.differences)
        for runs in [
            compared(tmp_path, *(with_trials(s, 150) for s in CASES["looks that do not come"]))
        ]
        for name in COUNTS
    }
    assert min(found.values()) > 0


def test_blocks_do_not_change_the_comparison(tmp_path: Path) -> None:
    scenarios = [with_trials(scenario, 190) for scenario in CASES["patients"]]
    small, whole = (
        compare_folders(
            *(
                stored(tmp_path / f"{block_trials}-{i}", scenario, block_trials)[0]
                for i, scenario in enumerate(scenarios)
            )
        )
        for block_trials in (40, 200)
    )
    assert small.rejections == whole.rejections
    for one, other in zip(small.differences, whole.differences, strict=True):
        assert one[:3] == other[:3]
        assert one[3:] == pytest.approx(other[3:], rel=1e-7, abs=1e-10, nan_ok=True)


# What is known beforehand


def test_a_folder_against_itself_differs_in_nothing(tmp_path: Path) -> None:
    folder, _ = stored(tmp_path / "a", with_trials(feature_scenario("stratified"), 120))
    runs = compare_folders(folder, folder)
    assert not runs.settings
    assert not runs.unpaired
    for row in runs.differences:
        assert row.n_trials > 1
        assert row.estimate_a == row.estimate_b
        assert (row.difference, row.mcse) == (0.0, 0.0)
        assert math.isnan(row.variance_ratio)
        assert math.isnan(row.correlation) or row.correlation == pytest.approx(1.0)
    assert all(row.only_a == row.only_b == 0 for row in runs.rejections)


def test_one_seed_saves_trials(tmp_path: Path) -> None:
    runs = compared(
        tmp_path,
        *(
            with_trials(feature_scenario("plain", arms=arms_of(ratio)), 400)
            for ratio in (0.55, 0.6)
        ),
    )
    assert runs.settings == (Setting("arms.new.pfs.hazard_ratio", 0.55, 0.6),)
    ratios = {row[1:3]: row.variance_ratio for row in runs.differences}
    assert ratios["final", "cumulative_rejection_probability"] > 2.0
    assert ratios["final", "z_mean"] > 20.0
    assert ratios["final", "log_hazard_ratio_mean"] > 20.0
    row = row_of(runs, "test")
    assert row.variance_ratio == pytest.approx((row.mcse_independent / row.mcse) ** 2)
    assert row.difference < 0.0


def test_error_of_rejections_is_mcnemars() -> None:
    both, only_a, only_b, neither = 520, 61, 17, 302
    n = both + only_a + only_b + neither
    found = RejectionPairs(both, only_a, only_b, neither).estimates()
    # Covariance of two shares of the same trials, from the multinomial distribution.
    p_a, p_b, p_ab = (both + only_a) / n, (both + only_b) / n, both / n
    variance = (p_a * (1 - p_a) + p_b * (1 - p_b) - 2 * (p_ab - p_a * p_b)) / n
    assert found.difference.value == pytest.approx(p_b - p_a)
    assert found.difference.mcse == pytest.approx(math.sqrt(variance))
    # McNemar's statistic has the variance under equal probabilities, which is a little larger.
    under_null = math.sqrt(only_a + only_b) / n
    assert found.difference.mcse < under_null == pytest.approx(found.difference.mcse, rel=0.2)
    phi = (p_ab - p_a * p_b) / math.sqrt(p_a * (1 - p_a) * p_b * (1 - p_b))
    assert found.correlation == pytest.approx(phi)


def test_few_discordant_pairs_do_not_make_a_difference_certain() -> None:
    none = RejectionPairs(80, 0, 0, 20).estimates().difference
    assert none.value == 0.0
    assert none.mcse == Share(0, 100).estimate().mcse > 0.004
    for only_a, only_b in ((1, 0), (0, 9), (4, 5)):
        found = RejectionPairs(800, only_a, only_b, 200 - only_a - only_b).estimates().difference
        plain = math.sqrt((only_a + only_b) / 1000 - found.value**2) / math.sqrt(1000)
        assert plain < found.mcse < 1.2 * plain


@pytest.mark.parametrize("measure", ["cumulative_rejection_probability", "z_mean"])
def test_error_of_a_difference_is_the_spread_of_repeated_ones(measure: str) -> None:
    repeats, n = 400, 150
    scenarios = [
        with_trials(feature_scenario("plain", arms=arms_of(ratio)), repeats * n)
        for ratio in (0.6, 0.7)
    ]
    founds = [simulated(scenario) for scenario in scenarios]
    figure = Figure("test", "final", measure)
    estimates = []
    for start in range(0, repeats * n, n):
        a, b = (Statistics(*(column[start : start + n] for column in found)) for found in founds)  # type: ignore[arg-type]
        estimates.append(
            clustered_pairs(scenarios[0], a, scenarios[1], b, 0, 0)[figure].estimates()
        )
    spread = statistics.stdev(found.difference.value for found in estimates)
    stated = math.sqrt(statistics.fmean(found.difference.mcse**2 for found in estimates))
    alone = math.sqrt(statistics.fmean(f.a.mcse**2 + f.b.mcse**2 for f in estimates))
    # The spread of 400 repetitions is known to 3.5 %.
    assert stated == pytest.approx(spread, rel=0.14)
    assert alone > 1.3 * stated


def test_what_is_not_finite_is_counted_and_left_out() -> None:
    a = np.array([1.0, np.nan, 3.0, np.inf, np.nan])
    b = np.array([2.0, 5.0, 1.0, 0.0, -np.inf])
    pairs = ValuePairs.of(a, b)
    assert pairs.without_value == (0, 2, 1)
    found = pairs.estimates()
    assert (found.a.value, found.b.value, found.difference.value) == (2.0, 1.5, -0.5)
    assert found.correlation == pytest.approx(-1.0)
    empty = ValuePairs.of(a[3:], b[3:])
    assert all(math.isnan(estimate.value) for estimate in empty.estimates()[:3])
    assert empty.combined(pairs) == pairs._replace(only_b=3, neither=2)


# Names and settings


def test_names_of_one_run_only_are_said(tmp_path: Path) -> None:
    a = feature_scenario("three arms")
    looks = {"first": {"trigger": events(30)}, "third": {"trigger": events(60)}}
    tests = {"high": hypothesis("high", "placebo", "first", "third")}
    b = feature_scenario("three arms", analyses=looks, hypotheses=tests)
    runs = compared(tmp_path, with_trials(a, 60), with_trials(b, 60))
    assert runs.unpaired == (
        Unpaired("a", "doses", "first"),
        Unpaired("a", "high", "second"),
        Unpaired("a", "low", "second"),
        Unpaired("b", "high", "third"),
    )
    assert {row[:2] for row in runs.differences} == {("high", "overall"), ("high", "first")}
    text = printed(runs)
    assert "only A tests high at second" in text
    assert "only B tests high at third" in text


def test_each_run_is_judged_by_its_own_design(tmp_path: Path) -> None:
    tests = {"test": hypothesis("new", "old", "final") | {"critical_values": [2.6]}}
    runs = compared(
        tmp_path,
        with_trials(feature_scenario("plain"), 300),
        with_trials(feature_scenario("plain", hypotheses=tests), 300),
    )
    assert runs.settings == (Setting("hypotheses.test.critical_values", [2.0], [2.6]),)
    (by_end, at_look) = runs.rejections
    assert by_end[3:] == at_look[3:]
    assert by_end.only_a > 0 == by_end.only_b
    z = row_of(runs, "test", "final", "z_mean")
    assert (z.difference, z.mcse) == (0.0, 0.0)


def test_settings_are_flat_and_leave_words_out() -> None:
    selector = {"stratum": {"source": "high", "risk": "x"}, "median_months": 4.0}
    a = {
        "title": "One",
        "simulation": {"trials": 5, "seed": 1},
        "arms": {
            "source": {"label": "S", "pfs": {"by_stratum": {"one": selector}}},
            "new": {"pfs": {"median_months": 9.0, "source": "A paper", "status": "inferred"}},
        },
        "accrual": {"rates_per_month": [{"from_month": 0.0, "rate": 2.0}]},
        "analyses": {"final": {"trigger": {"events": 20, "arms": ["a", "b"]}}},
    }
    b = json.loads(json.dumps(a))
    b |= {"title": "Two", "purpose": "None", "simulation": {"trials": 9, "seed": 2}}
    b["arms"]["new"]["pfs"] |= {"source": "Another", "status": "derived"}
    assert settings_that_differ(a, b) == []
    b["arms"]["source"]["pfs"]["by_stratum"]["one"]["stratum"]["source"] = "low"
    b["arms"]["new"] = {"label": "N", "pfs": {"hazard_ratio": 0.5}}
    b["arms"]["third"] = {"pfs": {"median_months": 3.0}}
    b["accrual"]["rates_per_month"] += [{"from_month": 3.0, "rate": 4.0}]
    b["analyses"]["final"]["trigger"]["arms"] = ["b", "a"]
    assert settings_that_differ(a, b) == [
        Setting("arms.source.pfs.by_stratum.one.stratum.source", "high", "low"),
        Setting("arms.new.pfs.median_months", 9.0, None),
        Setting("arms.new.pfs.hazard_ratio", None, 0.5),
        Setting("arms.third.pfs.median_months", None, 3.0),
        Setting("accrual.rates_per_month.1.from_month", None, 3.0),
        Setting("accrual.rates_per_month.1.rate", None, 4.0),
        Setting("analyses.final.trigger.arms", ["a", "b"], ["b", "a"]),
    ]


def test_another_order_is_a_difference_where_it_means_something() -> None:
    a = {"arms": {"x": {}, "y": {}}, "joint_prevalence": {"p": {"prevalence": 1}, "q": {}}}
    b = {"arms": {"y": {}, "x": {}}, "joint_prevalence": {"q": {}, "p": {"prevalence": 1}}}
    assert settings_that_differ(a, b) == [Setting("arms", ["x", "y"], ["y", "x"])]


# Refusals


def refused(path: Path, a: Manifest, b: Manifest) -> str:
    folders = [start_folder(path / str(i), manifest)[0] for i, manifest in enumerate((a, b))]
    with pytest.raises(RefusedError) as caught:
        compare_folders(*folders)
    return str(caught.value)


def test_runs_that_share_no_patients_are_refused_with_both_values(tmp_path: Path) -> None:
    scenario = with_trials(feature_scenario("plain"), 100)
    a = new_manifest(scenario, 50, "rows")
    message = refused(tmp_path / "one", a, replace(a, seed=7, block_trials=40))
    assert f"seed: runs share their patients if they have one seed: {tmp_path}" in message
    assert f"one/0 has {SEED}, " in message
    assert "one/1 has 7" in message
    assert "trials in a block: " in message
    assert "one/0 has 50" in message
    message = refused(tmp_path / "two", a, replace(a, stream_version=2))
    assert "version of the random numbers" in message
    assert "seed" not in message


@pytest.mark.parametrize("which", [0, 1])
def test_summaries_are_refused_with_the_remedy(which: int, tmp_path: Path) -> None:
    rows = new_manifest(with_trials(feature_scenario("plain"), 100), 50, "rows")
    manifests = [rows, rows]
    manifests[which] = replace(rows, keep="summary")
    message = refused(tmp_path, *manifests)
    assert f"{tmp_path}/{which}: keeps sums and counts only" in message
    assert "run it again with --keep rows" in message
    assert f"{tmp_path}/{1 - which}" not in message


def test_runs_without_a_common_hypothesis_are_refused(tmp_path: Path) -> None:
    a = feature_scenario("plain")
    b = feature_scenario("plain", hypotheses={"other": hypothesis("new", "old", "final")})
    message = refused(tmp_path, *(new_manifest(with_trials(s, 9), 50, "rows") for s in (a, b)))
    assert "no hypothesis has the same name" in message
    assert "0 has test" in message
    assert "1 has other" in message


def two_folders(path: Path, trials: int = 130) -> list[RunFolder]:
    return [
        stored(path / str(i), with_trials(scenario, trials))[0]
        for i, scenario in enumerate(CASES["hazard ratio"])
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_missing_blocks_are_named(which: int, tmp_path: Path) -> None:
    folders = two_folders(tmp_path)
    present = folders[which].present()
    for block in (Block(0, 50), Block(100, 130)):
        present[block].unlink()
    with pytest.raises(StoreError) as caught:
        compare_folders(*folders)
    assert not isinstance(caught.value, RefusedError)
    assert f"{tmp_path}/{which}: missing: trials 0 to 49, trials 100 to 129;" in str(caught.value)


def test_many_missing_blocks_are_counted(tmp_path: Path) -> None:
    manifest = new_manifest(with_trials(feature_scenario("plain"), 1000), 50, "rows")
    folder, _ = start_folder(tmp_path / "a", manifest)
    with pytest.raises(StoreError, match=r"trials 200 to 249 and 15 more blocks;"):
        compare_folders(folder, folder)


def test_blocks_that_only_one_run_plans_are_not_read(tmp_path: Path) -> None:
    scenario_a, scenario_b = CASES["hazard ratio"]
    a, _ = stored(tmp_path / "a", with_trials(scenario_a, 60))
    b, _ = stored(tmp_path / "b", with_trials(scenario_b, 200))
    before = compare_folders(a, b)
    b.present()[Block(100, 150)].write_bytes(b"")
    b.present()[Block(150, 200)].unlink()
    assert compare_folders(a, b).differences == before.differences
    assert before.n_trials == 60


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("damage", ["truncated", "altered"])
def test_damaged_blocks_are_named_and_left(which: int, damage: str, tmp_path: Path) -> None:
    folders = two_folders(tmp_path)
    file = folders[which].present()[Block(50, 100)]
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(
        data[:middle]
        if damage == "truncated"
        else data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    )
    damaged = file.read_bytes()
    with pytest.raises(StoreError, match="truncated or altered") as caught:
        compare_folders(*folders)
    assert str(file) in str(caught.value)
    assert file.read_bytes() == damaged


def test_an_altered_manifest_is_named(tmp_path: Path) -> None:
    scenario = with_trials(feature_scenario("plain"), 10)
    good = new_manifest(scenario, 50, "rows")
    bad = replace(good, scenario=good.scenario | {"analyses": {"final": {"trigger": events(54)}}})
    a, _ = start_folder(tmp_path / "a", good)
    with pytest.raises(StoreError, match=r"b: the manifest was altered"):
        compare_folders(a, RunFolder(tmp_path / "b", bad))


# What comes out


def printed(runs: PairedRuns, width: int = 140) -> str:
    file = io.StringIO()
    print_comparison(runs, Console(file=file, width=width))
    return file.getvalue()


def test_text_says_what_differs_by_how_much(tmp_path: Path) -> None:
    runs = compared(tmp_path, *(with_trials(s, 300) for s in CASES["hazard ratio"]))
    text = printed(runs)
    assert "300 trials of both, paired by their numbers, seed 20260101" in text
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert "arms.new.pfs.hazard_ratio 0.6 0.8" in lines
    row, counts = row_of(runs, "test", "final", "cumulative"), runs.rejections[-1]
    assert (
        f"rejected by now {row.estimate_a:.4f} {row.estimate_b:.4f} {row.difference:+.4f} "
        f"({row.mcse:.4f}) ({row.mcse_independent:.4f}) {row.variance_ratio:.1f} x "
        f"{row.correlation:+.3f}"
    ) in lines
    assert f"in both {counts.both}, only in A {counts.only_a}" in text
    # One look: the end is that look.
    assert "By the end" not in text
    assert "left out" not in text


def test_text_of_several_looks_says_what_is_left_out(tmp_path: Path) -> None:
    runs = compared(tmp_path, *(with_trials(s, 150) for s in CASES["looks that do not come"]))
    text = printed(runs)
    assert text.count("By the end") == 2
    infinite = row_of(runs, "across", "second", "log_hazard_ratio")
    assert (
        f"left out, without a finite value in both (log hazard ratio): {infinite.n_only_a} trials "
        f"with one in A only, {infinite.n_only_b} in B only, {infinite.n_neither} in neither"
    ) in text
    assert "nan" not in text.lower()


def test_text_of_one_run_against_itself(tmp_path: Path) -> None:
    folder, _ = stored(tmp_path / "a", with_trials(feature_scenario("plain"), 40))
    text = printed(compare_folders(folder, folder))
    assert "The scenarios do not differ." in text
    assert "no difference is possible" in text
    assert "+0.0000 (0.0000)" in text


def test_users_words_are_no_markup(tmp_path: Path) -> None:
    test = hypothesis("new", "old", "final") | {"label": "[red]PFS[/red]"}
    folder, _ = stored(
        tmp_path / "a", with_trials(feature_scenario("plain", hypotheses={"test": test}), 5)
    )
    assert "[red]PFS[/red]" in printed(compare_folders(folder, folder))


def test_json_holds_everything_and_is_valid(tmp_path: Path) -> None:
    runs = compared(tmp_path, *(with_trials(s, 60) for s in CASES["looks that do not come"]))
    found = json.loads(json.dumps(runs.to_json(), allow_nan=False))
    assert (found["format"], found["format_version"]) == ("simulate-compare", 1)
    assert (found["trials"], found["seed"], found["stream_version"]) == (60, SEED, 1)
    assert found["a"]["data_hash"] != found["b"]["data_hash"]
    assert found["a"]["design_hash"] == found["b"]["design_hash"]
    assert found["settings"] == [{"path": "accrual.patients", "a": 9, "b": 10}]
    for plain, row in zip(found["differences"], runs.differences, strict=True):
        assert list(plain) == list(Difference._fields)
        for name, value in row._asdict().items():
            is_nan = isinstance(value, float) and math.isnan(value)
            assert plain[name] == (None if is_nan else value)
    assert [tuple(plain.values()) for plain in found["rejections"]] == list(runs.rejections)
    # The scenario of the manifest is a scenario.
    assert scenario_from_dict(runs.b.folder.manifest.scenario) == runs.b.scenario


def test_estimates_are_called_by_what_they_are_of(tmp_path: Path) -> None:
    scenario = with_trials(feature_scenario("shared data"), 60)
    runs = compared(tmp_path, scenario, with_trials(feature_scenario("shared data"), 50))
    means = {(row.hypothesis, row.measure) for row in runs.differences if row.analysis != "overall"}
    for name, planned in scenario.hypotheses.items():
        assert ((name, f"{planned.test.effect}_mean") in means) is (planned.test.effect != "none")
    effects = {planned.test.effect for planned in scenario.hypotheses.values()}
    assert len(effects - {"none", "log_hazard_ratio"}) >= 2
    out = io.StringIO()
    print_comparison(runs, Console(file=out, width=140))
    assert "difference in" in out.getvalue()
