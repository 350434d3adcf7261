"""simulate assurance, and simulate run where there are many truths, as their users run them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from cli.commands import simulate

UNCERTAIN = """
schema_version = 1
title = "Many truths"
purpose = "To try the command."
[arms.new.pfs]
distribution = "exponential"
median_months = 14.0
[arms.old.pfs]
distribution = "exponential"
median_months = 8.0
uncertainty = { median_months_interval = [6.0, 11.0] }
[accrual]
patients = 60
arrivals = "evenly_spaced"
rate_per_month = 6.0
[analyses.final]
trigger = { endpoint = "pfs", events = 40, if_not_reached = "last_event" }
[hypotheses.pfs]
endpoint = "pfs"
arms = { experimental = "new", control = "old" }
test = { kind = "logrank" }
alpha = 0.025
[plug_in.long]
label = "a longer median"
[plug_in.long.arms.new.pfs]
distribution = "exponential"
median_months = 16.0
[simulation]
trials = 400
seed = 1
members = 50
"""


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    file = tmp_path / "many.toml"
    file.write_text(UNCERTAIN, encoding="utf-8")
    return file


def test_one_table_has_a_row_a_calibration_and_a_column_a_discount(
    file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rows.csv"
    done = simulate("assurance", str(file), "--discounts", "1.0,0.8", "--out", str(out))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for words in ("power, own figures", "power, a longer median", "assurance, uncertain, 50 tru"):
        (line,) = [line for line in lines if line.startswith(words)]
        assert line.count("(0.0") == 2
    assert "2,400 simulated trials in" in done.stderr
    rows = list(csv.DictReader(io.StringIO(out.read_bytes().decode(), newline="")))
    assert len(rows) == 6


def test_json_is_one_documented_object(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    done = simulate(
        "assurance", str(file), "--json", "--quiet", "--trials", "200", "--out", str(out)
    )
    assert done.returncode == 0
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found == json.loads(out.read_text(encoding="utf-8"))
    assert found["format"] == "simulate-assurance"
    assert found["calibrations"] == {
        "own_figures": "own figures",
        "long": "a longer median",
        "uncertain": "uncertain",
    }
    page = (Path(__file__).parents[2] / "docs" / "json-output.md").read_text(encoding="utf-8")
    section = page.split("## simulate assurance")[1]
    for key in (*found, *found["rows"][0]):
        assert f"`{key}`" in section, key


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--discounts", "1.0;0.8"), "must be numbers with commas between"),
        (("--discounts", "0"), "--discounts: must be numbers above 0, at most 10 (given: 0.0)"),
        (("--arm", "none"), "--arm: must be one of the scenario's: new, old (given: 'none')"),
        (("--out", "rows.txt"), "--out: must end in .json or .csv (given: rows.txt)"),
        (("--out", "/no/such/rows.csv"), "--out: must be in a folder that exists"),
        (
            ("--set", 'arms.old.pfs={ distribution = "exponential", median_months = 8.0 }'),
            "members: must be left out: no arm has an ensemble or an uncertainty",
        ),
    ],
)
def test_bad_input_is_one_message(file: Path, options: tuple[str, ...], message: str) -> None:
    done = simulate("assurance", str(file), *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_run_says_assurance_and_where_its_error_is_from(file: Path, tmp_path: Path) -> None:
    figure = tmp_path / "many.svg"
    done = simulate("run", str(file), "--figure", str(figure))
    assert done.returncode == 0, done.stderr
    for words in (
        "pfs: assurance 0.",
        "over 50 truths, which the trials take in turn",
        "of its error, 0.0",
        "given the truth: median 0.",
        "no single true hazard ratio (trials have many truths)",
        "leave out that trials share truths",
    ):
        assert words in done.stdout
    drawn = figure.read_text(encoding="utf-8")
    assert "<svg" in drawn
    few = simulate("run", str(file), "--trials", "50", "--quiet")
    assert "too few trials to tell truths apart: none has two" in few.stdout
    same = simulate(
        "run",
        str(file),
        "--quiet",
        "--set",
        'arms.new.pfs={ relative_to = "old", hazard_ratio = 1.0 }',
    )
    assert "pfs: type I error 0.0" in same.stdout


@pytest.mark.parametrize(("trials", "each"), [(120, "2.4"), (499, "9.98"), (500, None)])
def test_too_few_trials_a_truth_are_said_once(file: Path, trials: int, each: str | None) -> None:
    options = (str(file), "--trials", str(trials), "--quiet")
    warning = "trials a truth: too few to trust quantiles and the share with at least 0.8"
    for verb in (("run",), ("assurance", "--discounts", "1.0,0.8")):
        done = simulate(verb[0], *options, *verb[1:])
        assert done.returncode == 0, done.stderr
        said = [line for line in done.stdout.splitlines() if warning in line]
        if each is None:
            assert not said
        else:
            (line,) = said
            assert line.strip().startswith(f"{each} {warning}")
            assert "; 500 trials" in done.stdout


def test_what_is_told_of_truths_has_its_error(file: Path) -> None:
    done = simulate("assurance", str(file), "--trials", "1000", "--quiet")
    lines = done.stdout.splitlines()
    for words in ("power given the truth", "5% quantile", "median", "95% quantile", "share of"):
        (line,) = [line for line in lines if line.strip().startswith(words)]
        assert line.count("(0.") == 1, line
    found = json.loads(simulate("assurance", str(file), "--quiet", "--json").stdout)
    assert found["trials_for_quantiles"] == 500
    *plug_ins, uncertain = found["rows"]
    names = [name for name in uncertain if name.startswith("power_") and name.endswith("_mcse")]
    assert len(names) == 7
    for name in names:
        assert 0.0 < uncertain[name] < 0.3, name
        assert uncertain[name.removesuffix("_mcse")] is not None
        assert all(row[name] is None for row in plug_ins)
