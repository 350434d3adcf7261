"""Sums of pairs by cluster: against plain loops, in any blocks; clusters of two runs."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins.feature_scenarios import Table, exponential, feature_scenario, uncertain

from simulate import api
from simulate.results.clusters import ClusteredPairs, ClusterSums
from simulate.results.compare import compare_folders
from simulate.results.pairs import RejectionPairs, ValuePairs
from simulate.runner.folder import open_folder
from simulate.scenario.models import Scenario


def slow_error(values: list[float], clusters: list[int]) -> float:
    """Error of a mean over independent clusters, by Cochran's formula for a ratio."""
    mean = statistics.fmean(values)
    names = sorted(set(clusters))
    residuals = [
        math.fsum(v - mean for v, c in zip(values, clusters, strict=True) if c == name)
        for name in names
    ]
    squares = math.fsum(residual**2 for residual in residuals)
    return math.sqrt(len(names) / (len(names) - 1) * squares) / len(values)


def test_errors_are_those_of_the_slow_formula_in_any_blocks() -> None:
    rng = np.random.default_rng(1)
    a = rng.standard_normal(103)
    b = a + 0.3 * rng.standard_normal(103) + 0.5 * (np.arange(40, 143) % 9)
    a[7], b[50] = np.nan, np.inf
    parts = [(0, 1), (1, 60), (60, 103)]
    found: ClusteredPairs | None = None
    for start, stop in parts:
        x, y = a[start:stop], b[start:stop]
        part = ClusteredPairs(ValuePairs.of(x, y), ClusterSums.of(x, y, 40 + start, 9))
        found = part if found is None else found.combined(part)
    assert found is not None
    assert found.without_value == (1, 1, 0)
    keep = [i for i in range(103) if math.isfinite(a[i]) and math.isfinite(b[i])]
    clusters = [(40 + i) % 9 for i in keep]
    estimates = found.estimates()
    for one, values in zip(estimates[:3], (a, b, b - a), strict=True):
        assert one.value == pytest.approx(float(np.mean(values[keep])))
        assert one.mcse == pytest.approx(slow_error(values[keep].tolist(), clusters))
    # Most of the difference lies between clusters.
    assert estimates.difference.mcse > 2.0 * found.pairs.estimates().difference.mcse


def test_clusters_of_one_trial_each_have_the_error_of_independent_trials() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.random(200) < 0.4, rng.random(200) < 0.6
    pairs = RejectionPairs.of(a, b)
    found = ClusteredPairs(pairs, ClusterSums.of(a, b, 0, 200)).estimates()
    for one, other in zip(found[:3], pairs.estimates()[:3], strict=True):
        assert one.value == other.value
        assert one.mcse == pytest.approx(other.mcse, rel=0.005)


def test_few_trials_that_differ_do_not_make_a_difference_certain() -> None:
    a = np.arange(100) < 50
    pairs = RejectionPairs.of(a, a)
    found = ClusteredPairs(pairs, ClusterSums.of(a, a, 0, 10)).estimates()
    assert found.difference.mcse == pairs.estimates().difference.mcse > 0.0


def test_one_cluster_tells_no_error() -> None:
    a = np.array([1.0, 2.0, 4.0])
    sums = ClusterSums.of(a, a, 0, 7)._replace(n_trials=np.array([3.0] + [0.0] * 6))
    assert math.isnan(sums.error(sums.a))


def stored(path: Path, **tables: Any) -> Scenario:
    scenario = feature_scenario("uncertain control", **tables)
    api.run(scenario, trials=300, out=path, workers=1)
    return scenario


def test_runs_are_compared_by_the_clusters_that_both_share(tmp_path: Path) -> None:
    # 6 and 4 truths: trials two apart may share none, so that there are two clusters.
    plain: Table = {"new": {"pfs": exponential(14.0)}, "old": {"pfs": exponential(8.0)}}
    vague = plain | {"old": {"pfs": uncertain(exponential(8.0), sd_log_time=0.5)}}
    stored(tmp_path / "six", arms=vague, simulation={"members": 6})
    stored(tmp_path / "four", arms=vague, simulation={"members": 4})
    stored(tmp_path / "one", arms=plain, simulation={})
    folders = {name: open_folder(tmp_path / name) for name in ("six", "four", "one")}
    errors = {}
    for a, b in (("six", "four"), ("six", "one"), ("one", "one")):
        found = compare_folders(folders[a], folders[b])
        row = found.differences[0]
        errors[a, b] = row
        counts = found.rejections[0]
        assert counts.both + counts.only_a + counts.only_b + counts.neither == 300
    z = [
        api.load_run(tmp_path / name, workers=1).statistics.z  # type: ignore[union-attr]
        for name in ("six", "four", "one")
    ]
    rejected = [((one >= 2.0) & np.isfinite(one)).any(axis=1).astype(float) for one in z]
    cases = {("six", "four"): (0, 1, 2), ("six", "one"): (0, 2, 6)}
    for pair, (first, second, clusters) in cases.items():
        difference = (rejected[second] - rejected[first]).tolist()
        expected = slow_error(difference, [t % clusters for t in range(300)])
        assert errors[pair].mcse == pytest.approx(expected), pair
    assert errors["one", "one"].mcse == 0.0
