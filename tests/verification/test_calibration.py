"""Calibration to published figures: replicates, recovery, prediction of what was left out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

import simulate
from simulate.calibration.calibrate import Settings, fit
from simulate.calibration.evidence import Evidence
from simulate.calibration.posterior import posterior_rows
from simulate.calibration.predictive import PredictiveRow, predictive_rows
from simulate.calibration.readings import readings_of
from simulate.calibration.replicate import Replicate, replicate_of
from simulate.calibration.sampler import Posterior, Sizes

ROOT = Path(__file__).parents[2]
LITESPARK = ROOT / "scenarios" / "evidence" / "litespark-015.toml"
# Of the feasibility study: rSR, H12, k, rD, rRP, rPD.
CHECKED = np.array([[12 * 0.0238, 0.37844, 0.6, 12 * 0.0054, 12 * 0.0315, 12 * 0.0273]])
# A fifth of the shipped size: quick, and still a posterior.
SMALL = Sizes(4, 8_000, ((500, 80), (800, 100), (1_500, 120)))
SETTINGS = Settings(workers=2)


@cache
def evidence(*overrides: str) -> Evidence:
    return simulate.load_evidence(LITESPARK, overrides)


@cache
def small_fit(*overrides: str) -> tuple[Replicate, Posterior]:
    replicate = replicate_of(evidence(*overrides))
    return replicate, fit(replicate, 15, SETTINGS, SMALL)


def predicted(replicate: Replicate, found: Posterior) -> dict[str, PredictiveRow]:
    """What replicates of the posterior publish, by name of the figure in words."""
    values = replicate.simulate(found.members(500), 20, 10**15, 99, workers=2, of_predictions=True)
    rows = predictive_rows(replicate.readings.predictions, values.reshape(-1, values.shape[2]))
    return {row.what: row for row in rows}


@pytest.mark.slow
def test_replicates_have_the_means_of_the_feasibility_study() -> None:
    # Figures of another program, each to within its error there and four of ours here.
    replicate = replicate_of(evidence())
    n = 40_000
    values = replicate.simulate(CHECKED, n, 0, 1, workers=2, of_predictions=True)[0]
    columns = {
        p.what: column for p, column in zip(replicate.readings.predictions, values.T, strict=True)
    }
    responders = 0.72 * columns["response, percent"]
    assert responders.mean() == pytest.approx(17.64, abs=0.05 + 4 * 3.65 / n**0.5)
    assert responders.std() == pytest.approx(3.65, abs=0.1)
    control = 0.72 * columns["disease control, percent"]
    assert control.mean() == pytest.approx(59.92, abs=0.05 + 4 * control.std() / n**0.5)
    not_reached = np.isinf(columns["Median PFS, upper limit, months"]).mean()
    assert not_reached == pytest.approx(0.39, abs=0.01 + 4 * 0.5 / n**0.5)


@pytest.mark.slow
def test_events_of_replicates_are_those_of_the_feasibility_study() -> None:
    replicate = replicate_of(evidence())
    scenario = replicate.with_members(CHECKED)
    tables = {"pfs": {"endpoint": "pfs", "arm": "belzutifan", "kind": "median"}}
    data = replicate.scenario.model_dump(mode="json", exclude_none=True) | {"estimates": tables}
    data["arms"]["belzutifan"]["states"]["members"] = {
        name: {
            "shape": list(map(float, h.shape)),
            "cumulative_12": list(map(float, h.cumulative_12)),
        }
        for name, h in scenario.arms["belzutifan"].states.members.items()  # type: ignore[union-attr]
    }
    data["simulation"] = {"trials": 20_000, "seed": 3}
    result = simulate.run(simulate.scenario_from_dict(data))
    events = result.estimate("events_mean", "pfs", "publication")
    assert events.value == pytest.approx(38.91, abs=0.06 + 4 * events.mcse)


@pytest.mark.slow
def test_the_published_figures_are_reproduced() -> None:
    replicate, found = small_fit()
    rows = predicted(replicate, found)
    assert [what for what, row in rows.items() if not row.inside] == []
    latent = {r.quantity: r for r in posterior_rows(evidence(), found.members(1000))}
    # The feasibility study's posterior medians, to within a fifth of the 95% intervals' widths.
    for quantity, median, lower, upper in (
        ("pfs_12", 0.672, 0.576, 0.743),
        ("pfs_18", 0.570, 0.476, 0.656),
        ("pfs_24", 0.487, 0.390, 0.582),
        ("median_pfs", 22.9, 16.4, 31.9),
        ("os_24", 0.775, 0.680, 0.850),
        ("median_os", 51.7, 38.0, 74.4),
    ):
        row = latent[quantity]
        tolerance = 0.2 * (upper - lower)
        assert row.median == pytest.approx(median, abs=0.5 * tolerance), quantity
        assert row.lower == pytest.approx(lower, abs=tolerance), quantity
        assert row.upper == pytest.approx(upper, abs=1.5 * tolerance), quantity
    assert latent["median_os"].extrapolated
    assert not latent["os_24"].extrapolated


@pytest.mark.slow
@pytest.mark.parametrize(
    ("figure", "what"),
    [
        ("os_24", "OS at 24 months, percent"),
        ("duration_12", "Duration of response of 12 months or longer, percent"),
    ],
)
def test_a_figure_left_out_is_predicted(figure: str, what: str) -> None:
    replicate, found = small_fit(f"figures.{figure}.use=false")
    row = predicted(replicate, found)[what]
    assert not row.is_fitted
    assert row.inside


@pytest.mark.slow
def test_the_lower_limit_of_pfs_left_out_is_predicted() -> None:
    tables = evidence().model_dump(mode="json", exclude_none=True)
    del tables["figures"]["pfs_median"]["interval_months"]
    from simulate.calibration.load import evidence_from_dict

    replicate = replicate_of(evidence_from_dict(tables))
    found = fit(replicate, 15, SETTINGS, SMALL)
    with_limits = Replicate(evidence(), readings_of(evidence()), replicate_of(evidence()).scenario)
    row = predicted(with_limits, found)["Median PFS, lower limit, months"]
    assert row.lower <= 13.8 <= row.upper


@pytest.mark.slow
def test_a_wrong_scan_grid_fits_worse() -> None:
    # Scans every 20 weeks cannot show a first response at 1.7 months, nor so early ones.
    _, right = small_fit()
    _, wrong = small_fit("assessments.schedule=[{from_week=0, every_weeks=20}]")
    worst = [max(abs(f.discrepancy) for f in found.fits) for found in (right, wrong)]
    assert wrong.quality.log_evidence < right.quality.log_evidence - 1.0
    assert worst[1] > worst[0] or wrong.quality.distance > right.quality.distance


@pytest.mark.slow
def test_implausible_figures_cost_evidence_and_impossible_ones_are_refused() -> None:
    unlikely = (
        "figures.response.percent=60",
        "figures.response.interval_percent=[47.5, 71.1]",
        "figures.pfs_median.months=5.0",
        "figures.pfs_median.interval_months=[3.7, 7.4]",
        "figures.time_to_response_median.use=false",
        "figures.duration_12.use=false",
    )
    replicate = replicate_of(evidence(*unlikely))
    with pytest.raises(simulate.CalibrationError, match="cannot hold together") as refusal:
        fit(replicate, 15, SETTINGS, SMALL)
    assert refusal.value.worst


def test_features_do_not_depend_on_workers() -> None:
    replicate = replicate_of(evidence())
    draws = np.repeat(CHECKED, 7, axis=0) * np.linspace(0.5, 1.5, 7)[:, None]
    one, two, three = (
        replicate.simulate(draws, 900, 5_000_000_001, 8, workers=w) for w in (1, 2, 3)
    )
    n_columns = sum(read.feature.n_columns for read in replicate.readings.features)
    assert one.shape == (7, 900, n_columns)
    assert one.tobytes() == two.tobytes() == three.tobytes()


def test_a_member_is_simulated_by_its_own_parameters() -> None:
    # Member m takes trials m, M + m, 2 M + m, …: alone it gives what it gives among others.
    replicate = replicate_of(evidence())
    draws = np.concatenate([CHECKED, 2.0 * CHECKED, 0.5 * CHECKED])
    together = replicate.simulate(draws, 50, 0, 8)
    means = together[:, :, 0].mean(axis=1)
    # Twice all hazards: more respond early, fewer live long.
    assert means[0] != means[1] != means[2]
    alone = replicate.simulate(draws[1:2], 150, 0, 8)[0, 1::3]
    assert alone.tobytes() == np.ascontiguousarray(together[1]).tobytes()


@pytest.mark.slow
def test_another_trial_is_calibrated_by_its_file_alone() -> None:
    files = sorted(LITESPARK.parent.glob("*.toml"))
    others = [path for path in files if path != LITESPARK]
    assert others
    for path in others:
        other = simulate.load_evidence(path)
        replicate = replicate_of(other)
        found = fit(replicate, 3, SETTINGS, SMALL)
        rows = predicted(replicate, found)
        assert [what for what, row in rows.items() if row.is_fitted and not row.inside] == []
