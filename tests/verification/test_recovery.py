"""Calibration finds what is there: what its intervals cover of the truth behind data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import simulate
from simulate.calibration.calibrate import Settings
from simulate.calibration.evidence import Evidence
from simulate.calibration.figures import Median, Proportion, ShareEventFree
from simulate.calibration.recovery import LEVELS, Recovery, as_published, recover, truths_of
from simulate.calibration.replicate import replicate_of
from simulate.engine.arrays import FloatArray
from simulate.scenario.ensembles import read_ensemble

ROOT = Path(__file__).parents[2]
LITESPARK = ROOT / "scenarios" / "evidence" / "litespark-015.toml"


def members(evidence: Evidence) -> FloatArray:
    """Parameters of the shipped ensemble."""
    ensemble = read_ensemble(LITESPARK.with_suffix(".parquet"))
    columns = []
    for parameter in evidence.model.free:
        transition, key = parameter.name.split(".")
        columns.append(getattr(ensemble, key)[transition])
    return np.column_stack(columns)


def recovered(n: int) -> Recovery:
    evidence = simulate.load_evidence(LITESPARK)
    truths = truths_of(members(evidence), n, evidence.calibration.seed)
    return recover(evidence, truths, Settings(workers=2))


def test_a_simulated_trial_is_published_as_the_real_one_was() -> None:
    evidence = simulate.load_evidence(LITESPARK)
    replicate = replicate_of(evidence)
    truths = members(evidence)[:40]
    values = replicate.simulate(truths, 1, 0, 5, of_predictions=True)[:, 0, :]
    seen_limits = set()
    for row in values:
        found = as_published(evidence, replicate.readings.predictions, row)
        response, duration = found.figures["response"], found.figures["duration_12"]
        assert isinstance(response, Proportion)
        assert isinstance(duration, ShareEventFree)
        assert response.count == round(response.percent * 0.72)
        if duration.use:
            assert duration.denominator == response.count
        pfs = found.figures["pfs_median"]
        assert isinstance(pfs, Median)
        assert pfs.interval_months is not None
        seen_limits.add(isinstance(pfs.interval_months[1], str))
        # One decimal, as published.
        for month in (pfs.months, *pfs.interval_months):
            assert isinstance(month, str) or month == round(float(month), 1)
        # What the model is fitted to next is read off in the same way.
        assert len(replicate_of(found).readings.predictions) == len(replicate.readings.predictions)
    assert seen_limits == {True, False}


@pytest.mark.slow
def test_a_few_data_sets_are_recovered() -> None:
    found = recovered(6)
    assert found.n_data_sets == 6
    assert found.n_refused <= 2
    everything = {c.level: c for c in found.coverages if c.quantity == "all"}
    assert set(everything) == set(LEVELS)
    # Of six data sets few miss by so much.
    assert everything[0.95].share > 0.6
    assert everything[0.5].share < everything[0.95].share


@pytest.mark.validate
def test_intervals_cover_what_they_say() -> None:
    found = recovered(200)
    assert found.n_refused < 20
    # Intervals are known to be somewhat narrow (docs/calibration.md); no narrower than this.
    least = {0.5: 0.25, 0.8: 0.6, 0.95: 0.88}
    for coverage in found.coverages:
        assert coverage.share > least[coverage.level] - 2.0 * coverage.mcse, coverage
    print(found)
