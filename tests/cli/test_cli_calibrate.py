"""simulate calibrate, run as users run it, on a fraction of the shipped size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.commands import ROOT, simulate

from simulate.scenario.ensembles import encode_ensemble, read_ensemble

EVIDENCE = "scenarios/evidence/litespark-015.toml"
SMALL = (
    "calibration.search_rounds=2",
    "calibration.search_draws=4000",
    "calibration.importance=[{draws=400, replicates=60}, {draws=600, replicates=60}]",
    "calibration.members=50",
)
SETTINGS = tuple(part for value in SMALL for part in ("--set", value))


def test_prints_rows_and_writes_an_ensemble_that_a_scenario_can_name(tmp_path: Path) -> None:
    target = tmp_path / "found.parquet"
    picture = tmp_path / "found.svg"
    options = ("--out", str(target), "--figure", str(picture), "--json", "--quiet")
    done = simulate("calibrate", EVIDENCE, *SETTINGS, *options)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    drawn = picture.read_text(encoding="utf-8")
    # Every line of each of the two panels is in its legend; the SVG names the words in comments.
    for words in ("fitted model, true times (95%)", "its median", "their median", "extrapolated"):
        assert drawn.count(f"<!-- {words} -->") == 2, words
    predictive = {row["what"]: row for row in found["predictive"]}
    assert predictive["Median PFS, months"]["published"] == 22.3
    assert predictive["Median PFS, upper limit, months"]["published"] == "not_reached"
    assert all(row["inside"] for row in found["predictive"])
    posterior = {row["quantity"]: row for row in found["posterior"]}
    wanted = {"pfs_12", "pfs_24", "median_pfs", "os_24", "os_36", "median_os"}
    assert wanted <= set(posterior)
    assert {posterior[name]["scale"] for name in wanted} == {"latent"}
    assert all(r["lower"] <= r["median"] <= r["upper"] for r in found["posterior"])
    assert posterior["median_os"]["extrapolated"]
    ensemble = read_ensemble(target)
    assert len(ensemble) == 50
    assert ensemble.provenance["evidence_sha256"] == found["provenance"]["evidence_sha256"]
    # The same bytes again: nothing in the file depends on the clock or the machine.
    assert encode_ensemble(ensemble) == target.read_bytes()

    base = ROOT / "scenarios" / "belzutifan-vs-sunitinib-calibrated.toml"
    scenario = tmp_path / "scenario.toml"
    text = base.read_text(encoding="utf-8").replace("evidence/litespark-015.parquet", target.name)
    scenario.write_text(text, encoding="utf-8")
    run = simulate("run", str(scenario), "--trials", "2000", "--json", "--quiet")
    assert run.returncode == 0, run.stderr
    measures = {row["measure"] for row in json.loads(run.stdout)["operating_characteristics"]}
    assert "assurance" in measures


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((EVIDENCE, "--out", "nowhere/x.parquet"), "must be in a folder that exists"),
        ((EVIDENCE, "--out", "x.csv"), "must end in .parquet"),
        ((EVIDENCE, "--coverage", "0"), "must be at least 1"),
        ((EVIDENCE, "--seed", "-1"), "seed: must be a whole number"),
        ((EVIDENCE, "--workers", "0"), "workers: must be a whole number"),
        ((EVIDENCE, "--set", "figures.response.percent=260"), "must be at most 100"),
        (("scenarios/belzutifan-vs-sunitinib.toml",), "evidence"),
        (("nowhere.toml",), "there is no such file"),
    ],
)
def test_bad_input_is_refused_before_anything_is_simulated(
    arguments: tuple[str, ...], message: str
) -> None:
    done = simulate("calibrate", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_figures_that_cannot_hold_together_are_refused_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    target = tmp_path / "none.parquet"
    # Most respond, and for long, but half have progressed before.
    figures = (
        "figures.response.percent=60",
        "figures.response.interval_percent=[47.5, 71.1]",
        "figures.pfs_median.months=5.0",
        "figures.pfs_median.interval_months=[3.7, 7.4]",
    )
    settings = (*SETTINGS, *(part for value in figures for part in ("--set", value)))
    done = simulate("calibrate", EVIDENCE, *settings, "--out", str(target), "--quiet")
    assert done.returncode == 1
    assert "cannot hold together" in done.stderr
    assert "worst: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not target.exists()
    assert not done.stdout
